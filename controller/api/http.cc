// SPDX-License-Identifier: Apache-2.0
// Targets of requests: RFC 3986 escapes, query parameters.
#include "controller/api/http.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

std::string_view Std(absl::string_view text) {
  return {text.data(), text.size()};
}

absl::StatusOr<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
          !absl::ascii_isxdigit(text[i + 2]))
        return absl::InvalidArgumentError(
            absl::StrCat("target: broken escape in '", std::string(text),
                         "'; % must be followed by two hex digits"));
      out += absl::HexStringToBytes(std::string(text.substr(i + 1, 2)));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || kPlain.find(c) != kPlain.npos)
      out += c;
    else
      absl::StrAppendFormat(&out, "%%%02X", static_cast<uint8_t>(c));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::pair<std::string, Query>> ParseTarget(
    std::string_view target) {
  if (target.empty() || target[0] != '/')
    return absl::InvalidArgumentError(absl::StrCat(
        "target: '", std::string(target), "' does not begin with '/'"));
  const size_t mark = target.find('?');
  ASSIGN_OR_RETURN(std::string path, Unescape(target.substr(0, mark)));
  Query query;
  if (mark == std::string_view::npos)
    return std::make_pair(std::move(path), std::move(query));
  const std::string parameters(target.substr(mark + 1));
  for (absl::string_view pair :
       absl::StrSplit(parameters, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    ASSIGN_OR_RETURN(std::string name, Unescape(Std(parts.first)));
    ASSIGN_OR_RETURN(std::string value, Unescape(Std(parts.second)));
    query.emplace_back(std::move(name), std::move(value));
  }
  return std::make_pair(std::move(path), std::move(query));
}

std::string FormatTarget(std::string_view path, const Query& query) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    target += separator;
    target += Escape(name) + "=" + Escape(value);
    separator = '&';
  }
  return target;
}

std::string_view FindParameter(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return "";
}

}  // namespace rampart
