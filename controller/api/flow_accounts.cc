// SPDX-License-Identifier: Apache-2.0
#include "controller/api/flow_accounts.h"

#include "controller/base/status.h"
#include "maps/outcomes.h"

namespace rampart {
namespace {

// What bpf/emit.h may say after a flow has counted the packet.
constexpr rp_outcome kAfterwards[] = {RP_DROP_HEADROOM, RP_DROP_REDIRECT};

uint64_t CountedBy(const DeviceCounters& counters) {
  uint64_t packets = counters.outcomes[RP_FORWARDED].packets;
  for (const rp_outcome reason : kAfterwards)
    packets += counters.outcomes[reason].packets;
  return packets;
}

int64_t Signed(uint64_t count) { return static_cast<int64_t>(count); }

std::string NameOf(const std::vector<AttachedDevice>& devices, uint32_t slot) {
  for (const AttachedDevice& device : devices)
    if (device.slot == slot) return device.name;
  return "re-injected";  // the controller's TAP
}

void Add(const DeviceCounters& counters, std::string name,
         FlowAccounts& accounts) {
  const rp_counter& forwarded = counters.outcomes[RP_FORWARDED];
  FlowAccounts::Device device = {
      .name = std::move(name),
      .forwarded = {Signed(forwarded.packets), Signed(forwarded.bytes)}};
  for (const rp_outcome reason : kAfterwards)
    device.refused += Signed(counters.outcomes[reason].packets);
  accounts.devices.packets += device.forwarded.packets + device.refused;
  accounts.devices.bytes += device.forwarded.bytes;
  accounts.by_device.push_back(std::move(device));
}

}  // namespace

uint64_t PacketsGone(const std::vector<DeviceCounters>& before,
                     const std::vector<DeviceCounters>& after) {
  uint64_t gone = 0;
  for (const DeviceCounters& old : before) {
    bool there = false;
    for (const DeviceCounters& now : after)
      there |= now.slot == old.slot && CountedBy(now) >= CountedBy(old);
    if (!there) gone += CountedBy(old);
  }
  return gone;
}

absl::StatusOr<FlowAccounts> ReadFlowAccounts(const Backend& backend) {
  FlowAccounts accounts;
  FlowAccounts later;
  const std::vector<AttachedDevice> devices = backend.devices();
  ASSIGN_OR_RETURN(const auto before, backend.maps().ReadCounters());
  for (const DeviceCounters& counters : before)
    Add(counters, NameOf(devices, counters.slot), accounts);
  backend.engine().ForEachFlow([&](const Engine::FlowView& flow) {
    if (flow.kind == RP_FLOW_REFUSED) return;
    ++accounts.live_flows;
    accounts.live.packets += Signed(flow.packets[0] + flow.packets[1]);
    accounts.live.bytes += Signed(flow.bytes[0] + flow.bytes[1]);
  });
  ASSIGN_OR_RETURN(const auto after, backend.maps().ReadCounters());
  for (const DeviceCounters& counters : after) Add(counters, "", later);
  accounts.while_reading = later.devices.packets - accounts.devices.packets;
  const FlowLogState& state = backend.flow_log()->state();
  accounts.ended_flows = Signed(state.ended_flows);
  accounts.ended = {Signed(state.ended_packets), Signed(state.ended_bytes)};
  accounts.gone = Signed(state.gone_packets);
  accounts.made = Signed(state.made_packets);
  accounts.before = Signed(state.before_packets);
  return accounts;
}

}  // namespace rampart
