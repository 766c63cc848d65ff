// SPDX-License-Identifier: Apache-2.0
// policy rehearse: the flows of the past, decided about by other resources.
// Reads the files by itself, so it needs no controller and holds none up.
#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/compile/snapshot.h"
#include "controller/config/edge_config.h"
#include "controller/flow/packet.h"
#include "controller/flow_log/history_query.h"
#include "controller/policy/policy_hooks.h"
#include "controller/store/ids.h"
#include "maps/realm.h"
#include "tools/xdpctl/change.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);  // of a page
constexpr int kPage = 20000;                             // records

struct Arguments {
  std::string file;
  std::string last = "7d";
  std::string config;
  bool all = false;
};

// What was decided and what would be, of flows that have it in common.
struct Kind {
  std::string tenant, vnet, was, rule, then, rule_then;
  friend auto operator<=>(const Kind&, const Kind&) = default;
};
struct Seen {
  uint64_t flows = 0;
  std::string last;
  std::string example;
};

// The resources of the file, as this edge would have them.
absl::StatusOr<std::unique_ptr<Snapshot>> Compile(Session& session,
                                                  const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(session, arguments.file));
  const std::string& path =
      arguments.config.empty() ? session.options.config : arguments.config;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream config;
  config << in.rdbuf();
  if (!in)
    return absl::NotFoundError(absl::StrCat(
        "rehearse: ", path,
        ": cannot be read, and resources need the pools that it names; name "
        "rampartd.yaml with --config"));
  ASSIGN_OR_RETURN(EdgeConfig edge, ParseEdgeConfig(path, config.str()));
  ASSIGN_OR_RETURN(
      Resources resources,
      ParseResources(arguments.file == "-" ? "<stdin>" : arguments.file, text,
                     edge));
  Ids ids;
  ASSIGN_OR_RETURN(const std::vector<NewId> given,
                   AssignIds(resources, Resources(), ids));
  return std::make_unique<Snapshot>(std::move(edge), std::move(resources), 1);
}

const Vnet* FindVnet(const Tenant& tenant, const std::string& name) {
  for (const Vnet& vnet : tenant.vnets)
    if (vnet.name == name) return &vnet;
  return nullptr;
}

class Rehearsal {
 public:
  explicit Rehearsal(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const Tenant& tenant : snapshot.resources().tenants)
      tenants_[tenant.name] = &tenant;
  }

  void Add(const Json& record);
  Json ToJson(bool all) const;

 private:
  // What would be decided, and by which rule.
  std::pair<std::string, std::string> Decide(const Json& record);

  const Snapshot& snapshot_;
  std::map<std::string, const Tenant*> tenants_;
  PolicyHooks policy_;
  std::map<Kind, Seen> kinds_;
  uint64_t flows_ = 0;
};

// As its first packet came on; one from outside as it goes on to its host.
std::optional<FlowTuple> TupleIn(const Json& record, uint32_t realm) {
  const bool inbound = At(record, "on_ramp") == "internet";
  const auto source = IpAddress::Parse(Cell(At(record, "src")));
  const auto destination =
      IpAddress::Parse(Cell(At(record, inbound ? "to_dst" : "dst")));
  const auto protocol = ParseProtocol(Cell(At(record, "proto")));
  const auto port = [&](const char* field) {
    const Json& value = At(record, field);
    return value.is_number() ? value.get<uint16_t>() : uint16_t{0};
  };
  if (!source.ok() || !destination.ok() || !protocol.ok()) return std::nullopt;
  return FlowTuple{
      .realm = realm,
      .source = {*source, port("sport")},
      .destination = {*destination, port(inbound ? "to_dport" : "dport")},
      .protocol = *protocol};
}

std::pair<std::string, std::string> Rehearsal::Decide(const Json& record) {
  const auto tenant = tenants_.find(Cell(At(record, "tenant")));
  if (tenant == tenants_.end()) return {"no tenant", ""};
  const Vnet* vnet = FindVnet(*tenant->second, Cell(At(record, "vnet")));
  if (vnet == nullptr) return {"no vnet", ""};
  Snapshot::TunnelRef on_ramp;
  const std::string name = Cell(At(record, "on_ramp"));
  for (const Tunnel& tunnel : tenant->second->tunnels)
    if (tunnel.name == name) on_ramp = snapshot_.FindTunnel(tunnel.id);
  if (on_ramp.tunnel == nullptr && name != "internet") return {"no tunnel", ""};
  const auto tuple = TupleIn(record, vnet->vni);
  if (!tuple) return {"unknown", ""};
  const auto route =
      snapshot_.FindRoute(tuple->realm, tuple->destination.address);
  if (!route || route->route->kind == Route::Kind::kBlackhole)
    return {"no route", ""};
  absl::Time time = absl::Now();
  std::string error;
  absl::ParseTime(absl::RFC3339_full, Cell(At(record, "time")), &time, &error);
  FlowStart start = MakeFlowStart(*tuple, snapshot_.FindVnet(tuple->realm),
                                  on_ramp, *route, time);
  start.icmp_type = EchoTypeOf(*tuple);
  const Decision decision = policy_.OnFlowStart(start);
  return {decision.action == Decision::Action::kAllow ? "allow" : "refuse",
          decision.rule};
}

