// SPDX-License-Identifier: Apache-2.0
// What an edge tells Prometheus.
#ifndef RAMPART_CONTROLLER_METRICS_METRICS_H_
#define RAMPART_CONTROLLER_METRICS_METRICS_H_

#include <string>

#include "absl/status/statusor.h"
#include "controller/api/backend.h"
#include "controller/api/http.h"

namespace rampart {

// All metrics of the edge. Labels are names of its configuration and ids of
// maps/outcomes.h, so traffic cannot make more of them. Errors: those of maps
// and netlink.
absl::StatusOr<std::string> MetricsText(const Backend& backend);

// Answers GET /metrics. backend must outlive it.
ApiHandler MakeMetrics(const Backend& backend);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_METRICS_METRICS_H_
