// SPDX-License-Identifier: Apache-2.0
// A store in memory that others write to, too.
#ifndef RAMPART_TESTS_CONTROLLER_STORE_FAKE_FLEET_H_
#define RAMPART_TESTS_CONTROLLER_STORE_FAKE_FLEET_H_

#include <optional>
#include <utility>
#include <vector>

#include "controller/store/fleet.h"
#include "tests/controller/store/fake_store.h"

namespace rampart {

class FakeFleet : public FleetStore {
 public:
  FakeStore base;
  std::optional<StoredResources> news;  // of another edge
  FleetHealth now = {.as_of = absl::FromUnixSeconds(4990)};
  std::vector<FleetEdge> there;
  uint32_t in_force = 0;

  absl::StatusOr<StoredResources> Load() override { return base.Load(); }
  absl::StatusOr<StoredResources> Replace(Resources resources,
                                          const EpochNote& note) override {
    return base.Replace(std::move(resources), note);
  }
  absl::StatusOr<StoredResources> Preview(Resources resources) override {
    return base.Preview(std::move(resources));
  }
  absl::StatusOr<std::vector<EpochRecord>> History(int limit) override {
    return base.History(limit);
  }
  absl::StatusOr<StoredResources> LoadEpoch(uint32_t epoch) override {
    return base.LoadEpoch(epoch);
  }
  const std::optional<Probation>& probation() const override {
    return base.probation();
  }
  absl::Status Confirm(uint32_t epoch) override { return base.Confirm(epoch); }
  uint64_t store_id() const override { return base.store_id(); }

  int fd() const override { return -1; }
  std::optional<StoredResources> Take() override {
    if (news) base.stored = *news;
    return std::exchange(news, std::nullopt);
  }
  FleetHealth health() const override { return now; }
  void InForce(uint32_t epoch) override { in_force = epoch; }
  absl::StatusOr<std::vector<FleetEdge>> Edges() override { return there; }
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_STORE_FAKE_FLEET_H_
