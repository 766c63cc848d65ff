// SPDX-License-Identifier: Apache-2.0
// The test tools themselves: builder against captures and libtins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/testing/oracle.h"
#include "tests/testing/packet.h"
#include "tests/testing/pcap.h"
#include "tests/testing/siphash.h"

namespace rampart::testing {
namespace {

const std::string kData = RAMPART_TEST_DATA;  // NOLINT: test constant

SipKey CountingKey() {
  SipKey key;
  for (uint8_t i = 0; i < 16; ++i) key[i] = i;
  return key;
}

TEST(SipHashTest, GivesTheVectorOfThePaper) {  // appendix A
  Bytes message;
  for (uint8_t i = 0; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(SipHash24(CountingKey(), message), 0xa129ca6149be45e5);
}

TEST(PacketTest, RebuildsTheExampleVectorsByteForByte) {
  const auto frames = ReadPcap(kData + "/gue-examples.pcap");
  ASSERT_TRUE(frames.ok()) << frames.status();
  ASSERT_EQ(frames->size(), 6u);
  const GueMac mac = {.key = CountingKey(), .tag = 7, .epoch = 0x1f3a4};
  const Packet inner4 = Packet()
                            .Ip4("10.1.0.10", "10.2.0.20", {.id = 1})
                            .Udp(40000, 4242)
                            .Payload("tenant-a");
  const Packet inner6 = Packet()
                            .Ip6("fd00:a::10", "fd00:b::20")
                            .Udp(40000, 4242)
                            .Payload("tenant-b");
  const Packet outer4 =
      Eth().Ip4("192.0.2.1", "192.0.2.2").Udp(0xc9a5, 6080, {.checksum = 0});
  const Packet outer6 =
      Eth().Ip6("2001:db8::1", "2001:db8::2").Udp(0xf00d, 6080);
  const std::vector<Packet> packets = {
      outer4.Gue({.group = 0x12c, .mac = mac}).Then(inner4),
      outer6.Gue({.group = 0x12d, .mac = mac}).Then(inner6),
      outer4.Gue({.group = 0x12c, .cookie = 0x1122334455667788}).Then(inner4),
      outer4.Gue().Gre({.key = 0x12c}).Then(inner4),
      outer4.Gue().Then(inner4),
      outer4.Then(inner4)};
  for (size_t i = 0; i < packets.size(); ++i)
    EXPECT_EQ(Diff(packets[i].Build(), (*frames)[i]), "") << "vector " << i;
}

TEST(OracleTest, AcceptsWhatLinuxEmits) {
  int frames_seen = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(kData + "/linux")) {
    const auto frames = ReadPcap(file.path());
    ASSERT_TRUE(frames.ok()) << frames.status();
    // Remote checksum offload leaves inner checksums to the receiver.
    if (file.path().stem() == "ipip-gue-remcsum") continue;
    for (const Bytes& frame : *frames)
      EXPECT_EQ(FaultsOfFrame(frame), "") << file.path();
    frames_seen += static_cast<int>(frames->size());
  }
  EXPECT_EQ(frames_seen, 19 * 12);
}

TEST(OracleTest, AcceptsWhatTheBuilderBuilds) {
  const Packet quoted =
      Packet().Ip4("10.1.0.5", "10.2.0.9", {.ttl = 1}).Udp(7, 9).Payload("xy");
  const std::vector<Packet> packets = {
      Eth().Ip4("10.1.0.5", "10.2.0.9").Tcp(7, 9, {.options = {2, 4, 5, 180}}),
      Eth().Vlan(7, 0x88a8).Vlan(8).Ip6("fd00::1", "fd00::2").Tcp(7, 9),
      Eth().Ip4("10.1.0.5", "10.2.0.9").Echo(false, 77).Payload("odd"),
      Eth().Ip6("fd00::1", "fd00::2").Echo(true, 77).Payload("odd"),
      Eth().Ip4("10.3.0.1", "10.1.0.5").Icmp(11, 0).Payload(quoted.Build()),
      Eth().Ip6("fd00::1", "fd00::2").Icmp(3, 0).Payload("quoted"),
      Eth()
          .Ip6("fd00::1", "fd00::2")
          .Extension(kDestinationOptions, {1, 4, 0, 0, 0, 0})
          .Udp(1, 2)
          .Payload("x"),
      Eth()
          .Ip4("10.1.0.5", "10.2.0.9")
          .Gre({.key = 5, .sequence = 1, .checksum = true})
          .Ip6("fd00::1", "fd00::2")
          .Udp(1, 2)
          .Payload("abc")};
  for (const Packet& packet : packets)
    EXPECT_EQ(FaultsOfFrame(packet.Build()), "");
}

TEST(OracleTest, RefusesEveryWrongLengthAndChecksum) {
  const Ip a("10.1.0.5"), b("10.2.0.9"), c("fd00::1"), d("fd00::2");
  const Packet outer4 = Eth().Ip4("192.0.2.1", "192.0.2.2").Udp(9, 6080).Gue();
  const std::vector<Packet> packets = {
      Eth().Ip4(a, b, {.checksum = 1}).Udp(1, 2),
      Eth().Ip4(a, b, {.total_length = 27}).Udp(1, 2),
      Eth().Ip4(a, b).Udp(1, 2, {.checksum = 1}),
      Eth().Ip4(a, b).Udp(1, 2, {.length = 9}),
      Eth().Ip4(a, b).Tcp(1, 2, {.checksum = 1}),
      Eth().Ip4(a, b).Icmp(8, 0, {.checksum = 1}),
      Eth().Ip6(c, d).Icmp(128, 0, {.checksum = 1}),
      Eth().Ip6(c, d, {.payload_length = 7}).Udp(1, 2),
      outer4.Ip4(a, b, {.checksum = 1}).Udp(1, 2),
      outer4.Ip6(c, d).Udp(1, 2, {.checksum = 1}),
      outer4.Gre({.checksum = true, .checksum_value = 1}).Ip4(a, b).Udp(1, 2)};
  for (size_t i = 0; i < packets.size(); ++i)
    EXPECT_NE(FaultsOfFrame(packets[i].Build()), "") << "case " << i;
}

}  // namespace
}  // namespace rampart::testing
