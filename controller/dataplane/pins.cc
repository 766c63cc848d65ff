// SPDX-License-Identifier: Apache-2.0
// Files of bpffs: folders, names and the lock.
#include "controller/dataplane/pins.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// Pins are capabilities: who opens a map can change it.
constexpr mode_t kPrivate = 0700;

absl::StatusOr<bool> IsBpffs(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("bpffs: ", path));
  }
  return info.f_type == BPF_FS_MAGIC;
}

// Mounts as systemd does, which some containers and minimal systems lack.
absl::Status EnsureBpffs(const std::string& path) {
  ASSIGN_OR_RETURN(const bool mounted, IsBpffs(path));
  if (mounted) return absl::OkStatus();
  if (!ListFolder(path).empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("bpffs: ", path,
                     ": neither a BPF file system nor an empty folder to "
                     "mount one on"));
  }
  if (mount("bpf", path.c_str(), "bpf",
            MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "mode=0700") != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("bpffs: ", path, ": mount -t bpf bpf ", path));
  }
  return absl::OkStatus();
}

absl::Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), kPrivate) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("pins: make ", path));
}

absl::StatusOr<std::string> FolderOf(std::string_view bpffs,
                                     std::string_view edge) {
  const std::string name = PinName(edge);
  if (name.empty() || name.size() > NAME_MAX ||
      name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("pins: edge \"", name, "\": not usable as a file name"));
  }
  return absl::StrCat(absl::string_view(bpffs.data(), bpffs.size()),
                      "/rampart/", name);
}

// Locks the folder itself, so nothing is left behind and nothing can be
// forgotten. Returns no descriptor if the folder was removed meanwhile.
absl::StatusOr<UniqueFd> LockFolder(const std::string& folder) {
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return UniqueFd();
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: open ", folder));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "pins: ", folder, ": in use by another rampartd; stop it first"));
  }
  struct stat locked, current;
  if (fstat(fd.get(), &locked) != 0 || stat(folder.c_str(), &current) != 0 ||
      locked.st_ino != current.st_ino) {
    return UniqueFd();
  }
  return fd;
}

}  // namespace

std::string PinName(std::string_view name) {
  std::string pin(name);
  std::replace(pin.begin(), pin.end(), '.', ':');
  return pin;
}

std::string NameOfPin(std::string_view pin) {
  std::string name(pin);
  std::replace(name.begin(), name.end(), ':', '.');
  return name;
}

absl::StatusOr<Pins> Pins::Create(std::string_view bpffs,
                                  std::string_view edge) {
  ASSIGN_OR_RETURN(const std::string folder, FolderOf(bpffs, edge));
  RETURN_IF_ERROR(EnsureBpffs(std::string(bpffs)));
  Pins pins;
  pins.folder_ = folder;
  // Another process may be removing the folder: make it anew then.
  while (!pins.lock_.valid()) {
    RETURN_IF_ERROR(MakeFolder(std::string(bpffs) + "/rampart"));
    RETURN_IF_ERROR(MakeFolder(folder));
    ASSIGN_OR_RETURN(pins.lock_, LockFolder(folder));
  }
  RETURN_IF_ERROR(MakeFolder(folder + "/links"));
  return pins;
}

absl::StatusOr<Pins> Pins::Existing(std::string_view bpffs,
                                    std::string_view edge) {
  Pins pins;
  ASSIGN_OR_RETURN(pins.folder_, FolderOf(bpffs, edge));
  ASSIGN_OR_RETURN(pins.lock_, LockFolder(pins.folder_));
  if (!pins.lock_.valid()) {
    return absl::NotFoundError(
        absl::StrCat("pins: ", pins.folder_, ": there are none"));
  }
  return pins;
}

std::string Pins::map(std::string_view name) const {
  return absl::StrCat(maps(), "/", absl::string_view(name.data(), name.size()));
}

std::string Pins::link(std::string_view device) const {
  return absl::StrCat(folder_, "/links/", PinName(device));
}

std::vector<std::string> Pins::linked_devices() const {
  std::vector<std::string> devices = ListFolder(folder_ + "/links");
  for (std::string& device : devices) device = NameOfPin(device);
  return devices;
}

std::vector<std::string> ListFolder(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()),
                                                closedir);
  if (dir == nullptr) return names;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> RemoveFolder(
    const std::string& folder) {
  std::vector<std::string> names = ListFolder(folder);
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (unlink(path.c_str()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("pins: remove ", path));
    }
  }
  if (rmdir(folder.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: remove ", folder));
  }
  return names;
}

}  // namespace rampart