void Rehearsal::Add(const Json& record) {
  ++flows_;
  auto [then, rule] = Decide(record);
  Seen& seen =
      kinds_[{.tenant = Cell(At(record, "tenant")),
              .vnet = Cell(At(record, "vnet")),
              .was = At(record, "event") == "START" ? "allow" : "refuse",
              .rule = Cell(At(record, "rule")),
              .then = std::move(then),
              .rule_then = std::move(rule)}];
  ++seen.flows;
  seen.last = Cell(At(record, "time"));
  if (seen.flows == 1)
    seen.example = absl::StrCat(
        Cell(At(record, "proto")), " ",
        EndpointCell(At(record, "src"), At(record, "sport")), " to ",
        EndpointCell(At(record, "dst"), At(record, "dport")));
}

Json Rehearsal::ToJson(bool all) const {
  Json document = Document("policy-rehearsal");
  uint64_t changed = 0;
  Json rows = Json::array();
  for (const auto& [kind, seen] : kinds_) {
    if (kind.was != kind.then) changed += seen.flows;
    if (kind.was == kind.then && !all) continue;
    rows.push_back({{"tenant", kind.tenant},
                    {"vnet", kind.vnet},
                    {"was", kind.was},
                    {"rule", kind.rule},
                    {"then", kind.then},
                    {"rule_then", kind.rule_then},
                    {"flows", seen.flows},
                    {"last", seen.last},
                    {"example", seen.example}});
  }
  document["flows"] = flows_;
  document["changed"] = changed;
  document["changes"] = std::move(rows);
  return document;
}

absl::StatusOr<int> Rehearse(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot,
                   Compile(session, arguments));
  ASSIGN_OR_RETURN(const Json log, session.Get("/v1/flows/log"));
  const std::string file = Cell(At(log, "history"));
  Rehearsal rehearsal(*snapshot);
  std::string after = "0";
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(const Json page,
                     HistoryDocument(file,
                                     {{"last", arguments.last},
                                      {"after", after},
                                      {"limit", absl::StrCat(kPage)}},
                                     absl::Now(), kPatience));
    for (const Json& record : At(page, "records")) {
      const Json& event = At(record, "event");
      if (event == "START" || event == "DENY") rehearsal.Add(record);
      after = Cell(At(record, "seq"));
    }
    more = At(page, "truncated") == true;
  }
  const Json document = rehearsal.ToJson(arguments.all);
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "changes",
                             .columns = {{"TENANT", "tenant"},
                                         {"VNET", "vnet"},
                                         {"WAS", "was"},
                                         {"RULE", "rule"},
                                         {"THEN", "then"},
                                         {"RULE-THEN", "rule_then"},
                                         {"FLOWS", "flows"},
                                         {"LAST", "last"},
                                         {"EXAMPLE", "example"}},
                             .name = {"tenant", "vnet", "rule"}}));
  session.Note(absl::StrCat(
      "of ", Cell(At(document, "flows")), " flows of the last ", arguments.last,
      " ", Cell(At(document, "changed")), " would be decided otherwise"));
  return At(document, "changed") == 0 ? kOk : kDenied;
}

}  // namespace

void AddPolicyRehearse(CLI::App& policy, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* rehearse = AddCommand(
      policy, session,
      {.name = "rehearse",
       .summary = "What a file would have made of the flows of the past",
       .text = "Replays the flow log's history through the policies of the "
               "file: flows that were allowed and would be refused, and the "
               "other way round, by rule. Needs no controller.",
       .example = "xdpctl policy rehearse -f resources.yaml --last 7d",
       .exits = {{kNotFound, "there is no such file, or no history"},
                 {kDenied, "flows would be decided otherwise"}},
       .run = [&session, arguments] { return Rehearse(session, *arguments); }});
  rehearse
      ->add_option("-f,--file", arguments->file, "resources.yaml; - is stdin")
      ->type_name("FILE")
      ->required();
  rehearse
      ->add_option("--last", arguments->last, "Flows not older: 90m, 12h, 7d")
      ->type_name("DURATION")
      ->capture_default_str();
  rehearse
      ->add_option("--config", arguments->config,
                   "rampartd.yaml, for the pools it names")
      ->type_name("FILE");
  rehearse->add_flag("-a,--all", arguments->all,
                     "Also what would be decided as it was");
}

}  // namespace rampart::xdpctl
