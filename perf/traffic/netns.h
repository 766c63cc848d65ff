// SPDX-License-Identifier: Apache-2.0
// Named network namespaces, and threads that stay on one CPU.
#ifndef RAMPART_PERF_TRAFFIC_NETNS_H_
#define RAMPART_PERF_TRAFFIC_NETNS_H_

#include <cstdint>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rampart::perf {

// Moves the calling thread. name: as in `ip netns`; empty: stays where it is.
absl::Status EnterNetns(const std::string& name);

// Calls `work` in a thread of its own that is in that namespace; the caller
// stays where it is.
template <typename Work>
absl::Status InNetns(const std::string& name, Work work) {
  absl::Status status;
  std::thread([&] {
    status = EnterNetns(name);
    if (status.ok()) status = work();
  }).join();
  return status;
}

// In the calling thread's namespace. Errors: NotFound.
absl::StatusOr<uint32_t> DeviceIndex(const std::string& device);

// Keeps the calling thread on this CPU and others from it: whatever runs in
// between empties the caches. Threads of the idle class stay as modest as they
// are.
absl::Status PinToCpu(int cpu);

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_NETNS_H_
