// SPDX-License-Identifier: Apache-2.0
// Documents about maps, from maps that are made up.
#include "controller/api/maps.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/api/map_rows.h"
#include "controller/api/names.h"
#include "maps/realm.h"
#include "tests/controller/api/fakes.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint8_t kSecretByte = 0xa5;

void FillFlows(FakeMaps& maps) {
  rp_flow4 value = {};
  value.flow = {.count = uint64_t{3} << RP_COUNT_BYTES | 180,
                .realm = 1001,
                .reverse_realm = RP_REALM_UNDERLAY,
                .on_ramp = 1,
                .last_seen = 940,
                .next_hop = 2,
                .l4_delta = 0,
                .marks = RP_FLOW_FORWARD_NAT << RP_FLOW_KIND_SHIFT | 848,
                .proto = 6,
                .tcp = RP_TCP_SYN | RP_TCP_ACK | RP_TCP_SYN << RP_TCP_REVERSE};
  value.from_saddr = inet_addr("10.1.0.5");
  value.from_daddr = inet_addr("198.51.100.10");
  value.from_sport = htons(1234);
  value.from_dport = htons(443);
  value.saddr = inet_addr("203.0.113.1");
  value.daddr = value.from_daddr;
  value.sport = htons(40000);
  value.dport = value.from_dport;
  maps.Put("rp_flows4", uint32_t{5}, value);
}

void FillSecrets(FakeMaps& maps) {
  rp_peer peer = {.tunnel = 1,
                  .realm = 0,
                  .index = 0,
                  .profile = RP_PROFILE_MAC,
                  .flags = 0,
                  .tenant = 0,
                  .keys = {}};
  std::memset(&peer.keys[1].k0, kSecretByte, 16);
  peer.keys[1].id = 9;
  peer.keys[1].used = 1;
  const rp_peer4_key key = {.saddr = inet_addr("192.0.2.10"),
                            .daddr = inet_addr("192.0.2.1"),
                            .gre_key = 0,
                            .kind = RP_PEER_GUE,
                            .pad = {}};
  maps.Put("rp_peers4", key, peer);
  rp_next_hop hop = {};
  std::memset(hop.header, kSecretByte, sizeof(hop.header));
  std::memset(&hop.k0, kSecretByte, 16);
  std::memset(hop.macs, kSecretByte, sizeof(hop.macs));
  hop.kind = RP_NEXT_HOP_SEND;
  hop.use = RP_USE_TUNNEL;
  hop.tunnel = 1;
  hop.realm = 1001;
  hop.family = 4;
  hop.mtu = 1438;
  hop.header_len = 66;
  hop.outer_offset = 14;
  hop.flags = RP_NEXT_HOP_OUTER4 | RP_NEXT_HOP_UDP | RP_NEXT_HOP_MAC;
  const uint32_t addresses[] = {key.daddr, key.saddr};
  std::memcpy(hop.header + 14 + 12, addresses, sizeof(addresses));
  maps.Put("rp_next_hops", uint32_t{2}, hop);
  maps.Put("rp_next_hops", uint32_t{3}, rp_next_hop{});
}

rp_device Device(uint8_t role) {
  rp_device device = {};
  device.ifindex = 1;  // lo, which is everywhere
  device.role = role;
  return device;
}

FakeMaps FilledMaps() {
  FakeMaps maps;
  FillFlows(maps);
  FillSecrets(maps);
  maps.Put("rp_devices", uint32_t{0}, Device(RP_ROLE_UPLINK));
  maps.Put("rp_devices", uint32_t{1}, Device(RP_ROLE_NONE));
  DeviceCounters counters = {.slot = 0, .outcomes = {}};
  counters.outcomes[RP_FORWARDED] = {.packets = 10, .bytes = 1000};
  counters.outcomes[RP_PUNTED] = {.packets = 2, .bytes = 200};
  counters.outcomes[RP_DROP_NO_PEER] = {.packets = 3, .bytes = 300};
  maps.counters = {counters};
  maps.Put("rp_slow_drops", uint32_t{RP_DROP_POLICY_DEFAULT},
           rp_counter{.packets = 4, .bytes = 400});
  maps.Put("rp_slow_drops", uint32_t{RP_DROP_NO_ROUTE}, rp_counter{});
  return maps;
}

Json Dump(const FakeMaps& maps, std::string_view name, size_t limit = 1000) {
  const auto document = MapDumpDocument(maps, name, limit, 1000);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *document : Json();
}

TEST(MapsTest, AFlowIsShownFieldByField) {
  EXPECT_EQ(
      Dump(FilledMaps(), "rp_flows4")["entries"][0].dump(),
      R"({"slot":5,"realm":"1001","proto":"tcp","saddr":"10.1.0.5","sport":1234,)"
      R"("daddr":"198.51.100.10","dport":443,"to_saddr":"203.0.113.1",)"
      R"("to_sport":40000,"to_daddr":"198.51.100.10","to_dport":443,)"
      R"("next_hop":2,"on_ramp":1,"reverse_realm":"underlay",)"
      R"("outer_port":50000,"kind":"forward nat","tcp":"ESTABLISHED",)"
      R"("idle_s":1.00663296,"packets":3,"bytes":180})");
}

TEST(MapsTest, ANextHopShowsItsOuterAddresses) {
  const Json dump = Dump(FilledMaps(), "rp_next_hops");
  ASSERT_EQ(dump["entries"].size(), 1u) << "index 3 is free";
  const Json& hop = dump["entries"][0];
  EXPECT_EQ(hop["index"], 2);
  EXPECT_EQ(hop["kind"], "send");
  EXPECT_EQ(hop["outer_saddr"], "192.0.2.1");
  EXPECT_EQ(hop["outer_daddr"], "192.0.2.10");
  EXPECT_EQ(hop["flags"], "outer4,udp,mac");
}

