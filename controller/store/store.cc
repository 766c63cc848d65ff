// SPDX-License-Identifier: Apache-2.0
#include "controller/store/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/store/sqlite_store.h"

namespace rampart {
namespace {

constexpr std::string_view kScheme = "sqlite://";

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    std::string_view url) {
  if (!url.starts_with(kScheme) || url.size() == kScheme.size())
    return absl::InvalidArgumentError(
        absl::StrCat("state store ", Quoted(url),
                     ": is not one; write sqlite:// and a "
                     "path, such as sqlite:///var/lib/rampart/state.db"));
  return SqliteStore::Open(std::string(url.substr(kScheme.size())));
}

absl::StatusOr<StoredResources> ReadStateFile(const std::string& path) {
  return SqliteStore::OpenToRead(path);
}

}  // namespace rampart
