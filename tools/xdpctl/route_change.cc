// SPDX-License-Identifier: Apache-2.0
// route add, del.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  ChangeOptions options;
  std::string cidr;
  std::vector<std::string> words;
};

// "via fra vnet frankfurt" as keys of a route.
absl::StatusOr<Json> ParseWords(const std::vector<std::string>& words,
                                const std::vector<std::string>& keys,
                                const char* form) {
  Json body = Json::object();
  for (size_t i = 0; i < words.size(); i += 2) {
    const bool known =
        std::find(keys.begin(), keys.end(), words[i]) != keys.end();
    if (!known || i + 1 == words.size() || body.contains(words[i]))
      return absl::InvalidArgumentError(absl::StrCat("'", words[i], "': ",
                                                     !known ? "unknown"
                                                     : i + 1 == words.size()
                                                         ? "a value is missing"
                                                         : "is there twice",
                                                     "; write ", form));
    body[words[i]] = words[i + 1];
  }
  return body;
}

// Tenant and vnet of the words; vnet "" if none is named.
absl::StatusOr<Target> FindVnet(Session& session, const Arguments& arguments,
                                Json& body) {
  const std::string vnet = Cell(At(body, "vnet"));
  ASSIGN_OR_RETURN(Target target,
                   FindTarget(session, arguments.options.tenant, vnet));
  if (!vnet.empty()) body["vnet"] = target.name;
  return target;
}

absl::StatusOr<int> Add(Session& session, const Arguments& arguments) {
  constexpr char kForm[] =
      "CIDR via TUNNEL|internet|blackhole [vnet VNET] [pool POOL] "
      "[comment TEXT]";
  ASSIGN_OR_RETURN(
      Json body,
      ParseWords(arguments.words, {"via", "vnet", "pool", "comment"}, kForm));
  if (!body.contains("via"))
    return absl::InvalidArgumentError(
        absl::StrCat("route add: via is missing; write ", kForm));
  ASSIGN_OR_RETURN(const Target target, FindVnet(session, arguments, body));
  body["cidr"] = arguments.cidr;
  return Change(session, arguments.options,
                {.method = "POST",
                 .path = PathOf({target.tenant, "routes"}),
                 .body = body},
                "route " + arguments.cidr, [](const Json& answer) {
                  const Json& route = At(answer, "object");
                  return absl::StrCat(" via ", Cell(At(route, "via")),
                                      " in vnet ", Cell(At(route, "vnet")));
                });
}

absl::StatusOr<int> Delete(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Json body,
                   ParseWords(arguments.words, {"vnet"}, "CIDR [vnet VNET]"));
  ASSIGN_OR_RETURN(Target target, FindVnet(session, arguments, body));
  if (target.name.empty()) {
    ASSIGN_OR_RETURN(target.name, DefaultVnet(session, target.tenant));
  }
  return Change(
      session, arguments.options,
      {.method = "DELETE",
       .path = PathOf({target.tenant, "routes", target.name, arguments.cidr})},
      absl::StrCat("route ", arguments.cidr, " of vnet ", target.tenant, "/",
                   target.name));
}

void AddVerb(CLI::App& noun, Session& session, Command command,
             const char* words,
             absl::StatusOr<int> (*run)(Session&, const Arguments&)) {
  auto arguments = std::make_shared<Arguments>();
  command.shows = Shows::kAction;
  command.exits = {{kNotFound, "there is no such tenant, vnet or route"}};
  command.run = [&session, arguments, run] { return run(session, *arguments); };
  CLI::App* verb = AddCommand(noun, session, std::move(command));
  verb->add_option("cidr", arguments->cidr, "10.1.0.0/16, 2001:db8::/32")
      ->type_name("CIDR")
      ->required();
  verb->add_option("words", arguments->words, words)->type_name("WORDS");
  AddChangeOptions(*verb, arguments->options);
}

}  // namespace

void AddRouteChanges(CLI::App& route, Session& session) {
  AddVerb(route, session,
          {.name = "add",
           .summary = "Route a network",
           .text = "A vnet holds each network once; another vnet may hold the "
                   "same one.",
           .example = "xdpctl route add 10.1.0.0/16 via fra vnet frankfurt"},
          "via TUNNEL, via internet or via blackhole; vnet VNET: without it "
          "the default one; pool POOL: of internet; comment TEXT",
          &Add);
  AddVerb(route, session,
          {.name = "del",
           .aliases = {"delete"},
           .summary = "Delete a route",
           .text = "Flows that are there go on; --dry-run says how many there "
                   "are.",
           .example = "xdpctl route del 10.1.0.0/16 vnet frankfurt"},
          "vnet VNET: without it the default one", &Delete);
}

}  // namespace rampart::xdpctl
