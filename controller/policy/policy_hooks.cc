// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_hooks.h"

#include <netinet/in.h>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/words.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr int kLinesPerSecond = 100;

std::string_view ReceiverOf(const FlowStart& start) {
  if (start.route.tunnel == nullptr) return {};
  return start.vnet.policy->IdentityOf(*start.route.tunnel,
                                       start.tuple.destination.address);
}

std::string EndText(const Endpoint& end, uint8_t protocol) {
  const std::string address = end.address.ToString();
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return address;
  return end.address.is_v4() ? absl::StrCat(address, ":", end.port)
                             : absl::StrCat("[", address, "]:", end.port);
}

}  // namespace

PolicyQuery QueryOf(const FlowStart& start) {
  const FlowTuple& tuple = start.tuple;
  const Tunnel* tunnel = start.on_ramp.tunnel;
  return {.vnet = start.vnet.vnet->name,
          .tunnel = tunnel != nullptr ? std::string_view(tunnel->name)
                                      : std::string_view(),
          .identity = start.identity,
          .context = tunnel != nullptr ? &tunnel->context : nullptr,
          .source = tuple.source.address,
          .destination = tuple.destination.address,
          .source_port = tuple.source.port,
          .destination_port = tuple.destination.port,
          .protocol = tuple.protocol,
          .icmp_type = start.icmp_type,
          .time = start.time};
}

PolicyVerdict VerdictOf(const FlowStart& start) {
  if (start.vnet.policy == nullptr) return {};
  const CompiledPolicy& policy = *start.vnet.policy;
  if (policy.revokes() && policy.IsRevoked(ReceiverOf(start)))
    return {.revoked = true};
  return policy.Decide(QueryOf(start));
}

Decision DecisionOf(const PolicyVerdict& verdict) {
  if (verdict.revoked) return {.reason = RP_DROP_POLICY_REVOKED};
  if (verdict.rule == nullptr) return {};
  const PolicyRule& rule = *verdict.rule;
  switch (verdict.action) {
    case PolicyAction::kAllow:
      return {.action = Decision::Action::kAllow,
              .rule = rule.name,
              .pool = rule.pool};
    case PolicyAction::kReject:
      return {.action = Decision::Action::kReject,
              .rule = rule.name,
              .reason = RP_DROP_POLICY_REJECT};
    case PolicyAction::kDeny:
      break;
  }
  return {.action = Decision::Action::kDeny,
          .rule = rule.name,
          .reason = RP_DROP_POLICY_DENY};
}

void PolicyHooks::OnApply(const Snapshot& snapshot) {
  snapshot_ = &snapshot;
  absl::flat_hash_map<uint32_t, std::unique_ptr<TenantState>> before;
  before.swap(tenants_);
  for (const Shared<Tenant>& tenant : snapshot.resources().tenants) {
    std::unique_ptr<TenantState>& state = tenants_[tenant->id];
    state = std::move(before[tenant->id]);
    if (!state) state = std::make_unique<TenantState>();
    if (!state->tenant.SameAs(tenant)) Use(tenant, *state);
  }
}

// What counts a rule stays as long as there is a rule of its name, or a flow.
void PolicyHooks::Use(const Shared<Tenant>& tenant, TenantState& state) {
  state.tenant = tenant;
  state.by_position.clear();
  absl::flat_hash_map<std::string, bool> named = {{"", true}};
  for (const PolicyRule& rule : tenant->policies) {
    named[rule.name] = true;
    RuleState& counts = state.rules[rule.name];
    counts.limiter.Use(rule.limits);
    state.by_position.push_back(&counts);
  }
  absl::erase_if(state.rules, [&](const auto& entry) {
    return !named.contains(entry.first) && entry.second.limiter.flows() == 0;
  });
}

// Null for a tenant of another snapshot than the one in force.
PolicyHooks::TenantState* PolicyHooks::StateOf(const Tenant* tenant) {
  const auto it = tenants_.find(tenant->id);
  if (it == tenants_.end() || &*it->second->tenant != tenant) return nullptr;
  return it->second.get();
}

const PolicyHooks::TenantState* PolicyHooks::StateOf(
    const Tenant& tenant) const {
  const auto it = tenants_.find(tenant.id);
  return it == tenants_.end() ? nullptr : it->second.get();
}

PolicyHooks::RuleState& PolicyHooks::RuleOf(TenantState& state,
                                            const PolicyRule* rule) {
  if (rule == nullptr) return state.rules[""];
  return *state.by_position[rule - state.tenant->policies.data()];
}

PolicyHooks::RuleState* PolicyHooks::RuleOf(const FlowState& flow) {
  if (snapshot_ == nullptr) return nullptr;
  const uint32_t realm = flow.tuple.realm != RP_REALM_UNDERLAY
                             ? flow.tuple.realm
                             : flow.reverse_realm;
  const Tenant* tenant = snapshot_->FindVnet(realm).tenant;
  TenantState* state = tenant != nullptr ? StateOf(tenant) : nullptr;
  if (state == nullptr || flow.rule.empty()) return nullptr;
  const auto it = state->rules.find(Abseil(flow.rule));
  return it == state->rules.end() ? nullptr : &it->second;
}

