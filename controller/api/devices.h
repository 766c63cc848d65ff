// SPDX-License-Identifier: Apache-2.0
// Devices with their counters, for the device list and the status.
#ifndef RAMPART_CONTROLLER_API_DEVICES_H_
#define RAMPART_CONTROLLER_API_DEVICES_H_

#include "absl/status/statusor.h"
#include "controller/api/backend.h"
#include "controller/api/json.h"

namespace rampart {

// An array with an object per device of the configuration, attached or not.
absl::StatusOr<Json> DeviceRows(const Backend& backend);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_DEVICES_H_
