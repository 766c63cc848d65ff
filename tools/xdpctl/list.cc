// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/list.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "tools/xdpctl/rows.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

using ListPtr = std::shared_ptr<const ListCommand>;

Table MakeTable(const Json& rows, const std::vector<Column>& columns,
                bool exact) {
  std::vector<std::string> cells;
  cells.reserve(columns.size());
  for (const Column& column : columns) cells.push_back(column.header);
  Table table(cells);
  for (const Json& row : rows) {
    cells.clear();
    for (const Column& column : columns)
      cells.push_back(CellOf(column, row, exact));
    table.Add(cells);
  }
  return table;
}

void PrintCsv(Session& session, const Json& rows,
              const std::vector<Column>& columns) {
  std::vector<std::string> cells;
  cells.reserve(columns.size());
  for (const Column& column : columns) cells.push_back(column.header);
  if (!session.options.no_headers) session.env.out << ToCsv(cells);
  for (const Json& row : rows) {
    cells.clear();
    for (const Column& column : columns)
      cells.push_back(CellOf(column, row, true));
    session.env.out << ToCsv(cells);
  }
}

void PrintLines(Session& session, const Json& rows, const RowsView& view) {
  for (const Json& row : rows)
    session.env.out << (session.format() == Format::kName
                            ? NameOf(row, view) + "\n"
                            : ToText(row));
}

absl::StatusOr<int> List(Session& session, const ListCommand& command) {
  ASSIGN_OR_RETURN(const Json document, session.Get(command.path));
  RETURN_IF_ERROR(PrintList(session, document, command.view));
  return kOk;
}

// The rows that `name` means: its whole name, or the end of it after a '/'.
Json RowsCalled(const Json& rows, const RowsView& view,
                const std::string& name) {
  Json whole = Json::array(), ends = Json::array();
  for (const Json& row : rows) {
    const std::string full = NameOf(row, view);
    if (full == name) whole.push_back(row);
    if (full.ends_with("/" + name)) ends.push_back(row);
  }
  return whole.empty() ? ends : whole;
}

// The document with that one row. Errors: NotFound, InvalidArgument.
absl::StatusOr<Json> GetOne(Session& session, const ListCommand& command,
                            const std::string& name) {
  ASSIGN_OR_RETURN(Json document, session.Get(command.path));
  const Json& all = At(document, command.view.rows);
  Json found = RowsCalled(all, command.view, name);
  if (found.empty())
    return absl::NotFoundError(
        absl::StrCat(command.noun, " ", name, ": there is none; xdpctl ",
                     command.noun, " list shows what there is"));
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const Json& row : found) names.push_back(NameOf(row, command.view));
    return absl::InvalidArgumentError(absl::StrCat(
        command.noun, " ", name, ": there are several; name one of ",
        absl::StrJoin(names, ", ")));
  }
  document[command.view.rows] = std::move(found);
  return document;
}

absl::StatusOr<int> Show(Session& session, const ListCommand& command,
                         const std::string& name) {
  if (name.empty()) return List(session, command);
  ASSIGN_OR_RETURN(const Json document, GetOne(session, command, name));
  RETURN_IF_ERROR(PrintList(session, document, command.view));
  return kOk;
}

absl::StatusOr<int> Describe(Session& session, const ListCommand& command,
                             const std::string& name) {
  ASSIGN_OR_RETURN(const Json document, GetOne(session, command, name));
  session.Print(document, [&] {
    Table table({"", ""});
    for (const auto& [field, value] : document[command.view.rows][0].items()) {
      std::string label = field;
      std::replace(label.begin(), label.end(), '_', ' ');
      table.Add({label, Cell(value)});
    }
    table.Print(session.env.out, /*headers=*/false);
  });
  return kOk;
}

// What completion calls a name of this noun: POOL for "nat pool".
std::string TypeOf(const std::string& noun) {
  return absl::AsciiStrToUpper(noun.substr(noun.rfind(' ') + 1));
}

