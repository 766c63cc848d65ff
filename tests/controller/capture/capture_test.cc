// SPDX-License-Identifier: Apache-2.0
// What is written is read by libpcap and by tshark; what is broken is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/capture/pcapng.h"
#include "controller/capture/read.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kTime = 1'700'000'000'123'456'789;

// UDP from 10.1.0.5:1234 to 10.2.0.9:53, 3 bytes of data.
std::vector<uint8_t> IpPacket() {
  return {0x45, 0, 0, 31, 0, 0,   0, 0,  64, 17, 0, 0, 10,  1,   0,  5,
          10,   2, 0, 9,  4, 210, 0, 53, 0,  11, 0, 0, 'a', 'b', 'c'};
}

std::vector<uint8_t> Frame() {
  std::vector<uint8_t> frame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
  const std::vector<uint8_t> packet = IpPacket();
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

class CaptureTest : public ::testing::Test {
 protected:
  ~CaptureTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  // Lines that a command prints.
  static std::vector<std::string> Run(const std::string& command) {
    std::vector<std::string> lines;
    std::FILE* pipe = popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    char line[4096];
    while (std::fgets(line, sizeof(line), pipe) != nullptr) {
      lines.emplace_back(line);
      if (lines.back().ends_with('\n')) lines.back().pop_back();
    }
    EXPECT_EQ(pclose(pipe), 0) << command;
    return lines;
  }

  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "/capture-", getpid());
};

std::string SmallFile(LinkType link = LinkType::kEthernet) {
  std::string file;
  AppendSection("xdpctl test", file);
  AppendInterface({.name = "eth0", .link = link, .snaplen = 128}, file);
  return file;
}

TEST_F(CaptureTest, WhatIsWrittenIsReadAgain) {
  std::string file = SmallFile();
  const std::vector<uint8_t> frame = Frame();
  AppendPacket({.time = kTime, .bytes = frame, .comment = "DROP RP-POL-002"},
               file);
  AppendPacket({.time = kTime + 1,
                .bytes = absl::MakeConstSpan(frame).subspan(0, 21),
                .length = 1500},
               file);
  AppendStatistics(0, kTime + 2, 5, 3, file);
  Write(file);
  const auto capture = ReadCapture(path_, 10);
  ASSERT_TRUE(capture.ok()) << capture.status();
  EXPECT_EQ(capture->link, LinkType::kEthernet);
  EXPECT_FALSE(capture->cut);
  ASSERT_EQ(capture->packets.size(), 2u);
  EXPECT_EQ(capture->packets[0].bytes, frame);
  EXPECT_EQ(capture->packets[0].length, frame.size());
  EXPECT_EQ(capture->packets[0].time, kTime);
  EXPECT_EQ(capture->packets[1].bytes.size(), 21u);
  EXPECT_EQ(capture->packets[1].length, 1500u);
  const auto one = ReadCapture(path_, 1);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->packets.size(), 1u);
  EXPECT_TRUE(one->cut);
}

TEST_F(CaptureTest, TsharkReadsPacketsTimesNamesAndComments) {
  if (std::system("command -v tshark >/dev/null") != 0)
    GTEST_SKIP() << "tshark is not installed";
  std::string file;
  AppendSection("xdpctl test", file);
  AppendInterface({.name = "eth0"}, file);
  AppendInterface({.name = "acme/fra", .link = LinkType::kIp}, file);
  const std::vector<uint8_t> frame = Frame();
  const std::vector<uint8_t> packet = IpPacket();
  AppendPacket({.time = kTime, .bytes = frame, .comment = "one"}, file);
  AppendPacket({.interface = 1, .time = kTime + 1000, .bytes = packet}, file);
  AppendStatistics(1, kTime, 9, 7, file);
  Write(file);
  EXPECT_THAT(
      Run("tshark -r " + path_ +
          " -T fields -E separator=, -e frame.interface_name"
          " -e frame.time_epoch -e frame.comment -e ip.dst -e udp.dstport"
          " 2>/dev/null"),
      ElementsAre("eth0,1700000000.123456789,one,10.2.0.9,53",
                  "acme/fra,1700000000.123457789,,10.2.0.9,53"));
}

TEST_F(CaptureTest, WhatIsNoCaptureFileIsRefusedInOneLine) {
  std::string good = SmallFile();
  const std::vector<uint8_t> frame = Frame();
  AppendPacket({.bytes = frame}, good);
  std::string foreign = SmallFile(static_cast<LinkType>(105));  // 802.11
  AppendPacket({.bytes = frame}, foreign);
  const struct {
    const char* why;
    std::string bytes;
    const char* says;
  } cases[] = {
      {"empty", "", ": "},
      {"text", "this is not a capture file, but text\n", "unknown file format"},
      {"cut in a packet", good.substr(0, good.size() - 9), "packet 1"},
      {"cut in the section", good.substr(0, 20), ": "},
      {"another link type", foreign, "Ethernet and plain IP can be read"},
  };
  for (const auto& c : cases) {
    Write(c.bytes);
    const auto capture = ReadCapture(path_, 10);
    EXPECT_EQ(capture.status().code(), absl::StatusCode::kInvalidArgument)
        << c.why;
    const std::string message(capture.status().message());
    EXPECT_THAT(message, StartsWith(path_)) << c.why;
    EXPECT_THAT(message, HasSubstr(c.says)) << c.why;
    EXPECT_EQ(message.find('\n'), std::string::npos) << c.why;
  }
  EXPECT_TRUE(absl::IsNotFound(ReadCapture("/none/there", 1).status()));
}

TEST_F(CaptureTest, AFileCutOrChangedAnywhereIsReadOrRefused) {
  std::string good = SmallFile();
  const std::vector<uint8_t> frame = Frame();
  AppendPacket({.bytes = frame, .comment = "why"}, good);
  for (size_t at = 0; at < good.size(); ++at) {
    Write(good.substr(0, at));
    (void)ReadCapture(path_, 10).ok();
    std::string changed = good;
    changed[at] = static_cast<char>(~changed[at]);
    Write(changed);
    const auto capture = ReadCapture(path_, 10);
    if (!capture.ok()) {
      EXPECT_FALSE(capture.status().message().empty());
    }
  }
}

TEST(PacketFilterTest, FiltersAreThoseOfTcpdump) {
  const auto filter = PacketFilter::Compile("udp dst port 53 and host 10.1.0.5",
                                            LinkType::kEthernet);
  ASSERT_TRUE(filter.ok()) << filter.status();
  const std::vector<uint8_t> frame = Frame();
  EXPECT_TRUE(filter->Match(frame, 45));
  std::vector<uint8_t> other = frame;
  other[37] = 54;
  EXPECT_FALSE(filter->Match(other, 45));
  EXPECT_FALSE(filter->Match(absl::MakeConstSpan(frame).subspan(0, 20), 45));
}

TEST(PacketFilterTest, InnerPacketsAreFilteredWithoutLinkHeader) {
  const auto filter = PacketFilter::Compile("dst 10.2.0.9", LinkType::kIp);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_TRUE(filter->Match(IpPacket(), 31));
}

TEST(PacketFilterTest, AWrongFilterIsQuoted) {
  const auto filter = PacketFilter::Compile("prot tcp", LinkType::kEthernet);
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(filter.status().message()),
              StartsWith("filter 'prot tcp': "));
}

}  // namespace
}  // namespace rampart
