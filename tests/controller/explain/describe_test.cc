// SPDX-License-Identifier: Apache-2.0
// Words become packets whose every length and checksum libtins agrees with.
#include "controller/explain/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "tests/testing/oracle.h"
#include "tests/testing/packet.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;
using testing::Packet;

absl::StatusOr<DescribedPacket> Describe(std::string_view text) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ' ');
  return DescribePacket(words);
}

testing::Bytes BytesOf(std::string_view text) {
  const auto described = Describe(text);
  EXPECT_TRUE(described.ok()) << text << ": " << described.status();
  return described.ok() ? described->packet : testing::Bytes();
}

TEST(DescribeTest, TcpOverBothFamilies) {
  EXPECT_EQ(
      testing::Diff(
          BytesOf("src 10.1.0.5 dst 10.2.0.9 proto tcp dport 22"),
          Packet()
              .Ip4("10.1.0.5", "10.2.0.9", {.fragment = 0})
              .Tcp(40000, 22, {.flags = testing::kSyn, .seq = 0, .ack = 0})
              .Build()),
      "");
  EXPECT_EQ(
      testing::Diff(
          BytesOf("src fd00::5 dst fd00::9 sport 7 dport 22 flags SA ttl 3"),
          Packet()
              .Ip6("fd00::5", "fd00::9", {.ttl = 3})
              .Tcp(7, 22, {.flags = 0x12, .seq = 0, .ack = 0})
              .Build()),
      "");
}

TEST(DescribeTest, UdpOfALength) {
  EXPECT_EQ(
      testing::Diff(
          BytesOf("src 10.1.0.5 dst 10.2.0.9 proto udp len 1000 df tos 184"),
          Packet()
              .Ip4("10.1.0.5", "10.2.0.9", {.tos = 184, .fragment = 0x4000})
              .Udp(40000, 53)
              .Payload(testing::Bytes(972))
              .Build()),
      "");
}

TEST(DescribeTest, WithoutPortsItIsAPing) {
  EXPECT_EQ(testing::Diff(BytesOf("src 10.1.0.5 dst 10.2.0.9 id 77"),
                          Packet()
                              .Ip4("10.1.0.5", "10.2.0.9", {.fragment = 0})
                              .Icmp(8, 0, {.rest = 77u << 16})
                              .Build()),
            "");
  EXPECT_EQ(testing::Diff(BytesOf("src fd00::5 dst fd00::9 proto icmp"),
                          Packet()
                              .Ip6("fd00::5", "fd00::9")
                              .Icmp(128, 0, {.rest = 1u << 16})
                              .Build()),
            "");
}

TEST(DescribeTest, WhereItComesOn) {
  const std::string to = "src 10.1.0.5 dst 10.2.0.9 ";
  EXPECT_EQ(Describe(to + "from tunnel acme/fra")->tunnel, "acme/fra");
  EXPECT_EQ(Describe(to + "from tunnel:fra vnet acme/main")->vnet, "acme/main");
  EXPECT_EQ(Describe(to + "from device:eth0")->device, "eth0");
  EXPECT_EQ(Describe(to + "fr d eth0")->device, "eth0");
  EXPECT_EQ(Describe(to + "from vnet main")->vnet, "main");
  EXPECT_EQ(Describe("sr 10.1.0.5 ds 10.2.0.9")->tunnel, "");
}

TEST(DescribeTest, MistakesNameTheWord) {
  const std::string to = "src 10.1.0.5 dst 10.2.0.9 ";
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"dst 10.2.0.9", "src: missing"},
      {"src 10.1.0.5", "dst: missing"},
      {"src 10.1.0.5 dst fd00::9", "dst: of another family"},
      {"src 10.1 dst 10.2.0.9", "src: "},
      {to + "port 22", "word \"port\" is not known"},
      {to + "t 22", "word \"t\" is ambiguous"},
      {to + "dport", "dport: its value is missing"},
      {to + "dport 65536", "dport: "},
      {to + "dport -1", "dport: "},
      {to + "proto tpc", "proto: \"tpc\" is none"},
      {to + "proto icmpv6", "proto: icmpv6 does not go with IPv4"},
      {to + "proto any", "proto: \"any\" is none"},
      {to + "proto udp flags S", "flags: only tcp"},
      {to + "proto gre dport 22", "proto: \"gre\""},
      {to + "proto 47 dport 22", "dport: only tcp and udp"},
      {to + "flags SX", "flags: \"SX\" holds another letter"},
      {to + "proto tcp len 39", "len: 39 is less than the headers, 40"},
      {to + "from", "from: its value is missing"},
      {to + "from house x", "from: \"house\" is not known"},
      {to + "from tunnel", "tunnel: its value is missing"},
      {to + "from tunnel:", "tunnel: its name is missing"},
      {to + "from tunnel a from device b", "from: a tunnel and a device"},
      {"src fd00::5 dst fd00::9 df", "df: IPv6 has none"},
      {"", "word \"\" is not known"},
  };
  for (const auto& c : cases) {
    const auto described = Describe(c.text);
    EXPECT_EQ(described.status().code(), absl::StatusCode::kInvalidArgument)
        << c.text;
    EXPECT_THAT(std::string(described.status().message()), HasSubstr(c.says))
        << c.text;
  }
}

TEST(DescribeTest, AnyDescriptionIsAPacketThatLibtinsAgreesWith) {
  std::mt19937 random(11);
  const auto below = [&](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  const char* protocols[] = {"tcp", "udp", "icmp", "112", "132"};
  for (int i = 0; i < 2000; ++i) {
    const bool v4 = below(2) != 0;
    const std::string protocol = protocols[below(5)];
    std::string text = v4 ? absl::StrCat("src 10.1.", below(256),
                                         ".5 dst 192.0.2.", below(256))
                          : absl::StrFormat("src fd00::%x dst 2001:db8::%x",
                                            below(65536) + 1, below(65536) + 1);
    absl::StrAppend(&text, " proto ", protocol, " ttl ", below(256), " tos ",
                    below(256), " len ", 60 + below(1500));
    if (protocol == "tcp" || protocol == "udp")
      absl::StrAppend(&text, " sport ", below(65536), " dport ", below(65536));
    EXPECT_EQ(testing::FaultsOfIp(BytesOf(text)), "") << text;
  }
}

}  // namespace
}  // namespace rampart
