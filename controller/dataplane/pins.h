// SPDX-License-Identifier: Apache-2.0
// The folder in bpffs that keeps an edge's maps and links alive without a
// process: <bpffs>/rampart/<edge>/{maps,links}.
#ifndef RAMPART_CONTROLLER_DATAPLANE_PINS_H_
#define RAMPART_CONTROLLER_DATAPLANE_PINS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"

namespace rampart {

// Remedy that errors about unusable pins end with.
inline constexpr char kDetachRemedy[] =
    "; `rampartd --detach` removes the pins, and with them the flows";

// File name of a pin. bpffs refuses names with a dot ("eth0.100"), so a dot is
// written as ':', which no device name has.
std::string PinName(std::string_view name);
// The reverse of PinName().
std::string NameOfPin(std::string_view pin);

class Pins {
 public:
  // Makes the folders that are missing and takes the lock. Mounts bpffs if it
  // is not there but its folder is. Errors: InvalidArgument for an edge that
  // cannot be a file name, Unavailable if another process holds the lock.
  static absl::StatusOr<Pins> Create(std::string_view bpffs,
                                     std::string_view edge);
  // The same for pins that exist. Errors: also NotFound.
  static absl::StatusOr<Pins> Existing(std::string_view bpffs,
                                       std::string_view edge);

  const std::string& folder() const { return folder_; }
  std::string maps() const { return folder_ + "/maps"; }
  // Where new maps are collected until they are complete.
  std::string new_maps() const { return folder_ + "/maps_new"; }
  std::string map(std::string_view name) const;
  std::string link(std::string_view device) const;
  // Devices that have a pinned link.
  std::vector<std::string> linked_devices() const;

 private:
  Pins() = default;
  std::string folder_;
  UniqueFd lock_;  // the folder, flock()ed: the kernel unlocks it on any exit
};

// File names in `folder`, sorted; none if it does not exist.
std::vector<std::string> ListFolder(const std::string& folder);
// Removes a flat folder of pins and returns the names of what was in it.
absl::StatusOr<std::vector<std::string>> RemoveFolder(
    const std::string& folder);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_PINS_H_
