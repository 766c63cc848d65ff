// SPDX-License-Identifier: Apache-2.0
// What to do about a reason to drop.
#ifndef RAMPART_CONTROLLER_EXPLAIN_REASONS_H_
#define RAMPART_CONTROLLER_EXPLAIN_REASONS_H_

#include <string_view>

namespace rampart {

// "policy" for "RP-POL-002"; "" if the id has no known area.
std::string_view AreaOf(std::string_view id);

// What to look at next: an xdpctl command and what it tells, or what to mend
// where. Never empty.
std::string_view HintFor(std::string_view id);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_REASONS_H_
