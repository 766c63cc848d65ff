// SPDX-License-Identifier: Apache-2.0
#include "controller/base/ip.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rampart {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

TEST(IpAddressTest, TextBecomesAnAddressAndTextAgain) {
  for (const char* text :
       {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
        "fe80::1", "64:ff9b::c000:201"})
    EXPECT_EQ(Ip(text).ToString(), text);
  EXPECT_EQ(Ip("2001:DB8:0:0::1").ToString(), "2001:db8::1");
}

TEST(IpAddressTest, TextThatIsNoAddressIsQuoted) {
  const std::string_view nul("192.0.2.1\0x", 11);
  for (const std::string_view text :
       {std::string_view(""), std::string_view("10.1"),
        std::string_view("192.0.2.256"), std::string_view("192.0.2.1 "),
        std::string_view(" 192.0.2.1"), std::string_view("192.0.2.1:80"),
        std::string_view("192.0.2.01"), std::string_view("fe80::1%eth0"),
        std::string_view("[2001:db8::1]"), std::string_view("2001:db8:::1"),
        nul}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(std::string(address.status().message()),
                testing::EndsWith("is not an IP address; write one such as "
                                  "192.0.2.1 or 2001:db8::1"));
  }
}

// 16 bytes in maps say IPv4 that way, so nothing else may look like it.
TEST(IpAddressTest, MappedAddressIsRefused) {
  EXPECT_EQ(IpAddress::Parse("::ffff:192.0.2.1").status().message(),
            "\"::ffff:192.0.2.1\" is an IPv4-mapped address; write 192.0.2.1");
}

TEST(IpAddressTest, MappedBytesRoundTrip) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "::", "0.0.0.0"}) {
    uint8_t bytes[16];
    Ip(text).ToMapped(bytes);
    EXPECT_EQ(IpAddress::FromMapped(bytes), Ip(text));
  }
}

TEST(IpAddressTest, BytesAreInNetworkOrder) {
  EXPECT_EQ(Ip("192.0.2.1").v4(), htonl(0xc0000201));
  EXPECT_EQ(Ip("192.0.2.1").bytes(), std::string_view("\xc0\0\2\1", 4));
  EXPECT_EQ(Ip("2001:db8::1").bytes().size(), 16u);
}

TEST(IpAddressTest, MartiansAreWhatTheDataPlaneCallsSo) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "fe80::1"})
    EXPECT_TRUE(Ip(text).IsMartian()) << text;
  for (const char* text : {"1.0.0.0", "126.255.255.255", "128.0.0.1",
                           "169.253.0.1", "223.255.255.255", "10.0.0.1", "::2",
                           "2001:db8::1", "fd00::1", "fec0::1"})
    EXPECT_FALSE(Ip(text).IsMartian()) << text;
  const uint8_t mapped[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                              0, 0, 0xff, 0xff, 192, 0, 2, 1};
  EXPECT_TRUE(IpAddress::V6(mapped).IsMartian());
}

TEST(PrefixTest, TextBecomesAPrefixAndTextAgain) {
  for (const char* text : {"0.0.0.0/0", "10.1.0.0/16", "10.1.2.3/32", "::/0",
                           "2001:db8::/32", "2001:db8::1/128", "128.0.0.0/1"})
    EXPECT_EQ(Cidr(text).ToString(), text);
  EXPECT_EQ(Cidr("10.1.2.3").ToString(), "10.1.2.3/32");
}

TEST(PrefixTest, TextThatIsNoPrefixIsQuoted) {
  for (const char* text :
       {"", "/", "10.1.0.0/", "10.1.0.0/33", "2001:db8::/129", "10.1.0.0/-1",
        "10.1.0.0/+8", "10.1.0.0/ 8", "10.1.0.0/08", "10.1.0.0/8 ",
        "10.1.0.0/8/8", "10.1.0.0/255.255.0.0", "x/8", "10.1.0.0/4294967304"}) {
    const auto prefix = Prefix::Parse(text);
    ASSERT_FALSE(prefix.ok()) << text;
    EXPECT_EQ(std::string(prefix.status().message()),
              std::string("\"") + text +
                  "\" is not a CIDR; write one such as 10.1.0.0/16 or "
                  "2001:db8::/32");
  }
}

TEST(PrefixTest, BitsBehindTheLengthAreRefusedWithBothRemedies) {
  EXPECT_EQ(Prefix::Parse("10.1.2.3/16").status().message(),
            "\"10.1.2.3/16\" has bits set behind its length; write "
            "10.1.0.0/16 or 10.1.2.3/32");
  EXPECT_EQ(Prefix::Parse("2001:db8::1/32").status().message(),
            "\"2001:db8::1/32\" has bits set behind its length; write "
            "2001:db8::/32 or 2001:db8::1/128");
}

TEST(PrefixTest, ContainsItsOwnFamilyOnly) {
  EXPECT_TRUE(Cidr("10.1.0.0/16").Contains(Ip("10.1.255.255")));
  EXPECT_FALSE(Cidr("10.1.0.0/16").Contains(Ip("10.2.0.0")));
  EXPECT_FALSE(Cidr("0.0.0.0/0").Contains(Ip("::")));
  EXPECT_FALSE(Cidr("::/0").Contains(Ip("0.0.0.0")));
  EXPECT_TRUE(Cidr("::/0").Contains(Ip("2001:db8::1")));
  EXPECT_TRUE(Cidr("2001:db8::/31").Contains(Ip("2001:db9::1")));
}

TEST(PrefixTest, OverlapIsContainmentEitherWay) {
  EXPECT_TRUE(Cidr("10.0.0.0/8").Overlaps(Cidr("10.1.0.0/16")));
  EXPECT_TRUE(Cidr("10.1.0.0/16").Overlaps(Cidr("10.0.0.0/8")));
  EXPECT_FALSE(Cidr("10.0.0.0/16").Overlaps(Cidr("10.1.0.0/16")));
  EXPECT_FALSE(Cidr("0.0.0.0/0").Overlaps(Cidr("::/0")));
}

TEST(PrefixTest, EveryLengthClearsExactlyTheBitsBehindIt) {
  const IpAddress ones = Ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (int length = 0; length <= 128; ++length) {
    const Prefix prefix(ones, length);
    int bits = 0;
    for (const char byte : prefix.address().bytes())
      bits += __builtin_popcount(static_cast<uint8_t>(byte));
    EXPECT_EQ(bits, length);
    EXPECT_TRUE(prefix.Contains(ones));
  }
}

}  // namespace
}  // namespace rampart
