// SPDX-License-Identifier: Apache-2.0
// Epochs of the fleet in etcd: read, written, swept up.
#ifndef RAMPART_CONTROLLER_STORE_ETCD_EPOCHS_H_
#define RAMPART_CONTROLLER_STORE_ETCD_EPOCHS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/store/etcd/client.h"
#include "controller/store/etcd/records.h"
#include "controller/store/ids.h"

namespace rampart {

// An epoch with all that is in it.
struct FleetVersion {
  int64_t revision = 0;  // of the head; 0: not from there
  FleetRecord record;
  struct Item {
    FleetEntry entry;
    std::shared_ptr<const FleetTenant> tenant;
  };
  // In the order of the file, then those that are gone.
  std::vector<Item> items;

  StoredResources stored() const;
};

// A version made of resources that have their ids; of names that are gone it
// knows nothing.
FleetVersion VersionOf(uint64_t store_id, const StoredResources& stored);

// Adds the ids of `version` to `ids`, but for tenants that `known` has alike.
void CollectIds(const FleetVersion& version, const FleetVersion* known,
                Ids& ids);

// For any thread. Errors: those of EtcdClient; DataLoss for what is damaged.
class EtcdEpochs {
 public:
  EtcdEpochs(EtcdClient& client, FleetKeys keys, std::string edge)
      : client_(client), keys_(std::move(keys)), edge_(std::move(edge)) {}

  // The epoch in force. `known`: what need not be read again, or null; itself
  // if nothing has changed since. Errors: NotFound: none was ever written.
  absl::StatusOr<std::shared_ptr<const FleetVersion>> Newest(
      std::shared_ptr<const FleetVersion> known);
  // Epoch 0, without tenants, unless there is one already.
  absl::Status Begin();

  // Puts `resources`, which have their ids, behind `base`. Errors: Aborted if
  // `base` is no longer the newest; if nobody answered, the change may have
  // come into force nevertheless.
  absl::StatusOr<std::shared_ptr<const FleetVersion>> Write(
      const FleetVersion& base, const Resources& resources,
      const EpochNote& note);
  // The same epoch, without its probation. Errors: as Write().
  absl::StatusOr<std::shared_ptr<const FleetVersion>> Confirm(
      const FleetVersion& base);

  // Newest first.
  absl::StatusOr<std::vector<FleetRecord>> Records(int limit);
  // Those from `first` to `last` that are kept.
  absl::StatusOr<std::vector<FleetRecord>> Records(uint32_t first,
                                                   uint32_t last);
  // Errors: NotFound, naming the oldest that is kept.
  absl::StatusOr<FleetVersion> Read(uint32_t epoch, const FleetVersion& known);

  // Deletes epochs beyond what a store keeps, and documents of no epoch. Any
  // edge may do it at any moment.
  absl::Status Sweep();

 private:
  // An epoch on its way, and the documents that must be there first.
  struct Draft {
    FleetVersion version;
    std::vector<EtcdChanges::Put> documents;
  };
  Draft MakeDraft(const FleetVersion& base, const Resources& resources,
                  const EpochNote& note) const;
  void AddTenant(const FleetVersion::Item* before, const std::string& name,
                 FleetTenant tenant, Draft& draft) const;
  void AddPages(const FleetVersion& base, Draft& draft) const;
  absl::Status Stage(const std::vector<EtcdChanges::Put>& documents);
  absl::StatusOr<std::shared_ptr<const FleetVersion>> Commit(
      const FleetVersion& base, FleetVersion version, EtcdChanges changes);
  absl::StatusOr<std::vector<FleetEntry>> ReadPages(
      const std::vector<std::string>& digests, const FleetVersion* known);
  absl::StatusOr<FleetVersion> ReadVersion(const std::string& record,
                                           const FleetVersion* known);
  absl::StatusOr<std::vector<std::string>> ReadDocuments(
      const std::vector<FleetEntry>& entries);
  absl::StatusOr<std::vector<std::string>> KeysInUse(int64_t revision);

  EtcdClient& client_;
  const FleetKeys keys_;
  const std::string edge_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_ETCD_EPOCHS_H_
