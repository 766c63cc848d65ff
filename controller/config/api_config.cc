// SPDX-License-Identifier: Apache-2.0
#include "controller/config/api_config.h"

#include <sys/un.h>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/flow_log_config.h"
#include "controller/config/yaml.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

absl::Status Wrong(std::string_view text, std::string_view what,
                   std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what), "; write ", Abseil(right)));
}

absl::StatusOr<std::string> ParseSocketPath(std::string_view text) {
  constexpr size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  if (text.empty() || text[0] != '/' || text.size() > kMax)
    return Wrong(text, "is not the path of a Unix socket",
                 absl::StrCat("an absolute one of at most ", kMax,
                              " bytes, such as /run/rampart/api.sock"));
  return std::string(text);
}

absl::StatusOr<std::string> ParseGroup(std::string_view text) {
  if (text.empty() || text.find_first_of(": \t\n") != text.npos)
    return Wrong(text, "is not the name of a group", "one of /etc/group");
  return std::string(text);
}

absl::StatusOr<std::string> ParseFile(std::string_view text) {
  if (text.empty() || text[0] != '/')
    return Wrong(text, "is not the path of a file",
                 "an absolute one, such as /etc/rampart/edge.pem");
  return std::string(text);
}

absl::StatusOr<std::string> ParseTlsListen(std::string_view text) {
  return ParseAddressPort(text, "192.0.2.1:8443 or [2001:db8::1]:8443");
}

absl::StatusOr<std::string> ParseCommonName(std::string_view text) {
  if (text.empty()) return Wrong(text, "is no common name", "one");
  return std::string(text);
}

}  // namespace

void ReadApi(Fields& fields, ApiConfig& config) {
  fields.Read("socket", ParseSocketPath, config.socket);
  fields.Read("write_group", ParseGroup, config.write_group);
  fields.Read("read_group", ParseGroup, config.read_group);
  fields.ReadMap("tls", [&](Fields& tls) {
    tls.Required("listen", ParseTlsListen, config.tls.listen);
    tls.Required("cert", ParseFile, config.tls.cert);
    tls.Required("key", ParseFile, config.tls.key);
    tls.Required("ca", ParseFile, config.tls.ca);
    tls.ReadList("writers", ParseCommonName, config.tls.writers);
  });
}

absl::StatusOr<ApiConfig> ParseApiConfig(std::string_view file,
                                         std::string_view text) {
  ApiConfig config;
  Mistakes mistakes(file);
  const Tree tree = ParseYaml(text, mistakes);
  Fields fields(tree, "the file", mistakes);
  fields.ReadMap("api", [&](Fields& api) { ReadApi(api, config); });
  if (absl::Status status = mistakes.ToStatus(); !status.ok()) return status;
  return config;
}

}  // namespace rampart
