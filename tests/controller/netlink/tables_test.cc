// SPDX-License-Identifier: Apache-2.0
// What rtnetlink messages mean, from bytes: also kinds of links that the
// testing kernel cannot make.
#include "controller/netlink/tables.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Bytes = std::vector<uint8_t>;

template <typename T>
Bytes BytesOf(const T& value) {
  Bytes bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

Bytes TextBytes(const std::string& text) {
  Bytes bytes(text.begin(), text.end());
  bytes.push_back(0);
  return bytes;
}

// One attribute: length, type, value, padding to 4.
Bytes Attribute(uint16_t type, const Bytes& value) {
  rtattr header = {};
  header.rta_len = static_cast<uint16_t>(sizeof(header) + value.size());
  header.rta_type = type;
  Bytes bytes((header.rta_len + size_t{3}) & ~size_t{3});
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::copy(value.begin(), value.end(), bytes.begin() + sizeof(header));
  return bytes;
}

Bytes Join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

class TablesTest : public testing::Test {
 protected:
  UnderlayChanges Apply(uint16_t type, const Bytes& payload) {
    UnderlayChanges changes;
    tables_.Apply({type, payload}, changes);
    return changes;
  }
  static Bytes LinkHeader(int32_t index, uint16_t type, uint32_t flags) {
    ifinfomsg header = {};
    header.ifi_index = index;
    header.ifi_type = type;
    header.ifi_flags = flags;
    return BytesOf(header);
  }
  static Bytes NeighbourMessage(uint16_t state, uint8_t flags, uint8_t last) {
    ndmsg header = {};
    header.ndm_family = AF_INET;
    header.ndm_ifindex = 7;
    header.ndm_state = state;
    header.ndm_flags = flags;
    return Join({BytesOf(header),
                 Attribute(NDA_DST, BytesOf(inet_addr("192.0.2.1"))),
                 Attribute(NDA_LLADDR, {2, 0, 0, 0, 0, last})});
  }

  UnderlayTables tables_;
};

constexpr uint32_t kUpWithCarrier = 0x10001;
const NeighbourKey kNeighbour(7, *IpAddress::Parse("192.0.2.1"));

TEST_F(TablesTest, ReadsAVlanDevice) {
  const Bytes data =
      Join({Attribute(IFLA_VLAN_ID, BytesOf(uint16_t{100})),
            Attribute(IFLA_VLAN_PROTOCOL, BytesOf(htons(uint16_t{0x88a8})))});
  const Bytes info = Join({Attribute(IFLA_INFO_KIND, TextBytes("vlan")),
                           Attribute(IFLA_INFO_DATA, data)});
  Apply(RTM_NEWLINK, Join({LinkHeader(9, 1, kUpWithCarrier),
                           Attribute(IFLA_IFNAME, TextBytes("eth0.100")),
                           Attribute(IFLA_MTU, BytesOf(uint32_t{1496})),
                           Attribute(IFLA_ADDRESS, {2, 0, 0, 0, 0, 1}),
                           Attribute(IFLA_LINK, BytesOf(uint32_t{3})),
                           Attribute(IFLA_LINKINFO, info)}));
  Link want;
  want.ifindex = 9;
  want.name = "eth0.100";
  want.mac = {2, 0, 0, 0, 0, 1};
  want.mtu = 1496;
  want.up = true;
  want.parent = 3;
  want.vlan_id = 100;
  want.vlan_proto = 0x88a8;
  EXPECT_EQ(tables_.links().at(9), want);
}

TEST_F(TablesTest, ALinkIsUpOnlyWithCarrier) {
  const struct {
    uint32_t flags;
    bool up;
  } cases[] = {{0, false}, {1, false}, {0x10000, false}, {0x10001, true}};
  for (const auto& c : cases) {
    Apply(RTM_NEWLINK, LinkHeader(3, 1, c.flags));
    EXPECT_EQ(tables_.links().at(3).up, c.up) << c.flags;
  }
}

TEST_F(TablesTest, KnowsLinksWithoutLinkHeaderByTheirType) {
  constexpr uint16_t kArphrdNone = 0xfffe;  // tun, WireGuard
  Apply(RTM_NEWLINK, LinkHeader(3, kArphrdNone, kUpWithCarrier));
  EXPECT_FALSE(tables_.links().at(3).ethernet);
}

TEST_F(TablesTest, TellsOnlyChanges) {
  const Bytes link = LinkHeader(3, 1, kUpWithCarrier);
  EXPECT_THAT(Apply(RTM_NEWLINK, link).links, ElementsAre(3));
  EXPECT_THAT(Apply(RTM_NEWLINK, link).links, IsEmpty());
  EXPECT_THAT(Apply(RTM_DELLINK, link).links, ElementsAre(3));
}

TEST_F(TablesTest, NewsOfABridgeAboutItsPortIsNotOfTheLink) {
  ifinfomsg header = {};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = 3;
  Apply(RTM_NEWLINK, LinkHeader(3, 1, kUpWithCarrier));
  EXPECT_THAT(Apply(RTM_DELLINK, BytesOf(header)).links, IsEmpty());
  EXPECT_TRUE(tables_.links().contains(3));
}

TEST_F(TablesTest, ANeighbourIsUsableWhileTheKernelWouldUseIt) {
  const struct {
    uint16_t state;
    bool usable;
  } cases[] = {{NUD_NONE, false},     {NUD_INCOMPLETE, false},
               {NUD_REACHABLE, true}, {NUD_STALE, true},
               {NUD_DELAY, true},     {NUD_PROBE, true},
               {NUD_FAILED, false},   {NUD_PERMANENT, true}};
  for (const auto& c : cases) {
    Apply(RTM_NEWNEIGH, NeighbourMessage(c.state, 0, 1));
    EXPECT_EQ(tables_.neighbours().contains(kNeighbour), c.usable) << c.state;
  }
}

TEST_F(TablesTest, ANeighbourIsNewsWhenItsMacIs) {
  const auto news = [&](uint16_t state, uint8_t last) {
    return Apply(RTM_NEWNEIGH, NeighbourMessage(state, 0, last)).neighbours;
  };
  EXPECT_THAT(news(NUD_REACHABLE, 1), ElementsAre(kNeighbour));
  EXPECT_THAT(news(NUD_STALE, 1), IsEmpty());
  EXPECT_THAT(news(NUD_REACHABLE, 2), ElementsAre(kNeighbour));
  EXPECT_THAT(news(NUD_FAILED, 2), ElementsAre(kNeighbour));
  EXPECT_THAT(news(NUD_FAILED, 2), IsEmpty());
}

TEST_F(TablesTest, ProxyEntriesAreNotNeighbours) {
  Apply(RTM_NEWNEIGH, NeighbourMessage(NUD_PERMANENT, NTF_PROXY, 1));
  EXPECT_THAT(tables_.neighbours(), IsEmpty());
}

TEST_F(TablesTest, WhatWasOnALinkGoesWithIt) {
  Apply(RTM_NEWLINK, LinkHeader(7, 1, kUpWithCarrier));
  Apply(RTM_NEWNEIGH, NeighbourMessage(NUD_REACHABLE, 0, 1));
  const UnderlayChanges changes =
      Apply(RTM_DELLINK, LinkHeader(7, 1, kUpWithCarrier));
  EXPECT_THAT(changes.neighbours, ElementsAre(kNeighbour));
  EXPECT_TRUE(changes.routes);
  EXPECT_THAT(tables_.neighbours(), IsEmpty());
}

TEST_F(TablesTest, ShortMessagesAreIgnored) {
  for (const uint16_t type : {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWNEIGH}) {
    EXPECT_THAT(Apply(type, {0, 0, 0}).links, IsEmpty());
  }
  EXPECT_THAT(tables_.links(), IsEmpty());
}

}  // namespace
}  // namespace rampart
