// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/nat_oracle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/base/clock.h"

namespace rampart::oracle {
namespace {

using Request = NatAllocator::Request;

// Number space of the port: ICMP and ICMPv6 share one; 0: no ports.
int Space(int protocol) {
  if (protocol == 58) return 1;
  return protocol == 6 || protocol == 17 || protocol == 1 ? protocol : 0;
}

Endpoint RemoteOf(const NatPoolConfig& pool, const Request& request) {
  if (Space(request.protocol) == 0) return {request.remote.address, 0};
  if (pool.mapping == NatMapping::kAddressAndPortDependent)
    return request.remote;
  return {};
}

int InsidePort(const Request& request) {
  return Space(request.protocol) == 0 ? 0 : request.inside_port;
}

int Block(const NatPoolConfig& pool, int port) {
  return (port - pool.ports.first) / pool.block_size;
}

}  // namespace

const NatPoolConfig* NatOracle::PoolOf(const Request& request) const {
  for (const NatPoolConfig& pool : pools_)
    if (pool.name == request.pool) return &pool;
  return nullptr;
}

const NatOracle::Hold* NatOracle::Find(const Request& request) const {
  const NatPoolConfig* pool = PoolOf(request);
  for (const Hold& hold : holds_)
    if (hold.pool == pool && hold.subscriber == request.subscriber &&
        hold.protocol == request.protocol &&
        hold.inside_port == InsidePort(request) &&
        hold.remote == RemoteOf(*pool, request))
      return &hold;
  return nullptr;
}

const IpAddress* NatOracle::PairedWith(const Request& request) const {
  for (const Hold& hold : holds_)
    if (hold.pool == PoolOf(request) && hold.subscriber == request.subscriber)
      return &hold.outside.address;
  for (const Rest& rest : rests_)
    if (rest.pool == PoolOf(request) && rest.until > now_ &&
        rest.subscriber == request.subscriber)
      return &rest.address;
  return nullptr;
}

bool NatOracle::PortTaken(const Request& request, const IpAddress& address,
                          int port) const {
  const NatPoolConfig* pool = PoolOf(request);
  for (const Hold& hold : holds_)
    if (hold.pool == pool && hold.outside.address == address &&
        Space(hold.protocol) == Space(request.protocol) &&
        hold.outside.port == port &&
        (!pool->overload || hold.remote == request.remote))
      return true;
  return false;
}

const Subscriber* NatOracle::BlockOwner(const NatPoolConfig* pool,
                                        const IpAddress& address,
                                        int port) const {
  for (const Hold& hold : holds_)
    if (hold.pool == pool && hold.outside.address == address &&
        Space(hold.protocol) != 0 &&
        Block(*pool, hold.outside.port) == Block(*pool, port))
      return &hold.subscriber;
  for (const Rest& rest : rests_)
    if (rest.pool == pool && rest.address == address && rest.until > now_ &&
        rest.block == Block(*pool, port))
      return &rest.subscriber;
  return nullptr;
}

int NatOracle::BlocksOf(const Request& request) const {
  const NatPoolConfig* pool = PoolOf(request);
  std::set<int> blocks;
  for (const Hold& hold : holds_)
    if (hold.pool == pool && hold.subscriber == request.subscriber &&
        Space(hold.protocol) != 0)
      blocks.insert(Block(*pool, hold.outside.port));
  for (const Rest& rest : rests_)
    if (rest.pool == pool && rest.subscriber == request.subscriber &&
        rest.until > now_)
      blocks.insert(rest.block);
  return static_cast<int>(blocks.size());
}

std::set<int> NatOracle::Ports(const Request& request,
                               const IpAddress& address) const {
  const NatPoolConfig* pool = PoolOf(request);
  const bool parity = pool->port_choice == NatPortChoice::kParity &&
                      Space(request.protocol) != 1;
  std::set<int> own, fresh;
  for (int port = pool->ports.first; port <= pool->ports.last; ++port) {
    if (parity && port % 2 != request.inside_port % 2) continue;
    const Subscriber* owner = BlockOwner(pool, address, port);
    if (owner == nullptr) fresh.insert(port);
    if (owner != nullptr && *owner == request.subscriber &&
        !PortTaken(request, address, port))
      own.insert(port);
  }
  const std::set<int>& allowed = own.empty() ? fresh : own;
  const int same = request.inside_port;
  if (pool->port_choice == NatPortChoice::kPreserve && allowed.contains(same))
    return {same};
  return allowed;
}

bool NatOracle::AnyBlockFree(const NatPoolConfig* pool,
                             const IpAddress& address) const {
  for (int port = pool->ports.first; port <= pool->ports.last; ++port)
    if (BlockOwner(pool, address, port) == nullptr) return true;
  return false;
}

bool NatOracle::RemoteTaken(const Request& request,
                            const IpAddress& address) const {
  for (const Hold& hold : holds_)
    if (hold.pool == PoolOf(request) && hold.outside.address == address &&
        hold.protocol == request.protocol &&
        hold.remote.address == request.remote.address &&
        !(hold.subscriber == request.subscriber))
      return true;
  return false;
}

NatOracle::Answer NatOracle::Acquire(const Request& request) const {
  const NatPoolConfig* pool = PoolOf(request);
  if (pool == nullptr) return {NatVerdict::kNoPool, {}};
  if (const Hold* hold = Find(request))
    return {.allowed = {{hold->outside.address, hold->outside.port}}};
  const bool ports = Space(request.protocol) != 0;
  const IpAddress* paired = PairedWith(request);
  bool family = false, remote_taken = false;
  Answer answer;
  for (const IpAddress& address : pool->addresses) {
    if (address.family() != request.subscriber.address.family()) continue;
    family = true;
    if (paired ? *paired != address : !AnyBlockFree(pool, address)) continue;
    if (ports) {
      for (const int port : Ports(request, address))
        answer.allowed.insert({address, port});
    } else if (RemoteTaken(request, address)) {
      remote_taken = true;
    } else {
      answer.allowed.insert({address, 0});
    }
  }
  const int quota = static_cast<int>(pool->blocks_per_subscriber);
  if (ports && paired && quota != 0 && BlocksOf(request) >= quota) {
    // Only what is in its own blocks.
    std::erase_if(answer.allowed, [&](const auto& endpoint) {
      return BlockOwner(pool, endpoint.first, endpoint.second) == nullptr;
    });
    if (answer.allowed.empty()) answer.verdict = NatVerdict::kQuota;
  } else if (!family) {
    answer.verdict = NatVerdict::kNoFamily;
  } else if (answer.allowed.empty()) {
    answer.verdict =
        remote_taken ? NatVerdict::kRemoteTaken : NatVerdict::kNoBlock;
  }
  return answer;
}

absl::StatusCode NatOracle::Adopt(const Request& request,
                                  const Endpoint& outside) const {
  const NatPoolConfig* pool = PoolOf(request);
  if (pool == nullptr) return absl::StatusCode::kNotFound;
  const bool ports = Space(request.protocol) != 0;
  bool present = false;
  for (const IpAddress& address : pool->addresses)
    present |= address == outside.address;
  if (ports &&
      (outside.port < pool->ports.first || outside.port > pool->ports.last))
    present = false;
  if (!present) return absl::StatusCode::kNotFound;
  if (const Hold* hold = Find(request))
    return hold->outside == outside ? absl::StatusCode::kOk
                                    : absl::StatusCode::kAlreadyExists;
  const IpAddress* paired = PairedWith(request);
  bool conflict = paired && *paired != outside.address;
  if (ports) {
    const Subscriber* owner = BlockOwner(pool, outside.address, outside.port);
    conflict |= owner != nullptr && !(*owner == request.subscriber);
    conflict |= PortTaken(request, outside.address, outside.port);
  } else {
    conflict |= RemoteTaken(request, outside.address);
  }
  return conflict ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kOk;
}

void NatOracle::Held(const Request& request, const Endpoint& outside) {
  if (const Hold* hold = Find(request)) {
    ++holds_[hold - holds_.data()].flows;
    return;
  }
  const NatPoolConfig* pool = PoolOf(request);
  holds_.push_back({pool, request.subscriber, request.protocol,
                    InsidePort(request), RemoteOf(*pool, request), outside, 1,
                    false});
  std::erase_if(rests_, [&](const Rest& rest) {
    return rest.until <= now_ ||
           (Space(request.protocol) != 0 && rest.pool == pool &&
            rest.address == outside.address &&
            rest.block == Block(*pool, outside.port));
  });
}

void NatOracle::Released(const Request& request) {
  const Hold* hold = Find(request);
  --holds_[hold - holds_.data()].flows;
  Erase(*hold);
}

void NatOracle::Opened(const Request& request, const Endpoint& outside) {
  Held(request, outside);
  const Hold* hold = Find(request);
  --holds_[hold - holds_.data()].flows;
  holds_[hold - holds_.data()].open = true;
}

void NatOracle::Closed(const Request& request) {
  const Hold* hold = Find(request);
  holds_[hold - holds_.data()].open = false;
  Erase(*hold);
}

// If nothing holds it.
void NatOracle::Erase(const Hold& hold) {
  if (hold.flows > 0 || hold.open) return;
  const Hold gone = hold;
  holds_.erase(holds_.begin() + (&hold - holds_.data()));
  if (Space(gone.protocol) == 0 ||
      BlockOwner(gone.pool, gone.outside.address, gone.outside.port) != nullptr)
    return;
  const uint64_t rest =
      gone.pool->rest > absl::ZeroDuration() ? ToTicks(gone.pool->rest) : 0;
  rests_.push_back({gone.pool, gone.subscriber, gone.outside.address,
                    Block(*gone.pool, gone.outside.port), now_ + rest});
}

std::vector<BlockEvent> NatOracle::Blocks() const {
  std::vector<BlockEvent> result;
  for (const NatPoolConfig& pool : pools_) {
    for (const IpAddress& address : pool.addresses) {
      for (int first = pool.ports.first; first <= pool.ports.last;
           first += pool.block_size) {
        const Subscriber* owner = BlockOwner(&pool, address, first);
        const int last =
            std::min<int>(first + pool.block_size - 1, pool.ports.last);
        if (owner != nullptr)
          result.push_back({true, pool.name, *owner, address,
                            static_cast<uint16_t>(first),
                            static_cast<uint16_t>(last)});
      }
    }
  }
  return result;
}

void NatOracle::Restarted() {
  std::erase_if(rests_, [&](const Rest& rest) { return rest.until <= now_; });
  for (Rest& rest : rests_)
    rest.until =
        now_ +
        (rest.pool->rest > absl::ZeroDuration() ? ToTicks(rest.pool->rest) : 0);
}

std::string SessionText(const NatSession& session) {
  return absl::StrCat(
      session.pool, " realm ", session.subscriber.realm, " ",
      session.subscriber.address.ToString(), " protocol ", session.protocol,
      " port ", session.inside_port, " -> ", session.outside.address.ToString(),
      " ", session.outside.port, " remote ", session.remote.address.ToString(),
      " ", session.remote.port, " flows ", session.flows,
      session.is_open ? " open" : "");
}

std::multiset<std::string> NatOracle::Sessions() const {
  std::multiset<std::string> result;
  for (const Hold& hold : holds_) {
    NatSession session;
    session.pool = hold.pool->name;
    session.subscriber = hold.subscriber;
    session.protocol = hold.protocol;
    session.inside_port = hold.inside_port;
    session.outside = hold.outside;
    session.remote = hold.remote;
    session.flows = hold.flows;
    session.is_open = hold.open;
    result.insert(SessionText(session));
  }
  return result;
}

}  // namespace rampart::oracle
