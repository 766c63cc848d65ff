// SPDX-License-Identifier: Apache-2.0
// Byte strings of packets: checksums, comparison and printing.
#ifndef RAMPART_TESTS_TESTING_BYTES_H_
#define RAMPART_TESTS_TESTING_BYTES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rampart::testing {

using Bytes = std::vector<uint8_t>;

// Big-endian fields at the end of a byte string.
void Put8(Bytes& out, uint8_t value);
void Put16(Bytes& out, uint16_t value);
void Put32(Bytes& out, uint32_t value);
void Put64(Bytes& out, uint64_t value);
void Append(Bytes& out, const Bytes& more);
// Overwrites two bytes at `offset`.
void Set16(Bytes& out, size_t offset, uint16_t value);

uint16_t Get16(const Bytes& bytes, size_t offset);
uint32_t Get32(const Bytes& bytes, size_t offset);

// "45 00", "4500": hex digits, blanks ignored.
Bytes FromHex(std::string_view hex);
Bytes FromText(std::string_view text);
Bytes Slice(const Bytes& bytes, size_t offset, size_t length);

// Ones' complement sum of 16-bit words, folded, not inverted (RFC 1071).
uint16_t OnesSum(const Bytes& bytes);
// The checksum field: ~OnesSum.
uint16_t Checksum(const Bytes& bytes);

// Hex dump of both with the differing lines marked; empty if equal.
std::string Diff(const Bytes& got, const Bytes& want);
std::string HexDump(const Bytes& bytes);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_BYTES_H_
