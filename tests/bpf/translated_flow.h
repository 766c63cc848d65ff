// SPDX-License-Identifier: Apache-2.0
// Fixture: a host behind a tunnel talks to the Internet, its source translated.
#ifndef RAMPART_TESTS_BPF_TRANSLATED_FLOW_H_
#define RAMPART_TESTS_BPF_TRANSLATED_FLOW_H_

#include <cstdint>
#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {

// The parameter: whether it is IPv4, inside and outside.
class TranslatedFlowTest : public ProgramTest,
                           public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_NONE}, v4());
    AddTunnel(tunnel_);
    SetNextHop(1, LinkNextHop(kUplink, v4(), 1500));
    SetNextHop(2, NextHopTo(tunnel_, v4(), 1448));
    flow_.source = v4() ? "10.1.0.5" : "fd00:1::5";
    flow_.destination = v4() ? "198.51.100.10" : "2001:db8:100::10";
    flow_.to_source = v4() ? "203.0.113.1" : "2001:db8:200::1";
    AddAddress(*flow_.to_source, RP_ADDRESS_NAT);
    PutFlow(programs(), flow_);
  }
  bool v4() const { return GetParam(); }
  // Another `sport` than the flow's: a miss.
  static Packet Datagram(const Flow& flow, uint16_t sport, uint8_t ttl = 64) {
    return Packet()
        .IpAny(flow.source, flow.destination, {.ttl = ttl})
        .Udp(sport, flow.dport)
        .Payload("x");
  }
  Packet Forward(uint16_t sport = 1234, uint8_t ttl = 64) const {
    return FromPeer(tunnel_).Then(Datagram(flow_, sport, ttl));
  }

  Tunnel tunnel_;
  Flow flow_;
};

inline std::string TranslatedFlowName(
    const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "Ip4" : "Ip6";
}

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_BPF_TRANSLATED_FLOW_H_
