// SPDX-License-Identifier: Apache-2.0
// The API's documents out of maps and resources alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/api/offline.h"
#include "maps/config.h"
#include "maps/next_hop.h"
#include "maps/ramp.h"
#include "tests/controller/api/fakes.h"
#include "tests/controller/api/json_schema.h"

namespace rampart {
namespace {

constexpr uint32_t kVni = 1001;
constexpr uint32_t kNow = 1000;
constexpr uint32_t kFra = 7;

uint32_t V4(const char* text) { return IpAddress::Parse(text)->v4(); }

// 10.1.0.5:1234 behind tunnel 7 to 198.51.100.10:443, translated to
// 203.0.113.1:40000, and its reverse.
class OfflineDocumentsTest : public ::testing::Test {
 protected:
  OfflineDocumentsTest() {
    rp_config config = {.epoch = 3};
    for (uint32_t& timeout : config.timeouts) timeout = 500;
    maps_.Put("rp_config", uint32_t{0}, config);
    maps_.Put("rp_next_hops", uint32_t{5},
              rp_next_hop{.kind = RP_NEXT_HOP_SEND, .use = RP_USE_UNDERLAY});
    maps_.Put(
        "rp_next_hops", uint32_t{6},
        rp_next_hop{
            .kind = RP_NEXT_HOP_SEND, .tunnel = kFra, .use = RP_USE_TUNNEL});
    rp_flow4 forward = {};
    forward.flow = {.count = uint64_t{3} << RP_COUNT_BYTES | 180,
                    .realm = kVni,
                    .reverse_realm = 0,
                    .on_ramp = kFra,
                    .last_seen = kNow - 10,
                    .next_hop = 5,
                    .marks = RP_FLOW_FORWARD_NAT << RP_FLOW_KIND_SHIFT,
                    .proto = 17};
    forward.from_saddr = forward.saddr = V4("10.1.0.5");
    forward.from_daddr = forward.daddr = V4("198.51.100.10");
    forward.from_sport = htobe16(1234);
    forward.from_dport = forward.dport = htobe16(443);
    forward.saddr = V4("203.0.113.1");
    forward.sport = htobe16(40000);
    maps_.Put("rp_flows4", uint32_t{9}, forward);
    maps_.Put("rp_flow_notes4", uint32_t{9}, rp_flow_note{1, 3});
    rp_flow4 reverse = forward;
    reverse.flow.count = uint64_t{2} << RP_COUNT_BYTES | 90;
    reverse.flow.realm = 0;
    reverse.flow.reverse_realm = kVni;
    reverse.flow.next_hop = 6;
    reverse.flow.marks = RP_FLOW_REVERSE << RP_FLOW_KIND_SHIFT;
    std::swap(reverse.from_saddr, reverse.daddr);
    reverse.from_saddr = V4("198.51.100.10");
    reverse.from_daddr = V4("203.0.113.1");
    reverse.from_sport = htobe16(443);
    reverse.from_dport = htobe16(40000);
    maps_.Put("rp_flows4", uint32_t{10}, reverse);
    Tenant acme = {.id = 1, .name = "acme"};
    acme.vnets = {{.name = "main", .vni = kVni, .is_default = true}};
    acme.tunnels = {{.id = kFra, .name = "fra", .vnet = "main"}};
    acme.routes = {{.vnet = "main",
                    .cidr = *Prefix::Parse("10.1.0.0/16"),
                    .tunnel = "fra"}};
    state_ = {.epoch = 3, .resources = {.file = "r.yaml", .tenants = {acme}}};
  }
  OfflineInput Input(bool names) {
    return {.edge = "edge-a",
            .maps = &maps_,
            .state = names ? &state_ : nullptr,
            .now = kNow};
  }
  // The rows of a document that fits its schema.
  Json Get(const std::string& path, const Query& query = {},
           bool names = true) {
    const auto document = OfflineDocument(Input(names), path, query);
    EXPECT_TRUE(document.ok()) << path << ": " << document.status();
    if (!document.ok()) return Json();
    EXPECT_EQ(DocumentMismatch(*document), "") << path;
    return *document;
  }

