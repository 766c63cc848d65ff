// SPDX-License-Identifier: Apache-2.0
#include "controller/capture/read.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr int kSnaplenMax = 262144;  // libpcap's own bound

struct PcapClose {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using Pcap = std::unique_ptr<pcap_t, PcapClose>;

absl::StatusOr<LinkType> LinkOf(const std::string& path, int dlt) {
  switch (dlt) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return LinkType::kIp;
    default:
      break;
  }
  const char* name = pcap_datalink_val_to_name(dlt);
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": its packets begin with ",
      name != nullptr ? name : absl::StrCat("link type ", dlt).c_str(),
      "; Ethernet and plain IP can be read"));
}

absl::StatusOr<Pcap> Open(const std::string& path) {
  // libpcap takes the file and closes it, if it can read it.
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return absl::ErrnoToStatus(errno, path);
  char error[PCAP_ERRBUF_SIZE] = "";
  Pcap pcap(pcap_fopen_offline_with_tstamp_precision(
      file, PCAP_TSTAMP_PRECISION_NANO, error));
  if (pcap != nullptr) return pcap;
  if (file != stdin) (void)std::fclose(file);
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", error));
}

}  // namespace

absl::StatusOr<Capture> ReadCapture(const std::string& path, size_t count) {
  ASSIGN_OR_RETURN(const Pcap pcap, Open(path));
  Capture capture;
  ASSIGN_OR_RETURN(capture.link, LinkOf(path, pcap_datalink(pcap.get())));
  while (true) {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int read = pcap_next_ex(pcap.get(), &header, &bytes);
    if (read == PCAP_ERROR_BREAK) return capture;  // the end
    if (read != 1)
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": packet ", capture.packets.size() + 1, ": ",
                       pcap_geterr(pcap.get())));
    if (capture.packets.size() == count) {
      capture.cut = true;
      return capture;
    }
    // tv_usec holds nanoseconds, as asked for.
    capture.packets.push_back(
        {.time = static_cast<uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                 static_cast<uint64_t>(header->ts.tv_usec),
         .bytes = {bytes, bytes + header->caplen},
         .length = header->len});
  }
}

struct PacketFilter::Program {
  bpf_program code = {};
  ~Program() { pcap_freecode(&code); }
};

PacketFilter::PacketFilter(std::unique_ptr<Program> program)
    : program_(std::move(program)) {}
PacketFilter::PacketFilter(PacketFilter&&) noexcept = default;
PacketFilter& PacketFilter::operator=(PacketFilter&&) noexcept = default;
PacketFilter::~PacketFilter() = default;

absl::StatusOr<PacketFilter> PacketFilter::Compile(const std::string& text,
                                                   LinkType link) {
  const Pcap pcap(pcap_open_dead(link == LinkType::kIp ? DLT_RAW : DLT_EN10MB,
                                 kSnaplenMax));
  RP_CHECK(pcap != nullptr);
  auto program = std::make_unique<Program>();
  if (pcap_compile(pcap.get(), &program->code, text.c_str(), /*optimize=*/1,
                   PCAP_NETMASK_UNKNOWN) != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("filter '", text, "': ", pcap_geterr(pcap.get())));
  return PacketFilter(std::move(program));
}

bool PacketFilter::Match(absl::Span<const uint8_t> bytes,
                         uint32_t length) const {
  pcap_pkthdr header = {};
  header.caplen = static_cast<bpf_u_int32>(bytes.size());
  header.len = length;
  return pcap_offline_filter(&program_->code, &header, bytes.data()) != 0;
}

}  // namespace rampart
