// SPDX-License-Identifier: Apache-2.0
#include "controller/api/selectors.h"

#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/api/json.h"
#include "controller/api/names.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// In the order of Selectors::Key.
constexpr std::string_view kKeys[] = {"src",   "dst",    "sport", "dport",
                                      "proto", "tenant", "vnet",  "tunnel",
                                      "state", "rule",   "nat",   "to"};
constexpr std::string_view kNot = "not-";

absl::StatusOr<std::string_view> CompleteKey(std::string_view word) {
  std::vector<absl::string_view> all, choices;
  for (const std::string_view key : kKeys) {
    if (key == word) return key;
    all.push_back(Absl(key));
    if (!word.empty() && key.starts_with(word)) choices.push_back(Absl(key));
  }
  if (choices.size() == 1)
    return std::string_view(choices[0].data(), choices[0].size());
  const bool none = choices.empty();
  return absl::InvalidArgumentError(absl::StrCat(
      "selector '", Absl(word), "': ", none ? "unknown" : "ambiguous", "; ",
      none ? "there are " : "it could be ",
      absl::StrJoin(none ? all : choices, ", ")));
}

bool ParsePort(absl::string_view text, uint16_t& port) {
  uint32_t number;
  if (!absl::SimpleAtoi(text, &number) || number > 65535) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

// "80" or "8000-8100".
bool ParsePorts(const std::string& text, uint16_t& first, uint16_t& last) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  if (!ParsePort(ends.first, first)) return false;
  if (text.find('-') == text.npos) {
    last = first;
    return true;
  }
  return ParsePort(ends.second, last) && first <= last;
}

bool MatchProtocol(uint8_t wanted, uint8_t protocol) {
  // icmp stands for both families, as in policies.
  return wanted == protocol ||
         (wanted == IPPROTO_ICMP && protocol == IPPROTO_ICMPV6);
}

// "frankfurt", or "acme/frankfurt" where two tenants have one of that name.
bool MatchVnet(std::string_view wanted, const Selectable& flow) {
  const size_t slash = wanted.find('/');
  if (slash == std::string_view::npos) return wanted == flow.vnet;
  return wanted.substr(0, slash) == flow.tenant &&
         wanted.substr(slash + 1) == flow.vnet;
}

}  // namespace

absl::StatusOr<Selectors::Term> Selectors::ParseTerm(std::string_view name,
                                                     std::string_view value) {
  Term term = {.key = Key::kSource,
               .negated = name.starts_with(kNot),
               .prefix = {},
               .text = std::string(value)};
  if (term.negated) name.remove_prefix(kNot.size());
  const auto* key = std::find(std::begin(kKeys), std::end(kKeys), name);
  if (key == std::end(kKeys)) return CompleteKey(name).status();
  term.key = static_cast<Key>(key - std::begin(kKeys));
  switch (term.key) {
    case Key::kSource:
    case Key::kDestination:
    case Key::kTo:
    case Key::kNat: {
      ASSIGN_OR_RETURN(term.prefix, Prefix::Parse(value));
      break;
    }
    case Key::kSourcePort:
    case Key::kDestinationPort: {
      if (!ParsePorts(term.text, term.first, term.last))
        return absl::InvalidArgumentError(
            absl::StrCat(Absl(name), ": '", term.text,
                         "' is not a port or a range of ports; 0 to 65535, "
                         "8000-8100"));
      break;
    }
    case Key::kProtocol: {
      ASSIGN_OR_RETURN(term.first, ParseProtocol(value));
      break;
    }
    default:
      if (value.empty())
        return absl::InvalidArgumentError(
            absl::StrCat(Absl(name), ": the name is missing"));
  }
  return term;
}

absl::StatusOr<Selectors> Selectors::Parse(
    const Query& query, absl::Span<const std::string_view> other) {
  Selectors selectors;
  for (const auto& [name, value] : query) {
    if (std::find(other.begin(), other.end(), name) != other.end()) continue;
    ASSIGN_OR_RETURN(Term term, ParseTerm(name, value));
    selectors.terms_.push_back(std::move(term));
  }
  return selectors;
}

bool Selectors::Match(const Term& term, const Selectable& flow) {
  switch (term.key) {
    case Key::kSource:
      return term.prefix.Contains(flow.source);
    case Key::kDestination:
    case Key::kTo:
      return term.prefix.Contains(flow.destination);
    case Key::kSourcePort:
      return term.first <= flow.source_port && flow.source_port <= term.last;
    case Key::kDestinationPort:
      return term.first <= flow.destination_port &&
             flow.destination_port <= term.last;
    case Key::kProtocol:
      return MatchProtocol(static_cast<uint8_t>(term.first), flow.protocol);
    case Key::kTenant:
      return term.text == flow.tenant;
    case Key::kVnet:
      return MatchVnet(term.text, flow);
    case Key::kTunnel:
      return term.text == flow.on_ramp || term.text == flow.off_ramp;
    case Key::kState:
      return absl::EqualsIgnoreCase(term.text, Absl(flow.state));
    case Key::kRule:
      return term.text == flow.rule;
    case Key::kNat:
      return !flow.nat.IsUnspecified() && term.prefix.Contains(flow.nat);
  }
  return false;
}

bool Selectors::Match(const Selectable& flow) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return Match(term, flow) != term.negated;
  });
}

absl::Span<const std::string_view> SelectorKeys() { return kKeys; }

absl::StatusOr<Query> SelectorWords(absl::Span<const std::string> words) {
  Query query;
  for (size_t i = 0; i < words.size(); i += 2) {
    const bool negated = words[i] == "not";
    if (negated) ++i;
    if (i >= words.size())
      return absl::InvalidArgumentError(
          "selector: 'not' must be followed by a key and a value");
    ASSIGN_OR_RETURN(const std::string_view key, CompleteKey(words[i]));
    if (i + 1 >= words.size())
      return absl::InvalidArgumentError(
          absl::StrCat("selector '", Absl(key), "': its value is missing"));
    query.emplace_back(absl::StrCat(negated ? Absl(kNot) : "", Absl(key)),
                       words[i + 1]);
  }
  return query;
}

}  // namespace rampart
