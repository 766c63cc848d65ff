// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_DAEMON_OPEN_STORE_H_
#define RAMPART_CONTROLLER_DAEMON_OPEN_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "controller/config/edge_config.h"
#include "controller/store/fleet.h"

namespace rampart {

struct OpenedStore {
  std::unique_ptr<StateStore> store;
  FleetStore* fleet = nullptr;  // the same one, if several edges share it
};

// The store that rampartd.yaml names, with the files of its `etcd` section.
// Errors: those of OpenStateStore() and OpenEtcdStore(); NotFound and others
// for a file that cannot be read.
absl::StatusOr<OpenedStore> OpenStore(const EdgeConfig& config);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_OPEN_STORE_H_
