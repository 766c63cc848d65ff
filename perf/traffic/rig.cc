// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "perf/traffic/netns.h"
#include "perf_load.skel.h"

namespace rampart::perf {
namespace {

absl::Status Error(const std::string& what) {
  return absl::ErrnoToStatus(errno, absl::StrCat("perf_load: ", what));
}

// Where a device can be redirected to. Device maps belong to the namespace of
// whoever fills them in.
absl::Status SetWay(const bpf_map* map, const std::string& device) {
  ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex(device));
  const uint32_t zero = 0;
  if (bpf_map_update_elem(bpf_map__fd(map), &zero, &index, 0) != 0)
    return Error(absl::StrCat("redirect to ", device));
  return absl::OkStatus();
}

absl::Status AttachXdp(const bpf_program* program, const std::string& device,
                       std::vector<bpf_link*>& links) {
  ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex(device));
  bpf_link* link = bpf_program__attach_xdp(program, static_cast<int>(index));
  if (link == nullptr) return Error(absl::StrCat("XDP on ", device));
  links.push_back(link);
  return absl::OkStatus();
}

bpf_tc_hook TcHook(uint32_t index) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(index);
  hook.attach_point =
      static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  return hook;
}

absl::Status AttachTc(const bpf_program* program, const std::string& device) {
  ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex(device));
  bpf_tc_hook hook = TcHook(index);
  bpf_tc_hook_destroy(&hook);  // left by a run that was killed
  hook.attach_point = BPF_TC_INGRESS;
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program));
  if (bpf_tc_hook_create(&hook) != 0 || bpf_tc_attach(&hook, &options) != 0)
    return Error(absl::StrCat("TC on ", device));
  return absl::OkStatus();
}

// Sum over CPUs of a per-CPU array's only entry.
template <typename T, typename Add>
void ForEachCpu(const bpf_map* map, Add add) {
  std::vector<T> values(static_cast<size_t>(libbpf_num_possible_cpus()));
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(map), &zero, values.data()) == 0)
    std::for_each(values.begin(), values.end(), add);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Rig>> Rig::Open(const RigOptions& options) {
  libbpf_set_print(nullptr);
  std::unique_ptr<Rig> rig(new Rig(options));
  RETURN_IF_ERROR(rig->Load());
  RETURN_IF_ERROR(rig->SetNumbers());
  RETURN_IF_ERROR(rig->SetPositions());
  if (!options.source.device.empty())
    RETURN_IF_ERROR(InNetns(options.source.netns, [&] {
      return SetWay(rig->skeleton_->maps.perf_way_in, options.source.device);
    }));
  if (options.cpus.size() > 1)
    RETURN_IF_ERROR(
        InNetns(options.source.netns, [&] { return rig->KeepSource(); }));
  RETURN_IF_ERROR(
      InNetns(options.sink.netns, [&] { return rig->AttachSink(); }));
  if (options.middle != Middle::kNone)
    RETURN_IF_ERROR(
        InNetns(options.middle_in.netns, [&] { return rig->AttachMiddle(); }));
  return rig;
}

Rig::~Rig() {
  for (bpf_link* link : links_) bpf_link__destroy(link);
  if (has_tc_)
    InNetns(options_.sink.netns, [&] {
      bpf_tc_hook hook = TcHook(if_nametoindex(options_.sink.device.c_str()));
      bpf_tc_hook_destroy(&hook);
      return absl::OkStatus();
    }).IgnoreError();
  if (skeleton_ != nullptr) perf_load_bpf__destroy(skeleton_);
}

absl::Status Rig::Load() {
  skeleton_ = perf_load_bpf__open();
  if (skeleton_ == nullptr) return Error("open");
  auto& rodata = *skeleton_->rodata;
  std::memcpy(
      const_cast<perf_frame*>(
          reinterpret_cast<const volatile perf_frame*>(&rodata.cfg_frame)),
      &options_.frame, sizeof(options_.frame));
  if (options_.rate > 0)
    rodata.cfg_gap = static_cast<uint64_t>(1e9 / options_.rate);
  rodata.cfg_order = options_.order;
  rodata.cfg_flows = options_.flows;
  rodata.cfg_send = !options_.source.device.empty();
  rodata.cfg_length = options_.frame_size;
  rodata.cfg_sample_mask = options_.sample_every - 1;
  if (options_.order == PERF_ORDER_RANDOM)
    bpf_map__set_max_entries(skeleton_->maps.perf_numbers, options_.flows);
  if (options_.middle == Middle::kTouch)
    bpf_map__set_max_entries(skeleton_->maps.perf_lines, 2 * options_.flows);
  if (perf_load_bpf__load(skeleton_) != 0) return Error("load");
  return absl::OkStatus();
}

