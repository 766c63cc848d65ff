// SPDX-License-Identifier: Apache-2.0
// The wiring of an edge whose parts are made up: order, transactions, devices.
#include "controller/daemon/edge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "controller/daemon/random.h"
#include "tests/controller/api/fakes.h"
#include "tests/controller/store/fake_fleet.h"
#include "tests/controller/store/fake_store.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What happened, in order.
using Events = std::vector<std::string>;

class FakeDataPlane : public DataPlane {
 public:
  explicit FakeDataPlane(Events& events) : events_(events) {}
  std::string broken;  // device that refuses

  bool adopted() const override { return false; }
  const Maps& maps() const override { std::abort(); }
  absl::StatusOr<AttachedDevice> Attach(const DeviceConfig& device,
                                        const rp_device& entry) override {
    if (device.name == broken)
      return absl::UnavailableError(absl::StrCat("device ", broken, ": no"));
    events_.push_back(absl::StrCat("attach ", device.name, " tunnel ",
                                   entry.tunnel, " realm ", entry.realm));
    last_entry = entry;
    const auto [it, added] = slots_.try_emplace(device.name, slots_.size());
    attached_[device.name] = {.slot = it->second,
                              .ifindex = entry.ifindex,
                              .name = device.name,
                              .role = device.role};
    return attached_[device.name];
  }
  absl::Status Detach(uint32_t slot) override {
    for (const auto& [name, device] : attached_) {
      if (device.slot != slot) continue;
      events_.push_back("detach " + name);
      attached_.erase(name);
      break;
    }
    return absl::OkStatus();
  }
  std::vector<AttachedDevice> devices() const override {
    std::vector<AttachedDevice> devices;
    for (const auto& [name, device] : attached_) devices.push_back(device);
    return devices;
  }
  absl::Status OpenPuntPath(std::string_view name) override {
    events_.push_back(absl::StrCat("punts ", Absl(name)));
    return absl::OkStatus();
  }
  int punt_fd() const override { return -1; }
  absl::StatusOr<int> ReadPunts(int, PuntHandler) override { return 0; }
  absl::Status Inject(uint32_t, uint32_t, absl::Span<const uint8_t>) override {
    return absl::OkStatus();
  }
  absl::Status InjectFragment(uint32_t, uint32_t, const rp_inject_fragment&,
                              absl::Span<const uint8_t>) override {
    return absl::OkStatus();
  }
  absl::Status Send(uint32_t, absl::Span<const uint8_t>) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override {
    return std::vector<DeviceCounters>();
  }
  std::vector<PuntLosses> punt_losses() const override { return {}; }

  rp_device last_entry = {};

 private:
  static absl::string_view Absl(std::string_view text) {
    return {text.data(), text.size()};
  }
  Events& events_;
  std::map<std::string, uint32_t> slots_;
  std::map<std::string, AttachedDevice> attached_;
};

class FakeUnderlay : public Underlay {
 public:
  std::map<std::string, Link> links;
  Listener listener;

  std::optional<Link> FindLink(std::string_view name) const override {
    const auto it = links.find(std::string(name));
    return it != links.end() ? std::optional(it->second) : std::nullopt;
  }
  std::optional<Link> FindLink(uint32_t ifindex) const override {
    for (const auto& [name, link] : links)
      if (link.ifindex == ifindex) return link;
    return std::nullopt;
  }
  std::vector<IpAddress> Addresses(uint32_t) const override { return {}; }
  absl::StatusOr<UnderlayRoute> Route(const IpAddress&) override {
    return absl::NotFoundError("");
  }
  std::optional<MacAddress> Neighbour(uint32_t,
                                      const IpAddress&) const override {
    return std::nullopt;
  }
  absl::Status Manage(uint32_t, const IpAddress&) override {
    return absl::OkStatus();
  }
  absl::Status Unmanage(uint32_t, const IpAddress&) override {
    return absl::OkStatus();
  }
  void SetListener(Listener l) override { listener = std::move(l); }
  int fd() const override { return -1; }
  absl::Status Process() override { return absl::OkStatus(); }
};

class RecordingEngine : public FakeEngine {
 public:
  explicit RecordingEngine(Events& events) : events_(events) {}
  absl::Status Apply(std::shared_ptr<const Snapshot> snapshot,
                     OnChange on_change) override {
    events_.push_back(absl::StrCat("engine epoch ", snapshot->epoch()));
    return FakeEngine::Apply(std::move(snapshot), on_change);
  }

