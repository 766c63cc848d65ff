// SPDX-License-Identifier: Apache-2.0
// Columns of text.
#ifndef RAMPART_TOOLS_XDPCTL_TABLE_H_
#define RAMPART_TOOLS_XDPCTL_TABLE_H_

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "controller/api/json.h"

namespace rampart::xdpctl {

// The header is the first row. Rows may be shorter; an empty cell is "-".
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void Add(std::vector<std::string> row);
  // Two spaces between columns; columns that hold only numbers go right.
  // color: a bold header, and good and bad states in green and red.
  void Print(std::ostream& out, bool headers, bool color = false) const;

 private:
  bool IsNumeric(size_t column) const;

  std::vector<std::vector<std::string>> rows_;
};

// A field of an object, or an element of an array in it; null if it is not
// there, as in the answer of another version.
const Json& At(const Json& object, std::string_view field);
const Json& At(const Json& object, std::string_view field, size_t index);

// A JSON value as a cell: arrays with commas, objects as "key value" pairs.
std::string Cell(const Json& value);

// 1536 -> "1.5K": for byte counts.
std::string HumanBytes(const Json& bytes);
// "10.1.0.5:443", "[2001:db8::1]:443", or the address if the port is 0.
std::string EndpointCell(const Json& address, const Json& port);
// "1.2s", "4m10s", "2h04m", "3d01h".
std::string HumanSeconds(const Json& seconds);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_TABLE_H_