absl::Status Rig::SetNumbers() const {
  if (options_.order != PERF_ORDER_RANDOM) return absl::OkStatus();
  std::vector<uint64_t> numbers(options_.flows);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
  const size_t bytes = numbers.size() * sizeof(numbers[0]);
  const int fd = bpf_map__fd(skeleton_->maps.perf_numbers);
  void* memory = mmap(nullptr, bytes, PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return Error("mmap perf_numbers");
  std::memcpy(memory, numbers.data(), bytes);
  munmap(memory, bytes);
  return absl::OkStatus();
}

// Each CPU begins elsewhere, so that they do not visit the same flows at the
// same time.
absl::Status Rig::SetPositions() const {
  constexpr uint32_t kFarApart = 1 << 22;
  std::vector<perf_position> positions(
      static_cast<size_t>(libbpf_num_possible_cpus()));
  uint32_t rank = 0;
  for (const int cpu : options_.cpus) {
    if (static_cast<size_t>(cpu) >= positions.size())
      return absl::InvalidArgumentError(absl::StrCat("no CPU ", cpu));
    const bool is_new = options_.order == PERF_ORDER_NEW;
    positions[static_cast<size_t>(cpu)].next =
        is_new ? options_.first + rank * kFarApart
               : static_cast<uint32_t>(uint64_t{options_.flows} * rank /
                                       options_.cpus.size());
    ++rank;
  }
  const uint32_t zero = 0;
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.perf_positions), &zero,
                          positions.data(), 0) != 0)
    return Error("perf_positions");
  return absl::OkStatus();
}

// A test run makes the kernel enter the program into its dispatcher of XDP
// programs, and waits for that until no other test run is under way; unless the
// program is there already, because it is attached to a device as well.
absl::Status Rig::KeepSource() {
  ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex("lo"));
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
  keep_.reset(
      bpf_link_create(source_fd(), static_cast<int>(index), BPF_XDP, &options));
  return keep_.valid() ? absl::OkStatus() : Error("XDP on lo");
}

absl::Status Rig::AttachMiddle() {
  const auto& programs = skeleton_->progs;
  const std::string& device = options_.middle_in.device;
  if (options_.middle == Middle::kReflect)
    return AttachXdp(programs.perf_reflect, device, links_);
  RETURN_IF_ERROR(SetWay(skeleton_->maps.perf_way_out, options_.middle_out));
  return AttachXdp(options_.middle == Middle::kTouch ? programs.perf_touch
                                                     : programs.perf_redirect,
                   device, links_);
}

absl::Status Rig::AttachSink() {
  const std::string& device = options_.sink.device;
  if (device.empty()) return absl::OkStatus();
  if (!options_.sink_tc)
    return AttachXdp(skeleton_->progs.perf_sink_xdp, device, links_);
  RETURN_IF_ERROR(AttachTc(skeleton_->progs.perf_sink_tc, device));
  has_tc_ = true;
  return absl::OkStatus();
}

int Rig::source_fd() const {
  return bpf_program__fd(skeleton_->progs.perf_source);
}

uint64_t Rig::Sent() const {
  uint64_t sent = 0;
  ForEachCpu<perf_position>(
      skeleton_->maps.perf_positions,
      [&](const perf_position& position) { sent += position.sent; });
  return sent;
}

perf_arrivals Rig::Arrived() const {
  perf_arrivals sum = {};
  ForEachCpu<perf_arrivals>(skeleton_->maps.perf_arrivals,
                            [&](const perf_arrivals& arrivals) {
                              sum.packets += arrivals.packets;
                              sum.others += arrivals.others;
                            });
  return sum;
}

absl::StatusOr<int> Rig::ReadSamples(
    absl::FunctionRef<absl::Status(const testing::Bytes&)> judge) const {
  struct State {
    absl::FunctionRef<absl::Status(const testing::Bytes&)> judge;
    absl::Status status;
    int count = 0;
  } state = {judge, {}};
  const auto visit = [](void* context, void* data, size_t) {
    State& state = *static_cast<State*>(context);
    const auto& sample = *static_cast<const perf_sample*>(data);
    const uint32_t size = std::min<uint32_t>(sample.length, PERF_SAMPLE_MAX);
    state.status = state.judge({sample.bytes, sample.bytes + size});
    ++state.count;
    return state.status.ok() ? 0 : -ECANCELED;
  };
  ring_buffer* ring = ring_buffer__new(
      bpf_map__fd(skeleton_->maps.perf_samples), visit, &state, nullptr);
  if (ring == nullptr) return Error("perf_samples");
  ring_buffer__consume(ring);
  ring_buffer__free(ring);
  RETURN_IF_ERROR(state.status);
  return state.count;
}

}  // namespace rampart::perf
