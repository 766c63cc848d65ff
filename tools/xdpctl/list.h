// SPDX-License-Identifier: Apache-2.0
// The verb that most nouns have.
#ifndef RAMPART_TOOLS_XDPCTL_LIST_H_
#define RAMPART_TOOLS_XDPCTL_LIST_H_

#include <string>
#include <vector>

#include "controller/api/json.h"

namespace CLI {
class App;
}

namespace rampart::xdpctl {

class Session;

// A column shows a field of a row, or what `cell` makes of the row.
struct Column {
  std::string header;
  std::string field;
  std::string (*cell)(const Json& row) = nullptr;
};

// A GET whose answer is an array of rows.
struct ListCommand {
  std::string help;
  std::string path;
  std::string rows;  // field of the answer that holds them
  std::vector<Column> columns;
};

// Adds `list`, also `ls`. Returns it for more options.
CLI::App* AddList(CLI::App& noun, Session& session, ListCommand command);

// The rows as a table.
void PrintRows(Session& session, const Json& rows,
               const std::vector<Column>& columns);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_LIST_H_
