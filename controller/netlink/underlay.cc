// SPDX-License-Identifier: Apache-2.0
// One socket follows the kernel's tables, another asks.
#include "controller/netlink/underlay.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/netlink/mnl.h"
#include "controller/netlink/tables.h"

namespace rampart {
namespace {

constexpr int kGroups[] = {
    RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,     RTNLGRP_NEIGH,
};
constexpr int kReceiveBuffer = 1 << 20;  // bytes
constexpr int kLoadAttempts = 10;

uint8_t FamilyOf(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

class KernelUnderlay final : public Underlay {
 public:
  KernelUnderlay(NetlinkSocket follow, NetlinkSocket ask)
      : follow_(std::move(follow)), ask_(std::move(ask)) {}

  // Reads all tables; `changes`: what that changed.
  absl::Status Load(UnderlayChanges& changes);

  std::optional<Link> FindLink(std::string_view name) const override;
  std::optional<Link> FindLink(uint32_t ifindex) const override;
  std::vector<IpAddress> Addresses(uint32_t ifindex) const override {
    return tables_.Addresses(ifindex);
  }
  absl::StatusOr<UnderlayRoute> Route(const IpAddress& destination) override;
  std::optional<MacAddress> Neighbour(uint32_t ifindex,
                                      const IpAddress& address) const override;
  absl::Status Manage(uint32_t ifindex, const IpAddress& address) override;
  absl::Status Unmanage(uint32_t ifindex, const IpAddress& address) override;
  void SetListener(Listener listener) override {
    listener_ = std::move(listener);
  }
  int fd() const override { return follow_.fd(); }
  absl::Status Process() override;

 private:
  absl::Status Dump(UnderlayTables& tables);
  absl::Status SetNeighbour(const NeighbourKey& key, uint32_t extended_flags);
  bool IsFixed(const NeighbourKey& key) const;
  void Remanage(const UnderlayChanges& changes);
  void Tell(const UnderlayChanges& changes) const;
  UnderlayRoute ToRoute(const NetlinkAttributes& attributes,
                        const IpAddress& destination) const;

  NetlinkSocket follow_;
  NetlinkSocket ask_;
  UnderlayTables tables_;
  std::set<NeighbourKey> managed_;
  Listener listener_;
};

absl::Status KernelUnderlay::Dump(UnderlayTables& tables) {
  UnderlayChanges ignored;
  const auto apply = [&](const NetlinkMessage& message) {
    tables.Apply(message, ignored);
  };
  RETURN_IF_ERROR(
      ask_.Ask(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}), apply));
  RETURN_IF_ERROR(
      ask_.Ask(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), apply));
  return ask_.Ask(NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{}), apply);
}

absl::Status KernelUnderlay::Load(UnderlayChanges& changes) {
  UnderlayTables tables;
  absl::Status status = absl::AbortedError("");
  for (int i = 0; i < kLoadAttempts && absl::IsAborted(status); ++i) {
    tables = {};
    status = Dump(tables);
  }
  // A server that changes all the time is taken as it is: what the last dump
  // missed is on its way as notifications.
  if (!status.ok() && !absl::IsAborted(status)) return status;
  changes = UnderlayTables::Difference(tables_, tables);
  tables_ = std::move(tables);
  return absl::OkStatus();
}

std::optional<Link> KernelUnderlay::FindLink(std::string_view name) const {
  for (const auto& [ifindex, link] : tables_.links()) {
    if (link.name == name) return link;
  }
  return std::nullopt;
}

std::optional<Link> KernelUnderlay::FindLink(uint32_t ifindex) const {
  const auto found = tables_.links().find(ifindex);
  if (found == tables_.links().end()) return std::nullopt;
  return found->second;
}

UnderlayRoute KernelUnderlay::ToRoute(const NetlinkAttributes& attributes,
                                      const IpAddress& destination) const {
  UnderlayRoute route;
  route.ifindex = attributes.Number<uint32_t>(RTA_OIF).value_or(0);
  route.gateway = attributes.Address(RTA_GATEWAY);
  // struct rtvia: family, then the address of a gateway of the other family.
  const absl::Span<const uint8_t> via = attributes.Bytes(RTA_VIA);
  if (via.size() > sizeof(rtvia)) {
    route.gateway = ToAddress(via.subspan(sizeof(rtvia)));
  }
  const uint8_t zeros[16] = {};
  route.source =
      attributes.Address(RTA_PREFSRC)
          .value_or(destination.is_v4() ? IpAddress() : IpAddress::V6(zeros));
  const std::optional<Link> link = FindLink(route.ifindex);
  route.mtu = attributes.Nested(RTA_METRICS)
                  .Number<uint32_t>(RTAX_MTU)
                  .value_or(link ? link->mtu : 0);
  return route;
}

