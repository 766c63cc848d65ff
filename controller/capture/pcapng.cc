// SPDX-License-Identifier: Apache-2.0
#include "controller/capture/pcapng.h"

#include <algorithm>

namespace rampart {
namespace {

// draft-ietf-opsawg-pcapng sections 4.1 to 4.6.
enum BlockType : uint32_t {
  kSection = 0x0a0d0d0a,
  kInterface = 1,
  kStatistics = 5,
  kPacket = 6,
};
enum Option : uint16_t {
  kEnd = 0,
  kComment = 1,
  kApplication = 4,   // of a section
  kName = 2,          // of an interface
  kResolution = 9,    // of an interface
  kReceived = 4,      // of statistics
  kInterfaceDrop = 5  // of statistics
};
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint8_t kNanoseconds = 9;  // 10^-9
constexpr size_t kOptionMax = 65535;
constexpr size_t kBlockOverhead = 12;  // type, and its length twice

template <typename T>
void Put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}

void PutPadded(std::string& out, std::string_view bytes) {
  out.append(bytes);
  out.append(-bytes.size() & 3, '\0');
}

void PutOption(std::string& out, uint16_t code, std::string_view value) {
  value = value.substr(0, kOptionMax);
  Put(out, code);
  Put(out, static_cast<uint16_t>(value.size()));
  PutPadded(out, value);
}

// Two words, the high one first, whatever the byte order.
void PutTime(std::string& out, uint64_t time) {
  Put(out, static_cast<uint32_t>(time >> 32));
  Put(out, static_cast<uint32_t>(time));
}

void PutCount(std::string& out, uint16_t code, uint64_t count) {
  std::string value;
  Put(value, count);
  PutOption(out, code, value);
}

void PutBlock(std::string& out, uint32_t type, std::string_view body) {
  const auto length = static_cast<uint32_t>(body.size() + kBlockOverhead);
  Put(out, type);
  Put(out, length);
  out.append(body);
  Put(out, length);
}

}  // namespace

void AppendSection(std::string_view application, std::string& out) {
  std::string body;
  Put(body, kByteOrder);
  Put(body, uint16_t{1});  // version 1.0
  Put(body, uint16_t{0});
  Put(body, ~uint64_t{0});  // length: not known
  PutOption(body, kApplication, application);
  PutOption(body, kEnd, "");
  PutBlock(out, kSection, body);
}

void AppendInterface(const PcapngInterface& interface, std::string& out) {
  std::string body;
  Put(body, static_cast<uint16_t>(interface.link));
  Put(body, uint16_t{0});
  Put(body, interface.snaplen);
  PutOption(body, kName, interface.name);
  PutOption(body, kResolution, std::string_view("\x09", 1));
  static_assert(kNanoseconds == '\x09');
  PutOption(body, kEnd, "");
  PutBlock(out, kInterface, body);
}

void AppendPacket(const PcapngPacket& packet, std::string& out) {
  const auto captured = static_cast<uint32_t>(packet.bytes.size());
  std::string body;
  Put(body, packet.interface);
  PutTime(body, packet.time);
  Put(body, captured);
  Put(body, std::max(packet.length, captured));
  PutPadded(body, {reinterpret_cast<const char*>(packet.bytes.data()),
                   packet.bytes.size()});
  if (!packet.comment.empty()) {
    PutOption(body, kComment, packet.comment);
    PutOption(body, kEnd, "");
  }
  PutBlock(out, kPacket, body);
}

void AppendStatistics(uint32_t interface, uint64_t time, uint64_t received,
                      uint64_t lost, std::string& out) {
  std::string body;
  Put(body, interface);
  PutTime(body, time);
  PutCount(body, kReceived, received);
  PutCount(body, kInterfaceDrop, lost);
  PutOption(body, kEnd, "");
  PutBlock(out, kStatistics, body);
}

}  // namespace rampart