  FakeMaps maps_;
  StoredResources state_;
};

TEST_F(OfflineDocumentsTest, AFlowIsBothOfItsEntries) {
  const Json document = Get("/v1/flows");
  ASSERT_EQ(document["flows"].size(), 1);
  Json row = document["flows"][0];
  row.erase("idle_s");
  row.erase("expires_in_s");
  EXPECT_EQ(
      row.dump(),
      R"({"tenant":"acme","vnet":"main","proto":"udp","src":"10.1.0.5",)"
      R"("sport":1234,"dst":"198.51.100.10","dport":443,)"
      R"("to_src":"203.0.113.1","to_sport":40000,"to_dst":"198.51.100.10",)"
      R"("to_dport":443,"on_ramp":"fra","off_ramp":"internet",)"
      R"("state":"REPLIED","reason":"","packets":[3,2],"bytes":[180,90],)"
      R"("epoch":3,"rule":""})");
}

TEST_F(OfflineDocumentsTest, WithoutResourcesNumbersAreShown) {
  const Json row = Get("/v1/flows", {}, false)["flows"][0];
  EXPECT_EQ(row["tenant"], "");
  EXPECT_EQ(row["vnet"], "1001");
  EXPECT_EQ(row["on_ramp"], "7");
}

TEST_F(OfflineDocumentsTest, SelectorsChooseAsTheyDoInTheController) {
  EXPECT_EQ(Get("/v1/flows", {{"nat", "203.0.113.0/24"}})["matched"], 1);
  EXPECT_EQ(Get("/v1/flows", {{"state", "unreplied"}})["matched"], 0);
  EXPECT_EQ(Get("/v1/flows", {{"not-tunnel", "fra"}})["matched"], 0);
  EXPECT_FALSE(OfflineDocument(Input(true), "/v1/flows", {{"x", "1"}}).ok());
}

TEST_F(OfflineDocumentsTest, AnExpiredFlowIsNotThere) {
  OfflineInput input = Input(true);
  input.now = kNow + 500;
  EXPECT_EQ((*OfflineDocument(input, "/v1/flows", {}))["matched"], 0);
}

TEST_F(OfflineDocumentsTest, AMappingIsWhatItsFlowsShare) {
  const Json document = Get("/v1/nat/sessions");
  EXPECT_EQ(document["sessions"].dump(),
            R"([{"tenant":"acme","vnet":"main","proto":"udp",)"
            R"("inside":"10.1.0.5","inside_port":1234,)"
            R"("outside":"203.0.113.1","outside_port":40000,"remote":"",)"
            R"("remote_port":0,"pool":"","flows":1}])");
}

TEST_F(OfflineDocumentsTest, ResourcesAndRoutesComeFromTheStateFile) {
  EXPECT_EQ(Get("/v1/tenants")["tenants"][0]["name"], "acme");
  EXPECT_EQ(Get("/v1/tunnels")["tunnels"][0]["id"], kFra);
  EXPECT_EQ(Get("/v1/vnets")["epoch"], 3);
  Get("/v1/routes");
  Get("/v1/policies");
  EXPECT_EQ(Get("/v1/route", {{"address", "10.1.2.3"}})["route"]["tunnel"],
            "fra");
  EXPECT_EQ(OfflineDocument(Input(true), "/v1/route", {{"address", "8.8.8.8"}})
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

TEST_F(OfflineDocumentsTest, TheStatusSaysWhatOnlyAControllerKnows) {
  const Json status = Get("/v1/status");
  EXPECT_EQ(status["flows"]["now"], 1);
  EXPECT_EQ(status["nat"]["sessions"], 1);
  EXPECT_EQ(status["epoch"], 3);
  EXPECT_TRUE(status["pid"].is_null());
  EXPECT_EQ(status["degraded"][0], "no controller: new flows are not decided");
  Get("/v1/devices");
  Get("/v1/drops");
  Get("/v1/maps");
  Get("/v1/maps/rp_flows4");
}

TEST_F(OfflineDocumentsTest, WhatIsMissingIsSaid) {
  OfflineInput nothing = {.edge = "edge-a"};
  for (const char* path : {"/v1/flows", "/v1/tenants", "/v1/maps/rp_config"})
    EXPECT_EQ(OfflineDocument(nothing, path, {}).status().code(),
              absl::StatusCode::kUnavailable)
        << path;
  EXPECT_EQ(OfflineDocument(Input(true), "/v1/nat/pools", {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace rampart
