// SPDX-License-Identifier: Apache-2.0
// The answer of explain: what would happen to a packet, and why.
#ifndef RAMPART_CONTROLLER_EXPLAIN_DOCUMENT_H_
#define RAMPART_CONTROLLER_EXPLAIN_DOCUMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/api/json.h"
#include "controller/capture/pcapng.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/dry_run.h"
#include "controller/dataplane/offline.h"
#include "controller/explain/origin.h"
#include "controller/nat/allocator.h"

namespace rampart {

struct ExplainContext {
  DryRunner& runner;
  const MapReader& maps;
  // Both null without a controller: then what it would decide is not told.
  const Snapshot* snapshot = nullptr;
  const NatAllocator* nat = nullptr;
  uint32_t now = 0;  // tick
};

// What is asked: words of describe.h; with bytes of a captured packet the words
// say only where it comes on.
struct ExplainRequest {
  std::vector<std::string> words;
  std::vector<uint8_t> bytes;
  LinkType link = LinkType::kEthernet;
};

// {"words": [...], "hex": "...", "link": "ethernet" or "ip"}. Errors:
// InvalidArgument.
absl::StatusOr<ExplainRequest> ParseExplainRequest(const std::string& body);
Json ToJson(const ExplainRequest& request);

// Document of kind "explain". verdict: "allow", "deny" (id, reason, help),
// "pass" (the host's own), "answer" (by the edge itself), "hold" (until its
// other fragments are here), "wait" (for a controller). Errors: those of
// FindOrigin() and DryRunner::Run().
absl::StatusOr<Json> ExplainDocument(const ExplainContext& context,
                                     const ExplainRequest& request);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_DOCUMENT_H_
