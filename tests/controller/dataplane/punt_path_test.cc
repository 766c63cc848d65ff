// SPDX-License-Identifier: Apache-2.0
// Packets between the data plane and the controller, both ways.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kTunnel = 3;
constexpr uint32_t kRealm = 1001;

struct Punt {
  rp_punt record;
  std::vector<uint8_t> packet;
};

class PuntPathTest : public DataPlaneTest {
 protected:
  void SetUp() override {
    DataPlaneTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    edge_ = Open();
    ASSERT_NE(edge_, nullptr);
    rp_config config = edge_->maps().config.Get(0)->value();
    config.punts_per_tick = 1000000;
    ASSERT_TRUE(edge_->maps().config.Put(0, config).ok());
    ASSERT_TRUE(edge_->maps().grants.Put({kTunnel, kRealm}, {1}).ok());
  }
  void TearDown() override {
    edge_.reset();
    DataPlaneTest::TearDown();
  }

  int ReadOnce(int budget, std::vector<Punt>& punts) const {
    const auto read =
        edge_->ReadPunts(budget, [&](absl::Span<const DataPlane::Punt> batch) {
          for (const DataPlane::Punt& punt : batch)
            punts.push_back(
                {punt.record, {punt.packet.begin(), punt.packet.end()}});
        });
    EXPECT_TRUE(read.ok()) << read.status();
    EXPECT_LE(*read, budget);
    return *read;
  }
  // Waits for at least `count` punts and returns all that came.
  std::vector<Punt> Read(size_t count, int budget = 1000) const {
    std::vector<Punt> punts;
    EXPECT_TRUE(Eventually([&] {
      while (ReadOnce(budget, punts) > 0) {
      }
      return punts.size() >= count;
    })) << "got "
        << punts.size() << " of " << count << "; " << Outcomes();
    return punts;
  }
  // What became of packets, for messages.
  std::string Outcomes() const {
    std::string text;
    const auto counters = edge_->ReadCounters();
    for (const DeviceCounters& device : *counters) {
      for (size_t i = 0; i < device.outcomes.size(); ++i) {
        if (device.outcomes[i].packets == 0) continue;
        text += "slot " + std::to_string(device.slot) + " outcome " +
                std::to_string(i) + ": " +
                std::to_string(device.outcomes[i].packets) + " ";
      }
    }
    return text;
  }
  bool Readable() const {
    pollfd waiting = {.fd = edge_->punt_fd(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }
  uint64_t Punted(uint32_t slot) const {
    const auto counters = edge_->ReadCounters();
    for (const DeviceCounters& device : *counters) {
      if (device.slot == slot) return device.outcomes[RP_PUNTED].packets;
    }
    return 0;
  }
  // An access device whose packets come on in kRealm through kTunnel.
  AttachedDevice AttachAccess(const std::string& name, XdpMode mode) const {
    rp_device entry = EntryOf(name);
    entry.tunnel = kTunnel;
    entry.realm = kRealm;
    Mac(name, entry.mac);
    const auto device = edge_->Attach(Access(name, mode), entry);
    EXPECT_TRUE(device.ok()) << device.status();
    return *device;
  }
  // A frame to `device` with an IPv4 packet.
  static std::vector<uint8_t> FrameTo(const std::string& device,
                                      const std::vector<uint8_t>& packet) {
    std::vector<uint8_t> frame(sizeof(ether_header));
    Mac(device, frame.data());
    frame[6] = 2;  // any source
    frame[12] = 0x08;
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
  }
  static void Mac(const std::string& device, uint8_t* mac);

  std::unique_ptr<DataPlane> edge_;
};

void PuntPathTest::Mac(const std::string& device, uint8_t* mac) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request = {};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  ASSERT_EQ(ioctl(fd.get(), SIOCGIFHWADDR, &request), 0);
  std::memcpy(mac, request.ifr_hwaddr.sa_data, 6);
}

TEST_F(PuntPathTest, AnInjectedPacketWithoutFlowComesBackAsItIs) {
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  EXPECT_FALSE(Readable());
  const std::vector<uint8_t> packet = Udp4(100);
  ASSERT_TRUE(edge_->Inject(kRealm, kTunnel, packet).ok());
  EXPECT_TRUE(Readable());
  const std::vector<Punt> punts = Read(1);
  ASSERT_THAT(punts, SizeIs(1));
  EXPECT_EQ(punts[0].record.reason, uint32_t{RP_PUNT_MISS});
  EXPECT_EQ(punts[0].record.realm, kRealm);
  EXPECT_EQ(punts[0].record.tunnel, kTunnel);
  EXPECT_EQ(punts[0].packet, packet);
  EXPECT_EQ(Punted(punts[0].record.slot), 1u);
  EXPECT_FALSE(Readable());
}

TEST_F(PuntPathTest, FramesAreUsedAgainForEver) {
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  constexpr int kRounds = 40;
  constexpr size_t kRound = 300;  // 12000 in all: more than there are frames
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kRound; ++i) {
      ASSERT_TRUE(edge_->Inject(kRealm, kTunnel, Udp4(i)).ok());
    }
    const std::vector<Punt> punts = Read(kRound, 7);
    ASSERT_THAT(punts, SizeIs(kRound));
    for (size_t i = 0; i < kRound; ++i) {
      ASSERT_EQ(punts[i].packet, Udp4(i)) << "order is kept";
    }
  }
}

TEST_F(PuntPathTest, LargePacketsReachTheProgramToo) {
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  // 3000: native; 3700: the kernel builds an skb and runs the program on it.
  for (const size_t size : {1472, 3000, 3700}) {
    ASSERT_TRUE(edge_->Inject(kRealm, kTunnel, Udp4(size)).ok());
    const std::vector<Punt> punts = Read(1);
    ASSERT_THAT(punts, SizeIs(1));
    EXPECT_EQ(punts[0].packet, Udp4(size));
  }
}

