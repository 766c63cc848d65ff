// SPDX-License-Identifier: Apache-2.0
// flow watch: what came and went between two looks at the flows.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "tools/xdpctl/flow_columns.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/selected_list.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

using Words = std::shared_ptr<std::vector<std::string>>;
// Rows by what tells flows apart.
using Flows = std::map<std::string, Json>;

// Bounds the work of controller and client in each round.
constexpr int kMostFlows = 20000;
constexpr double kSecondsBetween = 1;

RowsView View() {
  RowsView view = {
      .rows = "events", .columns = FlowColumns(), .name = FlowName()};
  view.columns.insert(view.columns.begin(), {"EVENT", "event"});
  return view;
}

absl::StatusOr<Flows> Look(Session& session, const Query& query) {
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/flows", query));
  const RowsView view = View();
  Flows flows;
  for (const Json& row : At(document, "flows")) flows[NameOf(row, view)] = row;
  if (At(document, "truncated") == true)
    return absl::InvalidArgumentError(absl::StrCat(
        "flow watch: ", Cell(At(document, "matched")), " flows, more than ",
        kMostFlows, " cannot be followed; selectors choose some"));
  return flows;
}

void AddEvents(const char* event, const Flows& from, const Flows& without,
               Json& events) {
  for (const auto& [name, row] : from) {
    if (without.contains(name)) continue;
    Json told = {{"event", event}};
    told.update(row);
    events.push_back(std::move(told));
  }
}

absl::StatusOr<int> Watch(Session& session,
                          const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(Query query, SelectorWords(words));
  query.emplace_back("limit", absl::StrCat(kMostFlows));
  ASSIGN_OR_RETURN(Flows before, Look(session, query));
  Options& options = session.options;
  const double seconds = options.watch > 0 ? options.watch : kSecondsBetween;
  for (uint32_t round = 0; round == 0 || round != options.rounds; ++round) {
    if (!session.env.wait(seconds)) break;
    ASSIGN_OR_RETURN(Flows now, Look(session, query));
    Json document = Document("flow-events");
    document["events"] = Json::array();
    AddEvents("new", now, before, document["events"]);
    AddEvents("end", before, now, document["events"]);
    before = std::move(now);
    if (document["events"].empty()) continue;
    RETURN_IF_ERROR(PrintList(session, document, View()));
    session.env.out.flush();
    options.no_headers = true;
  }
  return kOk;
}

}  // namespace

void AddFlowWatch(CLI::App& flow, Session& session) {
  const Words words = std::make_shared<std::vector<std::string>>();
  CLI::App* watch = AddCommand(
      flow, session,
      {.name = "watch",
       .summary = "Flows as they come and go",
       .text = "Looks every second, or every -w SECONDS, until interrupted or "
               "-c N times. A flow that comes and goes between two looks is "
               "not seen; flow history has all.",
       .example = "xdpctl flow watch proto udp dport 53 -c 3",
       .shows = Shows::kStream,
       .run = [&session, words] { return Watch(session, *words); }});
  AddSelectors(*watch, *words);
}

}  // namespace rampart::xdpctl
