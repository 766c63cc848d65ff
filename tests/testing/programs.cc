// SPDX-License-Identifier: Apache-2.0
// Loads the data plane's programs and runs them on single packets.
#include "tests/testing/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "maps/config.h"
#include "maps/ramp.h"
#include "rampart.skel.h"

namespace rampart::testing {
namespace {

constexpr uint32_t kLoopback = 1;  // ifindex; a test run sends nothing
constexpr uint32_t kFlows = 4096;
constexpr size_t kRoomAround = 4096;
constexpr uint32_t kDryRing = 0;  // in rp_watch_rings
constexpr uint32_t kDryRingBytes = 256 << 10;
// A page of a test run holds no longer frame with metadata in front.
constexpr size_t kDryMax = 3400;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

void ResizeMaps(rampart_bpf* skeleton, uint32_t flows) {
  const uint32_t buckets = FlowBuckets(flows);
  for (bpf_map* map :
       {skeleton->maps.rp_flow_tags4, skeleton->maps.rp_flow_tags6})
    bpf_map__set_max_entries(map, buckets);
  for (bpf_map* map : {skeleton->maps.rp_flows4, skeleton->maps.rp_flow_notes4,
                       skeleton->maps.rp_flows6, skeleton->maps.rp_flow_notes6})
    bpf_map__set_max_entries(map, buckets * RP_BUCKET_TAGS);
}

absl::Status ShareMaps(rampart_bpf* to, rampart_bpf* from) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, to->obj) {
    if (bpf_map__is_internal(map)) continue;
    const char* name = bpf_map__name(map);
    bpf_map* source = bpf_object__find_map_by_name(from->obj, name);
    if (source == nullptr || bpf_map__reuse_fd(map, bpf_map__fd(source)) != 0)
      return absl::ErrnoToStatus(errno, std::string("share map ") + name);
  }
  return absl::OkStatus();
}

// The reason that a dry run gave is the one that was counted.
void ExpectCounted(std::optional<uint32_t> told, const Result& run) {
  for (const auto& [outcome, counts] : run.counted)
    if (told != outcome.value)
      ADD_FAILURE() << "explained as dropped for "
                    << (told ? OutcomeName(*told) : "nothing")
                    << ", but counted" << ToString(run.counted);
}

int Quiet(libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  return std::vfprintf(stderr, format, args);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Programs>> Programs::Load(uint32_t flows) {
  libbpf_set_print(Quiet);
  std::unique_ptr<Programs> programs(new Programs);
  const std::pair<Slot, const char*> slots[] = {{kUplink, "rp_uplink"},
                                                {kUplink2, "rp_uplink"},
                                                {kAccess, "rp_access"},
                                                {kAccessTun, "rp_access"},
                                                {kInject, "rp_access"}};
  for (const auto& [slot, program] : slots)
    if (absl::Status s = programs->LoadSlot(slot, program, flows); !s.ok())
      return s;
  if (absl::Status s = programs->OpenFlowTables(flows); !s.ok()) return s;
  if (absl::Status s = programs->OpenDryRing(); !s.ok()) return s;
  programs->socket_.reset(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!programs->socket_.valid())
    return absl::ErrnoToStatus(errno, "AF_XDP socket");
  for (uint32_t slot = kUplink; slot < kSlots; ++slot)
    programs->SetPort(slot, true);
  programs->SetPuntPath(true);
  return programs;
}

absl::Status Programs::OpenFlowTables(uint32_t flows) {
  flow_hash_ = TestFlowHash(FlowBuckets(flows));
  auto table4 = FlowTable4::Open(
      {map_fd("rp_flow_tags4"), map_fd("rp_flows4"), map_fd("rp_flow_notes4")},
      flow_hash_, flows, grace_period_);
  if (!table4.ok()) return table4.status();
  auto table6 = FlowTable6::Open(
      {map_fd("rp_flow_tags6"), map_fd("rp_flows6"), map_fd("rp_flow_notes6")},
      flow_hash_, flows, grace_period_);
  if (!table6.ok()) return table6.status();
  flows4_ = *std::move(table4);
  flows6_ = *std::move(table6);
  return absl::OkStatus();
}

absl::Status Programs::OpenDryRing() {
  dry_ring_fd_.reset(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "dry", 0, 0,
                                    kDryRingBytes, nullptr));
  if (!dry_ring_fd_.valid()) return absl::ErrnoToStatus(errno, "ring");
  auto ring = EventRing::Of(dry_ring_fd_.get());
  if (!ring.ok()) return ring.status();
  dry_ring_ = *std::move(ring);
  Put("rp_watch_rings", kDryRing, dry_ring_fd_.get());
  return absl::OkStatus();
}

