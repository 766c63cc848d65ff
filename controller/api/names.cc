// SPDX-License-Identifier: Apache-2.0
#include "controller/api/names.h"

#include <netinet/in.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "maps/flow.h"
#include "maps/outcomes.h"
#include "maps/realm.h"

namespace rampart {
namespace {

struct Protocol {
  uint8_t number;
  std::string_view name;
};
constexpr Protocol kProtocols[] = {
    {IPPROTO_ICMP, "icmp"}, {IPPROTO_IPIP, "ipip"}, {IPPROTO_TCP, "tcp"},
    {IPPROTO_UDP, "udp"},   {IPPROTO_IPV6, "ipv6"}, {IPPROTO_GRE, "gre"},
    {IPPROTO_ESP, "esp"},   {IPPROTO_AH, "ah"},     {IPPROTO_ICMPV6, "icmpv6"},
    {89, "ospf"},           {112, "vrrp"},          {IPPROTO_SCTP, "sctp"},
};

constexpr DropReason kDropReasons[] = {
#define X(symbol, value, id, help) {value, #symbol, id, help},
    RP_DROP_REASONS(X)
#undef X
};

}  // namespace

std::string ProtocolName(uint8_t protocol) {
  for (const Protocol& known : kProtocols)
    if (known.number == protocol) return std::string(known.name);
  return absl::StrCat(protocol);
}

absl::StatusOr<uint8_t> ParseProtocol(std::string_view text) {
  const std::string word = absl::AsciiStrToLower(std::string(text));
  for (const Protocol& known : kProtocols)
    if (known.name == word) return known.number;
  uint32_t number;
  if (!absl::SimpleAtoi(word, &number) || number > 255)
    return absl::InvalidArgumentError(absl::StrCat(
        "protocol '", std::string(text),
        "': neither a known name (tcp, udp, icmp, icmpv6, ...) nor 0 to 255"));
  return static_cast<uint8_t>(number);
}

std::string RealmName(uint32_t realm) {
  if (realm == RP_REALM_UNDERLAY) return "underlay";
  if (realm == RP_REALM_STACK) return "stack";
  return absl::StrCat(realm);
}

std::string_view TcpState(uint8_t seen) {
  const uint8_t either = seen | seen >> RP_TCP_REVERSE;
  const uint8_t both = seen & seen >> RP_TCP_REVERSE;
  if (either & RP_TCP_RST) return "RESET";
  if (both & RP_TCP_FIN) return "CLOSED";
  if (either & RP_TCP_FIN) return "CLOSING";
  // An adopted or mid-stream flow may have shown no SYN at all.
  if (either & RP_TCP_ACK) return "ESTABLISHED";
  if (both & RP_TCP_SYN) return "SYN_RECEIVED";
  if (either & RP_TCP_SYN) return "SYN_SENT";
  return "NONE";
}

absl::Span<const DropReason> DropReasons() { return kDropReasons; }

std::string OutcomeName(uint32_t outcome) {
  switch (outcome) {
#define X(symbol, value, help) \
  case value:                  \
    return #symbol;
    RP_OUTCOMES(X)
#undef X
    default:
      break;
  }
  for (const DropReason& reason : kDropReasons)
    if (reason.value == outcome) return std::string(reason.symbol);
  return absl::StrCat(outcome);
}

}  // namespace rampart
