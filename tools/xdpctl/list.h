// SPDX-License-Identifier: Apache-2.0
// Rows: the verbs that most nouns have, and how they are printed.
#ifndef RAMPART_TOOLS_XDPCTL_LIST_H_
#define RAMPART_TOOLS_XDPCTL_LIST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/api/json.h"
#include "tools/xdpctl/command.h"

namespace rampart::xdpctl {

class Session;

// A column shows a field of a row, or what `cell` makes of the row. With both,
// `cell` is for people: -n, -o csv and --sort take the field.
struct Column {
  std::string header;
  std::string field;
  std::string (*cell)(const Json& row) = nullptr;
  bool wide = false;  // only with -o wide, -o csv or in --columns
};

// How the rows of a document are shown.
struct RowsView {
  std::string rows;  // the field that holds them
  std::vector<Column> columns;
  // Fields that together, with '/' between them, are the name of a row.
  std::vector<std::string> name = {"name"};
};

// A column for each field of the first row.
std::vector<Column> ColumnsOf(const Json& rows);

// Prints the document as -o says, its rows as --sort and --columns say. Errors:
// InvalidArgument for columns that it has not.
absl::Status PrintList(Session& session, const Json& document,
                       const RowsView& view);

// The rows as a table amid the text of a page.
void PrintRows(Session& session, const Json& rows,
               const std::vector<Column>& columns);

// A list that the API answers, or what reads it from elsewhere.
struct ListCommand {
  std::string noun;  // as people type it: "nat pool"
  std::string help;
  std::string text = {};
  std::string example = {};  // "xdpctl <noun> list" if empty
  std::string path;
  RowsView view;
  bool get = true;  // `get` is `show`, and nothing else of this noun
};

// Adds `list` (also `ls`), `show NAME` (also `get`, which without NAME is
// `list`) and `describe NAME`, all fields one below the other. Returns `list`,
// for more options.
CLI::App* AddList(CLI::App& noun, Session& session, ListCommand command);

// The row's name; "" if none of its parts is there.
std::string NameOf(const Json& row, const RowsView& view);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_LIST_H_
