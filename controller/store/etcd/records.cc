// SPDX-License-Identifier: Apache-2.0
#include "controller/store/etcd/records.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/base/sha256.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string Text(const Json& json) {
  // Replaces what is not UTF-8, which no reader lets pass.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Parsed(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(
      absl::StrCat("state in etcd: ", Abseil(what), ": is damaged"));
}

// Runs `read`, in which any access to JSON may throw.
template <typename T, typename Read>
absl::StatusOr<T> Reading(std::string_view what, std::string_view text,
                          Read read) {
  try {
    const Json json = Parsed(text);
    if (!json.is_object()) return Damaged(what);
    return read(json);
  } catch (const Json::exception&) {
    return Damaged(what);
  }
}

Json Micros(absl::Time time) { return absl::ToUnixMicros(time); }
absl::Time Time(const Json& json) {
  return absl::FromUnixMicros(json.get<int64_t>());
}

absl::StatusOr<FleetRecord> ReadRecord(const Json& json) {
  const int format = json.at("format").get<int>();
  if (format != kFormat)
    return absl::FailedPreconditionError(absl::StrCat(
        "state in etcd: format ", format, ", and this program knows ", kFormat,
        "; use the program that wrote it, or another prefix"));
  FleetRecord record;
  record.store_id = json.at("store_id").get<uint64_t>();
  record.commit = json.at("commit").get<std::string>();
  record.edge = json.at("edge").get<std::string>();
  record.epoch.epoch = json.at("epoch").get<uint32_t>();
  record.epoch.time = Time(json.at("time_us"));
  record.epoch.who = json.at("who").get<std::string>();
  record.epoch.what = json.at("what").get<std::string>();
  record.epoch.comment = json.at("comment").get<std::string>();
  ASSIGN_OR_RETURN(
      record.epoch.on_change,
      OneOf(kOnChanges)(json.at("on_change").get_ref<const std::string&>()));
  json.at("tenants").get_to(record.epoch.tenants);
  record.file = json.at("file").get<std::string>();
  record.bytes = json.at("bytes").get<uint64_t>();
  if (json.contains("confirm_by_us"))
    record.probation = {.epoch = record.epoch.epoch,
                        .back_to = json.at("back_to").get<uint32_t>(),
                        .deadline = Time(json.at("confirm_by_us"))};
  json.at("pages").get_to(record.pages);
  return record;
}

}  // namespace

std::string FleetKeys::Epoch(uint32_t epoch) const {
  return absl::StrCat(Epochs(), absl::Dec(epoch, absl::kZeroPad10));
}

std::string FleetKeys::Page(std::string_view digest) const {
  return absl::StrCat(Pages(), Abseil(digest));
}

std::string FleetKeys::Part(std::string_view digest, size_t part) const {
  return absl::StrCat(Objects(), Abseil(digest), "/",
                      absl::Dec(part, absl::kZeroPad4));
}

std::string RecordToText(const FleetRecord& record) {
  Json json = {{"format", kFormat},
               {"store_id", record.store_id},
               {"commit", record.commit},
               {"edge", record.edge},
               {"epoch", record.epoch.epoch},
               {"time_us", Micros(record.epoch.time)},
               {"who", record.epoch.who},
               {"what", record.epoch.what},
               {"comment", record.epoch.comment},
               {"on_change", WordOf(kOnChanges, record.epoch.on_change)},
               {"tenants", record.epoch.tenants},
               {"file", record.file},
               {"bytes", record.bytes}};
  if (record.probation) {
    json["confirm_by_us"] = Micros(record.probation->deadline);
    json["back_to"] = record.probation->back_to;
  }
  json["pages"] = record.pages;
  return Text(json);
}

absl::StatusOr<FleetRecord> RecordFromText(std::string_view text) {
  return Reading<FleetRecord>("record of an epoch", text, ReadRecord);
}

std::string PageToText(const std::vector<FleetEntry>& entries) {
  Json list = Json::array();
  for (const FleetEntry& entry : entries)
    list.push_back({entry.name, entry.digest, entry.parts});
  return Text({{"entries", std::move(list)}});
}

absl::StatusOr<std::vector<FleetEntry>> PageFromText(std::string_view text) {
  using Entries = std::vector<FleetEntry>;
  return Reading<Entries>("page", text, [](const Json& json) {
    Entries entries;
    for (const Json& entry : json.at("entries"))
      entries.push_back({.name = entry.at(0).get<std::string>(),
                         .digest = entry.at(1).get<std::string>(),
                         .parts = entry.at(2).get<size_t>()});
    return entries;
  });
}

std::string TenantToText(const FleetTenant& tenant) {
  Json json = {{"id", tenant.id}, {"tunnels", tenant.tunnels}};
  if (tenant.tenant)
    json["tenant"] = ToJson(static_cast<const Tenant&>(*tenant.tenant));
  return Text(json);
}

absl::StatusOr<FleetTenant> TenantFromText(std::string_view text) {
  return Reading<FleetTenant>(
      "tenant", text, [](const Json& json) -> absl::StatusOr<FleetTenant> {
        FleetTenant tenant;
        tenant.id = json.at("id").get<uint32_t>();
        json.at("tunnels").get_to(tenant.tunnels);
        if (!json.contains("tenant")) return tenant;
        absl::StatusOr<Tenant> document = TenantFromJson(json.at("tenant"));
        if (!document.ok())
          return absl::DataLossError(absl::StrCat("state in etcd: tenant: ",
                                                  document.status().message()));
        tenant.tenant = *std::move(document);
        return tenant;
      });
}

std::string EdgeToText(const FleetEdge& edge) {
  return Text({{"edge", edge.name},
               {"api", edge.api},
               {"version", edge.version},
               {"epoch", edge.epoch},
               {"started_us", Micros(edge.started)}});
}

absl::StatusOr<FleetEdge> EdgeFromText(std::string_view text) {
  return Reading<FleetEdge>("edge", text, [](const Json& json) {
    return FleetEdge{.name = json.at("edge").get<std::string>(),
                     .api = json.at("api").get<std::string>(),
                     .version = json.at("version").get<std::string>(),
                     .epoch = json.at("epoch").get<uint32_t>(),
                     .started = Time(json.at("started_us"))};
  });
}

std::string DigestOf(std::string_view text) { return DigestText(Sha256(text)); }

}  // namespace rampart
