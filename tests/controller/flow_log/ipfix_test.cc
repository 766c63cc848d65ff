// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/ipfix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "controller/flow_log/ipfix_sink.h"
#include "tests/controller/flow_log/log_fixture.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

uint32_t Number(std::string_view message, size_t at, int bytes) {
  uint32_t number = 0;
  for (int i = 0; i < bytes; ++i)
    number = number << 8 | static_cast<uint8_t>(message.at(at + i));
  return number;
}
uint32_t SequenceOf(std::string_view message) { return Number(message, 8, 4); }

// Ids of its sets; each is a multiple of four bytes, and they fill it.
std::vector<uint32_t> SetsOf(std::string_view message) {
  EXPECT_EQ(Number(message, 0, 2), 10u);
  EXPECT_EQ(Number(message, 2, 2), message.size());
  std::vector<uint32_t> sets;
  for (size_t at = 16; at < message.size();) {
    sets.push_back(Number(message, at, 2));
    const uint32_t length = Number(message, at + 2, 2);
    EXPECT_EQ(length % 4, 0u);
    EXPECT_GE(length, 4u);
    at += std::max(length, 4u);
    EXPECT_LE(at, message.size());
  }
  return sets;
}

FlowRecord Record(uint32_t number, Family family, FlowEvent event) {
  FlowRecord record;
  record.sequence = number;
  record.time = absl::FromUnixSeconds(1700000000);
  record.flow = LogEnd(number, family);
  record.event = event;
  record.end = FlowEndReason::kFin;
  return record;
}

TEST(IpfixTest, MessagesCountDataRecords) {
  IpfixEncoder encoder(1, 1400);
  const absl::Time now = absl::FromUnixSeconds(1700000000);
  EXPECT_THAT(SetsOf(encoder.Templates(now)), ElementsAre(2, 3));
  encoder.Add(Record(1, Family::kV4, FlowEvent::kEnd));
  encoder.Add(Record(2, Family::kV4, FlowEvent::kEnd));
  encoder.Add(Record(3, Family::kV6, FlowEvent::kEnd));
  encoder.Add(FlowGap{.first = 4, .last = 9, .time = now});
  const std::string first = encoder.Finish(now);
  EXPECT_THAT(SetsOf(first), ElementsAre(256, 257, 258));
  EXPECT_EQ(SequenceOf(first), 0u);
  EXPECT_EQ(Number(first, 4, 4), 1700000000u);
  EXPECT_EQ(SequenceOf(encoder.Templates(now)), 4u)
      << "templates count nothing";
  encoder.Add(Record(10, Family::kV6, FlowEvent::kEnd));
  EXPECT_EQ(SequenceOf(encoder.Finish(now)), 4u);
  EXPECT_EQ(SequenceOf(encoder.Finish(now)), 5u);
}

TEST(IpfixTest, MessagesFitIntoADatagram) {
  IpfixEncoder encoder(1, 1400);
  uint32_t added = 0;
  while (encoder.Add(
      Record(added, added % 2 ? Family::kV4 : Family::kV6, FlowEvent::kEnd)))
    ++added;
  EXPECT_GT(added, 6u);
  EXPECT_LE(encoder.Finish(absl::UnixEpoch()).size(), 1400u);
}

class IpfixSinkTest : public FlowLogTest {
 protected:
  // A listening socket of ours and where it is.
  UniqueFd Listen(int type, Endpoint& at) {
    UniqueFd fd(socket(AF_INET6, type | SOCK_CLOEXEC, 0));
    sockaddr_in6 address = {.sin6_family = AF_INET6,
                            .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(fd.get(), 4), 0);
    }
    EXPECT_EQ(
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length),
        0);
    const timeval patience = {.tv_sec = 20};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    at = {Ip("::1"), ntohs(address.sin6_port)};
    return fd;
  }
  std::string Read(int fd, size_t size) {
    std::string data(size, '\0');
    const ssize_t got = recv(fd, data.data(), size, MSG_WAITALL);
    data.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return data;
  }
  // Of a stream.
  std::string ReadMessage(int fd) {
    std::string message = Read(fd, 4);
    if (message.size() < 4) return message;
    return message + Read(fd, Number(message, 2, 2) - 4);
  }
  uint64_t exported_ = 0;
};

TEST_F(IpfixSinkTest, ANewSessionBeginsWithTemplatesAndAtZero) {
  Endpoint at;
  UniqueFd listener = Listen(SOCK_STREAM, at);
  OpenWith(std::make_unique<IpfixSink>(
      IpfixSink::Options{.collector = at, .tcp = true}, exported_));
  for (int session = 0; session < 2; ++session) {
    log_->Start(LogFlow(1));
    log_->Flush();
    const UniqueFd peer(accept(listener.get(), nullptr, nullptr));
    const timeval patience = {.tv_sec = 20};
    setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    EXPECT_THAT(SetsOf(ReadMessage(peer.get())), ElementsAre(2, 3));
    const std::string message = ReadMessage(peer.get());
    EXPECT_THAT(SetsOf(message), ElementsAre(256));
    EXPECT_EQ(SequenceOf(message), 0u) << session;
    if (session == 1) break;
    // The collector goes; records are sent until that shows.
    shutdown(peer.get(), SHUT_RDWR);
    const linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  }
}

