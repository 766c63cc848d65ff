// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/reasons.h"

namespace rampart {
namespace {

struct Area {
  std::string_view code;  // in the middle of an id
  std::string_view name;
  std::string_view hint;  // for ids without their own
};

constexpr Area kAreas[] = {
    {"PRS", "parsing",
     "malformed by its sender or on the way: drop pcap ID -w FILE, and look at "
     "the named header"},
    {"TUN", "tunnel",
     "compare with the other end: tunnel list shows what this edge expects of "
     "each peer; drop last ID shows what comes"},
    {"TEN", "tenant",
     "tunnel list and vnet list: whose tunnel and VNI these are; drop last ID "
     "shows who sends it"},
    {"POL", "policy", "explain with the packet names the rule that decides"},
    {"RTE", "route", "route get ADDRESS shows which way it goes, and why"},
    {"MTU", "size",
     "the sender is told; if that is lost on its way, lower its MTU or clamp "
     "its MSS"},
    {"FRG", "fragments",
     "raise the MTU on the way or lower the sender's, so that nothing is cut"},
    {"NAT", "address translation",
     "nat pool list: how full pools are; nat port top: who has the ports"},
    {"FLW", "flow table",
     "flow list shows the flow that the packet belongs to"},
    {"PNT", "controller", "status: whether the controller keeps up"},
    {"DEV", "device", "dev list, and dev preflight DEV"},
    {"KRN", "kernel", "dev list, and dev preflight DEV for the other device"},
};

struct Hint {
  std::string_view id;
  std::string_view text;
};

constexpr Hint kHints[] = {
    {"RP-PRS-002",
     "raise the underlay's MTU: outer packets are cut on their way here"},
    {"RP-PRS-006",
     "let the peer send UDP checksums, or set accept_zero_checksum for it"},
    {"RP-TUN-001", "tunnel list: no peer has this address; drop last shows it"},
    {"RP-TUN-023", "compare the clocks of both ends: NTP"},
    {"RP-TUN-024", "compare the keys of both ends, then SIGHUP or apply"},
    {"RP-TUN-025", "compare the keys of both ends, then SIGHUP or apply"},
    {"RP-TEN-003",
     "route get SOURCE: it is routed to another tunnel, or to none; or add it "
     "to the tunnel's sources"},
    {"RP-TEN-004",
     "flow list src SOURCE: its flow came through another tunnel before"},
    {"RP-POL-004", "tenant's revoked list: take the identity off it"},
    {"RP-POL-005", "policy hits: the rule's limits; raise rate or source_rate"},
    {"RP-POL-006",
     "policy hits: the rule's limits; raise concurrent or source_concurrent"},
    {"RP-RTE-001", "route list: add a route for the destination"},
    {"RP-RTE-002", "route list: a route to blackhole says so"},
    {"RP-RTE-003", "a routing loop, or traceroute: trace src SOURCE"},
    {"RP-RTE-005",
     "ip neigh and ip route on this server: does the next hop answer?"},
    {"RP-NAT-001",
     "nothing here asked for it: scans, or answers after a time-out; nat "
     "session list"},
    {"RP-NAT-002", "give the pool an address of this family"},
    {"RP-NAT-003", "nat pool list: give the pool another address"},
    {"RP-NAT-004",
     "an old connection after a restart or time-out: its sender will reset it"},
    {"RP-NAT-005",
     "nat port top: raise blocks_per_subscriber, or find out why"},
    {"RP-NAT-006", "nat port top: raise mappings_per_second, or find out why"},
    {"RP-NAT-007", "nat pool list: the pool's filtering is what keeps it out"},
    {"RP-NAT-008", "the log of port blocks: is the disk full?"},
    {"RP-FLW-004", "map list: raise flow_capacity"},
    {"RP-PNT-001", "flow list tenant NAME: who begins so many flows"},
    {"RP-PNT-002", "start rampartd: without it no flow begins"},
};

std::string_view CodeOf(std::string_view id) {
  const size_t first = id.find('-');
  const size_t last = id.rfind('-');
  if (first == last) return "";
  return id.substr(first + 1, last - first - 1);
}

const Area* FindArea(std::string_view id) {
  const std::string_view code = CodeOf(id);
  for (const Area& area : kAreas)
    if (area.code == code) return &area;
  return nullptr;
}

}  // namespace

std::string_view AreaOf(std::string_view id) {
  const Area* area = FindArea(id);
  return area != nullptr ? area->name : "";
}

std::string_view HintFor(std::string_view id) {
  for (const Hint& hint : kHints)
    if (hint.id == id) return hint.text;
  const Area* area = FindArea(id);
  return area != nullptr ? area->hint : "drop last ID shows the packets";
}

}  // namespace rampart
