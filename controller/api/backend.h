// SPDX-License-Identifier: Apache-2.0
// What the API needs of a running edge.
#ifndef RAMPART_CONTROLLER_API_BACKEND_H_
#define RAMPART_CONTROLLER_API_BACKEND_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/dataplane/dry_run.h"
#include "controller/dataplane/offline.h"
#include "controller/flow/engine.h"
#include "controller/flow_log/flow_log.h"
#include "controller/metrics/ledger.h"
#include "controller/model/on_change.h"
#include "controller/nat/block_log.h"
#include "controller/policy/policy_hooks.h"
#include "controller/store/fleet.h"
#include "controller/store/store.h"

namespace rampart {

// A new set of resources on its way into force.
struct Change {
  Resources resources;  // checked, with secrets
  // Refused with Aborted if another epoch is in force: somebody else was
  // faster.
  std::optional<uint32_t> if_epoch;
  OnChange on_change = OnChange::kRecheck;
  // For the history.
  std::string who;      // "alice (uid 1000)"
  std::string what;     // "route add 10.1.0.0/16 via fra"
  std::string comment;  // in the words of who made it
  // On probation for so long: taken back unless confirmed.
  std::optional<absl::Duration> confirm;
  // Ends the probation of the epoch in force. All others are refused with
  // FailedPrecondition while there is one: taking that back would take them
  // back, too.
  bool ends_probation = false;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // The configuration in force; never null.
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  virtual const Engine& engine() const = 0;
  virtual std::vector<AttachedDevice> devices() const = 0;
  virtual const MapReader& maps() const = 0;
  // Null: this edge keeps none.
  virtual BlockLog* block_log() const = 0;
  virtual const Ledger* ledger() const = 0;
  // Null: others decide than the policies of the resources.
  virtual const PolicyHooks* policy() const { return nullptr; }
  // Null: this edge writes none.
  virtual const FlowLog* flow_log() const { return nullptr; }
  // The file of its history.
  virtual std::string flow_history() const { return {}; }
  // To run packets that do not exist. Errors: as DryRunner::Open().
  virtual absl::StatusOr<std::unique_ptr<DryRunner>> OpenDryRunner() const = 0;
  virtual const Clock& clock() const = 0;
  virtual absl::Time started() const = 0;
  virtual bool adopted() const = 0;  // the data plane of an earlier run

  // For the history and for confirming: changes go through Apply().
  virtual StateStore& store() const = 0;
  // Null: no other edge shares the store.
  virtual FleetStore* fleet() const { return nullptr; }
  // Why the newest epoch of the fleet is not in force here.
  virtual absl::Status behind() const { return absl::OkStatus(); }
  // As StateStore::Preview().
  virtual absl::StatusOr<StoredResources> Preview(Resources resources) = 0;
  // Stores the resources and puts them in force. On an error the old ones are
  // in force and stored. Returns the new epoch.
  virtual absl::StatusOr<uint32_t> Apply(Change change) = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_BACKEND_H_
