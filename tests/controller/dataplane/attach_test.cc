// SPDX-License-Identifier: Apache-2.0
// Programs on devices: modes, updates, devices that come and go.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <filesystem>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class AttachTest : public DataPlaneTest {
 protected:
  void SetUp() override {
    DataPlaneTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    MakeVeth("up0");
  }
  // What rp_ports says about a slot, as its device's index; 0: nothing.
  uint32_t PortOf(uint32_t slot) const {
    const UniqueFd map(bpf_obj_get((pins() + "/maps/rp_ports").c_str()));
    uint32_t ifindex = 0;
    bpf_map_lookup_elem(map.get(), &slot, &ifindex);
    return ifindex;
  }
  // A program that is not Rampart's.
  static UniqueFd Foreign() {
    const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K,
                              .dst_reg = 0,
                              .src_reg = 0,
                              .off = 0,
                              .imm = XDP_PASS},
                             {.code = BPF_JMP | BPF_EXIT,
                              .dst_reg = 0,
                              .src_reg = 0,
                              .off = 0,
                              .imm = 0}};
    return UniqueFd(
        bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", code, 2, nullptr));
  }
};

TEST_F(AttachTest, AttachesInTheModeAskedFor) {
  const struct {
    XdpMode asked, got;
    uint8_t kernel;
  } cases[] = {{XdpMode::kNative, XdpMode::kNative, XDP_ATTACHED_DRV},
               {XdpMode::kGeneric, XdpMode::kGeneric, XDP_ATTACHED_SKB},
               {XdpMode::kAuto, XdpMode::kNative, XDP_ATTACHED_DRV}};
  for (const auto& c : cases) {
    const auto edge = Open();
    const auto device = edge->Attach(Uplink("up0", c.asked), EntryOf("up0"));
    ASSERT_TRUE(device.ok()) << device.status();
    EXPECT_EQ(device->mode, c.got);
    EXPECT_THAT(device->why, IsEmpty());
    EXPECT_EQ(device->queues, 1);
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    ASSERT_EQ(bpf_xdp_query(static_cast<int>(device->ifindex), 0, &query), 0);
    EXPECT_EQ(query.attach_mode, c.kernel);
    EXPECT_EQ(PortOf(device->slot), device->ifindex);
    const rp_device entry = *edge->maps().devices.Get(device->slot).value();
    EXPECT_EQ(entry.ifindex, device->ifindex);
    EXPECT_EQ(entry.role, RP_ROLE_UPLINK);
    ASSERT_TRUE(edge->Detach(device->slot).ok());
    EXPECT_EQ(ProgramOn("up0"), 0u);
    EXPECT_EQ(PortOf(device->slot), 0u);
  }
}

TEST_F(AttachTest, AutoTakesGenericAndTellsWhatTheDriverSaid) {
  Shell("ip link set up0p mtu 9000");  // more than veth's native XDP takes
  const auto edge = Open();
  const auto refused =
      edge->Attach(Uplink("up0", XdpMode::kNative), EntryOf("up0"));
  EXPECT_THAT(refused.status().ToString(),
              HasSubstr("device up0: native XDP refused: Numerical result out "
                        "of range: "));
  const auto device = edge->Attach(Uplink("up0"), EntryOf("up0"));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->mode, XdpMode::kGeneric);
  EXPECT_THAT(device->why, HasSubstr("native XDP refused"));
  EXPECT_THAT(device->why, HasSubstr("MTU"));
}

TEST_F(AttachTest, RestartUpdatesTheLinkAndKeepsTheSlot) {
  uint32_t slot, program;
  {
    const auto edge = Open();
    MakeVeth("ac0");
    ASSERT_TRUE(edge->Attach(Access("ac0"), EntryOf("ac0")).ok());
    slot = edge->Attach(Uplink("up0"), EntryOf("up0"))->slot;
    program = ProgramOn("up0");
  }
  EXPECT_EQ(ProgramOn("up0"), program) << "stays without a controller";
  const auto edge = Open();
  const auto device = edge->Attach(Uplink("up0"), EntryOf("up0"));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE(device->adopted);
  EXPECT_EQ(device->slot, slot);
  EXPECT_NE(ProgramOn("up0"), program);
}

TEST_F(AttachTest, FreesTheSlotsOfDevicesThatWentAwayMeanwhile) {
  MakeVeth("ac0");
  uint32_t slot;
  {
    const auto edge = Open();
    slot = edge->Attach(Access("ac0"), EntryOf("ac0"))->slot;
    ASSERT_TRUE(edge->Attach(Uplink("up0"), EntryOf("up0")).ok());
    ASSERT_TRUE(edge->OpenPuntPath("rptap").ok());
  }
  Shell("ip link del ac0");
  const auto edge = Open();
  EXPECT_EQ(edge->maps().devices.Get(slot)->value().role, RP_ROLE_NONE);
  int used = 0;
  ASSERT_TRUE(edge->maps()
                  .devices
                  .ForEach([&](uint32_t, const rp_device& entry) {
                    used += entry.role != RP_ROLE_NONE;
                  })
                  .ok());
  EXPECT_EQ(used, 1) << "up0; the TAP's is free again";
}

