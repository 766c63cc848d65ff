// SPDX-License-Identifier: Apache-2.0
// SHA-256, for chains of records; nothing secret is computed with it.
#ifndef RAMPART_CONTROLLER_BASE_SHA256_H_
#define RAMPART_CONTROLLER_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace rampart {

using Sha256Digest = std::array<uint8_t, 32>;

// FIPS 180-4, by OpenSSL.
Sha256Digest Sha256(std::string_view data);

// 64 hexadecimal digits.
std::string DigestText(const Sha256Digest& digest);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_SHA256_H_
