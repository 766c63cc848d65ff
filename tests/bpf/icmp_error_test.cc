// SPDX-License-Identifier: Apache-2.0
// ICMP errors belong to the flow of the packet they quote (RFC 5508 section 4,
// RFC 4443 section 2.4): found, translated outside and inside, not counted.
#include <string>
#include <utility>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

struct Error {
  uint8_t type;
  uint8_t code;
  uint32_t rest;  // bytes 4-7: MTU, pointer
};

const std::vector<Error> kErrors4 = {
    {3, 0, 0},  {3, 1, 0},  {3, 2, 0},  {3, 3, 0},          {3, 4, 1400},
    {3, 13, 0}, {11, 0, 0}, {11, 1, 0}, {12, 0, 0x0c000000}};
const std::vector<Error> kErrors6 = {{1, 0, 0},    {1, 1, 0}, {1, 4, 0},
                                     {2, 0, 1400}, {3, 0, 0}, {4, 0, 6}};

// Protocols that may be quoted.
struct Quoted {
  const char* name;
  uint8_t proto;
};
constexpr Quoted kQuoted[] = {
    {"Udp", kUdp}, {"Tcp", kTcp}, {"Echo", kIcmp}, {"Sctp", kSctp}};

using ErrorCase = std::tuple<bool, Quoted>;

class IcmpErrorTest : public ProgramTest,
                      public ::testing::WithParamInterface<ErrorCase> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_COOKIE}, true);
    AddTunnel(tunnel_);
    host_ = v4() ? "10.1.0.5" : "fd00:1::5";
    inside_router_ = v4() ? "10.1.0.1" : "fd00:1::1";
    server_ = v4() ? "198.51.100.10" : "2001:db8:100::10";
    router_ = v4() ? "198.51.100.1" : "2001:db8:100::1";
    pool_ = v4() ? "203.0.113.1" : "2001:db8:200::1";
    AddAddress(pool_, RP_ADDRESS_NAT);
    SetNextHop(1, LinkNextHop(kUplink, v4(), 1500));
    SetNextHop(2, NextHopTo(tunnel_, v4(), 1448));
    const uint8_t proto = std::get<1>(GetParam()).proto;
    flow_ = {.source = host_, .destination = server_, .proto = proto};
    if (proto == kIcmp && !v4()) flow_.proto = kIcmp6;
    const bool ports = proto == kUdp || proto == kTcp;
    flow_.sport = proto == kSctp ? 0 : 1234;
    flow_.dport = ports ? 443 : 0;
    flow_.to_source = pool_;
    if (proto != kSctp) flow_.to_sport = 40000;
    PutFlow(programs(), flow_);
  }

  bool v4() const { return std::get<0>(GetParam()); }
  const std::vector<Error>& errors() const {
    return v4() ? kErrors4 : kErrors6;
  }

  // The packet of `flow` behind `ip`; `echo_reply`: as an answer.
  static Packet Datagram(const Packet& ip, uint8_t proto, uint16_t sport,
                         uint16_t dport) {
    if (proto == kUdp) return ip.Udp(sport, dport).Payload("question");
    if (proto == kTcp) return ip.Tcp(sport, dport).Payload("GET / HTTP/1.1");
    if (proto == kSctp) return ip.Opaque(kSctp, FromText("sctp: 16 bytes.."));
    return ip.Echo(sport == 0, sport ? sport : dport).Payload("ping");
  }
  // A packet of the flow before and after the rewrite, as a router on its way
  // quotes it.
  static Bytes Before(const Flow& f, const Packet& ip) {
    return Datagram(ip, f.proto, f.sport, f.dport).Build();
  }
  static Bytes After(const Flow& f, const Packet& ip) {
    return Datagram(ip, f.proto, f.to_sport.value_or(f.sport),
                    f.to_dport.value_or(f.dport))
        .Build();
  }
  static Packet Report(const Packet& ip, const Error& error,
                       const Bytes& quoted) {
    return ip.Icmp(error.type, error.code, {.rest = error.rest})
        .Payload(quoted);
  }
  // What the router near the server quotes, and what the host must see.
  Bytes OutsideQuote() const {
    return After(flow_, Packet().IpAny(pool_, server_, {.ttl = 1}));
  }
  Bytes InsideQuote() const {
    return Before(flow_, Packet().IpAny(host_, server_, {.ttl = 1}));
  }
  Packet FromRouter() const { return FromLink().IpAny(router_, pool_); }
  Packet ToHost() const {
    return ToPeer(tunnel_, {.port = flow_.reverse_entropy})
        .IpAny(router_, host_, {.ttl = 63});
  }

  Tunnel tunnel_;
  Ip host_, inside_router_, server_, router_, pool_;
  Flow flow_;
};

std::string ErrorCaseName(const ::testing::TestParamInfo<ErrorCase>& info) {
  return std::string(std::get<1>(info.param).name) +
         FamilyName(std::get<0>(info.param));
}

INSTANTIATE_TEST_SUITE_P(About, IcmpErrorTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::ValuesIn(kQuoted)),
                         ErrorCaseName);

