// SPDX-License-Identifier: Apache-2.0
// What the API tells about pools, ports and who had them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "tests/controller/api/fakes.h"

namespace rampart {
namespace {

using testing::HasSubstr;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

Resources Acme() {
  Tenant acme{.name = "acme"};
  acme.vnets = {{.name = "main", .vni = 1001, .is_default = true}};
  return {.file = "", .tenants = {acme}};
}

class NatApiTest : public testing::Test {
 protected:
  NatApiTest() : backend_({.edge = "edge-a"}, Acme()) {
    NatPoolConfig pool;
    pool.name = "default";
    pool.addresses = {Ip("203.0.113.1"), Ip("203.0.113.2")};
    pool.ports = {1024, 1024 + 4 * 64 - 1};
    pool.block_size = 64;
    nat_ = std::make_unique<NatAllocator>(std::vector<NatPoolConfig>{pool},
                                          backend_.clock(),
                                          [](uint32_t) { return 0; });
    backend_.fake_engine.allocator = nat_.get();
  }
  void Take(const char* inside, uint16_t ports, uint32_t realm = 1001) {
    for (uint16_t port = 1; port <= ports; ++port)
      EXPECT_TRUE(nat_->Acquire({.pool = "default",
                                 .subscriber = {realm, Ip(inside)},
                                 .protocol = 6,
                                 .inside_port = port,
                                 .remote = {Ip("198.51.100.1"), 443}})
                      .ok());
  }
  Json Get(const std::string& target, int status = 200) {
    auto [path, query] = ParseTarget(target).value();
    const ApiResponse response = MakeApi(backend_)(
        {.method = "GET", .path = path, .query = query, .body = {}, .uid = 0});
    EXPECT_EQ(response.status, status) << target << response.body;
    return Json::parse(response.body);
  }
  std::string Error(const std::string& target, int status) {
    return Get(target, status)["error"]["message"];
  }

