// SPDX-License-Identifier: Apache-2.0
// Tunnels, next hops and flows: packets on the wire and map entries.
#include "tests/testing/edge.h"

#include <arpa/inet.h>
#include <time.h>

#include <cstring>

#include "maps/realm.h"

namespace rampart::testing {
namespace {

bool IsPlainGre(const Tunnel& t) { return t.profile == RP_PROFILE_GRE; }

// A frame's headers whose lengths, checksums, epoch and MAC are zero.
struct Blank {
  bool lengths_and_sums = false;
};

UdpFields UdpOf(const Tunnel& t, Blank blank) {
  UdpFields fields;
  if (blank.lengths_and_sums) fields.length = 0;
  if (blank.lengths_and_sums || !t.udp_csum) fields.checksum = 0;
  return fields;
}

Packet OuterIp(const Packet& link, const Ip& from, const Ip& to,
               const Outer& outer, Blank blank) {
  if (!blank.lengths_and_sums)
    return link.IpAny(from, to, {.ttl = outer.ttl, .tos = outer.ecn});
  if (from.is_v4()) return link.Ip4(from, to, {.total_length = 0});
  return link.Ip6(from, to, {.payload_length = 0});
}

Packet Headers(const Tunnel& t, const Packet& ip, const Outer& outer,
               Blank blank) {
  GreFields gre = GreOf(t, outer.sequence);
  if (blank.lengths_and_sums) gre.checksum_value = 0;
  if (IsPlainGre(t)) return ip.Gre(gre);
  const Packet udp = ip.Udp(outer.port, kGuePort, UdpOf(t, blank));
  if (t.variant1) return udp;
  GueFields gue = GueOf(t, outer.epoch);
  if (blank.lengths_and_sums && gue.mac) gue.mac->mac = 0;
  if (t.profile == RP_PROFILE_GRE_KEY) return udp.Gue(gue).Gre({.key = t.vni});
  return udp.Gue(gue);
}

uint8_t NextHopFlags(const Tunnel& t) {
  int flags = t.edge.is_v4() ? RP_NEXT_HOP_OUTER4 : RP_NEXT_HOP_OUTER6;
  if (!IsPlainGre(t)) flags |= RP_NEXT_HOP_UDP;
  if (!IsPlainGre(t) && t.udp_csum) flags |= RP_NEXT_HOP_UDP_CSUM;
  if (t.profile == RP_PROFILE_MAC) flags |= RP_NEXT_HOP_MAC;
  if (t.flags & RP_PEER_GRE_CSUM) flags |= RP_NEXT_HOP_GRE_CSUM;
  if (t.flags & RP_PEER_GRE_SEQ) flags |= RP_NEXT_HOP_GRE_SEQ;
  return static_cast<uint8_t>(flags);
}

// The bytes of `headers` in front of an inner packet of one family.
rp_next_hop SendHop(const Packet& headers, bool inner_v4) {
  const Packet inner =
      inner_v4 ? Packet().Ip4("0.0.0.0", "0.0.0.0") : Packet().Ip6("::", "::");
  const Bytes all = headers.Then(inner).Build();
  rp_next_hop hop = {};
  hop.kind = RP_NEXT_HOP_SEND;
  hop.header_len = static_cast<uint8_t>(all.size() - (inner_v4 ? 20 : 40));
  std::memcpy(hop.header, all.data(), hop.header_len);
  return hop;
}

// Sum of what to add to ~checksum when `from` becomes `to` (RFC 1624 eqn. 3),
// as a number to be added to words loaded from memory.
class Delta {
 public:
  void Replace(const Bytes& from, const Bytes& to) {
    Bytes inverted = from;
    for (uint8_t& byte : inverted) byte = static_cast<uint8_t>(~byte);
    Append(words_, inverted);
    Append(words_, to);
  }
  void Replace(uint16_t from, uint16_t to) {
    Put16(words_, static_cast<uint16_t>(~from));
    Put16(words_, to);
  }
  uint16_t InMemoryOrder() const { return htons(OnesSum(words_)); }