TEST_F(AttachTest, ADeviceThatWasMadeAnewIsAttachedAnew) {
  const auto edge = Open();
  const auto before = edge->Attach(Uplink("up0"), EntryOf("up0"));
  Shell("ip link del up0");
  EXPECT_EQ(PortOf(before->slot), 0u) << "the kernel removes it";
  MakeVeth("up0");
  const auto after = edge->Attach(Uplink("up0"), EntryOf("up0"));
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(after->ifindex, before->ifindex);
  EXPECT_EQ(after->slot, before->slot) << "next hops name slots";
  EXPECT_FALSE(after->adopted);
  EXPECT_EQ(PortOf(after->slot), after->ifindex);
  EXPECT_NE(ProgramOn("up0"), 0u);
}

TEST_F(AttachTest, ALinkOfAnotherNamespaceIsNotTakenForThisOne) {
  Shell("ip link add same index 7777 type veth peer name samep");
  {
    const auto edge = Open();
    ASSERT_TRUE(edge->Attach(Uplink("same"), EntryOf("same")).ok());
  }
  const NetworkNamespace other;
  Shell("ip link add same index 7777 type veth peer name samep");
  const UniqueFd stranger = Foreign();
  ASSERT_EQ(bpf_xdp_attach(7777, stranger.get(), 0, nullptr), 0);
  const auto edge = Open();
  EXPECT_TRUE(absl::IsAlreadyExists(
      edge->Attach(Uplink("same"), EntryOf("same")).status()));
  ASSERT_EQ(bpf_xdp_detach(7777, 0, nullptr), 0);
  const auto device = edge->Attach(Uplink("same"), EntryOf("same"));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_FALSE(device->adopted);
  EXPECT_NE(ProgramOn("same"), 0u);
}

TEST_F(AttachTest, AChangedModeIsCarriedOutAndSaid) {
  {
    const auto edge = Open();
    ASSERT_TRUE(
        edge->Attach(Uplink("up0", XdpMode::kGeneric), EntryOf("up0")).ok());
  }
  const auto edge = Open();
  const auto kept = edge->Attach(Uplink("up0"), EntryOf("up0"));
  EXPECT_EQ(kept->mode, XdpMode::kGeneric);
  EXPECT_THAT(kept->why, HasSubstr("earlier run"));
  const auto changed =
      edge->Attach(Uplink("up0", XdpMode::kNative), EntryOf("up0"));
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->mode, XdpMode::kNative);
  EXPECT_THAT(changed->why, HasSubstr("mode changed: was generic"));
  EXPECT_EQ(changed->slot, kept->slot);
}

TEST_F(AttachTest, RefusesADeviceWithAnotherProgramAndNamesIt) {
  const UniqueFd stranger = Foreign();
  const int index = static_cast<int>(if_nametoindex("up0"));
  ASSERT_EQ(bpf_xdp_attach(index, stranger.get(), 0, nullptr), 0);
  const uint32_t id = ProgramOn("up0");
  const auto edge = Open();
  const auto device = edge->Attach(Uplink("up0"), EntryOf("up0"));
  EXPECT_TRUE(absl::IsAlreadyExists(device.status()));
  EXPECT_THAT(device.status().ToString(),
              HasSubstr("id " + std::to_string(id) + ", name \"stranger\""));
  EXPECT_EQ(ProgramOn("up0"), id) << "left alone";
  EXPECT_THAT(*edge->ReadCounters(), IsEmpty()) << "no slot is lost";
}

TEST_F(AttachTest, RefusesADeviceThatIsNotThere) {
  const auto edge = Open();
  rp_device entry = EntryOf("up0");
  entry.ifindex += 1000;
  const auto device = edge->Attach(Uplink("up0"), entry);
  EXPECT_TRUE(absl::IsFailedPrecondition(device.status()));
  EXPECT_THAT(device.status().ToString(), HasSubstr("device up0"));
}

TEST_F(AttachTest, DeviceNamesMayHaveADot) {
  MakeVeth("up0.100");
  const auto edge = Open();
  EXPECT_TRUE(edge->Attach(Uplink("up0.100"), EntryOf("up0.100")).ok());
}

TEST_F(AttachTest, EveryQueueIsCounted) {
  Shell(
      "ip link add mq0 numrxqueues 4 numtxqueues 4 type veth peer name mq0p "
      "numrxqueues 4 numtxqueues 4 && ip link set mq0 up && "
      "ip link set mq0p up");
  Shell("ethtool -L mq0 rx 2");
  const auto edge = Open();
  const auto device = edge->Attach(Uplink("mq0"), EntryOf("mq0"));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->queues, 2);
  EXPECT_TRUE(edge->OpenPuntPath("rptap").ok());
}

}  // namespace
}  // namespace rampart
