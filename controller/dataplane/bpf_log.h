// SPDX-License-Identifier: Apache-2.0
// What libbpf and libxdp would print, as part of an error message instead.
#ifndef RAMPART_CONTROLLER_DATAPLANE_BPF_LOG_H_
#define RAMPART_CONTROLLER_DATAPLANE_BPF_LOG_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace rampart {

// Collects the libraries' warnings of this thread while it lives; outside of
// such a scope they are dropped. Scopes do not nest.
class BpfLog {
 public:
  BpfLog();
  ~BpfLog();
  BpfLog(const BpfLog&) = delete;
  BpfLog& operator=(const BpfLog&) = delete;

  const std::string& text() const { return text_; }
  // "what: strerror(error)", and the end of the log if there is one: a
  // verifier log says what is wrong in its last lines.
  absl::Status Error(int error, std::string_view what) const;

 private:
  std::string text_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_BPF_LOG_H_
