// SPDX-License-Identifier: Apache-2.0
// dev preflight: what attaching Rampart to a device would meet. Needs no
// controller.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/compile/next_hop.h"
#include "controller/model/words.h"
#include "controller/preflight/findings.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr Word<XdpMode> kModes[] = {{"auto", XdpMode::kAuto},
                                    {"native", XdpMode::kNative},
                                    {"generic", XdpMode::kGeneric}};
constexpr Word<CheckState> kStates[] = {{"ok", CheckState::kOk},
                                        {"WARN", CheckState::kWarn},
                                        {"FAIL", CheckState::kFail},
                                        {"unknown", CheckState::kUnknown},
                                        {"-", CheckState::kNote}};

struct Arguments {
  std::string device;
  std::string mode = "auto";
};

// Bytes that the headers of a tunnel to that peer take; 0 if the answer is of
// another version.
uint32_t HeaderBytes(const Json& row, const Json& json) {
  const auto type = OneOf(kTunnelTypes)(Cell(At(row, "type")));
  const auto remote = IpAddress::Parse(Cell(At(json, "remote")));
  if (!type.ok() || !remote.ok() || *type == TunnelType::kInterface) return 0;
  Peer peer = {.remote = *remote};
  peer.auth = OneOf(kAuths)(Cell(At(json, "auth"))).value_or(Auth::kNone);
  peer.keys = {{.key_id = 1, .key_file = {}, .secret = {}}};
  if (At(json, "key").is_number_unsigned())
    peer.gre_key = json["key"].get<uint32_t>();
  peer.checksum = At(json, "checksum") == true;
  peer.sequence = At(json, "sequence") == true;
  if (At(json, "variant").is_number_unsigned())
    peer.variant = json["variant"].get<int>();
  const Tunnel tunnel = {.type = *type, .peers = {peer}};
  const LinkPath path = {};
  return path.mtu -
         CompileTunnelNextHop(tunnel, 0, 1, Family::kV4, *remote, 1, path).mtu;
}

// Of every peer of the configured tunnels; nothing if nobody knows them.
std::optional<std::vector<TunnelHeaders>> ReadTunnels(Session& session) {
  const absl::StatusOr<Json> document = session.Peek("/v1/tunnels");
  if (!document.ok()) return std::nullopt;
  std::vector<TunnelHeaders> tunnels;
  for (const Json& row : At(*document, "tunnels"))
    for (const Json& peer : At(row, "peers"))
      tunnels.push_back(
          {absl::StrCat(Cell(At(row, "tenant")), "/", Cell(At(row, "name"))),
           HeaderBytes(row, peer)});
  return tunnels;
}

Json ToDocument(const Arguments& arguments,
                const std::vector<Finding>& findings, int code) {
  Json document = Document("preflight");
  document["device"] = arguments.device;
  document["mode"] = arguments.mode;
  document["result"] = code == kDenied     ? "fail"
                       : code == kDegraded ? "warnings"
                                           : "ok";
  document["checks"] = Json::array();
  for (const Finding& finding : findings)
    document["checks"].push_back({{"check", finding.check},
                                  {"state", WordOf(kStates, finding.state)},
                                  {"detail", finding.detail},
                                  {"command", finding.command}});
  return document;
}

int ExitCodeOf(const std::vector<Finding>& findings) {
  int code = kOk;
  for (const Finding& finding : findings) {
    if (finding.state == CheckState::kFail) return kDenied;
    if (finding.state == CheckState::kWarn) code = kDegraded;
  }
  return code;
}

std::string Detail(const Json& row) {
  const std::string command = Cell(At(row, "command"));
  return absl::StrCat(Cell(At(row, "detail")), command.empty() ? "" : " -> ",
                      command);
}

absl::StatusOr<int> Preflight(Session& session, const Arguments& arguments) {
  PreflightInput input = {.kernel = ReadKernel(session.options.bpffs),
                          .tunnels = {}};
  ASSIGN_OR_RETURN(input.device, ReadDevice(arguments.device));
  ASSIGN_OR_RETURN(input.mode, OneOf(kModes)(arguments.mode));
  input.tunnels = ReadTunnels(session);
  const std::vector<Finding> findings = Judge(input);
  const int code = ExitCodeOf(findings);
  RETURN_IF_ERROR(PrintList(session, ToDocument(arguments, findings, code),
                            {.rows = "checks",
                             .columns = {{"CHECK", "check"},
                                         {"STATE", "state"},
                                         {"DETAIL", "", &Detail}},
                             .name = {"check"}}));
  return code;
}

}  // namespace

void AddPreflight(CLI::App& dev, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* preflight = AddCommand(
      dev, session,
      {.name = "preflight",
       .summary = "What attaching Rampart to a device would meet",
       .text =
           "Reads the driver, offloads, MTU, queues, the XDP programs that are "
           "there and whose they are, and the kernel; changes nothing and "
           "needs "
           "no controller. After the arrow stands the command that mends a "
           "finding.\n\nWithout root, what only root may ask is \"unknown\".",
       .example = "xdpctl dev preflight lo",
       .exits = {{kNotFound, "there is no such device here"},
                 {kDenied, "attaching would fail"},
                 {kDegraded, "there are warnings"}},
       .run = [&session, arguments] {
         return Preflight(session, *arguments);
       }});
  preflight->add_option("device", arguments->device, "Name, as in ip link")
      ->type_name("DEV")
      ->required();
  preflight
      ->add_option("--mode", arguments->mode, "As rampartd.yaml will have it")
      ->type_name("auto|native|generic")
      ->check(CLI::IsMember({"auto", "native", "generic"}))
      ->capture_default_str();
}

}  // namespace rampart::xdpctl
