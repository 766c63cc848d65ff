// SPDX-License-Identifier: Apache-2.0
// Text as it appears in messages.
#ifndef RAMPART_CONTROLLER_BASE_TEXT_H_
#define RAMPART_CONTROLLER_BASE_TEXT_H_

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace rampart {

// Abseil's string_view is not the standard one here.
inline absl::string_view Abseil(std::string_view text) {
  return {text.data(), text.size()};
}

// Somebody's input for a message of one line: in double quotes; quotes,
// control characters and what is not UTF-8 escaped; cut after 64 bytes.
std::string Quoted(std::string_view text);

// True if `text` is well-formed UTF-8 (RFC 3629 section 4).
bool IsUtf8(std::string_view text);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_TEXT_H_
