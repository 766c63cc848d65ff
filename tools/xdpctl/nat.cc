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
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "subscribers",
                             .columns = {{"VNET", "", &Vnet},
                                         {"INSIDE", "inside"},
                                         {"POOL", "pool"},
                                         {"OUTSIDE", "outside"},
                                         {"BLOCKS", "blocks"},
                                         {"PORTS", "ports"},
                                         {"TCP", "", &Mappings<kTcp>},
                                         {"UDP", "", &Mappings<kUdp>},
                                         {"ICMP", "", &Mappings<kIcmp>}},
                             .name = {"tenant", "vnet", "inside"}}));
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
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "owners",
                             .columns = {{"VNET", "", &Vnet},
                                         {"VNI", "vni"},
                                         {"INSIDE", "inside"},
                                         {"POOL", "pool"},
                                         {"PORTS", "", &Ports},
                                         {"GRANTED", "granted"},
                                         {"RELEASED", "released"}},
                             .name = {"tenant", "vnet", "inside"}}));
  return kOk;
}

void AddPool(CLI::App& nat, Session& session) {
  CLI::App* pool = nat.add_subcommand("pool", "Addresses and blocks of ports");
  AddList(*pool, session,
          {.noun = "nat pool",
           .help = "Pools: how full they are, and when they will be",
           .path = "/v1/nat/pools",
           .view = {.rows = "pools",
                    .columns = {{"POOL", "name"},
                                {"BLOCKS", "blocks"},
                                {"USED", "used"},
                                {"RESTING", "resting"},
                                {"FILL", "fill", &Fill},
                                {"FULL-IN", "full_in_s", &FullIn},
                                {"SUBSCRIBERS", "subscribers"},
                                {"TCP", "", &Mappings<kTcp>},
                                {"UDP", "", &Mappings<kUdp>},
                                {"ICMP", "", &Mappings<kIcmp>},
                                {"REFUSED", "", &Refused}}}});
}

void AddPortTop(CLI::App& nat, Session& session) {
  CLI::App* port = nat.add_subcommand("port", "Ports of subscribers");
  auto count = std::make_shared<int>(10);
  CLI::App* top =
      AddCommand(*port, session,
                 {.name = "top",
                  .summary = "The subscribers with the most ports",
                  .example = "xdpctl nat port top 5",
                  .run = [&session, count] { return Top(session, *count); }});
  top->add_option("count", *count, "How many subscribers")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

void AddWhois(CLI::App& nat, Session& session) {
  auto arguments = std::make_shared<WhoisArguments>();
  CLI::App* whois = AddCommand(
      nat, session,
      {.name = "whois",
       .summary = "Who had an external port, and when",
       .text = "Answers from the durable log of port blocks. A time without a "
               "part of a second is all of that second.",
       .example = "xdpctl nat whois 203.0.113.1 40000 2026-11-21T19:43:02Z",
       .exits = {{kNotFound, "nobody had the port then"}},
       .run = [&session, arguments] { return Whois(session, *arguments); }});
  whois->add_option("address", arguments->address, "External address")
      ->type_name("ADDRESS")
      ->required();
  whois->add_option("port", arguments->port, "External port or ICMP identifier")
      ->type_name("PORT")
      ->required();
  whois
      ->add_option("time", arguments->time,
                   "RFC 3339, such as 2026-11-21T19:43:02Z; without it now")
      ->type_name("TIME");
}

}  // namespace

void AddNat(CLI::App& app, Session& session) {
  CLI::App* nat = app.add_subcommand("nat", "Address translation");
  AddPool(*nat, session);
  AddPortTop(*nat, session);
  AddWhois(*nat, session);
  CLI::App* sessions = nat->add_subcommand("session", "Mappings in use");
  AddSelectedList(*sessions, session,
                  {.noun = "nat session",
                   .help = "NAT mappings that the selectors choose",
                   .example = "xdpctl nat session list proto udp",
                   .path = "/v1/nat/sessions",
                   .view = {.rows = "sessions",
                            .columns = {{"VNET", "", &Vnet},
                                        {"PROTO", "proto"},
                                        {"INSIDE", "", &Inside},
                                        {"OUTSIDE", "", &Outside},
                                        {"REMOTE", "", &Remote},
                                        {"POOL", "pool"},
                                        {"FLOWS", "flows"}},
                            .name = {"proto", "outside", "outside_port"}}});
}

}  // namespace rampart::xdpctl
