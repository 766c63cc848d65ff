// SPDX-License-Identifier: Apache-2.0
// What trace and capture share: which packets, and how events are waited for.
#ifndef RAMPART_TOOLS_XDPCTL_WATCHING_H_
#define RAMPART_TOOLS_XDPCTL_WATCHING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"
#include "controller/base/ip.h"
#include "controller/dataplane/watch.h"
#include "controller/explain/steps.h"

namespace rampart::xdpctl {

class Session;

// A packet's addresses, protocol and ports, as far as they are asked for.
struct PacketSelectors {
  Prefix source, destination;  // length 0: any
  uint16_t sport = 0;          // 0: any
  uint16_t dport = 0;
  uint8_t proto = 0;  // 0: any; icmp of either family
  Query query;        // the same for the API's list of flows
  // Reads leading pairs of words, src PREFIX, dst PREFIX, sport N, dport N,
  // proto NAME, and returns those behind them. Errors: InvalidArgument for two
  // families, a value that is missing or wrong.
  absl::StatusOr<std::vector<std::string>> Read(
      const std::vector<std::string>& words);
};

// A watch on all devices, with events at `points` (1 <<
// rp_event_point each). Both directions.
rp_watch WatchFor(const PacketSelectors& selectors, uint16_t points,
                  uint16_t snaplen, rp_watch_scope scope);
// Of one pair of endpoints, port 0: any.
rp_watch WatchFor(uint8_t proto, const IpAddress& source, uint16_t sport,
                  const IpAddress& destination, uint16_t dport, uint16_t points,
                  uint16_t snaplen, rp_watch_scope scope);

// "20s", "2m", or a number of seconds.
absl::StatusOr<absl::Duration> ParseDuration(const std::string& text);

// The names of tenants, vnets and tunnels, as far as anybody tells them.
void LearnNames(Session& session, EventNames& names);

struct WatchLoop {
  absl::Duration limit = absl::InfiniteDuration();
  Watch::Visit visit;
  std::function<bool()> done;                  // enough seen
  std::function<absl::Status(Watch&)> second;  // once a second; may be empty
};
// Reads events until a signal, the limit or done(). Says on stderr when events
// are lost. Returns their number.
absl::StatusOr<uint64_t> RunWatch(Session& session, Watch& watch,
                                  const WatchLoop& loop);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_WATCHING_H_
