// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/flow_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// Below the last level, a bucket takes this many entries: the rest is for
// those that come while others rest.
constexpr int kFullEnough = 14;
// A key goes into its first bucket of the last level while that has fewer
// entries than this, so that most look-ups need not read the second one.
constexpr int kFewEntries = 11;
constexpr uint32_t kLast = RP_LEVELS - 1;

uint32_t BucketsOf(const rp_flow_hash& hash) {
  return hash.first[kLast] + hash.buckets[kLast];
}

void StoreAddress(__be32 from, __be32& to) { to = from; }
void StoreAddress(const uint8_t (&from)[16], uint8_t (&to)[16]) {
  std::memcpy(to, from, sizeof(to));
}

template <typename K, typename V>
void StoreKey(const K& key, V& entry) {
  entry.flow.realm = key.realm;
  entry.flow.proto = key.proto;
  StoreAddress(key.saddr, entry.from_saddr);
  StoreAddress(key.daddr, entry.from_daddr);
  entry.from_sport = key.sport;
  entry.from_dport = key.dport;
}

// Only the controller writes what this reads.
template <typename K, typename V>
K LoadKey(const V& entry) {
  K key = {};
  key.realm = entry.flow.realm;
  key.proto = entry.flow.proto;
  StoreAddress(entry.from_saddr, key.saddr);
  StoreAddress(entry.from_daddr, key.daddr);
  key.sport = entry.from_sport;
  key.dport = entry.from_dport;
  return key;
}

// Bits of the bucket's slots that have this tag: eight at a time, without
// branches.
uint32_t SlotsWith(const rp_bucket& bucket, uint8_t tag) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kLow = 0x7f * kOnes;
  constexpr uint64_t kGather = 0x0102040810204080;  // bit 8 n to bit 56 + n
  uint32_t slots = 0;
  for (uint32_t i = 0; i < RP_BUCKET_TAGS / 8; ++i) {
    const uint64_t differs =
        __atomic_load_n(&bucket.tags[i], __ATOMIC_RELAXED) ^ tag * kOnes;
    const uint64_t same = ~(((differs & kLow) + kLow) | differs | kLow);
    slots |= static_cast<uint32_t>((same >> 7) * kGather >> 56) << 8 * i;
  }
  return slots;
}

// The lowest slot of a bucket that is not taken.
std::optional<uint32_t> SlotIn(uint32_t bucket, uint32_t taken) {
  const int free = std::countr_one(taken);
  if (free >= RP_BUCKET_TAGS) return std::nullopt;
  return bucket * RP_BUCKET_TAGS + static_cast<uint32_t>(free);
}

}  // namespace

rp_flow_hash FlowLevels(uint32_t buckets) {
  rp_flow_hash hash = {};
  uint32_t size = std::max<uint32_t>(buckets / 64, 1);
  for (uint32_t level = 0, first = 0; level < RP_LEVELS; ++level) {
    hash.first[level] = first;
    hash.buckets[level] = level < kLast ? size : buckets - first;
    first += size;
    size = level == 0 ? 3 * size : 4 * size;
  }
  return hash;
}

template <typename K, typename V>
FlowTable<K, V>::FlowTable(SharedArray<rp_bucket> tags, SharedArray<V> entries,
                           SharedArray<rp_flow_note> notes,
                           const rp_flow_hash& hash, uint32_t capacity,
                           GracePeriod& grace_period)
    : tags_(std::move(tags)),
      entries_(std::move(entries)),
      notes_(std::move(notes)),
      hash_(hash),
      capacity_(capacity),
      grace_period_(grace_period),
      resting_in_(BucketsOf(hash)) {}

