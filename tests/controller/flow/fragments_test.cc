// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/fragments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "controller/flow/checksum.h"
#include "controller/flow/reassembly.h"
#include "tests/controller/flow/packets.h"

namespace rampart {
namespace {

using ::testing::IsEmpty;

using Bytes = std::vector<uint8_t>;

Bytes PacketWith(const Bytes& options, size_t payload, uint16_t flags = 0) {
  Bytes packet = BuildPacket({.source = Ip("10.1.0.5"),
                              .destination = Ip("198.51.100.10"),
                              .payload = payload});
  packet.insert(packet.begin() + 20, options.begin(), options.end());
  packet[0] = 0x40 | (20 + options.size()) / 4;
  packet[2] = packet.size() >> 8;
  packet[3] = packet.size() & 0xff;
  packet[6] = flags >> 8;
  packet[7] = flags & 0xff;
  return packet;
}

Bytes OptionsOf(const Bytes& packet) {
  return {packet.begin() + 20, packet.begin() + (packet[0] & 0xf) * 4};
}

TEST(SplitV4Test, PiecesAreAsLargeAsTheMtuLetsThem) {  // RFC 791 section 3.2
  const Bytes packet = PacketWith({}, 2000 - 28);
  const auto pieces = SplitV4(packet, 1000, 0x1234);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].size(), 20u + 976);
  EXPECT_EQ(pieces[1].size(), 20u + 976);
  EXPECT_EQ(pieces[2].size(), 20u + 28);
  for (const Bytes& piece : pieces) {
    EXPECT_EQ(piece[4], 0x12);
    EXPECT_EQ(piece[5], 0x34);
    EXPECT_EQ(piece[8], packet[8]);
    EXPECT_EQ(piece[9], packet[9]);
  }
}

TEST(SplitV4Test, WhatMustNotBeSplitIsNot) {
  EXPECT_THAT(SplitV4(PacketWith({}, 2000, 0x4000), 1000, 1), IsEmpty());
  EXPECT_THAT(SplitV4(PacketWith({}, 2000), 27, 1), IsEmpty());
  EXPECT_THAT(SplitV4(PacketWith(Bytes(40), 2000), 67, 1), IsEmpty());
  EXPECT_EQ(SplitV4(PacketWith({}, 92), 28, 1).size(), 13u);
}

TEST(SplitV4Test, APacketThatFitsStaysOne) {
  EXPECT_EQ(SplitV4(PacketWith({}, 100), 128, 1).size(), 1u);
  EXPECT_EQ(SplitV4(PacketWith({}, 100), 127, 1).size(), 2u);
}

TEST(SplitV4Test, OptionsAreCopiedIfTheirFlagSaysSo) {  // RFC 791 section 3.1
  const Bytes security = {0x82, 4, 1, 2};               // copied
  const Bytes timestamp = {0x44, 4, 5, 0};              // not
  const Bytes nop = {1};
  Bytes options;
  for (const Bytes& option : {nop, timestamp, security, nop, nop, nop})
    options.insert(options.end(), option.begin(), option.end());
  const auto pieces = SplitV4(PacketWith(options, 500), 300, 1);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(OptionsOf(pieces[0]), options);
  EXPECT_EQ(OptionsOf(pieces[1]), security);
}

TEST(SplitV4Test, BrokenOptionsAreNotReadPast) {
  for (const Bytes& options : {Bytes{0x82, 0, 0, 0}, Bytes{0x82, 1, 0, 0},
                               Bytes{0x82, 5, 0, 0}, Bytes{1, 1, 1, 0x82}}) {
    const auto pieces = SplitV4(PacketWith(options, 500), 300, 1);
    ASSERT_EQ(pieces.size(), 2u);
    EXPECT_EQ(OptionsOf(pieces[0]), options);
    EXPECT_THAT(OptionsOf(pieces[1]), IsEmpty());
  }
}

class StillClock final : public Clock {
 public:
  uint32_t Tick() const override { return 0; }
  absl::Time Now() const override { return absl::UnixEpoch(); }
};

// Splits and splits again what came out, puts it together: the same data.
TEST(SplitV4Test, WhatWasSplitTwiceComesTogetherAgain) {
  std::mt19937 random(6);
  const StillClock clock;
  for (int round = 0; round < 300; ++round) {
    const Bytes options(random() % 4 * 4, 1);
    const size_t payload = random() % 4000;
    const Bytes packet = PacketWith(options, payload);
    Reassembly reassembly(
        {.fragments = 200}, clock,
        [](rp_outcome, const rp_punt&, absl::Span<const uint8_t>) { FAIL(); });
    std::vector<Bytes> pieces;
    for (const Bytes& piece : SplitV4(packet, 800 + random() % 800, 77)) {
      const size_t mtu = 100 + random() % 1500;
      for (Bytes& small : SplitV4(piece, mtu, 77)) {
        ASSERT_LE(small.size(), mtu);
        const size_t header = (small[0] & 0xf) * 4;
        ASSERT_EQ(FoldSum(SumBytes(absl::MakeSpan(small).first(header))),
                  0xffff);
        pieces.push_back(std::move(small));
      }
    }
    std::optional<Reassembly::Datagram> whole;
    std::vector<Bytes> shuffled = pieces;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (const Bytes& piece : shuffled) {
      ASSERT_FALSE(whole);
      whole = reassembly.Add({}, ParsePacket(0, piece).value()).complete;
    }
    if (pieces.size() == 1) whole = {{}, pieces};
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->fragments, pieces);
    Bytes data;
    for (const Bytes& piece : whole->fragments)
      data.insert(data.end(), piece.begin() + (piece[0] & 0xf) * 4,
                  piece.end());
    EXPECT_EQ(data, Bytes(packet.begin() + 20 + options.size(), packet.end()));
  }
}

}  // namespace
}  // namespace rampart
