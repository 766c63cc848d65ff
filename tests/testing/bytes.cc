// SPDX-License-Identifier: Apache-2.0
// Byte strings of packets: checksums, comparison and printing.
#include "tests/testing/bytes.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace rampart::testing {
namespace {

std::string Line(const Bytes& bytes, size_t offset) {
  std::string line;
  for (size_t i = offset; i < std::min(offset + 16, bytes.size()); ++i) {
    char byte[4];
    std::snprintf(byte, sizeof(byte), " %02x", bytes[i]);
    line += byte;
  }
  return line;
}

std::string Offset(size_t offset) {
  char text[8];
  std::snprintf(text, sizeof(text), "%04x ", static_cast<unsigned>(offset));
  return text;
}

}  // namespace

void Put8(Bytes& out, uint8_t value) { out.push_back(value); }

void Put16(Bytes& out, uint16_t value) {
  Put8(out, static_cast<uint8_t>(value >> 8));
  Put8(out, static_cast<uint8_t>(value));
}

void Put32(Bytes& out, uint32_t value) {
  Put16(out, static_cast<uint16_t>(value >> 16));
  Put16(out, static_cast<uint16_t>(value));
}

void Put64(Bytes& out, uint64_t value) {
  Put32(out, static_cast<uint32_t>(value >> 32));
  Put32(out, static_cast<uint32_t>(value));
}

void Append(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

void Set16(Bytes& out, size_t offset, uint16_t value) {
  out.at(offset) = static_cast<uint8_t>(value >> 8);
  out.at(offset + 1) = static_cast<uint8_t>(value);
}

uint16_t Get16(const Bytes& bytes, size_t offset) {
  return static_cast<uint16_t>(bytes.at(offset) << 8 | bytes.at(offset + 1));
}

uint32_t Get32(const Bytes& bytes, size_t offset) {
  return static_cast<uint32_t>(Get16(bytes, offset)) << 16 |
         Get16(bytes, offset + 2);
}

Bytes FromHex(std::string_view hex) {
  Bytes out;
  std::string digits;
  for (char c : hex)
    if (std::isxdigit(static_cast<unsigned char>(c))) digits += c;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    Put8(out,
         static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  return out;
}

Bytes FromText(std::string_view text) { return {text.begin(), text.end()}; }

Bytes Slice(const Bytes& bytes, size_t offset, size_t length) {
  const size_t begin = std::min(offset, bytes.size());
  const size_t end = begin + std::min(length, bytes.size() - begin);
  return {bytes.begin() + static_cast<long>(begin),
          bytes.begin() + static_cast<long>(end)};
}

uint16_t OnesSum(const Bytes& bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 ? bytes[i] : bytes[i] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint16_t Checksum(const Bytes& bytes) {
  return static_cast<uint16_t>(~OnesSum(bytes));
}

std::string HexDump(const Bytes& bytes) {
  std::string dump;
  for (size_t i = 0; i < bytes.size(); i += 16)
    dump += Offset(i) + Line(bytes, i) + "\n";
  return dump;
}

std::string Diff(const Bytes& got, const Bytes& want) {
  if (got == want) return "";
  std::string text = "got " + std::to_string(got.size()) + " bytes, want " +
                     std::to_string(want.size()) + "\n";
  for (size_t i = 0; i < std::max(got.size(), want.size()); i += 16) {
    const std::string a = Line(got, i);
    const std::string b = Line(want, i);
    text += Offset(i) + (a == b ? " " : "-") + a + "\n";
    if (a != b) text += Offset(i) + "+" + b + "\n";
  }
  return text + "(- got, + want)\n";
}

}  // namespace rampart::testing
