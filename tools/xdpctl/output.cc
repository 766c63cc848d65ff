// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/output.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace rampart::xdpctl {
namespace {

// Words that some version of YAML reads as a boolean or null.
constexpr std::array<const char*, 9> kReserved = {
    "y", "n", "yes", "no", "on", "off", "true", "false", "null"};

// Whether the text needs no quotes, by a rule that is stricter than YAML's.
bool IsPlain(const std::string& text) {
  if (text.empty() || !(absl::ascii_isalpha(text[0]) || text[0] == '/'))
    return false;
  const std::string lower = absl::AsciiStrToLower(text);
  return std::all_of(text.begin(), text.end(),
                     [](char c) {
                       return absl::ascii_isalnum(c) || c == '-' || c == '_' ||
                              c == '.' || c == '/';
                     }) &&
         std::find(kReserved.begin(), kReserved.end(), lower) ==
             kReserved.end();
}

// JSON's strings are YAML's double-quoted ones, but for characters that YAML
// wants escaped: DEL, and U+0080 to U+009F.
std::string Quoted(const std::string& text) {
  std::string out;
  const std::string json =
      Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '\x7f') {
      out += "\\x7f";
    } else if (json[i] == '\xc2' && (json[i + 1] & 0xe0) == 0x80) {
      const auto low = static_cast<uint8_t>(json[++i]);
      absl::StrAppend(&out, "\\x", absl::Hex(low));
    } else {
      out += json[i];
    }
  }
  return out;
}

std::string Scalar(const Json& json) {
  if (json.is_string()) {
    const auto text = json.get<std::string>();
    return IsPlain(text) ? text : Quoted(text);
  }
  return json.dump();  // also "{}" and "[]"
}

bool IsBlock(const Json& json) { return json.is_structured() && !json.empty(); }

// A block begins where the line stands; its other lines are indented.
void Append(std::string& out, const Json& json, size_t indent) {
  if (!IsBlock(json)) {
    absl::StrAppend(&out, Scalar(json), "\n");
    return;
  }
  const std::string margin(indent, ' ');
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    if (!first) out += margin;
    first = false;
    if (json.is_array()) {
      out += "- ";
      Append(out, value, indent + 2);
      continue;
    }
    absl::StrAppend(&out, Scalar(key), ":");
    absl::StrAppend(&out,
                    IsBlock(value) ? "\n" + std::string(indent + 2, ' ') : " ");
    Append(out, value, indent + 2);
  }
}

}  // namespace

std::string ToYaml(const Json& json) {
  std::string out;
  Append(out, json, 0);
  return out;
}

std::string ToCsv(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line += c == '"' ? "\"\"" : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

}  // namespace rampart::xdpctl