// RFC 5508 REQ-4.
TEST_P(IcmpErrorTest, FromTheInternetReachesTheHostThatSentTheQuotedPacket) {
  for (const Error& error : errors())
    EXPECT_THAT(Uplink(Report(FromRouter(), error, OutsideQuote())),
                Forwarded(Report(ToHost(), error, InsideQuote())))
        << int{error.type} << "/" << int{error.code};
}

// RFC 5508 REQ-5: what leaves names the NAT address, outside and inside.
TEST_P(IcmpErrorTest, FromTheHostReachesTheServerWithTheNatAddress) {
  const Flow back = flow_.Reversed();
  const Bytes quoted = After(back, Packet().IpAny(server_, host_, {.ttl = 3}));
  const Bytes outside =
      Before(back, Packet().IpAny(server_, pool_, {.ttl = 3}));
  for (const Ip& reporter : {host_, inside_router_})
    for (const Error& error : errors())
      EXPECT_THAT(Uplink(Report(FromPeer(tunnel_).IpAny(reporter, server_),
                                error, quoted)),
                  Forwarded(Report(ToLink().IpAny(pool_, server_, {.ttl = 63}),
                                   error, outside)))
          << int{error.type} << "/" << int{error.code} << " from "
          << reporter.ToString();
}

TEST_P(IcmpErrorTest, ItIsCountedInTheFlowAndDoesNotRefreshIt) {
  Flow old = flow_;
  old.age = old.reverse_age = 100;
  PutFlow(programs(), old);
  const rp_flow before = ReadEntry(programs(), old);
  const rp_flow back = ReadEntry(programs(), old.Reversed());
  EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1], OutsideQuote())),
              Forwarded(Report(ToHost(), errors()[1], InsideQuote())));
  const rp_flow after = ReadEntry(programs(), old);
  const rp_flow back_after = ReadEntry(programs(), old.Reversed());
  EXPECT_EQ(PacketsOf(after), 0u);
  EXPECT_EQ(PacketsOf(back_after), 1u);
  EXPECT_EQ(after.last_seen, before.last_seen);
  EXPECT_EQ(back_after.last_seen, back.last_seen);
  EXPECT_EQ(after.tcp, before.tcp);  // RFC 5382 REQ-10
}

// RFC 792: the IP header and 64 bits of data are all that must be quoted.
TEST_P(IcmpErrorTest, EightBytesBehindTheQuotedHeaderAreEnough) {
  const size_t size = (v4() ? 20 : 40) + 8;
  for (size_t more = 0; more < 24; ++more) {
    if (more == 9) continue;  // half a TCP checksum is nobody's
    EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1],
                              Slice(OutsideQuote(), 0, size + more))),
                Forwarded(Report(ToHost(), errors()[1],
                                 Slice(InsideQuote(), 0, size + more))))
        << more;
  }
}

TEST_P(IcmpErrorTest, SevenBytesAreNot) {
  const size_t size = (v4() ? 20 : 40) + 7;
  for (const size_t quoted : {size, size - 7, size - 8, size_t{1}, size_t{0}})
    EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1],
                              Slice(OutsideQuote(), 0, quoted))),
                Dropped(RP_DROP_ICMP_INNER))
        << quoted;
}

TEST_P(IcmpErrorTest, QuotedOptionsAndExtensionHeadersAreSteppedOver) {
  // RFC 5508 REQ-3 b.
  const Bytes options = {7, 7, 4, 0, 0, 0, 0, 1};
  const Bytes padding = {1, 4, 0, 0, 0, 0};
  const auto ip = [&](const Ip& from, const Ip& to) {
    if (v4()) return Packet().Ip4(from, to, {.ttl = 1, .options = options});
    return Packet()
        .Ip6(from, to, {.ttl = 1})
        .Extension(kDestinationOptions, padding);
  };
  EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1],
                            After(flow_, ip(pool_, server_)))),
              Forwarded(Report(ToHost(), errors()[1],
                               Before(flow_, ip(host_, server_)))));
}

TEST_P(IcmpErrorTest, AboutAFlowThatDoesNotExist) {
  Flow other = flow_;
  other.destination = v4() ? "198.51.100.77" : "2001:db8:100::77";
  const Bytes outside =
      After(other, Packet().IpAny(pool_, other.destination, {.ttl = 1}));
  EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1], outside)),
              Dropped(RP_DROP_ICMP_NO_FLOW));
  const Bytes inside = Before(
      other.Reversed(), Packet().IpAny(other.destination, host_, {.ttl = 1}));
  EXPECT_THAT(Uplink(Report(FromPeer(tunnel_).IpAny(host_, server_),
                            errors()[1], inside)),
              Dropped(RP_DROP_ICMP_NO_FLOW));
}

TEST_P(IcmpErrorTest, OfTheRightFlowFromTheWrongTunnel) {
  Tunnel other = tunnel_;
  other.id = 12;
  other.peer = "192.0.2.12";
  AddTunnel(other);
  const Bytes quoted =
      After(flow_.Reversed(), Packet().IpAny(server_, host_, {.ttl = 3}));
  EXPECT_THAT(Uplink(Report(FromPeer(other).IpAny(host_, server_), errors()[1],
                            quoted)),
              Dropped(RP_DROP_ON_RAMP));
}

