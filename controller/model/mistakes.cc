// SPDX-License-Identifier: Apache-2.0
#include "controller/model/mistakes.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

constexpr size_t kShownMax = 1000;

}  // namespace

void Mistakes::Add(int line, std::string_view what) {
  if (count_++ < kShownMax) mistakes_.push_back({line, std::string(what)});
}

absl::Status Mistakes::ToStatus() const {
  if (count_ == 0) return absl::OkStatus();
  std::vector<const Mistake*> sorted;
  sorted.reserve(mistakes_.size());
  for (const Mistake& mistake : mistakes_) sorted.push_back(&mistake);
  // Mistakes of one line in the order they were found.
  std::sort(sorted.begin(), sorted.end(),
            [](const Mistake* a, const Mistake* b) {
              return std::tie(a->line, a) < std::tie(b->line, b);
            });
  std::string text;
  for (const Mistake* mistake : sorted) {
    if (!text.empty()) text += '\n';
    if (!file_.empty()) absl::StrAppend(&text, file_, ":");
    if (!file_.empty() && mistake->line > 0)
      absl::StrAppend(&text, mistake->line, ":");
    if (!text.empty() && text.back() == ':') text += ' ';
    text += mistake->what;
  }
  if (count_ > sorted.size())
    absl::StrAppend(&text, "\n", file_, ": ", count_ - sorted.size(),
                    " more mistakes; correct these first");
  return absl::InvalidArgumentError(text);
}

}  // namespace rampart
