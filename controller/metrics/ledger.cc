// SPDX-License-Identifier: Apache-2.0
#include "controller/metrics/ledger.h"

#include <algorithm>
#include <utility>

#include "controller/base/status.h"
#include "controller/dataplane/ethtool.h"
#include "controller/netlink/statistics.h"

namespace rampart {
namespace {

constexpr KernelLoss kLosses[] = {
#define X(symbol, value, id, help) {value, #symbol, id, help},
    RP_KERNEL_LOSSES(X)
#undef X
};

rp_counter DroppedOf(const DeviceCounters& counters) {
  rp_counter sum = {};
#define X(symbol, value, id, help)                 \
  sum.packets += counters.outcomes[value].packets; \
  sum.bytes += counters.outcomes[value].bytes;
  RP_DROP_REASONS(X)
#undef X
  return sum;
}

uint64_t PacketsOf(const DeviceCounters& counters) {
  uint64_t packets = DroppedOf(counters).packets;
#define X(symbol, value, help) packets += counters.outcomes[value].packets;
  RP_OUTCOMES(X)
#undef X
  return packets;
}

const DeviceCounters* CountersOf(const std::vector<DeviceCounters>& all,
                                 uint32_t slot) {
  for (const DeviceCounters& counters : all)
    if (counters.slot == slot) return &counters;
  return nullptr;
}

}  // namespace

absl::Span<const KernelLoss> KernelLosses() { return kLosses; }

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(std::string_view bpffs,
                                                     std::string_view edge,
                                                     DataPlane& data_plane) {
  ASSIGN_OR_RETURN(Losses losses, OpenLosses(bpffs, edge));
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  std::unique_ptr<Ledger> ledger(
      new Ledger(data_plane, std::move(losses), std::move(socket)));
  ASSIGN_OR_RETURN(const auto counters, data_plane.ReadCounters());
  for (const DeviceCounters& device : counters)
    ledger->punted_before_[device.slot] = device.outcomes[RP_PUNTED].packets;
  return ledger;
}

absl::StatusOr<Ledger::Reading> Ledger::Read(
    const AttachedDevice& device) const {
  ASSIGN_OR_RETURN(const LinkStatistics link,
                   ReadStatistics(socket_, device.ifindex));
  const XdpCounts xdp = XdpCountsOf(ReadEthtool(device.name));
  Reading reading;
  reading.rx = link.rx_packets + xdp.unseen_rx;
  for (uint32_t loss = 0; loss < RP_LOSS_COUNT; ++loss) {
    ASSIGN_OR_RETURN(const auto packets,
                     losses_.counts.Get({device.ifindex, loss}));
    reading.losses[loss] = packets.value_or(0);
  }
  reading.losses[RP_LOSS_RX_MISSED] = link.rx_missed;
  reading.losses[RP_LOSS_RX_DROPPED] = link.rx_dropped;
  reading.losses[RP_LOSS_RX_ERRORS] = link.rx_errors;
  reading.losses[RP_LOSS_TX_DROPPED] = link.tx_dropped;
  reading.losses[RP_LOSS_XMIT_FULL] = xdp.xmit_full;
  return reading;
}

absl::Status Ledger::OpenBook(const AttachedDevice& device,
                              const DeviceCounters& counters) {
  ASSIGN_OR_RETURN(const Reading reading, Read(device));
  rp_ledger_base base = {};
  base.rx = reading.rx - PacketsOf(counters);
  std::copy(reading.losses.begin(), reading.losses.end(), base.losses);
  base.ifindex = device.ifindex;
  return losses_.bases.Put(device.slot, base);
}

absl::Status Ledger::Follow() {
  ASSIGN_OR_RETURN(const auto counters, data_plane_.ReadCounters());
  for (const AttachedDevice& device : data_plane_.devices()) {
    const auto [it, added] = followed_.try_emplace(device.slot, 0);
    if (std::exchange(it->second, device.ifindex) == device.ifindex) continue;
    const DeviceCounters* counted = CountersOf(counters, device.slot);
    if (counted == nullptr) continue;
    ASSIGN_OR_RETURN(const auto base, losses_.bases.Get(device.slot));
    if (device.adopted && base && base->ifindex == device.ifindex) continue;
    RETURN_IF_ERROR(OpenBook(device, *counted));
    // The slot counts from zero, if it is not the one of an earlier run.
    if (!device.adopted || !added) punted_before_.erase(device.slot);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceLedger>> Ledger::Devices() const {
  const std::vector<PuntLosses> punts = data_plane_.punt_losses();
  ASSIGN_OR_RETURN(const auto counters, data_plane_.ReadCounters());
  std::vector<DeviceLedger> rows;
  for (const AttachedDevice& device : data_plane_.devices()) {
    const DeviceCounters* counted = CountersOf(counters, device.slot);
    const absl::StatusOr<Reading> reading = Read(device);
    ASSIGN_OR_RETURN(const auto base, losses_.bases.Get(device.slot));
    // Gone, or not followed yet.
    if (counted == nullptr || !reading.ok() || !base) continue;
    if (base->ifindex != device.ifindex) continue;
    DeviceLedger row = {.slot = device.slot,
                        .name = device.name,
                        .rx = reading->rx - base->rx,
                        .forwarded = counted->outcomes[RP_FORWARDED],
                        .passed = counted->outcomes[RP_PASSED],
                        .punted = counted->outcomes[RP_PUNTED],
                        .dropped = DroppedOf(*counted)};
    row.gap = static_cast<int64_t>(row.rx - PacketsOf(*counted));
    for (uint32_t loss = 0; loss < RP_LOSS_COUNT; ++loss)
      row.losses[loss] = reading->losses[loss] - base->losses[loss];
    for (const PuntLosses& lost : punts) {
      if (lost.slot != device.slot) continue;
      row.losses[RP_LOSS_PUNT_RING] = lost.ring_full;
      row.losses[RP_LOSS_PUNT_FRAME] = lost.no_frame;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<PuntLedger> Ledger::Punts() const {
  PuntLedger punts;
  for (const PuntLosses& losses : data_plane_.punt_losses())
    punts.lost += losses.ring_full + losses.no_frame;
  ASSIGN_OR_RETURN(const auto counters, data_plane_.ReadCounters());
  for (const DeviceCounters& device : counters) {
    const auto before = punted_before_.find(device.slot);
    punts.punted += device.outcomes[RP_PUNTED].packets -
                    (before != punted_before_.end() ? before->second : 0);
  }
  return punts;
}

}  // namespace rampart