std::optional<uint32_t> Programs::ReadDryDrop() const {
  std::optional<uint32_t> reason;
  const auto read =
      dry_ring_->Read([&](const rp_event& event, absl::Span<const uint8_t>) {
        if (event.point == RP_AT_DROP) reason = event.reason;
      });
  if (!read.ok()) Die("read what a dry run told");
  return reason;
}

void Programs::ForgetRamps() const {
  auto config = Get<rp_config>("rp_config", uint32_t{0});
  config.ramps = ++ramps_;
  Put("rp_config", uint32_t{0}, config);
}

void Programs::ClearFlows() const {
  const auto clear = [](auto& table) {
    for (uint32_t slot = 0; slot < table.slots(); ++slot)
      if (table.IsUsed(slot)) table.Remove(slot);
    table.Reclaim();  // begins a grace period
    table.Reclaim();  // which is over
  };
  clear(*flows4_);
  clear(*flows6_);
}

Programs::~Programs() {
  for (rampart_bpf* skeleton : loaded_) rampart_bpf__destroy(skeleton);
}

absl::Status Programs::LoadSlot(Slot slot, const char* program,
                                uint32_t flows) {
  rampart_bpf* skeleton = rampart_bpf__open();
  if (skeleton == nullptr) return absl::ErrnoToStatus(errno, "open skeleton");
  loaded_.push_back(skeleton);
  if (loaded_.size() == 1) {
    ResizeMaps(skeleton, flows);
  } else if (absl::Status s = ShareMaps(skeleton, loaded_.front()); !s.ok()) {
    return s;
  }
  skeleton->rodata->cfg_slot = slot;
  skeleton->rodata->cfg_fast_way =
      std::getenv("RAMPART_NO_FAST_WAY") == nullptr;
  bpf_program* wanted = nullptr;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, skeleton->obj) {
    const bool match = std::strcmp(bpf_program__name(each), program) == 0;
    bpf_program__set_autoload(each, match);
    if (match) wanted = each;
  }
  if (wanted == nullptr)
    return absl::NotFoundError(std::string("program ") + program);
  if (rampart_bpf__load(skeleton) != 0)
    return absl::ErrnoToStatus(errno, std::string("load ") + program);
  program_fds_[slot] = bpf_program__fd(wanted);
  return absl::OkStatus();
}

Result Programs::RunBehind(Slot slot, const Bytes& metadata,
                           const Bytes& packet) const {
  Result run;
  run.input = packet;
  Bytes input = metadata;
  Append(input, packet);
  run.output.resize(input.size() + kRoomAround);
  xdp_md context = {};
  context.data = static_cast<uint32_t>(metadata.size());
  context.data_end = static_cast<uint32_t>(input.size());
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input.data(),
              .data_out = run.output.data(),
              .data_size_in = static_cast<uint32_t>(input.size()),
              .data_size_out = static_cast<uint32_t>(run.output.size()));
  xdp_md context_out = {};
  if (!metadata.empty()) {
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.ctx_out = &context_out;
    options.ctx_size_out = sizeof(context_out);
  }
  if (bpf_prog_test_run_opts(program_fd(slot), &options) != 0)
    Die("test run of " + std::to_string(packet.size()) + " bytes");
  run.verdict = options.retval;
  run.output.resize(options.data_size_out);
  if (!metadata.empty())
    run.output = Slice(run.output, context_out.data, run.output.size());
  run.nanoseconds = options.duration;
  return run;
}

Result Programs::RunOnly(Slot slot, const Bytes& packet, int metadata) const {
  return RunBehind(slot, Bytes(static_cast<size_t>(metadata), 0), packet);
}

Result Programs::RunDry(Slot slot, const Bytes& packet) const {
  const rp_dry_run dry = {RP_DRY_RUN, kDryRing};
  Bytes metadata(sizeof(dry));
  std::memcpy(metadata.data(), &dry, sizeof(dry));
  return RunBehind(slot, metadata, packet);
}

Result Programs::RunOn(Slot slot, const Bytes& packet, int metadata) const {
  const Counters before = ReadCounters();
  const bool has_room = packet.size() < kDryMax && metadata == 0;
  if (has_room) ReadDryDrop();
  const Result dry = has_room ? RunDry(slot, packet) : Result();
  const std::optional<uint32_t> told = has_room ? ReadDryDrop() : std::nullopt;
  Result run = RunOnly(slot, packet, metadata);
  if (has_room && (dry.verdict != run.verdict || dry.output != run.output))
    ADD_FAILURE() << "explained as another thing than what happened";
  run.counted = ReadCounters();
  for (const auto& [outcome, counts] : before) {
    auto& now = run.counted[outcome];
    now.first -= counts.first;
    now.second -= counts.second;
    if (now.first == 0 && now.second == 0) run.counted.erase(outcome);
  }
  if (has_room && run.verdict == XDP_DROP) ExpectCounted(told, run);
  return run;
}

