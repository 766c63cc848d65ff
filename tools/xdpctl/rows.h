// SPDX-License-Identifier: Apache-2.0
// Which columns and which order of rows the options ask for.
#ifndef RAMPART_TOOLS_XDPCTL_ROWS_H_
#define RAMPART_TOOLS_XDPCTL_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/xdpctl/list.h"

namespace rampart::xdpctl {

// Those that `names` (with commas; case does not matter, prefixes will do)
// chooses, in its order; if it is empty all, without the wide ones unless
// `wide`. Errors: InvalidArgument that lists the columns.
absl::StatusOr<std::vector<Column>> ChooseColumns(
    const std::vector<Column>& columns, const std::string& names, bool wide);

// What the column shows of the row. exact: its field, if it has one.
std::string CellOf(const Column& column, const Json& row, bool exact);

// Sorts by a column or by a field of the rows, descending with '-' in front;
// numbers as numbers, also those within text (10.2.0.1 before 10.10.0.1).
// Equal rows stay as they are. Errors: InvalidArgument that lists the columns.
absl::Status SortRows(Json& rows, const std::vector<Column>& columns,
                      const std::string& key);

// Puts rows in order; rows that are alike stay as they were.
void SortStably(Json& rows,
                absl::FunctionRef<bool(const Json& a, const Json& b)> before);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_ROWS_H_
