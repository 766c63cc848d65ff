// SPDX-License-Identifier: Apache-2.0
// GET /v1/nat/pools, /v1/nat/ports and /v1/nat/whois.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// By NatVerdict, without kGranted; kLogging is no refusal but a delay.
constexpr std::string_view kVerdicts[kNatVerdicts] = {
    "",         "no_pool",      "no_family", "quota", "rate",
    "no_block", "remote_taken", "",          "no_log"};

absl::StatusOr<uint32_t> NumberOf(const Query& query, std::string_view name,
                                  uint32_t min, uint32_t max) {
  const std::string text(FindParameter(query, name));
  uint32_t number;
  if (!absl::SimpleAtoi(text, &number) || number < min || number > max)
    return absl::InvalidArgumentError(
        absl::StrCat(Absl(name), ": ", Quoted(text), " is not a number from ",
                     min, " to ", max));
  return number;
}

Json MappingsOf(const std::array<uint32_t, kPortSpaces>& mappings) {
  return {{"tcp", mappings[kTcp]},
          {"udp", mappings[kUdp]},
          {"icmp", mappings[kIcmp]}};
}

Json AddressRow(const AddressUse& use) {
  return {{"address", use.address.ToString()},
          {"blocks", use.blocks},
          {"used", use.used},
          {"resting", use.resting},
          {"mappings", MappingsOf(use.mappings)}};
}

AddressUse SumOf(const std::vector<AddressUse>& addresses) {
  AddressUse sum;
  for (const AddressUse& use : addresses) {
    sum.blocks += use.blocks;
    sum.used += use.used;
    sum.resting += use.resting;
    for (int space = 0; space < kPortSpaces; ++space)
      sum.mappings[space] += use.mappings[space];
  }
  return sum;
}

Json RefusalsOf(const PoolUse& pool) {
  Json refused = Json::object();
  for (int verdict = 0; verdict < kNatVerdicts; ++verdict)
    if (!kVerdicts[verdict].empty())
      refused[std::string(kVerdicts[verdict])] = pool.verdicts[verdict];
  return refused;
}

Json PoolRow(const PoolUse& pool) {
  const AddressUse sum = SumOf(pool.addresses);
  const uint32_t taken = sum.used + sum.resting;
  Json addresses = Json::array();
  for (const AddressUse& use : pool.addresses)
    addresses.push_back(AddressRow(use));
  Json full_in = nullptr;
  if (pool.blocks_per_second > 0)
    full_in = (sum.blocks - taken) / pool.blocks_per_second;
  return {{"name", pool.name},
          {"blocks", sum.blocks},
          {"used", sum.used},
          {"resting", sum.resting},
          {"fill", sum.blocks == 0 ? 0.0 : 1.0 * taken / sum.blocks},
          {"full_in_s", std::move(full_in)},
          {"subscribers", pool.subscribers},
          {"mappings", MappingsOf(sum.mappings)},
          {"granted", pool.verdicts[static_cast<size_t>(NatVerdict::kGranted)]},
          {"refused", RefusalsOf(pool)},
          {"addresses", std::move(addresses)}};
}

uint64_t PortsOf(const SubscriberUse& use) {
  uint64_t ports = 0;
  for (const uint32_t mappings : use.mappings) ports += mappings;
  return ports;
}

Json SubscriberRow(const Snapshot& snapshot, const SubscriberUse& use) {
  const Snapshot::VnetRef vnet = snapshot.FindVnet(use.subscriber.realm);
  return {{"tenant", vnet.tenant != nullptr ? vnet.tenant->name : ""},
          {"vnet", vnet.vnet != nullptr ? vnet.vnet->name : ""},
          {"inside", use.subscriber.address.ToString()},
          {"pool", use.pool},
          {"outside", use.outside.ToString()},
          {"blocks", use.blocks},
          {"ports", PortsOf(use)},
          {"mappings", MappingsOf(use.mappings)}};
}

