// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/object_change.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

std::string Escape(const std::string& part) {
  std::string out;
  for (const char c : part) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
        c == '.' || c == '_' || c == '~' || c == ':')
      out += c;
    else
      absl::StrAppendFormat(&out, "%%%02X", static_cast<uint8_t>(c));
  }
  return out;
}

absl::StatusOr<std::string> OnlyTenant(Session& session) {
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/tenants"));
  std::vector<std::string> names;
  for (const Json& tenant : At(document, "tenants"))
    names.push_back(Cell(At(tenant, "name")));
  if (names.size() == 1) return names[0];
  if (names.empty())
    return absl::NotFoundError(
        "there is no tenant yet; add one: xdpctl tenant add NAME");
  constexpr size_t kShown = 8;
  const bool more = names.size() > kShown;
  if (more) names.resize(kShown);
  return absl::InvalidArgumentError(
      absl::StrCat("there are several tenants; name one with --tenant: ",
                   absl::StrJoin(names, ", "), more ? ", ..." : ""));
}

std::string Flows(const Json& count) {
  return absl::StrCat(Cell(count), count == 1 ? " flow" : " flows");
}

// "added", "changed", "deleted".
std::string_view Done(const std::string& method) {
  return method == "POST" ? "added" : method == "PATCH" ? "changed" : "deleted";
}

void PrintChange(Session& session, const std::string& method,
                 std::string_view what, const std::string& about,
                 const Json& answer) {
  std::ostream& out = session.env.out;
  const Json& flows = At(answer, "flows");
  const bool nothing = At(answer, "added").empty() &&
                       At(answer, "changed").empty() &&
                       At(answer, "removed").empty();
  if (At(answer, "dry_run") == true) {
    out << "dry run, nothing was changed: " << what << " would be "
        << Done(method) << about;
    if (!flows.is_null()) out << "; " << Flows(flows) << " use it now";
    out << '\n';
    return;
  }
  if (nothing && method == "PATCH")
    out << what << " is so already: epoch ";
  else
    out << what << ' ' << Done(method) << about << ": epoch ";
  out << Cell(At(answer, "epoch"));
  if (!flows.is_null()) out << "; " << Flows(flows) << " used it";
  out << '\n';
}

}  // namespace

void AddChangeOptions(CLI::App& verb, ChangeOptions& options) {
  verb.add_option("-T,--tenant", options.tenant,
                  "Whose it is; needed if there are several tenants")
      ->type_name("TENANT");
  verb.add_flag("--dry-run", options.dry_run,
                "Check it, and say what would change");
  verb.add_option("--if-epoch", options.if_epoch,
                  "Only if this epoch is still in force")
      ->type_name("EPOCH");
}

absl::StatusOr<Target> FindTarget(Session& session, const std::string& tenant,
                                  const std::string& name) {
  const size_t slash = name.find('/');
  if (slash != std::string::npos)
    return Target{name.substr(0, slash), name.substr(slash + 1)};
  if (!tenant.empty()) return Target{tenant, name};
  ASSIGN_OR_RETURN(std::string only, OnlyTenant(session));
  return Target{std::move(only), name};
}

absl::StatusOr<std::string> DefaultVnet(Session& session,
                                        const std::string& tenant) {
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/tenants"));
  for (const Json& row : At(document, "tenants"))
    if (At(row, "name") == tenant) return Cell(At(row, "default_vnet"));
  return absl::NotFoundError(
      absl::StrCat("tenant ", tenant, ": there is none of this name"));
}

std::string PathOf(const std::vector<std::string>& parts) {
  std::string path = "/v1/tenants";
  for (const std::string& part : parts) path += "/" + Escape(part);
  return path;
}

absl::StatusOr<Json> SendChange(Session& session, const ChangeOptions& options,
                                Request request) {
  if (options.dry_run) request.query.emplace_back("dry_run", "1");
  if (!options.if_epoch.empty())
    request.if_match = absl::StrCat("\"", options.if_epoch, "\"");
  return Send(session, request);
}

absl::StatusOr<int> Change(
    Session& session, const ChangeOptions& options, Request request,
    std::string_view what,
    const std::function<std::string(const Json&)>& about) {
  const std::string method = request.method;
  ASSIGN_OR_RETURN(const Json answer,
                   SendChange(session, options, std::move(request)));
  session.Print(answer, [&] {
    PrintChange(session, method, what, about ? about(answer) : "", answer);
  });
  return kOk;
}

}  // namespace rampart::xdpctl
