// SPDX-License-Identifier: Apache-2.0
// A second opinion on finished packets: libtins parses them and writes them
// again with lengths and checksums of its own. GUE and GRE, which it does not
// know, are taken off here.
#ifndef RAMPART_TESTS_TESTING_ORACLE_H_
#define RAMPART_TESTS_TESTING_ORACLE_H_

#include <string>

#include "tests/testing/bytes.h"

namespace rampart::testing {

// What is wrong with an Ethernet frame: a length or checksum of an outer, inner
// or ICMP-quoting header that libtins writes differently, bytes behind the IP
// packet. Empty if nothing is.
std::string FaultsOfFrame(const Bytes& frame);
// The same of the outermost IP packet only, whatever it carries.
std::string FaultsOfOutermost(const Bytes& frame);
// All of FaultsOfFrame() for what starts with an IP header.
std::string FaultsOfIp(const Bytes& packet);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_ORACLE_H_
