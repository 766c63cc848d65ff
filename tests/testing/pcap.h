// SPDX-License-Identifier: Apache-2.0
// Reads capture files of the classic format.
#ifndef RAMPART_TESTS_TESTING_PCAP_H_
#define RAMPART_TESTS_TESTING_PCAP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/testing/bytes.h"

namespace rampart::testing {

// The Ethernet frames in `path`. Errors: NotFound, InvalidArgument if it is not
// a little-endian classic pcap of link type 1 with whole frames.
absl::StatusOr<std::vector<Bytes>> ReadPcap(const std::string& path);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_PCAP_H_
