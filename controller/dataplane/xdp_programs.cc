// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/xdp_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/bpf_log.h"

namespace rampart {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOurs[] = {"rp_uplink", "rp_access"};

void AddInfo(XdpProgram& program) {
  const UniqueFd fd(bpf_prog_get_fd_by_id(program.id));
  bpf_prog_info info = {};
  uint32_t length = sizeof(info);
  if (!fd.valid() || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0)
    return;
  program.name = info.name;
  program.tag = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(info.tag), sizeof(info.tag)));
  program.ours = std::find(std::begin(kOurs), std::end(kOurs), program.name) !=
                 std::end(kOurs);
  program.dispatcher = program.name == "xdp_dispatcher";
}

// The link that attaches the program to the device; 0 if none does.
uint32_t FindLink(uint32_t ifindex, uint32_t program) {
  for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    const UniqueFd fd(bpf_link_get_fd_by_id(id));
    bpf_link_info info = {};
    uint32_t length = sizeof(info);
    if (fd.valid() && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 &&
        info.type == BPF_LINK_TYPE_XDP && info.prog_id == program &&
        info.xdp.ifindex == ifindex)
      return id;
  }
  return 0;
}

// Whether the descriptor that `path` tells about is the program or its link.
bool Holds(const fs::path& path, const XdpProgram& program) {
  std::ifstream file(path);
  std::string key, value;
  while (file >> key && std::getline(file, value)) {
    uint32_t id = 0;
    if (key != "prog_id:" && key != "link_id:") continue;
    if (!absl::SimpleAtoi(value, &id)) continue;
    if (key == "prog_id:" ? id == program.id
                          : program.link_id != 0 && id == program.link_id)
      return true;
  }
  return false;
}

bool HoldsAny(const fs::path& process, const XdpProgram& program) {
  std::error_code error;
  for (fs::directory_iterator it(process / "fdinfo", error), end;
       !error && it != end; it.increment(error))
    if (Holds(it->path(), program)) return true;
  return false;
}

void AddHolders(XdpProgram& program) {
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end;
       it.increment(error)) {
    pid_t pid;
    if (!absl::SimpleAtoi(it->path().filename().string(), &pid) ||
        !HoldsAny(it->path(), program))
      continue;
    std::string command;
    std::getline(std::ifstream(it->path() / "comm"), command);
    program.holders.push_back({pid, command});
  }
}

}  // namespace

absl::StatusOr<std::vector<XdpProgram>> XdpProgramsOf(uint32_t ifindex) {
  const BpfLog log;
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &options);
      error != 0)
    return log.Error(
        error, absl::StrCat("ifindex ", ifindex, ": ask for its XDP programs"));
  // With one program, some kernels tell only the first field.
  uint32_t ids[] = {options.drv_prog_id, options.skb_prog_id,
                    options.hw_prog_id};
  if (ids[0] + ids[1] + ids[2] == 0)
    ids[options.attach_mode == XDP_ATTACHED_SKB ? 1 : 0] = options.prog_id;
  constexpr const char* kModes[] = {"native", "generic", "offloaded"};
  std::vector<XdpProgram> programs;
  for (size_t i = 0; i < std::size(ids); ++i) {
    if (ids[i] == 0) continue;
    XdpProgram program;
    program.mode = kModes[i];
    program.id = ids[i];
    AddInfo(program);
    program.link_id = FindLink(ifindex, program.id);
    AddHolders(program);
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace rampart
