// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/nat_oracle.h"

#include "absl/strings/str_cat.h"

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

const NatOracle::Hold* NatOracle::HoldOf(const Request& request) const {
  for (const Hold& hold : holds_)
    if (hold.pool == PoolOf(request) && hold.subscriber == request.subscriber)
      return &hold;
  return nullptr;
}

bool NatOracle::PortTaken(const NatPoolConfig* pool, const IpAddress& address,
                          int protocol, int port) const {
  for (const Hold& hold : holds_)
    if (hold.pool == pool && hold.outside.address == address &&
        Space(hold.protocol) == Space(protocol) && hold.outside.port == port)
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
  return nullptr;
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
  const Hold* paired = HoldOf(request);
  bool family = false, remote_taken = false;
  Answer answer;
  for (const IpAddress& address : pool->addresses) {
    if (address.family() != request.subscriber.address.family()) continue;
    family = true;
    if (paired ? paired->outside.address != address
               : !AnyBlockFree(pool, address))
      continue;
    if (!ports) {
      if (RemoteTaken(request, address))
        remote_taken = true;
      else
        answer.allowed.insert({address, 0});
      continue;
    }
    std::set<std::pair<IpAddress, int>> own, fresh;
    for (int port = pool->ports.first; port <= pool->ports.last; ++port) {
      const Subscriber* owner = BlockOwner(pool, address, port);
      if (owner == nullptr) fresh.insert({address, port});
      if (owner != nullptr && *owner == request.subscriber &&
          !PortTaken(pool, address, request.protocol, port))
        own.insert({address, port});
    }
    answer.allowed.merge(own.empty() ? fresh : own);
  }
  if (!family)
    answer.verdict = NatVerdict::kNoFamily;
  else if (answer.allowed.empty())
    answer.verdict =
        remote_taken ? NatVerdict::kRemoteTaken : NatVerdict::kNoBlock;
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
  const Hold* paired = HoldOf(request);
  bool conflict = paired && paired->outside.address != outside.address;
  if (ports) {
    const Subscriber* owner = BlockOwner(pool, outside.address, outside.port);
    conflict |= owner != nullptr && !(*owner == request.subscriber);
    conflict |=
        PortTaken(pool, outside.address, request.protocol, outside.port);
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
                    InsidePort(request), RemoteOf(*pool, request), outside, 1});
}

void NatOracle::Released(const Request& request) {
  const auto it = holds_.begin() + (Find(request) - holds_.data());
  if (--it->flows == 0) holds_.erase(it);
}

std::string SessionText(const NatSession& session) {
  return absl::StrCat(
      session.pool, " realm ", session.subscriber.realm, " ",
      session.subscriber.address.ToString(), " protocol ", session.protocol,
      " port ", session.inside_port, " -> ", session.outside.address.ToString(),
      " ", session.outside.port, " remote ", session.remote.address.ToString(),
      " ", session.remote.port, " flows ", session.flows);
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
    result.insert(SessionText(session));
  }
  return result;
}

}  // namespace rampart::oracle