TEST(MapsTest, SecretsAreNeverShown) {
  const FakeMaps maps = FilledMaps();
  EXPECT_EQ(Dump(maps, "rp_peers4")["entries"][0]["key_ids"], "9");
  const std::string secret_64 = std::to_string(uint64_t{0xa5a5a5a5a5a5a5a5});
  const std::string secret_32 = std::to_string(uint32_t{0xa5a5a5a5});
  for (const char* name : {"rp_peers4", "rp_next_hops"}) {
    const std::string text = Dump(maps, name).dump();
    for (const std::string& secret :
         {secret_64, secret_32, std::string("165"), std::string("a5a5")})
      EXPECT_THAT(text, Not(HasSubstr(secret))) << name;
  }
}

TEST(MapsTest, EveryMapCanBeDumpedEvenIfEmpty) {
  const FakeMaps maps;
  for (const MapType& type : MapTypes())
    EXPECT_TRUE(Dump(maps, type.name)["entries"].empty()) << type.name;
  EXPECT_TRUE(Dump(maps, "rp_outcomes")["entries"].empty());
}

TEST(MapsTest, ADumpStopsAtItsLimitAndSaysSo) {
  FakeMaps maps;
  for (uint32_t i = 0; i < 5; ++i)
    maps.Put("rp_grants", rp_grant_key{.tunnel = i, .realm = 1001},
             rp_grant{.tenant = 1});
  EXPECT_EQ(Dump(maps, "rp_grants", 5)["truncated"], false);
  const Json cut = Dump(maps, "rp_grants", 4);
  EXPECT_EQ(cut["truncated"], true);
  EXPECT_EQ(cut["entries"].size(), 4u);
}

TEST(MapsTest, AnUnknownMapIsNotFoundAndTheKnownOnesAreListed) {
  const absl::Status status =
      MapDumpDocument(FakeMaps(), "rp_flows5", 1, 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("rp_flows4, rp_flow_notes4"));
}

TEST(MapsTest, TheListCountsWhatIsInUse) {
  const auto document = MapListDocument(FilledMaps(), 1000);
  ASSERT_TRUE(document.ok());
  std::map<std::string, int> entries;
  for (const Json& row : (*document)["maps"])
    entries[row["name"]] = row["entries"];
  EXPECT_EQ(entries["rp_flows4"], 1);
  EXPECT_EQ(entries["rp_flows6"], 0);
  EXPECT_EQ(entries["rp_next_hops"], 1);
  EXPECT_EQ(entries["rp_devices"], 1);
  EXPECT_EQ(entries["rp_slow_drops"], 1);
  EXPECT_EQ(entries["rp_outcomes"], 3);
  EXPECT_EQ(entries.size(), MapTypes().size() + 1);
}

TEST(DropsTest, OnlyReasonsThatWereCountedAreShown) {
  const auto document = DropsDocument(FilledMaps(), /*all=*/false);
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(
      document->dump(),
      R"({"schema":"xdpctl/v1/drops","drops":[)"
      R"({"id":"RP-TUN-001","reason":"NO_PEER","device":"lo","packets":3,)"
      R"("bytes":300,)"
      R"("help":"tunnel packet from an endpoint that is not a peer"},)"
      R"({"id":"RP-POL-002","reason":"POLICY_DEFAULT","device":"slow-path",)"
      R"("packets":4,"bytes":400,"help":"no policy rule allows this"}],)"
      R"("ledger":[{"device":"lo","forwarded":10,"passed":0,"punted":2,)"
      R"("dropped":3}]})");
}

TEST(DropsTest, AllReasonsAreShownOnDemand) {
  const auto document = DropsDocument(FilledMaps(), /*all=*/true);
  ASSERT_TRUE(document.ok());
  EXPECT_EQ((*document)["drops"].size(), 2 * DropReasons().size());
}

TEST(NamesTest, TcpStatesFollowWhatBothSidesShowed) {
  constexpr uint8_t kSyn = RP_TCP_SYN, kAck = RP_TCP_ACK, kFin = RP_TCP_FIN;
  constexpr int kReverse = RP_TCP_REVERSE;
  EXPECT_EQ(TcpState(0), "NONE");
  EXPECT_EQ(TcpState(kSyn), "SYN_SENT");
  EXPECT_EQ(TcpState(kSyn | kSyn << kReverse), "SYN_RECEIVED");
  EXPECT_EQ(TcpState(kSyn | kAck | kSyn << kReverse), "ESTABLISHED");
  EXPECT_EQ(TcpState(kAck << kReverse), "ESTABLISHED") << "adopted";
  EXPECT_EQ(TcpState(kSyn | kAck | kFin), "CLOSING");
  EXPECT_EQ(TcpState(kFin | kFin << kReverse), "CLOSED");
  EXPECT_EQ(TcpState(kSyn | RP_TCP_RST << kReverse), "RESET");
}

TEST(NamesTest, DropReasonsAreUniqueAndExplained) {
  std::map<std::string_view, int> ids;
  for (const DropReason& reason : DropReasons()) {
    EXPECT_EQ(++ids[reason.id], 1) << reason.id;
    EXPECT_FALSE(reason.help.empty()) << reason.id;
    EXPECT_EQ(OutcomeName(reason.value), reason.symbol);
  }
  EXPECT_EQ(OutcomeName(RP_PUNTED), "PUNTED");
  EXPECT_EQ(OutcomeName(159), "159");
}

}  // namespace
}  // namespace rampart