void AddShow(CLI::App& noun, Session& session, const ListPtr& command) {
  auto name = std::make_shared<std::string>();
  CLI::App* show = AddCommand(
      noun, session,
      {.name = "show",
       .aliases = command->get ? std::vector<std::string>{"get"}
                               : std::vector<std::string>(),
       .summary = "One of them, by its name; without a name all",
       .text = "A name is the whole name or, where that is enough, the part "
               "after its last '/'.",
       .example = absl::StrCat("xdpctl ", command->noun, " show"),
       .exits = {{kNotFound, "there is none of this name"}},
       .run = [&session, command, name] {
         return Show(session, *command, *name);
       }});
  show->add_option("name", *name, "As -o name writes it")
      ->type_name(TypeOf(command->noun));
}

void AddDescribe(CLI::App& noun, Session& session, const ListPtr& command) {
  auto name = std::make_shared<std::string>();
  CLI::App* describe = AddCommand(
      noun, session,
      {.name = "describe",
       .summary = "All that is known of one of them, a field on each line",
       .example = absl::StrCat("xdpctl ", command->noun,
                               " list -o name | xargs -n 1 xdpctl ",
                               command->noun, " describe"),
       .exits = {{kNotFound, "there is none of this name"}},
       .shows = Shows::kPage,
       .run = [&session, command, name] {
         return Describe(session, *command, *name);
       }});
  describe->add_option("name", *name, "As -o name writes it")
      ->required()
      ->type_name(TypeOf(command->noun));
}

}  // namespace

std::string NameOf(const Json& row, const RowsView& view) {
  std::vector<std::string> parts;
  for (const std::string& field : view.name) {
    parts.push_back(Cell(At(row, field)));
    if (parts.back().empty()) parts.pop_back();
  }
  return absl::StrJoin(parts, "/");
}

std::vector<Column> ColumnsOf(const Json& rows) {
  std::vector<Column> columns;
  if (rows.empty()) return columns;
  for (const auto& [field, value] : rows[0].items()) {
    std::string header = absl::AsciiStrToUpper(field);
    std::replace(header.begin(), header.end(), '_', '-');
    columns.push_back({.header = std::move(header), .field = field});
  }
  return columns;
}

absl::Status PrintList(Session& session, const Json& document,
                       const RowsView& view) {
  const Options& options = session.options;
  const Format format = session.format();
  ASSIGN_OR_RETURN(
      const std::vector<Column> columns,
      ChooseColumns(view.columns, options.columns,
                    format == Format::kWide || format == Format::kCsv));
  const Json* shown = &document;
  Json sorted;
  if (!options.sort.empty()) {
    sorted = document;
    RETURN_IF_ERROR(SortRows(sorted[view.rows], view.columns, options.sort));
    shown = &sorted;
  }
  const Json& rows = At(*shown, view.rows);
  if (format == Format::kCsv) {
    PrintCsv(session, rows, columns);
  } else if (format == Format::kName || format == Format::kJsonLines) {
    PrintLines(session, rows, view);
  } else {
    session.Print(*shown, [&] {
      session.Print(MakeTable(rows, columns, options.numeric));
    });
  }
  return absl::OkStatus();
}

void PrintRows(Session& session, const Json& rows,
               const std::vector<Column>& columns) {
  const absl::StatusOr<std::vector<Column>> shown =
      ChooseColumns(columns, "", session.format() == Format::kWide);
  session.Print(MakeTable(rows, *shown, session.options.numeric));
}

CLI::App* AddList(CLI::App& noun, Session& session, ListCommand list) {
  const auto command = std::make_shared<const ListCommand>(std::move(list));
  CLI::App* verb = AddCommand(
      noun, session,
      {.name = "list",
       .aliases = {"ls"},
       .summary = command->help,
       .text = command->text,
       .example = command->example.empty()
                      ? absl::StrCat("xdpctl ", command->noun, " list")
                      : command->example,
       .run = [&session, command] { return List(session, *command); }});
  session.lists[TypeOf(command->noun)] = command;
  AddShow(noun, session, command);
  AddDescribe(noun, session, command);
  return verb;
}

}  // namespace rampart::xdpctl
