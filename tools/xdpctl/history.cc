// SPDX-License-Identifier: Apache-2.0
// The history of the configuration: config history, rollback and confirm, and
// the same for policy, which is a part of it; policy diff.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/change.h"
#include "tools/xdpctl/flow_columns.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

RowsView EpochsView() {
  return {.rows = "epochs",
          .columns = {{"EPOCH", "epoch"},
                      {"TIME", "time"},
                      {"WHO", "who"},
                      {"WHAT", "what"},
                      {"COMMENT", "comment"},
                      {"TENANTS", "tenants"},
                      {"ON-CHANGE", "on_change", nullptr, /*wide=*/true}},
          .name = {"epoch"}};
}

absl::StatusOr<int> History(Session& session, int limit) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get("/v1/epochs", {{"limit", absl::StrCat(limit)}}));
  RETURN_IF_ERROR(PrintList(session, document, EpochsView()));
  if (const Json& probation = At(document, "probation"); !probation.is_null())
    session.Note(absl::StrCat(
        "epoch ", Cell(At(probation, "epoch")), " is taken back at ",
        Cell(At(probation, "deadline")), " unless you confirm it"));
  return kOk;
}

void AddHistory(CLI::App& noun, Session& session) {
  auto limit = std::make_shared<int>(20);
  CLI::App* history = AddCommand(
      noun, session,
      {.name = "history",
       .summary = "Who changed the configuration, when, what and why",
       .text = "An epoch is all resources as they were together; TENANTS are "
               "those that it changed. A thousand epochs are kept.",
       .example = absl::StrCat("xdpctl ", noun.get_name(), " history"),
       .run = [&session, limit] { return History(session, *limit); }});
  history->add_option("--limit", *limit, "At most so many, newest first")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

struct RollbackArguments {
  uint32_t epoch = 0;
  ChangeArguments change;
};

absl::StatusOr<int> Rollback(Session& session,
                             const RollbackArguments& arguments) {
  ASSIGN_OR_RETURN(
      const Json document,
      session.Post(absl::StrCat("/v1/epochs/", arguments.epoch, "/rollback"),
                   ToJson(arguments.change)));
  session.Print(document, [&] { PrintApplied(session, document); });
  return kOk;
}

void AddRollback(CLI::App& noun, Session& session) {
  auto arguments = std::make_shared<RollbackArguments>();
  CLI::App* rollback = AddCommand(
      noun, session,
      {.name = "rollback",
       .summary = "Make all resources what they were in an epoch",
       .text = "That is a new epoch. It also ends the probation of a change "
               "that was made with --confirm.",
       .example =
           absl::StrCat("xdpctl ", noun.get_name(), " rollback 3 --dry-run"),
       .exits = {{kNotFound, "the history does not have the epoch"}},
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Rollback(session, *arguments); }});
  rollback->add_option("EPOCH", arguments->epoch, "As history shows it")
      ->required();
  AddChangeOptions(*rollback, arguments->change);
}

// Of epoch 0: the one on probation.
absl::StatusOr<int> Confirm(Session& session, uint32_t epoch) {
  std::string text = absl::StrCat(epoch);
  if (epoch == 0) {
    ASSIGN_OR_RETURN(const Json now,
                     session.Get("/v1/epochs", {{"limit", "1"}}));
    if (At(now, "probation").is_null())
      return absl::FailedPreconditionError(absl::StrCat(
          "epoch ", Cell(At(now, "epoch")), ": waits for no confirmation"));
    text = Cell(At(At(now, "probation"), "epoch"));
  }
  ASSIGN_OR_RETURN(const Json document,
                   session.Post(absl::StrCat("/v1/epochs/", text, "/confirm"),
                                Json::object()));
  session.Print(document, [&] {
    session.env.out << "epoch " << text << " stays in force\n";
  });
  return kOk;
}

void AddConfirm(CLI::App& noun, Session& session) {
  auto epoch = std::make_shared<uint32_t>(0);
  CLI::App* confirm = AddCommand(
      noun, session,
      {.name = "confirm",
       .summary = "Keep a change that was made with --confirm",
       .example = absl::StrCat("xdpctl ", noun.get_name(), " confirm"),
       .shows = Shows::kAction,
       .run = [&session, epoch] { return Confirm(session, *epoch); }});
  confirm->add_option("EPOCH", *epoch, "The one that waits, if left out");
}

std::vector<Column> ChangeColumns() {
  std::vector<Column> columns = FlowColumns();
  std::erase_if(columns, [](const Column& column) {
    return column.header == "BYTES" || column.header == "PKTS" ||
           column.header == "IDLE" || column.header == "REWRITTEN";
  });
  columns.push_back({"FATE", "fate"});
  columns.push_back({"RULE-THEN", "rule_then"});
  columns.push_back({"WHY", "why"});
  return columns;
}

absl::StatusOr<int> Diff(Session& session, const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(session, file));
  ASSIGN_OR_RETURN(
      const Json document,
      session.Post("/v1/policies/diff",
                   {{"file", file == "-" ? "<stdin>" : file}, {"text", text}}));
  RETURN_IF_ERROR(PrintList(
      session, document,
      {.rows = "changes", .columns = ChangeColumns(), .name = FlowName()}));
  session.NoteTruncation(document, At(document, "changes"));
  const Json& flows = At(document, "flows");
  session.Note(absl::StrCat("of ", Cell(At(flows, "live")), " live flows ",
                            Cell(At(flows, "changed")),
                            " would be decided otherwise; keep would end ",
                            Cell(At(At(flows, "ends"), "keep")), ", recheck ",
                            Cell(At(At(flows, "ends"), "recheck")), ", cut ",
                            Cell(At(At(flows, "ends"), "cut"))));
  return kOk;
}

}  // namespace

void AddHistoryVerbs(CLI::App& noun, Session& session) {
  AddHistory(noun, session);
  AddRollback(noun, session);
  AddConfirm(noun, session);
}

void AddConfig(CLI::App& app, Session& session) {
  CLI::App* config =
      app.add_subcommand("config", "The configuration as a whole");
  AddHistoryVerbs(*config, session);
  AddConfigCopies(*config, session);
}

void AddPolicyDiff(CLI::App& policy, Session& session) {
  auto file = std::make_shared<std::string>();
  CLI::App* diff = AddCommand(
      policy, session,
      {.name = "diff",
       .summary = "Live flows that a file would decide otherwise",
       .text =
           "FATE says what becomes of a flow: removed and revoked end it in "
           "any case, refused unless the change is made with --on-change "
           "keep, differs only with --on-change cut.",
       .example = "xdpctl policy diff -f resources.yaml",
       .exits = {{kNotFound, "there is no such file"}},
       .run = [&session, file] { return Diff(session, *file); }});
  diff->add_option("-f,--file", *file, "resources.yaml; - is stdin")
      ->type_name("FILE")
      ->required();
}

}  // namespace rampart::xdpctl