 private:
  Bytes words_;
};

uint16_t L4Delta(const Flow& f) {
  Delta delta;
  const bool ports = f.proto == kUdp || f.proto == kTcp || f.proto == kIcmp ||
                     f.proto == kIcmp6;
  if (ports && f.proto != kIcmp) {  // ICMP has no pseudo header
    delta.Replace(f.source.bytes(), f.to_source.value_or(f.source).bytes());
    delta.Replace(f.destination.bytes(),
                  f.to_destination.value_or(f.destination).bytes());
  }
  if (ports) {
    delta.Replace(f.sport, f.to_sport.value_or(f.sport));
    delta.Replace(f.dport, f.to_dport.value_or(f.dport));
  }
  return delta.InMemoryOrder();
}

rp_flow CommonOf(const Flow& f) {
  rp_flow common = {};
  common.last_seen = NowInTicks() - f.age;
  common.next_hop = static_cast<uint16_t>(f.next_hop);
  common.on_ramp = f.on_ramp;
  common.reverse_realm = f.reverse_realm;
  common.l4_delta = L4Delta(f);
  common.marks = static_cast<uint16_t>(f.kind << RP_FLOW_KIND_SHIFT |
                                       (f.entropy & RP_FLOW_ENTROPY));
  common.tcp = f.tcp;
  common.count = f.count;
  return common;
}

rp_flow4_key Key4(const Flow& f) {
  rp_flow4_key key = {};
  key.realm = f.realm;
  key.saddr = f.source.v4();
  key.daddr = f.destination.v4();
  key.sport = htons(f.sport);
  key.dport = htons(f.dport);
  key.proto = f.proto;
  return key;
}

rp_flow6_key Key6(const Flow& f) {
  rp_flow6_key key = {};
  key.realm = f.realm;
  f.source.CopyTo16(key.saddr);
  f.destination.CopyTo16(key.daddr);
  key.sport = htons(f.sport);
  key.dport = htons(f.dport);
  key.proto = f.proto;
  return key;
}

}  // namespace

uint64_t NowInNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 +
         static_cast<uint64_t>(now.tv_nsec);
}

uint32_t NowInTicks() {
  return static_cast<uint32_t>(NowInNanoseconds() >> RP_TICK_SHIFT);
}

Packet Link(const Mac& source, const Mac& destination, int vlans) {
  Packet link = Eth({.destination = destination, .source = source});
  if (vlans == 2) link = link.Vlan(200, 0x88a8);
  if (vlans >= 1) link = link.Vlan(100);
  return link;
}

Packet FromLink(int vlans) { return Link(kMacNext, kMacEdge, vlans); }
Packet ToLink(int vlans) { return Link(kMacEdge, kMacNext, vlans); }

GueFields GueOf(const Tunnel& t, uint32_t epoch) {
  GueFields fields;
  if (t.profile == RP_PROFILE_MAC) {
    fields.group = t.vni;
    fields.mac = GueMac{.key = t.key, .epoch = epoch};
  }
  if (t.profile == RP_PROFILE_COOKIE) {
    fields.group = t.vni;
    fields.cookie = t.cookie;
  }
  return fields;
}

GreFields GreOf(const Tunnel& t, uint32_t sequence) {
  GreFields fields = {.key = t.gre_key};
  fields.checksum = t.flags & RP_PEER_GRE_CSUM;
  if (t.flags & RP_PEER_GRE_SEQ) fields.sequence = sequence;
  return fields;
}

Packet FromPeer(const Tunnel& t, const Outer& outer) {
  const Packet ip = OuterIp(FromLink(t.vlans), t.peer, t.edge, outer, {});
  return Headers(t, ip, outer, {});
}

Packet ToPeer(const Tunnel& t, const Outer& outer) {
  const Packet ip = OuterIp(ToLink(t.vlans), t.edge, t.peer, outer, {});
  return Headers(t, ip, outer, {});
}

rp_next_hop NextHopTo(const Tunnel& t, bool inner_v4, uint16_t mtu) {
  const Blank blank = {.lengths_and_sums = true};
  const Outer outer = {.port = 0, .sequence = 0, .epoch = 0};
  const Packet link = ToLink(t.vlans);
  const Packet ip = OuterIp(link, t.edge, t.peer, outer, blank);
  rp_next_hop hop = SendHop(Headers(t, ip, outer, blank), inner_v4);
  hop.outer_offset = static_cast<uint8_t>(14 + 4 * t.vlans);
  hop.flags = NextHopFlags(t);
  hop.mtu = mtu;
  hop.slot = static_cast<uint16_t>(t.slot);
  hop.tenant = t.tenant;
  hop.k0 = LittleEndian64(t.key.data());
  hop.k1 = LittleEndian64(t.key.data() + 8);
  return hop;
}

rp_next_hop LinkNextHop(uint32_t slot, bool inner_v4, uint16_t mtu, int vlans) {
  const Packet link = vlans < 0 ? Packet() : ToLink(vlans);
  rp_next_hop hop = SendHop(link, inner_v4);
  hop.mtu = mtu;
  hop.slot = static_cast<uint16_t>(slot);
  return hop;
}