  FakeBackend backend_;
  std::unique_ptr<NatAllocator> nat_;
};

TEST_F(NatApiTest, APoolTellsHowFullItIs) {
  Take("10.1.0.5", 65);
  Take("10.1.0.6", 1);
  const Json document = Get("/v1/nat/pools");
  EXPECT_EQ(document["schema"], "xdpctl/v1/nat-pools");
  Json pool = document["pools"][0];
  EXPECT_EQ(pool["addresses"].size(), 2u);
  EXPECT_EQ(pool["addresses"][0]["address"], "203.0.113.1");
  for (const char* field : {"addresses", "full_in_s", "fill"})
    pool.erase(field);
  EXPECT_EQ(pool.dump(),
            R"({"name":"default","blocks":8,"used":3,"resting":0,)"
            R"("subscribers":2,"mappings":{"tcp":66,"udp":0,"icmp":0},)"
            R"("granted":66,"refused":{"no_pool":0,"no_family":0,"quota":0,)"
            R"("rate":0,"no_block":0,"remote_taken":0,"no_log":0}})");
  EXPECT_EQ(document["pools"][0]["fill"], 0.375);
}

TEST_F(NatApiTest, RefusalsAreCountedByReason) {
  Take("10.1.0.5", 255);
  Take("10.1.0.5", 256);
  EXPECT_FALSE(nat_->Acquire({.pool = "default",
                              .subscriber = {1001, Ip("10.1.0.5")},
                              .protocol = 6,
                              .inside_port = 999,
                              .remote = {Ip("198.51.100.1"), 443}})
                   .ok());
  EXPECT_EQ(Get("/v1/nat/pools")["pools"][0]["refused"]["no_block"], 1);
}

TEST_F(NatApiTest, TheGreatestUsersOfPortsComeFirst) {
  Take("10.1.0.5", 3);
  Take("10.1.0.6", 70);
  Take("10.1.0.7", 5, 9999);
  const Json document = Get("/v1/nat/ports?top=2");
  EXPECT_EQ(document["matched"], 3);
  ASSERT_EQ(document["subscribers"].size(), 2u);
  Json first = document["subscribers"][0];
  first.erase("outside");
  EXPECT_EQ(first.dump(),
            R"({"tenant":"acme","vnet":"main","inside":"10.1.0.6",)"
            R"("pool":"default","blocks":2,"ports":70,)"
            R"("mappings":{"tcp":70,"udp":0,"icmp":0}})");
  EXPECT_EQ(document["subscribers"][1]["inside"], "10.1.0.7");
  EXPECT_EQ(document["subscribers"][1]["tenant"], "") << "a vnet that is gone";
  EXPECT_EQ(Get("/v1/nat/ports")["subscribers"].size(), 3u);
  for (const char* top : {"0", "1001", "many", "-1"})
    EXPECT_THAT(Error(absl::StrCat("/v1/nat/ports?top=", top), 400),
                HasSubstr("from 1 to 1000"));
}

TEST(NatApiWithoutPoolsTest, ThereIsNothingToTell) {
  FakeBackend backend({.edge = "edge-a"}, Acme());
  EXPECT_TRUE(GetNatPools(backend).value()["pools"].empty());
  EXPECT_TRUE(GetNatPorts(backend, {}).value()["subscribers"].empty());
  EXPECT_EQ(GetNatWhois(backend, {{"address", "192.0.2.1"}, {"port", "1"}})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

class NatWhoisTest : public NatApiTest {
 protected:
  NatWhoisTest()
      : folder_(absl::StrCat(testing::TempDir(), "/nat_api_test-", getpid())) {
    std::filesystem::create_directories(folder_);
    log_ = BlockLog::Open({.path = folder_ / "nat.db"}).value();
    backend_.log = log_.get();
    NatBlock block = {.tenant = "acme",
                      .vnet = "main",
                      .vni = 1001,
                      .inside = Ip("10.1.0.5"),
                      .pool = "default",
                      .outside = Ip("2001:db8::1"),
                      .first = 1024,
                      .last = 1535};
    Append({true, absl::FromUnixSeconds(1000), block});
    Append({false, absl::FromUnixMillis(2000500), block});
    block.inside = Ip("fd00::6");
    Append({true, absl::FromUnixSeconds(3000), block});
  }
  ~NatWhoisTest() override {
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Append(BlockRecord record) {
    const uint64_t number = log_->Append(std::move(record)).value();
    while (log_->Committed() < number) {
      pollfd poll_fd = {.fd = log_->fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&poll_fd, 1, 10000), 1);
    }
  }

  std::filesystem::path folder_;
  std::unique_ptr<BlockLog> log_;
};

constexpr char kPort[] = "/v1/nat/whois?address=2001:db8::1&port=1100";

TEST_F(NatWhoisTest, WhoisTellsWhoHadAPortThen) {
  const Json document =
      Get(absl::StrCat(kPort, "&time=1970-01-01T00:33:20.25Z"));
  EXPECT_EQ(document.dump(),
            R"({"schema":"xdpctl/v1/nat-whois","address":"2001:db8::1",)"
            R"("port":1100,"from":"1970-01-01T00:33:20.25+00:00",)"
            R"("to":"1970-01-01T00:33:20.25+00:00","owners":[)"
            R"({"tenant":"acme","vnet":"main","vni":1001,)"
            R"("inside":"10.1.0.5","pool":"default","first_port":1024,)"
            R"("last_port":1535,"granted":"1970-01-01T00:16:40+00:00",)"
            R"("released":"1970-01-01T00:33:20.5+00:00"}]})");
}

TEST_F(NatWhoisTest, WithoutATimeItIsNow) {
  const Json owners = Get(kPort)["owners"];
  ASSERT_EQ(owners.size(), 1u);
  EXPECT_EQ(owners[0]["inside"], "fd00::6");
  EXPECT_TRUE(owners[0]["released"].is_null());
}

TEST_F(NatWhoisTest, AWholeSecondIsAllOfIt) {
  // 00:33:20.5 in another zone: the release was in the middle of that second.
  EXPECT_EQ(
      Get(absl::StrCat(
          kPort, "&time=1970-01-01T02:33:20%2B02:00"))["owners"][0]["inside"],
      "10.1.0.5");
  Error(absl::StrCat(kPort, "&time=1970-01-01T00:33:20.6Z"), 404);
}

TEST_F(NatWhoisTest, WhoisSaysWhyItHasNoAnswer) {
  EXPECT_EQ(Error(absl::StrCat(kPort, "&time=1970-01-01T00:40:00Z"), 404),
            "NAT log: nobody had port 1100 of 2001:db8::1 at "
            "1970-01-01T00:40:00+00:00");
  EXPECT_THAT(Error(absl::StrCat(kPort, "&time=yesterday"), 400),
              HasSubstr("RFC 3339"));
  Error("/v1/nat/whois?address=203.0.113&port=1", 400);
  Error("/v1/nat/whois?address=203.0.113.1", 400);
  Error("/v1/nat/whois?address=203.0.113.1&port=65536", 400);
  Error("/v1/nat/whois?address=203.0.113.1&port=0", 400);
}

TEST_F(NatWhoisTest, StatusSaysThatTheLogCannotBeWritten) {
  EXPECT_TRUE(GetStatus(backend_).value()["degraded"].empty());
  EXPECT_TRUE(Sqlite::Open(folder_ / "nat.db")
                  .value()
                  .Run("ALTER TABLE blocks RENAME TO hidden")
                  .ok());
  NatBlock block = {.inside = Ip("10.1.0.5"), .outside = Ip("192.0.2.1")};
  ASSERT_TRUE(log_->Append(BlockRecord{true, absl::Now(), block}).ok());
  pollfd poll_fd = {.fd = log_->fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&poll_fd, 1, 10000), 1);
  EXPECT_THAT(GetStatus(backend_).value()["degraded"].dump(),
              HasSubstr("no such table"));
}

}  // namespace
}  // namespace rampart
