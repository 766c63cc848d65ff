// SPDX-License-Identifier: Apache-2.0
// The store of a fleet in rampartd.yaml: `state: etcd://...` and `etcd`.
#ifndef RAMPART_CONTROLLER_CONFIG_ETCD_CONFIG_H_
#define RAMPART_CONTROLLER_CONFIG_ETCD_CONFIG_H_

#include <string_view>

#include "absl/status/status.h"
#include "controller/config/edge_config.h"
#include "controller/model/fields.h"

namespace rampart {

// "etcd://HOST[:PORT][,HOST[:PORT]...][/PREFIX]" into endpoints, each with its
// port, and prefix. Errors: InvalidArgument.
absl::Status ParseEtcdUrl(std::string_view url, EtcdConfig& config);

// The keys under `etcd`, into config.etcd, after `state` was read.
void ReadEtcd(Fields& fields, EdgeConfig& config);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_ETCD_CONFIG_H_
