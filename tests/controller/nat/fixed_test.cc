// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/fixed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/controller/nat/nat_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using Request = NatAllocator::Request;

Prefix Net(std::string_view text) { return Prefix::Parse(text).value(); }

std::string Translated(std::string_view address, std::string_view from,
                       std::string_view to) {
  const auto result = TranslatePrefix(Ip(address), Net(from), Net(to));
  return result ? result->ToString() : "none";
}

TEST(TranslatePrefixTest, KeepsTheHostBitsOfIPv4) {
  EXPECT_EQ(Translated("10.1.2.3", "10.1.0.0/16", "198.18.0.0/16"),
            "198.18.2.3");
  EXPECT_EQ(Translated("10.1.2.29", "10.1.2.16/28", "203.0.113.0/28"),
            "203.0.113.13");
  EXPECT_EQ(Translated("10.1.2.3", "10.1.2.3/32", "203.0.113.9/32"),
            "203.0.113.9");
}

// The example of RFC 6296 section 3.4.
TEST(TranslatePrefixTest, KeepsTheChecksumOfIPv6) {
  EXPECT_EQ(Translated("fd01:203:405:1::1234", "fd01:203:405::/48",
                       "2001:db8:1::/48"),
            "2001:db8:1:d550::1234");
  EXPECT_EQ(Translated("2001:db8:1:d550::1234", "2001:db8:1::/48",
                       "fd01:203:405::/48"),
            "fd01:203:405:1::1234");
}

// RFC 6296 sections 3.4 and 3.5.
TEST(TranslatePrefixTest, WhatCannotBeTranslatedIsRefused) {
  EXPECT_EQ(Translated("fd01:203:405:ffff::1", "fd01:203:405::/48",
                       "2001:db8:1::/48"),
            "none");
  EXPECT_EQ(Translated("fd01:203:405:1::", "fd01:203:405:1::/64",
                       "2001:db8:1:1::/64"),
            "none");
  EXPECT_EQ(Translated("fd01:203:405:1:ffff:ffff:ffff:ffff",
                       "fd01:203:405:1::/64", "2001:db8:1:1::/64"),
            "none");
  EXPECT_NE(Translated("fd01:203:405:1:ffff:ffff:ffff:1", "fd01:203:405:1::/64",
                       "2001:db8:1:1::/64"),
            "none");
}

