// SPDX-License-Identifier: Apache-2.0
// Routes, and `route get`: one sentence that says which way, and why.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct GetArguments {
  std::string address;
  std::string vnet;
};

// "via tunnel fra", "via internet pool default", "via blackhole".
std::string Via(const Json& route) {
  const std::string kind = Cell(At(route, "kind"));
  if (kind == "tunnel")
    return absl::StrCat("via tunnel ", Cell(At(route, "tunnel")));
  if (kind == "internet")
    return absl::StrCat("via internet pool ", Cell(At(route, "pool")));
  return absl::StrCat("via ", kind);
}

// "up 2 of 2 peers rtt 4.1 ms", "down 0 of 1 peers"; "2 peers" if nobody asks
// them.
std::string Health(const Json& route) {
  const std::string peers = absl::StrCat(
      Cell(At(route, "peers")), At(route, "peers") == 1 ? " peer" : " peers");
  const Json& state = At(route, "state");
  if (!state.is_string() || state == "unprobed") return peers;
  std::string text = absl::StrCat(Cell(state), " ", Cell(At(route, "peers_up")),
                                  " of ", peers);
  if (const Json& rtt = At(route, "rtt_ms"); rtt.is_number())
    absl::StrAppend(&text, " rtt ", absl::StrFormat("%.1f", rtt.get<double>()),
                    " ms");
  return text;
}

std::string Winner(const Json& document) {
  const Json& route = At(document, "route");
  std::string text = absl::StrCat(
      Cell(At(document, "address")), " tenant ", Cell(At(route, "tenant")),
      " vnet ", Cell(At(route, "vnet")),
      At(route, "default") == true ? " (default) " : " ", Via(route));
  if (const Json& device = At(route, "device"); !device.is_null())
    absl::StrAppend(&text, " device ", Cell(device));
  if (!At(route, "peers").is_null()) absl::StrAppend(&text, " ", Health(route));
  absl::StrAppend(&text, " edge ", Cell(At(document, "edge")), " match ",
                  Cell(At(route, "cidr")));
  return text;
}

void PrintAnswer(Session& session, const Json& document) {
  std::ostream& out = session.env.out;
  out << Winner(document) << '\n';
  for (const Json& route : At(document, "also"))
    out << "    also: " << Cell(At(route, "cidr")) << " vnet "
        << Cell(At(route, "vnet")) << ' ' << Via(route)
        << "   (another vnet: --vnet " << Cell(At(route, "tenant")) << '/'
        << Cell(At(route, "vnet")) << ")\n";
  for (const Json& route : At(document, "lost"))
    out << "    lost: " << Cell(At(route, "cidr")) << " vnet "
        << Cell(At(route, "vnet")) << ' ' << Via(route) << "   ("
        << Cell(At(route, "why")) << ")\n";
}

absl::StatusOr<int> Get(Session& session, const GetArguments& arguments) {
  Query query = {{"address", arguments.address}};
  if (!arguments.vnet.empty()) query.emplace_back("vnet", arguments.vnet);
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/route", query));
  session.Print(document, [&] { PrintAnswer(session, document); });
  return kOk;
}

}  // namespace

void AddRoute(CLI::App& app, Session& session) {
  CLI::App* route = app.add_subcommand("route", "Routes");
  AddList(*route, session,
          {.noun = "route",
           .help = "Every route of every vnet",
           .path = "/v1/routes",
           .view = {.rows = "routes",
                    .columns = {{"TENANT", "tenant"},
                                {"VNET", "vnet"},
                                {"CIDR", "cidr"},
                                {"VIA", "via"},
                                {"KIND", "kind"},
                                {"POOL", "pool"}},
                    .name = {"tenant", "vnet", "cidr"}},
           .get = false});
  AddRouteChanges(*route, session);
  auto arguments = std::make_shared<GetArguments>();
  CLI::App* get = AddCommand(
      *route, session,
      {.name = "get",
       .summary = "Which way an address goes, and why not another",
       .text = "The first line is the route that wins. `lost` are those that "
               "it beats, `also` those of the tenant's other vnets.",
       .example = "xdpctl route get 10.1.2.3",
       .exits = {{kNotFound, "nothing routes there"}},
       .shows = Shows::kPage,
       .run = [&session, arguments] { return Get(session, *arguments); }});
  get->add_option("address", arguments->address, "IPv4 or IPv6 address")
      ->type_name("ADDRESS")
      ->required();
  get->add_option("--vnet", arguments->vnet,
                  "frankfurt, or acme/frankfurt where names are used twice; "
                  "without it the default vnet")
      ->type_name("VNET");
  AddRouteReach(*route, session);
}

}  // namespace rampart::xdpctl
