// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/pool.h"

#include <algorithm>
#include <cmath>

#include "controller/base/status.h"

namespace rampart {
namespace {

// Seconds after which the weight of a granted or released block in
// blocks_per_second has fallen to 1/e.
constexpr double kTrendSeconds = 300;
constexpr uint32_t kAheadMin = 128;  // ports of a block

// How long a block waits whose release cannot be logged now.
constexpr absl::Duration kLogAgain = absl::Seconds(1);
// A block that waits for its record is kept this long for its subscriber.
constexpr absl::Duration kUnusedMin = absl::Seconds(5);
// Behind every record: never durable.
constexpr uint64_t kNoRecord = UINT64_MAX;
// A subscriber may make this many mappings at once, whatever its rate: a page
// opens that many connections.
constexpr double kBurstMin = 32;

double Seconds(uint64_t ticks) {
  return absl::ToDoubleSeconds(FromTicks(1)) * static_cast<double>(ticks);
}

}  // namespace

Pool::Pool(NatPoolConfig config, NatShared& shared)
    : config_(std::move(config)),
      shared_(shared),
      open_{FreeSet(config_.addresses.size()),
            FreeSet(config_.addresses.size())} {
  RP_CHECK(config_.block_size > 0 && config_.ports.first <= config_.ports.last);
  if (config_.rest > absl::ZeroDuration()) rest_ = ToTicks(config_.rest);
  const uint32_t blocks = BlockOf(config_.ports.last) + 1;
  externals_.reserve(config_.addresses.size());
  for (const IpAddress& address : config_.addresses) {
    const uint32_t position = externals_.size();
    positions_.emplace(address, position);
    externals_.push_back(
        {address, FreeSet(blocks), std::vector<Holder*>(blocks)});
    open_[!address.is_v4()].Take(position);
  }
  for (const NatStaticConfig& fixed : config_.static_mappings) {
    External* external = FindExternal(fixed.outside.address);
    if (external == nullptr || !InRange(fixed.outside.port)) continue;
    const uint32_t index = BlockOf(fixed.outside.port);
    if (TakeBlock(*external, index)) external->kept.insert(index);
  }
}

Pool::External* Pool::FindExternal(const IpAddress& address) {
  const auto it = positions_.find(address);
  return it == positions_.end() ? nullptr : &externals_[it->second];
}

const Pool::External* Pool::FindExternal(const IpAddress& address) const {
  const auto it = positions_.find(address);
  return it == positions_.end() ? nullptr : &externals_[it->second];
}

bool Pool::IsKept(const Endpoint& outside) const {
  if (config_.static_mappings.empty() && config_.prefixes.empty()) return false;
  const External* external = FindExternal(outside.address);
  if (external == nullptr) return true;
  if (outside.port == 0) return false;
  return !InRange(outside.port) ||
         external->kept.contains(BlockOf(outside.port));
}

Pool::Holder* Pool::Find(const Subscriber& subscriber) {
  const auto it = holdings_.find(subscriber);
  return it == holdings_.end() ? nullptr : &*it;
}

void Pool::PrefetchBlocks(const Holder& holder) {
  for (const Block& block : holder.second.blocks) __builtin_prefetch(&block, 1);
}

Pool::Pairing Pool::Pair(const Subscriber& subscriber) {
  FreeSet& open = open_[subscriber.address.is_v4()];
  if (open.count() == 0) return {WhyNone(subscriber)};
  const uint32_t position = open.TakeNth(shared_.random(open.count()));
  open.Return(position);
  return {NatVerdict::kGranted, &PairWith(subscriber, externals_[position])};
}

Pool::Pairing Pool::PairWhere(const Subscriber& subscriber,
                              absl::FunctionRef<bool(const External&)> fits) {
  const FreeSet& open = open_[subscriber.address.is_v4()];
  std::vector<External*> candidates;
  for (External& external : externals_)
    if (open.Contains(PositionOf(external)) && fits(external))
      candidates.push_back(&external);
  if (candidates.empty())
    return {open.count() > 0 ? NatVerdict::kRemoteTaken : WhyNone(subscriber)};
  External& external = *candidates[shared_.random(candidates.size())];
  return {NatVerdict::kGranted, &PairWith(subscriber, external)};
}

NatVerdict Pool::WhyNone(const Subscriber& subscriber) const {
  return std::any_of(externals_.begin(), externals_.end(),
                     [&](const External& external) {
                       return external.address.family() ==
                              subscriber.address.family();
                     })
             ? NatVerdict::kNoBlock
             : NatVerdict::kNoFamily;
}

Pool::Holder& Pool::PairWith(const Subscriber& subscriber, External& external) {
  return *holdings_
              .try_emplace(subscriber, Holding{.pool = this,
                                               .external = &external,
                                               .tokens = HUGE_VAL,
                                               .filled = shared_.now})
              .first;
}

void Pool::DropIfIdle(Holder& holder) {
  if (holder.second.blocks.empty() && holder.second.addresses == 0)
    holdings_.erase(holdings_.find(holder.first));
}

// The last block is what the range leaves for it.
PortBlock Pool::MakePorts(uint32_t index) const {
  const uint32_t first = FirstOf(index);
  return PortBlock(
      static_cast<uint16_t>(first),
      std::min<uint32_t>(config_.block_size, config_.ports.last - first + 1),
      config_.overload);
}

std::vector<Pool::Block>::iterator Pool::Seek(Holding& holding,
                                              uint32_t index) const {
  return std::lower_bound(holding.blocks.begin(), holding.blocks.end(),
                          FirstOf(index),
                          [](const Block& block, uint32_t first) {
                            return block.ports.first() < first;
                          });
}

Pool::Block* Pool::FindBlock(Holding& holding, uint32_t index) const {
  const auto it = Seek(holding, index);
  return it != holding.blocks.end() && it->ports.first() == FirstOf(index)
             ? &*it
             : nullptr;
}

bool Pool::TakeBlock(External& external, uint32_t index) {
  if (!external.blocks.Take(index)) return false;
  if (external.blocks.count() == 0)
    open_addresses(external).Take(PositionOf(external));
  return true;
}

void Pool::ReturnBlock(External& external, uint32_t index) {
  if (external.blocks.count() == 0)
    open_addresses(external).Return(PositionOf(external));
  external.blocks.Return(index);
}

// The ports with the parity of the inside one; echo identifiers have none.
uint64_t Pool::MaskOf(const PortUser& user, const Block& block) const {
  if (config_.port_choice != NatPortChoice::kParity || user.space == kIcmp)
    return FreeSet::kAll;
  const bool odd = (user.inside_port ^ block.ports.first()) % 2 != 0;
  return odd ? FreeSet::kOdd : FreeSet::kEven;
}

bool Pool::IsAtQuota(const Holding& holding) const {
  return config_.blocks_per_subscriber != 0 &&
         holding.blocks.size() >= config_.blocks_per_subscriber;
}

bool Pool::HasToken(Holding& holding) const {
  if (config_.mappings_per_second == 0) return true;
  const double burst = std::max<double>(kBurstMin, config_.mappings_per_second);
  const uint64_t now = shared_.Now();
  holding.tokens =
      std::min(burst, holding.tokens + Seconds(now - holding.filled) *
                                           config_.mappings_per_second);
  holding.filled = now;
  return holding.tokens >= 1;
}

Pool::PortGrant Pool::TakePort(Holder& holder, const PortUser& user,
                               std::optional<uint16_t> wanted) {
  if (!HasToken(holder.second)) return {NatVerdict::kRate};
  const PortGrant grant = ChoosePort(holder, user, wanted);
  if (grant.verdict == NatVerdict::kGranted) holder.second.tokens -= 1;
  return grant;
}

// Nothing: choose another.
std::optional<Pool::PortGrant> Pool::TakeWanted(Holder& holder,
                                                const PortUser& user,
                                                uint16_t port,
                                                bool grant_block) {
  if (!InRange(port)) return std::nullopt;
  Holding& holding = holder.second;
  const uint32_t index = BlockOf(port);
  Block* block = FindBlock(holding, index);
  if (block == nullptr) {
    if (!grant_block || !holding.external->blocks.Contains(index) ||
        IsAtQuota(holding))
      return std::nullopt;
    const NatVerdict verdict = Grant(holder, index);
    if (verdict != NatVerdict::kGranted) return PortGrant{verdict};
    block = FindBlock(holding, index);
  }
  if (block->record > shared_.durable && grant_block)
    return PortGrant{NatVerdict::kLogging};
  if (block->record > shared_.durable || !block->ports.Take(user, port))
    return std::nullopt;
  NoteTaken(holding, *block, user.space);
  return PortGrant{NatVerdict::kGranted, port};
}

Pool::PortGrant Pool::ChoosePort(Holder& holder, const PortUser& user,
                                 std::optional<uint16_t> wanted) {
  if (wanted) {
    if (const auto grant = TakeWanted(holder, user, *wanted, true))
      return *grant;
  }
  Holding& holding = holder.second;
  for (;;) {
    if (config_.port_choice == NatPortChoice::kPreserve) {
      if (const auto grant = TakeWanted(holder, user, user.inside_port, false))
        return *grant;
    }
    uint32_t free = 0;
    bool waits = false;
    for (const Block& block : holding.blocks) {
      if (block.record <= shared_.durable)
        free += block.ports.free(user, MaskOf(user, block));
      else
        waits = true;
    }
    if (free > 0) {
      const PortGrant grant = {NatVerdict::kGranted,
                               TakeNth(holding, user, free)};
      if (!waits && IsTimeForMore(holding, free)) GrantFurther(holder, user);
      return grant;
    }
    if (waits) return {NatVerdict::kLogging};
    // A last block of one port may have none of the parity.
    for (Block& block : holding.blocks)
      if (block.ports.in_use() == 0) Rest(*holding.external, block, rest_);
    if (IsAtQuota(holding)) return {NatVerdict::kQuota};
    const NatVerdict verdict = GrantFurther(holder, user);
    if (verdict != NatVerdict::kGranted) return {verdict};
  }
}

// A record takes time, and new flows should not have to wait for it: the next
// block is asked for when three quarters of the last are used. Small blocks are
// not worth it.
bool Pool::IsTimeForMore(const Holding& holding, uint32_t free) const {
  return shared_.log && config_.block_size >= kAheadMin &&
         free == config_.block_size / 4 && !IsAtQuota(holding);
}

uint16_t Pool::TakeNth(Holding& holding, const PortUser& user, uint32_t free) {
  uint32_t nth = shared_.random(free);
  for (Block& block : holding.blocks) {
    if (block.record > shared_.durable) continue;
    const uint64_t mask = MaskOf(user, block);
    const uint32_t here = block.ports.free(user, mask);
    if (nth < here) {
      const uint16_t port = block.ports.TakeNth(user, nth, mask);
      NoteTaken(holding, block, user.space);
      return port;
    }
    nth -= here;
  }
  RP_CHECK(false);
}

// A port has been taken from the block.
void Pool::NoteTaken(Holding& holding, const Block& block, PortSpace space) {
  ++holding.external->mappings[space];
  holding.external->used += block.ports.in_use() == 1;
}

NatVerdict Pool::GrantFurther(Holder& holder, const PortUser& user) {
  External& external = *holder.second.external;
  if (external.blocks.count() == 0) return NatVerdict::kNoBlock;
  if (config_.port_choice == NatPortChoice::kPreserve &&
      InRange(user.inside_port) &&
      external.blocks.Contains(BlockOf(user.inside_port)))
    return Grant(holder, BlockOf(user.inside_port));
  const uint32_t index =
      external.blocks.TakeNth(shared_.random(external.blocks.count()));
  external.blocks.Return(index);
  return Grant(holder, index);
}

NatVerdict Pool::Grant(Holder& holder, uint32_t index) {
  const uint64_t record = Log(holder, index, true);
  if (record == kNoRecord) return NatVerdict::kNoLog;
  RP_CHECK(TakeBlock(*holder.second.external, index));
  Block& block = AddBlock(holder, index, record);
  if (record <= shared_.durable) return NatVerdict::kGranted;
  Rest(*holder.second.external, block,
       std::max<uint64_t>(rest_, ToTicks(kUnusedMin)));
  return NatVerdict::kLogging;
}

// Adds a block that has been taken from the external address.
Pool::Block& Pool::AddBlock(Holder& holder, uint32_t index, uint64_t record) {
  holder.second.external->owners[index] = &holder;
  CountBlock(1);
  return *holder.second.blocks.insert(
      Seek(holder.second, index), Block{record, shared_.now, MakePorts(index)});
}

void Pool::Rest(External& external, Block& block, uint64_t ticks) {
  block.idle_since = shared_.Now();
  if (!block.queued)
    resting_.push(
        {block.idle_since + ticks, &external, BlockOf(block.ports.first())});
  block.queued = true;
}

uint64_t Pool::Log(const Holder& holder, uint32_t index, bool granted) const {
  if (!shared_.log) return 0;
  const PortBlock ports = MakePorts(index);
  const uint64_t record = shared_.log({granted, config_.name, holder.first,
                                       holder.second.external->address,
                                       ports.first(), ports.last()});
  return record == 0 ? kNoRecord : record;
}

void Pool::CountBlock(int change) {
  const uint64_t now = shared_.Now();
  blocks_per_second_ *= std::exp(-Seconds(now - counted_) / kTrendSeconds);
  blocks_per_second_ += change / kTrendSeconds;
  counted_ = now;
}

std::string_view Pool::AdoptPort(Holder& holder, const PortUser& user,
                                 uint16_t port) {
  Holding& holding = holder.second;
  const uint32_t index = BlockOf(port);
  Block* block = FindBlock(holding, index);
  if (block == nullptr) {
    // Blocks that rest unowned have an owner after all.
    if (unowned_.erase({holding.external, index}) == 0 &&
        !TakeBlock(*holding.external, index))
      return "another subscriber has the block of port";
    const uint64_t record = Log(holder, index, true);
    block = &AddBlock(holder, index, record == kNoRecord ? 0 : record);
  }
  if (!block->ports.Take(user, port)) return "another mapping has port";
  NoteTaken(holding, *block, user.space);
  return {};
}

void Pool::ReturnPort(Holder& holder, const PortUser& user, uint16_t port) {
  Holding& holding = holder.second;
  const uint32_t index = BlockOf(port);
  Block* block = FindBlock(holding, index);
  RP_CHECK(block != nullptr);
  block->ports.Return(user, port);
  --holding.external->mappings[user.space];
  if (block->ports.in_use() > 0) return;
  --holding.external->used;
  Rest(*holding.external, *block, rest_);
  // Whoever wants no rest wants no crowd waiting for it either.
  if (rest_ == 0) ReleaseRested();
}

bool Pool::ReleaseRested() {
  bool released = false;
  if (resting_.empty()) return false;
  const uint64_t now = shared_.Now();
  while (!resting_.empty() && resting_.top().until <= now) {
    const Resting resting = resting_.top();
    resting_.pop();
    released |= Release(resting);
  }
  return released;
}

bool Pool::Release(const Resting& resting) {
  External& external = *resting.external;
  Holder* holder = external.owners[resting.index];
  if (unowned_.erase({&external, resting.index}) > 0) {
    ReturnBlock(external, resting.index);
    return true;
  }
  if (holder == nullptr) return false;
  Block& block = *FindBlock(holder->second, resting.index);
  block.queued = false;
  if (block.ports.in_use() > 0) return false;
  uint64_t until = block.idle_since + rest_;
  if (until <= shared_.now && Log(*holder, resting.index, false) == kNoRecord)
    until = shared_.now + ToTicks(kLogAgain);
  if (until > shared_.now) {
    block.queued = true;
    resting_.push({until, &external, resting.index});
    return false;
  }
  holder->second.blocks.erase(Seek(holder->second, resting.index));
  external.owners[resting.index] = nullptr;
  ReturnBlock(external, resting.index);
  CountBlock(-1);
  DropIfIdle(*holder);
  return true;
}

std::pair<Pool::Holder*, std::optional<uint16_t>> Pool::FindInside(
    PortSpace space, const Endpoint& outside) const {
  const External* external = FindExternal(outside.address);
  if (external == nullptr || !InRange(outside.port)) return {};
  const uint32_t index = BlockOf(outside.port);
  Holder* holder = external->owners[index];
  if (holder == nullptr) return {};
  const Block* block = FindBlock(holder->second, index);
  return {holder, block->ports.InsideOf(space, outside.port)};
}

bool Pool::Restore(const BlockEvent& event) {
  External* external = FindExternal(event.outside);
  if (external == nullptr || !InRange(event.first)) return false;
  const uint32_t index = BlockOf(event.first);
  const PortBlock ports = MakePorts(index);
  if (ports.first() != event.first || ports.last() != event.last) return false;
  Holder* holder = Find(event.subscriber);
  if ((holder != nullptr && holder->second.external != external) ||
      !TakeBlock(*external, index))
    return false;
  if (holder == nullptr) holder = &PairWith(event.subscriber, *external);
  Rest(*external, AddBlock(*holder, index, 0), rest_);
  return true;
}

void Pool::RestUnowned(const BlockEvent& event) {
  External* external = FindExternal(event.outside);
  if (external == nullptr || event.last < config_.ports.first ||
      event.first > config_.ports.last)
    return;
  const uint64_t until = shared_.Now() + rest_;
  const uint32_t last = BlockOf(std::min(event.last, config_.ports.last));
  for (uint32_t index = BlockOf(std::max(event.first, config_.ports.first));
       index <= last; ++index) {
    if (!TakeBlock(*external, index)) continue;
    unowned_.emplace(external, index);
    resting_.push({until, external, index});
  }
}

PoolUse Pool::Use() const {
  PoolUse use;
  use.name = config_.name;
  for (const External& external : externals_) {
    AddressUse address;
    address.address = external.address;
    address.blocks = external.owners.size() - external.kept.size();
    address.used = external.used;
    address.resting = address.blocks - external.blocks.count() - external.used;
    address.mappings = external.mappings;
    use.addresses.push_back(address);
  }
  use.subscribers = holdings_.size();
  use.verdicts = verdicts_;
  use.blocks_per_second =
      blocks_per_second_ *
      std::exp(-Seconds(shared_.Now() - counted_) / kTrendSeconds);
  return use;
}

void Pool::ForEachHolder(absl::FunctionRef<void(const Holder&)> visit) const {
  for (const Holder& holder : holdings_) visit(holder);
}

void Pool::ForEachSubscriber(
    absl::FunctionRef<void(const SubscriberUse&)> visit) const {
  for (const auto& [subscriber, holding] : holdings_) {
    SubscriberUse use;
    use.pool = config_.name;
    use.subscriber = subscriber;
    use.outside = holding.external->address;
    use.blocks = holding.blocks.size();
    for (const Block& block : holding.blocks)
      for (int space = 0; space < kPortSpaces; ++space)
        use.mappings[space] +=
            block.ports.in_use(static_cast<PortSpace>(space));
    visit(use);
  }
}

}  // namespace rampart
