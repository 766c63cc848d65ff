// SPDX-License-Identifier: Apache-2.0
// The configuration as a file, and against that of another edge: config
// export, import and diff.
#include <CLI/CLI.hpp>
#include <array>
#include <map>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "tools/xdpctl/client.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/output.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

Query AtEpoch(const std::string& epoch) {
  return epoch.empty() ? Query() : Query{{"epoch", epoch}};
}

absl::StatusOr<int> Export(Session& session, const std::string& epoch) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/resources", AtEpoch(epoch)));
  const Json file = {{"tenants", At(document, "tenants")}};
  session.Print(file, [&] {
    session.env.out << "# edge " << Cell(At(document, "edge")) << ", epoch "
                    << Cell(At(document, "epoch")) << '\n'
                    << ToYaml(file);
  });
  return kOk;
}

// --- diff ---

// (kind, tenant, name) of each object, and what it is.
using Objects = std::map<std::array<std::string, 3>, Json>;

constexpr std::pair<const char*, const char*> kKinds[] = {
    {"vnets", "vnet"},
    {"tunnels", "tunnel"},
    {"routes", "route"},
    {"policies", "policy"}};

std::string NameOf(const std::string& kind, const Json& object) {
  if (kind == "route")
    return absl::StrCat(Cell(At(object, "vnet")), " ",
                        Cell(At(object, "cidr")));
  return Cell(At(object, "name"));
}

Objects ObjectsOf(const Json& document) {
  Objects objects;
  for (Json tenant : At(document, "tenants")) {
    const std::string name = Cell(At(tenant, "name"));
    Json order = Json::array();
    for (const auto& [list, kind] : kKinds) {
      for (const Json& object : At(tenant, list)) {
        const std::string own = NameOf(kind, object);
        if (std::string_view(kind) == "policy") order.push_back(own);
        objects[{kind, name, own}] = object;
      }
      tenant.erase(list);
    }
    objects[{"policy", name, "(order)"}] = std::move(order);
    objects[{"tenant", name, name}] = std::move(tenant);
  }
  return objects;
}

Json Row(const std::array<std::string, 3>& key) {
  return {{"kind", key[0]}, {"tenant", key[1]}, {"name", key[2]}};
}

Json Compare(const Json& here, const Json& there) {
  const Objects ours = ObjectsOf(here);
  const Objects theirs = ObjectsOf(there);
  Json added = Json::array();
  Json changed = Json::array();
  Json removed = Json::array();
  for (const auto& [key, object] : theirs) {
    const auto it = ours.find(key);
    if (it == ours.end())
      added.push_back(Row(key));
    else if (it->second != object)
      changed.push_back(Row(key));
  }
  for (const auto& [key, object] : ours)
    if (!theirs.contains(key)) removed.push_back(Row(key));
  Json document = Document("config-diff");
  document["edge"] = At(here, "edge");
  document["epoch"] = At(here, "epoch");
  document["peer"] = At(there, "edge");
  document["peer_epoch"] = At(there, "epoch");
  document["same"] = added.empty() && changed.empty() && removed.empty();
  document["added"] = std::move(added);
  document["changed"] = std::move(changed);
  document["removed"] = std::move(removed);
  return document;
}

absl::StatusOr<Json> AskSocket(const std::string& socket) {
  ASSIGN_OR_RETURN(const Reply reply, Call(socket, "GET", "/v1/resources", ""));
  Json document = Json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  if (reply.status == 200 && document.is_object()) return document;
  return absl::InternalError(absl::StrCat("peer ", socket, ": ", reply.body));
}

// By its epoch: the store has what is in force there, also if nothing reaches
// the edge itself.
absl::StatusOr<Json> AskFleet(Session& session, const std::string& peer) {
  ASSIGN_OR_RETURN(const Json edges, session.Get("/v1/edges"));
  std::string known;
  for (const Json& edge : At(edges, "edges")) {
    const std::string name = Cell(At(edge, "edge"));
    absl::StrAppend(&known, known.empty() ? "" : ", ", name);
    if (name != peer) continue;
    ASSIGN_OR_RETURN(
        Json document,
        session.Get("/v1/resources", AtEpoch(Cell(At(edge, "epoch")))));
    document["edge"] = name;
    return document;
  }
  return absl::NotFoundError(absl::StrCat(
      "peer ", Quoted(peer), ": no such edge is there now; known are ", known));
}

void PrintRows(std::ostream& out, char sign, const Json& rows) {
  for (const Json& row : rows)
    out << sign << ' ' << Cell(At(row, "kind")) << ' '
        << Cell(At(row, "tenant")) << '/' << Cell(At(row, "name")) << '\n';
}

absl::StatusOr<int> Diff(Session& session, const std::string& peer) {
  ASSIGN_OR_RETURN(const Json here, session.Get("/v1/resources"));
  absl::StatusOr<Json> there =
      absl::StartsWith(peer, "/") ? AskSocket(peer) : AskFleet(session, peer);
  if (!there.ok()) return there.status();
  const Json diff = Compare(here, *there);
  session.Print(diff, [&] {
    std::ostream& out = session.env.out;
    PrintRows(out, '+', At(diff, "added"));
    PrintRows(out, '~', At(diff, "changed"));
    PrintRows(out, '-', At(diff, "removed"));
    out << (At(diff, "same") == true ? "the same: " : "not the same: ")
        << Cell(At(diff, "edge")) << " has epoch " << Cell(At(diff, "epoch"))
        << ", " << Cell(At(diff, "peer")) << " has "
        << Cell(At(diff, "peer_epoch")) << '\n';
  });
  return At(diff, "same") == true ? kOk : kDenied;
}

void AddExport(CLI::App& config, Session& session) {
  auto epoch = std::make_shared<std::string>();
  AddCommand(config, session,
             {.name = "export",
              .summary = "Print the configuration as a resources.yaml",
              .text = "What an edge exports another one imports, also into a "
                      "store of another kind. Key files are named, not "
                      "included. -o json prints JSON.",
              .example = "xdpctl config export > resources.yaml",
              .exits = {{kNotFound, "that epoch is not in the history"}},
              .shows = Shows::kPage,
              .run = [&session, epoch] { return Export(session, *epoch); }})
      ->add_option("--epoch", *epoch, "One of the history")
      ->type_name("EPOCH");
}

void AddDiff(CLI::App& config, Session& session) {
  auto peer = std::make_shared<std::string>();
  AddCommand(config, session,
             {.name = "diff",
              .summary = "Compare with another edge",
              .text = "+ is only there, - only here, ~ is not the same. Of an "
                      "edge that shares the store, its epoch in force is "
                      "compared.",
              .example = "xdpctl config diff --peer edge-b",
              .exits = {{kNotFound, "there is no such edge"},
                        {kDenied, "they are not the same"}},
              .shows = Shows::kPage,
              .run = [&session, peer] { return Diff(session, *peer); }})
      ->add_option("--peer", *peer,
                   "An edge that shares the store, or the path of an API "
                   "socket")
      ->type_name("EDGE|PATH")
      ->required();
}

}  // namespace

void AddConfigCopies(CLI::App& config, Session& session) {
  AddExport(config, session);
  AddImport(config, session);
  AddDiff(config, session);
}

}  // namespace rampart::xdpctl
