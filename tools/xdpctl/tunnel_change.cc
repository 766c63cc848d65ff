// SPDX-License-Identifier: Apache-2.0
// tunnel create, set, delete.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/base/status.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  ChangeOptions options;
  std::string name;
  std::vector<std::pair<const char*, std::string>> values;  // key, text
  std::vector<std::string> peers;
  std::vector<std::string> sources;
};

// "remote=192.0.2.1,auth=none" as a map; the controller knows the keys.
absl::StatusOr<Json> ParsePeer(const std::string& text) {
  Json peer = Json::object();
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.size() != 2)
      return absl::InvalidArgumentError(absl::StrCat(
          "--peer: '", part,
          "' is no KEY=VALUE; write such as "
          "remote=192.0.2.10,auth=mac,key_id=1,key_file=/etc/rampart/fra.key"));
    peer[pair[0]] = pair[1];
  }
  return peer;
}

absl::StatusOr<Json> BodyOf(const Arguments& arguments) {
  Json body = Json::object();
  for (const auto& [key, text] : arguments.values)
    if (!text.empty()) body[key] = text;
  for (const std::string& text : arguments.peers) {
    ASSIGN_OR_RETURN(Json peer, ParsePeer(text));
    body["peers"].push_back(std::move(peer));
  }
  if (!arguments.sources.empty()) body["sources"] = arguments.sources;
  return body;
}

std::string About(const Json& answer) {
  const Json& tunnel = At(answer, "object");
  const Json& id = At(answer, "id");
  return absl::StrCat(id.is_null() ? "" : absl::StrCat(" with ID ", Cell(id)),
                      " in vnet ", Cell(At(tunnel, "vnet")),
                      tunnel.contains("peers") || tunnel.contains("device")
                          ? ""
                          : ", without a peer yet (tunnel set --peer)");
}

absl::StatusOr<int> Run(Session& session, const Arguments& arguments,
                        const std::string& method) {
  ASSIGN_OR_RETURN(
      const Target target,
      FindTarget(session, arguments.options.tenant, arguments.name));
  Request request = {.method = method,
                     .path = PathOf({target.tenant, "tunnels", target.name})};
  if (method != "DELETE") {
    ASSIGN_OR_RETURN(request.body, BodyOf(arguments));
    if (method == "PATCH" && request.body.empty())
      return absl::InvalidArgumentError(
          "tunnel set: nothing to set; --help lists what can be");
  }
  if (method == "POST") {
    request.path = PathOf({target.tenant, "tunnels"});
    request.body["name"] = target.name;
    if (!request.body.contains("type")) request.body["type"] = "gue";
  }
  return Change(session, arguments.options, std::move(request),
                absl::StrCat("tunnel ", target.tenant, "/", target.name),
                method == "POST" ? &About : nullptr);
}

void AddKeys(CLI::App& verb, Arguments& arguments, bool create) {
  struct Key {
    const char* key;
    const char* option;
    const char* type;
    const char* help;
  };
  constexpr Key kKeys[] = {
      {"type", "--type", "gue|gre|interface", "Without it gue"},
      {"vnet", "--vnet", "VNET", "Its vnet; without it the default one"},
      {"edge", "--edge-name", "NAME",
       "interface: the edge that has the device"},
      {"device", "--device", "DEV", "interface: the device"},
      {"comment", "--comment", "TEXT", "What it is for"},
  };
  arguments.values.reserve(std::size(kKeys));
  for (const Key& key : kKeys) {
    if (!create && key.key == std::string_view("type")) continue;
    arguments.values.emplace_back(key.key, "");
    verb.add_option(key.option, arguments.values.back().second, key.help)
        ->type_name(key.type);
  }
  verb.add_option("--peer", arguments.peers,
                  "The other end, remote=ADDRESS,KEY=VALUE..., with the keys "
                  "of a peer in resources.yaml; again for each peer")
      ->type_name("PEER")
      ->allow_extra_args(false);
  verb.add_option("--source", arguments.sources,
                  "A prefix that may come on besides the routed ones")
      ->type_name("CIDR")
      ->allow_extra_args(false);
}

void AddVerb(CLI::App& noun, Session& session, Command command,
             const std::string& method) {
  auto arguments = std::make_shared<Arguments>();
  command.shows = Shows::kAction;
  command.exits = {{kNotFound, "there is no such tenant or tunnel"}};
  command.run = [&session, arguments, method] {
    return Run(session, *arguments, method);
  };
  CLI::App* verb = AddCommand(noun, session, std::move(command));
  verb->add_option("name", arguments->name, "fra, or acme/fra")
      ->type_name("TUNNEL")
      ->required();
  AddChangeOptions(*verb, arguments->options);
  if (method != "DELETE") AddKeys(*verb, *arguments, method == "POST");
}

}  // namespace

void AddTunnelChanges(CLI::App& tunnel, Session& session) {
  AddVerb(tunnel, session,
          {.name = "create",
           .aliases = {"add"},
           .summary = "Create a tunnel, with or without its peers",
           .text = "A tunnel without a peer is down: routes may lead to it, "
                   "and flows there are refused until it has one.",
           .example = "xdpctl tunnel create fra --peer "
                      "remote=192.0.2.10,auth=none"},
          "POST");
  AddVerb(tunnel, session,
          {.name = "set",
           .summary = "Change a tunnel; --peer replaces all its peers",
           .example = "xdpctl tunnel set fra --peer "
                      "remote=192.0.2.11,auth=none"},
          "PATCH");
  AddVerb(tunnel, session,
          {.name = "delete",
           .summary = "Delete a tunnel that nothing names any more",
           .text = "Its flows end. --dry-run says how many there are.",
           .example = "xdpctl tunnel delete fra --dry-run"},
          "DELETE");
}

}  // namespace rampart::xdpctl
