// SPDX-License-Identifier: Apache-2.0
// A running edge for the handlers: all of it made up.
#ifndef RAMPART_TESTS_CONTROLLER_API_FAKES_H_
#define RAMPART_TESTS_CONTROLLER_API_FAKES_H_

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controller/api/backend.h"
#include "tests/controller/store/fake_store.h"

namespace rampart {

// Maps as lists of bytes.
class FakeMaps : public MapReader {
 public:
  template <typename K, typename V>
  void Put(const std::string& map, const K& key, const V& value) {
    entries_[map].emplace_back(Bytes(key), Bytes(value));
  }
  std::vector<DeviceCounters> counters;

  absl::Status ForEach(
      std::string_view map, size_t key_size, size_t value_size,
      absl::FunctionRef<bool(const void*, const void*)> visit) const override {
    const auto it = entries_.find(std::string(map));
    if (it == entries_.end()) return absl::OkStatus();
    for (const auto& [key, value] : it->second) {
      if (key.size() != key_size || value.size() != value_size)
        return absl::FailedPreconditionError("sizes differ");
      if (!visit(key.data(), value.data())) break;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<uint32_t> MaxEntries(std::string_view) const override {
    return 1024;
  }
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override {
    return counters;
  }
  absl::StatusOr<uint64_t> Memory(std::string_view) const override {
    return 4096;
  }
  absl::StatusOr<std::vector<rp_tally>> ReadCpus() const override {
    return std::vector<rp_tally>(2);
  }
  std::vector<TenantTally> tallies;
  std::vector<TenantDrops> tenant_drops;
  std::vector<DropSample> samples;  // newest first
  absl::StatusOr<std::vector<TenantTally>> ReadTallies(
      uint32_t) const override {
    return tallies;
  }
  absl::StatusOr<std::vector<TenantDrops>> ReadTenantDrops() const override {
    return tenant_drops;
  }
  absl::StatusOr<std::vector<DropSample>> ReadSamples() const override {
    return samples;
  }

 private:
  template <typename T>
  static std::string Bytes(const T& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  absl::Status Lookup(std::string_view map, const void* key, size_t key_size,
                      void* value, size_t value_size) const override {
    bool found = false;
    const absl::Status status = ForEach(
        map, key_size, value_size, [&](const void* each, const void* entry) {
          found = std::memcmp(each, key, key_size) == 0;
          if (found) std::memcpy(value, entry, value_size);
          return !found;
        });
    if (!status.ok() || found) return status;
    return absl::NotFoundError("no such entry");
  }
  std::map<std::string, std::vector<std::pair<std::string, std::string>>>
      entries_;
};

class FakeEngine : public Engine {
 public:
  std::vector<FlowView> flows;
  std::vector<NatSession> sessions;
  absl::Status apply_error;
  int applied = 0;

  OnChange on_change = OnChange::kRecheck;
  absl::Status Apply(std::shared_ptr<const Snapshot>, OnChange asked) override {
    ++applied;
    on_change = asked;
    return std::exchange(apply_error, absl::OkStatus());
  }
  absl::StatusOr<int> ProcessPunts(int) override { return 0; }
  absl::Status OnTick() override { return absl::OkStatus(); }
  void OnLogged() override {}
  void OnUnderlayChange() override {}
  void ForEachFlow(
      absl::FunctionRef<void(const FlowView&)> visit) const override {
    for (const FlowView& flow : flows) visit(flow);
  }
  bool Forecast(const Snapshot&, absl::Duration,
                absl::FunctionRef<void(const FlowView&, const Judgement&)>
                    visit) const override {
    for (const auto& [flow, judgement] : forecast) visit(flow, judgement);
    return true;
  }
  std::vector<std::pair<FlowView, Judgement>> forecast;
  void ForEachNatSession(
      absl::FunctionRef<void(const NatSession&)> visit) const override {
    for (const NatSession& session : sessions) visit(session);
  }
  const NatAllocator* nat() const override { return allocator; }
  const NatAllocator* allocator = nullptr;
  Statistics statistics() const override {
    return {.punts = 7,
            .flows_started = 5,
            .flows_ended = 2,
            .flows_adopted = 1,
            .flows = flows.size(),
            .pending_packets = 0};
  }
  std::vector<MapUse> uses;
  std::vector<MapUse> map_use() const override { return uses; }
  absl::flat_hash_map<uint32_t, FlowCount> counts;
  const absl::flat_hash_map<uint32_t, FlowCount>& flow_counts() const override {
    return counts;
  }
  std::map<std::pair<uint32_t, uint32_t>, PeerView> peers;
  PeerView peer(uint32_t tunnel, uint32_t position) const override {
    const auto it = peers.find({tunnel, position});
    return it == peers.end() ? PeerView() : it->second;
  }
  std::vector<PeerChange> TakePeerChanges() override { return {}; }
};

class FakeClock : public Clock {
 public:
  uint32_t Tick() const override { return 1000; }
  absl::Time Now() const override { return now_; }
  void Advance(absl::Duration time) { now_ += time; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(5000);
};

class FakeBackend : public Backend {
 public:
  FakeBackend(EdgeConfig edge, Resources resources)
      : snapshot_(std::make_shared<const Snapshot>(std::move(edge),
                                                   std::move(resources), 3)) {}

  FakeMaps fake_maps;
  FakeEngine fake_engine;
  std::vector<AttachedDevice> attached;
  std::vector<Change> applied;
  absl::Status apply_error;

  std::shared_ptr<const Snapshot> snapshot() const override {
    return snapshot_;
  }
  const Engine& engine() const override { return fake_engine; }
  std::vector<AttachedDevice> devices() const override { return attached; }
  const MapReader& maps() const override { return fake_maps; }
  BlockLog* block_log() const override { return log; }
  BlockLog* log = nullptr;
  const Ledger* ledger() const override { return nullptr; }
  absl::StatusOr<std::unique_ptr<DryRunner>> OpenDryRunner() const override {
    return absl::UnavailableError("a fake has no programs");
  }
  const Clock& clock() const override { return clock_; }
  absl::Time started() const override { return absl::FromUnixSeconds(1000); }
  bool adopted() const override { return true; }
  StateStore& store() const override { return fake_store; }
  mutable FakeStore fake_store;
  FleetStore* fleet() const override { return fake_fleet; }
  FleetStore* fake_fleet = nullptr;
  absl::StatusOr<StoredResources> Preview(Resources resources) override {
    return StoredResources{.epoch = 4, .resources = std::move(resources)};
  }
  absl::StatusOr<uint32_t> Apply(Change change) override {
    if (!apply_error.ok()) return apply_error;
    applied.push_back(std::move(change));
    return 4;
  }

 private:
  FakeClock clock_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_API_FAKES_H_
