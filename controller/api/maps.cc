// SPDX-License-Identifier: Apache-2.0
#include "controller/api/maps.h"

#include <net/if.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/map_rows.h"
#include "controller/api/names.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr std::string_view kOutcomes = "rp_outcomes";

const MapType* FindType(std::string_view name) {
  for (const MapType& type : MapTypes())
    if (type.name == name) return &type;
  return nullptr;
}

absl::Status NoSuchMap(std::string_view name) {
  std::vector<std::string> names;
  for (const MapType& type : MapTypes()) names.emplace_back(type.name);
  names.emplace_back(kOutcomes);
  return absl::NotFoundError(absl::StrCat("map ", Absl(name),
                                          ": there is none; maps are ",
                                          absl::StrJoin(names, ", ")));
}

// Calls add(row) for the entries in use until it returns false.
absl::Status ForEachRow(const MapReader& maps, const MapType& type,
                        uint32_t now, absl::FunctionRef<bool(Json)> add) {
  return maps.ForEach(type.name, type.key_size, type.value_size,
                      [&](const void* key, const void* value) {
                        std::optional<Json> row = type.row(key, value, now);
                        return !row || add(*std::move(row));
                      });
}

absl::StatusOr<uint64_t> CountEntries(const MapReader& maps,
                                      const MapType& type, uint32_t now) {
  uint64_t entries = 0;
  RETURN_IF_ERROR(maps.ForEach(type.name, type.key_size, type.value_size,
                               [&](const void* key, const void* value) {
                                 entries +=
                                     !type.array || type.row(key, value, now);
                                 return true;
                               }));
  return entries;
}

absl::StatusOr<std::vector<Json>> OutcomeRows(const MapReader& maps) {
  std::vector<Json> rows;
  ASSIGN_OR_RETURN(const auto devices, maps.ReadCounters());
  for (const DeviceCounters& device : devices) {
    for (uint32_t i = 0; i < device.outcomes.size(); ++i) {
      const rp_counter& counter = device.outcomes[i];
      if (counter.packets == 0) continue;
      rows.push_back({{"slot", device.slot},
                      {"outcome", OutcomeName(i)},
                      {"packets", counter.packets},
                      {"bytes", counter.bytes}});
    }
  }
  return rows;
}

// Names of the devices in the slots.
absl::StatusOr<absl::flat_hash_map<uint32_t, std::string>> DeviceNames(
    const MapReader& maps) {
  absl::flat_hash_map<uint32_t, std::string> names;
  RETURN_IF_ERROR(maps.ForEach(
      "rp_devices", sizeof(uint32_t), sizeof(rp_device),
      [&](const void* key, const void* value) {
        uint32_t slot;
        rp_device device;
        std::memcpy(&slot, key, sizeof(slot));
        std::memcpy(&device, value, sizeof(device));
        if (device.role == RP_ROLE_NONE) return true;
        char name[IF_NAMESIZE];
        names[slot] = if_indextoname(device.ifindex, name) != nullptr
                          ? std::string(name)
                          : absl::StrCat("ifindex ", device.ifindex);
        return true;
      }));
  return names;
}

absl::StatusOr<std::array<rp_counter, RP_OUTCOME_COUNT>> SlowDrops(
    const MapReader& maps) {
  std::array<rp_counter, RP_OUTCOME_COUNT> drops = {};
  RETURN_IF_ERROR(
      maps.ForEach("rp_slow_drops", sizeof(uint32_t), sizeof(rp_counter),
                   [&](const void* key, const void* value) {
                     uint32_t reason;
                     std::memcpy(&reason, key, sizeof(reason));
                     if (reason < drops.size())
                       std::memcpy(&drops[reason], value, sizeof(rp_counter));
                     return true;
                   }));
  return drops;
}

// Returns the packets in the rows added.
uint64_t AddDrops(std::string_view device,
                  const std::array<rp_counter, RP_OUTCOME_COUNT>& counters,
                  bool all, Json& rows) {
  uint64_t packets = 0;
  for (const DropReason& reason : DropReasons()) {
    const rp_counter& counter = counters[reason.value];
    packets += counter.packets;
    if (counter.packets == 0 && !all) continue;
    rows.push_back({{"id", reason.id},
                    {"reason", reason.symbol},
                    {"device", device},
                    {"packets", counter.packets},
                    {"bytes", counter.bytes},
                    {"help", reason.help}});
  }
  return packets;
}

}  // namespace

