// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/losses.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/dataplane/bpf_log.h"
#include "controller/dataplane/pins.h"
#include "losses.skel.h"

namespace rampart {
namespace {

struct Destroy {
  void operator()(losses_bpf* skeleton) const { losses_bpf::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<losses_bpf, Destroy>;

// Uses the pinned map if there is one. A map of another size is of another
// version: its counts are given up.
void Adopt(bpf_map* map, const std::string& pin) {
  const UniqueFd fd(bpf_obj_get(pin.c_str()));
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (!fd.valid() || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0)
    return;
  if (info.key_size == bpf_map__key_size(map) &&
      info.value_size == bpf_map__value_size(map) &&
      info.max_entries == bpf_map__max_entries(map))
    bpf_map__reuse_fd(map, fd.get());
  else
    unlink(pin.c_str());
}

absl::StatusOr<Skeleton> Load(const std::string& maps, bool count) {
  const BpfLog log;
  Skeleton skeleton(losses_bpf::open());
  if (skeleton == nullptr) return log.Error(errno, "losses: open object");
  struct stat netns = {};
  if (stat("/proc/thread-self/ns/net", &netns) != 0)
    return absl::ErrnoToStatus(errno, "losses: network namespace");
  skeleton->rodata->cfg_netns = static_cast<uint32_t>(netns.st_ino);
  bpf_program* program;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, count);
  }
  Adopt(skeleton->maps.rp_losses, maps + "/rp_losses");
  Adopt(skeleton->maps.rp_ledger_bases, maps + "/rp_ledger_bases");
  if (const int error = losses_bpf::load(skeleton.get()); error != 0)
    return log.Error(error, "losses: load");
  return skeleton;
}

absl::Status PinLink(const bpf_program* program, const std::string& folder) {
  const BpfLog log;
  const std::string name = bpf_program__name(program);
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach(program), bpf_link__destroy);
  if (link == nullptr) return log.Error(errno, "losses: attach " + name);
  if (bpf_link__pin(link.get(), (folder + "/" + name).c_str()) != 0)
    return log.Error(errno, "losses: pin " + name);
  return absl::OkStatus();
}

absl::Status AttachAll(const Skeleton& skeleton, const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: make ", folder));
  for (const bpf_program* program :
       {skeleton->progs.rp_redirect_err, skeleton->progs.rp_exception})
    RETURN_IF_ERROR(PinLink(program, folder));
  return absl::OkStatus();
}

template <typename K, typename V>
absl::StatusOr<Map<K, V>> Pinned(const bpf_map* map, const std::string& pin) {
  if (bpf_obj_pin(bpf_map__fd(map), pin.c_str()) != 0 && errno != EEXIST)
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: make ", pin));
  UniqueFd fd(fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
  return Map<K, V>::Of(std::move(fd));
}

}  // namespace

absl::StatusOr<Losses> OpenLosses(std::string_view bpffs,
                                  std::string_view edge) {
  const std::string folder = std::string(bpffs) + "/rampart/" + PinName(edge);
  const std::string maps = folder + "/maps";
  const std::string links = folder + kLossesFolder;
  RETURN_IF_ERROR(RemoveFolder(links).status());
  std::string why_not;
  absl::StatusOr<Skeleton> skeleton = Load(maps, /*count=*/true);
  if (!skeleton.ok()) {
    why_not = std::string(skeleton.status().message());
    skeleton = Load(maps, /*count=*/false);
  }
  if (!skeleton.ok()) return skeleton.status();
  if (why_not.empty()) {
    const absl::Status attached = AttachAll(*skeleton, links);
    why_not = std::string(attached.message());
  }
  ASSIGN_OR_RETURN(auto counts,
                   (Pinned<rp_loss_key, uint64_t>((*skeleton)->maps.rp_losses,
                                                  maps + "/rp_losses")));
  ASSIGN_OR_RETURN(auto bases, (Pinned<uint32_t, rp_ledger_base>(
                                   (*skeleton)->maps.rp_ledger_bases,
                                   maps + "/rp_ledger_bases")));
  return Losses{std::move(counts), std::move(bases), std::move(why_not)};
}

}  // namespace rampart