rp_next_hop DropNextHop(uint16_t reason) {
  rp_next_hop hop = {};
  hop.kind = RP_NEXT_HOP_DROP;
  hop.reason = reason;
  return hop;
}

rp_peer PeerOf(const Tunnel& t) {
  rp_peer peer = {};
  peer.tunnel = t.id;
  peer.tenant = t.tenant;
  const bool bound = t.profile == RP_PROFILE_NONE || IsPlainGre(t);
  peer.realm = bound ? t.vni : 0;
  peer.index = t.index;
  peer.profile = static_cast<uint8_t>(t.profile);
  peer.flags = t.flags;
  if (t.profile == RP_PROFILE_MAC)
    peer.keys[0] = {LittleEndian64(t.key.data()),
                    LittleEndian64(t.key.data() + 8),
                    1,
                    1,
                    {}};
  if (t.profile == RP_PROFILE_COOKIE) {
    Bytes cookie;
    Put64(cookie, t.cookie);
    std::memcpy(&peer.keys[0].k0, cookie.data(), 8);
    peer.keys[0].used = 1;
  }
  return peer;
}

void PutPeer(const Programs& programs, const Tunnel& t) {
  PutPeerEntry(programs, t, PeerOf(t));
}

void PutPeerEntry(const Programs& programs, const Tunnel& t,
                  const rp_peer& peer) {
  const int kind = !IsPlainGre(t) ? RP_PEER_GUE
                   : t.gre_key    ? RP_PEER_GRE_KEY
                                  : RP_PEER_GRE;
  if (t.peer.is_v4()) {
    rp_peer4_key key = {};
    key.saddr = t.peer.v4();
    key.daddr = t.edge.v4();
    key.gre_key = htonl(t.gre_key.value_or(0));
    key.kind = static_cast<uint8_t>(kind);
    programs.Put("rp_peers4", key, peer);
  } else {
    rp_peer6_key key = {};
    t.peer.CopyTo16(key.saddr);
    t.edge.CopyTo16(key.daddr);
    key.gre_key = htonl(t.gre_key.value_or(0));
    key.kind = static_cast<uint8_t>(kind);
    programs.Put("rp_peers6", key, peer);
  }
  programs.ForgetRamps();
}

Flow Flow::Reversed() const {
  Flow r = *this;
  r.realm = reverse_realm;
  r.source = to_destination.value_or(destination);
  r.destination = to_source.value_or(source);
  r.sport = to_dport.value_or(dport);
  r.dport = to_sport.value_or(sport);
  r.to_source = destination;
  r.to_destination = source;
  r.to_sport = dport;
  r.to_dport = sport;
  r.on_ramp = reverse_on_ramp;
  r.next_hop = reverse_next_hop;
  r.entropy = reverse_entropy;
  r.reverse_realm = realm;
  r.reverse_on_ramp = on_ramp;
  r.reverse_next_hop = next_hop;
  r.reverse_entropy = entropy;
  r.kind = RP_FLOW_REVERSE;
  r.tcp = static_cast<uint8_t>(tcp << 4 | tcp >> 4);
  r.age = reverse_age;
  r.reverse_age = age;
  return r;
}

template <typename Table, typename K, typename V>
void PutInto(Table& table, const K& key, const V& value) {
  if (const auto slot = table.Find(key))
    table.Overwrite(*slot, value);
  else if (!table.Insert(key, value).ok())
    std::abort();
}

void PutEntry(const Programs& programs, const Flow& f) {
  if (f.source.is_v4()) {
    rp_flow4 value = {};
    value.flow = CommonOf(f);
    value.saddr = f.to_source.value_or(f.source).v4();
    value.daddr = f.to_destination.value_or(f.destination).v4();
    value.sport = htons(f.to_sport.value_or(f.sport));
    value.dport = htons(f.to_dport.value_or(f.dport));
    PutInto(programs.flows4(), Key4(f), value);
  } else {
    rp_flow6 value = {};
    value.flow = CommonOf(f);
    f.to_source.value_or(f.source).CopyTo16(value.saddr);
    f.to_destination.value_or(f.destination).CopyTo16(value.daddr);
    value.sport = htons(f.to_sport.value_or(f.sport));
    value.dport = htons(f.to_dport.value_or(f.dport));
    PutInto(programs.flows6(), Key6(f), value);
  }
}

void PutFlow(const Programs& programs, const Flow& f) {
  PutEntry(programs, f);
  PutEntry(programs, f.Reversed());
}

rp_flow ReadEntry(const Programs& programs, const Flow& f) {
  if (f.source.is_v4()) return programs.flows4().Get(Key4(f)).value().flow;
  return programs.flows6().Get(Key6(f)).value().flow;
}

}  // namespace rampart::testing
