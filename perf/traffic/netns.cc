// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/resource.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "controller/base/unique_fd.h"

namespace rampart::perf {

absl::Status EnterNetns(const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  const std::string path = "/run/netns/" + name;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || setns(fd.get(), CLONE_NEWNET) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("namespace ", name));
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> DeviceIndex(const std::string& device) {
  const uint32_t index = if_nametoindex(device.c_str());
  if (index == 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("device ", device));
  return index;
}

absl::Status PinToCpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("CPU ", cpu));
  setpriority(PRIO_PROCESS, 0, -20);  // of this thread; best effort
  return absl::OkStatus();
}

}  // namespace rampart::perf
