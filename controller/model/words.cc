// SPDX-License-Identifier: Apache-2.0
#include "controller/model/words.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/text.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr size_t kNameMax = 63;
constexpr size_t kSuggestedMax = 12;
// Nobody mistypes three letters of a short word.
constexpr size_t kNearDistance = 2;

constexpr Word<uint8_t> kProtocols[] = {{"tcp", IPPROTO_TCP},
                                        {"udp", IPPROTO_UDP},
                                        {"icmp", IPPROTO_ICMP},
                                        {"sctp", IPPROTO_SCTP}};
constexpr size_t kIdentityMax = 255;
constexpr size_t kContactMax = 200;
constexpr Word<uint8_t> kIcmpTypes[] = {{"echo-request", kEchoRequest},
                                        {"echo-reply", 0}};

absl::Status Wrong(std::string_view text, std::string_view what,
                   std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what), "; write ", Abseil(right)));
}

// No sign, no space, no leading zero: those mean octal to some readers.
std::optional<uint64_t> Digits(std::string_view text) {
  if (text.empty() || text.size() > 19 || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    value = 10 * value + (c - '0');
  }
  return value;
}

// Levenshtein distance; both words are short.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

absl::Status UnknownWord(std::string_view text,
                         absl::Span<const std::string_view> words) {
  std::string right;
  for (size_t i = 0; i < words.size(); ++i)
    absl::StrAppend(&right,
                    i == 0                  ? ""
                    : i + 1 == words.size() ? " or "
                                            : ", ",
                    Abseil(words[i]));
  return Wrong(text, "is not known", right);
}

absl::StatusOr<uint64_t> ParseWhole(std::string_view text, uint64_t min,
                                    uint64_t max) {
  const std::optional<uint64_t> value = Digits(text);
  const std::string right =
      absl::StrCat("a whole number from ", min, " to ", max);
  if (!value) return Wrong(text, "is not a whole number", right);
  if (*value < min || *value > max)
    return Wrong(text, "is out of range", right);
  return *value;
}

absl::StatusOr<std::string> ParseText(std::string_view text) {
  return std::string(text);
}

absl::StatusOr<std::string> ParseName(std::string_view text) {
  const bool fits =
      !text.empty() && text.size() <= kNameMax &&
      absl::ascii_isalnum(text[0]) &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
      });
  if (!fits)
    return Wrong(text, "is not a name",
                 "at most 63 letters, digits, \".\", \"_\" and \"-\", with a "
                 "letter or digit first");
  return std::string(text);
}

absl::StatusOr<std::string> ParsePath(std::string_view text) {
  if (text.empty() || text.find('\0') != std::string_view::npos)
    return Wrong(text, "is not a path", "the name of a file");
  return std::string(text);
}

absl::StatusOr<std::string> ParseDevice(std::string_view text) {
  // What the kernel takes, dev_valid_name(): IFNAMSIZ is 16 with its NUL.
  const bool fits = !text.empty() && text.size() < 16 && text != "." &&
                    text != ".." &&
                    std::none_of(text.begin(), text.end(), [](unsigned char c) {
                      return c <= ' ' || c == '/' || c == ':' || c == 0x7f;
                    });
  if (!fits) return Wrong(text, "is not a device name", "one such as eth1");
  return std::string(text);
}

absl::StatusOr<uint32_t> ParseVni(std::string_view text) {
  return WholeNumber<uint32_t>(RP_REALM_UNDERLAY + 1, RP_REALM_STACK - 1)(text);
}

absl::StatusOr<IpAddress> ParseUnicast(std::string_view text) {
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
  if (address.ok() && address->IsMartian())
    return Wrong(text, "is no host's address outside its own link",
                 "a unicast address");
  return address;
}

absl::StatusOr<PortRange> ParsePorts(std::string_view text) {
  const size_t dash = text.find('-');
  const std::optional<uint64_t> first = Digits(text.substr(0, dash));
  const std::optional<uint64_t> last =
      dash == std::string_view::npos ? first : Digits(text.substr(dash + 1));
  if (!first || !last || *first > *last || *last > UINT16_MAX)
    return Wrong(text, "is not a port range",
                 "a port from 0 to 65535, or a range such as 8000-8100");
  return PortRange{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last)};
}

std::string PortsToString(const PortRange& ports) {
  if (ports.first == ports.last) return absl::StrCat(ports.first);
  return absl::StrCat(ports.first, "-", ports.last);
}

absl::StatusOr<std::optional<uint8_t>> ParseRuleProtocol(
    std::string_view text) {
  if (text == "any") return std::optional<uint8_t>();
  for (const Word<uint8_t>& protocol : kProtocols)
    if (protocol.text == text) return std::optional<uint8_t>(protocol.value);
  const std::optional<uint64_t> number = Digits(text);
  if (!number || *number > UINT8_MAX)
    return Wrong(text, "is not a protocol",
                 "tcp, udp, icmp, sctp, any or a number from 0 to 255");
  return std::optional<uint8_t>(static_cast<uint8_t>(*number));
}

std::string RuleProtocolToString(uint8_t protocol) {
  const std::string_view word = WordOf(kProtocols, protocol);
  return word.empty() ? absl::StrCat(protocol) : std::string(word);
}

absl::StatusOr<std::string> ParseIdentity(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= kIdentityMax &&
                    !text.starts_with("group:") &&
                    std::none_of(text.begin(), text.end(), [](unsigned char c) {
                      return c <= ' ' || c == 0x7f;
                    });
  if (!fits)
    return Wrong(text, "is not an identity",
                 "at most 255 characters without spaces, such as "
                 "alice@example.com");
  return std::string(text);
}

absl::StatusOr<std::string> ParseContact(std::string_view text) {
  const bool fits =
      !text.empty() && text.size() <= kContactMax && IsUtf8(text) &&
      std::none_of(text.begin(), text.end(),
                   [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (!fits)
    return Wrong(text, "is not a contact",
                 "at most 200 bytes on one line, such as noc@example.com");
  return std::string(text);
}

absl::StatusOr<uint8_t> ParseIcmpType(std::string_view text) {
  for (const Word<uint8_t>& type : kIcmpTypes)
    if (type.text == text) return type.value;
  const std::optional<uint64_t> number = Digits(text);
  if (!number || *number > UINT8_MAX)
    return Wrong(text, "is not an ICMP type",
                 "echo-request, echo-reply or a number from 0 to 255");
  return static_cast<uint8_t>(*number);
}

std::string IcmpTypeToString(uint8_t type) {
  const std::string_view word = WordOf(kIcmpTypes, type);
  return word.empty() ? absl::StrCat(type) : std::string(word);
}

std::string Suggestion(std::string_view text,
                       absl::Span<const std::string> known) {
  if (known.empty()) return "there is none";
  const std::string* nearest = nullptr;
  size_t best = std::min(kNearDistance, text.size() / 2) + 1;
  for (const std::string& word : known) {
    if (text.size() > kNameMax) break;
    const size_t distance = EditDistance(text, word);
    if (distance < best) {
      best = distance;
      nearest = &word;
    }
  }
  if (nearest != nullptr)
    return absl::StrCat("did you mean ", Quoted(*nearest), "?");
  return absl::StrCat(
      "known are ",
      absl::StrJoin(known.first(std::min(known.size(), kSuggestedMax)), ", "),
      known.size() > kSuggestedMax ? ", ..." : "");
}

}  // namespace rampart
