// SPDX-License-Identifier: Apache-2.0
// Many command lines from one file.
#ifndef RAMPART_TOOLS_XDPCTL_BATCH_H_
#define RAMPART_TOOLS_XDPCTL_BATCH_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "tools/xdpctl/env.h"

namespace rampart::xdpctl {

// Words of a line as a shell splits it: quotes, backslashes, # comments; no
// variables. Errors: InvalidArgument for a quote without its end.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line);

// Runs each line of `file` ("-": env.in), the words of `options` in front.
// Stops at the first that fails, unless keep_going. An answer from a degraded
// edge or without controller (exit codes 5, 6) is no failure. Returns the exit
// code of the first failure, else the greatest one. Errors: NotFound and the
// like if there is no such file.
absl::StatusOr<int> RunBatch(
    Env& env, const std::string& file, const std::vector<std::string>& options,
    bool keep_going,
    absl::FunctionRef<int(std::vector<std::string> words)> run);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_BATCH_H_