 private:
  Events& events_;
};

EdgeConfig Config() {
  EdgeConfig config;
  config.edge = "edge-a";
  config.devices = {{.name = "eth0"},
                    {.name = "eth1", .role = DeviceRole::kAccess},
                    {.name = "eth2", .role = DeviceRole::kAccess}};
  return config;
}

// A tenant with an interface tunnel on `device`.
Resources LanOn(const char* device, uint32_t id = 5) {
  Tenant acme = {.id = 1, .name = "acme"};
  acme.vnets = {{.name = "main", .vni = 1001, .is_default = true}};
  acme.tunnels = {{.id = id,
                   .name = "lan",
                   .type = TunnelType::kInterface,
                   .vnet = "main",
                   .edge = "edge-a",
                   .device = device}};
  return {.file = "r.yaml", .tenants = {acme}};
}

Link Ethernet(uint32_t ifindex, const char* name) {
  return {.ifindex = ifindex,
          .name = name,
          .mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(ifindex)},
          .mtu = 1500,
          .up = true};
}

class EdgeTest : public ::testing::Test {
 protected:
  EdgeTest() {
    auto store = std::make_unique<FakeStore>();
    auto data_plane = std::make_unique<FakeDataPlane>(events_);
    auto underlay = std::make_unique<FakeUnderlay>();
    auto engine = std::make_unique<RecordingEngine>(events_);
    auto maps = std::make_unique<FakeMaps>();
    store_ = store.get();
    data_plane_ = data_plane.get();
    underlay_ = underlay.get();
    engine_ = engine.get();
    maps_ = maps.get();
    for (uint32_t i = 0; i < 3; ++i) {
      const std::string name = absl::StrCat("eth", i);
      underlay_->links[name] = Ethernet(i + 10, name.c_str());
    }
    Edge::Parts parts;
    parts.clock = &clock_;
    parts.store = std::move(store);
    parts.data_plane = std::move(data_plane);
    parts.maps = std::move(maps);
    parts.underlay = std::move(underlay);
    parts.engine = std::move(engine);
    edge_.emplace(Config(), std::move(parts));
  }

  // Starts with a tunnel on eth1 and forgets how.
  void StartWithLan() {
    store_->stored = {.epoch = 3, .resources = LanOn("eth1")};
    ASSERT_TRUE(edge_->Start().ok());
    events_.clear();
  }
  std::vector<std::string> Attached() const {
    std::vector<std::string> names;
    for (const AttachedDevice& device : edge_->devices())
      names.push_back(device.name);
    return names;
  }

  Events events_;
  FakeClock clock_;
  FakeStore* store_;
  FakeDataPlane* data_plane_;
  FakeUnderlay* underlay_;
  FakeEngine* engine_;
  FakeMaps* maps_;
  std::optional<Edge> edge_;
};

TEST_F(EdgeTest, AnEmptyStoreStartsWithoutTenants) {
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_THAT(events_, ElementsAre("attach eth0 tunnel 0 realm 0",
                                   "engine epoch 0", "punts rp-edge-a"));
  EXPECT_TRUE(edge_->snapshot()->resources().tenants.empty());
}

TEST_F(EdgeTest, DevicesComeBeforeFlowsAndFlowsBeforePunts) {
  store_->stored = {.epoch = 3, .resources = LanOn("eth1")};
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_THAT(events_, ElementsAre("attach eth0 tunnel 0 realm 0",
                                   "attach eth1 tunnel 5 realm 1001",
                                   "engine epoch 3", "punts rp-edge-a"));
}

TEST_F(EdgeTest, TheEntryDescribesTheDevice) {
  StartWithLan();
  EXPECT_EQ(data_plane_->last_entry.ifindex, 11u);
  EXPECT_EQ(data_plane_->last_entry.role, RP_ROLE_ACCESS);
  EXPECT_EQ(data_plane_->last_entry.link_header_len, 14);
  EXPECT_EQ(data_plane_->last_entry.mac[5], 11);
}

TEST_F(EdgeTest, ADeviceWithoutLinkHeaderHasNoMac) {
  underlay_->links["eth0"].ethernet = false;
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_EQ(data_plane_->last_entry.link_header_len, 0);
  EXPECT_EQ(data_plane_->last_entry.mac[5], 0);
}

TEST_F(EdgeTest, AMissingUplinkIsAnError) {
  underlay_->links.erase("eth0");
  const absl::Status status = edge_->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("device eth0: there is no such device"));
}

