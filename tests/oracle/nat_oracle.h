// SPDX-License-Identifier: Apache-2.0
// NAT as two plain lists: what is held, and which blocks rest. Every rule is a
// scan of them, so there is no third state that could disagree with them.
#ifndef RAMPART_TESTS_ORACLE_NAT_ORACLE_H_
#define RAMPART_TESTS_ORACLE_NAT_ORACLE_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controller/config/edge_config.h"
#include "controller/nat/allocator.h"

namespace rampart::oracle {

class NatOracle {
 public:
  explicit NatOracle(std::vector<NatPoolConfig> pools)
      : pools_(std::move(pools)) {}

  void Advance(uint32_t ticks) { now_ += ticks; }

  // What NatAllocator may answer: a verdict and, if granted, one of these.
  struct Answer {
    NatVerdict verdict = NatVerdict::kGranted;
    std::set<std::pair<IpAddress, int>> allowed;
  };
  Answer Acquire(const NatAllocator::Request& request) const;
  absl::StatusCode Adopt(const NatAllocator::Request& request,
                         const Endpoint& outside) const;

  // The allocator gave `outside`, or took it back.
  void Held(const NatAllocator::Request& request, const Endpoint& outside);
  void Released(const NatAllocator::Request& request);
  // The same by Open(), which has no remote.
  void Opened(const NatAllocator::Request& request, const Endpoint& outside);
  void Closed(const NatAllocator::Request& request);

  // What a log would say is granted and not released.
  std::vector<BlockEvent> Blocks() const;
  // Everything rests anew.
  void Restarted();

  // As ForEach() would tell, each session one line of text.
  std::multiset<std::string> Sessions() const;

 private:
  struct Hold {
    const NatPoolConfig* pool;
    Subscriber subscriber;
    int protocol;
    int inside_port;
    Endpoint remote;
    Endpoint outside;
    int flows;
    bool open;
  };
  // A block without a port in use.
  struct Rest {
    const NatPoolConfig* pool;
    Subscriber subscriber;
    IpAddress address;
    int block;
    uint64_t until;
  };

  const NatPoolConfig* PoolOf(const NatAllocator::Request& request) const;
  const Hold* Find(const NatAllocator::Request& request) const;
  void Erase(const Hold& hold);
  // The address that a subscriber is paired with; null: none.
  const IpAddress* PairedWith(const NatAllocator::Request& request) const;
  bool PortTaken(const NatAllocator::Request& request, const IpAddress& address,
                 int port) const;
  int BlocksOf(const NatAllocator::Request& request) const;
  // The ports that a request may get of an address.
  std::set<int> Ports(const NatAllocator::Request& request,
                      const IpAddress& address) const;
  // Whose block `port` is in; null: nobody's.
  const Subscriber* BlockOwner(const NatPoolConfig* pool,
                               const IpAddress& address, int port) const;
  bool AnyBlockFree(const NatPoolConfig* pool, const IpAddress& address) const;
  bool RemoteTaken(const NatAllocator::Request& request,
                   const IpAddress& address) const;

  std::vector<NatPoolConfig> pools_;
  std::vector<Hold> holds_;
  std::vector<Rest> rests_;
  uint64_t now_ = 0;  // ticks
};

std::string SessionText(const NatSession& session);

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_NAT_ORACLE_H_
