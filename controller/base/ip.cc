// SPDX-License-Identifier: Apache-2.0
#include "controller/base/ip.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0,    0,
                                       0, 0, 0, 0, 0xff, 0xff};

absl::string_view Abseil(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace

IpAddress IpAddress::V4(uint32_t network_order) {
  IpAddress result;
  std::memcpy(result.bytes_.data(), &network_order, 4);
  return result;
}

IpAddress IpAddress::V6(const uint8_t (&bytes)[16]) {
  IpAddress result;
  result.family_ = Family::kV6;
  std::memcpy(result.bytes_.data(), bytes, 16);
  return result;
}

IpAddress IpAddress::FromMapped(const uint8_t (&bytes)[16]) {
  if (std::memcmp(bytes, kMappedPrefix, sizeof(kMappedPrefix)) != 0)
    return V6(bytes);
  uint32_t v4;
  std::memcpy(&v4, bytes + 12, 4);
  return V4(v4);
}

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  uint32_t v4;
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return V4(v4);
  uint8_t v6[16];
  if (inet_pton(AF_INET6, copy.c_str(), v6) == 1) return V6(v6);
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", copy, "\" is not an IP address such as 192.0.2.1 or 2001:db8::1"));
}

uint32_t IpAddress::v4() const {
  RP_CHECK(is_v4());
  uint32_t result;
  std::memcpy(&result, bytes_.data(), 4);
  return result;
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
  if (is_v4()) return bytes_[0] == 0 || bytes_[0] == 127 || bytes_[0] >= 224;
  return IsUnspecified() || IsLoopback() || IsMulticast();
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof(text));
  return text;
}

Prefix::Prefix(const IpAddress& address, int length) : length_(length) {
  RP_CHECK(length >= 0 && length <= address.bits());
  uint8_t bytes[16] = {};
  std::memcpy(bytes, address.bytes().data(), address.bytes().size());
  for (int bit = length; bit < address.bits(); ++bit)
    bytes[bit / 8] &= ~(0x80 >> (bit % 8));
  if (address.is_v4()) {
    uint32_t v4;
    std::memcpy(&v4, bytes, 4);
    address_ = IpAddress::V4(v4);
  } else {
    address_ = IpAddress::V6(bytes);
  }
}

absl::StatusOr<Prefix> Prefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<IpAddress> address =
      IpAddress::Parse(text.substr(0, slash));
  int length = address.ok() ? address->bits() : 0;
  if (!address.ok() ||
      (slash != std::string_view::npos &&
       (!absl::SimpleAtoi(Abseil(text.substr(slash + 1)), &length) ||
        length < 0 || length > address->bits()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Abseil(text),
                     "\" is not a CIDR such as 10.1.0.0/16 or 2001:db8::/32"));
  }
  Prefix result(*address, length);
  if (result.address() != *address) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", Abseil(text), "\" has bits set behind its length; write ",
        result.ToString(), " or ", address->ToString(), "/", address->bits()));
  }
  return result;
}

bool Prefix::Contains(const IpAddress& address) const {
  return address.family() == family() && Prefix(address, length_) == *this;
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
