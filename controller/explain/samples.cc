// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/samples.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/capture/format.h"
#include "controller/explain/steps.h"

namespace rampart {
namespace {

const DropReason* FindReason(uint32_t value) {
  for (const DropReason& reason : DropReasons())
    if (reason.value == value) return &reason;
  return nullptr;
}

absl::Status CheckId(const std::string& id) {
  if (id.empty()) return absl::OkStatus();
  for (const DropReason& reason : DropReasons())
    if (reason.id == id) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("drop ", id,
                   ": there is none; xdpctl drop list -a shows "
                   "all reasons"));
}

// What the controller keeps begins with the tenant's packet.
LinkType LinkOf(const DropSample& drop) {
  return drop.slow ? LinkType::kIp : LinkType::kEthernet;
}

Json SampleRow(const DropSample& drop, const DropReason& reason,
               const EventNames& names) {
  const rp_drop_sample& sample = drop.sample;
  const auto bytes = absl::MakeConstSpan(
      sample.bytes, std::min<size_t>(sample.captured, sizeof(sample.bytes)));
  return {
      {"time_ns", sample.time},
      {"id", reason.id},
      {"reason", reason.symbol},
      {"help", reason.help},
      {"where", drop.slow ? "controller" : "data plane"},
      {"place", sample.line == 0 ? "" : PlaceOf(sample.file, sample.line)},
      {"device", names.Device(sample.slot)},
      {"queue", sample.queue},
      {"tenant", names.Tenant(sample.tenant)},
      {"vnet", names.Realm(sample.realm)},
      {"tunnel", names.Tunnel(sample.tunnel)},
      {"packet", FormatOneLine(LinkOf(drop), bytes, names.gue_port())},
      {"length", sample.frame_len},
      {"link", drop.slow ? "ip" : "ethernet"},
      {"hex", absl::BytesToHexString(absl::string_view(
                  reinterpret_cast<const char*>(bytes.data()), bytes.size()))},
  };
}

}  // namespace

absl::StatusOr<Json> SamplesDocument(const MapReader& maps,
                                     const Snapshot* snapshot,
                                     const std::string& id, size_t limit) {
  RETURN_IF_ERROR(CheckId(id));
  ASSIGN_OR_RETURN(const std::vector<DropSample> samples, maps.ReadSamples());
  const EventNames names(maps, snapshot);
  Json rows = Json::array();
  for (const DropSample& drop : samples) {
    const DropReason* reason = FindReason(drop.reason);
    if (reason == nullptr || (!id.empty() && reason->id != id)) continue;
    if (rows.size() == limit) break;
    rows.push_back(SampleRow(drop, *reason, names));
  }
  Json document = Document("drop-last");
  document["samples"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> TenantDropsDocument(const MapReader& maps,
                                         const Snapshot* snapshot) {
  ASSIGN_OR_RETURN(const std::vector<TenantDrops> drops,
                   maps.ReadTenantDrops());
  const EventNames names(maps, snapshot);
  Json rows = Json::array();
  for (const TenantDrops& drop : drops) {
    const DropReason* reason = FindReason(drop.reason);
    if (reason == nullptr) continue;
    rows.push_back({{"tenant", names.Tenant(drop.tenant)},
                    {"id", reason->id},
                    {"reason", reason->symbol},
                    {"packets", drop.fast.packets + drop.slow.packets},
                    {"bytes", drop.fast.bytes + drop.slow.bytes}});
  }
  Json document = Document("drop-tenants");
  document["drops"] = std::move(rows);
  return document;
}

}  // namespace rampart
