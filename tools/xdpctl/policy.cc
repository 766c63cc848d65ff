// SPDX-License-Identifier: Apache-2.0
// policy list, check, test, hits.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

// {"file", "text"} for the controller; {} without a file.
absl::StatusOr<Json> TextOf(Session& session, const std::string& file) {
  if (file.empty()) return Json::object();
  if (file == "-")
    return Json{
        {"file", "<stdin>"},
        {"text", std::string(std::istreambuf_iterator(session.env.in), {})}};
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (errno != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("policy: ", file));
  return Json{{"file", file}, {"text", std::move(text)}};
}

void PrintTests(Session& session, const Json& document) {
  std::ostream& out = session.env.out;
  for (const Json& test : At(document, "tests"))
    out << (At(test, "passed") == true ? "ok      " : "FAILED  ")
        << Cell(At(test, "tenant")) << '/' << Cell(At(test, "name")) << ": "
        << Cell(At(test, "says")) << '\n';
  out << Cell(At(document, "passed")) << " passed, "
      << Cell(At(document, "failed")) << " failed\n";
}

absl::StatusOr<int> Test(Session& session, const std::string& file) {
  ASSIGN_OR_RETURN(const Json body, TextOf(session, file));
  ASSIGN_OR_RETURN(const Json document,
                   session.Post("/v1/policies/test", body));
  session.Print(document, [&] { PrintTests(session, document); });
  return At(document, "failed") == 0 ? kOk : kDenied;
}

absl::StatusOr<int> Check(Session& session, const std::string& file) {
  ASSIGN_OR_RETURN(const Json body, TextOf(session, file));
  ASSIGN_OR_RETURN(const Json document,
                   session.Post("/v1/policies/test", body));
  session.Print(document, [&] {
    session.env.out << Cell(At(document, "file")) << ": no mistakes; "
                    << Cell(At(document, "passed")) << " tests passed\n";
  });
  return kOk;
}

std::string RuleOf(const Json& row) {
  return At(row, "rule").is_null() ? "(no rule)" : Cell(At(row, "rule"));
}

absl::StatusOr<int> Hits(Session& session, const std::string& tenant) {
  Query query;
  if (!tenant.empty()) query.emplace_back("tenant", tenant);
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/policies/hits", query));
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "rules",
                             .columns = {{"TENANT", "tenant"},
                                         {"RULE", "rule", &RuleOf},
                                         {"ACTION", "action"},
                                         {"SHADOW", "shadow"},
                                         {"HITS", "hits"},
                                         {"DIFFERS", "differs"},
                                         {"LIMITED", "limited"},
                                         {"FLOWS", "flows"},
                                         {"LAST", "last"}},
                             .name = {"tenant", "rule"}}));
  return kOk;
}

void AddHits(CLI::App& policy, Session& session) {
  auto tenant = std::make_shared<std::string>();
  AddCommand(
      policy, session,
      {.name = "hits",
       .summary = "How often each rule has decided",
       .text = "Of a shadow rule: how often it would have, and how often that "
               "would have changed the decision.",
       .example = "xdpctl policy hits",
       .exits = {{kNotFound, "there is no such tenant"}},
       .run = [&session, tenant] { return Hits(session, *tenant); }})
      ->add_option("TENANT", *tenant, "Only of this one");
}

void AddTest(CLI::App& policy, Session& session) {
  auto file = std::make_shared<std::string>();
  AddCommand(policy, session,
             {.name = "test",
              .summary = "Run the tests of the policy in force, or of a file",
              .text = "Tests stand in the resources: a flow, and what policy "
                      "must say about it. A file whose tests fail is refused "
                      "by apply, too.",
              .example = "xdpctl policy test resources.yaml",
              .exits = {{kDenied, "a test failed"}},
              .shows = Shows::kAction,
              .run = [&session, file] { return Test(session, *file); }})
      ->add_option("FILE", *file, "resources.yaml; - is stdin");
  auto checked = std::make_shared<std::string>();
  AddCommand(policy, session,
             {.name = "check",
              .summary = "Look for mistakes in a file, and run its tests",
              .text = "Nothing is changed.",
              .example = "xdpctl policy check resources.yaml",
              .exits = {{kNotFound, "there is no such file"}},
              .shows = Shows::kAction,
              .run = [&session, checked] { return Check(session, *checked); }})
      ->add_option("FILE", *checked, "resources.yaml; - is stdin")
      ->required();
}

}  // namespace

void AddPolicy(CLI::App& app, Session& session) {
  CLI::App* policy = app.add_subcommand("policy", "Policies");
  AddList(*policy, session,
          {.noun = "policy",
           .help = "Every rule, in the order in which they are tried",
           .path = "/v1/policies",
           .view = {.rows = "policies",
                    .columns = {{"TENANT", "tenant"},
                                {"NAME", "name"},
                                {"ACTION", "action"},
                                {"MATCH", "match"}},
                    .name = {"tenant", "name"}}});
  AddTest(*policy, session);
  AddHits(*policy, session);
  AddPolicyDiff(*policy, session);
  AddPolicyRehearse(*policy, session);
  AddHistoryVerbs(*policy, session);
}

}  // namespace rampart::xdpctl
