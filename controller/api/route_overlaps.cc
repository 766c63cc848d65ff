// SPDX-License-Identifier: Apache-2.0
// Which routes of a tenant are about the same addresses.
#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/api/route.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

constexpr uint64_t kLimit = 1000;
constexpr uint64_t kLimitMax = 100000;

class Overlaps {
 public:
  Overlaps(uint64_t limit, std::string vnet)
      : limit_(limit), vnet_(std::move(vnet)) {}

  // In this order a prefix comes behind all that contain it, and those that
  // contain the one at hand are a stack. Two prefixes that neither are the
  // same nor contain each other share no address.
  void Add(const Tenant& tenant) {
    std::vector<const Route*> routes;
    routes.reserve(tenant.routes.size());
    for (const Route& route : tenant.routes) routes.push_back(&route);
    std::sort(routes.begin(), routes.end(), [](const Route* a, const Route* b) {
      return std::tie(a->cidr, a->vnet) < std::tie(b->cidr, b->vnet);
    });
    std::vector<const Route*> around;
    for (const Route* route : routes) {
      while (!around.empty() && !around.back()->cidr.Contains(route->cidr))
        around.pop_back();
      if (total_ >= limit_ && vnet_.empty())
        total_ += around.size();  // which may be very many pairs
      else
        for (const Route* wide : around) AddPair(tenant, *wide, *route);
      around.push_back(route);
    }
  }

  Json rows() { return std::move(rows_); }
  uint64_t total() const { return total_; }

 private:
  void AddPair(const Tenant& tenant, const Route& wide, const Route& narrow) {
    if (!vnet_.empty() && wide.vnet != vnet_ && narrow.vnet != vnet_) return;
    if (++total_ > limit_) return;
    const bool same_vnet = wide.vnet == narrow.vnet;
    rows_.push_back({{"tenant", tenant.name},
                     {"cidr", wide.cidr.ToString()},
                     {"vnet", wide.vnet},
                     {"via", ViaOf(wide)},
                     {"other_cidr", narrow.cidr.ToString()},
                     {"other_vnet", narrow.vnet},
                     {"other_via", ViaOf(narrow)},
                     {"kind", wide.cidr == narrow.cidr ? "same" : "contains"},
                     {"same_vnet", same_vnet},
                     {"text", Text(wide, narrow, same_vnet)}});
  }

  static std::string Text(const Route& wide, const Route& narrow,
                          bool same_vnet) {
    const std::string kind =
        wide.cidr == narrow.cidr ? "same prefix" : "contained";
    if (!same_vnet) return absl::StrCat(kind, ", separate vnets (fine)");
    if (ViaOf(wide) == ViaOf(narrow))
      return absl::StrCat(kind, ", SAME vnet: both go to ", ViaOf(wide));
    return absl::StrCat(kind, ", SAME vnet: ", narrow.cidr.ToString(),
                        " goes to ", ViaOf(narrow));
  }

  const uint64_t limit_;
  const std::string vnet_;
  Json rows_ = Json::array();
  uint64_t total_ = 0;
};

}  // namespace

std::string ViaOf(const Route& route) {
  switch (route.kind) {
    case Route::Kind::kTunnel:
      break;
    case Route::Kind::kInternet:
      return "internet";
    case Route::Kind::kBlackhole:
      return "blackhole";
  }
  return route.tunnel;
}

absl::StatusOr<Json> OverlapsDocument(const Snapshot& snapshot,
                                      const Query& query) {
  const std::string tenant(FindParameter(query, "tenant"));
  const std::string vnet(FindParameter(query, "vnet"));
  const std::string_view asked = FindParameter(query, "limit");
  uint64_t limit = kLimit;
  if (!asked.empty() && (!absl::SimpleAtoi(Abseil(asked), &limit) ||
                         limit == 0 || limit > kLimitMax))
    return absl::InvalidArgumentError(
        absl::StrCat("limit: ", Quoted(asked), " is none; write a number from ",
                     "1 to ", kLimitMax));
  Overlaps overlaps(limit, vnet);
  bool found = tenant.empty();
  for (const Tenant& one : snapshot.resources().tenants) {
    if (!tenant.empty() && one.name != tenant) continue;
    found = true;
    overlaps.Add(one);
  }
  if (!found)
    return absl::NotFoundError(absl::StrCat("tenant ", Quoted(tenant),
                                            ": there is none of this name"));
  Json document = Document("route-overlaps");
  document["epoch"] = snapshot.epoch();
  document["total"] = overlaps.total();
  document["overlaps"] = overlaps.rows();
  return document;
}

}  // namespace rampart
