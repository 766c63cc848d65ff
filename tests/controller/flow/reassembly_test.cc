// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/reassembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "tests/controller/flow/pieces.h"
#include "tests/oracle/reassembly_oracle.h"

namespace rampart {
namespace {

using ::testing::IsEmpty;

constexpr int kFamilies[] = {4, 6};

class FakeClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return absl::UnixEpoch(); }
  uint32_t tick = 0xfffffff0;  // wraps soon: nothing may mind
};

class ReassemblyTest : public ::testing::Test {
 protected:
  Reassembly Make(const Reassembly::Limits& limits = {}) {
    return Reassembly(limits, clock,
                      [this](rp_outcome reason, const rp_punt&,
                             absl::Span<const uint8_t> fragment) {
                        ++dropped[reason];
                        dropped_bytes += fragment.size();
                      });
  }
  static rp_punt PuntOf(uint32_t tenant) {
    return {.reason = RP_PUNT_MISS,
            .realm = tenant == 0 ? 0 : 1000 + tenant,
            .tunnel = tenant,
            .tenant = tenant};
  }
  static Reassembly::Result Add(Reassembly& reassembly, const Bytes& bytes,
                                uint32_t tenant = 1) {
    return Add(reassembly, bytes, PuntOf(tenant));
  }
  static Reassembly::Result Add(Reassembly& reassembly, const Bytes& bytes,
                                const rp_punt& punt) {
    return reassembly.Add(punt, ParsePacket(punt.realm, bytes).value());
  }

  FakeClock clock;
  std::map<rp_outcome, int> dropped;
  size_t dropped_bytes = 0;
};

