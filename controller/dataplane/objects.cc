// SPDX-License-Identifier: Apache-2.0
// The only file that includes the skeleton.
#include "controller/dataplane/objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "controller/dataplane/bpf_log.h"
#include "controller/dataplane/flow_table.h"
#include "maps/config.h"
#include "rampart.skel.h"

namespace rampart {
namespace {

struct Destroy {
  void operator()(rampart_bpf* skeleton) const {
    rampart_bpf::destroy(skeleton);
  }
};
using Skeleton = std::unique_ptr<rampart_bpf, Destroy>;

absl::StatusOr<Skeleton> OpenSkeleton(const BpfLog& log) {
  Skeleton skeleton(rampart_bpf::open());
  if (skeleton == nullptr) return log.Error(errno, "data plane: open object");
  bpf_program* program;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, false);
  }
  return skeleton;
}

// The maps to share; .rodata and its like belong to one loaded program.
std::vector<bpf_map*> SharedMaps(const Skeleton& skeleton) {
  std::vector<bpf_map*> maps;
  bpf_map* map;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (!bpf_map__is_internal(map)) maps.push_back(map);
  }
  return maps;
}

absl::StatusOr<UniqueFd> Duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return absl::ErrnoToStatus(errno, "data plane: dup");
  return copy;
}

// Says how a pinned map differs from the one this program would make.
absl::Status CheckSame(const bpf_map* map, int fd) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  const std::string name = bpf_map__name(map);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("map ", name, ": info"));
  }
  std::vector<std::string> differences;
  const auto compare = [&differences](const char* what, uint32_t pinned,
                                      uint32_t wanted) {
    if (pinned == wanted) return;
    differences.push_back(absl::StrCat(what, " is ", pinned, ", not ", wanted));
  };
  compare("type", info.type, bpf_map__type(map));
  compare("key size", info.key_size, bpf_map__key_size(map));
  compare("value size", info.value_size, bpf_map__value_size(map));
  compare("capacity", info.max_entries, bpf_map__max_entries(map));
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("map ", name, ": the pinned one differs: ",
                   absl::StrJoin(differences, ", "), kDetachRemedy));
}

absl::Status CheckConfig(int fd, uint64_t store_id) {
  const uint32_t index = 0;
  rp_config config = {};
  if (bpf_map_lookup_elem(fd, &index, &config) != 0) {
    return absl::ErrnoToStatus(errno, "map rp_config: get");
  }
  if (config.layout != RP_LAYOUT_VERSION) {
    return absl::FailedPreconditionError(absl::StrCat(
        "map rp_config: the pinned maps have layout ", config.layout, ", not ",
        uint32_t{RP_LAYOUT_VERSION}, kDetachRemedy));
  }
  if (config.store_id != store_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("map rp_config: the pinned maps belong to store ",
                     absl::Hex(config.store_id), ", not ", absl::Hex(store_id),
                     kDetachRemedy));
  }
  return absl::OkStatus();
}

absl::Status AdoptMap(bpf_map* map, const Pins& pins, uint64_t store_id) {
  const std::string name = bpf_map__name(map);
  const UniqueFd fd(bpf_obj_get(pins.map(name).c_str()));
  if (!fd.valid()) {
    if (errno == ENOENT && name != "rp_config") return absl::OkStatus();
    return absl::ErrnoToStatus(
        errno, absl::StrCat("map ", name, ": open its pin", kDetachRemedy));
  }
  RETURN_IF_ERROR(CheckSame(map, fd.get()));
  if (name == "rp_config") RETURN_IF_ERROR(CheckConfig(fd.get(), store_id));
  if (const int error = bpf_map__reuse_fd(map, fd.get()); error != 0) {
    return absl::ErrnoToStatus(-error, absl::StrCat("map ", name, ": reuse"));
  }
  return absl::OkStatus();
}

void SizeFlowTables(const Skeleton& skeleton, uint32_t buckets) {
  const uint32_t slots = buckets * RP_BUCKET_TAGS;
  bpf_map__set_max_entries(skeleton->maps.rp_flow_tags4, buckets);
  bpf_map__set_max_entries(skeleton->maps.rp_flow_tags6, buckets);
  bpf_map__set_max_entries(skeleton->maps.rp_flows4, slots);
  bpf_map__set_max_entries(skeleton->maps.rp_flows6, slots);
  bpf_map__set_max_entries(skeleton->maps.rp_flow_notes4, slots);
  bpf_map__set_max_entries(skeleton->maps.rp_flow_notes6, slots);
}

