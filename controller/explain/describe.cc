// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/describe.h"

#include <netinet/in.h>

#include <limits>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/ip.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/explain/packet_build.h"
#include "controller/model/words.h"

namespace rampart {

const char kDescriptionHelp[] =
    "src ADDRESS dst ADDRESS [proto tcp|udp|icmp|0-255] [sport N] [dport N]\n"
    "[flags SAFRPUEC] [icmp TYPE CODE] [id N] [ttl N] [tos N] [len N] [df]\n"
    "[from tunnel NAME | from device NAME | from vnet NAME] [vnet NAME]\n";

namespace {

enum class Word {
  kSrc,
  kDst,
  kProto,
  kSport,
  kDport,
  kFlags,
  kIcmp,
  kId,
  kTtl,
  kTos,
  kLen,
  kDf,
  kFrom,
  kVnet,
};
constexpr std::string_view kWords[] = {
    "src", "dst", "proto", "sport", "dport", "flags", "icmp",
    "id",  "ttl", "tos",   "len",   "df",    "from",  "vnet"};
constexpr std::string_view kOrigins[] = {"tunnel", "device", "vnet"};
// From the lowest bit (RFC 9293 section 3.1).
constexpr std::string_view kTcpFlagLetters = "FSRPAUEC";
constexpr uint8_t kTcpSyn = 0x02;
constexpr uint8_t kEchoRequest = 8;     // RFC 792
constexpr uint8_t kEchoRequest6 = 128;  // RFC 4443 section 4.1

// What was said; the rest is for defaults.
struct Said {
  std::optional<IpAddress> source, destination;
  std::optional<std::string> protocol;
  std::optional<uint16_t> source_port, destination_port, id, length;
  std::optional<uint8_t> flags, icmp_type, icmp_code, ttl, tos;
  bool dont_fragment = false;
  std::string tunnel, vnet, device;
};

absl::Status Mistake(std::string_view word, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(Abseil(word), ": ", Abseil(what)));
}

// The word of `known` that `text` is, or begins as the only one.
absl::StatusOr<size_t> Complete(std::string_view text, std::string_view what,
                                absl::Span<const std::string_view> known) {
  std::vector<size_t> found;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == text) return i;
    if (!text.empty() && known[i].starts_with(text)) found.push_back(i);
  }
  if (found.size() == 1) return found[0];
  std::vector<absl::string_view> names;
  for (const std::string_view word : known) names.push_back(Abseil(word));
  return absl::InvalidArgumentError(
      absl::StrCat(Abseil(what), " ", Quoted(text),
                   found.empty() ? " is not known" : " is ambiguous",
                   "; write one of ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<uint8_t> ParseFlags(std::string_view text) {
  uint8_t flags = 0;
  for (const char c : text) {
    const size_t bit = kTcpFlagLetters.find(c == '.' ? 'A' : c & ~0x20);
    if (bit == std::string_view::npos)
      return Mistake("flags", absl::StrCat(Quoted(text),
                                           " holds another letter than "
                                           "S, A, F, R, P, U, E, C"));
    flags |= static_cast<uint8_t>(1 << bit);
  }
  return flags;
}

// Takes the words one by one.
class Reader {
 public:
  explicit Reader(absl::Span<const std::string> words) : words_(words) {}

  absl::StatusOr<Said> ReadAll() {
    while (at_ < words_.size()) {
      ASSIGN_OR_RETURN(const size_t word,
                       Complete(words_[at_], "packet: word", kWords));
      ++at_;
      RETURN_IF_ERROR(ReadOne(static_cast<Word>(word)));
    }
    return said_;
  }

 private:
  // The next word, a value of `name`.
  absl::StatusOr<std::string> Value(std::string_view name) {
    if (at_ == words_.size()) return Mistake(name, "its value is missing");
    return words_[at_++];
  }

  template <typename T>
  absl::Status Number(std::string_view name, std::optional<T>& out) {
    ASSIGN_OR_RETURN(const std::string text, Value(name));
    const auto number = ParseWhole(text, 0, std::numeric_limits<T>::max());
    if (!number.ok())
      return Mistake(name, std::string(number.status().message()));
    out = static_cast<T>(*number);
    return absl::OkStatus();
  }

  absl::Status Address(std::string_view name, std::optional<IpAddress>& out) {
    ASSIGN_OR_RETURN(const std::string text, Value(name));
    const auto address = IpAddress::Parse(text);
    if (!address.ok())
      return Mistake(name, std::string(address.status().message()));
    out = *address;
    return absl::OkStatus();
  }

  // "tunnel acme/fra" or "tunnel:acme/fra".
  absl::Status From() {
    ASSIGN_OR_RETURN(std::string kind, Value("from"));
    std::string name;
    const size_t colon = kind.find(':');
    if (colon != std::string::npos) {
      name = kind.substr(colon + 1);
      kind.resize(colon);
    }
    ASSIGN_OR_RETURN(const size_t origin, Complete(kind, "from:", kOrigins));
    if (colon == std::string::npos) {
      ASSIGN_OR_RETURN(name, Value(kOrigins[origin]));
    }
    if (name.empty()) return Mistake(kOrigins[origin], "its name is missing");
    std::string* const fields[] = {&said_.tunnel, &said_.device, &said_.vnet};
    *fields[origin] = std::move(name);
    return absl::OkStatus();
  }

  absl::Status Text(std::string_view name, std::string& out) {
    ASSIGN_OR_RETURN(out, Value(name));
    return absl::OkStatus();
  }

  absl::Status Flags() {
    ASSIGN_OR_RETURN(const std::string text, Value("flags"));
    ASSIGN_OR_RETURN(said_.flags, ParseFlags(text));
    return absl::OkStatus();
  }

  absl::Status ReadOne(Word word) {
    switch (word) {
      case Word::kSrc:
        return Address("src", said_.source);
      case Word::kDst:
        return Address("dst", said_.destination);
      case Word::kProto:
        return Text("proto", said_.protocol.emplace());
      case Word::kSport:
        return Number("sport", said_.source_port);
      case Word::kDport:
        return Number("dport", said_.destination_port);
      case Word::kFlags:
        return Flags();
      case Word::kIcmp:
        RETURN_IF_ERROR(Number("icmp", said_.icmp_type));
        return Number("icmp", said_.icmp_code);
      case Word::kId:
        return Number("id", said_.id);
      case Word::kTtl:
        return Number("ttl", said_.ttl);
      case Word::kTos:
        return Number("tos", said_.tos);
      case Word::kLen:
        return Number("len", said_.length);
      case Word::kDf:
        said_.dont_fragment = true;
        return absl::OkStatus();
      case Word::kFrom:
        return From();
      case Word::kVnet:
        return Text("vnet", said_.vnet);
    }
    return absl::OkStatus();
  }

  absl::Span<const std::string> words_;
  size_t at_ = 0;
  Said said_;
};

absl::StatusOr<uint8_t> ProtocolOf(const Said& said, bool v4) {
  const uint8_t icmp = v4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
  if (!said.protocol) {
    const bool ports = said.source_port || said.destination_port || said.flags;
    return ports ? static_cast<uint8_t>(IPPROTO_TCP) : icmp;
  }
  const std::string& name = *said.protocol;
  if (name == "icmp") return icmp;
  if (name == "icmpv6" && v4)
    return Mistake("proto", "icmpv6 does not go with IPv4 addresses");
  if (name == "icmpv6") return icmp;
  const absl::StatusOr<std::optional<uint8_t>> known = ParseRuleProtocol(name);
  const std::optional<uint8_t> protocol = known.value_or(std::nullopt);
  if (!protocol)
    return Mistake("proto",
                   absl::StrCat(Quoted(name),
                                " is none; write tcp, udp, icmp, or a number "
                                "from 0 to 255"));
  return *protocol;
}

// Words that the protocol has no place for.
absl::Status CheckFit(const Said& said, bool v4, uint8_t protocol) {
  const bool tcp = protocol == IPPROTO_TCP;
  const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
  const struct {
    bool said;
    const char* word;
    bool fits;
    const char* only;
  } checks[] = {
      {said.source_port.has_value(), "sport", tcp || protocol == IPPROTO_UDP,
       "only tcp and udp have ports"},
      {said.destination_port.has_value(), "dport",
       tcp || protocol == IPPROTO_UDP, "only tcp and udp have ports"},
      {said.flags.has_value(), "flags", tcp, "only tcp has them"},
      {said.icmp_type.has_value(), "icmp", icmp, "the protocol is another"},
      {said.id.has_value(), "id", icmp, "only icmp has one"},
      {said.dont_fragment, "df", v4, "IPv6 has none"},
  };
  for (const auto& check : checks)
    if (check.said && !check.fits) return Mistake(check.word, check.only);
  return absl::OkStatus();
}

absl::StatusOr<PacketFields> FieldsOf(const Said& said) {
  if (!said.source) return Mistake("src", "missing; write src and an address");
  if (!said.destination)
    return Mistake("dst", "missing; write dst and an address");
  if (said.source->family() != said.destination->family())
    return Mistake("dst", "of another family than src");
  const bool v4 = said.source->is_v4();
  PacketFields fields = {.source = *said.source,
                         .destination = *said.destination};
  ASSIGN_OR_RETURN(fields.protocol, ProtocolOf(said, v4));
  RETURN_IF_ERROR(CheckFit(said, v4, fields.protocol));
  const bool udp = fields.protocol == IPPROTO_UDP;
  fields.source_port = said.source_port.value_or(40000);
  fields.destination_port = said.destination_port.value_or(udp ? 53 : 80);
  fields.tcp_flags = said.flags.value_or(kTcpSyn);
  fields.icmp_type = said.icmp_type.value_or(v4 ? kEchoRequest : kEchoRequest6);
  fields.icmp_code = said.icmp_code.value_or(0);
  fields.icmp_id = said.id.value_or(1);
  fields.ttl = said.ttl.value_or(64);
  fields.tos = said.tos.value_or(0);
  fields.dont_fragment = said.dont_fragment;
  const uint16_t least = HeaderLength(fields);
  fields.length = said.length.value_or(least);
  if (fields.length < least)
    return Mistake("len", absl::StrCat(fields.length,
                                       " is less than the headers, ", least));
  return fields;
}

absl::StatusOr<DescribedPacket> OriginOf(const Said& said) {
  if (!said.tunnel.empty() && !said.device.empty())
    return Mistake("from", "a tunnel and a device; write either one");
  return DescribedPacket{
      .tunnel = said.tunnel, .vnet = said.vnet, .device = said.device};
}

}  // namespace

absl::StatusOr<DescribedPacket> DescribeOrigin(
    absl::Span<const std::string> words) {
  ASSIGN_OR_RETURN(const Said said, Reader(words).ReadAll());
  if (said.source || said.destination || said.protocol || said.source_port ||
      said.destination_port || said.id || said.length || said.flags ||
      said.icmp_type || said.ttl || said.tos || said.dont_fragment)
    return Mistake("packet", "its bytes are given; write from and vnet only");
  return OriginOf(said);
}

absl::StatusOr<DescribedPacket> DescribePacket(
    absl::Span<const std::string> words) {
  ASSIGN_OR_RETURN(const Said said, Reader(words).ReadAll());
  ASSIGN_OR_RETURN(const PacketFields fields, FieldsOf(said));
  ASSIGN_OR_RETURN(DescribedPacket described, OriginOf(said));
  described.packet = BuildPacket(fields);
  return described;
}

}  // namespace rampart
