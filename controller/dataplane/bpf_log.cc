// SPDX-License-Identifier: Apache-2.0
// Print functions of libbpf and libxdp are process-wide; the sink is not.
#include "controller/dataplane/bpf_log.h"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr size_t kLogMax = 2048;  // bytes of a log that an error carries

thread_local std::string* sink = nullptr;

void Append(const char* format, va_list arguments) {
  if (sink == nullptr) return;
  // Formatted twice, because a verifier log comes as one long argument whose
  // end is what matters.
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  std::string text(static_cast<size_t>(std::max(length, 0)), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  sink->append(text);
}

int PrintBpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN) Append(format, arguments);
  return 0;
}

int PrintXdp(libxdp_print_level level, const char* format, va_list arguments) {
  if (level == LIBXDP_WARN) Append(format, arguments);
  return 0;
}

}  // namespace

BpfLog::BpfLog() {
  static std::once_flag once;
  std::call_once(once, [] {
    libbpf_set_print(PrintBpf);
    libxdp_set_print(PrintXdp);
  });
  RP_CHECK(sink == nullptr);
  sink = &text_;
}

BpfLog::~BpfLog() { sink = nullptr; }

absl::Status BpfLog::Error(int error, std::string_view what) const {
  const absl::Status status = absl::ErrnoToStatus(
      std::abs(error), absl::string_view(what.data(), what.size()));
  if (text_.empty()) return status;
  const size_t start = text_.size() > kLogMax ? text_.size() - kLogMax : 0;
  return absl::Status(
      status.code(), absl::StrCat(status.message(), "\n", text_.substr(start)));
}

}  // namespace rampart
