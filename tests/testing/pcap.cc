// SPDX-License-Identifier: Apache-2.0
// Reads capture files of the classic format (draft-ietf-opsawg-pcap).
#include "tests/testing/pcap.h"

#include <fstream>
#include <iterator>

namespace rampart::testing {
namespace {

constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;
constexpr uint32_t kMagicMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;

uint32_t Little32(const Bytes& file, size_t at) {
  return static_cast<uint32_t>(file[at]) | file[at + 1] << 8 |
         file[at + 2] << 16 | static_cast<uint32_t>(file[at + 3]) << 24;
}

}  // namespace

absl::StatusOr<std::vector<Bytes>> ReadPcap(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError("pcap " + path + ": cannot open");
  const Bytes file{std::istreambuf_iterator<char>(stream), {}};
  const auto bad = [&](const char* what) {
    return absl::InvalidArgumentError("pcap " + path + ": " + what);
  };
  if (file.size() < kFileHeader) return bad("no file header");
  const uint32_t magic = Little32(file, 0);
  if (magic != kMagicMicroseconds && magic != kMagicNanoseconds)
    return bad("not a little-endian pcap");
  if (Little32(file, 20) != kEthernet) return bad("not Ethernet");
  std::vector<Bytes> frames;
  size_t at = kFileHeader;
  while (at < file.size()) {
    if (at + kRecordHeader > file.size()) return bad("cut record header");
    const size_t length = Little32(file, at + 8);
    at += kRecordHeader;
    if (at + length > file.size()) return bad("cut record");
    frames.push_back(Slice(file, at, length));
    at += length;
  }
  return frames;
}

}  // namespace rampart::testing
