// SPDX-License-Identifier: Apache-2.0
// "src 10.1.0.0/16 not proto tcp": which flows are meant.
#ifndef RAMPART_CONTROLLER_API_SELECTORS_H_
#define RAMPART_CONTROLLER_API_SELECTORS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/api/http.h"
#include "controller/base/ip.h"

namespace rampart {

// What selectors look at.
struct Selectable {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t protocol = 0;
  std::string_view tenant;
  std::string_view vnet;
  std::string_view on_ramp;  // tunnels: either one matches `tunnel`
  std::string_view off_ramp;
  std::string_view state;
  std::string_view rule;  // of the policy
  IpAddress nat;          // external address; unspecified: not translated
};

class Selectors {
 public:
  // From parameters named like the selectors, "not-" in front of those to be
  // refused; parameters of other names are skipped if they are in `other`.
  // Errors: InvalidArgument that says which are there, or what the value
  // should be.
  static absl::StatusOr<Selectors> Parse(
      const Query& query, absl::Span<const std::string_view> other);

  // All must match. A selector twice narrows, so "not src A not src B" works.
  bool Match(const Selectable& flow) const;

 private:
  enum class Key {
    kSource,
    kDestination,
    kSourcePort,
    kDestinationPort,
    kProtocol,
    kTenant,
    kVnet,
    kTunnel,
    kState,
    kRule,
    kNat,
    kTo,
  };
  struct Term {
    Key key;
    bool negated = false;
    Prefix prefix;
    uint16_t first = 0;  // number, or the first and last port of a range
    uint16_t last = 0;
    std::string text;
  };
  static absl::StatusOr<Term> ParseTerm(std::string_view name,
                                        std::string_view value);
  static bool Match(const Term& term, const Selectable& flow);

  std::vector<Term> terms_;
};

// Names of the selectors.
absl::Span<const std::string_view> SelectorKeys();

// Words of a command line as parameters for Parse(): {"not", "proto", "tcp"}
// becomes not-proto=tcp. Unambiguous prefixes of keys are completed. Errors:
// InvalidArgument.
absl::StatusOr<Query> SelectorWords(absl::Span<const std::string> words);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_SELECTORS_H_
