// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/icmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tins/tins.h>

#include "tests/controller/flow/packets.h"

namespace rampart {
namespace {

using Bytes = std::vector<uint8_t>;

struct Net {
  IpAddress sender, destination, router;
  uint8_t icmp;
};
const Net kNets[] = {
    {Ip("10.1.0.5"), Ip("198.51.100.10"), Ip("10.1.0.1"), IPPROTO_ICMP},
    {Ip("fd00:1::5"), Ip("2001:db8::10"), Ip("fd00:1::1"), IPPROTO_ICMPV6}};

uint32_t Folded(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// Lengths and checksums are right in the eyes of libtins. (It cannot write
// such packets again as they are: it takes long quotes for RFC 4884's.)
void ExpectWellFormed(const Bytes& packet) {
  const uint8_t* end = packet.data() + packet.size();
  if (packet.at(0) >> 4 == 4) {
    const Tins::IP ip(packet.data(), packet.size());
    EXPECT_EQ(ip.tot_len(), packet.size());
    EXPECT_EQ(Tins::Utils::sum_range(packet.data(), packet.data() + 20),
              0xffff);
    uint32_t pseudo = 0;
    if (ip.protocol() != IPPROTO_ICMP) {
      pseudo = Tins::Utils::pseudoheader_checksum(
          ip.src_addr(), ip.dst_addr(), packet.size() - 20, ip.protocol());
    }
    EXPECT_EQ(Folded(pseudo + Tins::Utils::sum_range(packet.data() + 20, end)),
              0xffffu);
  } else {
    const Tins::IPv6 ip(packet.data(), packet.size());
    EXPECT_EQ(ip.payload_length() + 40u, packet.size());
    EXPECT_EQ(Folded(Tins::Utils::pseudoheader_checksum(
                         ip.src_addr(), ip.dst_addr(), packet.size() - 40,
                         ip.next_header()) +
                     Tins::Utils::sum_range(packet.data() + 40, end)),
              0xffffu);
  }
}

struct ErrorCase {
  IcmpError error;
  uint16_t mtu;
  int type4, code4, type6, code6;
};
constexpr ErrorCase kErrors[] = {
    {IcmpError::kTimeExceeded, 0, 11, 0, 3, 0},
    {IcmpError::kPacketTooBig, 1400, 3, 4, 2, 0},
    {IcmpError::kAdminProhibited, 0, 3, 13, 1, 1},
};

TEST(IcmpTest, ErrorsGoToTheSenderAndQuoteItsPacket) {
  for (const Net& net : kNets) {
    for (const ErrorCase& c : kErrors) {
      const Bytes original =
          BuildPacket({.source = net.sender, .destination = net.destination});
      const Bytes error =
          BuildIcmpError(c.error, *ParsePacket(1, original), net.router, c.mtu);
      ExpectWellFormed(error);
      const bool v4 = net.sender.is_v4();
      const std::optional<Packet> packet = ParsePacket(1, error);
      ASSERT_TRUE(packet);
      EXPECT_EQ(packet->tuple.source.address, net.router);
      EXPECT_EQ(packet->tuple.destination.address, net.sender);
      EXPECT_EQ(packet->tuple.protocol, net.icmp);
      const uint8_t* icmp = &error[packet->l4];
      EXPECT_EQ(icmp[0], v4 ? c.type4 : c.type6);
      EXPECT_EQ(icmp[1], v4 ? c.code4 : c.code6);
      EXPECT_EQ(icmp[4] << 24 | icmp[5] << 16 | icmp[6] << 8 | icmp[7], c.mtu);
      EXPECT_EQ(Bytes(error.begin() + packet->l4 + 8, error.end()), original);
    }
  }
}

// RFC 4884: the length of the quote, padded to 128 bytes; then version 2, a
// checksum of its own, and the object.
TEST(IcmpTest, APersonIsToldWhyInAnExtensionObject) {
  for (const Net& net : kNets) {
    for (const size_t payload : {0, 101, 1400}) {
      const Bytes original = BuildPacket({.source = net.sender,
                                          .destination = net.destination,
                                          .payload = payload});
      const Bytes error =
          BuildIcmpError(IcmpError::kAdminProhibited, *ParsePacket(1, original),
                         net.router, 0, "RP-POL-002 ask me");
      ExpectWellFormed(error);
      const bool v4 = net.sender.is_v4();
      ASSERT_LE(error.size(), v4 ? 576u : 1280u);
      const uint8_t* icmp = &error[v4 ? 20 : 40];
      const size_t quote = v4 ? icmp[5] * 4 : icmp[4] * 8;
      ASSERT_GE(quote, 128u);
      const size_t same = std::min(quote, original.size());
      EXPECT_TRUE(
          std::equal(original.begin(), original.begin() + same, icmp + 8));
      const Bytes extension(icmp + 8 + quote, error.data() + error.size());
      ASSERT_EQ(extension.size(), 4u + 4 + 20);
      EXPECT_EQ(extension[0], 0x20);
      EXPECT_EQ(Folded(Tins::Utils::sum_range(
                    extension.data(), extension.data() + extension.size())),
                0xffffu);
      EXPECT_EQ(Bytes(extension.begin() + 4, extension.begin() + 8),
                Bytes({0, 24, 247, 1}));
      EXPECT_EQ(std::string(extension.begin() + 8, extension.end()),
                std::string("RP-POL-002 ask me\0\0\0", 20));
    }
  }
}

TEST(IcmpTest, LongPacketsAreQuotedAsFarAsTheErrorMayBeLong) {
  for (const Net& net : kNets) {
    const Bytes original = BuildPacket({.source = net.sender,
                                        .destination = net.destination,
                                        .payload = 1400});
    const Bytes error = BuildIcmpError(IcmpError::kTimeExceeded,
                                       *ParsePacket(1, original), net.router);
    EXPECT_EQ(error.size(), net.sender.is_v4() ? 576u : 1280u);
    const size_t header = net.sender.is_v4() ? 28 : 48;
    EXPECT_TRUE(
        std::equal(error.begin() + header, error.end(), original.begin()));
  }
}

// The ICMP checksum of a truncated quote is over what is there.
TEST(IcmpTest, ChecksumOfALongErrorIsRight) {
  for (const Net& net : kNets) {
    const Bytes error = BuildIcmpError(
        IcmpError::kTimeExceeded,
        *ParsePacket(1, BuildPacket({.source = net.sender,
                                     .destination = net.destination,
                                     .payload = 1401})),
        net.router);
    ExpectWellFormed(error);
  }
}

Bytes About(const Net& net, uint8_t icmp_type) {
  Bytes packet = BuildPacket({.source = net.sender,
                              .destination = net.destination,
                              .protocol = net.icmp});
  packet[net.sender.is_v4() ? 20 : 40] = icmp_type;
  return packet;
}

bool HasError(const Bytes& packet, const Net& net,
              IcmpError error = IcmpError::kTimeExceeded) {
  return !BuildIcmpError(error, *ParsePacket(1, packet), net.router).empty();
}

TEST(IcmpTest, ThereIsNoErrorAboutAnError) {  // RFC 1812 4.3.2.7, RFC 4443 2.4
  for (const uint8_t type : {3, 4, 5, 11, 12})
    EXPECT_FALSE(HasError(About(kNets[0], type), kNets[0])) << int{type};
  for (const uint8_t type : {1, 2, 3, 4, 100, 127, 137})
    EXPECT_FALSE(HasError(About(kNets[1], type), kNets[1])) << int{type};
  EXPECT_TRUE(HasError(About(kNets[0], 8), kNets[0]));
  EXPECT_TRUE(HasError(About(kNets[0], 0), kNets[0]));
  EXPECT_TRUE(HasError(About(kNets[1], 128), kNets[1]));
}

TEST(IcmpTest, ThereIsNoErrorToOrAboutAGroup) {
  for (const char* source : {"127.0.0.1", "224.0.0.1", "255.255.255.255"})
    EXPECT_FALSE(HasError(BuildPacket({.source = Ip(source),
                                       .destination = kNets[0].destination}),
                          kNets[0]))
        << source;
  Bytes unspecified = BuildPacket(
      {.source = kNets[0].sender, .destination = kNets[0].destination});
  std::fill_n(&unspecified[12], 4, 0);
  EXPECT_FALSE(HasError(unspecified, kNets[0]));
  for (const char* source : {"::", "ff02::1"})
    EXPECT_FALSE(HasError(BuildPacket({.source = Ip(source),
                                       .destination = kNets[1].destination}),
                          kNets[1]))
        << source;
  EXPECT_FALSE(HasError(
      BuildPacket({.source = kNets[0].sender, .destination = Ip("224.1.1.1")}),
      kNets[0]));
  const Bytes group6 =
      BuildPacket({.source = kNets[1].sender, .destination = Ip("ff0e::1")});
  EXPECT_FALSE(HasError(group6, kNets[1]));
  // RFC 4443 section 2.4 e 3: the exception for path MTU discovery.
  EXPECT_TRUE(HasError(group6, kNets[1], IcmpError::kPacketTooBig));
}

TEST(IcmpTest, ThereIsNoErrorAboutALaterFragment) {
  Bytes packet = BuildPacket(
      {.source = kNets[0].sender, .destination = kNets[0].destination});
  packet[6] = 0x20;
  EXPECT_TRUE(HasError(packet, kNets[0]));
  packet[7] = 1;
  EXPECT_FALSE(HasError(packet, kNets[0]));
}

TEST(IcmpTest, EchoRepliesCarryWhatWasAsked) {
  for (const Net& net : kNets) {
    const PacketSpec request = {.source = net.sender,
                                .destination = net.router,
                                .protocol = net.icmp,
                                .payload = 56};
    const Bytes bytes = BuildPacket(request);
    const Bytes reply = BuildEchoReply(*ParsePacket(1, bytes));
    ExpectWellFormed(reply);
    PacketSpec wanted = request;
    std::swap(wanted.source, wanted.destination);
    wanted.echo_reply = true;
    EXPECT_EQ(reply, BuildPacket(wanted));
  }
}

struct ResetCase {
  uint8_t flags;
  size_t payload;
  uint32_t seq, ack;
  uint8_t reset_flags;
};

TEST(IcmpTest, ResetsFitTheSegment) {  // RFC 9293 section 3.10.7.1
  const ResetCase cases[] = {
      {kTcpSyn, 0, 0, 1001, kTcpRst | kTcpAck},
      {kTcpSyn, 10, 0, 1011, kTcpRst | kTcpAck},
      {kTcpFin, 4, 0, 1005, kTcpRst | kTcpAck},
      {kTcpAck, 10, 2000, 0, kTcpRst},
      {kTcpSyn | kTcpAck, 0, 2000, 0, kTcpRst},
  };
  for (const Net& net : kNets) {
    for (const ResetCase& c : cases) {
      const Bytes reset = BuildTcpReset(
          *ParsePacket(1, BuildPacket({.source = net.sender,
                                       .destination = net.destination,
                                       .protocol = IPPROTO_TCP,
                                       .tcp_flags = c.flags,
                                       .payload = c.payload})));
      ExpectWellFormed(reset);
      const size_t l4 = net.sender.is_v4() ? 20 : 40;
      const Tins::TCP tcp(&reset[l4], reset.size() - l4);
      EXPECT_EQ(tcp.sport(), 443);
      EXPECT_EQ(tcp.dport(), 1234);
      EXPECT_EQ(tcp.seq(), c.seq);
      EXPECT_EQ(tcp.ack_seq(), c.ack);
      EXPECT_EQ(tcp.flags(), c.reset_flags);
    }
  }
}

TEST(IcmpTest, AResetIsNotAnswered) {
  for (const Net& net : kNets) {
    EXPECT_THAT(BuildTcpReset(*ParsePacket(
                    1, BuildPacket({.source = net.sender,
                                    .destination = net.destination,
                                    .protocol = IPPROTO_TCP,
                                    .tcp_flags = kTcpRst | kTcpAck}))),
                testing::IsEmpty());
  }
}

}  // namespace
}  // namespace rampart
