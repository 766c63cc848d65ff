// SPDX-License-Identifier: Apache-2.0
// The data plane's programs, loaded once per process with small maps and run
// on single packets by BPF_PROG_TEST_RUN.
#ifndef RAMPART_TESTS_TESTING_PROGRAMS_H_
#define RAMPART_TESTS_TESTING_PROGRAMS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/event_ring.h"
#include "controller/dataplane/flow_table.h"
#include "maps/outcomes.h"
#include "maps/watch.h"
#include "tests/testing/bytes.h"
#include "tests/testing/no_grace_period.h"

struct rampart_bpf;

namespace rampart::testing {

// Device slots of the test's edge; each has a program of its own.
enum Slot : uint32_t {
  kUplink = 1,     // rp_uplink
  kUplink2 = 2,    // rp_uplink
  kAccess = 3,     // rp_access, Ethernet
  kAccessTun = 4,  // rp_access, no link header
  kInject = 5,     // rp_access on the controller's TAP
  kSlots,          // first slot that is not used
};

struct Outcome {
  uint32_t slot;
  uint32_t value;  // enum rp_outcome
  auto operator<=>(const Outcome&) const = default;
};
// Sums over all CPUs; counters that are zero are absent.
using Counters = std::map<Outcome, std::pair<uint64_t, uint64_t>>;

struct Result {
  Bytes input;
  uint32_t verdict = 0;  // enum xdp_action
  Bytes output;
  Counters counted;          // what this run added
  uint32_t nanoseconds = 0;  // per repeat
};

class Programs {
 public:
  // Loads all programs. Errors: as the kernel gives them.
  // flows: capacity of each flow map.
  static absl::StatusOr<std::unique_ptr<Programs>> Load(uint32_t flows);
  ~Programs();

  // Runs the program of `slot`, first dry: that must come to the same, be
  // dropped for the reason that is counted then, and count nothing. metadata:
  // bytes of XDP metadata in front of the packet; they take room from the
  // headers, and there is no dry run then.
  Result RunOn(Slot slot, const Bytes& packet, int metadata = 0) const;
  // Without counters: for many packets in a row.
  Result RunOnly(Slot slot, const Bytes& packet, int metadata = 0) const;
  // A packet that does not exist: nothing may change.
  Result RunDry(Slot slot, const Bytes& packet) const;
  Counters ReadCounters() const;

  int program_fd(Slot slot) const;
  int map_fd(const std::string& name) const;
  // Deletes every entry of a hash map.
  void Clear(const std::string& name) const;
  // Nothing runs while a test writes to these, so that there is nothing to
  // wait for either.
  FlowTable4& flows4() const { return *flows4_; }
  FlowTable6& flows6() const { return *flows6_; }
  void ClearFlows() const;
  // To be called after every change of peers and addresses.
  void ForgetRamps() const;
  // What rp_config must hold for these tables.
  const rp_flow_hash& flow_hash() const { return flow_hash_; }
  // Opens or closes the way to the controller for queue 0 of every slot.
  void SetPuntPath(bool open) const;
  // Redirects to `slot` work or fail.
  void SetPort(uint32_t slot, bool present) const;
  const rampart_bpf& skeleton() const { return *loaded_.front(); }

  // Aborts on failure: a test cannot go on.
  template <typename K, typename V>
  void Put(const std::string& map, const K& key, const V& value) const {
    PutBytes(map, &key, sizeof(key), &value, sizeof(value));
  }
  // Aborts if the key is absent.
  template <typename V, typename K>
  V Get(const std::string& map, const K& key) const {
    V value;
    GetBytes(map, &key, &value);
    return value;
  }

 private:
  Programs() = default;
  Result RunBehind(Slot slot, const Bytes& metadata, const Bytes& packet) const;
  absl::Status LoadSlot(Slot slot, const char* program, uint32_t flows);
  void PutBytes(const std::string& map, const void* key, size_t key_size,
                const void* value, size_t value_size) const;
  void GetBytes(const std::string& map, const void* key, void* value) const;

  absl::Status OpenFlowTables(uint32_t flows);
  absl::Status OpenDryRing();
  // Why the last dry run's packet was dropped; nothing: it was not. Forgets
  // what was told so far.
  std::optional<uint32_t> ReadDryDrop() const;

  std::vector<rampart_bpf*> loaded_;  // the first one owns the maps
  NoGracePeriod grace_period_;
  rp_flow_hash flow_hash_ = {};
  std::unique_ptr<FlowTable4> flows4_;
  std::unique_ptr<FlowTable6> flows6_;
  mutable uint32_t ramps_ = 0;  // generation
  std::map<Slot, int> program_fds_;
  UniqueFd dry_ring_fd_;
  std::unique_ptr<EventRing> dry_ring_;
  UniqueFd socket_;
};

// For GoogleTest; matchers print what matters.
void PrintTo(const Result& result, std::ostream* out);

// The programs of this process; null if they do not load, with the reason in
// `why`.
const Programs* SharedPrograms(std::string& why);

// "RP_DROP_ECN", "RP_FORWARDED".
const char* OutcomeName(uint32_t outcome);
std::string ToString(const Counters& counters);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_PROGRAMS_H_
