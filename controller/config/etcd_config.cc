// SPDX-License-Identifier: Apache-2.0
#include "controller/config/etcd_config.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/base/ip.h"
#include "controller/base/text.h"
#include "controller/config/flow_log_config.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr std::string_view kScheme = "etcd://";
constexpr std::string_view kDefaultPort = "2379";
constexpr std::string_view kDefaultPrefix = "/rampart";

absl::Status Wrong(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what),
                   "; write etcd://HOST:PORT[,HOST:PORT...]/PREFIX, such as "
                   "etcd://192.0.2.1:2379,[2001:db8::1]:2379/rampart"));
}

bool IsHost(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) {
    const auto address = IpAddress::Parse(host.substr(1, host.size() - 2));
    return address.ok() && !address->is_v4();
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '-';
  });
}

absl::StatusOr<std::string> ParseEndpoint(std::string_view text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos &&
                        (bracket == std::string_view::npos || colon > bracket);
  const std::string_view host = has_port ? text.substr(0, colon) : text;
  const std::string_view port =
      has_port ? text.substr(colon + 1) : kDefaultPort;
  if (!IsHost(host)) return Wrong(text, "is not a host and port");
  if (!ParseWhole(port, 1, 65535).ok())
    return Wrong(text, "has no port from 1 to 65535");
  return absl::StrCat(Abseil(host), ":", Abseil(port));
}

bool IsPrefix(std::string_view prefix) {
  return prefix.size() > 1 && !prefix.ends_with('/') &&
         prefix.find("//") == std::string_view::npos &&
         std::all_of(prefix.begin(), prefix.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '/' || c == '.' || c == '-' || c == '_';
         });
}

absl::StatusOr<std::string> ParseAbsolutePath(std::string_view text) {
  if (text.starts_with('/') && text.size() > 1) return ParsePath(text);
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text),
                   " is not an absolute path; write one, such "
                   "as /var/lib/rampart/fleet.db"));
}

absl::StatusOr<std::string> ParseUser(std::string_view text) {
  if (!text.empty()) return std::string(text);
  return absl::InvalidArgumentError("is empty; write the name of an etcd user");
}

absl::StatusOr<std::string> ParseAdvertise(std::string_view text) {
  return ParseAddressPort(text, "192.0.2.10:9443 or [2001:db8::10]:9443");
}

// Of two keys that mean nothing without each other.
void RequireBoth(Fields& fields, std::string_view a, std::string_view b) {
  for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)})
    if (fields.Has(one) && !fields.Has(other))
      fields.Mistake(one, absl::StrCat("needs ", Abseil(other),
                                       "; write both or neither"));
}

}  // namespace

absl::Status ParseEtcdUrl(std::string_view url, EtcdConfig& config) {
  std::string_view rest = url.substr(kScheme.size());
  const size_t slash = rest.find('/');
  config.prefix = std::string(
      slash == std::string_view::npos ? kDefaultPrefix : rest.substr(slash));
  if (!IsPrefix(config.prefix))
    return Wrong(url, "has no prefix of letters, digits and ._-/");
  for (const absl::string_view endpoint :
       absl::StrSplit(Abseil(rest.substr(0, slash)), ',')) {
    absl::StatusOr<std::string> parsed =
        ParseEndpoint({endpoint.data(), endpoint.size()});
    if (!parsed.ok()) return parsed.status();
    if (std::find(config.endpoints.begin(), config.endpoints.end(), *parsed) !=
        config.endpoints.end())
      return Wrong(*parsed, "is listed twice");
    config.endpoints.push_back(*std::move(parsed));
  }
  return absl::OkStatus();
}

void ReadEtcd(Fields& fields, EdgeConfig& config) {
  EtcdConfig& etcd = config.etcd;
  fields.Read("copy", ParseAbsolutePath, etcd.copy);
  fields.Read("user", ParseUser, etcd.user);
  fields.Read("password_file", ParseAbsolutePath, etcd.password_file);
  fields.Read("ca", ParseAbsolutePath, etcd.ca);
  fields.Read("cert", ParseAbsolutePath, etcd.cert);
  fields.Read("key", ParseAbsolutePath, etcd.key);
  fields.Read("advertise", ParseAdvertise, etcd.advertise);
  RequireBoth(fields, "user", "password_file");
  RequireBoth(fields, "cert", "key");
  if (fields.Has("cert") && !fields.Has("ca"))
    fields.Mistake("cert",
                   "needs ca, the certificate that etcd's own is "
                   "signed with; write both");
  if (!etcd.user.empty() && etcd.ca.empty())
    config.warnings.push_back(
        absl::StrCat(config.file, ":", fields.line(),
                     ": etcd.user without etcd.ca: the password crosses the "
                     "network in clear text"));
}

}  // namespace rampart
