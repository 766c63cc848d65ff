// SPDX-License-Identifier: Apache-2.0
#include "controller/api/error.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace rampart {
namespace {

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

ApiResponse ErrorResponse(int http_status, std::string_view code,
                          std::string_view message) {
  const std::string text(message);
  const std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipEmpty());
  const nlohmann::json body = {
      {"schema", "xdpctl/v1/error"},
      {"error",
       {{"code", std::string(code)}, {"message", text}, {"lines", lines}}}};
  return {.status = http_status,
          .body = body.dump(-1, ' ', false,
                            nlohmann::json::error_handler_t::replace) +
                  "\n",
          .allow = {}};
}

ApiResponse ErrorResponse(const absl::Status& status) {
  const std::string message(status.message().data(), status.message().size());
  return ErrorResponse(
      HttpStatus(status.code()),
      absl::AsciiStrToLower(absl::StatusCodeToString(status.code())), message);
}

}  // namespace rampart
