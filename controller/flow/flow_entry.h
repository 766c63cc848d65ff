// SPDX-License-Identifier: Apache-2.0
// A decision about a flow as map entries: the pair of directed entries that
// name each other. Pure functions.
#ifndef RAMPART_CONTROLLER_FLOW_FLOW_ENTRY_H_
#define RAMPART_CONTROLLER_FLOW_FLOW_ENTRY_H_

#include <cstdint>
#include <optional>

#include "controller/dataplane/flow_table.h"
#include "controller/flow/hooks.h"
#include "maps/flow.h"

namespace rampart {

// The two families; F below is one of them.
struct FlowV4 {
  using Key = rp_flow4_key;
  using Value = rp_flow4;
  using Table = FlowTable4;
};
struct FlowV6 {
  using Key = rp_flow6_key;
  using Value = rp_flow6;
  using Table = FlowTable6;
};

enum Direction { kForward, kReverse };

struct FlowPlan {
  FlowTuple tuple;
  Endpoint source = {};  // after the rewrite; tuple.source if it stays
  std::optional<Endpoint> destination = {};  // likewise; none: it stays
  bool snat = false;     // NAT mappings are held, see Flows::NatHoldsOf()
  uint32_t now = 0;      // ticks
  uint16_t entropy = 0;  // RP_FLOW_ENTROPY of the outer source port
  // By direction: where it leaves, and the tunnel it must come on through.
  uint32_t next_hop[2] = {};
  uint32_t on_ramp[2] = {};
  uint32_t reverse_realm = 0;  // that the answers come on in
};

template <typename F>
struct FlowPair {
  typename F::Key key[2];  // by direction
  typename F::Value value[2];
};

inline rp_flow_kind KindOf(const rp_flow& flow) {
  return static_cast<rp_flow_kind>(flow.marks >> RP_FLOW_KIND_SHIFT);
}
inline bool IsForward(const rp_flow& flow) {
  const rp_flow_kind kind = KindOf(flow);
  return kind == RP_FLOW_FORWARD || kind == RP_FLOW_FORWARD_NAT;
}

template <typename F>
FlowPair<F> CompileFlow(const FlowPlan& plan);

// The forward entry alone, with RP_FLOW_REFUSED; of `plan` only the forward
// direction counts.
template <typename F>
typename F::Value CompileRefusal(const FlowPlan& plan);

template <typename F>
typename F::Key KeyOf(const FlowTuple& tuple);

template <typename F>
FlowTuple TupleOf(const typename F::Key& key);

// The packet that `value` makes of one of `key`.
template <typename F>
FlowTuple RewrittenTuple(const typename F::Key& key,
                         const typename F::Value& value);

// Where the other direction of an entry is found.
template <typename F>
typename F::Key ReverseKey(const typename F::Key& key,
                           const typename F::Value& value);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_FLOW_ENTRY_H_
