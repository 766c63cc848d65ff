// SPDX-License-Identifier: Apache-2.0
// The end of a data plane: everything that outlives the controller goes.
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/dataplane/data_plane.h"
#include "controller/dataplane/losses.h"
#include "controller/dataplane/pins.h"
#include "controller/dataplane/xdp_link.h"

namespace rampart {
namespace {

absl::Status RemoveEmpty(const std::string& folder) {
  if (rmdir(folder.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("pins: remove ", folder));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DetachAll(std::string_view bpffs,
                                                   std::string_view edge) {
  std::vector<std::string> removed;
  const absl::StatusOr<Pins> pins = Pins::Existing(bpffs, edge);
  if (absl::IsNotFound(pins.status())) return removed;
  if (!pins.ok()) return pins.status();
  // Programs first: none may run on maps that are going.
  for (const std::string& device : pins->linked_devices()) {
    RETURN_IF_ERROR(RemoveLink(pins->link(device)));
    removed.push_back(absl::StrCat("program on device ", device));
  }
  RETURN_IF_ERROR(RemoveEmpty(pins->folder() + "/links"));
  ASSIGN_OR_RETURN(const std::vector<std::string> counters,
                   RemoveFolder(pins->folder() + kLossesFolder));
  for (const std::string& counter : counters) {
    removed.push_back(absl::StrCat("counter ", counter));
  }
  for (const std::string& folder : {pins->maps(), pins->new_maps()}) {
    ASSIGN_OR_RETURN(const std::vector<std::string> maps, RemoveFolder(folder));
    for (const std::string& map : maps) {
      removed.push_back(absl::StrCat("map ", map));
    }
  }
  RETURN_IF_ERROR(RemoveEmpty(pins->folder()));
  removed.push_back(absl::StrCat("folder ", pins->folder()));
  // Fails while another edge is pinned beside.
  rmdir((std::string(bpffs) + "/rampart").c_str());
  return removed;
}

}  // namespace rampart
