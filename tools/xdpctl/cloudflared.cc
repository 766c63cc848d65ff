// SPDX-License-Identifier: Apache-2.0
// The commands of cloudflared that manage networks, with what it prints, for
// scripts and hands that know them.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  ChangeOptions options;
  std::string name;  // or network, or address
  std::string other;
  std::string vnet;
  bool make_default = false;
};

// "API error: Failed to add route: code: 1014, reason: ...".
absl::Status ApiError(const char* failed, const absl::Status& status) {
  constexpr char kTaken[] =
      "code: 1014, reason: You already have a route defined for this exact "
      "IP subnet";
  if (absl::StrContains(status.message(), "(code 1014)"))
    return absl::Status(status.code(),
                        absl::StrCat("API error: ", failed, ": ", kTaken));
  return absl::Status(status.code(), absl::StrCat("API error: ", failed, ": ",
                                                  status.message()));
}

absl::StatusOr<Json> Ask(Session& session, const Arguments& arguments,
                         const char* failed, Request request) {
  absl::StatusOr<Json> answer =
      SendChange(session, arguments.options, std::move(request));
  if (!answer.ok()) return ApiError(failed, answer.status());
  return answer;
}

absl::StatusOr<int> AddVnet(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const Target vnet,
      FindTarget(session, arguments.options.tenant, arguments.name));
  Json body = {{"name", vnet.name}};
  if (arguments.make_default) body["default"] = true;
  if (!arguments.other.empty()) body["comment"] = arguments.other;
  ASSIGN_OR_RETURN(const Json answer,
                   Ask(session, arguments, "Failed to add virtual network",
                       {.method = "POST",
                        .path = PathOf({vnet.tenant, "vnets"}),
                        .body = body}));
  const Json& added = At(answer, "object");
  session.env.out << "Successfully added virtual network " << vnet.name
                  << " with ID: " << Cell(At(added, "vni"))
                  << (At(added, "default") == true
                          ? " (as the new default for this account)"
                          : "")
                  << '\n';
  return kOk;
}

absl::StatusOr<int> UpdateVnet(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const Target vnet,
      FindTarget(session, arguments.options.tenant, arguments.name));
  Json body = Json::object();
  if (arguments.make_default) body["default"] = true;
  if (!arguments.other.empty()) body["comment"] = arguments.other;
  RETURN_IF_ERROR(Ask(session, arguments, "Failed to update virtual network",
                      {.method = "PATCH",
                       .path = PathOf({vnet.tenant, "vnets", vnet.name}),
                       .body = body})
                      .status());
  session.env.out << "Successfully updated virtual network " << vnet.name
                  << '\n';
  return kOk;
}

absl::StatusOr<int> DeleteVnet(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const Target vnet,
      FindTarget(session, arguments.options.tenant, arguments.name));
  RETURN_IF_ERROR(Ask(session, arguments, "Failed to delete virtual network",
                      {.method = "DELETE",
                       .path = PathOf({vnet.tenant, "vnets", vnet.name})})
                      .status());
  session.env.out << "Successfully deleted virtual network " << vnet.name
                  << '\n';
  return kOk;
}

absl::StatusOr<int> CreateTunnel(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const Target tunnel,
      FindTarget(session, arguments.options.tenant, arguments.name));
  ASSIGN_OR_RETURN(const Json answer,
                   Ask(session, arguments, "Failed to create tunnel",
                       {.method = "POST",
                        .path = PathOf({tunnel.tenant, "tunnels"}),
                        .body = {{"name", tunnel.name}, {"type", "gue"}}}));
  session.env.out << "Created tunnel " << tunnel.name << " with id "
                  << Cell(At(answer, "id")) << '\n';
  return kOk;
}

absl::StatusOr<int> DeleteTunnel(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const Target tunnel,
      FindTarget(session, arguments.options.tenant, arguments.name));
  RETURN_IF_ERROR(Ask(session, arguments, "Failed to delete tunnel",
                      {.method = "DELETE",
                       .path = PathOf({tunnel.tenant, "tunnels", tunnel.name})})
                      .status());
  session.env.out << "Deleted tunnel " << tunnel.name << '\n';
  return kOk;
}

// Tenant and vnet of a route. name: of the vnet; "": the default one.
absl::StatusOr<Target> RouteVnet(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Target vnet, FindTarget(session, arguments.options.tenant,
                                           arguments.vnet));
  if (vnet.name.empty()) {
    ASSIGN_OR_RETURN(vnet.name, DefaultVnet(session, vnet.tenant));
  }
  return vnet;
}

