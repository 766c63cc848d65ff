// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  ChangeOptions options;
  std::string name;
  std::string comment;
};

std::string IdOf(const Json& answer) {
  const Json& id = At(answer, "id");
  return id.is_null() ? "" : absl::StrCat(" with ID ", Cell(id));
}

absl::StatusOr<int> Add(Session& session, const Arguments& arguments) {
  Json body = {{"name", arguments.name}};
  if (!arguments.comment.empty()) body["comment"] = arguments.comment;
  return Change(session, arguments.options,
                {.method = "POST", .path = PathOf({}), .body = body},
                "tenant " + arguments.name, &IdOf);
}

absl::StatusOr<int> Set(Session& session, const Arguments& arguments) {
  return Change(session, arguments.options,
                {.method = "PATCH",
                 .path = PathOf({arguments.name}),
                 .body = {{"comment", arguments.comment}}},
                "tenant " + arguments.name);
}

absl::StatusOr<int> Delete(Session& session, const Arguments& arguments) {
  return Change(session, arguments.options,
                {.method = "DELETE", .path = PathOf({arguments.name})},
                "tenant " + arguments.name);
}

void PrintUsage(std::ostream& out, const Json& usage) {
  const auto count = [&](const char* field) { return Cell(At(usage, field)); };
  out << "tenant " << count("tenant") << ": " << count("vnets") << " vnets, "
      << count("tunnels") << " tunnels, " << count("routes") << " routes, "
      << count("policies") << " policy rules\n"
      << "flows: " << Cell(At(At(usage, "flows"), "now")) << " now, "
      << Cell(At(At(usage, "flows"), "started")) << " started, "
      << Cell(At(At(usage, "flows"), "ended")) << " ended; "
      << count("nat_mappings") << " NAT mappings\n";
  for (const char* field : {"forwarded", "punted", "passed", "dropped"})
    out << field << ": " << Cell(At(At(usage, field), "packets"))
        << " packets, " << Cell(At(At(usage, field), "bytes")) << " bytes\n";
}

absl::StatusOr<int> Usage(Session& session, const Arguments& arguments) {
  std::string tenant = arguments.name;
  if (tenant.empty()) {
    ASSIGN_OR_RETURN(const Target only, FindTarget(session, "", ""));
    tenant = only.tenant;
  }
  ASSIGN_OR_RETURN(const Json usage, session.Get(PathOf({tenant, "usage"})));
  session.Print(usage, [&] { PrintUsage(session.env.out, usage); });
  return kOk;
}

CLI::App* AddVerb(CLI::App& noun, Session& session, Command command,
                  absl::StatusOr<int> (*run)(Session&, const Arguments&),
                  bool named = true) {
  auto arguments = std::make_shared<Arguments>();
  command.run = [&session, arguments, run] { return run(session, *arguments); };
  command.exits = {{kNotFound, "there is no such tenant"}};
  const std::string name = command.name;
  CLI::App* verb = AddCommand(noun, session, std::move(command));
  CLI::Option* option =
      verb->add_option("name", arguments->name, "Name of the tenant")
          ->type_name("TENANT");
  if (named) option->required();
  if (name == "add")
    verb->add_option("comment", arguments->comment, "What it is for");
  if (name == "set")
    verb->add_option("--comment", arguments->comment, "What it is for")
        ->type_name("TEXT")
        ->required();
  if (name != "usage") AddChangeOptions(*verb, arguments->options);
  return verb;
}

}  // namespace

void AddTenant(CLI::App& app, Session& session) {
  CLI::App* tenant = app.add_subcommand("tenant", "Tenants");
  AddList(
      *tenant, session,
      {.noun = "tenant",
       .help = "Every tenant",
       .path = "/v1/tenants",
       .view = {.rows = "tenants",
                .columns = {
                    {"NAME", "name"},
                    {"ID", "id"},
                    {"DEFAULT-VNET", "default_vnet"},
                    {"VNETS", "vnets"},
                    {"TUNNELS", "tunnels"},
                    {"ROUTES", "routes"},
                    {"POLICIES", "policies"},
                    {.header = "COMMENT", .field = "comment", .wide = true}}}});
  AddVerb(*tenant, session,
          {.name = "add",
           .summary = "Add a tenant, with a default vnet",
           .example = "xdpctl tenant add acme \"Acme Ltd\"",
           .shows = Shows::kAction},
          &Add);
  AddVerb(*tenant, session,
          {.name = "set",
           .summary = "Change a tenant",
           .example = "xdpctl tenant set acme --comment \"Acme plc\"",
           .shows = Shows::kAction},
          &Set);
  AddVerb(*tenant, session,
          {.name = "delete",
           .summary = "Delete a tenant and all that it has",
           .text = "Its flows end. --dry-run says how many there are.",
           .example = "xdpctl tenant delete acme --dry-run",
           .shows = Shows::kAction},
          &Delete);
  AddVerb(*tenant, session,
          {.name = "usage",
           .summary = "What a tenant has, and what goes through it",
           .example = "xdpctl tenant usage acme",
           .shows = Shows::kPage},
          &Usage, /*named=*/false);
}

}  // namespace rampart::xdpctl
