// SPDX-License-Identifier: Apache-2.0
// The state store of a fleet, in etcd.
#ifndef RAMPART_CONTROLLER_STORE_ETCD_ETCD_STORE_H_
#define RAMPART_CONTROLLER_STORE_ETCD_ETCD_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/store/etcd/client.h"
#include "controller/store/fleet.h"

namespace rampart {

struct EtcdStoreOptions {
  std::string url;  // for messages, and the copy's name of its original
  EtcdOptions etcd;
  std::string prefix;  // "/rampart"
  std::string copy;    // file of the local copy
  // What the others see of this edge.
  std::string edge;
  std::string api;
  std::string version;
  absl::Duration poll = absl::Seconds(1);    // between two looks, at most
  absl::Duration lease = absl::Seconds(15);  // an edge that is silent is gone
};

// Reads the epoch in force, or makes the first one. If etcd does not answer,
// the local copy stands in for it. A thread of the store follows etcd from
// then on: it looks at the head whenever a watch says so and every `poll`, so
// neither a lost watch nor compaction makes it miss anything.
//
// Calls that ask etcd wait for it, at most EtcdOptions::timeout each, and not
// at all while the thread does not reach it.
//
// Errors: Unavailable if neither answers; FailedPrecondition if the copy is of
// another store.
absl::StatusOr<std::unique_ptr<FleetStore>> OpenEtcdStore(
    EtcdStoreOptions options);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_ETCD_ETCD_STORE_H_
