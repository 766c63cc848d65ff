// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "tools/xdpctl/flow_columns.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/selected_list.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

std::string Vnet(const Json& row) {
  return absl::StrCat(Cell(At(row, "tenant")), "/", Cell(At(row, "vnet")));
}

std::string Source(const Json& row) {
  return EndpointCell(At(row, "src"), At(row, "sport"));
}

std::string Destination(const Json& row) {
  return EndpointCell(At(row, "dst"), At(row, "dport"));
}

// What it is rewritten to, if it is.
std::string Rewritten(const Json& row) {
  const std::string source =
      EndpointCell(At(row, "to_src"), At(row, "to_sport"));
  const std::string destination =
      EndpointCell(At(row, "to_dst"), At(row, "to_dport"));
  std::string text;
  if (Cell(At(row, "state")) == "REFUSED") return text;
  if (source != Source(row)) absl::StrAppend(&text, "src ", source);
  if (destination != Destination(row))
    absl::StrAppend(&text, text.empty() ? "" : " ", "dst ", destination);
  return text;
}

std::string State(const Json& row) {
  const std::string reason = Cell(At(row, "reason"));
  return absl::StrCat(Cell(At(row, "state")), reason.empty() ? "" : " ",
                      reason);
}

// "forward/reverse".
std::string Packets(const Json& row) {
  return absl::StrCat(Cell(At(row, "packets", 0)), "/",
                      Cell(At(row, "packets", 1)));
}

std::string Bytes(const Json& row) {
  return absl::StrCat(HumanBytes(At(row, "bytes", 0)), "/",
                      HumanBytes(At(row, "bytes", 1)));
}

std::string Idle(const Json& row) { return HumanSeconds(At(row, "idle_s")); }

std::string Expires(const Json& row) {
  return HumanSeconds(At(row, "expires_in_s"));
}

}  // namespace

std::vector<Column> FlowColumns() {
  return {{"VNET", "", &Vnet},
          {"PROTO", "proto"},
          {"SOURCE", "", &Source},
          {"DESTINATION", "", &Destination},
          {"ON-RAMP", "on_ramp"},
          {"OFF-RAMP", "off_ramp"},
          {"REWRITTEN", "", &Rewritten},
          {"STATE", "", &State},
          {"PKTS", "packets", &Packets},
          {"BYTES", "bytes", &Bytes},
          {"IDLE", "idle_s", &Idle},
          {"RULE", "rule"},
          {"EXPIRES", "expires_in_s", &Expires, /*wide=*/true},
          {"EPOCH", "epoch", nullptr, /*wide=*/true}};
}

std::vector<std::string> FlowName() {
  return {"tenant", "vnet", "proto", "src", "sport", "dst", "dport"};
}

void AddFlow(CLI::App& app, Session& session) {
  CLI::App* flow = app.add_subcommand("flow", "Flows");
  AddSelectedList(
      *flow, session,
      {.noun = "flow",
       .help = "Flows that the selectors choose",
       .text = "A flow is shown in the direction of its first packet; PKTS and "
               "BYTES are \"forward/reverse\". Without a controller flows come "
               "from the pins: these do not know the rule.",
       .example = "xdpctl flow list proto tcp dport 443 --sort -bytes",
       .path = "/v1/flows",
       .view = {
           .rows = "flows", .columns = FlowColumns(), .name = FlowName()}});
  AddFlowWatch(*flow, session);
  AddFlowLog(*flow, session);
}

}  // namespace rampart::xdpctl
