// SPDX-License-Identifier: Apache-2.0
// Reads capture files and applies capture filters. read.cc is the one file
// that knows libpcap.
#ifndef RAMPART_CONTROLLER_CAPTURE_READ_H_
#define RAMPART_CONTROLLER_CAPTURE_READ_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/capture/pcapng.h"

namespace rampart {

struct CapturedPacket {
  uint64_t time = 0;  // ns since 1970
  std::vector<uint8_t> bytes;
  uint32_t length = 0;  // before it was cut
};

struct Capture {
  LinkType link = LinkType::kEthernet;
  std::vector<CapturedPacket> packets;
  bool cut = false;  // there are more packets than were asked for
};

// The first `count` packets of a pcap or pcapng file; "-": standard input.
// Errors: NotFound; InvalidArgument "FILE: what is wrong" for what is not a
// capture file, breaks off, or begins its packets with something else than
// LinkType names.
absl::StatusOr<Capture> ReadCapture(const std::string& path, size_t count);

// A filter in the language of pcap-filter(7), compiled.
class PacketFilter {
 public:
  // Errors: InvalidArgument with what libpcap says about `text`.
  static absl::StatusOr<PacketFilter> Compile(const std::string& text,
                                              LinkType link);
  PacketFilter(PacketFilter&&) noexcept;
  PacketFilter& operator=(PacketFilter&&) noexcept;
  ~PacketFilter();

  // length: of the packet before it was cut.
  bool Match(absl::Span<const uint8_t> bytes, uint32_t length) const;

 private:
  struct Program;
  explicit PacketFilter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CAPTURE_READ_H_
