// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/batch.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <istream>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace rampart::xdpctl {
namespace {

bool IsFailure(int code) {
  return code != kOk && code != kDegraded && code != kOffline;
}

absl::StatusOr<int> RunLines(
    Env& env, std::istream& in, const std::string& file,
    const std::vector<std::string>& options, bool keep_going,
    absl::FunctionRef<int(std::vector<std::string> words)> run) {
  int result = kOk;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    absl::StatusOr<std::vector<std::string>> words = SplitWords(line);
    if (!words.ok())
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", number, ": ", words.status().message()));
    if (words->empty()) continue;
    words->insert(words->begin(), options.begin(), options.end());
    const int code = run(*std::move(words));
    if (!IsFailure(code)) {
      result = IsFailure(result) ? result : std::max(result, code);
      continue;
    }
    env.err << file << ':' << number << ": ended with exit code " << code
            << '\n';
    if (!IsFailure(result)) result = code;
    if (!keep_going) break;
  }
  return result;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word += line[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '#' && !in_word) {
      break;
    } else if (absl::ascii_isspace(c)) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return absl::InvalidArgumentError("a quote without its end");
  if (in_word) words.push_back(std::move(word));
  return words;
}

absl::StatusOr<int> RunBatch(
    Env& env, const std::string& file, const std::vector<std::string>& options,
    bool keep_going,
    absl::FunctionRef<int(std::vector<std::string> words)> run) {
  if (file == "-")
    return RunLines(env, env.in, "<stdin>", options, keep_going, run);
  errno = 0;
  std::ifstream in(file);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat("batch: ", file));
  return RunLines(env, in, file, options, keep_going, run);
}

}  // namespace rampart::xdpctl
