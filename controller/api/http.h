// SPDX-License-Identifier: Apache-2.0
// Requests and responses of the API, free of the HTTP library.
#ifndef RAMPART_CONTROLLER_API_HTTP_H_
#define RAMPART_CONTROLLER_API_HTTP_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace rampart {

// Parameters in the order of the URL, decoded; a name may come twice.
using Query = std::vector<std::pair<std::string, std::string>>;

struct ApiRequest {
  std::string method;
  std::string path;  // decoded, without the query
  Query query;
  std::string body;
  uid_t uid = 0;  // of the peer, from the kernel
  // Who that is, for the history: "alice (uid 1000)".
  std::string who;
  std::string if_match;  // header If-Match; "": not there
};

struct ApiResponse {
  int status = 200;
  std::string body;
  std::string allow;  // of a 405: the methods there are
  std::string content_type = "application/json";
  std::string etag;  // header ETag, with its quotes; "": none
};

using ApiHandler = std::function<ApiResponse(const ApiRequest&)>;

// Splits "/v1/route?vnet=a%2Fb" into path and query. Errors: InvalidArgument
// for a target that does not begin with '/' or a broken %-escape.
absl::StatusOr<std::pair<std::string, Query>> ParseTarget(
    std::string_view target);

// The other way round, for clients.
std::string FormatTarget(std::string_view path, const Query& query);

// The value of the first parameter `name`; "" if there is none.
std::string_view FindParameter(const Query& query, std::string_view name);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_HTTP_H_
