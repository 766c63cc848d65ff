// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

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
  bool make_default = false;
  std::string comment;
  std::string vni;
  std::vector<std::string> router;
  const CLI::Option* comment_option = nullptr;
};

// The keys that were given.
Json BodyOf(const Arguments& arguments) {
  Json body = Json::object();
  if (arguments.make_default) body["default"] = true;
  if (arguments.comment_option->count() > 0)
    body["comment"] = arguments.comment;
  if (!arguments.vni.empty()) body["vni"] = arguments.vni;
  if (!arguments.router.empty()) body["router"] = arguments.router;
  return body;
}

std::string About(const Json& answer) {
  const Json& vnet = At(answer, "object");
  return absl::StrCat(" with VNI ", Cell(At(vnet, "vni")),
                      At(vnet, "default") == true
                          ? " as the new default for this account"
                          : "");
}

absl::StatusOr<int> Run(Session& session, const Arguments& arguments,
                        const std::string& method) {
  ASSIGN_OR_RETURN(
      const Target target,
      FindTarget(session, arguments.options.tenant, arguments.name));
  Request request = {.method = method,
                     .path = PathOf({target.tenant, "vnets", target.name})};
  if (method != "DELETE") request.body = BodyOf(arguments);
  if (method == "PATCH" && request.body.empty())
    return absl::InvalidArgumentError(
        "vnet set: nothing to set; write --default, --comment or --router");
  if (method == "POST") {
    request.path = PathOf({target.tenant, "vnets"});
    request.body["name"] = target.name;
  }
  return Change(session, arguments.options, std::move(request),
                absl::StrCat("vnet ", target.tenant, "/", target.name),
                method == "POST" ? &About : nullptr);
}

void AddVerb(CLI::App& noun, Session& session, Command command,
             const std::string& method) {
  auto arguments = std::make_shared<Arguments>();
  command.shows = Shows::kAction;
  command.exits = {{kNotFound, "there is no such tenant or vnet"}};
  command.run = [&session, arguments, method] {
    return Run(session, *arguments, method);
  };
  CLI::App* verb = AddCommand(noun, session, std::move(command));
  verb->add_option("name", arguments->name, "frankfurt, or acme/frankfurt")
      ->type_name("VNET")
      ->required();
  AddChangeOptions(*verb, arguments->options);
  if (method == "DELETE") return;
  const std::string comment = method == "POST" ? "comment" : "--comment";
  arguments->comment_option =
      verb->add_option(comment, arguments->comment, "What it is for")
          ->type_name("TEXT");
  verb->add_flag("--default", arguments->make_default,
                 "Make it the tenant's default, instead of the one that is");
  verb->add_option("--router", arguments->router,
                   "Address of the edge inside the vnet; one per family")
      ->type_name("ADDRESS");
  if (method == "POST")
    verb->add_option("--vni", arguments->vni,
                     "Its number on the wire; without it a free one")
        ->type_name("VNI");
}

}  // namespace

void AddVnet(CLI::App& app, Session& session) {
  CLI::App* vnet = app.add_subcommand("vnet", "Virtual networks");
  AddList(*vnet, session,
          {.noun = "vnet",
           .help = "Every vnet of every tenant",
           .path = "/v1/vnets",
           .view = {.rows = "vnets",
                    .columns = {{"TENANT", "tenant"},
                                {"NAME", "name"},
                                {"VNI", "vni"},
                                {"DEFAULT", "default"},
                                {"ROUTER", "router"},
                                {"COMMENT", "comment"}},
                    .name = {"tenant", "name"}}});
  AddVerb(*vnet, session,
          {.name = "add",
           .summary = "Add a vnet",
           .example = "xdpctl vnet add --default frankfurt \"For London\""},
          "POST");
  AddVerb(*vnet, session,
          {.name = "set",
           .summary = "Change a vnet, or make it the default",
           .text = "A new default concerns new flows and what names no vnet "
                   "from now on; routes and tunnels stay where they are.",
           .example = "xdpctl vnet set sydney --default"},
          "PATCH");
  AddVerb(*vnet, session,
          {.name = "delete",
           .summary = "Delete a vnet that nothing names any more",
           .text = "Its flows end. --dry-run says how many there are.",
           .example = "xdpctl vnet delete sydney --dry-run"},
          "DELETE");
}

}  // namespace rampart::xdpctl
