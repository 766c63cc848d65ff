// SPDX-License-Identifier: Apache-2.0
// What the verifier says of the data plane's programs. Prints a JSON object:
//
//   {"rp_uplink": {"verified": N, "stack": N, "frames": [N, ...]}, ...}
//
// verified: instructions the verifier walked. stack: bytes, all functions of
// the program together, so that growth of any of them shows; frames: each.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "rampart.skel.h"

namespace rampart {
namespace {

constexpr uint32_t kLogStatistics = 4;  // BPF_LOG_STATS of bpf_verifier.h
constexpr uint32_t kEntries = 4096;     // what is verified depends on no size

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "perf_program_sizes: %s\n", what.c_str());
  std::exit(1);
}

// "... stack depth 104+0+32 ..." of the verifier's log.
std::vector<uint32_t> Frames(const std::string& log) {
  constexpr char kBefore[] = "stack depth ";
  const size_t at = log.find(kBefore);
  if (at == std::string::npos) Die("no stack depth in the log: " + log);
  std::vector<uint32_t> frames;
  const char* text = log.c_str() + at + std::strlen(kBefore);
  for (char* end = nullptr;; text = end + 1) {
    frames.push_back(static_cast<uint32_t>(std::strtoul(text, &end, 10)));
    if (end == text) Die("unreadable stack depth in the log: " + log);
    if (*end != '+') return frames;
  }
}

bpf_program* Select(rampart_bpf* skeleton, const std::string& name) {
  bpf_program* wanted = nullptr;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, skeleton->obj) {
    const bool match = name == bpf_program__name(each);
    bpf_program__set_autoload(each, match);
    if (match) wanted = each;
  }
  return wanted;
}

nlohmann::json SizesOf(const std::string& name) {
  rampart_bpf* skeleton = rampart_bpf__open();
  if (skeleton == nullptr) Die("open skeleton");
  bpf_program* program = Select(skeleton, name);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (!bpf_map__is_internal(map))
      bpf_map__set_max_entries(map,
                               std::min(bpf_map__max_entries(map), kEntries));
  }
  std::vector<char> log(1 << 20);
  bpf_program__set_log_level(program, kLogStatistics);
  bpf_program__set_log_buf(program, log.data(), log.size());
  if (rampart_bpf__load(skeleton) != 0) Die("load " + name + ": " + log.data());
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0)
    Die(name + ": program info");
  const std::vector<uint32_t> frames = Frames(log.data());
  rampart_bpf__destroy(skeleton);
  return {{"verified", info.verified_insns},
          {"stack", std::accumulate(frames.begin(), frames.end(), 0u)},
          {"frames", frames}};
}

int Main() {
  rampart_bpf* skeleton = rampart_bpf__open();
  if (skeleton == nullptr) Die("open skeleton");
  std::vector<std::string> names;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, skeleton->obj)
      names.push_back(bpf_program__name(each));
  rampart_bpf__destroy(skeleton);
  nlohmann::json sizes;
  for (const std::string& name : names) sizes[name] = SizesOf(name);
  std::printf("%s\n", sizes.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace rampart

int main() { return rampart::Main(); }
