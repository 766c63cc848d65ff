// SPDX-License-Identifier: Apache-2.0
// Keys of peers: the files of this edge that hold them.
#ifndef RAMPART_CONTROLLER_CONFIG_SECRETS_H_
#define RAMPART_CONTROLLER_CONFIG_SECRETS_H_

#include "absl/status/status.h"
#include "controller/model/mistakes.h"
#include "controller/model/resources.h"

namespace rampart {

// Reads every key_file (32 hex digits for mac, 16 for cookie) into the secret
// beside it. What cannot be read is reported and its secret stays empty; all
// others are set. Messages never show what a file holds.
void LoadSecrets(Resources& resources, Mistakes& mistakes);

// The same for resources that were stored. Errors: InvalidArgument, a line per
// file; `resources` is usable even then, without those keys.
absl::Status LoadSecrets(Resources& resources);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_SECRETS_H_