template <typename K, typename V>
absl::StatusOr<std::unique_ptr<FlowTable<K, V>>> FlowTable<K, V>::Open(
    const Fds& fds, const rp_flow_hash& hash, uint32_t capacity,
    GracePeriod& grace_period) {
  ASSIGN_OR_RETURN(auto tags, SharedArray<rp_bucket>::Of(fds.tags));
  ASSIGN_OR_RETURN(auto entries, SharedArray<V>::Of(fds.entries));
  ASSIGN_OR_RETURN(auto notes, SharedArray<rp_flow_note>::Of(fds.notes));
  const uint32_t buckets = BucketsOf(hash);
  const size_t slots = size_t{buckets} * RP_BUCKET_TAGS;
  if (slots == 0 || tags.size() != buckets || entries.size() != slots ||
      notes.size() != slots)
    return absl::FailedPreconditionError(
        absl::StrCat("flow table: ", buckets, " buckets, but ", tags.size(),
                     " sets of tags, ", entries.size(), " entries, ",
                     notes.size(), " notes"));
  std::unique_ptr<FlowTable> table(
      new FlowTable(std::move(tags), std::move(entries), std::move(notes), hash,
                    capacity, grace_period));
  for (uint32_t slot = 0; slot < table->slots(); ++slot) {
    if (table->IsUsed(slot))
      ++table->size_;
    else if (table->entries_.at(slot)->flow.next_hop != 0)
      table->entries_.at(slot)->flow.next_hop = 0;  // removed, and not cleared
  }
  return table;
}

template <typename K, typename V>
uint32_t FlowTable<K, V>::HashOf(const K& key) const {
  uint32_t words[sizeof(K) / sizeof(uint32_t)];
  std::memcpy(words, &key, sizeof(key));
  return rp_hash_words(&hash_, words, std::size(words));
}

template <typename K, typename V>
uint8_t FlowTable<K, V>::TagOf(uint32_t slot) const {
  const auto* tags = reinterpret_cast<const uint8_t*>(tags_.at(0));
  return __atomic_load_n(&tags[slot], __ATOMIC_RELAXED);
}

template <typename K, typename V>
void FlowTable<K, V>::SetTag(uint32_t slot, uint8_t tag) {
  auto* tags = reinterpret_cast<uint8_t*>(tags_.at(0));
  __atomic_store_n(&tags[slot], tag, __ATOMIC_RELEASE);
}

// Eight tags at a time: a large table with few entries is mostly zeros.
template <typename K, typename V>
uint32_t FlowTable<K, V>::UsedFrom(uint32_t slot, uint32_t end) const {
  const auto* words = reinterpret_cast<const uint64_t*>(tags_.at(0));
  while (slot < end) {
    const uint64_t word =
        __atomic_load_n(&words[slot / 8], __ATOMIC_RELAXED) >> slot % 8 * 8;
    if (word != 0)
      return std::min(slot + static_cast<uint32_t>(std::countr_zero(word)) / 8,
                      end);
    slot = slot / 8 * 8 + 8;
  }
  return end;
}

template <typename K, typename V>
K FlowTable<K, V>::KeyAt(uint32_t slot) const {
  return LoadKey<K>(*entries_.at(slot));
}

template <typename K, typename V>
std::optional<uint32_t> FlowTable<K, V>::Probe(const K& key, uint32_t bucket,
                                               uint8_t tag) const {
  for (uint32_t slots = SlotsWith(*tags_.at(bucket), tag); slots != 0;
       slots &= slots - 1) {
    const uint32_t slot = bucket * RP_BUCKET_TAGS +
                          static_cast<uint32_t>(std::countr_zero(slots));
    const K found = KeyAt(slot);
    if (std::memcmp(&found, &key, sizeof(key)) == 0) return slot;
  }
  return std::nullopt;
}

template <typename K, typename V>
std::optional<uint32_t> FlowTable<K, V>::Find(const K& key) const {
  const uint32_t hash = HashOf(key);
  for (uint32_t level = 0; level < RP_LEVELS; ++level) {
    const auto slot =
        Probe(key, rp_bucket_of(&hash_, level, hash), rp_tag(hash));
    if (slot) return slot;
  }
  return Probe(key, rp_last_bucket_of(&hash_, hash), rp_tag(hash));
}

template <typename K, typename V>
std::optional<V> FlowTable<K, V>::Get(const K& key) const {
  const auto slot = Find(key);
  if (!slot) return std::nullopt;
  return At(*slot);
}

// Bits of the slots that cannot be had.
template <typename K, typename V>
uint32_t FlowTable<K, V>::Taken(uint32_t bucket) const {
  constexpr uint32_t kAll = (1u << RP_BUCKET_TAGS) - 1;
  const uint32_t taken = kAll & ~SlotsWith(*tags_.at(bucket), 0);
  // A cache miss that is not needed while nothing rests.
  if (removed_.empty() && resting_.empty()) return taken;
  return taken | resting_in_[bucket];
}

