// SPDX-License-Identifier: Apache-2.0
// A second opinion on finished packets, by libtins.
#include "tests/testing/oracle.h"

#include <tins/tins.h>

#include <memory>

namespace rampart::testing {
namespace {

constexpr uint16_t kGuePort = 6080;
constexpr size_t kUdpHeader = 8;

struct Upper {
  int protocol = -1;  // of the payload; -1: a fragment, not looked into
  size_t offset = 0;
  size_t end = 0;  // of the IP packet
};

// Walks IPv6 extension headers; `packet` was parsed before.
Upper UpperOf6(const Bytes& packet) {
  Upper upper = {packet[6], 40, 40u + Get16(packet, 4)};
  while (upper.protocol == 0 || upper.protocol == 43 || upper.protocol == 44 ||
         upper.protocol == 60) {
    if (upper.offset + 8 > packet.size()) return {-1, upper.offset, upper.end};
    if (upper.protocol == 44) return {-1, upper.offset, upper.end};
    const size_t at = upper.offset;
    upper.protocol = packet[at];
    upper.offset = at + 8u * (packet[at + 1] + 1u);
  }
  return upper;
}

Upper UpperOf(const Bytes& packet) {
  if (packet[0] >> 4 == 6) return UpperOf6(packet);
  const bool fragment = (Get16(packet, 6) & 0x3fff) != 0;
  return {fragment ? -1 : packet[9], 4u * (packet[0] & 15), Get16(packet, 2)};
}

// libtins always sums UDP; a zero on IPv4 means "not summed" (RFC 768).
bool UdpWithoutSum(const Bytes& packet, const Upper& upper) {
  return upper.protocol == 17 && upper.offset + kUdpHeader <= packet.size() &&
         Get16(packet, upper.offset + 6) == 0;
}

std::string FaultsOfGre(const Bytes& gre) {
  if (gre.size() < 4) return "GRE: shorter than its header\n";
  const uint16_t flags = Get16(gre, 0);
  const size_t length = 4 + (flags & 0x8000 ? 4 : 0) +
                        (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
  if (gre.size() < length) return "GRE: shorter than its header\n";
  if (flags & 0x8000 && OnesSum(gre) != 0xffff) return "GRE: checksum wrong\n";
  return FaultsOfIp(Slice(gre, length, gre.size()));
}

std::string FaultsOfGue(const Bytes& gue) {
  if (gue.size() < 4) return "GUE: shorter than its header\n";
  if (gue[0] >> 6 == 1) return FaultsOfIp(gue);
  const size_t length = 4 + 4u * (gue[0] & 31);
  if (gue.size() < length) return "GUE: shorter than its header\n";
  const Bytes rest = Slice(gue, length, gue.size());
  if (gue[1] == 47) return FaultsOfGre(rest);
  return FaultsOfIp(rest);
}

Bytes Rewritten(const Bytes& packet) {
  const auto size = static_cast<uint32_t>(packet.size());
  if (packet[0] >> 4 == 6) return Tins::IPv6(packet.data(), size).serialize();
  return Tins::IP(packet.data(), size).serialize();
}

// Of the headers up to layer 4, without looking into a tunnel.
std::string FaultsOfHeaders(const Bytes& packet) {
  if (packet.size() < 20) return "IP: shorter than its header\n";
  if (packet[0] >> 4 == 6 && packet.size() < 40)
    return "IPv6: shorter than its header\n";
  Bytes again;
  try {
    again = Rewritten(packet);
  } catch (const Tins::exception_base& e) {
    return std::string("libtins: ") + e.what() + "\n" + HexDump(packet);
  }
  if (UdpWithoutSum(packet, UpperOf(packet)) && again.size() == packet.size())
    Set16(again, UpperOf(packet).offset + 6, 0);
  if (again == packet) return "";
  return "libtins writes it differently:\n" + Diff(packet, again);
}

// Takes the link header off; `fault` is set if it does not fit what follows.
Bytes PacketOf(const Bytes& frame, std::string& fault) {
  size_t at = 12;
  while (at + 2 <= frame.size() &&
         (Get16(frame, at) == 0x8100 || Get16(frame, at) == 0x88a8))
    at += 4;
  const uint16_t type = at + 2 <= frame.size() ? Get16(frame, at) : 0;
  const Bytes packet = Slice(frame, at + 2, frame.size());
  if (packet.empty() || (type != 0x0800 && type != 0x86dd) ||
      packet[0] >> 4 != (type == 0x0800 ? 4 : 6))
    fault = "Ethernet: type does not fit the IP version\n" + HexDump(frame);
  return packet;
}

}  // namespace

std::string FaultsOfIp(const Bytes& packet) {
  if (std::string faults = FaultsOfHeaders(packet); !faults.empty())
    return faults;
  const Upper upper = UpperOf(packet);
  const Bytes payload = Slice(packet, upper.offset, packet.size());
  if (upper.protocol == 47 && payload.size() >= 4 &&
      (Get16(payload, 2) == 0x0800 || Get16(payload, 2) == 0x86dd))
    return FaultsOfGre(payload);
  if (upper.protocol == 17 && payload.size() >= kUdpHeader &&
      Get16(payload, 2) == kGuePort) {
    if (Get16(payload, 4) != payload.size()) return "UDP: length wrong\n";
    return FaultsOfGue(Slice(payload, kUdpHeader, payload.size()));
  }
  return "";
}

std::string FaultsOfFrame(const Bytes& frame) {
  std::string fault;
  const Bytes packet = PacketOf(frame, fault);
  return fault.empty() ? FaultsOfIp(packet) : fault;
}

std::string FaultsOfOutermost(const Bytes& frame) {
  std::string fault;
  const Bytes packet = PacketOf(frame, fault);
  return fault.empty() ? FaultsOfHeaders(packet) : fault;
}

}  // namespace rampart::testing
