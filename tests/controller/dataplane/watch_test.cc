// SPDX-License-Identifier: Apache-2.0
// Who watches, and packets that do not exist, on the pins of a real edge.
#include "controller/dataplane/watch.h"

#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

#include "absl/time/clock.h"
#include "controller/dataplane/dry_run.h"
#include "controller/dataplane/offline.h"
#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;

constexpr char kEdge[] = "edge-test";

rp_watch Everything() {
  rp_watch watch = {};
  std::memset(watch.devices, 0xff, sizeof(watch.devices));
  watch.points = 1 << RP_AT_RX | 1 << RP_AT_PASS;
  watch.snaplen = RP_EVENT_LONG;
  return watch;
}

class WatchPinsTest : public DataPlaneTest {
 protected:
  void SetUp() override {
    DataPlaneTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    MakeVeth("up0");
    edge_ = Open();
    const auto device = edge_->Attach(Uplink("up0"), EntryOf("up0"));
    ASSERT_TRUE(device.ok()) << device.status();
    slot_ = device->slot;
  }
  void TearDown() override {
    edge_.reset();
    DataPlaneTest::TearDown();
  }
  absl::StatusOr<std::unique_ptr<Watch>> Arm(
      const std::vector<rp_watch>& watches) const {
    return Watch::Arm(bpffs_, kEdge, watches);
  }
  uint32_t InForce() const {
    const auto maps = OpenPinnedMaps(bpffs_, kEdge);
    uint32_t watches = 0;
    EXPECT_TRUE((*maps)
                    ->ForEach("rp_watching", sizeof(uint32_t),
                              sizeof(rp_watching),
                              [&](const void*, const void* value) {
                                std::memcpy(&watches, value, sizeof(watches));
                                return true;
                              })
                    .ok());
    return watches;
  }
  // Waits for an event; false after ten seconds.
  static bool Readable(const Watch& watch) {
    pollfd fd = {.fd = watch.fd(), .events = POLLIN, .revents = 0};
    return poll(&fd, 1, 10000) == 1;
  }

  std::unique_ptr<DataPlane> edge_;
  uint32_t slot_ = 0;
};

TEST_F(WatchPinsTest, PacketsOnTheWireAreTold) {
  const auto watch = Arm({Everything()});
  ASSERT_TRUE(watch.ok()) << watch.status();
  const std::vector<uint8_t> frame(64, 0x5a);
  SendFrame("up0p", frame);
  ASSERT_TRUE(Readable(**watch));
  int told = 0;
  const auto read = (*watch)->Read(
      [&](const rp_event& event, absl::Span<const uint8_t> bytes) {
        EXPECT_EQ(event.slot, slot_);
        EXPECT_EQ(bytes, absl::MakeConstSpan(frame));
        ++told;
      });
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, told);
  EXPECT_GE(told, 1);
  EXPECT_EQ((*watch)->lost(), 0u);
}

TEST_F(WatchPinsTest, AWatchEndsWithItsOwner) {
  {
    const auto watch = Arm({Everything(), Everything()});
    ASSERT_TRUE(watch.ok()) << watch.status();
    EXPECT_EQ(__builtin_popcount(InForce()), 2);
    ASSERT_TRUE((*watch)->Replace(std::vector<rp_watch>(5, Everything())).ok());
    EXPECT_EQ(__builtin_popcount(InForce()), 5);
    ASSERT_TRUE((*watch)->Replace({{Everything()}}).ok());
    EXPECT_EQ(__builtin_popcount(InForce()), 1);
  }
  EXPECT_EQ(InForce(), 0u);
}

TEST_F(WatchPinsTest, MoreThanThereAreAreRefusedAndNothingIsTaken) {
  EXPECT_THAT(Arm({}).status().message(), HasSubstr("0 watches"));
  const auto some = Arm(std::vector<rp_watch>(RP_WATCH_MAX - 1, Everything()));
  ASSERT_TRUE(some.ok()) << some.status();
  const auto more = Arm({Everything(), Everything()});
  EXPECT_TRUE(absl::IsResourceExhausted(more.status())) << more.status();
  EXPECT_THAT(more.status().message(), HasSubstr("others trace"));
  EXPECT_TRUE(Arm({Everything()}).ok());
}

// Killed: its watches stay in force until its lease is over and somebody looks.
TEST_F(WatchPinsTest, WhatAKilledOwnerLeavesIsClearedAfterItsLease) {
  const pid_t child = fork();
  if (child == 0) {
    const auto watch = Arm({Everything()});
    kill(getpid(), SIGKILL);
  }
  int status;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(__builtin_popcount(InForce()), 1);
  ASSERT_TRUE(EndLeftWatches(bpffs_, kEdge).ok());
  EXPECT_EQ(__builtin_popcount(InForce()), 1);
  // All of them can be had only when the lease is over.
  const absl::Time start = absl::Now();
  while (!Arm(std::vector<rp_watch>(RP_WATCH_MAX, Everything())).ok())
    ASSERT_LT(absl::Now() - start, absl::Minutes(1));
  EXPECT_EQ(InForce(), 0u);
}

TEST_F(WatchPinsTest, APacketThatDoesNotExistIsExplainedAndCountsNowhere) {
  const auto before = edge_->ReadCounters();
  auto runner = DryRunner::Open(bpffs_, kEdge);
  ASSERT_TRUE(runner.ok()) << runner.status();
  const std::vector<uint8_t> frame(64, 0x5a);
  const auto result = (*runner)->Run(slot_, frame);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->action, uint32_t{XDP_PASS});
  EXPECT_EQ(result->output, frame);
  ASSERT_EQ(result->events.size(), 2u);
  EXPECT_EQ(result->events[0].event.point, RP_AT_RX);
  EXPECT_EQ(result->events[1].event.point, RP_AT_PASS);
  EXPECT_EQ(result->program, "rp_uplink");
  EXPECT_EQ(result->tag.size(), 16u);
  const auto after = edge_->ReadCounters();
  for (size_t i = 0; i < before->size(); ++i)
    for (size_t n = 0; n < RP_OUTCOME_COUNT; ++n)
      EXPECT_EQ((*after)[i].outcomes[n].packets,
                (*before)[i].outcomes[n].packets);
  EXPECT_EQ(InForce(), 0u);
}

TEST_F(WatchPinsTest, WhatCannotBeRunIsRefused) {
  auto runner = DryRunner::Open(bpffs_, kEdge);
  ASSERT_TRUE(runner.ok()) << runner.status();
  const std::vector<uint8_t> frame(64);
  EXPECT_TRUE(absl::IsNotFound((*runner)->Run(200, frame).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      (*runner)->Run(slot_, std::vector<uint8_t>(13)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      (*runner)->Run(slot_, std::vector<uint8_t>(4000)).status()));
  EXPECT_TRUE(absl::IsNotFound(DryRunner::Open(bpffs_, "none").status()));
}

}  // namespace
}  // namespace rampart