TEST_P(IcmpErrorTest, WithAWrongChecksumSaysNothing) {  // RFC 5508 REQ-3
  Bytes frame = Report(FromRouter(), errors()[1], OutsideQuote()).Build();
  frame.back() ^= 1;
  EXPECT_THAT(programs().RunOn(kUplink, frame), Dropped(RP_DROP_ICMP_INNER));
}

TEST_P(IcmpErrorTest, ThatQuotesAWrongHeaderChecksumSaysNothing) {
  if (!v4()) return;  // RFC 5508 REQ-3 a
  Bytes quoted = OutsideQuote();
  quoted[10] ^= 1;
  EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1], quoted)),
              Dropped(RP_DROP_ICMP_INNER));
}

TEST_P(IcmpErrorTest, BetweenSitesChangesNothingButTheTtl) {
  Flow flow = flow_;
  flow.destination = v4() ? "10.2.0.9" : "fd00:2::9";
  flow.to_source = {};
  flow.to_sport = {};
  flow.reverse_realm = kVni;
  flow.reverse_on_ramp = kAccessTunnel;
  PutFlow(programs(), flow);
  const Bytes quoted =
      Before(flow, Packet().IpAny(host_, flow.destination, {.ttl = 1}));
  for (const Ip& reporter : {flow.destination, router_})
    EXPECT_THAT(
        Access(Report(FromLink().IpAny(reporter, host_), errors()[1], quoted)),
        Forwarded(Report(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                             .IpAny(reporter, host_, {.ttl = 63}),
                         errors()[1], quoted)));
}

class IcmpErrorQuoteTest : public IcmpErrorTest {};

INSTANTIATE_TEST_SUITE_P(About, IcmpErrorQuoteTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(kQuoted[0])),
                         ErrorCaseName);

TEST_P(IcmpErrorQuoteTest, QuotedUdpWithoutChecksumStaysWithout) {
  if (!v4()) return;
  const auto quote = [](const Ip& from, const Ip& to, uint16_t port) {
    return Packet()
        .Ip4(from, to, {.ttl = 1})
        .Udp(port, 443, {.checksum = 0})
        .Payload("question")
        .Build();
  };
  EXPECT_THAT(
      Uplink(Report(FromRouter(), errors()[1], quote(pool_, server_, 40000))),
      Forwarded(Report(ToHost(), errors()[1], quote(host_, server_, 1234))));
}

TEST_P(IcmpErrorQuoteTest,
       ErrorsAboutErrorsFragmentsAndOtherFamiliesSayNothing) {
  const Packet ip = Packet().IpAny(pool_, server_, {.ttl = 1});
  const uint8_t type = v4() ? 3 : 1;
  std::vector<Bytes> quotes = {
      ip.Icmp(type, 1).Payload(OutsideQuote()).Build(),  // RFC 1122 3.2.2
      v4() ? Packet().Ip6("::1", "::2").Udp(1, 2).Build()
           : Packet().Ip4("10.0.0.1", "10.0.0.2").Udp(1, 2).Build(),
      Bytes(60, 0)};
  if (v4()) {
    quotes.push_back(Packet()
                         .Ip4(pool_, server_, {.fragment = 0x0010})
                         .Udp(40000, 443)
                         .Build());
    quotes.push_back(
        Packet().Ip4(pool_, server_, {.ihl = 4}).Udp(40000, 443).Build());
    quotes.push_back(
        Packet().Ip4(pool_, server_, {.ihl = 15}).Udp(40000, 443).Build());
  } else {
    quotes.push_back(ip.Fragment6(1232, false).Payload(Bytes(20, 1)).Build());
  }
  for (size_t i = 0; i < quotes.size(); ++i)
    EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1], quotes[i])),
                Dropped(RP_DROP_ICMP_INNER))
        << "quote " << i;
}

TEST_P(IcmpErrorQuoteTest, TooBigForTheTunnelIsDroppedWithoutAnotherError) {
  SetNextHop(2, NextHopTo(tunnel_, v4(), 100));
  Bytes quoted = OutsideQuote();
  quoted.resize(200);
  EXPECT_THAT(Uplink(Report(FromRouter(), errors()[1], quoted)),
              Dropped(RP_DROP_TOO_BIG));
}

// RFC 1122 section 3.2.2: no error about an error. The controller, which sends
// errors, sees that it is one.
TEST_P(IcmpErrorQuoteTest, WithoutTtlItIsNotForwarded) {
  const Packet last = Packet().IpAny(router_, pool_, {.ttl = 1});
  const Packet report = Report(last, errors()[1], OutsideQuote());
  rp_punt record = {};
  record.reason = RP_PUNT_TTL;
  record.slot = kUplink;
  EXPECT_THAT(Uplink(FromLink().Then(report)),
              ::testing::AnyOf(Punted(record, report), Dropped(RP_DROP_TTL)));
}

}  // namespace
}  // namespace rampart::testing
