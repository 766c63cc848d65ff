// SPDX-License-Identifier: Apache-2.0
// Controllers that are killed or replaced while packets flow.
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

class RestartTest : public DataPlaneTest {
 protected:
  void SetUp() override {
    DataPlaneTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    MakeVeth("up0");
    MakeVeth("ac0");
  }

  // All that a controller does at its start. False if anything failed.
  bool Start(const std::function<void(DataPlane&)>& then) const {
    auto opened = DataPlane::Open(Options());
    if (!opened.ok()) return Failed(opened.status());
    DataPlane& edge = **opened;
    for (const DeviceConfig& device : {Uplink("up0"), Access("ac0")}) {
      const auto attached = edge.Attach(device, EntryOf(device.name));
      if (!attached.ok()) return Failed(attached.status());
    }
    const absl::Status status = edge.OpenPuntPath("rptap");
    if (!status.ok()) return Failed(status);
    then(edge);
    return true;
  }
  static bool Failed(const absl::Status& status) {
    ADD_FAILURE() << status;
    return false;
  }

  // Runs `body` in a child process and returns its id.
  static pid_t Fork(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      body();
      _exit(0);
    }
    return child;
  }
  static void Wait(pid_t child) {
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
  }

  static uint64_t Packets(const DataPlane& edge, uint32_t slot) {
    uint64_t packets = 0;
    const auto counters = edge.ReadCounters();
    for (const DeviceCounters& device : *counters) {
      if (device.slot != slot) continue;
      for (const rp_counter& counter : device.outcomes) {
        packets += counter.packets;
      }
    }
    return packets;
  }
};

TEST_F(RestartTest, AKilledControllerCanAlwaysBeStartedAgain) {
  // At every stage of a start: from nothing done to all done and running.
  for (int delay = 0; delay < 200; delay += 20) {
    const pid_t child = Fork([&] {
      Start([](DataPlane&) {
        while (true) pause();
      });
    });
    poll(nullptr, 0, delay);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    Wait(child);
    bool ran = false;
    ASSERT_TRUE(Start([&](DataPlane& edge) { ran = !edge.devices().empty(); }))
        << "killed after " << delay << " ms";
    EXPECT_TRUE(ran);
    EXPECT_NE(ProgramOn("up0"), 0u);
    EXPECT_NE(ProgramOn("ac0"), 0u);
    if (delay % 40 == 0) {
      ASSERT_TRUE(DetachAll(bpffs_, "edge-test").ok());
    }
  }
}

TEST_F(RestartTest, NoPacketIsLostWhileProgramsAreUpdated) {
  constexpr int kPackets = 120000;
  const auto edge = Open();
  const auto device = edge->Attach(Uplink("up0"), EntryOf("up0"));
  ASSERT_TRUE(device.ok()) << device.status();
  const std::vector<uint8_t> frame(64);
  const pid_t sender = Fork([&] { SendFrame("up0p", frame, kPackets); });
  int updates = 0;
  EXPECT_TRUE(Eventually([&] {
    const auto again = edge->Attach(Uplink("up0"), EntryOf("up0"));
    EXPECT_TRUE(again.ok() && again->adopted) << again.status();
    ++updates;
    return Packets(*edge, device->slot) == kPackets;
  })) << Packets(*edge, device->slot);
  EXPECT_GT(updates, 3);
  Wait(sender);
}

TEST_F(RestartTest, PacketsPassWhileThereIsNoController) {
  uint32_t slot = 0;
  ASSERT_TRUE(Start([&](DataPlane& edge) { slot = edge.devices()[0].slot; }));
  SendFrame("up0p", std::vector<uint8_t>(64), 100);
  const auto edge = Open();
  EXPECT_TRUE(Eventually([&] { return Packets(*edge, slot) == 100; }));
}

TEST_F(RestartTest, ASlotThatPassesToAnotherDeviceCountsFromZero) {
  const auto edge = Open();
  const uint32_t slot = edge->Attach(Uplink("up0"), EntryOf("up0"))->slot;
  SendFrame("up0p", std::vector<uint8_t>(64));
  EXPECT_TRUE(Eventually([&] { return Packets(*edge, slot) == 1; }));
  ASSERT_TRUE(edge->Detach(slot).ok());
  EXPECT_EQ(edge->Attach(Access("ac0"), EntryOf("ac0"))->slot, slot);
  EXPECT_EQ(Packets(*edge, slot), 0u);
}

}  // namespace
}  // namespace rampart
