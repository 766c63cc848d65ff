// SPDX-License-Identifier: Apache-2.0
// How single values are written in resources.yaml, rampartd.yaml and JSON.
//
// A parser takes the text of one value and fails with InvalidArgument: "what
// is wrong; what would be right", on one line.
#ifndef RAMPART_CONTROLLER_MODEL_WORDS_H_
#define RAMPART_CONTROLLER_MODEL_WORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/model/on_change.h"
#include "controller/model/resources.h"

namespace rampart {

// A value of an enum and its word.
template <typename E>
struct Word {
  std::string_view text;
  E value;
};

inline constexpr Word<TunnelType> kTunnelTypes[] = {
    {"gue", TunnelType::kGue},
    {"gre", TunnelType::kGre},
    {"interface", TunnelType::kInterface}};
inline constexpr Word<Auth> kAuths[] = {{"mac", Auth::kMac},
                                        {"cookie", Auth::kCookie},
                                        {"gre-key", Auth::kGreKey},
                                        {"none", Auth::kNone}};
inline constexpr Word<PolicyAction> kPolicyActions[] = {
    {"allow", PolicyAction::kAllow},
    {"deny", PolicyAction::kDeny},
    {"reject", PolicyAction::kReject}};
inline constexpr Word<OnChange> kOnChanges[] = {{"keep", OnChange::kKeep},
                                                {"recheck", OnChange::kRecheck},
                                                {"cut", OnChange::kCut}};
inline constexpr Word<Layer> kLayers[] = {{"ip", Layer::kIp},
                                          {"tcp", Layer::kTcp},
                                          {"udp", Layer::kUdp},
                                          {"http", Layer::kHttp},
                                          {"ssh", Layer::kSsh}};
inline constexpr Word<bool> kBooleans[] = {{"false", false}, {"true", true}};

template <typename E, size_t N>
std::string_view WordOf(const Word<E> (&words)[N], E value) {
  for (const Word<E>& word : words)
    if (word.value == value) return word.text;
  return "";
}

// `"x" is not known; write a, b or c`.
absl::Status UnknownWord(std::string_view text,
                         absl::Span<const std::string_view> words);

// Makes a parser for the words of an enum.
template <typename E, size_t N>
auto OneOf(const Word<E> (&words)[N]) {
  return [&words](std::string_view text) -> absl::StatusOr<E> {
    std::vector<std::string_view> all;
    for (const Word<E>& word : words) {
      if (word.text == text) return word.value;
      all.push_back(word.text);
    }
    return UnknownWord(text, all);
  };
}

// A whole number in decimal digits, min to max.
absl::StatusOr<uint64_t> ParseWhole(std::string_view text, uint64_t min,
                                    uint64_t max);

// Makes a parser for a whole number.
template <typename T>
auto WholeNumber(T min, T max) {
  return [min, max](std::string_view text) -> absl::StatusOr<T> {
    const absl::StatusOr<uint64_t> number = ParseWhole(text, min, max);
    if (!number.ok()) return number.status();
    return static_cast<T>(*number);
  };
}

// Any text.
absl::StatusOr<std::string> ParseText(std::string_view text);
// What tenants, vnets, tunnels, rules, pools and edges may be called:
// [A-Za-z0-9][A-Za-z0-9._-]{0,62}.
absl::StatusOr<std::string> ParseName(std::string_view text);
// Not empty.
absl::StatusOr<std::string> ParsePath(std::string_view text);
// A network device.
absl::StatusOr<std::string> ParseDevice(std::string_view text);
// Neither realm 0 nor RP_REALM_STACK.
absl::StatusOr<uint32_t> ParseVni(std::string_view text);
// An address that a packet on the way to another host may have.
absl::StatusOr<IpAddress> ParseUnicast(std::string_view text);
// "443" or "8000-8100".
absl::StatusOr<PortRange> ParsePorts(std::string_view text);
std::string PortsToString(const PortRange& ports);
// "tcp", "udp", "icmp", "sctp", a number, or "any": absent.
absl::StatusOr<std::optional<uint8_t>> ParseRuleProtocol(std::string_view text);
std::string RuleProtocolToString(uint8_t protocol);
// Who may be on the other side of a tunnel: at most 255 visible characters,
// not beginning with "group:".
absl::StatusOr<std::string> ParseIdentity(std::string_view text);
// For people: at most 200 bytes of text on one line.
absl::StatusOr<std::string> ParseContact(std::string_view text);
inline constexpr uint8_t kEchoRequest = 8;     // ICMP
inline constexpr uint8_t kEchoRequest6 = 128;  // ICMPv6
// "echo-request", "echo-reply", or a number. Those of ICMP stand for those of
// ICMPv6, too.
absl::StatusOr<uint8_t> ParseIcmpType(std::string_view text);
std::string IcmpTypeToString(uint8_t type);
// "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00"; UTC.
absl::StatusOr<TimeWindow> ParseTimeWindow(std::string_view text);
std::string TimeWindowToString(const TimeWindow& window);
// RFC 3339: "2026-11-22T08:00:00Z".
absl::StatusOr<absl::Time> ParseTime(std::string_view text);
std::string TimeToString(absl::Time time);

// What to write instead of `text`, which is none of `known`: `did you mean
// "x"?`, or all of them if none is near.
std::string Suggestion(std::string_view text,
                       absl::Span<const std::string> known);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_WORDS_H_
