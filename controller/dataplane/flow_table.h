// SPDX-License-Identifier: Apache-2.0
// The flow table of one family, in memory that the controller shares with the
// data plane; how it is laid out and why is in maps/flow.h.
#ifndef RAMPART_CONTROLLER_DATAPLANE_FLOW_TABLE_H_
#define RAMPART_CONTROLLER_DATAPLANE_FLOW_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/grace_period.h"
#include "controller/dataplane/shared_array.h"
#include "maps/flow.h"

namespace rampart {

// Buckets that `capacity` entries need: at three quarters full, practically no
// key finds all its buckets full (simulated: none below 0.80).
constexpr uint32_t FlowBuckets(uint32_t capacity) {
  constexpr uint32_t kMin = 64;  // few buckets fill unevenly
  constexpr uint32_t kTypical = RP_BUCKET_TAGS * 3 / 4;
  const uint32_t buckets = (capacity + kTypical - 1) / kTypical;
  return buckets < kMin ? kMin : buckets;
}

// Spreads that many buckets over the levels. The secret is the caller's.
rp_flow_hash FlowLevels(uint32_t buckets);

// K is rp_flow4_key or rp_flow6_key, V the entry. One writer, not thread-safe;
// the data plane reads and counts at the same time. A slot is an index of an
// entry, stable as long as the entry is there.
template <typename K, typename V>
class FlowTable {
 public:
  struct Fds {  // of the maps; borrowed
    int tags;
    int entries;
    int notes;
  };
  // Takes the entries that are there. The earlier writer has been gone for a
  // grace period. grace_period outlives this.
  // Errors: FailedPrecondition if the arrays are not for `hash`; the kernel's
  // when mapping them.
  static absl::StatusOr<std::unique_ptr<FlowTable>> Open(
      const Fds& fds, const rp_flow_hash& hash, uint32_t capacity,
      GracePeriod& grace_period);

  uint32_t capacity() const { return capacity_; }
  uint32_t size() const { return size_; }
  // Entries that did not get in since the start, because it was full.
  uint64_t refused() const { return refused_; }
  uint32_t slots() const { return static_cast<uint32_t>(entries_.size()); }

  // Cost: a hash, and a cache miss or two.
  std::optional<uint32_t> Find(const K& key) const;
  bool IsUsed(uint32_t slot) const { return TagOf(slot) != 0; }
  // The first slot in use from `slot` on; `end` if there is none before.
  uint32_t UsedFrom(uint32_t slot, uint32_t end) const;
  K KeyAt(uint32_t slot) const;
  V At(uint32_t slot) const { return entries_.Read(slot); }
  rp_flow_note NoteAt(uint32_t slot) const { return notes_.Read(slot); }
  rp_flow StateAt(uint32_t slot) const {
    return entries_.template ReadHead<rp_flow>(slot);
  }
  // The entry of this key, if there is one.
  std::optional<V> Get(const K& key) const;

  // Puts an entry in, complete before it can be found; the key's fields of
  // `value` are filled in. Returns its slot. Errors: AlreadyExists;
  // ResourceExhausted if the table is full.
  absl::StatusOr<uint32_t> Insert(const K& key, V value,
                                  const rp_flow_note& note = {});
  // Have memory ready: the first for Find(), the second, some time later, for
  // Insert(), which would take the slot that it returns.
  void PrefetchTags(const K& key) const;
  std::optional<uint32_t> PrefetchSlot(const K& key) const;
  // It can no longer be found, but may be in use for a grace period.
  void Remove(uint32_t slot);
  // Where packets of this entry leave, from now on.
  void SetNextHop(uint32_t slot, uint16_t next_hop);
  // Writes over everything but the key, also over what the data plane counted.
  void Overwrite(uint32_t slot, V value);

  // Makes room of what was removed a grace period ago. Call now and then; costs
  // nothing if there is nothing to do.
  void Reclaim();

  void ForEach(absl::FunctionRef<void(const K&, const V&)> visit) const;

 private:
  FlowTable(SharedArray<rp_bucket> tags, SharedArray<V> entries,
            SharedArray<rp_flow_note> notes, const rp_flow_hash& hash,
            uint32_t capacity, GracePeriod& grace_period);

  uint32_t HashOf(const K& key) const;
  uint8_t TagOf(uint32_t slot) const;
  void SetTag(uint32_t slot, uint8_t tag);
  std::optional<uint32_t> Probe(const K& key, uint32_t bucket,
                                uint8_t tag) const;
  // A free slot in the first level whose bucket has room.
  std::optional<uint32_t> FreeSlot(uint32_t hash) const;
  // The same in the last level: in the bucket with fewer entries, or in the
  // first while it has few.
  std::optional<uint32_t> FreeSlotInLast(uint32_t hash) const;
  uint32_t Taken(uint32_t bucket) const;

  SharedArray<rp_bucket> tags_;
  SharedArray<V> entries_;
  SharedArray<rp_flow_note> notes_;
  const rp_flow_hash hash_;
  const uint32_t capacity_;
  GracePeriod& grace_period_;
  uint32_t size_ = 0;
  uint64_t refused_ = 0;
  std::vector<uint16_t> resting_in_;  // by bucket: bits of removed slots
  std::vector<uint32_t> removed_;     // since the grace period began
  std::vector<uint32_t> resting_;     // before it
  uint64_t ticket_ = 0;
};

extern template class FlowTable<rp_flow4_key, rp_flow4>;
extern template class FlowTable<rp_flow6_key, rp_flow6>;
using FlowTable4 = FlowTable<rp_flow4_key, rp_flow4>;
using FlowTable6 = FlowTable<rp_flow6_key, rp_flow6>;

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_FLOW_TABLE_H_