absl::StatusOr<UnderlayRoute> KernelUnderlay::Route(
    const IpAddress& destination) {
  rtmsg header = {};
  header.rtm_family = FamilyOf(destination);
  header.rtm_dst_len = static_cast<uint8_t>(destination.bits());
  NetlinkRequest request(RTM_GETROUTE, 0, header);
  request.PutAddress(RTA_DST, destination);
  std::optional<UnderlayRoute> route;
  const absl::Status status =
      ask_.Ask(request, [&](const NetlinkMessage& message) {
        const auto answer = message.Header<rtmsg>();
        if (!answer || answer->rtm_type != RTN_UNICAST) return;
        route = ToRoute(message.Attributes<rtmsg>(), destination);
      });
  // Errors of the kernel are how it tells unreachable, prohibit, blackhole.
  if (route) return *route;
  return absl::NotFoundError(absl::StrCat(
      "route to ", destination.ToString(), ": ",
      status.ok() ? "not unicast" : std::string(status.message())));
}

std::optional<MacAddress> KernelUnderlay::Neighbour(
    uint32_t ifindex, const IpAddress& address) const {
  const auto found = tables_.neighbours().find({ifindex, address});
  if (found == tables_.neighbours().end()) return std::nullopt;
  return found->second.mac;
}

// Set by hand: it would become an ordinary entry.
bool KernelUnderlay::IsFixed(const NeighbourKey& key) const {
  const auto found = tables_.neighbours().find(key);
  return found != tables_.neighbours().end() && found->second.fixed;
}

// NTF_USE makes the kernel resolve at once, as if it had a packet to send.
absl::Status KernelUnderlay::SetNeighbour(const NeighbourKey& key,
                                          uint32_t extended_flags) {
  ndmsg header = {};
  header.ndm_family = FamilyOf(key.second);
  header.ndm_ifindex = static_cast<int32_t>(key.first);
  header.ndm_flags = NTF_USE;
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  request.PutAddress(NDA_DST, key.second);
  if (extended_flags != 0) {
    request.Put(NDA_FLAGS_EXT, &extended_flags, sizeof(extended_flags));
  }
  const absl::Status status = ask_.Ask(request, [](const NetlinkMessage&) {});
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("neighbour ", key.second.ToString(), ": ",
                                   status.message()));
}

absl::Status KernelUnderlay::Manage(uint32_t ifindex,
                                    const IpAddress& address) {
  const NeighbourKey key(ifindex, address);
  managed_.insert(key);
  if (IsFixed(key)) return absl::OkStatus();
  if (SetNeighbour(key, NTF_EXT_MANAGED).ok()) return absl::OkStatus();
  return SetNeighbour(key, 0);  // at least resolve it once
}

absl::Status KernelUnderlay::Unmanage(uint32_t ifindex,
                                      const IpAddress& address) {
  const NeighbourKey key(ifindex, address);
  if (managed_.erase(key) == 0) return absl::OkStatus();
  // Of a link that is gone or down the kernel has forgotten all anyway.
  const std::optional<Link> link = FindLink(ifindex);
  if (!link || !link->up || IsFixed(key)) return absl::OkStatus();
  return SetNeighbour(key, 0);
}

// The kernel forgets managed neighbours when their link goes down.
void KernelUnderlay::Remanage(const UnderlayChanges& changes) {
  for (const NeighbourKey& key : managed_) {
    const std::optional<Link> link = FindLink(key.first);
    if (!link || !link->up) continue;
    const bool lost =
        changes.neighbours.contains(key) && !tables_.neighbours().contains(key);
    if (lost || changes.links.contains(key.first)) {
      Manage(key.first, key.second).IgnoreError();
    }
  }
}

absl::Status KernelUnderlay::Process() {
  UnderlayChanges changes;
  const absl::Status status = follow_.Drain(
      [&](const NetlinkMessage& m) { tables_.Apply(m, changes); });
  if (absl::IsResourceExhausted(status)) {
    UnderlayChanges more;
    RETURN_IF_ERROR(Load(more));
    changes.links.merge(more.links);
    changes.addresses.merge(more.addresses);
    changes.neighbours.merge(more.neighbours);
    changes.routes = true;
  } else {
    RETURN_IF_ERROR(status);
  }
  Remanage(changes);
  Tell(changes);
  return absl::OkStatus();
}

void KernelUnderlay::Tell(const UnderlayChanges& changes) const {
  for (const uint32_t ifindex : changes.links) {
    if (listener_.on_link) listener_.on_link(ifindex);
  }
  for (const uint32_t ifindex : changes.addresses) {
    if (listener_.on_address) listener_.on_address(ifindex);
  }
  if (changes.routes && listener_.on_route) listener_.on_route();
  for (const auto& [ifindex, address] : changes.neighbours) {
    if (listener_.on_neighbour) listener_.on_neighbour(ifindex, address);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Underlay>> OpenUnderlay() {
  ASSIGN_OR_RETURN(NetlinkSocket follow, NetlinkSocket::Open());
  follow.SetReceiveBuffer(kReceiveBuffer);
  // Joined before the tables are read: what changes meanwhile is told again.
  for (const int group : kGroups) RETURN_IF_ERROR(follow.Join(group));
  ASSIGN_OR_RETURN(NetlinkSocket ask, NetlinkSocket::Open());
  auto underlay =
      std::make_unique<KernelUnderlay>(std::move(follow), std::move(ask));
  UnderlayChanges ignored;
  RETURN_IF_ERROR(underlay->Load(ignored));
  return std::unique_ptr<Underlay>(std::move(underlay));
}

}  // namespace rampart