// A moment, or all of a second if its text names no part of one: who reports
// an abuse seldom knows more.
struct Moments {
  absl::Time from;
  absl::Time to;
};

absl::StatusOr<Moments> MomentsOf(const Query& query, absl::Time now) {
  const std::string text(FindParameter(query, "time"));
  if (text.empty()) return Moments{now, now};
  Moments moments;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &moments.from, &error))
    return absl::InvalidArgumentError(absl::StrCat(
        "time: ", Quoted(text),
        " is not a time of RFC 3339, such as 2026-11-21T19:43:02Z"));
  moments.to = moments.from;
  if (text.find('.') == std::string::npos)
    moments.to += absl::Seconds(1) - absl::Microseconds(1);
  return moments;
}

Json TimeOf(absl::Time time) {
  if (time == absl::InfiniteFuture()) return nullptr;
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

Json OwnerRow(const BlockTenure& tenure) {
  const NatBlock& block = tenure.block;
  return {{"tenant", block.tenant},
          {"vnet", block.vnet},
          {"vni", block.vni},
          {"inside", block.inside.ToString()},
          {"pool", block.pool},
          {"first_port", block.first},
          {"last_port", block.last},
          {"granted", TimeOf(tenure.granted)},
          {"released", TimeOf(tenure.released)}};
}

}  // namespace

absl::StatusOr<Json> GetNatPools(const Backend& backend) {
  Json pools = Json::array();
  if (const NatAllocator* nat = backend.engine().nat())
    for (const PoolUse& pool : nat->Use()) pools.push_back(PoolRow(pool));
  Json document = Document("nat-pools");
  document["pools"] = std::move(pools);
  return document;
}

absl::StatusOr<Json> GetNatPorts(const Backend& backend, const Query& query) {
  size_t top = 10;
  if (!FindParameter(query, "top").empty()) {
    ASSIGN_OR_RETURN(top, NumberOf(query, "top", 1, 1000));
  }
  std::vector<SubscriberUse> all;
  if (const NatAllocator* nat = backend.engine().nat())
    nat->ForEachSubscriber(
        [&](const SubscriberUse& use) { all.push_back(use); });
  top = std::min(top, all.size());
  std::partial_sort(all.begin(), all.begin() + top, all.end(),
                    [](const SubscriberUse& a, const SubscriberUse& b) {
                      return PortsOf(a) > PortsOf(b);
                    });
  Json rows = Json::array();
  for (size_t i = 0; i < top; ++i)
    rows.push_back(SubscriberRow(*backend.snapshot(), all[i]));
  Json document = Document("nat-ports");
  document["matched"] = all.size();
  document["subscribers"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> GetNatWhois(const Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(const IpAddress address,
                   IpAddress::Parse(FindParameter(query, "address")));
  ASSIGN_OR_RETURN(const uint32_t port, NumberOf(query, "port", 1, 65535));
  ASSIGN_OR_RETURN(const Moments moments,
                   MomentsOf(query, backend.clock().Now()));
  BlockLog* log = backend.block_log();
  if (log == nullptr)
    return absl::UnavailableError("NAT log: this edge keeps none");
  ASSIGN_OR_RETURN(const std::vector<BlockTenure> tenures,
                   log->Whois(address, port, moments.from, moments.to));
  if (tenures.empty())
    return absl::NotFoundError(absl::StrCat(
        "NAT log: nobody had port ", port, " of ", address.ToString(), " at ",
        absl::FormatTime(absl::RFC3339_sec, moments.from,
                         absl::UTCTimeZone())));
  Json owners = Json::array();
  for (const BlockTenure& tenure : tenures) owners.push_back(OwnerRow(tenure));
  Json document = Document("nat-whois");
  document["address"] = address.ToString();
  document["port"] = port;
  document["from"] = TimeOf(moments.from);
  document["to"] = TimeOf(moments.to);
  document["owners"] = std::move(owners);
  return document;
}

}  // namespace rampart
