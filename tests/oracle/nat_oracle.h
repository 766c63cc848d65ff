// SPDX-License-Identifier: Apache-2.0
// NAT as a plain list of what is held. Every rule is a scan of the list, so
// there is no second state that could disagree with it.
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
  };

  const NatPoolConfig* PoolOf(const NatAllocator::Request& request) const;
  const Hold* Find(const NatAllocator::Request& request) const;
  // Any hold of the same subscriber and pool.
  const Hold* HoldOf(const NatAllocator::Request& request) const;
  bool PortTaken(const NatPoolConfig* pool, const IpAddress& address,
                 int protocol, int port) const;
  // Who has a port in the block of `port`; null: nobody.
  const Subscriber* BlockOwner(const NatPoolConfig* pool,
                               const IpAddress& address, int port) const;
  bool AnyBlockFree(const NatPoolConfig* pool, const IpAddress& address) const;
  bool RemoteTaken(const NatAllocator::Request& request,
                   const IpAddress& address) const;

  std::vector<NatPoolConfig> pools_;
  std::vector<Hold> holds_;
};

std::string SessionText(const NatSession& session);

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_NAT_ORACLE_H_