absl::StatusOr<int> AddRoute(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Target vnet, RouteVnet(session, arguments));
  RETURN_IF_ERROR(Ask(session, arguments, "Failed to add route",
                      {.method = "POST",
                       .path = PathOf({vnet.tenant, "routes"}),
                       .body = {{"cidr", arguments.name},
                                {"via", arguments.other},
                                {"vnet", vnet.name}}})
                      .status());
  session.env.out << "Successfully added route for " << arguments.name
                  << " over tunnel " << arguments.other << '\n';
  return kOk;
}

absl::StatusOr<int> DeleteRoute(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Target vnet, RouteVnet(session, arguments));
  RETURN_IF_ERROR(
      Ask(session, arguments, "Failed to delete route",
          {.method = "DELETE",
           .path = PathOf({vnet.tenant, "routes", vnet.name, arguments.name})})
          .status());
  session.env.out << "Successfully deleted route for " << arguments.name
                  << '\n';
  return kOk;
}

// cloudflared's columns; numbers stand where it has UUIDs.
absl::StatusOr<int> GetRoute(Session& session, const Arguments& arguments) {
  Query query = {{"address", arguments.name}};
  if (!arguments.vnet.empty()) query.emplace_back("vnet", arguments.vnet);
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/route", query));
  const Json& route = At(document, "route");
  const Json row = {{"network", Cell(At(route, "cidr"))},
                    {"vnet", Cell(At(route, "vnet"))},
                    {"tunnel", Cell(At(route, "tunnel"))}};
  PrintRows(session, Json::array({row}),
            {{"NETWORK", "network"},
             {"VIRTUAL NETWORK", "vnet"},
             {"TUNNEL NAME", "tunnel"}});
  return kOk;
}

absl::StatusOr<int> ListRows(Session& session, const char* path,
                             const RowsView& view) {
  ASSIGN_OR_RETURN(const Json document, session.Get(path));
  RETURN_IF_ERROR(PrintList(session, document, view));
  return kOk;
}

absl::StatusOr<int> ListVnets(Session& session, const Arguments&) {
  return ListRows(session, "/v1/vnets",
                  {.rows = "vnets",
                   .columns = {{"ID", "vni"},
                               {"NAME", "name"},
                               {"IS DEFAULT", "default"},
                               {"COMMENT", "comment"}},
                   .name = {"tenant", "name"}});
}

absl::StatusOr<int> ListTunnels(Session& session, const Arguments&) {
  return ListRows(session, "/v1/tunnels",
                  {.rows = "tunnels",
                   .columns = {{"ID", "id"}, {"NAME", "name"}},
                   .name = {"tenant", "name"}});
}

absl::StatusOr<int> ListRoutes(Session& session, const Arguments&) {
  return ListRows(session, "/v1/routes",
                  {.rows = "routes",
                   .columns = {{"NETWORK", "cidr"},
                               {"VIRTUAL NETWORK", "vnet"},
                               {"COMMENT", "comment"},
                               {"TUNNEL NAME", "via"}},
                   .name = {"tenant", "vnet", "cidr"}});
}

using RunVerb = absl::StatusOr<int> (*)(Session&, const Arguments&);

// first, second: what the verb takes; null: nothing.
CLI::App* AddVerb(CLI::App& noun, Session& session, Command command,
                  RunVerb run, const char* first, const char* second,
                  const std::shared_ptr<Arguments>& arguments) {
  command.run = [&session, run, arguments] { return run(session, *arguments); };
  if (command.shows != Shows::kList) command.shows = Shows::kAction;
  CLI::App* verb = AddCommand(noun, session, std::move(command));
  if (first != nullptr)
    verb->add_option(first, arguments->name, "")->required();
  if (second != nullptr) verb->add_option(second, arguments->other, "");
  verb->add_option("-T,--tenant", arguments->options.tenant,
                   "Whose it is; needed if there are several tenants")
      ->type_name("TENANT");
  return verb;
}

