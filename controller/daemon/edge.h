// SPDX-License-Identifier: Apache-2.0
// One edge: store, data plane, underlay, engine and policy as a whole. It does
// nothing by itself: loop.h calls it when something happens.
#ifndef RAMPART_CONTROLLER_DAEMON_EDGE_H_
#define RAMPART_CONTROLLER_DAEMON_EDGE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/api/backend.h"
#include "controller/daemon/devices.h"
#include "controller/dataplane/watch.h"
#include "controller/flow/hooks.h"
#include "controller/flow_log/flow_log.h"

namespace rampart {

class Edge final : public Backend {
 public:
  // Later ones refer to earlier ones.
  struct Parts {
    const Clock* clock = nullptr;
    std::string bpffs = "/sys/fs/bpf";  // where the pins are
    std::unique_ptr<StateStore> store;
    FleetStore* fleet = nullptr;  // the same, if other edges share it
    std::unique_ptr<BlockLog> block_log;
    std::unique_ptr<DataPlane> data_plane;
    std::unique_ptr<Ledger> ledger;
    std::unique_ptr<MapReader> maps;
    std::unique_ptr<Underlay> underlay;
    // Of an earlier run, as it left them.
    std::vector<DeviceCounters> counters;
    std::unique_ptr<FlowLog> flow_log;  // null: none is written
    std::unique_ptr<FlowHooks> policy;
    std::unique_ptr<FlowHooks> hooks;
    std::unique_ptr<Engine> engine;
  };
  // The real parts, with the pins in `bpffs`. Errors: those of the parts.
  static absl::StatusOr<Parts> OpenParts(const EdgeConfig& config,
                                         const std::string& bpffs);

  Edge(EdgeConfig config, Parts parts);

  // Attaches devices, puts the stored resources in force (which adopts the
  // flows of an earlier run), then takes punts. In this order, a run that is
  // killed at any point leaves pins that the next one can adopt.
  absl::Status Start();

  absl::StatusOr<uint32_t> Apply(Change change) override;
  // The stored resources once more, with key files read again.
  absl::Status Reload();
  // Takes a change back whose probation is over. Call every kEngineTick.
  absl::Status OnTick();

  std::shared_ptr<const Snapshot> snapshot() const override {
    return snapshot_;
  }
  const Engine& engine() const override { return *parts_.engine; }
  std::vector<AttachedDevice> devices() const override {
    return devices_.attached();
  }
  const MapReader& maps() const override { return *parts_.maps; }
  BlockLog* block_log() const override { return parts_.block_log.get(); }
  const Ledger* ledger() const override { return parts_.ledger.get(); }
  const PolicyHooks* policy() const override {
    return dynamic_cast<const PolicyHooks*>(parts_.policy.get());
  }
  const FlowLog* flow_log() const override { return parts_.flow_log.get(); }
  std::string flow_history() const override;
  absl::StatusOr<std::unique_ptr<DryRunner>> OpenDryRunner() const override {
    return DryRunner::Open(parts_.bpffs, config_.edge);
  }
  const Clock& clock() const override { return *parts_.clock; }
  absl::Time started() const override { return started_; }
  bool adopted() const override { return parts_.data_plane->adopted(); }
  StateStore& store() const override { return *parts_.store; }
  FleetStore* fleet() const override { return parts_.fleet; }
  absl::Status behind() const override { return behind_; }
  absl::StatusOr<StoredResources> Preview(Resources resources) override {
    return parts_.store->Preview(std::move(resources));
  }

  // For the loop.
  // Puts in force what other edges have stored; for when fleet()->fd() says so.
  absl::Status FollowFleet();
  absl::Status EndLeftWatches() {
    return rampart::EndLeftWatches(parts_.bpffs, config_.edge);
  }
  DataPlane& data_plane() { return *parts_.data_plane; }
  Underlay& underlay() { return *parts_.underlay; }
  Engine& engine() { return *parts_.engine; }
  FlowLog* flow_log() { return parts_.flow_log.get(); }

 private:
  absl::StatusOr<StoredResources> LoadStored();
  // What the store does not keep.
  void Complete(Resources& resources) const;
  absl::Status PutInForce(StoredResources stored, bool strict);
  // Why this change cannot be made now.
  absl::Status MayApply(const Change& change) const;
  EpochNote NoteOf(const Change& change) const;
  absl::Status Catch(StoredResources stored);
  void TellHealth();
  // The configuration before the one on probation.
  absl::StatusOr<Change> Reversal(const Probation& probation) const;
  // Stores them, and puts of them in force what can be.
  absl::Status GoBack(Resources resources, const EpochNote& note);
  // Before the first flow, and after those of an earlier run are adopted.
  void BeginFlowLog();
  absl::Status ContinueFlowLog();
  // Devices may have gone since the counters were `before`.
  void CountGone(const std::vector<DeviceCounters>& before);
  std::vector<DeviceCounters> Counters() const;
  // After devices were attached.
  void KeepBooks();

  const EdgeConfig config_;
  Parts parts_;
  Devices devices_;
  const absl::Time started_;
  // After an error, not sooner.
  absl::Time revert_next_ = absl::InfinitePast();
  absl::Time catch_next_ = absl::InfinitePast();
  absl::Status behind_;
  absl::Status told_;  // of the fleet's store
  std::shared_ptr<const Snapshot> snapshot_;
};

// The file of the NAT log, beside that of the state: state.db has state.nat.db.
std::string BlockLogPath(std::string state_path);

// Name of the TAP that packets are re-injected through: at most 15 bytes, and
// another one for every edge in a network namespace.
std::string PuntDeviceName(const std::string& edge);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_EDGE_H_
