// SPDX-License-Identifier: Apache-2.0
// The underlay of a namespace of the test's own, with a router in another.
#include "controller/netlink/underlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <optional>
#include <set>

#include "tests/controller/netlink/network_namespace.h"

namespace rampart {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

// eth0 192.0.2.2/24 2001:db8::2/64 here; r0 .1 and ::1 at the router.
class UnderlayTest : public testing::Test {
 protected:
  void SetUp() override {
    router_.emplace();
    here_.emplace();
    if (!here_->ok()) GTEST_SKIP() << "NEEDS ROOT: makes network namespaces";
    Shell("ip link add eth0 type veth peer name r0");
    Shell("ip link set r0 address 02:00:00:00:00:01 netns " + router_->path());
    Shell(
        "ip link set eth0 up && ip address add 192.0.2.2/24 dev eth0 && "
        "ip address add 2001:db8::2/64 dev eth0 nodad");
    router_->In([] {
      Shell(
          "ip link set r0 up && ip address add 192.0.2.1/24 dev r0 && "
          "ip address add 2001:db8::1/64 dev r0 nodad");
    });
    ASSERT_TRUE(Eventually([] {  // carrier, and link-local addresses
      return std::system("ip link show eth0 | grep -q LOWER_UP") == 0;
    }));
    Open();
  }

