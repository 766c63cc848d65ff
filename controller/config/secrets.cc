// SPDX-License-Identifier: Apache-2.0
#include "controller/config/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/base/unique_fd.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

// Digits and some white space around them.
constexpr size_t kFileMax = 256;

absl::Status SystemError() {
  return absl::InvalidArgumentError(std::strerror(errno));
}

// The contents of a small regular file.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path) {
  // O_NONBLOCK: opening a FIFO would wait for its writer.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return SystemError();
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError("is not a regular file");
  std::string text(kFileMax + 1, '\0');
  const ssize_t size = read(fd.get(), text.data(), text.size());
  if (size < 0) return SystemError();
  if (static_cast<size_t>(size) > kFileMax)
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", kFileMax, " bytes"));
  text.resize(size);
  return text;
}

absl::StatusOr<std::vector<uint8_t>> ReadSecret(const std::string& path,
                                                size_t digits) {
  ASSIGN_OR_RETURN(const std::string text, ReadKeyFile(path));
  const absl::string_view hex = absl::StripAsciiWhitespace(text);
  if (!std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit))
    return absl::InvalidArgumentError("has characters that are no hex digits");
  if (hex.size() != digits)
    return absl::InvalidArgumentError(
        absl::StrCat("has ", hex.size(), " hex digits"));
  const std::string bytes = absl::HexStringToBytes(hex);
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

void LoadPeer(Peer& peer, Mistakes& mistakes) {
  const size_t digits = peer.auth == Auth::kMac ? 32 : 16;
  for (PeerKey& key : peer.keys) {
    absl::StatusOr<std::vector<uint8_t>> secret =
        ReadSecret(key.key_file, digits);
    if (secret.ok())
      key.secret = *std::move(secret);
    else
      mistakes.Add(
          peer.line,
          absl::StrCat("peer ", peer.remote.ToString(), ": key_file ",
                       Quoted(key.key_file), ": ", secret.status().message(),
                       "; auth ", Abseil(WordOf(kAuths, peer.auth)),
                       " needs a file of ", digits, " hex digits"));
  }
}

bool LacksSecret(const Peer& peer) {
  return std::any_of(peer.keys.begin(), peer.keys.end(),
                     [](const PeerKey& key) { return key.secret.empty(); });
}

bool LacksSecret(const Tunnel& tunnel) {
  return std::any_of(tunnel.peers.begin(), tunnel.peers.end(),
                     [](const Peer& peer) { return LacksSecret(peer); });
}

}  // namespace

void LoadSecrets(Resources& resources, Mistakes& mistakes) {
  for (Shared<Tenant>& tenant : resources.tenants) {
    if (std::none_of(tenant->tunnels.begin(), tenant->tunnels.end(),
                     [](const Tunnel& tunnel) { return LacksSecret(tunnel); }))
      continue;
    for (Tunnel& tunnel : tenant.Edit().tunnels)
      for (Peer& peer : tunnel.peers)
        if (LacksSecret(peer)) LoadPeer(peer, mistakes);
  }
}

absl::Status LoadSecrets(Resources& resources) {
  Mistakes mistakes(resources.file);
  LoadSecrets(resources, mistakes);
  return mistakes.ToStatus();
}

}  // namespace rampart
