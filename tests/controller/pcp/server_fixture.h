// SPDX-License-Identifier: Apache-2.0
// A PCP server with its allocator, asked as subscribers ask it.
#ifndef RAMPART_TESTS_CONTROLLER_PCP_SERVER_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_PCP_SERVER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <random>
#include <string>

#include "controller/pcp/server.h"
#include "controller/pcp/wire.h"

namespace rampart {

using Bytes = std::vector<uint8_t>;
using testing::IsEmpty;
using testing::SizeIs;

inline constexpr uint32_t kForEver = 0xffffffff;

inline IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

class TestClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return absl::FromUnixSeconds(1000000); }
  uint32_t tick = 4294967000;  // wraps soon
};

struct MapAsk {
  std::string_view source = "10.1.0.5";
  uint16_t port = 8080;
  uint32_t lifetime = 3600;
  uint8_t protocol = IPPROTO_TCP;
  Endpoint suggested = {};
  uint8_t nonce = 1;  // its first byte
  bool prefer_failure = false;
  Endpoint remote = {};  // set: PEER
};

inline Bytes Encode(const MapAsk& ask) {
  const bool peer = ask.remote != Endpoint();
  Bytes payload = {2, static_cast<uint8_t>(peer ? 2 : 1), 0, 0};
  Add32(payload, ask.lifetime);
  AddAddress(payload, Ip(ask.source));
  payload.push_back(ask.nonce);
  payload.resize(36);
  payload.insert(payload.end(), {ask.protocol, 0, 0, 0});
  Add16(payload, ask.port);
  Add16(payload, ask.suggested.port);
  AddAddress(payload, ask.suggested.address);
  if (peer) {
    Add32(payload, uint32_t{ask.remote.port} << 16);
    AddAddress(payload, ask.remote.address);
  }
  if (ask.prefer_failure) payload.insert(payload.end(), {2, 0, 0, 0});
  return payload;
}

struct Answer {
  PcpResult result;
  uint32_t lifetime;
  uint32_t epoch;
  Endpoint outside;
};

inline Answer Decode(const Bytes& payload) {
  EXPECT_GE(payload.size(), 60u);
  return {PcpResult{payload[3]},
          Read32(payload, 4),
          Read32(payload, 8),
          {ReadAddress(payload, 44), Read16(payload, 42)}};
}

inline NatPoolConfig Pool(PortRange ports = {1024, 65535}) {
  NatPoolConfig pool;
  pool.name = "default";
  pool.addresses = {Ip("203.0.113.1"), Ip("2001:db8::1")};
  pool.ports = ports;
  pool.block_size = 64;
  pool.pcp = true;
  return pool;
}

class PcpServerTest : public testing::Test {
 protected:
  PcpServerTest() { Start(Pool()); }

  void Start(const NatPoolConfig& pool, PcpLimits limits = {}) {
    server_.reset();
    mappings_.reset();
    nat_ = std::make_unique<NatAllocator>(
        std::vector<NatPoolConfig>{pool}, clock_,
        [this](uint32_t bound) { return random_() % bound; });
    mappings_ = std::make_unique<PcpMappings>(
        *nat_, clock_,
        [this](const ExplicitMapping& mapping, bool kept) {
          return Keep(mapping, kept);
        },
        limits);
    server_ = std::make_unique<PcpServer>(
        *nat_, *mappings_, [this](const PcpClient&, const Bytes& payload) {
          answers_.push_back(payload);
        });
    durable_ = 0;
    records_ = 0;
  }
  uint64_t Keep(const ExplicitMapping& mapping, bool kept) {
    if (log_full_ && kept) return 0;
    std::erase_if(kept_, [&](const ExplicitMapping& other) {
      return other.subscriber == mapping.subscriber &&
             other.protocol == mapping.protocol &&
             other.inside_port == mapping.inside_port &&
             other.remote == mapping.remote;
    });
    if (kept) kept_.push_back(mapping);
    return ++records_;
  }
  // Makes all records durable.
  void Commit() {
    nat_->Logged(records_);
    server_->Logged(records_);
  }

  static PcpClient Client(std::string_view source) {
    return {.subscriber = {1001, Ip(source)},
            .port = 4000,
            .server =
                Ip(source.find(':') == source.npos ? "10.1.255.1" : "fd00::1"),
            .pool = "default"};
  }
  // What is answered after the records are durable.
  Bytes Exchange(const PcpClient& client, const Bytes& payload) {
    answers_.clear();
    server_->Receive(client, payload);
    Commit();
    EXPECT_THAT(answers_, SizeIs(1));
    return answers_.empty() ? Bytes(60) : answers_[0];
  }
  Answer Do(const MapAsk& ask) {
    return Decode(Exchange(Client(ask.source), Encode(ask)));
  }
  Bytes NatPmp(const Bytes& payload) {
    return Exchange(Client("10.1.0.5"), payload);
  }
  // Who gets a packet from a stranger at this external endpoint.
  std::optional<Endpoint> Reach(const Endpoint& outside,
                                uint8_t protocol = IPPROTO_TCP) {
    const IpAddress stranger =
        Ip(outside.address.is_v4() ? "198.51.100.7" : "2001:db8:7::7");
    const auto inside = nat_->FindInside(protocol, outside, {stranger, 999});
    if (!inside || !inside->admits) return std::nullopt;
    return Endpoint{inside->subscriber.address, inside->port};
  }
  int CountSessions() const {
    int sessions = 0;
    nat_->ForEach([&](const NatSession&) { ++sessions; });
    return sessions;
  }
  void Pass(absl::Duration time) {
    clock_.tick += ToTicks(time);
    mappings_->Expire();
  }

  TestClock clock_;
  std::mt19937 random_{1};
  std::unique_ptr<NatAllocator> nat_;
  std::unique_ptr<PcpMappings> mappings_;
  std::unique_ptr<PcpServer> server_;
  std::vector<Bytes> answers_;
  std::vector<ExplicitMapping> kept_;
  uint64_t records_ = 0;
  uint64_t durable_ = 0;
  bool log_full_ = false;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_PCP_SERVER_FIXTURE_H_
