// SPDX-License-Identifier: Apache-2.0
#include "controller/base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0,    0,
                                       0, 0, 0, 0, 0xff, 0xff};

// The length of a prefix as people write it: digits only.
std::optional<int> ParseLength(std::string_view text, int max) {
  int length = 0;
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    length = 10 * length + (c - '0');
  }
  if (length > max) return std::nullopt;
  return length;
}

absl::Status NotACidr(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      Quoted(text),
      " is not a CIDR; write one such as 10.1.0.0/16 or 2001:db8::/32"));
}

}  // namespace

IpAddress IpAddress::FromMapped(const uint8_t (&bytes)[16]) {
  if (std::memcmp(bytes, kMappedPrefix, sizeof(kMappedPrefix)) != 0)
    return V6(bytes);
  uint32_t v4;
  std::memcpy(&v4, bytes + 12, 4);
  return V4(v4);
}

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  // inet_pton() would stop at a NUL and take what is before it.
  const bool whole = copy.find('\0') == std::string::npos;
  uint32_t v4;
  if (whole && inet_pton(AF_INET, copy.c_str(), &v4) == 1) return V4(v4);
  uint8_t v6[16];
  if (!whole || inet_pton(AF_INET6, copy.c_str(), v6) != 1)
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(text),
        " is not an IP address; write one such as 192.0.2.1 or 2001:db8::1"));
  const IpAddress mapped = FromMapped(v6);
  if (mapped.is_v4())
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(text), " is an IPv4-mapped address; write ", mapped.ToString()));
  return V6(v6);
}

std::string_view IpAddress::bytes() const {
  return {reinterpret_cast<const char*>(bytes_.data()),
          static_cast<size_t>(is_v4() ? 4 : 16)};
}

void IpAddress::ToMapped(uint8_t (&out)[16]) const {
  if (!is_v4()) return ToV6(out);
  std::memcpy(out, kMappedPrefix, sizeof(kMappedPrefix));
  std::memcpy(out + 12, bytes_.data(), 4);
}

bool IpAddress::IsUnspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(),
                     [](uint8_t b) { return b == 0; });
}

bool IpAddress::IsLoopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1,
                                        [](uint8_t b) { return b == 0; });
}

bool IpAddress::IsMulticast() const {
  return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::IsLinkLocal() const {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::IsMartian() const {
  if (is_v4())
    return bytes_[0] == 0 || bytes_[0] == 127 || bytes_[0] >= 224 ||
           IsLinkLocal();
  return IsUnspecified() || IsLoopback() || IsMulticast() || IsLinkLocal() ||
         std::memcmp(bytes_.data(), kMappedPrefix, sizeof(kMappedPrefix)) == 0;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof(text));
  return text;
}

absl::StatusOr<Prefix> Prefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<IpAddress> address =
      IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) return NotACidr(text);
  if (slash == std::string_view::npos) return Prefix(*address, address->bits());
  const std::optional<int> length =
      ParseLength(text.substr(slash + 1), address->bits());
  if (!length) return NotACidr(text);
  const Prefix result(*address, *length);
  if (result.address() != *address)
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(text), " has bits set behind its length; write ",
        result.ToString(), " or ", address->ToString(), "/", address->bits()));
  return result;
}

bool Prefix::Contains(const Prefix& other) const {
  return length_ <= other.length_ && Contains(other.address_);
}

bool Prefix::Overlaps(const Prefix& other) const {
  return Contains(other) || other.Contains(*this);
}

std::string Prefix::ToString() const {
  return absl::StrCat(address_.ToString(), "/", length_);
}

std::string MacToString(const MacAddress& mac) {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                         mac[2], mac[3], mac[4], mac[5]);
}

}  // namespace rampart
