// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/flow_entry.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "absl/types/span.h"
#include "controller/flow/checksum.h"

namespace rampart {
namespace {

void Store(const IpAddress& address, __be32& out) { out = address.v4(); }
void Store(const IpAddress& address, uint8_t (&out)[16]) { address.ToV6(out); }

IpAddress Load(__be32 address) { return IpAddress::V4(address); }
IpAddress Load(const uint8_t (&address)[16]) { return IpAddress::V6(address); }

// Addresses and ports alike are runs of 16-bit words.
template <typename T>
uint64_t Change(const T& from, const T& to) {
  return SumChange({reinterpret_cast<const uint8_t*>(&from), sizeof(from)},
                   {reinterpret_cast<const uint8_t*>(&to), sizeof(to)});
}

template <typename F>
uint16_t L4Delta(const typename F::Key& from, const typename F::Value& to) {
  const uint64_t addresses =
      Change(from.saddr, to.saddr) + Change(from.daddr, to.daddr);
  const uint64_t ports =
      Change(from.sport, to.sport) + Change(from.dport, to.dport);
  switch (from.proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMPV6:
      return FoldChange(addresses + ports);
    case IPPROTO_ICMP:  // no pseudo header
      return FoldChange(ports);
    default:
      return 0;
  }
}

FlowTuple Swapped(const FlowTuple& tuple, uint32_t realm) {
  return {realm, tuple.destination, tuple.source, tuple.protocol};
}

// The rewrite of `key` into `to`; other fields of rp_flow are the caller's.
template <typename F>
typename F::Value Rewrite(const typename F::Key& key, const FlowTuple& to) {
  typename F::Value value = {};
  Store(to.source.address, value.saddr);
  Store(to.destination.address, value.daddr);
  value.sport = htons(to.source.port);
  value.dport = htons(to.destination.port);
  value.flow.l4_delta = L4Delta<F>(key, value);
  return value;
}

// A question to a name server, whose answer ends it (RFC 4787 REQ-5 a).
bool IsBrief(const FlowTuple& tuple) {
  constexpr uint16_t kDomain = 53;
  return tuple.protocol == IPPROTO_UDP && tuple.destination.port == kDomain;
}

void SetState(const FlowPlan& plan, Direction direction, rp_flow_kind kind,
              rp_flow& flow) {
  flow.last_seen = plan.now;
  flow.next_hop = static_cast<uint16_t>(plan.next_hop[direction]);
  flow.on_ramp = plan.on_ramp[direction];
  flow.marks = static_cast<uint16_t>(kind << RP_FLOW_KIND_SHIFT |
                                     (plan.entropy & RP_FLOW_ENTROPY) |
                                     (IsBrief(plan.tuple) ? RP_FLOW_BRIEF : 0));
}

}  // namespace

template <typename F>
typename F::Key KeyOf(const FlowTuple& tuple) {
  typename F::Key key = {};
  key.realm = tuple.realm;
  Store(tuple.source.address, key.saddr);
  Store(tuple.destination.address, key.daddr);
  key.sport = htons(tuple.source.port);
  key.dport = htons(tuple.destination.port);
  key.proto = tuple.protocol;
  return key;
}

template <typename F>
FlowTuple TupleOf(const typename F::Key& key) {
  return {key.realm,
          {Load(key.saddr), ntohs(key.sport)},
          {Load(key.daddr), ntohs(key.dport)},
          key.proto};
}

template <typename F>
FlowTuple RewrittenTuple(const typename F::Key& key,
                         const typename F::Value& value) {
  return {value.flow.reverse_realm,
          {Load(value.saddr), ntohs(value.sport)},
          {Load(value.daddr), ntohs(value.dport)},
          key.proto};
}

template <typename F>
typename F::Key ReverseKey(const typename F::Key& key,
                           const typename F::Value& value) {
  typename F::Key reverse = {};
  reverse.realm = value.flow.reverse_realm;
  std::memcpy(&reverse.saddr, &value.daddr, sizeof(reverse.saddr));
  std::memcpy(&reverse.daddr, &value.saddr, sizeof(reverse.daddr));
  reverse.sport = value.dport;
  reverse.dport = value.sport;
  reverse.proto = key.proto;
  return reverse;
}

template <typename F>
FlowPair<F> CompileFlow(const FlowPlan& plan) {
  const FlowTuple rewritten = {
      plan.reverse_realm, plan.source,
      plan.destination.value_or(plan.tuple.destination), plan.tuple.protocol};
  FlowPair<F> pair;
  pair.key[kForward] = KeyOf<F>(plan.tuple);
  pair.key[kReverse] = KeyOf<F>(Swapped(rewritten, plan.reverse_realm));
  pair.value[kForward] = Rewrite<F>(pair.key[kForward], rewritten);
  pair.value[kReverse] =
      Rewrite<F>(pair.key[kReverse], Swapped(plan.tuple, plan.tuple.realm));
  pair.value[kForward].flow.reverse_realm = plan.reverse_realm;
  pair.value[kReverse].flow.reverse_realm = plan.tuple.realm;
  SetState(plan, kForward, plan.snat ? RP_FLOW_FORWARD_NAT : RP_FLOW_FORWARD,
           pair.value[kForward].flow);
  SetState(plan, kReverse, RP_FLOW_REVERSE, pair.value[kReverse].flow);
  return pair;
}

template <typename F>
typename F::Value CompileRefusal(const FlowPlan& plan) {
  typename F::Value value = Rewrite<F>(KeyOf<F>(plan.tuple), plan.tuple);
  value.flow.reverse_realm = plan.tuple.realm;
  SetState(plan, kForward, RP_FLOW_REFUSED, value.flow);
  return value;
}

#define RP_INSTANTIATE(F)                                               \
  template FlowPair<F> CompileFlow<F>(const FlowPlan&);                 \
  template F::Value CompileRefusal<F>(const FlowPlan&);                 \
  template F::Key KeyOf<F>(const FlowTuple&);                           \
  template FlowTuple TupleOf<F>(const F::Key&);                         \
  template FlowTuple RewrittenTuple<F>(const F::Key&, const F::Value&); \
  template F::Key ReverseKey<F>(const F::Key&, const F::Value&)
RP_INSTANTIATE(FlowV4);
RP_INSTANTIATE(FlowV6);
#undef RP_INSTANTIATE

}  // namespace rampart