absl::StatusOr<Json> MapPressureDocument(const MapReader& maps, uint32_t now) {
  // Those whose number of entries depends on traffic or configuration.
  constexpr std::string_view kMaps[] = {
      "rp_flows4", "rp_flows6", "rp_next_hops", "rp_nat_open", "rp_addresses",
      "rp_grants", "rp_locals", "rp_peers4",    "rp_peers6",   "rp_prefixes"};
  Json rows = Json::array();
  for (const std::string_view name : kMaps) {
    const MapType* type = FindType(name);
    RP_CHECK(type != nullptr);
    ASSIGN_OR_RETURN(const uint64_t entries, CountEntries(maps, *type, now));
    ASSIGN_OR_RETURN(const uint32_t capacity, maps.MaxEntries(name));
    const absl::StatusOr<uint64_t> memory = maps.Memory(name);
    rows.push_back({{"name", name},
                    {"entries", entries},
                    {"capacity", capacity},
                    {"refused", nullptr},
                    {"memory", memory.ok() ? Json(*memory) : Json(nullptr)}});
  }
  Json document = Document("counters");
  document["maps"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> MapListDocument(const MapReader& maps, uint32_t now) {
  Json rows = Json::array();
  for (const MapType& type : MapTypes()) {
    ASSIGN_OR_RETURN(const uint32_t capacity, maps.MaxEntries(type.name));
    ASSIGN_OR_RETURN(const uint64_t entries, CountEntries(maps, type, now));
    rows.push_back({{"name", type.name},
                    {"key", type.key},
                    {"value", type.value},
                    {"entries", entries},
                    {"capacity", capacity}});
  }
  ASSIGN_OR_RETURN(const uint32_t capacity, maps.MaxEntries(kOutcomes));
  ASSIGN_OR_RETURN(const auto outcomes, OutcomeRows(maps));
  rows.push_back({{"name", kOutcomes},
                  {"key", "u32"},
                  {"value", "rp_counter"},
                  {"entries", outcomes.size()},
                  {"capacity", capacity}});
  Json document = Document("maps");
  document["maps"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> MapDumpDocument(const MapReader& maps,
                                     std::string_view name, size_t limit,
                                     uint32_t now) {
  Json rows = Json::array();
  bool truncated = false;
  const auto add = [&](Json row) {
    truncated = rows.size() == limit;
    if (!truncated) rows.push_back(std::move(row));
    return !truncated;
  };
  if (name == kOutcomes) {
    ASSIGN_OR_RETURN(auto outcomes, OutcomeRows(maps));
    for (Json& row : outcomes)
      if (!add(std::move(row))) break;
  } else {
    const MapType* type = FindType(name);
    if (type == nullptr) return NoSuchMap(name);
    RETURN_IF_ERROR(ForEachRow(maps, *type, now, add));
  }
  Json document = Document("map");
  document["name"] = name;
  document["truncated"] = truncated;
  document["entries"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> DropsDocument(const MapReader& maps, bool all) {
  ASSIGN_OR_RETURN(const auto names, DeviceNames(maps));
  ASSIGN_OR_RETURN(const auto devices, maps.ReadCounters());
  ASSIGN_OR_RETURN(const auto slow, SlowDrops(maps));
  Json drops = Json::array();
  Json ledger = Json::array();
  for (const DeviceCounters& device : devices) {
    const auto name = names.find(device.slot);
    const std::string label =
        name != names.end() ? name->second : absl::StrCat("slot ", device.slot);
    const uint64_t dropped = AddDrops(label, device.outcomes, all, drops);
    ledger.push_back({{"device", label},
                      {"forwarded", device.outcomes[RP_FORWARDED].packets},
                      {"passed", device.outcomes[RP_PASSED].packets},
                      {"punted", device.outcomes[RP_PUNTED].packets},
                      {"dropped", dropped}});
  }
  AddDrops("slow-path", slow, all, drops);
  Json document = Document("drops");
  document["drops"] = std::move(drops);
  document["ledger"] = std::move(ledger);
  return document;
}

}  // namespace rampart
