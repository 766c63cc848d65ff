// SPDX-License-Identifier: Apache-2.0
// The engine with a NAT log: packets that wait for a record, requests for
// mappings, restarts.
#include "controller/flow/port_control.h"

#include <poll.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "controller/flow/icmp.h"
#include "controller/pcp/wire.h"
#include "maps/realm.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PortControlTest : public EngineTest {
 protected:
  PortControlTest()
      : folder_(
            absl::StrCat(testing::TempDir(), "/port_control_test-", getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~PortControlTest() override {
    engine.reset();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  void SetUp() override {
    OpenLog();
    EngineTest::SetUp();
    if (!IsSkipped()) Restart();
  }

  void OpenLog() {
    log_.reset();
    log_ = BlockLog::Open({.path = folder_ / "nat.db"}).value();
    block_log = log_.get();
  }
  // Another run over the same maps and the same log.
  void Restart(bool pcp = true) {
    engine.reset();
    OpenLog();
    EdgeConfig config = LabEdge();
    config.pools[0].pcp = pcp;
    StartEngine(config);
  }
  // Waits for the log, and tells the engine.
  void Logged() {
    pollfd poll_fd = {.fd = log_->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&poll_fd, 1, 10000), 1) << "nothing in 10 s";
    engine->OnLogged();
  }
  void AwaitSent() {
    while (plane->sent.empty()) ASSERT_NO_FATAL_FAILURE(Logged());
  }

  Bytes MapRequest(uint8_t nonce = 1) const {
    Bytes payload = {2, 1, 0, 0, 0, 0, 14, 16};  // 3600 s
    AddAddress(payload, net.fra);
    payload.push_back(nonce);
    payload.resize(36);
    payload.insert(payload.end(), {IPPROTO_UDP, 0, 0, 0, 0x1f, 0x90});
    payload.resize(60);
    return payload;
  }
  void Ask(const Bytes& payload, uint32_t tunnel = kFra) {
    rp_punt punt = {};
    punt.reason = RP_PUNT_MISS;
    punt.realm = kVnet;
    punt.tunnel = tunnel;
    PuntBytes(punt, BuildUdp({net.fra, 4000}, {net.router, kPcpPort}, payload));
  }
  // The payload of the only packet sent, which is an answer to Ask().
  Bytes Answer() {
    AwaitSent();
    EXPECT_THAT(plane->sent, SizeIs(1));
    const Bytes& bytes = plane->sent[0].packet;
    const Packet packet = ParsePacket(0, bytes).value();
    EXPECT_EQ(packet.tuple.source, (Endpoint{net.router, kPcpPort}));
    EXPECT_EQ(packet.tuple.destination, (Endpoint{net.fra, 4000}));
    EXPECT_EQ(NextHop(plane->sent[0].next_hop).tunnel, kFra);
    const Bytes payload(bytes.begin() + packet.l4 + 8, bytes.end());
    plane->sent.clear();
    return payload;
  }
  static Endpoint OutsideOf(const Bytes& answer) {
    EXPECT_EQ(answer.size(), 60u);
    EXPECT_EQ(answer[3], 0) << "result";
    return {ReadAddress(answer, 44), Read16(answer, 42)};
  }
  std::vector<Endpoint> OpenPorts() const {
    std::vector<Endpoint> open;
    engine->nat()->ForEach([&](const NatSession& session) {
      if (session.is_open) open.push_back(session.outside);
    });
    return open;
  }

  const std::filesystem::path folder_;
  std::unique_ptr<BlockLog> log_;
};
RP_BOTH_FAMILIES(PortControlTest);

TEST_P(PortControlTest, AFirstPacketWaitsForTheRecordOfItsBlock) {
  Punt(Udp(net.fra, net.internet));
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_EQ(Entries(), 0u);
  Logged();
  EXPECT_THAT(plane->injected, SizeIs(1));
  EXPECT_THAT(AllDrops(), IsEmpty());
  const std::vector<BlockTenure> open = log_->OpenBlocks().value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].block.tenant, "acme");
  EXPECT_EQ(open[0].block.vnet, "frankfurt");
  EXPECT_EQ(open[0].block.vni, kVnet);
  EXPECT_EQ(open[0].block.inside, net.fra);
  EXPECT_EQ(open[0].block.outside, net.nat);
}

TEST_P(PortControlTest, AfterARestartABlockIsItsSubscribersStill) {
  Punt(Udp(net.fra, net.internet));
  Logged();
  const NatBlock before = log_->OpenBlocks().value()[0].block;
  Restart();
  Punt(Udp(net.fra, net.internet2, 777));
  ASSERT_THAT(plane->injected, SizeIs(1)) << "no further record is needed";
  engine->nat()->ForEach([&](const NatSession& session) {
    EXPECT_GE(session.outside.port, before.first);
    EXPECT_LE(session.outside.port, before.last);
  });
  EXPECT_THAT(log_->OpenBlocks().value(), SizeIs(1));
}