Counters Programs::ReadCounters() const {
  static const int cpus = libbpf_num_possible_cpus();
  Counters counters;
  std::vector<rp_counter> values(static_cast<size_t>(cpus));
  const int fd = map_fd("rp_outcomes");
  for (uint32_t slot = 0; slot < kSlots; ++slot)
    for (uint32_t value = 0; value < RP_OUTCOME_COUNT; ++value) {
      const uint32_t index = slot * RP_OUTCOME_COUNT + value;
      if (bpf_map_lookup_elem(fd, &index, values.data()) != 0)
        Die("read rp_outcomes");
      std::pair<uint64_t, uint64_t> sum;
      for (const rp_counter& counter : values) {
        sum.first += counter.packets;
        sum.second += counter.bytes;
      }
      if (sum.first || sum.second) counters[{slot, value}] = sum;
    }
  return counters;
}

int Programs::program_fd(Slot slot) const { return program_fds_.at(slot); }

int Programs::map_fd(const std::string& name) const {
  const int fd =
      bpf_object__find_map_fd_by_name(loaded_.front()->obj, name.c_str());
  if (fd < 0) Die("no map " + name);
  return fd;
}

void Programs::Clear(const std::string& name) const {
  const int fd = map_fd(name);
  // All keys first: asking for the first key again and again would walk over
  // the emptied buckets each time.
  std::vector<std::array<uint8_t, 64>> keys;
  std::array<uint8_t, 64> key;
  const void* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, key.data()) == 0) {
    keys.push_back(key);
    previous = key.data();
  }
  for (const auto& each : keys)
    if (bpf_map_delete_elem(fd, each.data()) != 0) Die("clear " + name);
}

void Programs::SetPuntPath(bool open) const {
  const int fd = map_fd("rp_xsks");
  const int socket = socket_.get();
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const uint32_t index = slot * RP_QUEUE_MAX;
    if (open && bpf_map_update_elem(fd, &index, &socket, 0) != 0)
      Die("open punt path");
    if (!open) bpf_map_delete_elem(fd, &index);
  }
}

void Programs::SetPort(uint32_t slot, bool present) const {
  const int fd = map_fd("rp_ports");
  if (!present) {
    bpf_map_delete_elem(fd, &slot);
  } else if (bpf_map_update_elem(fd, &slot, &kLoopback, 0) != 0) {
    Die("set rp_ports");
  }
}

void Programs::PutBytes(const std::string& map, const void* key,
                        size_t key_size, const void* value,
                        size_t value_size) const {
  bpf_map* found =
      bpf_object__find_map_by_name(loaded_.front()->obj, map.c_str());
  if (found == nullptr || bpf_map__key_size(found) != key_size ||
      bpf_map__value_size(found) != value_size)
    Die("map " + map + " has another layout");
  if (bpf_map_update_elem(bpf_map__fd(found), key, value, 0) != 0)
    Die("put into " + map);
}

void Programs::GetBytes(const std::string& map, const void* key,
                        void* value) const {
  if (bpf_map_lookup_elem(map_fd(map), key, value) != 0) Die("get from " + map);
}

void PrintTo(const Result& result, std::ostream* out) {
  *out << "a run of " << result.input.size() << " bytes";
}

const Programs* SharedPrograms(std::string& why) {
  static const auto* const programs =
      new absl::StatusOr<std::unique_ptr<Programs>>(Programs::Load(kFlows));
  if (programs->ok()) return (*programs)->get();
  why = programs->status().ToString();
  return nullptr;
}

const char* OutcomeName(uint32_t outcome) {
  switch (outcome) {
#define X(symbol, value, help) \
  case value:                  \
    return "RP_" #symbol;
    RP_OUTCOMES(X)
#undef X
#define X(symbol, value, id, help) \
  case value:                      \
    return "RP_DROP_" #symbol;
    RP_DROP_REASONS(X)
#undef X
    default:
      return "unknown outcome";
  }
}

std::string ToString(const Counters& counters) {
  std::string text = "{";
  for (const auto& [outcome, counts] : counters)
    text += std::string(" ") + OutcomeName(outcome.value) + "=" +
            std::to_string(counts.first) + "/" + std::to_string(counts.second) +
            "B@slot" + std::to_string(outcome.slot);
  return text + " }";
}

}  // namespace rampart::testing
