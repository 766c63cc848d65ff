// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/selected_list.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

std::string Vnet(const Json& row) {
  return absl::StrCat(Cell(At(row, "tenant")), "/", Cell(At(row, "vnet")));
}

std::string Inside(const Json& row) {
  return EndpointCell(At(row, "inside"), At(row, "inside_port"));
}

std::string Outside(const Json& row) {
  return EndpointCell(At(row, "outside"), At(row, "outside_port"));
}

std::string Remote(const Json& row) {
  return EndpointCell(At(row, "remote"), At(row, "remote_port"));
}

// "37%"; 100% only when it is full.
std::string Fill(const Json& row) {
  const Json& fill = At(row, "fill");
  if (!fill.is_number()) return "";
  return absl::StrCat(static_cast<int>(100 * fill.get<double>()), "%");
}

std::string FullIn(const Json& row) {
  return HumanSeconds(At(row, "full_in_s"));
}

std::string Refused(const Json& row) {
  uint64_t refused = 0;
  for (const Json& count : At(row, "refused"))
    if (count.is_number_unsigned()) refused += count.get<uint64_t>();
  return absl::StrCat(refused);
}

template <const char* protocol>
std::string Mappings(const Json& row) {
  return Cell(At(At(row, "mappings"), protocol));
}
constexpr char kTcp[] = "tcp";
constexpr char kUdp[] = "udp";
constexpr char kIcmp[] = "icmp";

std::string Ports(const Json& row) {
  return absl::StrCat(Cell(At(row, "first_port")), "-",
                      Cell(At(row, "last_port")));
}

absl::StatusOr<int> Top(Session& session, int count) {
  ASSIGN_OR_RETURN(
      const Json document,
      session.Get("/v1/nat/ports", {{"top", absl::StrCat(count)}}));
  session.Print(document, [&] {
    PrintRows(session, At(document, "subscribers"),
              {{"VNET", "", &Vnet},
               {"INSIDE", "inside"},
               {"POOL", "pool"},
               {"OUTSIDE", "outside"},
               {"BLOCKS", "blocks"},
               {"PORTS", "ports"},
               {"TCP", "", &Mappings<kTcp>},
               {"UDP", "", &Mappings<kUdp>},
               {"ICMP", "", &Mappings<kIcmp>}});
  });
  return kOk;
}

struct WhoisArguments {
  std::string address;
  std::string port;
  std::string time;
};

absl::StatusOr<int> Whois(Session& session, const WhoisArguments& arguments) {
  Query query = {{"address", arguments.address}, {"port", arguments.port}};
  if (!arguments.time.empty()) query.emplace_back("time", arguments.time);
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/nat/whois", query));
  session.Print(document, [&] {
    PrintRows(session, At(document, "owners"),
              {{"VNET", "", &Vnet},
               {"VNI", "vni"},
               {"INSIDE", "inside"},
               {"POOL", "pool"},
               {"PORTS", "", &Ports},
               {"GRANTED", "granted"},
               {"RELEASED", "released"}});
  });
  return kOk;
}

void AddPool(CLI::App& nat, Session& session) {
  CLI::App* pool = nat.add_subcommand("pool", "Addresses and blocks of ports");
  AddList(*pool, session,
          {.help = "Pools: how full they are, and when they will be",
           .path = "/v1/nat/pools",
           .rows = "pools",
           .columns = {{"POOL", "name"},
                       {"BLOCKS", "blocks"},
                       {"USED", "used"},
                       {"RESTING", "resting"},
                       {"FILL", "", &Fill},
                       {"FULL-IN", "", &FullIn},
                       {"SUBSCRIBERS", "subscribers"},
                       {"TCP", "", &Mappings<kTcp>},
                       {"UDP", "", &Mappings<kUdp>},
                       {"ICMP", "", &Mappings<kIcmp>},
                       {"REFUSED", "", &Refused}}});
}

void AddTop(CLI::App& nat, Session& session) {
  CLI::App* port = nat.add_subcommand("port", "Ports of subscribers");
  CLI::App* top =
      port->add_subcommand("top", "The subscribers with the most ports");
  auto count = std::make_shared<int>(10);
  top->add_option("count", *count, "How many subscribers")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  top->callback([&session, count] { session.result = Top(session, *count); });
}

void AddWhois(CLI::App& nat, Session& session) {
  CLI::App* whois =
      nat.add_subcommand("whois", "Who had an external port, and when");
  auto arguments = std::make_shared<WhoisArguments>();
  whois->add_option("address", arguments->address, "External address")
      ->required();
  whois->add_option("port", arguments->port, "External port or ICMP identifier")
      ->required();
  whois->add_option("time", arguments->time,
                    "RFC 3339, such as 2026-11-21T19:43:02Z; without it now");
  whois->callback(
      [&session, arguments] { session.result = Whois(session, *arguments); });
}

}  // namespace

void AddNat(CLI::App& app, Session& session) {
  CLI::App* nat = app.add_subcommand("nat", "Address translation");
  AddPool(*nat, session);
  AddTop(*nat, session);
  AddWhois(*nat, session);
  CLI::App* sessions = nat->add_subcommand("session", "Mappings in use");
  AddSelectedList(*sessions, session,
                  {.help = "NAT mappings that the selectors choose",
                   .path = "/v1/nat/sessions",
                   .rows = "sessions",
                   .columns = {{"VNET", "", &Vnet},
                               {"PROTO", "proto"},
                               {"INSIDE", "", &Inside},
                               {"OUTSIDE", "", &Outside},
                               {"REMOTE", "", &Remote},
                               {"POOL", "pool"},
                               {"FLOWS", "flows"}}});
}

}  // namespace rampart::xdpctl
