// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/frames.h"

#include <arpa/inet.h>
#include <time.h>

#include <algorithm>
#include <cstring>

namespace rampart::perf {
namespace {

using testing::Packet;

constexpr uint32_t kEpochSeconds = 64;
constexpr size_t kNumberSize = 4;

bool IsGue(Wrap wrap) {
  return wrap == Wrap::kGueNone || wrap == Wrap::kGueCookie ||
         wrap == Wrap::kGueMac || wrap == Wrap::kGueGreKey;
}

size_t HeaderSize(const Leg& leg) {
  switch (leg.wrap) {
    case Wrap::kPlain:
      return 0;
    case Wrap::kVxlan:
      return 8 + 14;
    case Wrap::kGueNone:
    case Wrap::kGre:
      return 4;
    case Wrap::kGueCookie:
      return 16;
    case Wrap::kGueMac:
      return 24;
    case Wrap::kGueGreKey:
      return 12;
  }
  return 0;
}

// As the edge sends it: always over IPv6 (RFC 6935 section 5), and where
// nothing else protects the VNI. VXLAN's is zero (RFC 7348 section 5, and over
// IPv6 RFC 6935).
bool HasOuterChecksum(const Leg& leg) {
  return leg.wrap == Wrap::kGueCookie || leg.wrap == Wrap::kGueGreKey ||
         (IsGue(leg.wrap) && !leg.from.is_v4());
}

Bytes PayloadOf(const Inner& inner, uint32_t number) {
  Bytes payload;
  testing::Put32(payload, number);
  for (size_t i = payload.size(); i < PayloadSize(inner); ++i)
    payload.push_back(static_cast<uint8_t>(i));
  return payload;
}

// RFC 7348 section 5.
Packet Vxlan(const Packet& udp, const Leg& leg) {
  Bytes header;
  testing::Put32(header, 0x08000000);
  testing::Put32(header, leg.vni << 8);
  return udp.Opaque(0, header).Eth(
      {.destination = leg.inner_mac_to, .source = leg.inner_mac_from});
}

Packet Gue(const Packet& udp, const Leg& leg, uint32_t epoch) {
  testing::GueFields fields;
  if (leg.wrap == Wrap::kGueCookie || leg.wrap == Wrap::kGueMac)
    fields.group = leg.vni;
  if (leg.wrap == Wrap::kGueCookie) fields.cookie = kCookie;
  if (leg.wrap == Wrap::kGueMac)
    fields.mac = testing::GueMac{.key = kMacKey, .epoch = epoch};
  if (leg.wrap == Wrap::kGueGreKey)
    return udp.Gue(fields).Gre({.key = leg.vni});
  return udp.Gue(fields);
}

Packet Outside(const Leg& leg, const Freedom& freedom) {
  Packet packet =
      testing::Eth({.destination = leg.mac_to, .source = leg.mac_from});
  if (leg.wrap == Wrap::kPlain) return packet;
  packet =
      leg.from.is_v4()
          ? packet.Ip4(leg.from, leg.to,
                       {.id = freedom.ip_id, .fragment = freedom.ip_fragment})
          : packet.Ip6(leg.from, leg.to);
  if (leg.wrap == Wrap::kGre) return packet.Gre();
  testing::UdpFields fields;
  if (!HasOuterChecksum(leg)) fields.checksum = 0;
  const uint16_t port = leg.wrap == Wrap::kVxlan ? kVxlanPort : kGuePort;
  packet = packet.Udp(freedom.outer_port, port, fields);
  return leg.wrap == Wrap::kVxlan ? Vxlan(packet, leg)
                                  : Gue(packet, leg, freedom.epoch);
}

// Ones' complement sum of words in memory order.
uint64_t Sum(const Bytes& bytes, size_t begin, size_t length) {
  return htons(testing::OnesSum(testing::Slice(bytes, begin, length)));
}

// Of a UDP segment to the end of the frame, and of its pseudo header
// (RFC 768, RFC 8200 section 8.1).
uint64_t SegmentSum(const Bytes& frame, size_t udp, size_t address_size) {
  const size_t length = frame.size() - udp;
  return Sum(frame, udp, length) +
         Sum(frame, udp - 2 * address_size, 2 * address_size) +
         htons(testing::kUdp) + htons(static_cast<uint16_t>(length));
}

uint32_t Last4(const Ip& address) {
  const Bytes& bytes = address.bytes();
  return testing::Get32(bytes, bytes.size() - 4);
}

}  // namespace

uint32_t UnixEpoch() {
  return static_cast<uint32_t>(time(nullptr) / kEpochSeconds);
}

size_t PayloadSize(const Inner& inner) {
  return inner.size - (inner.source.is_v4() ? 20 : 40) - 8;
}

Ip AddressPlus(const Ip& first, uint32_t hosts) {
  Bytes bytes = first.bytes();
  const uint32_t last = htonl(Last4(first) + hosts);
  std::memcpy(bytes.data() + bytes.size() - 4, &last, sizeof(last));
  char text[INET6_ADDRSTRLEN];
  inet_ntop(first.is_v4() ? AF_INET : AF_INET6, bytes.data(), text,
            sizeof(text));
  return Ip(text);
}

Bytes BuildFrame(const Leg& leg, const Inner& inner, uint32_t number,
                 const Ip& source, uint16_t port, const Freedom& freedom) {
  return Outside(leg, freedom)
      .IpAny(source, inner.destination, {.ttl = inner.ttl})
      .Udp(port, inner.port)
      .Payload(PayloadOf(inner, number))
      .Build();
}

Bytes BuildSent(const Leg& leg, const Inner& inner, uint32_t number) {
  return BuildFrame(
      leg, inner, number, AddressPlus(inner.source, PERF_HOST(number)),
      PERF_PORT(number),
      {.outer_port = static_cast<uint16_t>(PERF_OUTER_PORT(number)),
       .epoch = UnixEpoch()});
}

Layout LayoutOf(const Leg& leg, const Inner& inner) {
  Layout layout;
  if (leg.wrap != Wrap::kPlain) {
    const size_t outer = layout.outer_ip + (leg.from.is_v4() ? 20 : 40);
    const bool udp = leg.wrap != Wrap::kGre;
    if (udp) layout.outer_port = outer;
    if (udp && HasOuterChecksum(leg)) layout.outer_check = outer + 6;
    layout.inner = outer + (udp ? 8 : 0) + HeaderSize(leg);
    if (leg.wrap == Wrap::kGueMac) layout.epoch = layout.inner - 12;
  }
  const bool v4 = inner.source.is_v4();
  layout.source_size = v4 ? 4 : 16;
  layout.source = layout.inner + (v4 ? 12 : 8);
  layout.udp = layout.inner + (v4 ? 20 : 40);
  layout.payload = layout.udp + 8;
  return layout;
}

perf_frame CompileFrame(const Leg& leg, const Inner& inner) {
  const Bytes bytes = BuildSent(leg, inner, 0);
  const Layout at = LayoutOf(leg, inner);
  perf_frame frame = {};
  frame.first_source = Last4(inner.source);
  frame.source = static_cast<uint32_t>(at.source + at.source_size - 4);
  frame.port = static_cast<uint32_t>(at.udp);
  frame.udp_check = static_cast<uint32_t>(at.udp + 6);
  frame.number = static_cast<uint32_t>(at.payload);
  if (inner.source.is_v4())
    frame.ip_check = static_cast<uint32_t>(at.inner + 10);
  frame.outer_port = static_cast<uint32_t>(at.outer_port);
  frame.outer_check = static_cast<uint32_t>(at.outer_check);
  frame.header_len =
      static_cast<uint32_t>((at.payload + kNumberSize + 7) / 8 * 8);
  std::memcpy(frame.header, bytes.data(), frame.header_len);

  // What is left without the fields that vary.
  Bytes blank = bytes;
  const auto clear = [&blank](uint32_t offset, size_t size) {
    if (offset != 0) std::fill_n(blank.begin() + offset, size, 0);
  };
  for (const uint32_t word : {frame.source, frame.number}) clear(word, 4);
  for (const uint32_t half : {frame.port, frame.udp_check, frame.ip_check,
                              frame.outer_port, frame.outer_check})
    clear(half, 2);
  frame.ip_sum = Sum(blank, at.inner, 20);
  frame.udp_sum = SegmentSum(blank, at.udp, at.source_size);
  if (frame.outer_check != 0)
    frame.outer_sum =
        SegmentSum(blank, at.outer_port, leg.from.is_v4() ? 4 : 16);
  return frame;
}

}  // namespace rampart::perf
