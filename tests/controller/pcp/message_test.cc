// SPDX-License-Identifier: Apache-2.0
// Requests and answers byte by byte, laid out as in the figures of RFC 6887
// and RFC 6886.
#include "controller/pcp/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "controller/pcp/nat_pmp.h"

namespace rampart {
namespace {

using Bytes = std::vector<uint8_t>;
using testing::ElementsAreArray;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

// "02 01 | 00"
Bytes Hex(std::string_view text) {
  const std::string bytes = absl::HexStringToBytes(absl::StrReplaceAll(
      absl::string_view(text.data(), text.size()), {{" ", ""}, {"|", ""}}));
  return {bytes.begin(), bytes.end()};
}

constexpr std::string_view kV4 = "00000000 00000000 0000ffff 0a010005";  // .5
constexpr std::string_view kV6 = "fd000000 00000000 00000000 00000005";
constexpr std::string_view kOutside4 = "00000000 00000000 0000ffff cb007101";
constexpr std::string_view kNonce = "a0a1a2a3 a4a5a6a7 a8a9aaab";

Bytes Join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (std::string_view part : parts) all.append(part);
  return Hex(all);
}

Bytes MapRequest(std::string_view options = "") {
  return Join({"02 01 0000 | 00000e10", kV4, kNonce, "06 000000 | 1f90 | 0050",
               kOutside4, options});
}
Bytes PeerRequest(std::string_view options = "") {
  return Join({"02 02 0000 | 00000078", kV6, kNonce, "11 000000 | 1388 | 0000",
               "00000000000000000000000000000000",
               "01bb 0000 20010db8 00000000 00000000 00000009", options});
}

PcpReading Read(const Bytes& payload, std::string_view source) {
  const std::optional<PcpReading> reading = ReadPcp(payload, Ip(source));
  EXPECT_TRUE(reading.has_value());
  return reading.value_or(PcpReading());
}
PcpResult ResultOf(const Bytes& payload, std::string_view source) {
  return Read(payload, source).result;
}
NatPmpRequest ReadPmp(std::string_view payload) {
  const std::optional<NatPmpRequest> request = ReadNatPmp(Hex(payload));
  EXPECT_TRUE(request.has_value());
  return request.value_or(NatPmpRequest());
}

TEST(PcpMessageTest, AMapRequestIsRead) {
  const PcpReading reading = Read(MapRequest(), "10.1.0.5");
  EXPECT_EQ(reading.result, PcpResult::kSuccess);
  const PcpRequest& request = reading.request;
  EXPECT_EQ(request.opcode, PcpOpcode::kMap);
  EXPECT_EQ(request.lifetime, 3600u);
  EXPECT_THAT(request.nonce, ElementsAreArray(Hex(kNonce)));
  EXPECT_EQ(request.protocol, 6);
  EXPECT_EQ(request.inside_port, 8080);
  EXPECT_EQ(request.suggested, (Endpoint{Ip("203.0.113.1"), 80}));
  EXPECT_FALSE(request.prefer_failure);
}

TEST(PcpMessageTest, APeerRequestOfAnIpv6HostIsRead) {
  const PcpReading reading = Read(PeerRequest(), "fd00::5");
  EXPECT_EQ(reading.result, PcpResult::kSuccess);
  EXPECT_EQ(reading.request.opcode, PcpOpcode::kPeer);
  EXPECT_EQ(reading.request.protocol, 17);
  EXPECT_EQ(reading.request.inside_port, 5000);
  EXPECT_EQ(reading.request.suggested, (Endpoint{Ip("::"), 0}));
  EXPECT_EQ(reading.request.remote, (Endpoint{Ip("2001:db8::9"), 443}));
}

TEST(PcpMessageTest, AnAnnouncementIsReadAndAnswered) {
  const PcpReading reading =
      Read(Join({"02 00 0000 00000000", kV4}), "10.1.0.5");
  EXPECT_EQ(reading.result, PcpResult::kSuccess);
  EXPECT_THAT(
      PcpSuccess(reading.request, {.lifetime = 0, .epoch = 0x1234}, Endpoint()),
      ElementsAreArray(Hex("02 80 00 00 | 00000000 | 00001234 |"
                           "00000000 00000000 00000000")));
}

TEST(PcpMessageTest, AMappingIsAnswered) {
  const PcpReading reading = Read(MapRequest("02 00 0000"), "10.1.0.5");
  EXPECT_TRUE(reading.request.prefer_failure);
  EXPECT_THAT(PcpSuccess(reading.request, {.lifetime = 7200, .epoch = 5},
                         {Ip("203.0.113.1"), 40000}),
              ElementsAreArray(Join({"02 81 00 00 | 00001c20 | 00000005 |"
                                     "00000000 00000000 00000000",
                                     kNonce, "06 000000 | 1f90 | 9c40",
                                     kOutside4, "02 00 0000"})));
}

TEST(PcpMessageTest, APeerMappingIsAnswered) {
  const PcpReading reading = Read(PeerRequest(), "fd00::5");
  EXPECT_THAT(
      PcpSuccess(reading.request, {.lifetime = 120, .epoch = 5},
                 {Ip("2001:db8:ffff::1"), 40000}),
      ElementsAreArray(Join(
          {"02 82 00 00 | 00000078 | 00000005 | 00000000 00000000 00000000",
           kNonce, "11 000000 | 1388 | 9c40",
           "20010db8 ffff0000 00000000 00000001",
           "01bb 0000 20010db8 00000000 00000000 00000009"})));
}

TEST(PcpMessageTest, WhatIsNoRequestGetsNoAnswer) {  // RFC 6887 section 8.2
  for (const Bytes& payload :
       {Bytes(), Hex("02"), Hex("02 81"), Join({"02 80 0000 00000000", kV4}),
        Hex("ff ff"), Hex("02 01"),
        Hex("02 01 0000 00000000 00000000 00000000"
            "00000000 000000")})
    EXPECT_FALSE(ReadPcp(payload, Ip("10.1.0.5")).has_value());
}

TEST(PcpMessageTest, EveryMistakeHasItsError) {
  struct Case {
    const char* what;
    Bytes payload;
    PcpResult result;
  };
  Bytes version = MapRequest();
  version[0] = 1;
  Bytes long_one = MapRequest();
  long_one.resize(1104);
  Bytes uneven = MapRequest();
  uneven.resize(uneven.size() + 2);
  Bytes cut = MapRequest();
  cut.resize(cut.size() - 4);
  Bytes opcode = MapRequest();
  opcode[1] = 3;
  Bytes no_lifetime = MapRequest("02 00 0000");
  no_lifetime[6] = no_lifetime[7] = 0;
  Bytes no_port = MapRequest("02 00 0000");
  no_port[42] = no_port[43] = 0;
  for (const Case& c : std::initializer_list<Case>{
           {"version 1", version, PcpResult::kUnsuppVersion},
           {"two bytes of version 9", Hex("09 01"), PcpResult::kUnsuppVersion},
           {"too long", long_one, PcpResult::kMalformedRequest},
           {"not a multiple of 4", uneven, PcpResult::kMalformedRequest},
           {"cut", cut, PcpResult::kMalformedRequest},
           {"opcode", opcode, PcpResult::kUnsuppOpcode},
           {"option beyond the end", MapRequest("80 00 0004"),
            PcpResult::kMalformedOption},
           {"option of 64 KiB", MapRequest("80 00 ffff"),
            PcpResult::kMalformedOption},
           {"broken structure behind an unknown option",
            MapRequest("04 00 0000 80 00 0001"), PcpResult::kMalformedOption},
           {"unknown mandatory option", MapRequest("7f 00 0000"),
            PcpResult::kUnsuppOption},
           {"FILTER",
            MapRequest("03 00 0014 00800000 00000000000000000000000000000000"),
            PcpResult::kUnsuppOption},
           {"THIRD_PARTY",
            MapRequest("01 00 0010 00000000 00000000 0000ffff 0a010006"),
            PcpResult::kUnsuppOption},
           {"THIRD_PARTY of oneself",
            MapRequest("01 00 0010 00000000 00000000 0000ffff 0a010005"),
            PcpResult::kMalformedRequest},
           {"THIRD_PARTY too short", MapRequest("01 00 0004 0a010006"),
            PcpResult::kMalformedOption},
           {"PREFER_FAILURE with data", MapRequest("02 00 0001 00000000"),
            PcpResult::kMalformedOption},
           {"PREFER_FAILURE twice", MapRequest("02 00 0000 02 00 0000"),
            PcpResult::kMalformedOption},
           {"PREFER_FAILURE of a deletion", no_lifetime,
            PcpResult::kMalformedOption},
           {"PREFER_FAILURE without port", no_port,
            PcpResult::kMalformedOption}}) {
    EXPECT_EQ(ResultOf(c.payload, "10.1.0.5"), c.result) << c.what;
  }
  EXPECT_EQ(ResultOf(MapRequest(), "10.1.0.6"), PcpResult::kAddressMismatch);
  EXPECT_EQ(ResultOf(PeerRequest("02 00 0000"), "fd00::5"),
            PcpResult::kMalformedOption);
}

TEST(PcpMessageTest, OptionsThatMayBeIgnoredAre) {
  EXPECT_EQ(ResultOf(MapRequest("80 00 0003 01020300 ff 00 0000"), "10.1.0.5"),
            PcpResult::kSuccess);
}

TEST(PcpMessageTest, AnErrorIsTheRequestOnceMore) {
  EXPECT_THAT(
      PcpError(MapRequest(), PcpResult::kNotAuthorized,
               {.lifetime = 1800, .epoch = 7}, /*understood=*/true),
      ElementsAreArray(Join({"02 81 00 02 | 00000708 | 00000007 |"
                             "00000000 00000000 00000000",
                             kNonce, "06 000000 | 1f90 | 0050", kOutside4})));
  // What could not be read comes back with the client's address in it.
  EXPECT_THAT(
      PcpError(MapRequest(), PcpResult::kMalformedRequest,
               {.lifetime = 1800, .epoch = 7}, /*understood=*/false),
      ElementsAreArray(Join({"02 81 00 03 | 00000708 | 00000007 |"
                             "00000000 0000ffff 0a010005",
                             kNonce, "06 000000 | 1f90 | 0050", kOutside4})));
}

TEST(PcpMessageTest, AnErrorHasAHeaderFourBytesAndALimit) {
  for (size_t size : {2, 3, 11, 12, 23, 24, 25, 61, 1099, 1100, 1101, 9000}) {
    Bytes payload(size, 0x77);
    payload[0] = 9;
    const Bytes answer =
        PcpError(payload, PcpResult::kUnsuppVersion, {}, false);
    EXPECT_EQ(answer.size(), std::clamp<size_t>((size + 3) / 4 * 4, 24, 1100))
        << size;
    EXPECT_EQ(answer[0], 2) << "the version that is supported";
    EXPECT_EQ(answer[1], 0x77 | 0x80);
  }
}

// Every reading ends, inside its bytes (as the sanitizers see it), and every
// answer can be built.
TEST(PcpMessageTest, RandomBytesDoNoHarm) {
  std::mt19937 random(1);
  const IpAddress source = Ip("10.1.0.5");
  int read = 0;
  for (int i = 0; i < 200000; ++i) {
    Bytes payload = i % 2 == 0 ? MapRequest("02 00 0000 80 00 0003 01020300")
                               : PeerRequest("01 00 0010" + std::string(kV4));
    if (i % 16 == 0)
      for (uint8_t& byte : payload) byte = random();
    for (uint32_t flips = random() % 4; flips > 0; --flips)
      payload[random() % payload.size()] = random();
    if (random() % 4 == 0) payload.resize(random() % 1200);
    const Bytes exact(payload);  // no spare capacity behind it
    const auto reading = ReadPcp(exact, source);
    ReadNatPmp(exact);
    if (!reading) continue;
    read += reading->result == PcpResult::kSuccess;
    const Bytes answer = reading->result == PcpResult::kSuccess
                             ? PcpSuccess(reading->request, {}, {source, 1})
                             : PcpError(exact, reading->result, {}, false);
    ASSERT_GE(answer.size(), 24u);
    ASSERT_LE(answer.size(), 1100u);
    ASSERT_EQ(answer.size() % 4, 0u);
    ASSERT_NE(answer[1] & 0x80, 0);
  }
  EXPECT_GT(read, 10000);
}

TEST(NatPmpMessageTest, RequestsAreRead) {
  EXPECT_EQ(ReadPmp("00 00").opcode, NatPmpOpcode::kExternalAddress);
  const NatPmpRequest map = ReadPmp("00 02 0000 1f90 0050 00001c20");
  EXPECT_EQ(map.opcode, NatPmpOpcode::kMapTcp);
  EXPECT_EQ(map.inside_port, 8080);
  EXPECT_EQ(map.suggested_port, 80);
  EXPECT_EQ(map.lifetime, 7200u);
  EXPECT_EQ(ReadPmp("00 07").opcode, NatPmpOpcode::kOther);
}

TEST(NatPmpMessageTest, WhatIsNoRequestGetsNoAnswer) {
  for (const char* payload :
       {"", "00", "00 80", "00 81 0000 1f90 0050 00001c20",
        "00 01 0000 1f90 0050 00001c", "00 02", "01 00"})
    EXPECT_FALSE(ReadNatPmp(Hex(payload)).has_value()) << payload;
}

TEST(NatPmpMessageTest, AnswersHaveTheLayoutOfTheRfc) {
  const NatPmpRequest address = ReadPmp("00 00");
  EXPECT_THAT(
      NatPmpAnswer(address, NatPmpResult::kSuccess, 9, Ip("203.0.113.1"), 0, 0),
      ElementsAreArray(Hex("00 80 0000 00000009 cb007101")));
  EXPECT_THAT(NatPmpAnswer(address, NatPmpResult::kNetworkFailure, 9,
                           Ip("203.0.113.1"), 0, 0),
              ElementsAreArray(Hex("00 80 0003 00000009 00000000")));
  const NatPmpRequest map = ReadPmp("00 01 0000 1f90 0050 00001c20");
  EXPECT_THAT(NatPmpAnswer(map, NatPmpResult::kSuccess, 9, Ip("203.0.113.1"),
                           40000, 3600),
              ElementsAreArray(Hex("00 81 0000 00000009 1f90 9c40 00000e10")));
  EXPECT_THAT(NatPmpAnswer(map, NatPmpResult::kOutOfResources, 9,
                           Ip("203.0.113.1"), 40000, 3600),
              ElementsAreArray(Hex("00 81 0004 00000009 1f90 0000 00000000")));
  EXPECT_THAT(NatPmpAnswer(ReadPmp("00 07"), NatPmpResult::kUnsupportedOpcode,
                           9, {}, 0, 0),
              ElementsAreArray(Hex("00 87 0005 00000009")));
}

}  // namespace
}  // namespace rampart