  void Open() {
    auto opened = OpenUnderlay();
    ASSERT_TRUE(opened.ok()) << opened.status();
    underlay_ = *std::move(opened);
    eth0_ = underlay_->FindLink("eth0")->ifindex;
    underlay_->SetListener(
        {.on_link = [this](uint32_t i) { links_.insert(i); },
         .on_address = [this](uint32_t i) { addresses_.insert(i); },
         .on_route = [this] { ++routes_; },
         .on_neighbour =
             [this](uint32_t i, const IpAddress& a) {
               neighbours_.insert({i, a});
             }});
  }
  bool Readable() const {
    pollfd waiting = {.fd = underlay_->fd(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }
  // Processes what comes until `condition` holds.
  bool Follow(const std::function<bool()>& condition) const {
    return Eventually([&] {
      EXPECT_TRUE(underlay_->Process().ok());
      return condition();
    });
  }
  // Processes all that is known by now and forgets that it was told.
  void Settle() {
    EXPECT_TRUE(underlay_->Process().ok());
    links_.clear();
    addresses_.clear();
    neighbours_.clear();
    routes_ = 0;
  }

  // In this order, so that the thread ends where it began.
  std::optional<NetworkNamespace> router_;
  std::optional<NetworkNamespace> here_;
  std::unique_ptr<Underlay> underlay_;
  uint32_t eth0_ = 0;
  std::set<uint32_t> links_, addresses_;
  std::set<std::pair<uint32_t, IpAddress>> neighbours_;
  int routes_ = 0;

  void TearDown() override {
    underlay_.reset();
    here_.reset();
    router_.reset();
  }
};

TEST_F(UnderlayTest, TellsAboutLinks) {
  Shell("ip tuntap add tun0 mode tun");
  Open();
  const Link eth0 = *underlay_->FindLink("eth0");
  EXPECT_EQ(eth0.mtu, 1500u);
  EXPECT_TRUE(eth0.up);
  EXPECT_TRUE(eth0.ethernet);
  EXPECT_NE(eth0.mac, MacAddress{});
  EXPECT_EQ(underlay_->FindLink(eth0.ifindex)->name, "eth0");
  const Link tun0 = *underlay_->FindLink("tun0");
  EXPECT_FALSE(tun0.ethernet);
  EXPECT_FALSE(tun0.up);
  EXPECT_EQ(underlay_->FindLink("eth7"), std::nullopt);
  EXPECT_EQ(underlay_->FindLink(9999), std::nullopt);
}

TEST_F(UnderlayTest, FollowsLinks) {
  Settle();
  Shell("ip link set eth0 mtu 1400");
  EXPECT_TRUE(Follow([&] { return links_.contains(eth0_); }));
  EXPECT_EQ(underlay_->FindLink("eth0")->mtu, 1400u);
  Settle();
  router_->In([] { Shell("ip link set r0 down"); });
  EXPECT_TRUE(Follow([&] { return !underlay_->FindLink("eth0")->up; }));
  EXPECT_TRUE(links_.contains(eth0_));
  EXPECT_GT(routes_, 0) << "routes go silently with the carrier";
  Settle();
  Shell("ip link del eth0");
  EXPECT_TRUE(Follow([&] { return !underlay_->FindLink("eth0"); }));
  EXPECT_TRUE(links_.contains(eth0_));
}

TEST_F(UnderlayTest, FollowsAddressesPrimaryOnesFirst) {
  EXPECT_THAT(underlay_->Addresses(eth0_), Contains(Ip("192.0.2.2")));
  EXPECT_THAT(underlay_->Addresses(eth0_), Contains(Ip("2001:db8::2")));
  Settle();
  Shell(
      "ip address add 192.0.2.3/24 dev eth0 && "
      "ip address add 198.51.100.1/32 dev eth0 && "
      "ip -6 address flush dev eth0");
  EXPECT_TRUE(Follow([&] {
    return underlay_->Addresses(eth0_) ==
           std::vector{Ip("192.0.2.2"), Ip("198.51.100.1"), Ip("192.0.2.3")};
  }));
  EXPECT_THAT(addresses_, ElementsAre(eth0_));
  Shell("ip address del 198.51.100.1/32 dev eth0");
  EXPECT_TRUE(Follow([&] { return underlay_->Addresses(eth0_).size() == 2; }));
  EXPECT_THAT(underlay_->Addresses(9999), IsEmpty());
}

TEST_F(UnderlayTest, FindsTheWayToADestination) {
  Shell(
      "ip route add default via 192.0.2.1 && "
      "ip route add 203.0.113.0/24 via inet6 2001:db8::1 dev eth0 && "
      "ip route add 198.18.0.0/15 via 192.0.2.1 mtu 1280 src 192.0.2.2 && "
      "ip -6 route add default via 2001:db8::1");
  const struct {
    const char* destination;
    const char* gateway;  // nullptr: on-link
    const char* source;
    uint32_t mtu;
  } cases[] = {
      {"192.0.2.77", nullptr, "192.0.2.2", 1500},
      {"8.8.8.8", "192.0.2.1", "192.0.2.2", 1500},
      {"198.18.5.5", "192.0.2.1", "192.0.2.2", 1280},
      {"203.0.113.9", "2001:db8::1", "192.0.2.2", 1500},  // RFC 8950
      {"2001:db8::77", nullptr, "2001:db8::2", 1500},
      {"2001:4860::1", "2001:db8::1", "2001:db8::2", 1500},
  };
  for (const auto& c : cases) {
    const auto route = underlay_->Route(Ip(c.destination));
    ASSERT_TRUE(route.ok()) << c.destination << ": " << route.status();
    EXPECT_EQ(route->ifindex, eth0_) << c.destination;
    EXPECT_EQ(route->gateway,
              c.gateway ? std::optional(Ip(c.gateway)) : std::nullopt)
        << c.destination;
    EXPECT_EQ(route->source, Ip(c.source)) << c.destination;
    EXPECT_EQ(route->mtu, c.mtu) << c.destination;
  }
}

TEST_F(UnderlayTest, FindsNoWayWhereThereIsNone) {
  Shell(
      "ip route add blackhole 203.0.113.0/25 && "
      "ip route add unreachable 203.0.113.128/25 && "
      "ip -6 route add prohibit 2001:db8:dead::/48");
  for (const char* destination :
       {"8.8.8.8", "203.0.113.1", "203.0.113.129", "192.0.2.2", "192.0.2.255",
        "224.0.0.5", "127.0.0.1", "2001:4860::1", "2001:db8:dead::1",
        "2001:db8::2"}) {
    const auto route = underlay_->Route(Ip(destination));
    EXPECT_TRUE(absl::IsNotFound(route.status())) << destination;
    EXPECT_THAT(route.status().ToString(), HasSubstr(destination));
  }
}

TEST_F(UnderlayTest, NoticesAChangedDefaultRoute) {
  Shell("ip route add default via 192.0.2.1");
  Settle();
  Shell("ip route replace default via 192.0.2.9");
  EXPECT_TRUE(Follow([&] { return routes_ > 0; }));
  EXPECT_EQ(underlay_->Route(Ip("8.8.8.8"))->gateway, Ip("192.0.2.9"));
  Settle();
  EXPECT_FALSE(Readable());
  EXPECT_TRUE(underlay_->Process().ok());
  EXPECT_EQ(routes_, 0);
  Shell("ip -6 route add default via 2001:db8::1");
  EXPECT_TRUE(Follow([&] { return routes_ > 0; }));
}

TEST_F(UnderlayTest, AManagedNeighbourIsResolvedAndItsNewMacNoticed) {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    const IpAddress router = Ip(text);
    EXPECT_EQ(underlay_->Neighbour(eth0_, router), std::nullopt);
    ASSERT_TRUE(underlay_->Manage(eth0_, router).ok());
    ASSERT_TRUE(underlay_->Manage(eth0_, router).ok()) << "idempotent";
    const MacAddress before = {2, 0, 0, 0, 0, 1};
    EXPECT_TRUE(
        Follow([&] { return underlay_->Neighbour(eth0_, router) == before; }));
    EXPECT_THAT(neighbours_, Contains(std::pair(eth0_, router)));
    Shell(std::string("ip neighbour show ") + text + " | grep -q managed");
  }
  Settle();
  router_->In([] {
    Shell(
        "ip link set r0 address 02:00:00:00:00:02 && ip neighbour flush all "
        "&& ping -q -c 1 192.0.2.2 >/dev/null");  // asks, and so tells
  });
  const MacAddress after = {2, 0, 0, 0, 0, 2};
  EXPECT_TRUE(Follow(
      [&] { return underlay_->Neighbour(eth0_, Ip("192.0.2.1")) == after; }));
  EXPECT_THAT(neighbours_, Contains(std::pair(eth0_, Ip("192.0.2.1"))));
}

TEST_F(UnderlayTest, AnUnmanagedNeighbourIsOrdinaryAgain) {
  const IpAddress router = Ip("192.0.2.1");
  ASSERT_TRUE(underlay_->Manage(eth0_, router).ok());
  EXPECT_TRUE(
      Follow([&] { return underlay_->Neighbour(eth0_, router).has_value(); }));
  ASSERT_TRUE(underlay_->Unmanage(eth0_, router).ok());
  Shell("ip neighbour show 192.0.2.1 | grep -q lladdr");
  Shell("! ip neighbour show 192.0.2.1 | grep -q managed");
  EXPECT_TRUE(underlay_->Unmanage(eth0_, router).ok());
}

TEST_F(UnderlayTest, ManagedNeighboursComeBackWithTheirLink) {
  const IpAddress router = Ip("192.0.2.1");
  ASSERT_TRUE(underlay_->Manage(eth0_, router).ok());
  EXPECT_TRUE(
      Follow([&] { return underlay_->Neighbour(eth0_, router).has_value(); }));
  Shell("ip link set eth0 down");
  EXPECT_TRUE(Follow([&] { return !underlay_->Neighbour(eth0_, router); }));
  Shell("ip link set eth0 up");
  EXPECT_TRUE(
      Follow([&] { return underlay_->Neighbour(eth0_, router).has_value(); }));
  Shell("ip neighbour show 192.0.2.1 | grep -q managed");
}

TEST_F(UnderlayTest, ANeighbourSetByHandIsLeftAlone) {
  Shell("ip neighbour add 192.0.2.50 lladdr 02:00:00:00:00:50 dev eth0");
  const IpAddress fixed = Ip("192.0.2.50");
  const MacAddress mac = {2, 0, 0, 0, 0, 0x50};
  EXPECT_TRUE(
      Follow([&] { return underlay_->Neighbour(eth0_, fixed) == mac; }));
  ASSERT_TRUE(underlay_->Manage(eth0_, fixed).ok());
  ASSERT_TRUE(underlay_->Unmanage(eth0_, fixed).ok());
  Shell("ip neighbour show 192.0.2.50 | grep -q PERMANENT");
}

TEST_F(UnderlayTest, ReloadsWhatItMissed) {
  Settle();
  // More than the socket holds, then changes that are lost.
  Shell(
      "seq 1 30000 | sed 's/.*/neighbour replace 192.0.2.99 lladdr "
      "02:00:00:00:00:99 dev eth0 nud stale\\nneighbour del 192.0.2.99 dev "
      "eth0/' | ip -batch - && ip link set eth0 mtu 1300 && "
      "ip address add 192.0.2.44/24 dev eth0");
  EXPECT_TRUE(underlay_->Process().ok());
  EXPECT_EQ(underlay_->FindLink("eth0")->mtu, 1300u);
  EXPECT_THAT(underlay_->Addresses(eth0_), Contains(Ip("192.0.2.44")));
  EXPECT_TRUE(links_.contains(eth0_));
  EXPECT_TRUE(addresses_.contains(eth0_));
  EXPECT_GT(routes_, 0);
}

}  // namespace
}  // namespace rampart
