// SPDX-License-Identifier: Apache-2.0
#include "controller/base/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "controller/base/status.h"

namespace rampart {

Sha256Digest Sha256(std::string_view data) {
  Sha256Digest digest;
  RP_CHECK(EVP_Digest(data.data(), data.size(), digest.data(), nullptr,
                      EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string DigestText(const Sha256Digest& digest) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace rampart