// What belongs to the pins themselves.
absl::Status WriteConfig(const Skeleton& skeleton, uint32_t buckets,
                         uint64_t store_id) {
  rp_config config = {};
  config.layout = RP_LAYOUT_VERSION;
  config.store_id = store_id;
  config.flow_hash = FlowLevels(buckets);
  if (getrandom(config.flow_hash.secret, sizeof(config.flow_hash.secret), 0) !=
      sizeof(config.flow_hash.secret)) {
    return absl::ErrnoToStatus(errno, "flow table: random secret");
  }
  const uint32_t index = 0;
  if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.rp_config), &index,
                          &config, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(errno, "map rp_config: put");
  }
  return absl::OkStatus();
}

absl::Status PinInto(const std::string& folder, const bpf_map* map) {
  const std::string path = absl::StrCat(folder, "/", bpf_map__name(map));
  // EEXIST: an adopted map, pinned already.
  if (bpf_obj_pin(bpf_map__fd(map), path.c_str()) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: make ", path));
  }
  return absl::OkStatus();
}

// A controller that is killed before the rename leaves maps_new only, and its
// successor begins again.
absl::Status PinNewMaps(const Skeleton& skeleton, const Pins& pins,
                        uint32_t buckets, uint64_t store_id) {
  RETURN_IF_ERROR(RemoveFolder(pins.new_maps()).status());
  if (mkdir(pins.new_maps().c_str(), 0700) != 0) {
    return absl::ErrnoToStatus(errno, "pins: make " + pins.new_maps());
  }
  RETURN_IF_ERROR(WriteConfig(skeleton, buckets, store_id));
  for (const bpf_map* map : SharedMaps(skeleton)) {
    RETURN_IF_ERROR(PinInto(pins.new_maps(), map));
  }
  if (rename(pins.new_maps().c_str(), pins.maps().c_str()) != 0) {
    return absl::ErrnoToStatus(errno, "pins: rename into " + pins.maps());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PinnedMaps> OpenMaps(const Pins& pins, uint32_t flow_capacity,
                                    uint64_t store_id) {
  const BpfLog log;
  PinnedMaps result;
  result.adopted = access(pins.maps().c_str(), F_OK) == 0;
  ASSIGN_OR_RETURN(const Skeleton skeleton, OpenSkeleton(log));
  const uint32_t buckets = FlowBuckets(flow_capacity);
  SizeFlowTables(skeleton, buckets);
  const std::vector<bpf_map*> maps = SharedMaps(skeleton);
  if (result.adopted) {
    for (bpf_map* map : maps) {
      RETURN_IF_ERROR(AdoptMap(map, pins, store_id));
    }
  }
  if (const int error = rampart_bpf::load(skeleton.get()); error != 0) {
    return log.Error(error, "data plane: make maps");
  }
  if (result.adopted) {
    for (const bpf_map* map : maps) {
      RETURN_IF_ERROR(PinInto(pins.maps(), map));
    }
  } else {
    RETURN_IF_ERROR(PinNewMaps(skeleton, pins, buckets, store_id));
  }
  for (const bpf_map* map : maps) {
    ASSIGN_OR_RETURN(result.fds[bpf_map__name(map)],
                     Duplicate(bpf_map__fd(map)));
  }
  return result;
}

absl::StatusOr<UniqueFd> LoadProgram(const MapFds& maps, rp_role role,
                                     uint32_t slot) {
  const BpfLog log;
  ASSIGN_OR_RETURN(const Skeleton skeleton, OpenSkeleton(log));
  bpf_program* program = role == RP_ROLE_UPLINK ? skeleton->progs.rp_uplink
                                                : skeleton->progs.rp_access;
  bpf_program__set_autoload(program, true);
  skeleton->rodata->cfg_slot = slot;
  for (bpf_map* map : SharedMaps(skeleton)) {
    const int error = bpf_map__reuse_fd(map, maps.at(bpf_map__name(map)).get());
    if (error != 0) return log.Error(error, "data plane: reuse map");
  }
  if (const int error = rampart_bpf::load(skeleton.get()); error != 0) {
    return log.Error(
        error, absl::StrCat("program ", bpf_program__name(program), ": load"));
  }
  return Duplicate(bpf_program__fd(program));
}

}  // namespace rampart
