// SPDX-License-Identifier: Apache-2.0
// flow history, get, export and reconcile: what the flow log knows. The
// history's file is read here and not by the controller, whose thread has new
// flows to decide about.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "controller/flow_log/history_query.h"
#include "tools/xdpctl/flow_columns.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/selected_list.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kPage = 20000;  // records that export reads at once

std::string Vnet(const Json& row) {
  const std::string vnet = Cell(At(row, "vnet"));
  return vnet.empty() ? vnet : absl::StrCat(Cell(At(row, "tenant")), "/", vnet);
}

std::string Source(const Json& row) {
  return EndpointCell(At(row, "src"), At(row, "sport"));
}

std::string Destination(const Json& row) {
  return EndpointCell(At(row, "dst"), At(row, "dport"));
}

std::string Rewritten(const Json& row) {
  const std::string nat = Cell(At(row, "nat"));
  std::string text;
  if (nat == "source" || nat == "both")
    text = absl::StrCat("src ",
                        EndpointCell(At(row, "to_src"), At(row, "to_sport")));
  if (nat == "destination" || nat == "both")
    absl::StrAppend(&text, text.empty() ? "" : " ", "dst ",
                    EndpointCell(At(row, "to_dst"), At(row, "to_dport")));
  return text;
}

std::string Packets(const Json& row) {
  if (At(row, "packets").is_null()) return "";
  return absl::StrCat(Cell(At(row, "packets")), "/",
                      Cell(At(row, "reverse_packets")));
}

std::string Bytes(const Json& row) {
  if (At(row, "bytes").is_null()) return "";
  return absl::StrCat(HumanBytes(At(row, "bytes")), "/",
                      HumanBytes(At(row, "reverse_bytes")));
}

std::string Duration(const Json& row) {
  const Json& duration = At(row, "duration_ms");
  if (!duration.is_number()) return "";
  return HumanSeconds(duration.get<double>() / 1000);
}

// Of a gap: how much is missing.
std::string Reason(const Json& row) {
  const Json& first = At(row, "first");
  if (first.is_null()) return Cell(At(row, "reason"));
  return absl::StrCat(Cell(At(row, "count")), " missing from ", Cell(first));
}

RowsView RecordsView() {
  return {.rows = "records",
          .columns = {{"SEQ", "seq"},
                      {"TIME", "time"},
                      {"EVENT", "event"},
                      {"VNET", "", &Vnet},
                      {"PROTO", "proto"},
                      {"SOURCE", "", &Source},
                      {"DESTINATION", "", &Destination},
                      {"ON-RAMP", "on_ramp"},
                      {"OFF-RAMP", "off_ramp"},
                      {"REWRITTEN", "", &Rewritten},
                      {"PKTS", "packets", &Packets},
                      {"BYTES", "bytes", &Bytes},
                      {"DURATION", "duration_ms", &Duration},
                      {"REASON", "reason", &Reason},
                      {"RULE", "rule"},
                      {"FLOW", "flow", nullptr, /*wide=*/true},
                      {"RULE-AT", "rule_at", nullptr, /*wide=*/true}},
          .name = {"seq"}};
}

// The parameters of a question, as options of a verb.
struct Arguments {
  std::vector<std::string> words;
  std::string event, flow, last, since, until;
  int limit = 1000;
  std::string format = "jsonl";
};

void AddTimes(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--event", arguments.event, "START, UPDATE, END, DENY or GAP")
      ->type_name("EVENT");
  verb.add_option("--flow", arguments.flow, "All of one flow: f-...")
      ->type_name("ID");
  verb.add_option("--last", arguments.last, "Not older: 90m, 12h, 7d")
      ->type_name("DURATION");
  verb.add_option("--since", arguments.since, "From 2026-11-21T19:43:02Z on")
      ->type_name("TIME");
  verb.add_option("--until", arguments.until, "Up to then")->type_name("TIME");
}

absl::StatusOr<Query> ToQuery(const Arguments& arguments) {
  ASSIGN_OR_RETURN(Query query, SelectorWords(arguments.words));
  const std::pair<const char*, const std::string*> options[] = {
      {"event", &arguments.event}, {"flow", &arguments.flow},
      {"last", &arguments.last},   {"since", &arguments.since},
      {"until", &arguments.until},
  };
  for (const auto& [name, value] : options)
    if (!value->empty()) query.emplace_back(name, *value);
  return query;
}

absl::StatusOr<std::string> HistoryFile(Session& session) {
  ASSIGN_OR_RETURN(const Json log, session.Get("/v1/flows/log"));
  return Cell(At(log, "history"));
}

absl::StatusOr<Json> Ask(Session& session, const Query& query) {
  ASSIGN_OR_RETURN(const std::string file, HistoryFile(session));
  return HistoryDocument(file, query, absl::Now(), kPatience);
}

