// SPDX-License-Identifier: Apache-2.0
// The addresses of a pool, and which subscriber has which blocks of them.
#ifndef RAMPART_CONTROLLER_NAT_POOL_H_
#define RAMPART_CONTROLLER_NAT_POOL_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "controller/base/clock.h"
#include "controller/config/edge_config.h"
#include "controller/nat/free_set.h"
#include "controller/nat/port_block.h"
#include "controller/nat/port_mappings.h"
#include "controller/nat/types.h"

namespace rampart {

// What all pools share.
struct NatShared {
  const Clock& clock;
  std::function<uint32_t(uint32_t bound)> random;
  const std::function<uint64_t(const BlockEvent&)>& log;
  uint64_t durable = 0;  // records up to this number
  uint64_t now = 0;      // as of the last Now()

  // Ticks that do not wrap.
  uint64_t Now() {
    now += static_cast<uint32_t>(clock.Tick() - static_cast<uint32_t>(now));
    return now;
  }
};

class Pool {
 public:
  struct External;
  struct Holding;
  using Holder = std::pair<const Subscriber, Holding>;
  struct Block {
    uint64_t record;      // durable, or nobody uses the block
    uint64_t idle_since;  // if no port is in use
    PortBlock ports;
    bool queued = false;  // in resting_
  };
  struct External {
    IpAddress address;
    FreeSet blocks;               // for everybody; by position in the range
    std::vector<Holder*> owners;  // by block; null: none
    absl::flat_hash_set<uint32_t> kept;  // blocks with static mappings
    uint32_t used = 0;                   // blocks with a port in use
    std::array<uint32_t, kPortSpaces> mappings = {};
  };
  // What a subscriber holds of the pool; it exists while it holds something.
  struct Holding {
    Pool* pool;
    External* external;
    std::vector<Block> blocks = {};  // by first port
    uint32_t addresses = 0;          // mappings without ports
    double tokens = 0;               // for mappings_per_second
    uint64_t filled = 0;             // tick
    PortMappings mappings = {};
  };
  struct PortGrant {
    NatVerdict verdict;
    uint16_t port = 0;
  };
  struct Pairing {
    NatVerdict verdict;
    Holder* holder = nullptr;
  };

  Pool(NatPoolConfig config, NatShared& shared);

  const NatPoolConfig& config() const { return config_; }
  External* FindExternal(const IpAddress& address);
  const External* FindExternal(const IpAddress& address) const;
  bool InRange(uint16_t port) const {
    return port >= config_.ports.first && port <= config_.ports.last;
  }
  // An endpoint of the pool's static mappings and prefixes.
  bool IsKept(const Endpoint& outside) const;

  Holder* Find(const Subscriber& subscriber);
  // Have memory ready: for Find(), and for TakePort().
  void Prefetch(const Subscriber& subscriber) const {
    holdings_.prefetch(subscriber);
  }
  static void PrefetchBlocks(const Holder& holder);
  // A new subscriber's address: uniform among those of its family that have a
  // free block, so that it can have ports; PairWhere(): and that `fits`, which
  // says where the remote is not taken.
  Pairing Pair(const Subscriber& subscriber);
  Pairing PairWhere(const Subscriber& subscriber,
                    absl::FunctionRef<bool(const External&)> fits);
  Holder& PairWith(const Subscriber& subscriber, External& external);
  // Uniform over the free ports of the subscriber's blocks that port_choice
  // and `user` allow; if there is none, of a further block. wanted: taken
  // instead if it is free.
  PortGrant TakePort(Holder& holder, const PortUser& user,
                     std::optional<uint16_t> wanted);
  // Why it cannot be had; empty if it is taken.
  std::string_view AdoptPort(Holder& holder, const PortUser& user,
                             uint16_t port);
  void ReturnPort(Holder& holder, const PortUser& user, uint16_t port);
  void DropIfIdle(Holder& holder);
  // Whose block that is, and the inside port; null: nobody's.
  std::pair<Holder*, std::optional<uint16_t>> FindInside(
      PortSpace space, const Endpoint& outside) const;

  // True if a block of an earlier run is its subscriber's again.
  bool Restore(const BlockEvent& event);
  // Nobody gets these ports before they have rested.
  void RestUnowned(const BlockEvent& event);
  // True if anything was released, which may have ended holders.
  bool ReleaseRested();

  void Count(NatVerdict verdict) { ++verdicts_[static_cast<int>(verdict)]; }
  PoolUse Use() const;
  void ForEachHolder(absl::FunctionRef<void(const Holder&)> visit) const;
  void ForEachSubscriber(
      absl::FunctionRef<void(const SubscriberUse&)> visit) const;

 private:
  struct Resting {
    uint64_t until;
    External* external;
    uint32_t index;
    friend bool operator>(const Resting& a, const Resting& b) {
      return a.until > b.until;
    }
  };

  uint32_t BlockOf(uint16_t port) const {
    return (port - config_.ports.first) / config_.block_size;
  }
  uint32_t FirstOf(uint32_t index) const {
    return config_.ports.first + index * config_.block_size;
  }
  PortBlock MakePorts(uint32_t index) const;
  // Where the block is, or would be.
  std::vector<Block>::iterator Seek(Holding& holding, uint32_t index) const;
  Block* FindBlock(Holding& holding, uint32_t index) const;
  FreeSet& open_addresses(const External& external) {
    return open_[external.address.is_v4()];
  }
  uint32_t PositionOf(const External& external) const {
    return static_cast<uint32_t>(&external - externals_.data());
  }
  bool TakeBlock(External& external, uint32_t index);
  void ReturnBlock(External& external, uint32_t index);

  NatVerdict WhyNone(const Subscriber& subscriber) const;
  uint64_t MaskOf(const PortUser& user, const Block& block) const;
  bool IsAtQuota(const Holding& holding) const;
  bool HasToken(Holding& holding) const;
  std::optional<PortGrant> TakeWanted(Holder& holder, const PortUser& user,
                                      uint16_t port, bool grant_block);
  PortGrant ChoosePort(Holder& holder, const PortUser& user,
                       std::optional<uint16_t> wanted);
  bool IsTimeForMore(const Holding& holding, uint32_t free) const;
  uint16_t TakeNth(Holding& holding, const PortUser& user, uint32_t free);
  NatVerdict GrantFurther(Holder& holder, const PortUser& user);
  NatVerdict Grant(Holder& holder, uint32_t index);
  Block& AddBlock(Holder& holder, uint32_t index, uint64_t record);
  static void NoteTaken(Holding& holding, const Block& block, PortSpace space);
  // Releases it when no port of it was in use for so long.
  void Rest(External& external, Block& block, uint64_t ticks);
  uint64_t Log(const Holder& holder, uint32_t index, bool granted) const;
  void CountBlock(int change);
  // True if the block is for everybody now.
  bool Release(const Resting& resting);

  NatPoolConfig config_;
  NatShared& shared_;
  uint64_t rest_ = 0;  // ticks
  std::vector<External> externals_;
  absl::flat_hash_map<IpAddress, uint32_t> positions_;  // in externals_
  // By family (IPv4: 1): positions of addresses that have a free block.
  std::array<FreeSet, 2> open_;
  absl::node_hash_map<Subscriber, Holding> holdings_;
  std::priority_queue<Resting, std::vector<Resting>, std::greater<>> resting_;
  absl::flat_hash_set<std::pair<const External*, uint32_t>> unowned_;
  std::array<uint64_t, kNatVerdicts> verdicts_ = {};
  double blocks_per_second_ = 0;
  uint64_t counted_ = 0;  // tick
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_POOL_H_
