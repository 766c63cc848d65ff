// SPDX-License-Identifier: Apache-2.0
// A server's network that a test arranges and rearranges.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_FAKE_UNDERLAY_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_FAKE_UNDERLAY_H_

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/netlink/underlay.h"

namespace rampart {

class FakeUnderlay final : public Underlay {
 public:
  using Neighbours = std::map<std::pair<uint32_t, IpAddress>, MacAddress>;

  std::optional<Link> FindLink(std::string_view name) const override {
    for (const Link& link : links)
      if (link.name == name) return link;
    return std::nullopt;
  }
  std::optional<Link> FindLink(uint32_t ifindex) const override {
    for (const Link& link : links)
      if (link.ifindex == ifindex) return link;
    return std::nullopt;
  }
  std::vector<IpAddress> Addresses(uint32_t ifindex) const override {
    const auto found = addresses.find(ifindex);
    return found == addresses.end() ? std::vector<IpAddress>() : found->second;
  }
  absl::StatusOr<UnderlayRoute> Route(const IpAddress& destination) override {
    ++route_calls;
    const std::pair<Prefix, UnderlayRoute>* best = nullptr;
    for (const auto& route : routes) {
      if (route.first.Contains(destination) &&
          (best == nullptr || route.first.length() > best->first.length()))
        best = &route;
    }
    if (best == nullptr) return absl::NotFoundError("no route");
    return best->second;
  }
  std::optional<MacAddress> Neighbour(uint32_t ifindex,
                                      const IpAddress& address) const override {
    const auto found = neighbours.find({ifindex, address});
    if (found == neighbours.end()) return std::nullopt;
    return found->second;
  }
  absl::Status Manage(uint32_t ifindex, const IpAddress& address) override {
    managed.insert({ifindex, address});
    ++manage_calls;
    return absl::OkStatus();
  }
  absl::Status Unmanage(uint32_t ifindex, const IpAddress& address) override {
    managed.erase({ifindex, address});
    return absl::OkStatus();
  }
  void SetListener(Listener) override {}
  int fd() const override { return -1; }
  absl::Status Process() override { return absl::OkStatus(); }

  Link& link(uint32_t ifindex) {
    return *std::find_if(links.begin(), links.end(), [&](const Link& link) {
      return link.ifindex == ifindex;
    });
  }

  std::vector<Link> links;
  std::map<uint32_t, std::vector<IpAddress>> addresses;
  std::vector<std::pair<Prefix, UnderlayRoute>> routes;
  Neighbours neighbours;
  std::set<std::pair<uint32_t, IpAddress>> managed;
  int route_calls = 0;
  int manage_calls = 0;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_FAKE_UNDERLAY_H_
