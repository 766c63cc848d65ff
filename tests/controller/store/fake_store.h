// SPDX-License-Identifier: Apache-2.0
// A state store in memory. Ids are what the resources say.
#ifndef RAMPART_TESTS_CONTROLLER_STORE_FAKE_STORE_H_
#define RAMPART_TESTS_CONTROLLER_STORE_FAKE_STORE_H_

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/store/store.h"

namespace rampart {

class FakeStore : public StateStore {
 public:
  StoredResources stored;
  std::optional<Probation> on_probation;
  std::vector<EpochRecord> records;  // oldest first
  std::map<uint32_t, StoredResources> old;
  absl::Status replace_error;  // once

  absl::StatusOr<StoredResources> Load() override { return stored; }
  absl::StatusOr<StoredResources> Replace(Resources resources,
                                          const EpochNote& note) override {
    if (!replace_error.ok())
      return std::exchange(replace_error, absl::OkStatus());
    if (note.from != stored.epoch) return absl::AbortedError("another epoch");
    old[stored.epoch] = stored;
    stored = {.epoch = stored.epoch + 1,
              .resources = std::move(resources),
              .on_change = note.on_change};
    records.push_back({.epoch = stored.epoch,
                       .time = note.time,
                       .who = note.who,
                       .what = note.what,
                       .comment = note.comment,
                       .on_change = note.on_change});
    on_probation.reset();
    if (note.confirm_by)
      on_probation = {stored.epoch, note.from, *note.confirm_by};
    return stored;
  }
  absl::StatusOr<StoredResources> Preview(Resources resources) override {
    return StoredResources{.epoch = stored.epoch + 1,
                           .resources = std::move(resources)};
  }
  absl::StatusOr<std::vector<EpochRecord>> History(int limit) override {
    std::vector<EpochRecord> newest(records.rbegin(), records.rend());
    newest.resize(std::min<size_t>(newest.size(), limit));
    return newest;
  }
  absl::StatusOr<StoredResources> LoadEpoch(uint32_t epoch) override {
    if (epoch == stored.epoch) return stored;
    if (const auto it = old.find(epoch); it != old.end()) return it->second;
    return absl::NotFoundError(absl::StrCat("epoch ", epoch, ": is gone"));
  }
  const std::optional<Probation>& probation() const override {
    return on_probation;
  }
  absl::Status Confirm(uint32_t epoch) override {
    if (!on_probation || on_probation->epoch != epoch)
      return absl::FailedPreconditionError("waits for no confirmation");
    on_probation.reset();
    return absl::OkStatus();
  }
  uint64_t store_id() const override { return 1; }
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_STORE_FAKE_STORE_H_
