// SPDX-License-Identifier: Apache-2.0
// NAT mappings: which external address and port an internal endpoint has.
#ifndef RAMPART_CONTROLLER_NAT_ALLOCATOR_H_
#define RAMPART_CONTROLLER_NAT_ALLOCATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "controller/base/clock.h"
#include "controller/config/edge_config.h"
#include "controller/nat/types.h"

namespace rampart {

class NatAllocator {
 public:
  // clock outlives this. random: uniform in [0, bound).
  NatAllocator(std::vector<NatPoolConfig> pools, const Clock& clock,
               std::function<uint32_t(uint32_t bound)> random);
  ~NatAllocator();

  struct Request {
    std::string_view pool;
    Subscriber subscriber;
    uint8_t protocol = 0;  // TCP, UDP, ICMP, ICMPv6; others get address only
    uint16_t inside_port = 0;
    Endpoint remote;
  };
  // The mapping of this internal endpoint, made if there is none, held once
  // more: every Acquire() or Adopt() needs one Release(). Paired: one
  // subscriber keeps one external address (RFC 6888 REQ-2). Ports are random
  // inside the subscriber's blocks (RFC 6056); other protocols share nothing:
  // one subscriber per (external address, protocol, remote address). Static
  // mappings and prefixes come first. After kLogging: ask again when Logged()
  // was told a further number.
  NatGrant Acquire(const Request& request);
  // Have memory ready: the first for the second, the second, some time later,
  // for Acquire().
  void PrefetchSubscriber(const Request& request) const;
  void PrefetchMapping(const Request& request) const;
  // A mapping of TCP or UDP for all remotes until Release() with the same
  // request; request.remote stays unset. wanted: its port, if it is free
  // (unspecified address: of whichever address it is).
  // Opening the same again changes nothing and needs no further Release().
  NatGrant Open(const Request& request, const std::optional<Endpoint>& wanted);
  // The mapping that Acquire() would find; protocols with ports only.
  std::optional<Endpoint> Find(const Request& request) const;
  // Takes back what an earlier run gave out. Errors: NotFound if the address
  // or port is no longer in the pool, AlreadyExists if another has it or its
  // block, or if the subscriber is paired with another address by now.
  absl::Status Adopt(const Request& request, const Endpoint& outside);
  // Gives back one hold that was given. Ports return to their block. An empty
  // block rests with its subscriber; after that it is for everybody.
  void Release(const Request& request, const Endpoint& outside);

  // Who is behind an external endpoint, by mappings, static ones and prefixes.
  // remote asks to be let in. Address-and-port-dependent filtering lets nobody
  // in: whom it admits has a flow already. Nothing for shared ports
  // (`overload`), and where nobody is.
  std::optional<NatInside> FindInside(uint8_t protocol, const Endpoint& outside,
                                      const Endpoint& remote) const;
  // Whether the pool leaves packets to this destination as they are.
  bool Excluded(std::string_view pool, const IpAddress& destination) const;
  // The pool whose address, or whose prefix's, this is; null: none.
  const NatPoolConfig* PoolOf(const IpAddress& outside) const;

  // Told when TCP or UDP packets from outside, of remotes without a flow, may
  // be let in at an external endpoint, and when no longer.
  std::function<void(uint8_t protocol, const Endpoint& outside, bool open)>
      on_open;

  // Replace all of them; after Restore(). Flows of those that are gone stay as
  // they are. The port of a static mapping is a block of the log.
  void UseStatic(std::vector<NatStatic> mappings);
  void UsePrefixes(const std::vector<NatPrefix>& prefixes);

  // Writes one record and returns its number, which grows; 0: cannot take it
  // now. Unset: nothing is logged, and blocks may be used at once.
  std::function<uint64_t(const BlockEvent&)> log;
  // Records up to this number are durable: their blocks may be used.
  void Logged(uint64_t up_to);
  // Once, before all Adopt(): an earlier run's blocks, granted and not
  // released, stay with their subscribers and rest. What no longer fits the
  // pools is released, and what it overlaps rests.
  void Restore(absl::Span<const BlockEvent> open);
  // Releases what has rested. Acquire() does it too when it needs a block; to
  // be called now and then, for the log and Use().
  void ReleaseRested();

  void ForEach(absl::FunctionRef<void(const NatSession&)> visit) const;
  void ForEachSubscriber(
      absl::FunctionRef<void(const SubscriberUse&)> visit) const;
  std::vector<PoolUse> Use() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_ALLOCATOR_H_
