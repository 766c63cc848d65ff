// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/judge.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart::perf {
namespace {

absl::Status Wrong(const std::string& what) {
  return absl::DataLossError("packet arrived wrong: " + what);
}

Ip AddressAt(const Bytes& frame, size_t offset, size_t size) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(size == 4 ? AF_INET : AF_INET6, frame.data() + offset, text,
            sizeof(text));
  return Ip(text);
}

// Whether `address` is one of `count` from `first` on.
bool IsIn(const Ip& address, const Ip& first, uint32_t count) {
  const Bytes& a = address.bytes();
  const Bytes& f = first.bytes();
  if (a.size() != f.size()) return false;
  const size_t rest = a.size() - 4;
  return std::equal(a.begin(), a.begin() + static_cast<ptrdiff_t>(rest),
                    f.begin()) &&
         testing::Get32(a, rest) - testing::Get32(f, rest) < count;
}

}  // namespace

Judge::Judge(Leg leg, Inner inner, const Nat& nat)
    : leg_(std::move(leg)),
      inner_(std::move(inner)),
      nat_(nat),
      layout_(LayoutOf(leg_, inner_)),
      size_(layout_.payload + PayloadSize(inner_)) {}

// The outside chooses its source port and, where the kernel makes it, the
// identification; and says in which epoch it made the MAC.
absl::Status Judge::CheckFreedom(const Bytes& frame, Freedom& freedom) const {
  if (layout_.outer_port != 0) {
    freedom.outer_port = testing::Get16(frame, layout_.outer_port);
    if (freedom.outer_port < 1024) return Wrong("outer source port");
  }
  if (leg_.wrap == Wrap::kVxlan && leg_.from.is_v4()) {
    freedom.ip_id = testing::Get16(frame, layout_.outer_ip + 4);
    freedom.ip_fragment = testing::Get16(frame, layout_.outer_ip + 6) & 0x4000;
  }
  if (layout_.epoch != 0) {
    freedom.epoch = testing::Get32(frame, layout_.epoch);
    // Between then and now one epoch may have ended.
    if (UnixEpoch() - freedom.epoch > 1) return Wrong("epoch");
  }
  return absl::OkStatus();
}

absl::Status Judge::CheckSource(uint32_t number, const Ip& source,
                                uint16_t port) {
  if (nat_.kind == Nat::Kind::kAny && !IsIn(source, nat_.first, nat_.addresses))
    return Wrong("source " + source.ToString() + " is not in the pool");
  const Source name = {source.ToString(), port};
  const Source& before = flows_.try_emplace(number, name).first->second;
  const uint32_t other = sources_.try_emplace(name, number).first->second;
  if (before == name && other == number) return absl::OkStatus();
  return Wrong(absl::StrCat("flows ", number, " and ", other, " as ",
                            name.first, " port ", port, ", ", before.first,
                            " port ", before.second));
}

absl::Status Judge::Check(const Bytes& frame) {
  if (frame.size() != size_)
    return Wrong(absl::StrCat(frame.size(), " bytes, not ", size_));
  Freedom freedom;
  RETURN_IF_ERROR(CheckFreedom(frame, freedom));
  const uint32_t number = NumberOf(frame);
  Ip source = AddressPlus(inner_.source, PERF_HOST(number));
  uint16_t port = PERF_PORT(number);
  if (nat_.kind == Nat::Kind::kNumbered) {
    source = AddressPlus(nat_.first, PERF_HOST(number));
    port = PERF_NAT_PORT(number);
  } else if (nat_.kind == Nat::Kind::kAny) {
    source = AddressAt(frame, layout_.source, layout_.source_size);
    port = testing::Get16(frame, layout_.udp);
  }
  const Bytes want = BuildFrame(leg_, inner_, number, source, port, freedom);
  if (const std::string diff = testing::Diff(frame, want); !diff.empty())
    return Wrong(absl::StrCat("flow ", number, "\n", diff));
  return CheckSource(number, source, port);
}

}  // namespace rampart::perf