TEST_F(PuntPathTest, PuntsOfDevicesArriveInBothModes) {
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  for (const XdpMode mode : {XdpMode::kNative, XdpMode::kGeneric}) {
    const std::string name = mode == XdpMode::kNative ? "ac0" : "ac1";
    MakeVeth(name);
    const AttachedDevice device = AttachAccess(name, mode);
    SendFrame(name + "p", FrameTo(name, Udp4(64)));
    const std::vector<Punt> punts = Read(1);
    ASSERT_THAT(punts, SizeIs(1));
    EXPECT_EQ(punts[0].record.slot, device.slot);
    EXPECT_EQ(punts[0].record.tunnel, kTunnel);
    EXPECT_EQ(punts[0].record.realm, kRealm);
    EXPECT_EQ(punts[0].packet, Udp4(64));
    EXPECT_EQ(Punted(device.slot), 1u);
  }
}

TEST_F(PuntPathTest, DevicesAttachedEarlierGetSocketsWhenThePathOpens) {
  MakeVeth("ac0");
  AttachAccess("ac0", XdpMode::kAuto);
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  SendFrame("ac0p", FrameTo("ac0", Udp4(64)));
  EXPECT_THAT(Read(1), SizeIs(1));
}

TEST_F(PuntPathTest, ARestartedControllerReadsPuntsAgain) {
  MakeVeth("ac0");
  AttachAccess("ac0", XdpMode::kAuto);
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  edge_.reset();
  edge_ = Open();
  AttachAccess("ac0", XdpMode::kAuto);
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  SendFrame("ac0p", FrameTo("ac0", Udp4(64)));
  EXPECT_THAT(Read(1), SizeIs(1));
}

TEST_F(PuntPathTest, ADeviceThatVanishesDoesNotKeepTheDescriptorReadable) {
  MakeVeth("ac0");
  AttachAccess("ac0", XdpMode::kAuto);
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  Shell("ip link del ac0");
  EXPECT_TRUE(Eventually([&] {
    EXPECT_THAT(Read(0), IsEmpty());
    return !Readable();
  }));
}

TEST_F(PuntPathTest, PuntsArriveAfterAnUpdateAndAfterAttachingAnew) {
  MakeVeth("ac0");
  const uint32_t slot = AttachAccess("ac0", XdpMode::kAuto).slot;
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  SendFrame("ac0p", FrameTo("ac0", Udp4(1)));
  EXPECT_TRUE(Eventually([&] { return Punted(slot) == 1; }));
  EXPECT_TRUE(AttachAccess("ac0", XdpMode::kAuto).adopted);
  SendFrame("ac0p", FrameTo("ac0", Udp4(2)));
  EXPECT_THAT(Read(2), SizeIs(2)) << "the one that waited is not lost";
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(edge_->Detach(slot).ok());
    EXPECT_EQ(AttachAccess("ac0", XdpMode::kAuto).slot, slot);
    SendFrame("ac0p", FrameTo("ac0", Udp4(3)));
    EXPECT_THAT(Read(1), SizeIs(1));
  }
}

TEST_F(PuntPathTest, DevicesWithoutLinkHeaderPuntToo) {
  const UniqueFd tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK));
  ifreq request = {};
  std::strcpy(request.ifr_name, "tun0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  ASSERT_EQ(ioctl(tun.get(), TUNSETIFF, &request), 0);
  Shell(
      "echo 1 > /proc/sys/net/ipv6/conf/tun0/disable_ipv6 && "
      "ip link set tun0 up");
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  rp_device entry = EntryOf("tun0");
  entry.link_header_len = 0;
  entry.tunnel = kTunnel;
  entry.realm = kRealm;
  const auto device = edge_->Attach(Access("tun0"), entry);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->mode, XdpMode::kGeneric);
  const std::vector<uint8_t> packet = Udp4(64);
  ASSERT_EQ(write(tun.get(), packet.data(), packet.size()),
            static_cast<ssize_t>(packet.size()));
  const std::vector<Punt> punts = Read(1);
  ASSERT_THAT(punts, SizeIs(1));
  EXPECT_EQ(punts[0].packet, packet);
}

TEST_F(PuntPathTest, ADeviceMayBeDownWhenItIsAttached) {
  MakeVeth("ac0");
  Shell("ip link set ac0 down");
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  AttachAccess("ac0", XdpMode::kAuto);
  Shell("ip link set ac0 up");
  SendFrame("ac0p", FrameTo("ac0", Udp4(64)));
  EXPECT_THAT(Read(1), SizeIs(1));
}

TEST_F(PuntPathTest, RefusesWhatIsNotAnIpPacket) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      edge_->Inject(kRealm, kTunnel, Udp4(0))));  // not open yet
  ASSERT_TRUE(edge_->OpenPuntPath("rptap").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(edge_->Inject(kRealm, kTunnel, {})));
  const std::vector<uint8_t> junk = {0x10, 0, 0, 0};
  EXPECT_TRUE(absl::IsInvalidArgument(edge_->Inject(kRealm, kTunnel, junk)));
}

TEST_F(PuntPathTest, NeverTakesOverAnInterfaceOfThatName) {
  Shell("ip tuntap add rptap mode tap");
  const absl::Status status = edge_->OpenPuntPath("rptap");
  EXPECT_THAT(status.ToString(), HasSubstr("tap rptap: make it"));
}

}  // namespace
}  // namespace rampart
