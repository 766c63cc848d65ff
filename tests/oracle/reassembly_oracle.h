// SPDX-License-Identifier: Apache-2.0
// What becomes of the fragments of one datagram, judged byte by byte.
#ifndef RAMPART_TESTS_ORACLE_REASSEMBLY_ORACLE_H_
#define RAMPART_TESTS_ORACLE_REASSEMBLY_ORACLE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "maps/outcomes.h"

namespace rampart::oracle {

class ReassemblyOracle {
 public:
  struct Answer {
    rp_outcome reason = RP_FORWARDED;
    bool complete = false;
  };
  Answer Add(uint32_t begin, bool more, const std::vector<uint8_t>& data) {
    if (refused_ != RP_FORWARDED) return {refused_};
    const Piece piece = {begin, more, data};
    if (std::find(pieces_.begin(), pieces_.end(), piece) != pieces_.end())
      return {RP_DROP_FRAG_DUPLICATE};
    const uint32_t end = begin + data.size();
    for (uint32_t i = begin; i < end; ++i)
      if (there_[i]) return {refused_ = RP_DROP_FRAG_OVERLAP};
    if ((end_ && begin >= *end_) || (!more && end < highest_))
      return {refused_ = RP_DROP_FRAG_MALFORMED};
    for (uint32_t i = begin; i < end; ++i) there_[i] = true;
    highest_ = std::max(highest_, end);
    if (!more) end_ = end;
    pieces_.push_back(piece);
    return {RP_FORWARDED,
            end_ && std::all_of(there_.begin(), there_.begin() + *end_,
                                [](bool b) { return b; })};
  }

 private:
  using Piece = std::tuple<uint32_t, bool, std::vector<uint8_t>>;
  std::vector<Piece> pieces_;
  std::vector<bool> there_ = std::vector<bool>(256);
  std::optional<uint32_t> end_;
  uint32_t highest_ = 0;
  rp_outcome refused_ = RP_FORWARDED;
};

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_REASSEMBLY_ORACLE_H_
