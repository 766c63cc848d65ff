// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/former_realms.h"

namespace rampart {

absl::Status FormerRealms::Adopt(const Map<rp_grant_key, rp_grant>& grants) {
  return grants.ForEach([this](const rp_grant_key& key, const rp_grant& grant) {
    realms_[key.tunnel] = {.now = key.realm, .former = grant.former};
  });
}

void FormerRealms::Use(const Snapshot& snapshot, OnChange on_change) {
  absl::flat_hash_map<uint32_t, Realms> next;
  left_ = 0;
  for (const Tenant& tenant : snapshot.resources().tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      if (CarriesVnets(tunnel)) continue;
      Realms& realms = next[tunnel.id];
      realms.now = snapshot.FindTunnel(tunnel.id).realm;
      const auto before = realms_.find(tunnel.id);
      if (before == realms_.end() || on_change == OnChange::kCut) continue;
      const uint32_t former = before->second.now != realms.now
                                  ? before->second.now
                                  : before->second.former;
      if (snapshot.FindVnet(former).tenant != &tenant) continue;
      realms.former = former;
      ++left_;
    }
  }
  realms_ = std::move(next);
}

void FormerRealms::AddTo(
    std::vector<std::pair<rp_grant_key, rp_grant>>& grants) const {
  if (left_ == 0) return;
  for (auto& [key, grant] : grants) {
    const auto it = realms_.find(key.tunnel);
    if (it != realms_.end() && it->second.now == key.realm)
      grant.former = it->second.former;
  }
}

void FormerRealms::BeginPass() {
  if (left_ == 0) return;
  for (auto& [tunnel, realms] : realms_) realms.used = false;
}

void FormerRealms::EndPass() {
  if (left_ == 0) return;
  for (auto& [tunnel, realms] : realms_) {
    if (realms.former == 0 || realms.used) continue;
    realms.former = 0;
    --left_;
    forgotten_ = true;
  }
}

}  // namespace rampart