void AddVnetVerbs(CLI::App& tunnel, Session& session) {
  CLI::App* vnet = tunnel.add_subcommand("vnet", "Virtual networks");
  auto arguments = std::make_shared<Arguments>();
  AddVerb(*vnet, session,
          {.name = "add",
           .summary = "Add a virtual network",
           .example = "xdpctl cloudflared tunnel vnet add --default "
                      "vnet-frankfurt \"For London\"",
           .shows = Shows::kAction},
          &AddVnet, "NAME", "COMMENT", arguments)
      ->add_flag("-d,--default", arguments->make_default,
                 "Make it the default of the account");
  arguments = std::make_shared<Arguments>();
  CLI::App* update = AddVerb(
      *vnet, session,
      {.name = "update",
       .summary = "Change a virtual network",
       .example = "xdpctl cloudflared tunnel vnet update --default sydney",
       .shows = Shows::kAction},
      &UpdateVnet, "NAME", nullptr, arguments);
  update->add_flag("-d,--default", arguments->make_default,
                   "Make it the default of the account");
  update->add_option("--comment", arguments->other, "What it is for");
  AddVerb(*vnet, session,
          {.name = "delete",
           .summary = "Delete a virtual network",
           .example = "xdpctl cloudflared tunnel vnet delete sydney",
           .shows = Shows::kAction},
          &DeleteVnet, "NAME", nullptr, std::make_shared<Arguments>());
  AddVerb(*vnet, session,
          {.name = "list",
           .summary = "Every virtual network",
           .example = "xdpctl cloudflared tunnel vnet list"},
          &ListVnets, nullptr, nullptr, std::make_shared<Arguments>());
}

void AddRouteVerb(CLI::App& ip, Session& session, Command command, RunVerb run,
                  const char* first, const char* second) {
  auto arguments = std::make_shared<Arguments>();
  AddVerb(ip, session, std::move(command), run, first, second, arguments)
      ->add_option("-v,--vnet", arguments->vnet,
                   "Without it the default virtual network")
      ->type_name("VNET");
}

void AddRouteVerbs(CLI::App& tunnel, Session& session) {
  CLI::App* route = tunnel.add_subcommand("route", "Routes");
  CLI::App* ip = route->add_subcommand("ip", "Routes of networks");
  AddRouteVerb(*ip, session,
               {.name = "add",
                .summary = "Route a network over a tunnel",
                .example = "xdpctl cloudflared tunnel route ip add --vnet "
                           "vnet-frankfurt 10.1.0.0/16 tunnel-fra",
                .shows = Shows::kAction},
               &AddRoute, "CIDR", "TUNNEL");
  AddRouteVerb(*ip, session,
               {.name = "delete",
                .summary = "Delete a route",
                .example = "xdpctl cloudflared tunnel route ip delete "
                           "10.1.0.0/16",
                .shows = Shows::kAction},
               &DeleteRoute, "CIDR", nullptr);
  AddRouteVerb(*ip, session,
               {.name = "get",
                .summary = "Which route an address takes",
                .example = "xdpctl cloudflared tunnel route ip get 10.1.2.3",
                .shows = Shows::kAction},
               &GetRoute, "ADDRESS", nullptr);
  AddVerb(*ip, session,
          {.name = "show",
           .aliases = {"list"},
           .summary = "Every route",
           .example = "xdpctl cloudflared tunnel route ip show"},
          &ListRoutes, nullptr, nullptr, std::make_shared<Arguments>());
}

}  // namespace

void AddCloudflared(CLI::App& app, Session& session) {
  CLI::App* cloudflared = app.add_subcommand(
      "cloudflared", "Commands of cloudflared that manage networks, verbatim");
  CLI::App* tunnel = cloudflared->add_subcommand("tunnel", "Tunnels");
  AddVerb(*tunnel, session,
          {.name = "create",
           .summary = "Create a tunnel",
           .example = "xdpctl cloudflared tunnel create tunnel-fra",
           .shows = Shows::kAction},
          &CreateTunnel, "NAME", nullptr, std::make_shared<Arguments>());
  AddVerb(*tunnel, session,
          {.name = "delete",
           .summary = "Delete a tunnel",
           .example = "xdpctl cloudflared tunnel delete tunnel-fra",
           .shows = Shows::kAction},
          &DeleteTunnel, "NAME", nullptr, std::make_shared<Arguments>());
  AddVerb(*tunnel, session,
          {.name = "list",
           .summary = "Every tunnel",
           .example = "xdpctl cloudflared tunnel list"},
          &ListTunnels, nullptr, nullptr, std::make_shared<Arguments>());
  AddVnetVerbs(*tunnel, session);
  AddRouteVerbs(*tunnel, session);
}

}  // namespace rampart::xdpctl