TEST_F(EdgeTest, AtStartAMissingAccessDeviceIsAwaited) {
  underlay_->links.erase("eth1");
  StartWithLan();
  EXPECT_THAT(Attached(), ElementsAre("eth0"));
  underlay_->links["eth1"] = Ethernet(20, "eth1");
  underlay_->listener.on_link(20);
  EXPECT_THAT(Attached(), ElementsAre("eth0", "eth1"));
}

TEST_F(EdgeTest, ADeviceThatGoesAndComesBackIsAttachedAgain) {
  StartWithLan();
  underlay_->links.erase("eth0");
  underlay_->listener.on_link(10);
  EXPECT_THAT(Attached(), ElementsAre("eth1"));
  underlay_->links["eth0"] = Ethernet(30, "eth0");
  underlay_->listener.on_link(30);
  EXPECT_THAT(events_, ElementsAre("attach eth0 tunnel 0 realm 0"));
  EXPECT_EQ(data_plane_->last_entry.ifindex, 30u);
}

TEST_F(EdgeTest, OnlyAChangeThatMattersAttachesAgain) {
  StartWithLan();
  underlay_->links["eth0"].mtu = 9000;
  underlay_->links["eth0"].up = false;
  underlay_->listener.on_link(10);
  EXPECT_THAT(events_, IsEmpty());
  underlay_->links["eth0"].mac[5] = 99;
  underlay_->listener.on_link(10);
  EXPECT_THAT(events_, ElementsAre("attach eth0 tunnel 0 realm 0"));
  EXPECT_EQ(data_plane_->last_entry.mac[5], 99);
}

TEST_F(EdgeTest, AnApplyAttachesNewDevicesBeforeAndDetachesOldOnesAfter) {
  StartWithLan();
  const auto epoch = edge_->Apply({.resources = LanOn("eth2")});
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  EXPECT_EQ(*epoch, 4u);
  EXPECT_THAT(events_, ElementsAre("attach eth2 tunnel 5 realm 1001",
                                   "engine epoch 4", "detach eth1"));
  EXPECT_EQ(edge_->snapshot()->epoch(), 4u);
}

TEST_F(EdgeTest, AnotherTunnelOnADeviceUpdatesIt) {
  StartWithLan();
  ASSERT_TRUE(edge_->Apply({.resources = LanOn("eth1", /*id=*/6)}).ok());
  EXPECT_THAT(events_,
              ElementsAre("attach eth1 tunnel 6 realm 1001", "engine epoch 4"));
}

TEST_F(EdgeTest, AnApplyThatTheEngineRefusesChangesNothing) {
  StartWithLan();
  engine_->apply_error = absl::ResourceExhaustedError("map rp_peers4: full");
  const absl::Status status =
      edge_->Apply({.resources = LanOn("eth2")}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("rp_peers4: full; nothing was changed"));
  EXPECT_EQ(store_->stored.resources.tenants[0]->tunnels[0].device, "eth1");
  EXPECT_EQ(edge_->snapshot()->resources().tenants[0]->tunnels[0].device,
            "eth1");
  EXPECT_THAT(Attached(), ElementsAre("eth0", "eth1"));
}

TEST_F(EdgeTest, AnApplyThatADeviceRefusesChangesNothing) {
  StartWithLan();
  data_plane_->broken = "eth2";
  EXPECT_THAT(
      std::string(
          edge_->Apply({.resources = LanOn("eth2")}).status().message()),
      HasSubstr("device eth2: no; nothing was changed"));
  EXPECT_THAT(Attached(), ElementsAre("eth0", "eth1"));
  EXPECT_EQ(store_->stored.resources.tenants[0]->tunnels[0].device, "eth1");
}

