// SPDX-License-Identifier: Apache-2.0
// An engine whose NAT pool a test chooses, and what it can be asked about NAT.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_NAT_ENGINE_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_NAT_ENGINE_FIXTURE_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "maps/realm.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {

class NatEngineTest : public EngineTest {
 protected:
  // The lab's only pool, changed. The flows that are there stay.
  void StartWith(const std::function<void(NatPoolConfig&)>& change) {
    EdgeConfig config = LabEdge();
    change(config.pools[0]);
    StartEngine(config);
  }
  void StartFiltering(NatFiltering filtering) {
    StartWith([&](NatPoolConfig& pool) { pool.filtering = filtering; });
  }

  // A packet from outside.
  void PuntOutside(const PacketSpec& spec,
                   rp_punt_reason reason = RP_PUNT_MISS) {
    Punt(spec, RP_TUNNEL_UNDERLAY, RP_REALM_UNDERLAY, reason);
  }
  // Begins a flow to the Internet. Returns what its source looks like there.
  Endpoint Outside(const PacketSpec& spec, uint32_t tunnel = kFra,
                   uint32_t realm = kVnet) {
    Punt(spec, tunnel, realm);
    const auto flow = Flow(TupleOfSpec(realm, spec));
    EXPECT_TRUE(flow);
    return flow ? flow->translated_source : Endpoint();
  }
  // The same packet to another endpoint.
  static PacketSpec To(PacketSpec spec, const Endpoint& destination) {
    spec.destination = destination.address;
    spec.dport = destination.port;
    return spec;
  }

  bool v4() const { return net.family == Family::kV4; }

  // The other direction's entry.
  rp_flow ReverseEntry(const Engine::FlowView& flow) {
    rp_flow reverse = {};
    EXPECT_TRUE(Edit(ReverseOf(flow), [&](rp_flow& f) { reverse = f; }));
    return reverse;
  }
  // As if a packet of the flow had just passed.
  void Touch(const FlowTuple& tuple) {
    EXPECT_TRUE(Edit(tuple, [&](rp_flow& f) { f.last_seen = clock.tick; }));
  }

  // What rp_nat_open says: "17 203.0.113.1:2048".
  std::set<std::string> OpenPorts() const {
    std::set<std::string> open;
    const auto add = [&](const rp_nat_open_key& key, const rp_nat_open& value) {
      for (int bit = 0; bit < RP_OPEN_PORTS; ++bit)
        if (value.ports[bit / 64] >> bit % 64 & 1)
          open.insert(Open(key.proto, {IpAddress::FromMapped(key.addr),
                                       static_cast<uint16_t>(
                                           key.block * RP_OPEN_PORTS + bit)}));
    };
    EXPECT_TRUE(plane->maps().nat_open.ForEach(add).ok());
    return open;
  }
  static std::string Open(int protocol, const Endpoint& outside) {
    return std::to_string(protocol) + " " + outside.address.ToString() + ":" +
           std::to_string(outside.port);
  }
  // rp_prefixes: network and enum rp_address_use.
  std::map<std::string, uint32_t> PrefixUses() const {
    std::map<std::string, uint32_t> uses;
    const auto add = [&](const rp_prefix_key& key, uint32_t use) {
      const IpAddress address = IpAddress::FromMapped(key.addr);
      uses[address.ToString() + "/" +
           std::to_string(key.bits - (address.is_v4() ? 96 : 0))] = use;
    };
    EXPECT_TRUE(plane->maps().prefixes.ForEach(add).ok());
    return uses;
  }
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_NAT_ENGINE_FIXTURE_H_
