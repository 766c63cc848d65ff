// SPDX-License-Identifier: Apache-2.0
// rampartd's own FlowHooks: the policies of the resources.
#ifndef RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_
#define RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "controller/flow/hooks.h"
#include "controller/policy/limiter.h"

namespace rampart {

// What policy is asked about a flow.
PolicyQuery QueryOf(const FlowStart& start);
// What it says. A revoked identity is refused on either side: start.route, if
// it is known, tells who the receiver is.
PolicyVerdict VerdictOf(const FlowStart& start);
// The same for whoever carries it out.
Decision DecisionOf(const PolicyVerdict& verdict);

// How often a rule has decided.
struct PolicyHits {
  uint64_t hits = 0;     // new flows; of a shadow rule, that would have been
  uint64_t differs = 0;  // of a shadow rule: what it would have changed
  uint64_t limited = 0;  // refused by its limits
  uint64_t flows = 0;    // live now, of those that began under this controller
  absl::Time last = absl::InfinitePast();
};

// Ordered rules of the flow's tenant, first match decides, none matches: deny
// with RP_DROP_POLICY_DEFAULT. Of flows that live already only the rules are
// asked: limits are for new ones.
class PolicyHooks : public FlowHooks {
 public:
  // log: takes a line for each decision of a rule that wants one; null: none
  // are written.
  explicit PolicyHooks(std::function<void(const std::string&)> log = nullptr)
      : log_(std::move(log)) {}

  void OnApply(const Snapshot& snapshot) override;
  Decision OnFlowStart(const FlowStart& start) override;
  Following following() const override { return {.installed = true}; }
  void OnFlowInstalled(const FlowState& flow) override;
  void OnFlowEnd(const FlowEnd& end) override;

  // rule: null, the hits of no rule, which is denied; name of a rule of the
  // tenant.
  PolicyHits Hits(const Tenant& tenant, const PolicyRule* rule) const;
  // Flows refused because an identity is revoked.
  uint64_t Revoked(const Tenant& tenant) const;

 private:
  struct RuleState {
    PolicyHits hits;
    Limiter limiter;
  };
  struct TenantState {
    Shared<Tenant> tenant;
    absl::node_hash_map<std::string, RuleState> rules;  // by name; "": none
    std::vector<RuleState*> by_position;
    uint64_t revoked = 0;
  };

  static void Use(const Shared<Tenant>& tenant, TenantState& state);
  TenantState* StateOf(const Tenant* tenant);
  const TenantState* StateOf(const Tenant& tenant) const;
  // Of a live flow; null: its tenant or rule is not known any more.
  RuleState* RuleOf(const FlowState& flow);
  static RuleState& RuleOf(TenantState& state, const PolicyRule* rule);
  void Count(const FlowStart& start, const PolicyVerdict& verdict,
             TenantState& state);
  void Limit(const FlowStart& start, const PolicyRule& rule, RuleState& state,
             Decision& decision);
  void Log(const FlowStart& start, const PolicyRule& rule,
           std::string_view what);

  std::function<void(const std::string&)> log_;
  int64_t log_second_ = 0;  // and lines written and lost in it
  int logged_ = 0;
  uint64_t log_lost_ = 0;
  const Snapshot* snapshot_ = nullptr;
  absl::flat_hash_map<uint32_t, std::unique_ptr<TenantState>> tenants_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_
