// SPDX-License-Identifier: Apache-2.0
// What perf_pipeline measures: packets, the tables that fit them, and what has
// to become of them.
#ifndef RAMPART_PERF_PIPELINE_CASES_H_
#define RAMPART_PERF_PIPELINE_CASES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "maps/outcomes.h"
#include "tests/testing/edge.h"
#include "tests/testing/programs.h"

namespace rampart::testing {

// How far a packet gets. All but the last are dropped there, so the difference
// of two neighbours is what lies between.
enum class Reach {
  kPeer,   // outer headers parsed, peer found; the GUE variant is wrong
  kRamp,   // authenticated; the tenant's packet is of another IP version
  kInner,  // the tenant's packet parsed; too short for its UDP header
  kFlow,   // flow and next hop found; it says drop
  kSent,
};

struct Case {
  std::string name;
  uint32_t number = 0;  // its peer, flow and next hops are its own
  Slot slot = kUplink;
  Tunnel tunnel = {};
  size_t size = 64;     // of the tenant's IP packet
  bool inner6 = false;  // the tenant's packet is IPv6
  bool back = false;    // from the Internet into the tunnel
  bool many = false;    // 65536 flows in turn
  Reach reach = Reach::kSent;
  bool foreign = false;  // not for the edge: the host's own

  rp_outcome outcome() const;
};

// The frame that comes on, the one that must leave (empty: none does), and
// where the varied source port stands in each (0: nowhere).
struct Frames {
  Bytes in, out;
  size_t vary_in = 0, vary_out = 0;
};

// quick: `none` and `mac` over IPv4 only.
std::vector<Case> Cases(bool quick);
// Adds what this case needs to the tables. Returns its frames.
Frames SetUp(const Programs& programs, const Case& c);

}  // namespace rampart::testing

#endif  // RAMPART_PERF_PIPELINE_CASES_H_
