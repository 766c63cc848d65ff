// SPDX-License-Identifier: Apache-2.0
#include "controller/base/text.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

constexpr size_t kQuotedMax = 64;

bool IsContinuation(char c) { return (c & 0xc0) == 0x80; }

// Bytes of the character that `text` starts with; 0 if it is malformed.
size_t CharacterSize(std::string_view text) {
  const uint8_t lead = text[0];
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xc2 && lead <= 0xdf   ? 2
                      : lead >= 0xe0 && lead <= 0xef ? 3
                      : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                     : 0;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i)
    if (!IsContinuation(text[i])) return 0;
  // Overlong forms, surrogates, and what is past U+10FFFF.
  const uint8_t second = text[1];
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
    return 0;
  return size;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string Quoted(std::string_view text) {
  const bool cut = text.size() > kQuotedMax;
  if (cut) {
    size_t end = kQuotedMax;
    while (end > 0 && IsContinuation(text[end])) --end;
    text = text.substr(0, end);
  }
  // What is not UTF-8 would not survive the way through JSON either.
  const std::string escaped = IsUtf8(text)
                                  ? absl::Utf8SafeCHexEscape(Abseil(text))
                                  : absl::CHexEscape(Abseil(text));
  return absl::StrCat("\"", escaped, cut ? "..." : "", "\"");
}

}  // namespace rampart
