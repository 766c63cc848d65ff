// SPDX-License-Identifier: Apache-2.0
// RTM_*LINK, RTM_*ADDR, RTM_*ROUTE and RTM_*NEIGH, read.
#include "controller/netlink/tables.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

namespace rampart {
namespace {

// linux/if.h and linux/if_arp.h do not go with net/if.h.
constexpr uint32_t kUp = 1 << 0;        // IFF_UP
constexpr uint32_t kLowerUp = 1 << 16;  // IFF_LOWER_UP
constexpr uint16_t kEthernet = 1;       // ARPHRD_ETHER

// States in which the kernel itself would send to the MAC it has.
constexpr uint16_t kUsable = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE |
                             NUD_STALE | NUD_DELAY | NUD_PROBE;

Link ToLink(const ifinfomsg& header, const NetlinkAttributes& attributes) {
  Link link;
  link.ifindex = static_cast<uint32_t>(header.ifi_index);
  link.name = attributes.Text(IFLA_IFNAME);
  link.mtu = attributes.Number<uint32_t>(IFLA_MTU).value_or(0);
  link.up = (header.ifi_flags & kUp) != 0 && (header.ifi_flags & kLowerUp) != 0;
  link.ethernet = header.ifi_type == kEthernet;
  if (link.ethernet) {
    link.mac = attributes.Number<MacAddress>(IFLA_ADDRESS).value_or(link.mac);
  }
  const NetlinkAttributes info = attributes.Nested(IFLA_LINKINFO);
  if (info.Text(IFLA_INFO_KIND) == "vlan") {
    const NetlinkAttributes vlan = info.Nested(IFLA_INFO_DATA);
    link.parent = attributes.Number<uint32_t>(IFLA_LINK).value_or(0);
    link.vlan_id = vlan.Number<uint16_t>(IFLA_VLAN_ID).value_or(0);
    link.vlan_proto =
        ntohs(vlan.Number<uint16_t>(IFLA_VLAN_PROTOCOL).value_or(0));
  }
  return link;
}

// Keys whose values differ between two maps.
template <typename M>
std::set<typename M::key_type> Differing(const M& a, const M& b) {
  std::set<typename M::key_type> keys;
  for (const auto& [key, value] : a) {
    const auto found = b.find(key);
    if (found == b.end() || !(found->second == value)) keys.insert(key);
  }
  for (const auto& [key, value] : b) {
    if (!a.contains(key)) keys.insert(key);
  }
  return keys;
}

}  // namespace

void UnderlayTables::Apply(const NetlinkMessage& message,
                           UnderlayChanges& changes) {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return ApplyLink(message, changes);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return ApplyAddress(message, changes);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return ApplyNeighbour(message, changes);
    default:  // routes, rules and next hop objects, by the groups joined
      changes.routes = true;
  }
}

void UnderlayTables::ApplyLink(const NetlinkMessage& message,
                               UnderlayChanges& changes) {
  const auto header = message.Header<ifinfomsg>();
  // AF_BRIDGE: news of a bridge about its port, not of the link.
  if (!header || header->ifi_family != AF_UNSPEC) return;
  const Link link = ToLink(*header, message.Attributes<ifinfomsg>());
  const auto known = links_.find(link.ifindex);
  if (message.type == RTM_NEWLINK && known != links_.end() &&
      known->second == link) {
    return;
  }
  changes.links.insert(link.ifindex);
  // The kernel drops IPv4 routes of a link that goes down without a word.
  changes.routes = true;
  if (message.type == RTM_NEWLINK) {
    links_[link.ifindex] = link;
    return;
  }
  links_.erase(link.ifindex);
  if (addresses_.erase(link.ifindex) > 0) {
    changes.addresses.insert(link.ifindex);
  }
  std::erase_if(neighbours_, [&](const auto& entry) {
    if (entry.first.first != link.ifindex) return false;
    changes.neighbours.insert(entry.first);
    return true;
  });
}

void UnderlayTables::ApplyAddress(const NetlinkMessage& message,
                                  UnderlayChanges& changes) {
  const auto header = message.Header<ifaddrmsg>();
  if (!header) return;
  const NetlinkAttributes attributes = message.Attributes<ifaddrmsg>();
  // On a point-to-point link IFA_ADDRESS is the other end's.
  auto address = attributes.Address(IFA_LOCAL);
  if (!address) address = attributes.Address(IFA_ADDRESS);
  if (!address) return;
  const Address entry = {*address, (header->ifa_flags & IFA_F_SECONDARY) != 0};
  std::vector<Address>& all = addresses_[header->ifa_index];
  const auto same = std::find_if(all.begin(), all.end(), [&](const Address& a) {
    return a.address == entry.address;
  });
  if (message.type == RTM_NEWADDR) {
    if (same != all.end() && *same == entry) return;
    if (same != all.end()) {
      *same = entry;
    } else {
      all.push_back(entry);
    }
  } else {
    if (same == all.end()) return;
    all.erase(same);
  }
  changes.addresses.insert(header->ifa_index);
  changes.routes = true;  // preferred sources, and routes that went with it
}

void UnderlayTables::ApplyNeighbour(const NetlinkMessage& message,
                                    UnderlayChanges& changes) {
  const auto header = message.Header<ndmsg>();
  if (!header || (header->ndm_flags & NTF_PROXY) != 0) return;
  const NetlinkAttributes attributes = message.Attributes<ndmsg>();
  const auto address = attributes.Address(NDA_DST);
  if (!address) return;
  const NeighbourKey key(static_cast<uint32_t>(header->ndm_ifindex), *address);
  const auto mac = attributes.Number<MacAddress>(NDA_LLADDR);
  const auto known = neighbours_.find(key);
  if (message.type == RTM_NEWNEIGH && mac &&
      (header->ndm_state & kUsable) != 0) {
    const NeighbourEntry entry = {*mac,
                                  (header->ndm_state & NUD_PERMANENT) != 0};
    if (known != neighbours_.end() && known->second == entry) return;
    neighbours_[key] = entry;
  } else {
    if (known == neighbours_.end()) return;
    neighbours_.erase(known);
  }
  changes.neighbours.insert(key);
}

std::vector<IpAddress> UnderlayTables::Addresses(uint32_t ifindex) const {
  std::vector<IpAddress> addresses;
  const auto found = addresses_.find(ifindex);
  if (found == addresses_.end()) return addresses;
  for (const bool secondary : {false, true}) {
    for (const Address& entry : found->second) {
      if (entry.secondary == secondary) addresses.push_back(entry.address);
    }
  }
  return addresses;
}

UnderlayChanges UnderlayTables::Difference(const UnderlayTables& before,
                                           const UnderlayTables& after) {
  return {.links = Differing(before.links_, after.links_),
          .addresses = Differing(before.addresses_, after.addresses_),
          .routes = true,
          .neighbours = Differing(before.neighbours_, after.neighbours_)};
}

}  // namespace rampart
