// SPDX-License-Identifier: Apache-2.0
#include "controller/capture/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/packet.h"

namespace rampart {
namespace {

using testing::Eth;
using testing::Packet;

std::string Line(const Packet& packet) {
  return FormatOneLine(LinkType::kEthernet, packet.Build(), 6080);
}

TEST(FormatTest, PlainPackets) {
  EXPECT_EQ(Line(Eth()
                     .Ip4("10.1.0.5", "10.2.0.9", {.ttl = 3})
                     .Tcp(40000, 22, {.flags = 0x12, .seq = 7, .ack = 8})),
            "10.1.0.5:40000 > 10.2.0.9:22 tcp S. seq 7 ack 8 win 65535 len 40 "
            "ttl 3 df");
  EXPECT_EQ(Line(Eth().Ip6("fd00::5", "fd00::9").Udp(1, 53).Payload("abc")),
            "[fd00::5]:1 > [fd00::9]:53 udp len 51 ttl 64");
  EXPECT_EQ(Line(Eth().Vlan(5).Ip6("fd00::5", "fd00::9").Echo(false, 9, 2)),
            "fd00::5 > fd00::9 icmp echo request id 9 seq 2 len 48 ttl 64");
  EXPECT_EQ(Line(Eth().Ip4("10.1.0.5", "10.2.0.9").Icmp(3, 4)),
            "10.1.0.5 > 10.2.0.9 icmp type 3 code 4 len 28 ttl 64 df");
}

TEST(FormatTest, Tunnels) {
  const Packet inner =
      Packet().Ip4("10.1.0.5", "10.2.0.9", {.fragment = 0}).Udp(1, 2);
  const std::string in = " | 10.1.0.5:1 > 10.2.0.9:2 udp len 28 ttl 64";
  const Packet outer =
      Eth().Ip4("192.0.2.10", "192.0.2.1", {.fragment = 0}).Udp(50000, 6080);
  EXPECT_EQ(Line(outer.Gue({}).Then(inner)),
            "192.0.2.10 > 192.0.2.1 gue len 60 ttl 64" + in);
  EXPECT_EQ(Line(outer.Gue({.group = 1001, .cookie = 5}).Then(inner)),
            "192.0.2.10 > 192.0.2.1 gue vni 1001 cookie len 72 ttl 64" + in);
  EXPECT_EQ(Line(outer.Gue({.group = 1001, .mac = testing::GueMac{.epoch = 9}})
                     .Then(inner)),
            "192.0.2.10 > 192.0.2.1 gue vni 1001 mac key 1 epoch 9 len 80 "
            "ttl 64" +
                in);
  EXPECT_EQ(Line(Eth()
                     .Ip6("2001:db8::a", "2001:db8::1")
                     .Gre({.key = 7, .checksum = true})
                     .Then(inner)),
            "2001:db8::a > 2001:db8::1 gre key 7 len 80 ttl 64" + in);
  EXPECT_EQ(Line(outer.Gue({}).Gre({.key = 1001}).Then(inner)),
            "192.0.2.10 > 192.0.2.1 gue gre key 1001 len 68 ttl 64" + in);
}

TEST(FormatTest, FragmentsAndWhatIsNoIp) {
  EXPECT_EQ(Line(Eth()
                     .Ip4("10.1.0.5", "10.2.0.9",
                          {.fragment = 0x2000 | 185, .protocol = 17})
                     .Payload("later part")),
            "10.1.0.5 > 10.2.0.9 proto 17 len 30 ttl 64 frag 1480+");
  EXPECT_EQ(Line(Eth({.type = 0x0806}).Payload(testing::Bytes(28))),
            "ethertype 0x0806 len 42");
}

TEST(FormatTest, BytesThatEndEarlySayCut) {
  const testing::Bytes frame =
      Eth()
          .Ip4("192.0.2.10", "192.0.2.1")
          .Udp(50000, 6080)
          .Gue({.group = 1001, .cookie = 5})
          .Then(Packet().Ip6("fd00::5", "fd00::9").Tcp(1, 2))
          .Build();
  for (size_t length = 0; length < frame.size(); ++length) {
    const std::string line =
        FormatOneLine(LinkType::kEthernet,
                      absl::MakeConstSpan(frame).subspan(0, length), 6080);
    // The checksum and the urgent pointer of TCP are not shown.
    EXPECT_EQ(line.ends_with("cut"), length < frame.size() - 4) << line;
  }
}

TEST(FormatTest, NothingThatCanArriveDoesHarm) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    testing::Bytes frame(random() % 100);
    for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random());
    if (frame.size() > 36 && i % 2 == 0) {
      frame[12] = 8;
      frame[13] = 0;
      frame[14] = 0x45;
      frame[23] = i % 4 == 0 ? 47 : 17;
      frame[36] = 6080 >> 8;
      if (frame.size() > 37) frame[37] = 6080 & 0xff;
    }
    EXPECT_FALSE(FormatPacket(LinkType::kEthernet, frame, 6080).empty());
    EXPECT_FALSE(FormatPacket(LinkType::kIp, frame, 6080).empty());
  }
}

}  // namespace
}  // namespace rampart
