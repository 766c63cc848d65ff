// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/fragments.h"

#include <netinet/ip.h>

#include <algorithm>
#include <cstring>

#include "controller/flow/checksum.h"

namespace rampart {
namespace {

constexpr size_t kHeader = 20;

// The header of later fragments: options with the copy flag, padded to words.
// Options behind one whose length is wrong are left out.
std::vector<uint8_t> LaterHeader(absl::Span<const uint8_t> header) {
  std::vector<uint8_t> later(header.begin(), header.begin() + kHeader);
  for (size_t i = kHeader; i < header.size() && header[i] != IPOPT_EOL;) {
    size_t length = 1;
    if (header[i] != IPOPT_NOP) {
      if (i + 1 >= header.size() || header[i + 1] < 2 ||
          i + header[i + 1] > header.size())
        break;
      length = header[i + 1];
      if (IPOPT_COPIED(header[i]))
        later.insert(later.end(), &header[i], &header[i] + length);
    }
    i += length;
  }
  later.resize((later.size() + 3) / 4 * 4, IPOPT_EOL);
  later[0] = 0x40 | later.size() / 4;
  return later;
}

void Store16(uint8_t* p, uint32_t value) {
  p[0] = value >> 8;
  p[1] = value & 0xff;
}

// offset: the field with its flags.
std::vector<uint8_t> Fragment(absl::Span<const uint8_t> header,
                              absl::Span<const uint8_t> data,
                              uint16_t identification, uint32_t offset) {
  std::vector<uint8_t> packet(header.begin(), header.end());
  packet.insert(packet.end(), data.begin(), data.end());
  Store16(&packet[2], packet.size());
  Store16(&packet[4], identification);
  Store16(&packet[6], offset);
  Store16(&packet[10], 0);
  const uint16_t check =
      ~FoldSum(SumBytes(absl::MakeSpan(packet).first(header.size())));
  std::memcpy(&packet[10], &check, sizeof(check));
  return packet;
}

}  // namespace

std::vector<std::vector<uint8_t>> SplitV4(absl::Span<const uint8_t> packet,
                                          size_t mtu, uint16_t identification) {
  const size_t size = (packet[0] & 0xf) * size_t{4};
  const uint32_t field = packet[6] << 8 | packet[7];
  if ((field & IP_DF) != 0 || mtu < size + 8) return {};
  std::vector<uint8_t> header(packet.begin(), packet.begin() + size);
  absl::Span<const uint8_t> data = packet.subspan(size);
  uint32_t offset = field & IP_OFFMASK;
  std::vector<std::vector<uint8_t>> fragments;
  while (data.size() > mtu - header.size()) {
    const size_t taken = (mtu - header.size()) / 8 * 8;
    fragments.push_back(
        Fragment(header, data.first(taken), identification, IP_MF | offset));
    if (fragments.size() == 1) header = LaterHeader(header);
    data.remove_prefix(taken);
    offset += taken / 8;
  }
  fragments.push_back(
      Fragment(header, data, identification, (field & IP_MF) | offset));
  return fragments;
}

}  // namespace rampart
