// SPDX-License-Identifier: Apache-2.0
// The mappings that subscribers have asked for, and for how long.
#ifndef RAMPART_CONTROLLER_PCP_MAPPINGS_H_
#define RAMPART_CONTROLLER_PCP_MAPPINGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "controller/base/clock.h"
#include "controller/nat/allocator.h"
#include "controller/nat/explicit_mapping.h"
#include "controller/pcp/message.h"

namespace rampart {

struct PcpLimits {
  uint32_t min_lifetime = 120;  // seconds (RFC 6887 section 15)
  uint32_t max_lifetime = 86400;
  // Of a PEER mapping of a pool that filters by address and port: such a
  // mapping admits nobody by itself, so more would promise too much.
  uint32_t max_filtered = 120;
  size_t mappings_per_subscriber = 1024;
};

class PcpMappings {
 public:
  // Writes a mapping down, or that it is over. Returns the record's number;
  // 0: that cannot be done now.
  using Keep = std::function<uint64_t(const ExplicitMapping&, bool kept)>;

  // nat and clock must outlive this.
  PcpMappings(NatAllocator& nat, const Clock& clock, Keep keep,
              PcpLimits limits);

  // Before anything else, and before flows are adopted: what an earlier run
  // kept. epoch: how long nothing has been lost. False if something is lost
  // now; then the epoch begins anew (RFC 6887 section 8.5).
  bool Restore(absl::Span<const ExplicitMapping> mappings,
               absl::Duration epoch);

  struct Key {
    uint8_t protocol = 0;  // TCP or UDP
    uint16_t inside_port = 0;
    Endpoint remote;  // of PEER, else unset: all remotes
    friend bool operator==(const Key&, const Key&) = default;
    friend auto operator<=>(const Key& a, const Key& b) {
      return a.Order() <=> b.Order();
    }

   private:
    std::tuple<uint8_t, uint16_t, const IpAddress&, uint16_t> Order() const {
      return {protocol, inside_port, remote.address, remote.port};
    }
  };
  // What PCP and NAT-PMP can ask for.
  struct Ask {
    Key key;
    PcpNonce nonce = {};
    Endpoint suggested;     // unspecified address, port 0: any
    uint32_t lifetime = 0;  // seconds; 0: delete
    bool prefer_failure = false;
  };
  struct Outcome {
    PcpResult result = PcpResult::kSuccess;
    Endpoint outside;
    uint32_t lifetime = 0;  // seconds, also of an error
    uint64_t record = 0;    // must be durable before the answer; 0: none
    bool wait = false;      // for a block of ports; ask again
  };
  // pool: empty if the subscriber may have no mappings.
  Outcome Do(std::string_view pool, const Subscriber& subscriber,
             const Ask& ask);
  // Deletes all of a protocol that have this nonce.
  Outcome DeleteAll(const Subscriber& subscriber, uint8_t protocol,
                    const PcpNonce& nonce);

  // Ends what has expired.
  void Expire();
  // Ends the mappings of those who are no longer there.
  void Remove(absl::FunctionRef<bool(const Subscriber&)> gone);

  // Seconds since something was lost.
  uint32_t Epoch();
  void ForEach(absl::FunctionRef<void(const ExplicitMapping&)> visit);

 private:
  struct Mapping {
    std::string pool;
    Endpoint outside;
    PcpNonce nonce = {};
    uint64_t expires = 0;  // by Now()
  };
  using Mappings = std::map<Key, Mapping>;
  // When, and whose.
  using Expiry = std::tuple<uint64_t, uint32_t, IpAddress, Key>;
  static Expiry ExpiryOf(const Subscriber& subscriber, const Key& key,
                         const Mapping& mapping) {
    return {mapping.expires, subscriber.realm, subscriber.address, key};
  }

  static NatAllocator::Request RequestOf(std::string_view pool,
                                         const Subscriber& subscriber,
                                         const Key& key);
  uint64_t Now();  // ticks that do not wrap
  uint32_t Remaining(const Mapping& mapping);
  Mapping* Find(const Subscriber& subscriber, const Key& key);
  ExplicitMapping Describe(const Subscriber& subscriber, const Key& key,
                           const Mapping& mapping);
  // Keeps it, in place of an older one. Returns the record's number; 0: it
  // cannot be kept, and nothing has changed.
  uint64_t Add(const Subscriber& subscriber, const Key& key, Mapping mapping);
  // In place of an older one.
  void Put(const Subscriber& subscriber, const Key& key, Mapping mapping);
  // Gives the port back and forgets the mapping.
  uint64_t End(const Subscriber& subscriber, const Key& key);
  Outcome Delete(std::string_view pool, const Subscriber& subscriber,
                 const Ask& ask, const Mapping* mapping);
  Outcome Renew(const Subscriber& subscriber, const Ask& ask, Mapping mapping);
  Outcome Create(std::string_view pool, const Subscriber& subscriber,
                 const Ask& ask);
  Outcome Obtain(const NatAllocator::Request& request, const Ask& ask);
  NatGrant Open(const NatAllocator::Request& request, const Ask& ask);
  uint32_t LifetimeOf(const Ask& ask, const Endpoint& outside) const;
  bool RestoreOne(const ExplicitMapping& kept, absl::Duration left);

  NatAllocator& nat_;
  const Clock& clock_;
  const Keep keep_;
  const PcpLimits limits_;
  uint64_t now_;
  const uint64_t began_;       // by Now()
  uint32_t epoch_before_ = 0;  // seconds, of earlier runs
  absl::flat_hash_map<Subscriber, Mappings> mappings_;  // none is empty
  std::set<Expiry> expiries_;                           // one of each mapping
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PCP_MAPPINGS_H_
