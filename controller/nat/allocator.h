// SPDX-License-Identifier: Apache-2.0
// NAT mappings: which external address and port an internal endpoint has.
#ifndef RAMPART_CONTROLLER_NAT_ALLOCATOR_H_
#define RAMPART_CONTROLLER_NAT_ALLOCATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/ip.h"
#include "controller/config/edge_config.h"

namespace rampart {

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order; ICMP: identifier; other protocols: 0
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

// The unit of pairing and of port blocks: an address inside one realm (RFC
// 6888 REQ-2: internal addresses of different tenants may be equal).
struct Subscriber {
  uint32_t realm = 0;
  IpAddress address;
  friend bool operator==(const Subscriber&, const Subscriber&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Subscriber& s) {
    return H::combine(std::move(h), s.realm, s.address);
  }
};

struct NatSession {
  std::string pool;
  Subscriber subscriber;
  uint8_t protocol = 0;
  uint16_t inside_port = 0;
  Endpoint outside;
  Endpoint remote;     // where it is part of the mapping: address-and-port-
                       // dependent pools, and protocols without ports
  uint32_t flows = 0;  // that hold the mapping
};

class NatAllocator {
 public:
  // random: uniform in [0, bound).
  NatAllocator(std::vector<NatPoolConfig> pools,
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
  // one subscriber per (external address, protocol, remote address). Errors:
  // NotFound (no such pool), FailedPrecondition (no address of this family),
  // ResourceExhausted (blocks or ports used up).
  absl::StatusOr<Endpoint> Acquire(const Request& request);
  // Takes back what an earlier run gave out. Errors: NotFound if the address
  // or port is no longer in the pool, AlreadyExists if another has it or its
  // block, or if the subscriber is paired with another address by now.
  absl::Status Adopt(const Request& request, const Endpoint& outside);
  // Gives back one hold that was given. Ports return to their block, empty
  // blocks to the pool.
  void Release(const Request& request, const Endpoint& outside);

  void ForEach(absl::FunctionRef<void(const NatSession&)> visit) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_ALLOCATOR_H_
