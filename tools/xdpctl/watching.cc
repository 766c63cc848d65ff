// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/watching.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "tools/xdpctl/pins.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr uint64_t kSecond = 1'000'000'000;  // ns
constexpr size_t kMappedBits = 96;           // in front of an IPv4 address

absl::Status ReadPort(const std::string& key, const std::string& value,
                      uint16_t& port) {
  uint32_t number;
  if (!absl::SimpleAtoi(value, &number) || number < 1 || number > 65535)
    return absl::InvalidArgumentError(
        absl::StrCat(key, ": '", value, "' is not a number from 1 to 65535"));
  port = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

absl::Status ReadPair(const std::string& key, const std::string& value,
                      PacketSelectors& selectors) {
  if (key == "sport") return ReadPort(key, value, selectors.sport);
  if (key == "dport") return ReadPort(key, value, selectors.dport);
  if (key == "proto") {
    ASSIGN_OR_RETURN(selectors.proto, ParseProtocol(value));
    return absl::OkStatus();
  }
  Prefix& prefix = key == "src" ? selectors.source : selectors.destination;
  ASSIGN_OR_RETURN(prefix, Prefix::Parse(value));
  return absl::OkStatus();
}

bool IsSelector(const std::string& word) {
  constexpr std::string_view kKeys[] = {"src", "dst", "sport", "dport",
                                        "proto"};
  return std::find(std::begin(kKeys), std::end(kKeys), word) != std::end(kKeys);
}

// Address and mask as in struct rp_watch.
void SetPrefix(const Prefix& prefix, uint8_t (&address)[16],
               uint8_t (&mask)[16]) {
  if (prefix.length() == 0) return;
  prefix.address().ToMapped(address);
  const size_t bits = static_cast<size_t>(prefix.length()) +
                      (prefix.address().is_v4() ? kMappedBits : 0);
  for (size_t bit = 0; bit < bits; ++bit)
    mask[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PacketSelectors::Read(
    const std::vector<std::string>& words) {
  size_t at = 0;
  while (at < words.size() && IsSelector(words[at])) {
    if (at + 1 == words.size())
      return absl::InvalidArgumentError(
          absl::StrCat(words[at], ": its value is missing"));
    RETURN_IF_ERROR(ReadPair(words[at], words[at + 1], *this));
    query.emplace_back(words[at], words[at + 1]);
    at += 2;
  }
  if (source.length() != 0 && destination.length() != 0 &&
      source.family() != destination.family())
    return absl::InvalidArgumentError("dst: of another family than src");
  return std::vector<std::string>(words.begin() + static_cast<ptrdiff_t>(at),
                                  words.end());
}

rp_watch WatchFor(const PacketSelectors& selectors, uint16_t points,
                  uint16_t snaplen, rp_watch_scope scope) {
  rp_watch watch = {};
  std::fill(std::begin(watch.devices), std::end(watch.devices), ~uint64_t{0});
  watch.points = points;
  watch.snaplen = snaplen;
  watch.both = 1;
  watch.scope = scope;
  watch.sport = htons(selectors.sport);
  watch.dport = htons(selectors.dport);
  watch.proto = selectors.proto;
  SetPrefix(selectors.source, watch.saddr, watch.smask);
  SetPrefix(selectors.destination, watch.daddr, watch.dmask);
  for (const Prefix* prefix : {&selectors.source, &selectors.destination})
    if (prefix->length() != 0)
      watch.family = static_cast<uint8_t>(prefix->family());
  if (watch.proto == IPPROTO_ICMP && watch.family == 6)
    watch.proto = IPPROTO_ICMPV6;
  return watch;
}

rp_watch WatchFor(uint8_t proto, const IpAddress& source, uint16_t sport,
                  const IpAddress& destination, uint16_t dport, uint16_t points,
                  uint16_t snaplen, rp_watch_scope scope) {
  PacketSelectors selectors;
  selectors.source = Prefix(source, source.bits());
  selectors.destination = Prefix(destination, destination.bits());
  selectors.sport = sport;
  selectors.dport = dport;
  selectors.proto = proto;
  return WatchFor(selectors, points, snaplen, scope);
}

absl::StatusOr<absl::Duration> ParseDuration(const std::string& text) {
  absl::Duration duration;
  double seconds;
  if (absl::SimpleAtod(text, &seconds))
    duration = absl::Seconds(seconds);
  else if (!absl::ParseDuration(text, &duration))
    duration = absl::ZeroDuration();
  if (duration <= absl::ZeroDuration())
    return absl::InvalidArgumentError(absl::StrCat(
        "duration '", text, "': write seconds, or a number with s, m or h"));
  return duration;
}

void LearnNames(Session& session, EventNames& names) {
  const auto rows = [&](const char* path, const char* field) {
    const absl::StatusOr<Json> document = session.Get(path);
    return document.ok() ? At(*document, field) : Json::array();
  };
  const auto full = [](const Json& row) {
    return absl::StrCat(At(row, "tenant").get<std::string>(), "/",
                        At(row, "name").get<std::string>());
  };
  for (const Json& row : rows("/v1/tunnels", "tunnels"))
    names.NameTunnel(At(row, "id").get<uint32_t>(), full(row));
  for (const Json& row : rows("/v1/vnets", "vnets"))
    names.NameRealm(At(row, "vni").get<uint32_t>(), full(row));
  for (const Json& row : rows("/v1/tenants", "tenants"))
    names.NameTenant(At(row, "id").get<uint32_t>(),
                     At(row, "name").get<std::string>());
}

absl::StatusOr<uint64_t> RunWatch(Session& session, Watch& watch,
                                  const WatchLoop& loop) {
  const StopSignals signals;
  const uint64_t begin = MonotonicNow();
  uint64_t second = begin;
  uint64_t told = 0;
  uint64_t events = 0;
  bool going = true;
  while (going) {
    going = signals.Wait(watch.fd(), kPollMilliseconds);
    ASSIGN_OR_RETURN(const int read, watch.Read(loop.visit));
    events += static_cast<uint64_t>(read);
    session.env.out.flush();
    const uint64_t now = MonotonicNow();
    if (now - second >= kSecond) {
      second = now;
      watch.Renew();
      if (loop.second) RETURN_IF_ERROR(loop.second(watch));
    }
    if (const uint64_t lost = watch.lost(); lost > told) {
      session.Note(
          absl::StrCat(lost - told, " events lost: xdpctl is not fast enough"));
      told = lost;
    }
    if (loop.done() ||
        absl::Nanoseconds(static_cast<int64_t>(now - begin)) >= loop.limit)
      going = false;
  }
  return events;
}

}  // namespace rampart::xdpctl
