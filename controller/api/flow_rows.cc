// SPDX-License-Identifier: Apache-2.0
#include "controller/api/flow_rows.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/api/names.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr std::string_view kLimit[] = {"limit"};

Json NatRow(const NatFacts& facts) {
  const Selectable& flow = facts.flow;
  return {
      {"tenant", flow.tenant},
      {"vnet", flow.vnet},
      {"proto", ProtocolName(flow.protocol)},
      {"inside", flow.source.ToString()},
      {"inside_port", flow.source_port},
      {"outside", facts.outside.address.ToString()},
      {"outside_port", facts.outside.port},
      {"remote", facts.remote_known ? flow.destination.ToString() : ""},
      {"remote_port", flow.destination_port},
      {"pool", facts.pool},
      {"flows", facts.flows},
  };
}

}  // namespace

Json FlowRow(const FlowFacts& facts) {
  const Selectable& flow = facts.flow;
  return {
      {"tenant", flow.tenant},
      {"vnet", flow.vnet},
      {"proto", ProtocolName(flow.protocol)},
      {"src", flow.source.ToString()},
      {"sport", flow.source_port},
      {"dst", flow.destination.ToString()},
      {"dport", flow.destination_port},
      {"to_src", facts.to_source.address.ToString()},
      {"to_sport", facts.to_source.port},
      {"to_dst", facts.to_destination.address.ToString()},
      {"to_dport", facts.to_destination.port},
      {"on_ramp", flow.on_ramp},
      {"off_ramp", flow.off_ramp},
      {"state", flow.state},
      {"reason", facts.reason},
      {"packets", {facts.packets[0], facts.packets[1]}},
      {"bytes", {facts.bytes[0], facts.bytes[1]}},
      {"idle_s", facts.idle_s},
      {"expires_in_s", facts.expires_in_s},
      {"epoch", facts.epoch},
      {"rule", flow.rule},
  };
}

absl::StatusOr<MatchingRows> MatchingRows::Of(const Query& query) {
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  ASSIGN_OR_RETURN(Selectors selectors, Selectors::Parse(query, kLimit));
  return MatchingRows(std::move(selectors), limit);
}

absl::StatusOr<MatchingRows> MatchingRows::OfNat(const Query& query) {
  for (const auto& [name, value] : query)
    for (const char* other : {"tunnel", "state", "rule"})
      if (name.ends_with(other))
        return absl::InvalidArgumentError(
            absl::StrCat("selector '", name, "': NAT sessions have none"));
  return Of(query);
}

bool MatchingRows::Wanted(const Selectable& flow) {
  return selectors_.Match(flow) && ++matched_ <= limit_;
}

void MatchingRows::Add(const FlowFacts& flow) {
  if (Wanted(flow.flow)) rows_.push_back(FlowRow(flow));
}

void MatchingRows::Add(const NatFacts& session) {
  if (Wanted(session.flow)) rows_.push_back(NatRow(session));
}

Json MatchingRows::Finish(std::string_view kind, std::string_view name) && {
  Json document = Document(kind);
  document["matched"] = matched_;
  document["truncated"] = matched_ > limit_;
  document[std::string(name)] = std::move(rows_);
  return document;
}

absl::StatusOr<size_t> LimitOf(const Query& query) {
  const std::string text(FindParameter(query, "limit"));
  if (text.empty()) return 1000;
  uint32_t limit;
  if (!absl::SimpleAtoi(text, &limit) || limit < 1 || limit > 100000)
    return absl::InvalidArgumentError(
        absl::StrCat("limit: '", text, "' is not a number from 1 to 100000"));
  return limit;
}

}  // namespace rampart