template <typename K, typename V>
std::optional<uint32_t> FlowTable<K, V>::FreeSlot(uint32_t hash) const {
  for (uint32_t level = 0; level < kLast; ++level) {
    const uint32_t bucket = rp_bucket_of(&hash_, level, hash);
    const uint32_t taken = Taken(bucket);
    if (std::popcount(taken) < kFullEnough) return SlotIn(bucket, taken);
  }
  return FreeSlotInLast(hash);
}

template <typename K, typename V>
std::optional<uint32_t> FlowTable<K, V>::FreeSlotInLast(uint32_t hash) const {
  const uint32_t bucket = rp_bucket_of(&hash_, kLast, hash);
  const uint32_t taken = Taken(bucket);
  if (std::popcount(taken) < kFewEntries) return SlotIn(bucket, taken);
  const uint32_t other = rp_last_bucket_of(&hash_, hash);
  const uint32_t other_taken = Taken(other);
  return std::popcount(other_taken) < std::popcount(taken)
             ? SlotIn(other, other_taken)
             : SlotIn(bucket, taken);
}

template <typename K, typename V>
absl::StatusOr<uint32_t> FlowTable<K, V>::Insert(const K& key, V value,
                                                 const rp_flow_note& note) {
  if (Find(key)) return absl::AlreadyExistsError("flow table: key is taken");
  const uint32_t hash = HashOf(key);
  const auto slot = size_ < capacity_ ? FreeSlot(hash) : std::nullopt;
  if (!slot) {
    ++refused_;
    return absl::ResourceExhaustedError("flow table: full");
  }
  StoreKey(key, value);
  entries_.Write(*slot, value);
  notes_.Write(*slot, note);
  SetTag(*slot, rp_tag(hash));
  ++size_;
  return *slot;
}

template <typename K, typename V>
void FlowTable<K, V>::PrefetchTags(const K& key) const {
  const uint32_t hash = HashOf(key);
  for (uint32_t level = 0; level <= kLast; ++level)
    __builtin_prefetch(tags_.at(rp_bucket_of(&hash_, level, hash)));
  __builtin_prefetch(tags_.at(rp_last_bucket_of(&hash_, hash)));
}

template <typename K, typename V>
std::optional<uint32_t> FlowTable<K, V>::PrefetchSlot(const K& key) const {
  const auto slot = FreeSlot(HashOf(key));
  if (!slot) return slot;
  const auto* entry = reinterpret_cast<const char*>(entries_.at(*slot));
  for (size_t at = 0; at < sizeof(V); at += 64)
    __builtin_prefetch(entry + at, 1);
  __builtin_prefetch(notes_.at(*slot), 1);
  return slot;
}

template <typename K, typename V>
void FlowTable<K, V>::Remove(uint32_t slot) {
  RP_CHECK(IsUsed(slot));
  SetTag(slot, 0);
  --size_;
  resting_in_[slot / RP_BUCKET_TAGS] |= 1u << slot % RP_BUCKET_TAGS;
  removed_.push_back(slot);
}

template <typename K, typename V>
void FlowTable<K, V>::SetNextHop(uint32_t slot, uint16_t next_hop) {
  __atomic_store_n(&entries_.at(slot)->flow.next_hop, next_hop,
                   __ATOMIC_RELAXED);
}

template <typename K, typename V>
void FlowTable<K, V>::Overwrite(uint32_t slot, V value) {
  StoreKey(KeyAt(slot), value);
  entries_.Write(slot, value);
}

template <typename K, typename V>
void FlowTable<K, V>::Reclaim() {
  if (!resting_.empty()) {
    if (!grace_period_.IsOver(ticket_)) return;
    for (const uint32_t slot : resting_) {
      SetNextHop(slot, 0);
      resting_in_[slot / RP_BUCKET_TAGS] &= ~(1u << slot % RP_BUCKET_TAGS);
    }
    resting_.clear();
  }
  if (removed_.empty()) return;
  resting_.swap(removed_);
  ticket_ = grace_period_.Start();
}

template <typename K, typename V>
void FlowTable<K, V>::ForEach(
    absl::FunctionRef<void(const K&, const V&)> visit) const {
  for (uint32_t slot = UsedFrom(0, slots()); slot < slots();
       slot = UsedFrom(slot + 1, slots()))
    visit(KeyAt(slot), At(slot));
}

template class FlowTable<rp_flow4_key, rp_flow4>;
template class FlowTable<rp_flow6_key, rp_flow6>;

}  // namespace rampart
