// SPDX-License-Identifier: Apache-2.0
// Propagation of absl::Status, and what to do when an invariant is broken.
// Debian 12's Abseil has neither status_macros.h nor CHECK.
#ifndef RAMPART_CONTROLLER_BASE_STATUS_H_
#define RAMPART_CONTROLLER_BASE_STATUS_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the calling function if `expr`, an absl::Status, is an error.
#define RETURN_IF_ERROR(expr)                                               \
  do {                                                                      \
    if (absl::Status rp_status = (expr); !rp_status.ok()) return rp_status; \
  } while (false)

// ASSIGN_OR_RETURN(auto fd, Open(path)): declares or assigns, or returns the
// error of the absl::StatusOr.
#define ASSIGN_OR_RETURN(lhs, expr) \
  RP_ASSIGN_OR_RETURN_(RP_CONCAT_(rp_statusor_, __LINE__), lhs, expr)
#define RP_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                         \
  if (!tmp.ok()) return tmp.status();        \
  lhs = *std::move(tmp)
#define RP_CONCAT_(a, b) RP_CONCAT2_(a, b)
#define RP_CONCAT2_(a, b) a##b

// Ends the process when something that cannot happen has happened. Input and
// environment can fail and are an absl::Status instead.
#define RP_CHECK(condition)                                           \
  do {                                                                \
    if (!(condition)) {                                               \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, \
                   __LINE__, #condition);                             \
      std::abort();                                                   \
    }                                                                 \
  } while (false)

#endif  // RAMPART_CONTROLLER_BASE_STATUS_H_
