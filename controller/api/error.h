// SPDX-License-Identifier: Apache-2.0
// Errors as the API tells them.
#ifndef RAMPART_CONTROLLER_API_ERROR_H_
#define RAMPART_CONTROLLER_API_ERROR_H_

#include <string_view>

#include "absl/status/status.h"
#include "controller/api/http.h"

namespace rampart {

// {"schema": "xdpctl/v1/error", "error": {"code", "message", "lines"}}; lines
// are those of `message`, so that a client need not split it.
ApiResponse ErrorResponse(int http_status, std::string_view code,
                          std::string_view message);

// InvalidArgument 400, PermissionDenied 403, NotFound 404, Aborted,
// AlreadyExists and FailedPrecondition 409, Unavailable and ResourceExhausted
// 503, others 500.
ApiResponse ErrorResponse(const absl::Status& status);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_ERROR_H_
