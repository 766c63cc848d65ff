// SPDX-License-Identifier: Apache-2.0
// What two readings of the same counters, some time apart, say about a second.
#ifndef RAMPART_TOOLS_XDPCTL_RATES_H_
#define RAMPART_TOOLS_XDPCTL_RATES_H_

#include <string>
#include <string_view>
#include <vector>

#include "controller/api/json.h"

namespace rampart::xdpctl {

// Documents of GET /v1/counters (flows: of GET /v1/flows), and the seconds
// between them.
struct Readings {
  const Json& before;
  const Json& after;
  double seconds = 1;
};

// The rows to show, the busiest first but for devices and CPUs. What is not in
// both readings counts from zero; what began anew (a restart) counts as new.
Json DeviceRates(const Readings& readings);
Json TenantRates(const Readings& readings);
Json DropRates(const Readings& readings);
Json FlowRates(const Readings& readings);
// Also of documents that hold maps only. full_in_s: null if it does not fill.
Json MapRates(const Readings& readings);
// Counters, and the share of each CPU that is spent in softirqs, where XDP
// runs; stat: text of /proc/stat, before and after.
Json CpuRates(const Readings& readings, std::string_view stat_before,
              std::string_view stat_after);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_RATES_H_
