// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/list.h"

#include <CLI/CLI.hpp>

#include "controller/base/status.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

absl::StatusOr<int> List(Session& session, const ListCommand& command) {
  ASSIGN_OR_RETURN(const Json document, session.Get(command.path));
  const Json& rows = At(document, command.rows);
  session.Print(document, [&] { PrintRows(session, rows, command.columns); });
  return kOk;
}

}  // namespace

CLI::App* AddList(CLI::App& noun, Session& session, ListCommand command) {
  CLI::App* verb = noun.add_subcommand("list", command.help)->alias("ls");
  return verb->callback([&session, command = std::move(command)] {
    session.result = List(session, command);
  });
}

void PrintRows(Session& session, const Json& rows,
               const std::vector<Column>& columns) {
  std::vector<std::string> cells;
  cells.reserve(columns.size());
  for (const Column& column : columns) cells.push_back(column.header);
  Table table(std::move(cells));
  for (const Json& row : rows) {
    cells.clear();
    for (const Column& column : columns)
      cells.push_back(column.cell != nullptr ? column.cell(row)
                                             : Cell(At(row, column.field)));
    table.Add(std::move(cells));
  }
  session.Print(table);
}

}  // namespace rampart::xdpctl