// The sum that a checksum of TCP or UDP takes from an address.
uint32_t OnesComplementSum(const IpAddress& address) {
  uint32_t sum = 0;
  const std::string_view bytes = address.bytes();
  for (size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<uint8_t>(bytes[i]) * 256u +
           static_cast<uint8_t>(bytes[i + 1]);
  return sum % 0xffff;
}

TEST(TranslatePrefixTest, IsNeutralForChecksumsAndCanBeTurnedBack) {
  std::mt19937 random(1);
  const auto any = [&] {
    uint8_t bytes[16];
    for (uint8_t& byte : bytes)  // ones and zeros are the special cases
      byte = random() % 3 == 0   ? 0xff
             : random() % 3 == 0 ? 0
                                 : static_cast<uint8_t>(random());
    return IpAddress::V6(bytes);
  };
  int refused = 0;
  for (int i = 0; i < 200000; ++i) {
    const int length = static_cast<int>(random() % 65);
    const IpAddress address = any();
    const Prefix from(address, length), to(any(), length);
    const auto outside = TranslatePrefix(address, from, to);
    if (!outside) {
      ++refused;
      continue;
    }
    ASSERT_TRUE(to.Contains(*outside));
    ASSERT_EQ(OnesComplementSum(*outside), OnesComplementSum(address))
        << address.ToString() << " " << from.ToString() << " " << to.ToString();
    ASSERT_EQ(TranslatePrefix(*outside, to, from), address)
        << address.ToString() << " " << from.ToString() << " " << to.ToString();
  }
  EXPECT_LT(refused, 60000);
  EXPECT_GT(refused, 100);
}

// One word takes the difference and the others are zero: of all its values,
// zero is refused, and the one that would become zero outside.
TEST(TranslatePrefixTest, NoIdentifierIsZeroOnEitherSide) {
  const Prefix from = Net("fd01:203:405:1::/64"), to = Net("2001:db8:1:1::/64");
  int refused = 0;
  for (int word = 0; word <= 0xffff; ++word) {
    const IpAddress inside =
        Ip(absl::StrCat("fd01:203:405:1:", absl::Hex(word), "::"));
    const auto outside = TranslatePrefix(inside, from, to);
    refused += !outside;
    if (!outside) continue;
    ASSERT_EQ(TranslatePrefix(*outside, to, from), inside);
  }
  EXPECT_EQ(refused, 2);
}

class NatFixedTest : public NatTest {
 protected:
  static constexpr uint16_t kWeb = 80;

  // Forwards external port `outside` of address 1 to host 5, port 80.
  static NatPoolConfig Forwarding(uint16_t outside) {
    NatPoolConfig pool = Pool(2, {1024, 1151}, 64);
    NatStaticConfig fixed;
    fixed.tenant = "acme";
    fixed.vnet = "main";
    fixed.protocol = kTcpProtocol;
    fixed.inside = {Inside(5), kWeb};
    fixed.outside = {Outside(1), outside};
    pool.static_mappings = {fixed};
    return pool;
  }
  static NatStatic Forward(uint16_t outside, int host = 5) {
    return {"default",
            {1001, Inside(host)},
            kTcpProtocol,
            kWeb,
            {Outside(1), outside}};
  }
  static NatPrefix Translation() {
    return GetParam() == Family::kV4
               ? NatPrefix{"default", 1001, Net("10.1.0.0/24"),
                           Net("198.18.0.0/24")}
               : NatPrefix{"default", 1001, Net("fd00:1::/48"),
                           Net("2001:db8:1::/48")};
  }
};
RP_BOTH_FAMILIES(NatFixedTest);

TEST_P(NatFixedTest, AStaticMappingWorksBothWays) {
  for (const uint16_t port : {uint16_t{80}, uint16_t{1030}}) {
    NatAllocator nat = Make({Forwarding(port)});
    nat.UseStatic({Forward(port)});
    const Endpoint outside = {Outside(1), port};
    const auto inside = nat.FindInside(kTcpProtocol, outside, {Remote(2), 9});
    ASSERT_TRUE(inside.has_value());
    EXPECT_EQ(inside->subscriber, (Subscriber{1001, Inside(5)}));
    EXPECT_EQ(inside->port, kWeb);
    EXPECT_TRUE(inside->admits);
    EXPECT_EQ(nat.FindInside(kUdpProtocol, outside, {Remote(2), 9}),
              std::nullopt);
    EXPECT_EQ(nat.Acquire(Ask(5, kWeb)).outside, outside);
    EXPECT_NE(nat.Acquire(Ask(5, kWeb, kTcpProtocol, 1002)).outside, outside);
    nat.Release(Ask(5, kWeb), outside);
    EXPECT_EQ(nat.Acquire(Ask(5, kWeb)).outside, outside);
    EXPECT_TRUE(nat.Adopt(Ask(5, kWeb), outside).ok());
    EXPECT_TRUE(absl::IsNotFound(nat.Adopt(Ask(6, kWeb), outside)));
  }
}

TEST_P(NatFixedTest, ASubscriberIsPairedWithTheAddressOfItsStaticMapping) {
  for (int round = 0; round < 20; ++round) {
    NatAllocator nat = Make({Forwarding(80)});
    nat.UseStatic({Forward(80)});
    ASSERT_EQ(nat.Acquire(Ask(5, 1234)).outside.address, Outside(1));
  }
}

// RFC 7857 section 4: no second address when that one is full.
TEST_P(NatFixedTest, ItIsNotPairedWithAnotherIfThatOneIsFull) {
  NatAllocator nat = Make({Forwarding(80)});
  for (const int host : {6, 7})
    ASSERT_TRUE(
        nat.Adopt(Ask(host, 1),
                  {Outside(1), static_cast<uint16_t>(host == 6 ? 1024 : 1088)})
            .ok());
  nat.UseStatic({Forward(80)});
  EXPECT_EQ(nat.Acquire(Ask(5, 1234)).verdict, NatVerdict::kNoBlock);
  EXPECT_TRUE(nat.Acquire(Ask(5, kWeb)).ok());
}

TEST_P(NatFixedTest, TheBlockOfAStaticMappingIsForNobodyElse) {
  NatPoolConfig pool = Forwarding(1030);
  pool.addresses.resize(1);
  NatAllocator nat = Make({pool});
  for (uint16_t port = 1; port <= 64; ++port)
    EXPECT_GE(nat.Acquire(Ask(6, port)).outside.port, 1088);
  EXPECT_EQ(nat.Acquire(Ask(6, 65)).verdict, NatVerdict::kNoBlock);
  EXPECT_TRUE(absl::IsNotFound(nat.Adopt(Ask(7, 1), {Outside(1), 1040})));
  EXPECT_EQ(nat.Use()[0].addresses[0].blocks, 1u);
}

TEST_P(NatFixedTest, StaticMappingsComeAndGoWithTheirTenants) {
  NatAllocator nat = Make({Forwarding(80)});
  std::vector<std::string> told;
  nat.on_open = [&](uint8_t, const Endpoint& outside, bool open) {
    told.push_back(absl::StrCat(open ? "+" : "-", outside.port));
  };
  nat.UseStatic({Forward(80)});
  nat.UseStatic({Forward(80)});
  EXPECT_THAT(told, ElementsAre("+80"));
  const Endpoint outside = nat.Acquire(Ask(5, kWeb)).outside;
  nat.UseStatic({});
  EXPECT_THAT(told, ElementsAre("+80", "-80"));
  EXPECT_EQ(nat.FindInside(kTcpProtocol, outside, {}), std::nullopt);
  nat.Release(Ask(5, kWeb), outside);  // its flow ends later
  EXPECT_NE(nat.Acquire(Ask(5, kWeb)).outside, outside);
}

TEST_P(NatFixedTest, TheLogHasThePortsOfStaticMappings) {
  NatAllocator nat = Make({Forwarding(80)});
  std::vector<BlockEvent> records;
  nat.log = [&](const BlockEvent& event) -> uint64_t {
    records.push_back(event);
    return records.size();
  };
  BlockEvent port = {true, "default", {1001, Inside(5)}, Outside(1), 80, 80};
  nat.Restore({port});
  port.granted = false;
  EXPECT_THAT(records, ElementsAre(port)) << "an earlier run's";
  records.clear();
  NatStatic udp = Forward(80);
  udp.protocol = kUdpProtocol;
  nat.UseStatic({Forward(80), udp});
  port.granted = true;
  EXPECT_THAT(records, ElementsAre(port));
  nat.UseStatic({udp});
  EXPECT_EQ(records.size(), 1u);
  nat.UseStatic({});
  port.granted = false;
  EXPECT_EQ(records.size(), 2u);
  EXPECT_EQ(records.back(), port);
}

TEST_P(NatFixedTest, APrefixIsTranslatedOneToOne) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  NatPrefixConfig config;
  config.inside = Translation().inside;
  config.outside = Translation().outside;
  pool.prefixes = {config};
  for (const NatFiltering filtering :
       {NatFiltering::kEndpointIndependent,
        NatFiltering::kAddressAndPortDependent}) {
    pool.filtering = filtering;
    NatAllocator nat = Make({pool});
    nat.UsePrefixes({Translation()});
    std::set<IpAddress> seen;
    for (int host = 1; host < 200; ++host) {
      for (const uint8_t protocol : {kTcpProtocol, kIcmpProtocol}) {
        const Request request = Ask(host, 1234, protocol);
        const NatGrant grant = nat.Acquire(request);
        ASSERT_TRUE(grant.ok());
        EXPECT_EQ(grant.outside.port, 1234);
        EXPECT_TRUE(Translation().outside.Contains(grant.outside.address));
        EXPECT_EQ(nat.PoolOf(grant.outside.address)->name, "default");
        const auto inside =
            nat.FindInside(protocol, grant.outside, {Remote(1), 1});
        ASSERT_TRUE(inside.has_value());
        EXPECT_EQ(inside->subscriber, request.subscriber);
        EXPECT_EQ(inside->port, 1234);
        EXPECT_EQ(inside->admits,
                  filtering == NatFiltering::kEndpointIndependent);
        nat.Release(request, grant.outside);
        EXPECT_TRUE(nat.Adopt(request, grant.outside).ok());
        seen.insert(grant.outside.address);
      }
    }
    EXPECT_EQ(seen.size(), 199u);
    EXPECT_EQ(nat.Acquire(Ask(5, 0, kGreProtocol)).outside.port, 0);
    EXPECT_EQ(CountSessions(nat), 0);
    // The same address in another realm is another subscriber.
    EXPECT_EQ(nat.Acquire(Ask(5, 1, kTcpProtocol, 1002)).outside.address,
              Outside(1));
  }
}

}  // namespace
}  // namespace rampart
