// SPDX-License-Identifier: Apache-2.0
#include "controller/config/flow_log_config.h"

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr absl::Duration kUpdateMin = absl::Seconds(1);
constexpr absl::Duration kUpdateMax = absl::Hours(24 * 30);
constexpr absl::Duration kKeepMin = absl::Minutes(1);
constexpr absl::Duration kKeepMax = absl::Hours(24 * 3650);
constexpr Word<bool> kTransports[] = {{"udp", false}, {"tcp", true}};

absl::Status Wrong(std::string_view text, std::string_view what,
                   std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what), "; write ", Abseil(right)));
}

absl::StatusOr<absl::Duration> ParseUpdateInterval(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(Abseil(text), &duration) ||
      (duration != absl::ZeroDuration() &&
       (duration < kUpdateMin || duration > kUpdateMax)))
    return Wrong(text, "is no interval of updates",
                 "1s to 720h, such as 5m, or 0 for none");
  return duration;
}

absl::StatusOr<absl::Duration> ParseKeep(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(Abseil(text), &duration) || duration < kKeepMin ||
      duration > kKeepMax)
    return Wrong(text, "is no time to keep records",
                 "1m to 87600h, such as 168h for a week");
  return duration;
}

// "1048576", "64K", "100M", "1G".
absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  constexpr std::string_view kUnits = "KMG";
  constexpr uint64_t kMin = uint64_t{1} << 16;
  constexpr uint64_t kMax = uint64_t{1} << 44;
  const size_t unit =
      text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const int shift =
      unit == std::string_view::npos ? 0 : 10 * (static_cast<int>(unit) + 1);
  const absl::StatusOr<uint64_t> number =
      ParseWhole(text.substr(0, text.size() - (shift != 0)), 1, kMax >> shift);
  if (!number.ok() || *number << shift < kMin)
    return Wrong(text, "is no size", "64K to 16384G, such as 100M");
  return *number << shift;
}

absl::StatusOr<std::string> ParseCollector(std::string_view text) {
  return ParseAddressPort(text, "192.0.2.50:4739 or [2001:db8::50]:4739");
}

}  // namespace

absl::StatusOr<std::string> ParseAddressPort(std::string_view text,
                                             std::string_view example) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(host);
    if (address.ok() && address->is_v4() != brackets &&
        ParseWhole(text.substr(colon + 1), 1, 65535).ok())
      return std::string(text);
  }
  return Wrong(text, "is not an address and port", example);
}

void ReadFlowLog(Fields& fields, FlowLogConfig& config) {
  config.on = true;
  fields.Read("path", ParsePath, config.path);
  fields.Read("rotate_size", ParseSize, config.rotate_size);
  fields.Read("rotate_keep", WholeNumber<int>(1, 1000), config.rotate_keep);
  fields.Read("update_interval", ParseUpdateInterval, config.update_interval);
  fields.Read("ipfix", ParseCollector, config.ipfix);
  fields.Read("ipfix_transport", OneOf(kTransports), config.ipfix_tcp);
  fields.Read("history_keep", ParseKeep, config.history_keep);
  fields.Read("history_size", ParseSize, config.history_size);
  fields.Read("queue", WholeNumber<uint32_t>(1024, 1 << 26), config.queue);
  if (config.ipfix.empty() && fields.Has("ipfix_transport"))
    fields.Mistake("ipfix_transport",
                   "there is no collector; write ipfix: ADDRESS:PORT, too");
}

}  // namespace rampart