TEST_F(EdgeTest, AnApplyWithAMissingDeviceIsRefused) {
  StartWithLan();
  underlay_->links.erase("eth2");
  EXPECT_EQ(edge_->Apply({.resources = LanOn("eth2")}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(EdgeTest, WhatAnEarlierRunLeftAttachedIsDetached) {
  underlay_->links["eth9"] = Ethernet(19, "eth9");
  rp_device left = {};
  left.ifindex = 19;
  left.role = RP_ROLE_UPLINK;
  maps_->Put("rp_devices", uint32_t{7}, left);
  left.role = RP_ROLE_INJECT;
  maps_->Put("rp_devices", uint32_t{8}, left);
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_THAT(events_, testing::Contains("detach eth9"));
  EXPECT_THAT(Attached(), ElementsAre("eth0"));
}

TEST_F(EdgeTest, InterfaceTunnelsOfOtherEdgesNeedNoDevice) {
  Resources resources = LanOn("eth1");
  resources.tenants[0].Edit().tunnels[0].edge = "edge-b";
  EXPECT_EQ(WantedDevices(Config(), resources).size(), 1u);
}

// The same edge, with a store that others write to.
class FleetEdgeTest : public EdgeTest {
 protected:
  std::unique_ptr<StateStore> MakeStore() {
    auto fleet = std::make_unique<FakeFleet>();
    fleet_ = fleet.get();
    return fleet;
  }
  FleetEdgeTest() {
    auto data_plane = std::make_unique<FakeDataPlane>(events_);
    auto underlay = std::make_unique<FakeUnderlay>();
    auto engine = std::make_unique<RecordingEngine>(events_);
    underlay->links = underlay_->links;
    data_plane_ = data_plane.get();
    engine_ = engine.get();
    Edge::Parts parts;
    parts.clock = &clock_;
    parts.store = MakeStore();
    parts.fleet = fleet_;
    parts.data_plane = std::move(data_plane);
    parts.maps = std::make_unique<FakeMaps>();
    parts.underlay = std::move(underlay);
    parts.engine = std::move(engine);
    edge_.emplace(Config(), std::move(parts));
    fleet_->base.stored = {.epoch = 3, .resources = LanOn("eth1")};
  }

  FakeFleet* fleet_;
};

TEST_F(FleetEdgeTest, WhatAnotherEdgeStoredIsPutInForceAsItAsked) {
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_EQ(fleet_->in_force, 3u);
  ASSERT_TRUE(edge_->FollowFleet().ok());  // nothing new
  EXPECT_EQ(edge_->snapshot()->epoch(), 3u);
  fleet_->news = {
      .epoch = 6, .resources = LanOn("eth2"), .on_change = OnChange::kCut};
  ASSERT_TRUE(edge_->FollowFleet().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 6u);
  EXPECT_EQ(engine_->on_change, OnChange::kCut);
  EXPECT_EQ(fleet_->in_force, 6u);
  EXPECT_THAT(Attached(), ElementsAre("eth0", "eth2"));
  const auto epoch = edge_->Apply({.resources = LanOn("eth1")});
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  EXPECT_EQ(*epoch, 7u);
}

TEST_F(FleetEdgeTest, AnEpochThatDoesNotFitIsToldAndTriedAgain) {
  ASSERT_TRUE(edge_->Start().ok());
  engine_->apply_error = absl::ResourceExhaustedError("map rp_peers4: full");
  fleet_->news = {.epoch = 4, .resources = LanOn("eth1")};
  EXPECT_FALSE(edge_->FollowFleet().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 3u);
  EXPECT_EQ(std::string(edge_->behind().message()),
            "epoch 4 of the fleet: cannot be put in force here: map rp_peers4: "
            "full");
  EXPECT_EQ(fleet_->in_force, 3u);
  ASSERT_TRUE(edge_->OnTick().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 3u);  // not at once
  clock_.Advance(absl::Seconds(6));
  ASSERT_TRUE(edge_->OnTick().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 4u);
  EXPECT_TRUE(edge_->behind().ok());
}

TEST(BlockLogPathTest, ItIsBesideTheStore) {
  EXPECT_EQ(BlockLogPath("/var/lib/rampart/state.db"),
            "/var/lib/rampart/state.nat.db");
  EXPECT_EQ(BlockLogPath("/x/state"), "/x/state.nat.db");
}

TEST(PuntDeviceNameTest, FitsIntoAnInterfaceNameAndTellsEdgesApart) {
  std::set<std::string> names;
  for (const std::string edge : {"a", "edge-a", "twelve-bytes", "thirteen-byte",
                                 "frankfurt-edge-1", "frankfurt-edge-2"}) {
    const std::string name = PuntDeviceName(edge);
    EXPECT_LE(name.size(), 15u) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(KernelRandomTest, StaysBelowItsBoundAndReachesAllOfIt) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t number = KernelRandom(5);
    ASSERT_LT(number, 5u);
    seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(KernelRandom(1), 0u);
}

TEST_F(EdgeTest, WhoAndWhyIsInTheHistory) {
  StartWithLan();
  ASSERT_TRUE(edge_
                  ->Apply({.resources = LanOn("eth2"),
                           .on_change = OnChange::kKeep,
                           .who = "alice (uid 7)",
                           .what = "tunnel set lan",
                           .comment = "moved"})
                  .ok());
  ASSERT_EQ(store_->records.size(), 1u);
  const EpochRecord& record = store_->records[0];
  EXPECT_EQ(record.who, "alice (uid 7)");
  EXPECT_EQ(record.what, "tunnel set lan");
  EXPECT_EQ(record.comment, "moved");
  EXPECT_EQ(record.on_change, OnChange::kKeep);
  EXPECT_EQ(record.time, clock_.Now());
  EXPECT_EQ(engine_->on_change, OnChange::kKeep);
}

TEST_F(EdgeTest, ARestartAsksOfLiveFlowsWhatTheChangeAsked) {
  store_->stored = {
      .epoch = 3, .resources = LanOn("eth1"), .on_change = OnChange::kCut};
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_EQ(engine_->on_change, OnChange::kCut);
}

TEST_F(EdgeTest, AChangeOnProbationIsTakenBackInTimeUnlessConfirmed) {
  StartWithLan();
  for (const bool confirm : {false, true}) {
    const uint32_t before = edge_->snapshot()->epoch();
    ASSERT_TRUE(
        edge_->Apply({.resources = LanOn("eth2"), .confirm = absl::Minutes(5)})
            .ok());
    clock_.Advance(absl::Minutes(5) - absl::Seconds(1));
    ASSERT_TRUE(edge_->OnTick().ok());
    EXPECT_EQ(edge_->snapshot()->epoch(), before + 1);
    EXPECT_THAT(Attached(), ElementsAre("eth0", "eth2"));
    if (confirm) {
      ASSERT_TRUE(store_->Confirm(before + 1).ok());
    }
    clock_.Advance(absl::Seconds(1));
    ASSERT_TRUE(edge_->OnTick().ok());
    EXPECT_THAT(Attached(), ElementsAre("eth0", confirm ? "eth2" : "eth1"));
    EXPECT_EQ(edge_->snapshot()->epoch(), before + (confirm ? 1 : 2));
    EXPECT_FALSE(store_->probation());
  }
  EXPECT_EQ(store_->records[1].who, "rampartd");
  EXPECT_EQ(store_->records[1].what,
            "back to epoch 3: nobody confirmed epoch 4");
}

TEST_F(EdgeTest, NothingElseChangesDuringAProbation) {
  StartWithLan();
  ASSERT_TRUE(
      edge_->Apply({.resources = LanOn("eth2"), .confirm = absl::Minutes(5)})
          .ok());
  const absl::Status refused =
      edge_->Apply({.resources = LanOn("eth1")}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("epoch 4 is on probation until "));
  EXPECT_EQ(edge_->snapshot()->epoch(), 4u);
  EXPECT_TRUE(
      edge_->Apply({.resources = LanOn("eth1"), .ends_probation = true}).ok());
  EXPECT_FALSE(store_->probation());
}

TEST_F(EdgeTest, AStartAfterTheDeadlineTakesTheChangeBackFirst) {
  store_->old[3] = {.epoch = 3, .resources = LanOn("eth1")};
  store_->stored = {.epoch = 4, .resources = LanOn("eth2")};
  store_->on_probation = {4, 3, clock_.Now()};
  ASSERT_TRUE(edge_->Start().ok());
  EXPECT_THAT(events_, ElementsAre("attach eth0 tunnel 0 realm 0",
                                   "attach eth1 tunnel 5 realm 1001",
                                   "engine epoch 5", "punts rp-edge-a"));
  EXPECT_EQ(store_->records[0].what,
            "back to epoch 3: nobody confirmed epoch 4");
}

TEST_F(EdgeTest, GoingBackIsTriedAgain) {
  StartWithLan();
  ASSERT_TRUE(
      edge_->Apply({.resources = LanOn("eth2"), .confirm = absl::Minutes(5)})
          .ok());
  clock_.Advance(absl::Minutes(5));
  store_->replace_error = absl::UnavailableError("the disk is full");
  EXPECT_FALSE(edge_->OnTick().ok());
  EXPECT_TRUE(edge_->OnTick().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 4u);
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(edge_->OnTick().ok());
  EXPECT_EQ(edge_->snapshot()->epoch(), 5u);
}

}  // namespace
}  // namespace rampart
