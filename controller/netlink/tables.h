// SPDX-License-Identifier: Apache-2.0
// The followed tables: links, addresses and neighbours as last told by the
// kernel, and what a message changes in them.
#ifndef RAMPART_CONTROLLER_NETLINK_TABLES_H_
#define RAMPART_CONTROLLER_NETLINK_TABLES_H_

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "controller/base/ip.h"
#include "controller/netlink/mnl.h"
#include "controller/netlink/underlay.h"

namespace rampart {

// ifindex and address.
using NeighbourKey = std::pair<uint32_t, IpAddress>;

// What changed since somebody was last told.
struct UnderlayChanges {
  std::set<uint32_t> links;
  std::set<uint32_t> addresses;
  bool routes = false;
  std::set<NeighbourKey> neighbours;
};

struct NeighbourEntry {
  MacAddress mac = {};
  bool fixed = false;  // set by hand (NUD_PERMANENT)
  friend bool operator==(const NeighbourEntry&,
                         const NeighbourEntry&) = default;
};

class UnderlayTables {
 public:
  // Takes in a notification or a part of a dump.
  void Apply(const NetlinkMessage& message, UnderlayChanges& changes);
  // What differs between two loads; notifications between them were lost, so
  // routes count as changed.
  static UnderlayChanges Difference(const UnderlayTables& before,
                                    const UnderlayTables& after);

  const std::map<uint32_t, Link>& links() const { return links_; }
  std::vector<IpAddress> Addresses(uint32_t ifindex) const;
  // Usable ones only.
  const std::map<NeighbourKey, NeighbourEntry>& neighbours() const {
    return neighbours_;
  }

 private:
  struct Address {
    IpAddress address;
    bool secondary = false;
    friend bool operator==(const Address&, const Address&) = default;
  };

  void ApplyLink(const NetlinkMessage& message, UnderlayChanges& changes);
  void ApplyAddress(const NetlinkMessage& message, UnderlayChanges& changes);
  void ApplyNeighbour(const NetlinkMessage& message, UnderlayChanges& changes);

  std::map<uint32_t, Link> links_;
  std::map<uint32_t, std::vector<Address>> addresses_;
  std::map<NeighbourKey, NeighbourEntry> neighbours_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NETLINK_TABLES_H_
