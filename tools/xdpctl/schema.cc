// SPDX-License-Identifier: Apache-2.0
// schema: what is in the JSON that commands print.
#include "controller/api/schema.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

absl::StatusOr<int> ListKinds(Session& session) {
  Json document = Document("schemas");
  document["kinds"] = Json::array();
  for (const DocumentKind& kind : DocumentKinds())
    document["kinds"].push_back({{"kind", kind.name}, {"title", kind.title}});
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "kinds",
                             .columns = {{"KIND", "kind"}, {"TITLE", "title"}},
                             .name = {"kind"}}));
  return kOk;
}

// A schema is JSON also where a table would be.
absl::StatusOr<int> Schema(Session& session, const std::string& kind) {
  if (kind.empty()) return ListKinds(session);
  ASSIGN_OR_RETURN(const Json schema, SchemaOf(kind));
  session.Print(schema, [&] { session.env.out << schema.dump(2) << '\n'; });
  return kOk;
}

}  // namespace

void AddSchema(CLI::App& app, Session& session) {
  auto kind = std::make_shared<std::string>();
  AddCommand(
      app, session,
      {.name = "schema",
       .summary = "What is in the JSON of commands and API, as JSON Schema",
       .text =
           "A document names its kind: \"schema\": \"xdpctl/v1/KIND\". Inside "
           "v1 fields are only added, so readers must skip those that they do "
           "not know. -o jsonl prints rows alone, as the schema has them.",
       .example = "xdpctl schema flows",
       .exits = {{kNotFound, "there is no such kind"}},
       .run = [&session, kind] { return Schema(session, *kind); }})
      ->add_option("kind", *kind, "Kind of document; none: lists them")
      ->type_name("KIND");
}

}  // namespace rampart::xdpctl
