// SPDX-License-Identifier: Apache-2.0
// Which XDP programs a device runs, and whose they are.
#ifndef RAMPART_CONTROLLER_DATAPLANE_XDP_PROGRAMS_H_
#define RAMPART_CONTROLLER_DATAPLANE_XDP_PROGRAMS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace rampart {

struct XdpProgram {
  struct Holder {
    pid_t pid;
    std::string command;
  };

  std::string mode;  // native, generic, offloaded
  uint32_t id = 0;
  std::string name;         // "" without the right to ask
  std::string tag;          // of its instructions, 16 hex digits
  uint32_t link_id = 0;     // 0: attached through netlink
  bool ours = false;        // one of Rampart's
  bool dispatcher = false;  // libxdp's, which runs others
  // Processes that have the program or its link open.
  std::vector<Holder> holders;
};

// Of a device in this network namespace. Looks into /proc/*/fdinfo only if
// there is a program. Errors: the kernel's.
absl::StatusOr<std::vector<XdpProgram>> XdpProgramsOf(uint32_t ifindex);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_XDP_PROGRAMS_H_
