// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/nat_log.h"

#include <utility>
#include <vector>

#include "controller/base/status.h"

namespace rampart {
namespace {

BlockEvent ToEvent(BlockTenure tenure) {
  return {.granted = true,
          .pool = std::move(tenure.block.pool),
          .subscriber = {tenure.block.vni, tenure.block.inside},
          .outside = tenure.block.outside,
          .first = tenure.block.first,
          .last = tenure.block.last};
}

BlockRecord ToRecord(const BlockEvent& event, const Snapshot::VnetRef& vnet,
                     absl::Time now) {
  return {.granted = event.granted,
          .time = now,
          .block = {.tenant = vnet.tenant != nullptr ? vnet.tenant->name : "",
                    .vnet = vnet.vnet != nullptr ? vnet.vnet->name : "",
                    .vni = event.subscriber.realm,
                    .inside = event.subscriber.address,
                    .pool = event.pool,
                    .outside = event.outside,
                    .first = event.first,
                    .last = event.last}};
}

}  // namespace

absl::Status ConnectLog(
    NatAllocator& nat, BlockLog& log, const Clock& clock,
    std::function<Snapshot::VnetRef(uint32_t realm)> vnet_of) {
  nat.log = [&log, &clock,
             vnet_of = std::move(vnet_of)](const BlockEvent& event) {
    return log
        .Append(ToRecord(event, vnet_of(event.subscriber.realm), clock.Now()))
        .value_or(0);
  };
  ASSIGN_OR_RETURN(std::vector<BlockTenure> tenures, log.OpenBlocks());
  std::vector<BlockEvent> open;
  open.reserve(tenures.size());
  for (BlockTenure& tenure : tenures)
    open.push_back(ToEvent(std::move(tenure)));
  nat.Restore(open);
  return absl::OkStatus();
}

}  // namespace rampart
