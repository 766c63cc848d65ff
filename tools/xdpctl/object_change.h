// SPDX-License-Identifier: Apache-2.0
// Verbs that change one object: what they share.
#ifndef RAMPART_TOOLS_XDPCTL_OBJECT_CHANGE_H_
#define RAMPART_TOOLS_XDPCTL_OBJECT_CHANGE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "tools/xdpctl/command.h"

namespace rampart::xdpctl {

struct Request {
  std::string method;
  std::string path;
  Query query;
  Json body;             // null: none
  std::string if_match;  // header; "": none
};

// Errors: as Session::Get(), but there is no answer without a controller.
absl::StatusOr<Json> Send(Session& session, const Request& request);

// Options of every verb that changes something.
struct ChangeOptions {
  std::string tenant;
  bool dry_run = false;
  std::string if_epoch;
};
void AddChangeOptions(CLI::App& verb, ChangeOptions& options);

// To the nouns tunnel and route, and the noun cloudflared.
void AddTunnelChanges(CLI::App& tunnel, Session& session);
void AddRouteChanges(CLI::App& route, Session& session);
void AddCloudflared(CLI::App& app, Session& session);

// An object of a tenant: "frankfurt", or "acme/frankfurt".
struct Target {
  std::string tenant;
  std::string name;
};
// The tenant in front of the name, else --tenant, else the only one. Errors:
// InvalidArgument that lists the tenants; NotFound if there is none.
absl::StatusOr<Target> FindTarget(Session& session, const std::string& tenant,
                                  const std::string& name);
// Errors: NotFound.
absl::StatusOr<std::string> DefaultVnet(Session& session,
                                        const std::string& tenant);

// "/v1/tenants/acme/vnets/frankfurt".
std::string PathOf(const std::vector<std::string>& parts);

// Sends it with the options. Errors: as Send().
absl::StatusOr<Json> SendChange(Session& session, const ChangeOptions& options,
                                Request request);
// Sends it, and says what became of `what` ("vnet acme/sydney"); about: what
// else is to be said of the object, from the answer.
absl::StatusOr<int> Change(
    Session& session, const ChangeOptions& options, Request request,
    std::string_view what,
    const std::function<std::string(const Json&)>& about = nullptr);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_OBJECT_CHANGE_H_
