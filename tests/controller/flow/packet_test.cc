// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/flow/packets.h"

namespace rampart {
namespace {

struct Case {
  const char* name;
  PacketSpec spec;
};

const IpAddress kA4 = Ip("10.1.0.5"), kB4 = Ip("198.51.100.10");
const IpAddress kA6 = Ip("fd00:1::5"), kB6 = Ip("2001:db8::10");

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& [a, b] : {std::pair(kA4, kB4), std::pair(kA6, kB6)}) {
    const uint8_t icmp = IcmpOf(a);
    cases.push_back({"udp", {.source = a, .destination = b}});
    cases.push_back(
        {"tcp", {.source = a, .destination = b, .protocol = IPPROTO_TCP}});
    cases.push_back(
        {"echo", {.source = a, .destination = b, .protocol = icmp}});
    cases.push_back({"echo reply",
                     {.source = a,
                      .destination = b,
                      .protocol = icmp,
                      .echo_reply = true}});
    cases.push_back(
        {"sctp", {.source = a, .destination = b, .protocol = IPPROTO_SCTP}});
  }
  return cases;
}

TEST(PacketTest, TuplesAreThoseOfTheFlowKey) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = BuildPacket(c.spec);
    const std::optional<Packet> packet = ParsePacket(1001, bytes);
    ASSERT_TRUE(packet.has_value());
    EXPECT_EQ(packet->tuple, TupleOfSpec(1001, c.spec));
    EXPECT_EQ(packet->bytes.size(), bytes.size());
    EXPECT_FALSE(packet->fragment);
    EXPECT_EQ(packet->IsSyn(), c.spec.protocol == IPPROTO_TCP);
  }
}

TEST(PacketTest, NoPrefixOfAPacketIsTakenForOne) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = BuildPacket(c.spec);
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(ParsePacket(1001, absl::MakeSpan(bytes).first(size)));
  }
}

TEST(PacketTest, BytesBehindThePacketAreCutOff) {
  for (const Case& c : Cases()) {
    auto bytes = BuildPacket(c.spec);
    const size_t size = bytes.size();
    bytes.resize(size + 6);
    EXPECT_EQ(ParsePacket(1001, bytes)->bytes.size(), size) << c.name;
  }
}

// A v6 packet with extension headers `chain` (number, body of 8n bytes whose
// first byte is overwritten) in front of UDP.
std::vector<uint8_t> WithExtensions(
    std::vector<std::pair<uint8_t, std::vector<uint8_t>>> chain) {
  std::vector<uint8_t> bytes = BuildPacket({.source = kA6, .destination = kB6});
  std::vector<uint8_t> extensions;
  for (size_t i = 0; i < chain.size(); ++i) {
    chain[i].second[0] =
        i + 1 < chain.size() ? chain[i + 1].first : uint8_t{IPPROTO_UDP};
    extensions.insert(extensions.end(), chain[i].second.begin(),
                      chain[i].second.end());
  }
  bytes[6] = chain[0].first;
  bytes.insert(bytes.begin() + 40, extensions.begin(), extensions.end());
  const size_t payload = bytes.size() - 40;
  bytes[4] = payload >> 8;
  bytes[5] = payload & 0xff;
  return bytes;
}

TEST(PacketTest, ExtensionHeadersAreSkipped) {  // RFC 8200 section 4
  const auto bytes = WithExtensions(
      {{IPPROTO_HOPOPTS, std::vector<uint8_t>(8)},
       {IPPROTO_DSTOPTS, {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
       {IPPROTO_ROUTING, std::vector<uint8_t>(8)}});
  const std::optional<Packet> packet = ParsePacket(7, bytes);
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(packet->tuple.protocol, IPPROTO_UDP);
  EXPECT_EQ(packet->tuple.source.port, 1234);
  EXPECT_EQ(packet->l4, 72u);
}

TEST(PacketTest, TooManyExtensionHeadersAreRefused) {
  EXPECT_TRUE(ParsePacket(
      7, WithExtensions({8, {IPPROTO_DSTOPTS, std::vector<uint8_t>(8)}})));
  EXPECT_FALSE(ParsePacket(
      7, WithExtensions({9, {IPPROTO_DSTOPTS, std::vector<uint8_t>(8)}})));
}

TEST(PacketTest, FragmentsAreRecognised) {
  auto first = BuildPacket({.source = kA4, .destination = kB4});
  first[6] = 0x20;  // more fragments
  EXPECT_TRUE(ParsePacket(7, first)->fragment);
  EXPECT_TRUE(ParsePacket(7, first)->first);
  auto later = first;
  later[7] = 0x10;
  EXPECT_TRUE(ParsePacket(7, later)->fragment);
  EXPECT_FALSE(ParsePacket(7, later)->first);

  const auto later6 =
      WithExtensions({{IPPROTO_FRAGMENT, {0, 0, 0, 8, 0, 0, 0, 1}}});
  EXPECT_TRUE(ParsePacket(7, later6)->fragment);
  EXPECT_FALSE(ParsePacket(7, later6)->first);
  // RFC 6946: an atomic fragment is a whole packet.
  const auto atomic =
      WithExtensions({{IPPROTO_FRAGMENT, {0, 0, 0, 0, 0, 0, 0, 1}}});
  EXPECT_FALSE(ParsePacket(7, atomic)->fragment);
}

}  // namespace
}  // namespace rampart