TEST_P(PortControlTest, AMappingIsMadeForWhoAsksTheRouter) {
  Ask(MapRequest());
  EXPECT_THAT(plane->sent, IsEmpty()) << "not on record yet";
  const Endpoint outside = OutsideOf(Answer());
  EXPECT_EQ(outside.address, net.nat);
  EXPECT_THAT(OpenPorts(), ElementsAre(outside));
  EXPECT_THAT(AllDrops(), IsEmpty());
  EXPECT_EQ(Entries(), 0u) << "no flow";
}

TEST_P(PortControlTest, AMappingOutlivesTheController) {
  Ask(MapRequest());
  const Endpoint outside = OutsideOf(Answer());
  Restart();
  EXPECT_THAT(OpenPorts(), ElementsAre(outside));
  Ask(MapRequest());
  EXPECT_EQ(OutsideOf(Answer()), outside);
  Ask(MapRequest(/*nonce=*/2));
  EXPECT_EQ(Answer()[3], 2) << "not authorized";
}

TEST_P(PortControlTest, AMappingEndsWithItsTimeAndWithItsVnet) {
  Ask(MapRequest());
  Answer();
  Pass(absl::Seconds(3599));
  EXPECT_THAT(OpenPorts(), SizeIs(1));
  Pass(absl::Seconds(2));
  EXPECT_THAT(OpenPorts(), IsEmpty());
  Ask(MapRequest());
  Answer();
  Apply(Resources(), 2);
  EXPECT_THAT(OpenPorts(), IsEmpty());
}

TEST_P(PortControlTest, APoolIsAskedOnlyIfItAllowsThat) {
  Restart(/*pcp=*/false);
  Ask(MapRequest());
  EXPECT_EQ(Answer()[3], 2) << "not authorized";
}

TEST_P(PortControlTest, WhoIsNotBehindTheTunnelIsNotHeard) {
  Ask(MapRequest(), kTwo);
  EXPECT_THAT(AllDrops(), ElementsAre(testing::Pair(int{RP_DROP_SPOOFED}, 1)));
  EXPECT_THAT(OpenPorts(), IsEmpty());
}

TEST_P(PortControlTest, AVnetIsHeardAHundredTimesASecond) {
  Ask(MapRequest());
  Answer();  // now there is a block
  Pass(absl::Seconds(1));
  for (uint8_t port = 1; port <= 100; ++port) {
    Bytes request = MapRequest();
    request[41] = port;  // inside
    Ask(request);
  }
  EXPECT_THAT(OpenPorts(), SizeIs(1 + 50));
}

TEST_P(PortControlTest, ADamagedDatagramIsNotRead) {
  const Bytes good =
      BuildUdp({net.fra, 4000}, {net.router, kPcpPort}, MapRequest());
  const size_t udp = net.family == Family::kV4 ? 20 : 40;
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  punt.realm = kVnet;
  punt.tunnel = kFra;
  for (const size_t at : {udp + 4, udp + 5, udp + 6, udp + 8 + 50}) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    PuntBytes(punt, bad);
  }
  Bytes unsummed = good;
  unsummed[udp + 6] = unsummed[udp + 7] = 0;
  if (net.family == Family::kV6) PuntBytes(punt, unsummed);
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_THAT(log_->OpenBlocks().value(), IsEmpty());
  if (net.family == Family::kV4) {  // RFC 768: there was none
    PuntBytes(punt, unsummed);
    EXPECT_EQ(Answer()[3], 0);
  }
}

// Against libtins, which knows nothing of this code.
TEST_P(PortControlTest, ADatagramIsBuiltAsOthersBuildIt) {
  for (const size_t size : {0, 1, 60, 61}) {
    PacketSpec spec = Udp(net.fra, net.router);
    spec.payload = size;
    const Bytes expected = BuildPacket(spec);
    const size_t udp = ParsePacket(0, expected).value().l4;
    const Bytes payload(expected.begin() + udp + 8, expected.end());
    const Bytes built = BuildUdp({spec.source, spec.sport},
                                 {spec.destination, spec.dport}, payload);
    EXPECT_EQ(Bytes(built.begin() + udp, built.end()),
              Bytes(expected.begin() + udp, expected.end()));
    EXPECT_EQ(ParsePacket(0, built).value().tuple,
              ParsePacket(0, expected).value().tuple);
  }
}

}  // namespace
}  // namespace rampart
