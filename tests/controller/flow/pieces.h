// SPDX-License-Identifier: Apache-2.0
// Fragments of both families, byte by byte.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_PIECES_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_PIECES_H_

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace rampart {

using Bytes = std::vector<uint8_t>;

// Of UDP from port 1234 to 53: header and bytes that differ.
inline Bytes Data(size_t size, uint8_t seed = 0) {
  Bytes data(size);
  std::iota(data.begin(), data.end(), seed);
  const Bytes ports = {1234 >> 8, 1234 & 0xff, 0, 53};
  std::copy_n(ports.begin(), std::min(size, ports.size()), data.begin());
  return data;
}

struct PieceSpec {
  int family = 4;
  uint32_t id = 7;
  uint32_t begin = 0;
  bool more = false;
  uint8_t protocol = IPPROTO_UDP;
  uint8_t host = 5;    // last byte of the source
  uint8_t server = 1;  // last byte of the destination
};

inline void Put16(Bytes& out, uint32_t value) {
  out.push_back(value >> 8);
  out.push_back(value & 0xff);
}

inline Bytes MakeFragment(const PieceSpec& spec, const Bytes& data) {
  Bytes out;
  if (spec.family == 4) {
    out = {0x45, 0};
    Put16(out, 20 + data.size());
    Put16(out, spec.id);
    Put16(out, (spec.more ? 0x2000 : 0) | spec.begin / 8);
    for (const uint8_t b :
         {uint8_t{64}, spec.protocol, uint8_t{0}, uint8_t{0}, uint8_t{10},
          uint8_t{1}, uint8_t{0}, spec.host, uint8_t{203}, uint8_t{0},
          uint8_t{113}, spec.server})
      out.push_back(b);
  } else {
    out = {0x60, 0, 0, 0};
    Put16(out, 8 + data.size());
    out.insert(out.end(), {IPPROTO_FRAGMENT, 64});
    for (const uint8_t last : {spec.host, spec.server}) {
      out.insert(out.end(), {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
      out.push_back(last);
    }
    out.insert(out.end(), {spec.protocol, 0});
    Put16(out, spec.begin | (spec.more ? 1 : 0));
    Put16(out, spec.id >> 16);
    Put16(out, spec.id & 0xffff);
  }
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

// `data` in pieces that begin at 0 and at `cuts`.
inline std::vector<Bytes> Cut(PieceSpec spec, const Bytes& data,
                              const std::vector<uint32_t>& cuts) {
  std::vector<Bytes> pieces;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const auto end = i < cuts.size() ? data.begin() + cuts[i] : data.end();
    spec.more = i < cuts.size();
    pieces.push_back(MakeFragment(spec, {data.begin() + spec.begin, end}));
    if (spec.more) spec.begin = cuts[i];
  }
  return pieces;
}

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_PIECES_H_
