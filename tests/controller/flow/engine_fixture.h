// SPDX-License-Identifier: Apache-2.0
// An engine over real maps, a fake network and a clock that stands still: two
// tenants with the same addresses, an uplink, a LAN, the Internet.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_ENGINE_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_ENGINE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "controller/flow/engine.h"
#include "tests/controller/flow/fake_data_plane.h"
#include "tests/controller/flow/fake_underlay.h"
#include "tests/controller/flow/packets.h"

namespace rampart {

class FakeClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return absl::UnixEpoch(); }
  uint32_t tick = 0xfffffff0;  // wraps soon: nothing may mind
};

class FakeHooks final : public FlowHooks {
 public:
  Decision OnFlowStart(const FlowStart& start) override {
    if (start.asked != FlowStart::Asked::kWaited) starts.push_back(start.tuple);
    return decide ? decide(start) : Allow();
  }
  void OnFlowEnd(const FlowEnd& end) override { ends.push_back(end); }
  Following following() const override { return follow; }
  void OnFlowInstalled(const FlowState& flow) override {
    installed.push_back(flow);
  }
  void OnFlowRefused(const FlowState& flow, rp_outcome reason) override {
    refused.emplace_back(flow, reason);
  }
  void OnPacketMade() override { ++made; }
  void OnFlowUpdate(const FlowState& flow) override { updates.push_back(flow); }

  static Decision Allow() {
    return {.action = Decision::Action::kAllow, .rule = "all"};
  }
  static Decision Deny(rp_outcome reason,
                       Decision::Action action = Decision::Action::kDeny) {
    return {.action = action, .rule = "no", .reason = reason};
  }

  std::function<Decision(const FlowStart&)> decide;
  std::vector<FlowTuple> starts;
  std::vector<FlowEnd> ends;
  Following follow;  // for the next engine
  std::vector<FlowState> installed;
  std::vector<std::pair<FlowState, rp_outcome>> refused;
  int made = 0;
  std::vector<FlowState> updates;
};

// Tunnel ids, VNIs and devices of the lab.
enum LabTunnel : uint32_t { kFra = 1, kTwo = 2, kLan = 3, kGlobex = 11 };
inline constexpr uint32_t kVnet = 1001;
inline constexpr uint32_t kDark = 1002;  // without default route
inline constexpr uint32_t kOtherVnet = 2001;
inline constexpr uint32_t kUplinkIf = 2, kLanIf = 3;
inline constexpr uint32_t kUplinkSlot = 0, kLanSlot = 1, kInjectSlot = 2;

// The lab in one family.
struct LabNet {
  Family family;
  IpAddress fra, fra2, two, lan, internet, internet2, router, blackhole, nat;
  IpAddress fra_remote, two_remotes[2], gateway, lan_gateway;
};
const LabNet& Net(Family family);

Resources LabResources();
EdgeConfig LabEdge();

// The parameter is the family of inner packets.
class EngineTest : public ::testing::TestWithParam<Family> {
 protected:
  EngineTest() : net(Net(GetParam())) {}
  void SetUp() override;
  // Whatever the test did: every punt and every flow is accounted for.
  void TearDown() override;

  // A new controller over the same maps. Applies the lab.
  void StartEngine(const EdgeConfig& config = LabEdge());
  void Apply(const Resources& resources, uint32_t epoch);

  // One packet, punted and handled.
  void Punt(const PacketSpec& spec, uint32_t tunnel = kFra,
            uint32_t realm = kVnet, rp_punt_reason reason = RP_PUNT_MISS,
            uint16_t mtu = 0);
  void PuntBytes(rp_punt punt, const Bytes& packet);
  PacketSpec Udp(const IpAddress& source, const IpAddress& destination,
                 uint16_t sport = 1234) const {
    return {.source = source, .destination = destination, .sport = sport};
  }
  PacketSpec Tcp(const IpAddress& source, const IpAddress& destination,
                 uint8_t flags = kTcpSyn) const {
    return {.source = source,
            .destination = destination,
            .protocol = IPPROTO_TCP,
            .tcp_flags = flags};
  }
  PacketSpec Echo(const IpAddress& source, const IpAddress& destination) const {
    return {.source = source,
            .destination = destination,
            .protocol = IcmpOf(source)};
  }

  // Lets time pass, with the ticks of the engine that fall into it.
  void Pass(absl::Duration duration);

  std::vector<Engine::FlowView> AllFlows() const;
  std::optional<Engine::FlowView> Flow(const FlowTuple& tuple) const;
  size_t Entries() const;  // in both flow maps
  // Changes the entry under this key as the data plane would. False if there
  // is none.
  bool Edit(const FlowTuple& key, const std::function<void(rp_flow&)>& change);
  // The key of the other direction.
  static FlowTuple ReverseOf(const Engine::FlowView& flow);

  uint64_t Drops(rp_outcome reason) const;
  // Reasons that were counted, with their packets.
  std::map<int, uint64_t> AllDrops() const;
  // "1001 10.1.0.5:1234 17 as 203.0.113.1:2048 x1": realm, inside, protocol,
  // outside, flows.
  std::multiset<std::string> NatSessions() const;
  rp_next_hop NextHop(uint32_t index) const;

  const LabNet& net;
  FakeClock clock;
  FakeHooks hooks;
  FakeUnderlay underlay;
  std::mt19937 random{7};
  std::optional<FakeKernel> kernel;
  std::unique_ptr<FakeDataPlane> plane;
  std::unique_ptr<Engine> engine;
  uint32_t flow_capacity = 8192;
  BlockLog* block_log = nullptr;  // for the next engine
  PastSnapshots past;             // likewise
  EdgeConfig edge;
};

inline std::string FamilyName(const ::testing::TestParamInfo<Family>& info) {
  return info.param == Family::kV4 ? "IPv4" : "IPv6";
}

#define RP_BOTH_FAMILIES(suite) \
  INSTANTIATE_TEST_SUITE_P(     \
      Family, suite, ::testing::Values(Family::kV4, Family::kV6), FamilyName)

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_ENGINE_FIXTURE_H_
