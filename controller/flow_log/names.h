// SPDX-License-Identifier: Apache-2.0
// The numbers of a flow as names, for the threads that write logs.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_NAMES_H_
#define RAMPART_CONTROLLER_FLOW_LOG_NAMES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/hooks.h"

namespace rampart {

// Immutable, so any thread may read it. It keeps the names of tunnels and
// tenants that are gone, whose flows end later; their ids are never reused.
class FlowNames {
 public:
  // before: may be null. Cost: a copy of the names of tunnels and vnets, once
  // per configuration; and of the rules of tenants that have changed.
  static std::shared_ptr<const FlowNames> Make(const FlowNames* before,
                                               const Snapshot& snapshot);

  struct Names {  // empty: none, or not known
    std::string_view tenant;
    std::string_view vnet;
    uint32_t vni = 0;  // 0: none, of what was refused outside
    std::string_view on_ramp;
    std::string_view off_ramp;
    // Where the rule stands now: "resources.yaml" and 12.
    std::string_view rule_file;
    int rule_line = 0;
  };
  // denied: it leads nowhere. The names live as long as this.
  Names Of(const FlowState& flow, bool denied) const;

 private:
  struct TunnelName {
    std::string name;
    uint32_t tenant = 0;
  };
  // Where the rules of a tenant stand, by their names in it.
  struct RuleLines {
    Shared<Tenant> tenant;
    std::shared_ptr<const absl::flat_hash_map<absl::string_view, int>> lines;
  };
  static RuleLines LinesOf(const Shared<Tenant>& tenant);
  std::string_view TunnelText(uint32_t id) const;

  std::string file_;
  absl::flat_hash_map<uint32_t, TunnelName> tunnels_;
  absl::flat_hash_map<uint32_t, std::string> tenants_;
  // By tenant and VNI: another tenant may get the VNI later.
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, std::string> vnets_;
  absl::flat_hash_map<uint32_t, RuleLines> rules_;  // by tenant
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_NAMES_H_
