// SPDX-License-Identifier: Apache-2.0
// Flows and NAT mappings as rows, whoever knows them.
#ifndef RAMPART_CONTROLLER_API_FLOW_ROWS_H_
#define RAMPART_CONTROLLER_API_FLOW_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controller/api/json.h"
#include "controller/api/selectors.h"
#include "controller/base/endpoint.h"

namespace rampart {

// A flow in its forward direction; counters: forward, reverse.
struct FlowFacts {
  Selectable flow;
  Endpoint to_source;  // after the rewrite
  Endpoint to_destination;
  std::string reason;  // of a refusal
  uint64_t packets[2] = {};
  uint64_t bytes[2] = {};
  double idle_s = 0;
  double expires_in_s = 0;
  uint32_t epoch = 0;
};

// source and destination of `flow`: inside and remote.
struct NatFacts {
  Selectable flow;
  bool remote_known = false;
  Endpoint outside;
  std::string_view pool;
  uint64_t flows = 0;
};

// A row of the kind "flows".
Json FlowRow(const FlowFacts& facts);

// Rows that the selectors choose, up to a limit; counts the others.
class MatchingRows {
 public:
  // query: selectors, and limit. Errors: InvalidArgument.
  static absl::StatusOr<MatchingRows> Of(const Query& query);
  // Without the selectors that NAT mappings do not have.
  static absl::StatusOr<MatchingRows> OfNat(const Query& query);

  void Add(const FlowFacts& flow);
  void Add(const NatFacts& session);
  // The document; name: of its rows.
  Json Finish(std::string_view kind, std::string_view name) &&;

 private:
  MatchingRows(Selectors selectors, size_t limit)
      : selectors_(std::move(selectors)), limit_(limit) {}
  bool Wanted(const Selectable& flow);

  Selectors selectors_;
  size_t limit_;
  uint64_t matched_ = 0;
  Json rows_ = Json::array();
};

// The parameter `limit`, 1 to 100000. Errors: InvalidArgument.
absl::StatusOr<size_t> LimitOf(const Query& query);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_FLOW_ROWS_H_
