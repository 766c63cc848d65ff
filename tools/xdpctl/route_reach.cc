// SPDX-License-Identifier: Apache-2.0
// Questions about all routes together: which share addresses, who reaches a
// network, what hosts have to be told.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  std::string cidr;
  std::string tenant;
  std::string vnet;
  uint64_t limit = 1000;
};

Query QueryOf(const Arguments& arguments) {
  Query query;
  for (const auto& [name, value] : {std::pair("cidr", arguments.cidr),
                                    {"tenant", arguments.tenant},
                                    {"vnet", arguments.vnet}})
    if (!value.empty()) query.emplace_back(name, value);
  if (arguments.limit != Arguments().limit)
    query.emplace_back("limit", absl::StrCat(arguments.limit));
  return query;
}

void AddScope(CLI::App& command, Arguments& arguments) {
  command.add_option("-T,--tenant", arguments.tenant, "Only of this tenant")
      ->type_name("TENANT");
  command.add_option("--vnet", arguments.vnet, "Only of this vnet")
      ->type_name("VNET");
  command.add_option("--limit", arguments.limit, "How many are shown")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

absl::StatusOr<int> Overlaps(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/route/overlaps", QueryOf(arguments)));
  RETURN_IF_ERROR(PrintList(
      session, document,
      {.rows = "overlaps",
       .columns = {{"TENANT", "tenant"},
                   {"NETWORK A", "cidr"},
                   {"VNET A", "vnet"},
                   {"VIA A", "via"},
                   {"NETWORK B", "other_cidr"},
                   {"VNET B", "other_vnet"},
                   {"VIA B", "other_via"},
                   {"KIND", "text"}},
       .name = {"tenant", "vnet", "cidr", "other_vnet", "other_cidr"}}));
  const size_t shown = At(document, "overlaps").size();
  if (At(document, "total") > shown)
    session.env.err << "xdpctl: note: the first " << shown << " of "
                    << Cell(At(document, "total"))
                    << " are shown; --limit N shows more\n";
  return kOk;
}

// A list, or what an empty one stands for.
std::string OrAny(const Json& list, std::string_view any) {
  return list.empty() ? std::string(any) : Cell(list);
}
std::string Sources(const Json& row) {
  return OrAny(At(row, "sources"), "any");
}
std::string Ports(const Json& row) { return OrAny(At(row, "ports"), "any"); }
// Beside addresses and ports: who, from which device, when.
std::string Who(const Json& row) {
  std::vector<std::string> parts;
  if (!At(row, "identities").empty())
    parts.push_back(Cell(At(row, "identities")));
  if (!At(row, "context").empty()) parts.push_back(Cell(At(row, "context")));
  if (At(row, "at_times") == true) parts.push_back("at times");
  return parts.empty() ? "anybody" : absl::StrJoin(parts, "; ");
}

void PrintWhoCan(Session& session, const Json& document) {
  std::ostream& out = session.env.out;
  out << Cell(At(document, "cidr")) << " is reached by\n";
  PrintRows(session, At(document, "targets"),
            {{"TENANT", "tenant"},
             {"VNET", "vnet"},
             {"DEFAULT", "default"},
             {"PART", "part"},
             {"ROUTE", "cidr"},
             {"VIA", "via"}});
  out << '\n';
  if (At(document, "access").empty()) {
    out << "nobody may open flows there: no rule allows any\n";
    return;
  }
  out << "and flows there may be opened\n";
  PrintRows(session, At(document, "access"),
            {{"VNET", "vnet"},
             {"FROM", "from"},
             {"SOURCES", "", &Sources},
             {"WHO", "", &Who},
             {"TO", "to"},
             {"PROTOCOL", "protocol"},
             {"PORTS", "", &Ports},
             {"RULE", "rule"},
             {"UNLESS", "unless"}});
  if (At(document, "left_out") != 0)
    session.env.err << "xdpctl: note: " << Cell(At(document, "left_out"))
                    << " rows are left out; --limit N shows more\n";
}

absl::StatusOr<int> WhoCan(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/route/who-can", QueryOf(arguments)));
  session.Print(document, [&] { PrintWhoCan(session, document); });
  return kOk;
}

void PrintAdvice(Session& session, const Json& document) {
  std::ostream& out = session.env.out;
  for (const Json& advice : At(document, "advice")) {
    out << "# " << Cell(At(advice, "tenant")) << '/' << Cell(At(advice, "vnet"))
        << ": the gateway of the hosts behind " << Cell(At(advice, "device"))
        << " (tunnel " << Cell(At(advice, "tunnel")) << "), or each host\n";
    for (const Json& line : At(advice, "lines")) out << Cell(line) << '\n';
    for (const Json& cidr : At(advice, "missing"))
      out << "# " << Cell(cidr) << ": give " << Cell(At(advice, "device"))
          << " an address of this family first\n";
  }
  if (At(document, "advice").empty())
    out << "# no tunnel leads to an interface of this edge: the other ends of "
           "tunnels route into them by themselves\n";
}

absl::StatusOr<int> Advise(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/route/advise", QueryOf(arguments)));
  session.Print(document, [&] { PrintAdvice(session, document); });
  return kOk;
}

}  // namespace

void AddRouteReach(CLI::App& route, Session& session) {
  auto of = std::make_shared<Arguments>();
  CLI::App* overlaps = AddCommand(
      route, session,
      {.name = "overlaps",
       .summary = "Pairs of routes that share addresses",
       .text = "The wider network is A. Within one vnet the narrower one "
               "decides; in separate vnets both are in force at once.",
       .example = "xdpctl route overlaps --vnet frankfurt",
       .run = [&session, of] { return Overlaps(session, *of); }});
  AddScope(*overlaps, *of);

  auto to = std::make_shared<Arguments>();
  CLI::App* who_can = AddCommand(
      route, session,
      {.name = "who-can",
       .summary = "Who may reach a network, and by which rules",
       .text = "All vnets that route the network or a part of it, and the "
               "rules that allow flows there, in their order. A rule under "
               "UNLESS comes first and may refuse what the row allows; xdpctl "
               "explain tells about one packet.",
       .example = "xdpctl route who-can 192.168.2.0/28",
       .exits = {{kNotFound, "nothing routes there"}},
       .shows = Shows::kPage,
       .run = [&session, to] { return WhoCan(session, *to); }});
  who_can->add_option("cidr", to->cidr, "A network, or an address in it")
      ->type_name("CIDR")
      ->required();
  AddScope(*who_can, *to);

  auto in = std::make_shared<Arguments>();
  CLI::App* advise = AddCommand(
      route, session,
      {.name = "advise",
       .summary = "Static routes for the hosts behind this edge's interfaces",
       .text = "Commands for the gateway of these hosts, or for each of them, "
               "so that they send here what goes through tunnels. Where this "
               "edge is their default gateway none is needed.",
       .example = "xdpctl route advise",
       .shows = Shows::kPage,
       .run = [&session, in] { return Advise(session, *in); }});
  advise->add_option("--vnet", in->vnet, "Only of this vnet")
      ->type_name("VNET");
}

}  // namespace rampart::xdpctl