// nfcapd, which others collect with, understands all of it.
class NfcapdTest : public IpfixSinkTest {
 protected:
  void SetUp() override {
    if (access("/usr/bin/nfcapd", X_OK) != 0)
      GTEST_SKIP() << "nfcapd is not installed";
    std::filesystem::create_directories(Path("nf"));
    {  // a free port
      const UniqueFd probe = Listen(SOCK_DGRAM, collector_);
    }
    const std::string port = absl::StrCat(collector_.port);
    const std::string folder = Path("nf");
    const std::array<const char*, 10> words = {
        "nfcapd", "-b",           "::1", "-p",   port.c_str(),
        "-w",     folder.c_str(), "-t",  "3600", nullptr};
    ASSERT_EQ(posix_spawn(&nfcapd_, "/usr/bin/nfcapd", nullptr, nullptr,
                          const_cast<char* const*>(words.data()), nullptr),
              0);
    AwaitListener();
  }
  void TearDown() override { Stop(); }
  void Stop() {
    if (nfcapd_ <= 0) return;
    kill(nfcapd_, SIGTERM);
    waitpid(nfcapd_, nullptr, 0);
    nfcapd_ = 0;
  }
  // A datagram to a port that nobody has is refused.
  void AwaitListener() {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    for (bool there = false; !there && absl::Now() < deadline;) {
      const UniqueFd fd(socket(AF_INET6, SOCK_DGRAM, 0));
      sockaddr_in6 to = {.sin6_family = AF_INET6,
                         .sin6_port = htons(collector_.port),
                         .sin6_addr = IN6ADDR_LOOPBACK_INIT};
      ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)),
                0);
      there = send(fd.get(), "", 0, 0) == 0 &&
              recv(fd.get(), nullptr, 0, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
  }
  // Bytes that the collector's socket holds still; proc(5), /proc/net/udp6.
  bool HasUnread() {
    const std::string port = absl::StrFormat(":%04X ", collector_.port);
    std::ifstream sockets("/proc/net/udp6");
    for (std::string line; std::getline(sockets, line);) {
      const size_t queues = line.find(':', line.find(port) + 40);
      if (line.find(port) < 45 && line.substr(queues + 1, 8) != "00000000")
        return true;
    }
    return false;
  }
  std::vector<nlohmann::json> Decoded() {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (HasUnread() && absl::Now() < deadline) {
    }
    Stop();
    FILE* pipe = popen(
        absl::StrCat("nfdump -R ", Path("nf"), " -o json 2>/dev/null").c_str(),
        "r");
    std::string text;
    char buffer[4096];
    while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe))
      text.append(buffer, got);
    pclose(pipe);
    const auto all = nlohmann::json::parse(text, nullptr, false);
    return all.is_array() ? all.get<std::vector<nlohmann::json>>()
                          : std::vector<nlohmann::json>();
  }
  Endpoint collector_;
  pid_t nfcapd_ = 0;
};

// What lives long is told in parts, which a collector adds up.
TEST_F(NfcapdTest, UpdatesAndEndAddUp) {
  OpenWith(std::make_unique<IpfixSink>(
      IpfixSink::Options{.collector = collector_}, exported_));
  log_->Start(LogFlow(7));
  FlowEnd flow = LogEnd(7);
  for (uint64_t part = 1; part <= 3; ++part) {
    flow.packets[0] = part;
    flow.bytes[0] = 100 * part;
    log_->Update(flow);
  }
  log_->End(flow);
  log_.reset();
  int packets = 0, bytes = 0;
  for (const auto& row : Decoded()) {
    packets += row["in_packets"].get<int>();
    bytes += row["in_bytes"].get<int>();
  }
  EXPECT_EQ(packets, 3);
  EXPECT_EQ(bytes, 300);
}

TEST_F(NfcapdTest, FlowsOfBothFamiliesWithTheirRewrite) {
  OpenWith(std::make_unique<IpfixSink>(
      IpfixSink::Options{.collector = collector_}, exported_));
  for (const Family family : {Family::kV4, Family::kV6})
    log_->End(LogEnd(1234, family));
  log_.reset();
  const std::vector<nlohmann::json> flows = Decoded();
  ASSERT_THAT(flows, SizeIs(2));
  for (const auto& flow : flows) {
    EXPECT_EQ(flow["proto"], 6);
    EXPECT_EQ(flow["src_port"], 1234);
    EXPECT_EQ(flow["src_xlt_port"], "40000");
    EXPECT_EQ(flow["dst_xlt_port"], "443");
    EXPECT_EQ(flow["in_packets"], 1234);
    EXPECT_EQ(flow["in_bytes"], 123400);
    EXPECT_EQ(flow["out_packets"], 2468);
    EXPECT_EQ(flow["out_bytes"], 1234000);
    EXPECT_EQ(flow["ingress_vrf"], "1001");
    EXPECT_EQ(flow["first"].get<std::string>().substr(11), "22:13:09.933");
    EXPECT_EQ(flow["last"].get<std::string>().substr(11), "22:13:20.000");
  }
  EXPECT_EQ(flows[0]["src4_addr"], "10.1.0.5");
  EXPECT_EQ(flows[0]["src4_xlt_ip"], "203.0.113.1");
  EXPECT_EQ(flows[1]["src6_addr"], "fd00:1::5");
  EXPECT_EQ(flows[1]["dst6_addr"], "2001:db8::10");
}

}  // namespace
}  // namespace rampart