// RFC 4787 REQ-14: in order and out of order.
TEST_F(ReassemblyTest, EveryOrderCompletesWithTheLastToCome) {
  const Bytes data = Data(100);
  Reassembly reassembly = Make();
  for (const int family : kFamilies) {
    for (const auto& cuts : std::vector<std::vector<uint32_t>>{
             {8}, {64, 80}, {24, 48, 96}, {16, 32, 48, 96}}) {
      const std::vector<Bytes> pieces = Cut({.family = family}, data, cuts);
      std::vector<size_t> order(pieces.size());
      std::iota(order.begin(), order.end(), 0);
      do {
        for (size_t i = 0; i < order.size(); ++i) {
          rp_punt punt = PuntOf(1);
          punt.peer = order[i];  // 0: the first fragment's
          const auto result = Add(reassembly, pieces[order[i]], punt);
          ASSERT_EQ(result.reason, RP_FORWARDED);
          ASSERT_EQ(result.complete.has_value(), i + 1 == order.size());
          if (!result.complete) continue;
          EXPECT_EQ(result.complete->fragments, pieces);
          EXPECT_EQ(result.complete->punt.peer, 0u);
        }
        ASSERT_EQ(reassembly.bytes(), 0u);
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
  EXPECT_THAT(dropped, IsEmpty());
}

TEST_F(ReassemblyTest, BytesBehindThePacketAreNotKept) {
  Reassembly reassembly = Make();
  for (const int family : kFamilies) {
    std::vector<Bytes> pieces = Cut({.family = family}, Data(100), {64});
    const std::vector<Bytes> want = pieces;
    pieces[0].resize(pieces[0].size() + 6);
    Add(reassembly, pieces[0]);
    EXPECT_EQ(Add(reassembly, pieces[1]).complete->fragments, want);
  }
}

TEST_F(ReassemblyTest, ExactDuplicatesChangeNothing) {  // RFC 8200 section 4.5
  Reassembly reassembly = Make();
  for (const int family : kFamilies) {
    const auto pieces = Cut({.family = family}, Data(100), {64});
    EXPECT_EQ(Add(reassembly, pieces[0]).reason, RP_FORWARDED);
    for (int i = 0; i < 3; ++i) {
      const auto result = Add(reassembly, pieces[0]);
      EXPECT_EQ(result.reason, RP_DROP_FRAG_DUPLICATE);
      EXPECT_FALSE(result.complete);
    }
    EXPECT_EQ(Add(reassembly, pieces[1]).complete->fragments, pieces);
  }
}

// RFC 5722: the whole datagram goes, what is there and what still comes.
TEST_F(ReassemblyTest, OverlapRefusesTheDatagramUntilItsTimeIsOver) {
  for (const int family : kFamilies) {
    Reassembly reassembly = Make();
    dropped.clear();
    const PieceSpec spec = {.family = family};
    const auto pieces = Cut(spec, Data(100), {32, 64});
    Bytes other = pieces[1];
    other.back() ^= 1;  // as long, not the same
    Add(reassembly, pieces[1]);
    EXPECT_EQ(Add(reassembly, other).reason, RP_DROP_FRAG_OVERLAP);
    EXPECT_EQ(dropped[RP_DROP_FRAG_OVERLAP], 1);
    clock.tick += ToTicks(absl::Seconds(30));
    EXPECT_EQ(Add(reassembly, pieces[0]).reason, RP_DROP_FRAG_OVERLAP);
    EXPECT_EQ(Add(reassembly, pieces[2]).reason, RP_DROP_FRAG_OVERLAP);
    ++clock.tick;
    Add(reassembly, pieces[0]);
    Add(reassembly, pieces[1]);
    EXPECT_TRUE(Add(reassembly, pieces[2]).complete);
    EXPECT_EQ(reassembly.bytes(), 0u);
  }
}

struct OverlapCase {
  const char* name;
  uint32_t begin, end;
};

TEST_F(ReassemblyTest, EveryKindOfOverlapIsOne) {  // with [32, 64)
  for (const int family : kFamilies) {
    for (const OverlapCase& c : {OverlapCase{"head", 24, 40},
                                 {"tail", 56, 72},
                                 {"inside", 40, 48},
                                 {"around", 24, 72},
                                 {"same begin", 32, 56},
                                 {"same end", 40, 64}}) {
      Reassembly reassembly = Make();
      const PieceSpec spec = {.family = family, .begin = 32, .more = true};
      Add(reassembly, MakeFragment(spec, Data(32)));
      EXPECT_EQ(
          Add(reassembly,
              MakeFragment({.family = family, .begin = c.begin, .more = true},
                           Data(c.end - c.begin)))
              .reason,
          RP_DROP_FRAG_OVERLAP)
          << c.name;
    }
  }
}

TEST_F(ReassemblyTest, MalformedFragmentsAreRefused) {
  Reassembly reassembly = Make();
  for (const int family : kFamilies) {
    // RFC 791, RFC 8200 section 4.5: all but the last in units of 8 bytes.
    for (const size_t size : {0, 1, 7, 9, 15})
      EXPECT_EQ(Add(reassembly,
                    MakeFragment({.family = family, .begin = 64, .more = true},
                                 Bytes(size)))
                    .reason,
                RP_DROP_FRAG_MALFORMED);
    EXPECT_EQ(
        Add(reassembly, MakeFragment({.family = family, .begin = 64}, Bytes()))
            .reason,
        RP_DROP_FRAG_MALFORMED);
    // The datagram would be longer than its length field can say.
    const size_t fits = family == 4 ? 65535 - 65528 - 20 + 24 : 7;
    const uint32_t begin = family == 4 ? 65504 : 65528;
    const PieceSpec far = {.family = family, .begin = begin};
    EXPECT_EQ(Add(reassembly, MakeFragment(far, Bytes(fits + 1))).reason,
              RP_DROP_FRAG_MALFORMED);
    EXPECT_EQ(Add(reassembly, MakeFragment(far, Bytes(fits))).reason,
              RP_FORWARDED);
  }
}

TEST_F(ReassemblyTest, EndsThatContradictRefuseTheDatagram) {
  for (const int family : kFamilies) {
    const PieceSpec middle = {.family = family, .begin = 64, .more = true};
    const PieceSpec last = {.family = family, .begin = 32};
    const Bytes fragments[] = {MakeFragment(middle, Data(16)),
                               MakeFragment(last, Data(16))};
    for (const int first : {0, 1}) {
      Reassembly reassembly = Make();
      Add(reassembly, fragments[first]);
      EXPECT_EQ(Add(reassembly, fragments[1 - first]).reason,
                RP_DROP_FRAG_MALFORMED);
      EXPECT_EQ(Add(reassembly,
                    MakeFragment({.family = family, .more = true}, Data(32)))
                    .reason,
                RP_DROP_FRAG_MALFORMED);
    }
  }
}

TEST_F(ReassemblyTest, AFragmentOfAFragmentIsRefused) {
  Bytes inner = {IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 9};
  const Bytes data = Data(32);
  inner.insert(inner.end(), data.begin(), data.end());
  Reassembly reassembly = Make();
  EXPECT_EQ(
      Add(reassembly,
          MakeFragment(
              {.family = 6, .more = true, .protocol = IPPROTO_FRAGMENT}, inner))
          .reason,
      RP_DROP_FRAG_MALFORMED);
}

// RFC 1858 section 3, RFC 7112: they are no packets to begin with.
TEST_F(ReassemblyTest, FirstFragmentsWithoutTheirHeadersAreNotParsed) {
  struct Case {
    uint8_t protocol;
    size_t needed;
  };
  for (const int family : kFamilies) {
    for (const Case& c : {Case{IPPROTO_UDP, 8}, {IPPROTO_TCP, 20}}) {
      for (size_t size = 0; size <= c.needed; ++size) {
        const auto bytes = MakeFragment(
            {.family = family, .more = true, .protocol = c.protocol},
            Data(size));
        EXPECT_EQ(ParsePacket(7, bytes).has_value(), size == c.needed);
      }
    }
  }
  Bytes options(8);
  options[0] = IPPROTO_UDP;  // whose header is not there
  EXPECT_FALSE(ParsePacket(
      7, MakeFragment({.family = 6, .more = true, .protocol = IPPROTO_DSTOPTS},
                      options)));
}

TEST_F(ReassemblyTest, TooManyFragmentsRefuseTheDatagram) {
  Reassembly reassembly = Make({.fragments = 4});
  for (const int family : kFamilies) {
    dropped.clear();
    PieceSpec spec = {.family = family, .more = true};
    for (; spec.begin < 32; spec.begin += 8)
      EXPECT_EQ(Add(reassembly, MakeFragment(spec, Data(8))).reason,
                RP_FORWARDED);
    EXPECT_EQ(Add(reassembly, MakeFragment(spec, Data(8))).reason,
              RP_DROP_FRAG_MALFORMED);
    EXPECT_EQ(dropped[RP_DROP_FRAG_MALFORMED], 4);
  }
}

TEST_F(ReassemblyTest, OnlyFragmentsOfOneDatagramComeTogether) {
  Reassembly reassembly = Make();
  for (const int family : kFamilies) {
    const Bytes data = Data(100);
    const auto first = Cut({.family = family}, data, {64})[0];
    const auto last = [&](const PieceSpec& spec) {
      return Cut(spec, data, {64})[1];
    };
    Add(reassembly, first);
    const Bytes others[] = {last({.family = family, .id = 8}),
                            last({.family = family, .host = 6}),
                            last({.family = family, .server = 2})};
    for (const Bytes& other : others)
      EXPECT_FALSE(Add(reassembly, other).complete);
    rp_punt realm = PuntOf(1), tunnel = PuntOf(1);
    ++realm.realm;
    ++tunnel.tunnel;
    for (const rp_punt& punt : {realm, tunnel})
      EXPECT_FALSE(Add(reassembly, last({.family = family}), punt).complete);
    // What follows the header of a later IPv6 fragment says nothing.
    const Bytes tcp = last({.family = family, .protocol = IPPROTO_TCP});
    EXPECT_EQ(Add(reassembly, tcp).complete.has_value(), family == 6);
  }
}

TEST_F(ReassemblyTest, TimeRunsFromTheFirstFragmentToCome) {
  for (const int family : kFamilies) {
    Reassembly reassembly = Make({.time = absl::Seconds(30)});
    dropped.clear();
    const auto pieces = Cut({.family = family}, Data(100), {32, 64});
    Add(reassembly, pieces[2]);
    clock.tick += ToTicks(absl::Seconds(30));
    Add(reassembly, pieces[0]);
    reassembly.Expire();
    EXPECT_THAT(dropped, IsEmpty());
    ++clock.tick;
    reassembly.Expire();
    EXPECT_EQ(dropped[RP_DROP_FRAG_TIME], 2);
    EXPECT_EQ(reassembly.bytes(), 0u);
    EXPECT_FALSE(Add(reassembly, pieces[1]).complete);
  }
}

// RFC 4787 REQ-14a.
TEST_F(ReassemblyTest, AFloodCostsItsOwnTenantOnly) {
  Reassembly reassembly = Make({.bytes_per_account = 8000});
  for (const int family : kFamilies) {
    dropped.clear();
    const auto pieces = Cut({.family = family}, Data(600), {304});
    for (const uint32_t tenant : {0, 1, 2}) {
      Add(reassembly, pieces[0], tenant);
    }
    for (uint32_t id = 100; id < 400; ++id) {
      const auto flood = Cut({.family = family, .id = id}, Data(600), {304});
      EXPECT_EQ(Add(reassembly, flood[1], 1).reason, RP_FORWARDED);
      ASSERT_LE(reassembly.bytes(), 8000u + 2 * 1024);
    }
    EXPECT_GT(dropped[RP_DROP_FRAG_MEMORY], 290);
    EXPECT_TRUE(Add(reassembly, pieces[1], 0).complete);
    EXPECT_TRUE(Add(reassembly, pieces[1], 2).complete);
    // In a flood, a datagram that comes at once still becomes complete.
    const auto quick = Cut({.family = family, .id = 9}, Data(600), {304});
    Add(reassembly, quick[1], 1);
    EXPECT_TRUE(Add(reassembly, quick[0], 1).complete);
  }
}

TEST_F(ReassemblyTest, AFloodOfOneNatAddressCostsNoOther) {
  Reassembly reassembly =
      Make({.bytes_per_account = 8000, .bytes_of_underlay = 12000});
  for (const int family : kFamilies) {
    const PieceSpec victim = {.family = family, .server = 2};
    const auto pieces = Cut(victim, Data(600), {304});
    Add(reassembly, pieces[0], 0);
    for (uint32_t id = 100; id < 400; ++id)
      Add(reassembly, Cut({.family = family, .id = id}, Data(600), {304})[1],
          0);
    EXPECT_TRUE(Add(reassembly, pieces[1], 0).complete);
  }
}

TEST_F(ReassemblyTest, AllTogetherHaveALimitInWhichTheOldestGoes) {
  Reassembly reassembly = Make({.bytes_of_tenants = 8000});
  for (uint32_t tenant = 1; tenant < 100; ++tenant) {
    EXPECT_EQ(
        Add(reassembly, Cut({.family = 6}, Data(600), {304})[0], tenant).reason,
        RP_FORWARDED);
    ASSERT_LE(reassembly.bytes(), 8000u);
  }
  EXPECT_EQ(dropped[RP_DROP_FRAG_MEMORY] + reassembly.datagrams(), 99u);
  EXPECT_GT(reassembly.datagrams(), 5u);
}

TEST_F(ReassemblyTest, ADatagramLargerThanTheLimitIsGivenUp) {
  Reassembly reassembly = Make({.bytes_per_account = 2000});
  const auto pieces = Cut({}, Data(1800), {600, 1200});
  EXPECT_EQ(Add(reassembly, pieces[0]).reason, RP_FORWARDED);
  EXPECT_EQ(Add(reassembly, pieces[1]).reason, RP_FORWARDED);
  EXPECT_EQ(Add(reassembly, pieces[2]).reason, RP_DROP_FRAG_MEMORY);
  EXPECT_EQ(dropped[RP_DROP_FRAG_MEMORY], 2);
  EXPECT_EQ(reassembly.bytes(), 0u);
}

TEST_F(ReassemblyTest, JudgesLikeABitmapOfBytes) {
  std::mt19937 random(4);
  std::map<rp_outcome, int> seen;
  int complete = 0;
  for (int round = 0; round < 3000; ++round) {
    Reassembly reassembly = Make();
    const int family = kFamilies[round % 2];
    oracle::ReassemblyOracle oracles[2];
    for (int i = 0; i < 12; ++i) {
      const uint32_t id = random() % 2;
      // Of 48 bytes, 8 in 9 times cut where others are cut too.
      const uint32_t begin = random() % 6 * 8;
      const uint32_t left = 48 - begin;
      uint32_t size = (random() % 3 + 1) * 8;
      if (random() % 9 != 0) size = std::min(size, left);
      const bool more = begin + size != 48 && random() % 9 != 0;
      const Bytes data = Data(size, random() % 20 == 0);
      const auto want = oracles[id].Add(begin, more, data);
      const auto got =
          Add(reassembly,
              MakeFragment(
                  {.family = family, .id = id, .begin = begin, .more = more},
                  data));
      ASSERT_EQ(got.reason, want.reason);
      ASSERT_EQ(got.complete.has_value(), want.complete);
      ++seen[got.reason];
      if (want.complete) {
        ++complete;
        oracles[id] = {};
      }
    }
  }
  EXPECT_EQ(seen.size(), 4u);  // the random choice finds all of it
  EXPECT_GT(complete, 100);
}

// Whatever comes: bounded memory, every byte has one fate, and time frees all.
TEST_F(ReassemblyTest, FuzzedFragmentsAreAllAccountedFor) {
  std::mt19937 random(5);
  const Reassembly::Limits limits = {.bytes_per_account = 6000,
                                     .bytes_of_tenants = 9000,
                                     .bytes_of_underlay = 9000,
                                     .fragments = 6};
  Reassembly reassembly = Make(limits);
  size_t came = 0, left = 0;
  for (int i = 0; i < 60000; ++i) {
    auto bytes = MakeFragment({.family = kFamilies[random() % 2],
                               .id = static_cast<uint32_t>(random() % 40),
                               .begin = static_cast<uint32_t>(random() % 5 * 8),
                               .more = random() % 3 != 0},
                              Data(random() % 5 * 8 + 8));
    for (int flips = random() % 3; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= 1 << random() % 8;
    const uint32_t tenant = random() % 4;
    const auto packet = ParsePacket(PuntOf(tenant).realm, bytes);
    if (!packet || !packet->fragment) continue;
    const auto result = reassembly.Add(PuntOf(tenant), *packet);
    came += packet->bytes.size();
    if (result.reason != RP_FORWARDED) left += packet->bytes.size();
    if (result.complete)
      for (const Bytes& f : result.complete->fragments) left += f.size();
    ASSERT_LE(reassembly.bytes(),
              limits.bytes_of_tenants + limits.bytes_of_underlay);
    if (i % 1000 == 0) ++clock.tick;
  }
  clock.tick += ToTicks(limits.time) + 1;
  reassembly.Expire();
  EXPECT_EQ(reassembly.bytes(), 0u);
  EXPECT_EQ(reassembly.datagrams(), 0u);
  EXPECT_EQ(came, left + dropped_bytes);
  EXPECT_THAT(dropped, ::testing::SizeIs(4));
}

}  // namespace
}  // namespace rampart
