// SPDX-License-Identifier: Apache-2.0
// Packets of established flows, and packets that end at a given stage.
#include "perf/pipeline_cases.h"

#include "tests/testing/packet.h"
#include "tests/testing/scene.h"

namespace rampart::testing {
namespace {

constexpr size_t kOuterGue = 14 + 20 + 8;  // GUE header behind IPv4 and UDP
constexpr uint16_t kPoolPort = 40000;      // of case 0
constexpr uint32_t kTunnel = 10;           // of case 0

Tunnel Peer(rp_profile profile, bool v4, bool udp_csum) {
  Tunnel tunnel;
  tunnel.profile = profile;
  tunnel.udp_csum = udp_csum;
  if (!v4) {
    tunnel.edge = "2001:db8::1";
    tunnel.peer = "2001:db8::10";
  }
  return tunnel;
}

const char* Name(rp_profile profile) {
  switch (profile) {
    case RP_PROFILE_MAC:
      return "mac";
    case RP_PROFILE_COOKIE:
      return "cookie";
    case RP_PROFILE_GRE_KEY:
      return "gre-key";
    case RP_PROFILE_GRE:
      return "gre";
    default:
      return "none";
  }
}

// "mac, IPv6, checksum, in": profile and version of the underlay, direction.
Case Established(rp_profile profile, bool v4, bool checksum, bool back) {
  Case c;
  c.tunnel = Peer(profile, v4, checksum);
  c.back = back;
  c.name = std::string(Name(profile)) + (v4 ? ", IPv4" : ", IPv6") +
           (checksum && v4 ? ", checksum" : "") + (back ? ", out" : ", in");
  return c;
}

void AddStages(rp_profile profile, std::vector<Case>& cases) {
  const std::pair<Reach, const char*> stages[] = {
      {Reach::kPeer, "outer headers and peer"},
      {Reach::kRamp, "on-ramp"},
      {Reach::kInner, "inner headers"},
      {Reach::kFlow, "flow and next hop"},
      {Reach::kSent, "rewrite and send"}};
  for (const auto& [reach, name] : stages) {
    Case c = Established(profile, true, false, false);
    c.reach = reach;
    c.name = std::string("stage of ") + Name(profile) + ": " + name;
    cases.push_back(c);
  }
}

void AddEstablished(bool back, std::vector<Case>& cases) {
  for (const rp_profile profile :
       {RP_PROFILE_NONE, RP_PROFILE_COOKIE, RP_PROFILE_MAC, RP_PROFILE_GRE_KEY})
    for (const bool v4 : {true, false})
      cases.push_back(Established(profile, v4, !v4, back));
  cases.push_back(Established(RP_PROFILE_NONE, true, true, back));
  cases.push_back(Established(RP_PROFILE_GRE, true, false, back));
  Case inner6 = Established(RP_PROFILE_NONE, true, false, back);
  inner6.inner6 = true;
  inner6.name += ", inner IPv6";
  cases.push_back(inner6);
}

// The tenants' packets: there, and back.
struct Inner {
  Packet there, translated, answer, delivered;
};

Packet Udp(const Ip& from, uint16_t sport, const Ip& to, uint16_t dport,
           uint8_t ttl, const Case& c) {
  // Varied packets have none, which saves the harness summing.
  const UdpFields udp = c.many ? UdpFields{.checksum = 0} : UdpFields{};
  const size_t headers = c.inner6 ? 48 : 28;
  Packet ip = Packet().IpAny(from, to, {.ttl = ttl});
  if (c.reach == Reach::kInner)
    ip = Packet().Ip4(from, to, {.ttl = ttl, .total_length = uint16_t{24}});
  return ip.Udp(sport, dport, udp).Payload(Bytes(c.size - headers, 'x'));
}

Inner InnerOf(const Case& c, const Flow& f) {
  const Ip& pool = *f.to_source;
  return {Udp(f.source, f.sport, f.destination, f.dport, 64, c),
          Udp(pool, *f.to_sport, f.destination, f.dport, 63, c),
          Udp(f.destination, f.dport, pool, *f.to_sport, 64, c),
          Udp(f.destination, f.dport, f.source, f.sport, 63, c)};
}

// Makes a packet that was right end where it is to end.
void Spoil(const Case& c, Bytes& in) {
  const size_t gue = c.tunnel.profile == RP_PROFILE_MAC ? 24 : 4;
  if (c.reach == Reach::kPeer) in[kOuterGue] |= 0x80;
  if (c.reach == Reach::kRamp) in[kOuterGue + gue] = 0x65;
}

std::string Host(const Case& c) { return std::to_string(c.number + 10); }

Flow FlowOf(const Case& c) {
  Flow flow = {.source = "10.1.0." + Host(c),
               .to_sport = static_cast<uint16_t>(kPoolPort + c.number),
               .on_ramp = c.tunnel.id,
               .next_hop = 2 * c.number + 1,
               .reverse_next_hop = 2 * c.number + 2};
  if (c.inner6) {
    flow.source = "fd00:1::" + Host(c);
    flow.destination = "2001:db8:100::10";
  }
  flow.to_source = c.inner6 ? "2001:db8:203::1"
                   : c.many ? "203.0.113.2"  // all of its ports
                            : "203.0.113.1";
  return flow;
}

// One per source port; the NAT keeps the port.
void PutManyFlows(const Programs& programs, Flow flow) {
  for (uint32_t port = 0; port < 65536; ++port) {
    flow.sport = static_cast<uint16_t>(port);
    flow.to_sport = flow.sport;
    PutFlow(programs, flow);
  }
}

void AddLarge(std::vector<Case>& cases) {
  for (const rp_profile profile : {RP_PROFILE_NONE, RP_PROFILE_MAC})
    for (const bool checksum : {false, true}) {
      Case large = Established(profile, true, checksum, false);
      large.size = 1400;
      large.name += ", 1400 B";
      cases.push_back(large);
    }
}

void AddOthers(std::vector<Case>& cases) {
  Case many = Established(RP_PROFILE_NONE, true, false, false);
  many.many = true;
  many.name += ", 64 k flows in turn";
  cases.push_back(many);
  Case foreign = Established(RP_PROFILE_NONE, true, false, true);
  foreign.foreign = true;
  foreign.name = "not for the edge";
  cases.push_back(foreign);
}

// Peers of its own for each, so that all can be in the tables at once.
void Number(std::vector<Case>& cases) {
  for (uint32_t i = 0; i < cases.size(); ++i) {
    Case& c = cases[i];
    c.number = i;
    c.tunnel.id = kTunnel + i;
    c.tunnel.peer =
        (c.tunnel.peer.is_v4() ? "192.0.2." : "2001:db8::1:") + Host(c);
  }
}

}  // namespace

rp_outcome Case::outcome() const {
  if (foreign) return RP_PASSED;
  switch (reach) {
    case Reach::kPeer:
      return RP_DROP_GUE_VARIANT;
    case Reach::kRamp:
      return RP_DROP_IP_VERSION;
    case Reach::kInner:
      return RP_DROP_L4_TRUNCATED;
    case Reach::kFlow:
      return RP_DROP_POLICY_DENY;
    default:
      return RP_FORWARDED;
  }
}

std::vector<Case> Cases(bool quick) {
  std::vector<Case> cases;
  for (const rp_profile profile : {RP_PROFILE_NONE, RP_PROFILE_MAC})
    AddStages(profile, cases);
  if (quick) {
    for (const rp_profile profile : {RP_PROFILE_NONE, RP_PROFILE_MAC})
      cases.push_back(Established(profile, true, false, false));
  } else {
    for (const bool back : {false, true}) AddEstablished(back, cases);
    AddLarge(cases);
    AddOthers(cases);
  }
  Number(cases);
  return cases;
}

Frames SetUp(const Programs& programs, const Case& c) {
  const Flow flow = FlowOf(c);
  AddTunnel(programs, c.tunnel);
  AddAddress(programs, *flow.to_source, RP_ADDRESS_NAT);
  const bool v4 = !c.inner6;
  programs.Put("rp_next_hops", flow.next_hop,
               c.reach == Reach::kFlow ? DropNextHop(RP_DROP_POLICY_DENY)
                                       : LinkNextHop(kUplink, v4, 1500));
  programs.Put("rp_next_hops", flow.reverse_next_hop,
               NextHopTo(c.tunnel, v4, 1500));
  PutFlow(programs, flow);
  if (c.many) PutManyFlows(programs, flow);
  const Inner inner = InnerOf(c, flow);
  Frames frames;
  if (c.foreign) {
    frames.in = FromLink()
                    .Then(Udp("198.51.100.7", 53, "192.0.2.99", 53, 64, c))
                    .Build();
    frames.out = frames.in;
    return frames;
  }
  frames.in = (c.back ? FromLink().Then(inner.answer)
                      : FromPeer(c.tunnel).Then(inner.there))
                  .Build();
  if (c.reach == Reach::kSent)
    frames.out = (c.back ? ToPeer(c.tunnel, {.port = flow.reverse_entropy})
                               .Then(inner.delivered)
                         : ToLink().Then(inner.translated))
                     .Build();
  Spoil(c, frames.in);
  if (c.many) {
    frames.vary_in = frames.in.size() - (c.size - 28) - 8;
    frames.vary_out = frames.out.size() - (c.size - 28) - 8;
  }
  return frames;
}

}  // namespace rampart::testing