bool IsSql(const std::vector<std::string>& words) {
  return words.size() == 1 &&
         (absl::StartsWithIgnoreCase(words[0], "select ") ||
          absl::StartsWithIgnoreCase(words[0], "with "));
}

absl::StatusOr<int> History(Session& session, const Arguments& arguments) {
  const std::string limit = absl::StrCat(arguments.limit);
  Json document;
  RowsView view = RecordsView();
  if (IsSql(arguments.words)) {
    ASSIGN_OR_RETURN(document, Ask(session, {{"sql", arguments.words[0]},
                                             {"limit", limit}}));
    view = {.rows = "rows", .columns = ColumnsOf(document["rows"])};
  } else {
    ASSIGN_OR_RETURN(Query query, ToQuery(arguments));
    query.emplace_back("limit", limit);
    ASSIGN_OR_RETURN(document, Ask(session, query));
  }
  RETURN_IF_ERROR(PrintList(session, document, view));
  session.NoteTruncation(document, At(document, view.rows));
  return kOk;
}

// "10.1.0.5" is the prefix of that host alone.
Query TupleOf(const Json& record) {
  Query query;
  for (const char* name :
       {"src", "dst", "sport", "dport", "proto", "tenant", "vnet"})
    if (const std::string value = Cell(At(record, name)); !value.empty())
      query.emplace_back(name, value);
  return query;
}

absl::StatusOr<int> Get(Session& session, const Arguments& arguments) {
  Json document = Document("flow-details");
  Query query;
  if (arguments.words.size() == 1 && arguments.words[0].starts_with("f-")) {
    query = {{"flow", arguments.words[0]}};
  } else {
    ASSIGN_OR_RETURN(query, SelectorWords(arguments.words));
  }
  query.emplace_back("limit", absl::StrCat(arguments.limit));
  ASSIGN_OR_RETURN(const Json past, Ask(session, query));
  const Json& records = At(past, "records");
  if (query[0].first == "flow" && !records.empty())
    query = TupleOf(records.back());
  document["flows"] = Json::array();
  if (query[0].first != "flow") {
    ASSIGN_OR_RETURN(const Json now, session.Get("/v1/flows", query));
    document["flows"] = At(now, "flows");
  }
  document["records"] = records;
  if (document["flows"].empty() && records.empty())
    return absl::NotFoundError("flow: none is like that, now or in the log");
  session.Print(document, [&] {
    if (!document["flows"].empty())
      PrintRows(session, document["flows"], FlowColumns());
    PrintRows(session, records, RecordsView().columns);
  });
  return kOk;
}

std::string CsvCell(const Json& cell) {
  const std::string text = cell.is_null() ? "" : Cell(cell);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

void WriteCsv(const Json& records, bool header, std::ostream& out) {
  const std::vector<std::string> names = HistoryColumns();
  for (size_t i = 0; header && i < names.size(); ++i)
    out << (i == 0 ? "" : ",") << names[i];
  if (header) out << "\r\n";  // RFC 4180
  for (const Json& record : records) {
    for (size_t i = 0; i < names.size(); ++i)
      out << (i == 0 ? "" : ",") << CsvCell(At(record, names[i]));
    out << "\r\n";
  }
}

absl::StatusOr<int> Export(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Query query, ToQuery(arguments));
  ASSIGN_OR_RETURN(const std::string file, HistoryFile(session));
  std::string after = "0";
  for (bool first = true;; first = false) {
    Query page = query;
    page.emplace_back("after", after);
    page.emplace_back("limit", absl::StrCat(kPage));
    ASSIGN_OR_RETURN(const Json document,
                     HistoryDocument(file, page, absl::Now(), kPatience));
    const Json& records = At(document, "records");
    if (arguments.format == "csv")
      WriteCsv(records, first, session.env.out);
    else
      for (const Json& record : records)
        session.env.out << record.dump() << '\n';
    if (At(document, "truncated") != true) return kOk;
    after = Cell(At(records.back(), "seq"));
  }
}

// One line of the account.
void Tell(const char* what, const Json& count, std::ostream& out) {
  out << absl::StrCat("  ", what, "  ", Cell(count), "\n");
}

void TellAccounts(const Json& accounts, std::ostream& out) {
  Tell("forwarded by the devices     ",
       At(At(accounts, "forwarded"), "packets"), out);
  Tell("by devices that are gone     ", At(accounts, "gone"), out);
  Tell("by flows that live           ", At(At(accounts, "live"), "packets"),
       out);
  Tell("by flows that ended          ", At(At(accounts, "ended"), "packets"),
       out);
  Tell("made by the edge itself      ", At(accounts, "made"), out);
  Tell("before the log began         ", At(accounts, "before"), out);
  Tell("while this was read          ", At(accounts, "while_reading"), out);
  Tell("difference                   ", At(accounts, "difference"), out);
}