Decision PolicyHooks::OnFlowStart(const FlowStart& start) {
  if (start.vnet.tenant == nullptr) return {};
  const PolicyVerdict verdict = VerdictOf(start);
  Decision decision = DecisionOf(verdict);
  if (start.asked == FlowStart::Asked::kAgain) return decision;
  TenantState* state = StateOf(start.vnet.tenant);
  if (state == nullptr) return decision;
  if (start.asked == FlowStart::Asked::kFirst) Count(start, verdict, *state);
  if (verdict.rule != nullptr && verdict.action == PolicyAction::kAllow)
    Limit(start, *verdict.rule, RuleOf(*state, verdict.rule), decision);
  return decision;
}

void PolicyHooks::Count(const FlowStart& start, const PolicyVerdict& verdict,
                        TenantState& state) {
  if (verdict.revoked) {
    ++state.revoked;
    return;
  }
  PolicyHits& hits = RuleOf(state, verdict.rule).hits;
  ++hits.hits;
  hits.last = start.time;
  if (verdict.rule != nullptr && verdict.rule->log)
    Log(start, *verdict.rule, "");
  if (verdict.shadow == nullptr) return;
  PolicyHits& shadow = RuleOf(state, verdict.shadow).hits;
  ++shadow.hits;
  shadow.differs += verdict.shadow->action != verdict.action ? 1 : 0;
  shadow.last = start.time;
  if (verdict.shadow->log) Log(start, *verdict.shadow, "would ");
}

void PolicyHooks::Limit(const FlowStart& start, const PolicyRule& rule,
                        RuleState& state, Decision& decision) {
  if (rule.limits == PolicyLimits()) return;
  const Limiter::Verdict verdict =
      state.limiter.Ask(start.tuple.source.address, start.time,
                        start.asked == FlowStart::Asked::kWaited);
  if (verdict == Limiter::Verdict::kGranted) return;
  ++state.hits.limited;
  // Soon it may be otherwise: nobody remembers it.
  decision = {.rule = rule.name,
              .reason = verdict == Limiter::Verdict::kRate
                            ? RP_DROP_POLICY_RATE
                            : RP_DROP_POLICY_CONCURRENT,
              .remember = false};
}

void PolicyHooks::OnFlowInstalled(const FlowState& flow) {
  if (RuleState* state = RuleOf(flow))
    state->limiter.Begin(flow.tuple.source.address, flow.start);
}

void PolicyHooks::OnFlowEnd(const FlowEnd& end) {
  if (RuleState* state = RuleOf(end))
    state->limiter.End(end.tuple.source.address, end.start);
}

void PolicyHooks::Log(const FlowStart& start, const PolicyRule& rule,
                      std::string_view what) {
  if (!log_) return;
  const int64_t second = absl::ToUnixSeconds(start.time);
  if (second != log_second_) {
    log_second_ = second;
    logged_ = 0;
    if (log_lost_ != 0)
      log_(absl::StrCat("policy: ", std::exchange(log_lost_, 0),
                        " lines of rules with log: true were left out; ",
                        kLinesPerSecond, " a second are written"));
  }
  if (++logged_ > kLinesPerSecond) {
    ++log_lost_;
    return;
  }
  const FlowTuple& tuple = start.tuple;
  log_(absl::StrCat(
      "policy: tenant ", start.vnet.tenant->name, ", rule ", rule.name, ": ",
      Abseil(what), Abseil(WordOf(kPolicyActions, rule.action)), " ",
      RuleProtocolToString(tuple.protocol), " ",
      EndText(tuple.source, tuple.protocol), " -> ",
      EndText(tuple.destination, tuple.protocol), " in vnet ",
      start.vnet.vnet->name,
      start.on_ramp.tunnel != nullptr
          ? absl::StrCat(" through ", start.on_ramp.tunnel->name)
          : std::string(" from outside"),
      start.identity.empty() ? ""
                             : absl::StrCat(" by ", Abseil(start.identity))));
}

PolicyHits PolicyHooks::Hits(const Tenant& tenant,
                             const PolicyRule* rule) const {
  const TenantState* state = StateOf(tenant);
  if (state == nullptr) return {};
  const auto it = state->rules.find(rule != nullptr ? rule->name : "");
  if (it == state->rules.end()) return {};
  PolicyHits hits = it->second.hits;
  hits.flows = it->second.limiter.flows();
  return hits;
}

uint64_t PolicyHooks::Revoked(const Tenant& tenant) const {
  const TenantState* state = StateOf(tenant);
  return state != nullptr ? state->revoked : 0;
}

}  // namespace rampart
