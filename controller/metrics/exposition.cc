// SPDX-License-Identifier: Apache-2.0
#include "controller/metrics/exposition.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace rampart {
namespace {

absl::string_view Absl(std::string_view text) {
  return {text.data(), text.size()};
}

void AppendEscaped(std::string_view value, std::string& text) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
}

}  // namespace

void Exposition::Family(std::string_view name, Type type,
                        std::string_view help) {
  name_ = name;
  absl::StrAppend(&text_, "# HELP ", name_, " ", Absl(help), "\n# TYPE ", name_,
                  type == Type::kCounter ? " counter\n" : " gauge\n");
}

void Exposition::Begin(Labels labels) {
  text_ += name_;
  char separator = '{';
  for (const auto& [label, value] : labels) {
    text_ += separator;
    absl::StrAppend(&text_, Absl(label), "=\"");
    AppendEscaped(value, text_);
    text_ += '"';
    separator = ',';
  }
  text_ += separator == ',' ? "} " : " ";
}

void Exposition::Sample(Labels labels, uint64_t value) {
  Begin(labels);
  absl::StrAppend(&text_, value, "\n");
}

void Exposition::Sample(Labels labels, int64_t value) {
  Begin(labels);
  absl::StrAppend(&text_, value, "\n");
}

void Exposition::Sample(Labels labels, double value) {
  Begin(labels);
  absl::StrAppend(&text_, value, "\n");
}

}  // namespace rampart