Json ToJson(const ChainReport& report) {
  return {{"first", report.first},     {"last", report.last},
          {"records", report.records}, {"gaps", report.gaps},
          {"missing", report.missing}, {"findings", report.findings}};
}

void TellChain(const Json& chain, std::ostream& out) {
  out << absl::StrCat("history: records ", Cell(At(chain, "first")), " to ",
                      Cell(At(chain, "last")), ", ", Cell(At(chain, "gaps")),
                      " gaps with ", Cell(At(chain, "missing")),
                      " missing records\n");
  for (const Json& finding : At(chain, "findings"))
    out << absl::StrCat("  ", Cell(finding), "\n");
}

absl::StatusOr<int> Reconcile(Session& session) {
  ASSIGN_OR_RETURN(const std::string file, HistoryFile(session));
  Json document = Document("flow-accounts");
  if (session.answered_offline()) {
    document["accounts"] = nullptr;
  } else {
    ASSIGN_OR_RETURN(document["accounts"], session.Get("/v1/flows/reconcile"));
    document["accounts"].erase("schema");
  }
  ASSIGN_OR_RETURN(const ChainReport report, VerifyHistory(file));
  document["history"] = ToJson(report);
  const Json& accounts = document["accounts"];
  const bool counted = accounts.is_null() || At(accounts, "equal") == true;
  document["equal"] = counted && report.findings.empty();
  session.Print(document, [&] {
    std::ostream& out = session.env.out;
    if (!accounts.is_null()) {
      PrintRows(session, At(accounts, "devices"),
                ColumnsOf(At(accounts, "devices")));
      out << "packets:\n";
      TellAccounts(accounts, out);
    }
    TellChain(document["history"], out);
    out << (document["equal"] == true ? "all is accounted for\n"
                                      : "this does NOT add up\n");
  });
  return document["equal"] == true ? kOk : kDenied;
}

using Shared = std::shared_ptr<Arguments>;

void AddHistory(CLI::App& flow, Session& session) {
  const Shared arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddCommand(
      flow, session,
      {.name = "history",
       .summary = "Records of the flow log, by selectors or SQL",
       .text = "The newest --limit records, oldest first. A word that begins "
               "with \"select\" is SQL on the table `records`; it can only "
               "read, and ends after 30 s.",
       .example = "xdpctl flow history src 10.1.0.0/16 --last 7d",
       .run = [&session, arguments] { return History(session, *arguments); }});
  AddSelectors(*verb, arguments->words);
  AddTimes(*verb, *arguments);
  verb->add_option("--limit", arguments->limit, "Records at most")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

void AddGet(CLI::App& flow, Session& session) {
  const Shared arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddCommand(
      flow, session,
      {.name = "get",
       .summary = "One flow: as it is, and its records",
       .text = "By its id, f-..., or by selectors.",
       .example = "xdpctl flow get src 10.1.0.5 sport 40003",
       .exits = {{kNotFound, "There is no such flow, and was none"}},
       .shows = Shows::kPage,
       .run = [&session, arguments] { return Get(session, *arguments); }});
  AddSelectors(*verb, arguments->words);
  verb->get_option("selectors")->required();
}

void AddExport(CLI::App& flow, Session& session) {
  const Shared arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddCommand(
      flow, session,
      {.name = "export",
       .summary = "All records that match, for other programs",
       .example = "xdpctl flow export --last 1d --format csv",
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Export(session, *arguments); }});
  AddSelectors(*verb, arguments->words);
  AddTimes(*verb, *arguments);
  verb->add_option("--format", arguments->format, "jsonl or csv")
      ->check(CLI::IsMember({"jsonl", "csv"}))
      ->capture_default_str();
}

void AddReconcile(CLI::App& flow, Session& session) {
  AddCommand(flow, session,
             {.name = "reconcile",
              .summary = "Whether flows and devices have counted the same",
              .text = "Packets of all flows against packets that the devices "
                      "have forwarded, and the chain of the history, which "
                      "names records that were changed.",
              .example = "xdpctl flow reconcile",
              .exits = {{kDenied, "They have not, or a record was changed"}},
              .shows = Shows::kPage,
              .run = [&session] { return Reconcile(session); }});
}

}  // namespace

void AddFlowLog(CLI::App& flow, Session& session) {
  AddHistory(flow, session);
  AddGet(flow, session);
  AddExport(flow, session);
  AddReconcile(flow, session);
}

}  // namespace rampart::xdpctl
