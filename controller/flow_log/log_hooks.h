// SPDX-License-Identifier: Apache-2.0
// Hooks that write the flow log beside somebody else's hooks.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_LOG_HOOKS_H_
#define RAMPART_CONTROLLER_FLOW_LOG_LOG_HOOKS_H_

#include "absl/time/time.h"
#include "controller/base/clock.h"
#include "controller/flow/hooks.h"
#include "controller/flow_log/flow_log.h"

namespace rampart {

class LogHooks final : public FlowHooks {
 public:
  // Both outlive this. inner decides, and hears of flows that end, too.
  // update_interval: of flows that live long; zero: no updates.
  LogHooks(FlowHooks& inner, FlowLog& log, absl::Duration update_interval)
      : inner_(inner),
        log_(log),
        update_(update_interval > absl::ZeroDuration()
                    ? ToTicks(update_interval)
                    : 0) {}

  void OnApply(const Snapshot& snapshot) override { inner_.OnApply(snapshot); }
  Decision OnFlowStart(const FlowStart& start) override {
    return inner_.OnFlowStart(start);
  }
  void OnFlowEnd(const FlowEnd& end) override {
    log_.End(end);
    inner_.OnFlowEnd(end);
  }
  Following following() const override { return {true, update_}; }
  void OnFlowInstalled(const FlowState& flow) override {
    log_.Start(flow);
    inner_.OnFlowInstalled(flow);
  }
  void OnFlowRefused(const FlowState& flow, rp_outcome reason) override {
    log_.Deny(flow, reason);
  }
  void OnPacketMade() override { log_.CountMade(); }
  void OnFlowUpdate(const FlowState& flow) override { log_.Update(flow); }

 private:
  FlowHooks& inner_;
  FlowLog& log_;
  const uint32_t update_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_LOG_HOOKS_H_
