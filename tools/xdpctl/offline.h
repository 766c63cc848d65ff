// SPDX-License-Identifier: Apache-2.0
// The answers of the API without a controller: from the pinned maps and the
// state file, of which either may be missing.
#ifndef RAMPART_TOOLS_XDPCTL_OFFLINE_H_
#define RAMPART_TOOLS_XDPCTL_OFFLINE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/api/offline.h"
#include "controller/dataplane/offline.h"

namespace rampart::xdpctl {

struct Options;

class Offline {
 public:
  explicit Offline(const Options& options);

  // The same documents as the controller's. Errors: as the API; Unavailable if
  // what the answer needs cannot be read; FailedPrecondition for a path that
  // only the controller can answer.
  absl::StatusOr<Json> Get(std::string_view path, const Query& query) const;

  // Why what an answer needs cannot be read.
  absl::Status WhyNot(std::string_view path) const;

  // Errors: what hinders reading the pins.
  absl::StatusOr<const MapReader*> maps() const;
  // What answers are made from, for people.
  std::string Where() const;

 private:
  absl::Status OpenPins(const std::string& configured);

  std::string bpffs_;
  std::string edge_;
  std::unique_ptr<MapReader> maps_;
  absl::Status maps_status_;
  std::string state_path_;
  absl::StatusOr<StoredResources> state_ = absl::UnknownError("not read");
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_OFFLINE_H_
