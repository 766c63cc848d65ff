// SPDX-License-Identifier: Apache-2.0
// drop last, pcap, explain, top, watch: which packets were dropped, and why.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <ostream>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/api/maps.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/capture/pcapng.h"
#include "controller/explain/reasons.h"
#include "controller/explain/samples.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pins.h"
#include "tools/xdpctl/rows.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr size_t kSamplesMax = 100000;

struct Arguments {
  std::string id;
  std::string file;
  size_t count = 10;
  double interval = 2;
};

std::string Text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

absl::StatusOr<Json> Samples(Session& session, const std::string& id,
                             size_t limit) {
  return session.GetOrRead("/v1/drops/last",
                           {{"id", id}, {"limit", absl::StrCat(limit)}},
                           [&](const MapReader& maps) {
                             return SamplesDocument(maps, nullptr, id, limit);
                           });
}

void PrintSample(const Json& row, std::ostream& out) {
  out << TimeOfDay(At(row, "time_ns").get<uint64_t>()) << " "
      << Text(At(row, "device")) << " q" << Text(At(row, "queue")) << "  "
      << Text(At(row, "tenant")) << "  " << Text(At(row, "vnet")) << "  "
      << Text(At(row, "packet")) << '\n'
      << "  " << Text(At(row, "id")) << " " << Text(At(row, "help")) << " ("
      << Text(At(row, "where")) << ", " << Text(At(row, "place")) << ")\n";
}

absl::StatusOr<int> Last(Session& session, const Arguments& arguments) {
  const size_t limit =
      session.options.rounds != 0 ? session.options.rounds : arguments.count;
  ASSIGN_OR_RETURN(const Json document, Samples(session, arguments.id, limit));
  session.Print(document, [&] {
    for (const Json& row : At(document, "samples"))
      PrintSample(row, session.env.out);
  });
  return kOk;
}

// A section, an interface for each device and link type, the packets.
std::string ToPcapng(const Json& rows) {
  std::string file;
  AppendSection("xdpctl", file);
  std::map<std::string, uint32_t> interfaces;
  std::string packets;
  const int64_t offset = UnixOffset();
  // Oldest first.
  for (size_t i = rows.size(); i-- > 0;) {
    const Json& row = rows[i];
    const std::string device = Text(At(row, "device"));
    const std::string link = Text(At(row, "link"));
    const auto [it, added] =
        interfaces.emplace(absl::StrCat(device, " ", link), interfaces.size());
    if (added)
      AppendInterface(
          {.name = device,
           .link = link == "ip" ? LinkType::kIp : LinkType::kEthernet},
          file);
    const std::string bytes = absl::HexStringToBytes(Text(At(row, "hex")));
    const std::string comment = absl::StrCat(
        Text(At(row, "id")), " ", Text(At(row, "help")), "; tenant ",
        Text(At(row, "tenant")), ", ", Text(At(row, "vnet")), ", ",
        Text(At(row, "tunnel")), ", at ", Text(At(row, "place")));
    AppendPacket({.interface = it->second,
                  .time = At(row, "time_ns").get<uint64_t>() +
                          static_cast<uint64_t>(offset),
                  .bytes = {reinterpret_cast<const uint8_t*>(bytes.data()),
                            bytes.size()},
                  .length = At(row, "length").get<uint32_t>(),
                  .comment = comment},
                 packets);
  }
  return file + packets;
}

absl::StatusOr<int> Pcap(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   Samples(session, arguments.id, kSamplesMax));
  const Json& rows = At(document, "samples");
  ASSIGN_OR_RETURN(FileSink sink, FileSink::Open(arguments.file));
  RETURN_IF_ERROR(sink.Write(ToPcapng(rows)));
  session.Note(absl::StrCat(rows.size(), " packets are in ", arguments.file));
  return kOk;
}

absl::StatusOr<const DropReason*> FindReason(const std::string& id) {
  for (const DropReason& reason : DropReasons())
    if (reason.id == id || reason.symbol == id) return &reason;
  return absl::NotFoundError(absl::StrCat(
      "drop ", id, ": there is none; xdpctl drop list -a shows all reasons"));
}

absl::StatusOr<int> ExplainReason(Session& session,
                                  const Arguments& arguments) {
  ASSIGN_OR_RETURN(const DropReason* reason, FindReason(arguments.id));
  Json document = Document("drop-reason");
  document["id"] = reason->id;
  document["reason"] = reason->symbol;
  document["area"] = AreaOf(reason->id);
  document["help"] = reason->help;
  document["next"] = HintFor(reason->id);
  // Where in the source packets were dropped for it, as far as any were kept.
  std::set<std::string> places;
  const auto samples = Samples(session, std::string(reason->id), kSamplesMax);
  if (samples.ok())
    for (const Json& row : At(*samples, "samples"))
      places.insert(Text(At(row, "place")));
  document["places"] = places;
  session.Print(document, [&] {
    std::ostream& out = session.env.out;
    out << reason->id << " " << reason->symbol << ": " << reason->help
        << "\n  area  " << AreaOf(reason->id) << "\n  next  "
        << HintFor(reason->id) << '\n';
    for (const std::string& place : places) out << "  seen  " << place << '\n';
  });
  return kOk;
}

// Packets by reason, and by reason and tenant.
struct Counts {
  std::map<std::string, uint64_t> reasons;
  std::map<std::string, std::map<std::string, uint64_t>> tenants;
  std::map<std::string, uint64_t> ledger;
};

absl::StatusOr<Counts> ReadCounts(Session& session) {
  ASSIGN_OR_RETURN(
      const Json drops,
      session.GetOrRead("/v1/drops", {{"all", "0"}}, [](const MapReader& maps) {
        return DropsDocument(maps, false);
      }));
  ASSIGN_OR_RETURN(
      const Json tenants,
      session.GetOrRead("/v1/drops/tenants", {}, [](const MapReader& maps) {
        return TenantDropsDocument(maps, nullptr);
      }));
  Counts counts;
  for (const Json& row : At(drops, "drops"))
    counts.reasons[Text(At(row, "id"))] += At(row, "packets").get<uint64_t>();
  for (const Json& row : At(tenants, "drops"))
    counts.tenants[Text(At(row, "id"))][Text(At(row, "tenant"))] +=
        At(row, "packets").get<uint64_t>();
  for (const Json& row : At(drops, "ledger"))
    for (const char* outcome : {"forwarded", "passed", "punted", "dropped"})
      counts.ledger[outcome] += At(row, outcome).get<uint64_t>();
  return counts;
}

// The newest sample of each reason, ns of CLOCK_MONOTONIC.
absl::StatusOr<std::map<std::string, uint64_t>> LastSeen(Session& session) {
  ASSIGN_OR_RETURN(const Json document, Samples(session, "", kSamplesMax));
  std::map<std::string, uint64_t> last;
  for (const Json& row : At(document, "samples")) {
    uint64_t& time = last[Text(At(row, "id"))];
    time = std::max(time, At(row, "time_ns").get<uint64_t>());
  }
  return last;
}

std::string TopTenant(const Counts& before, const Counts& after,
                      const std::string& id) {
  std::string top;
  uint64_t most = 0;
  const auto now = after.tenants.find(id);
  if (now == after.tenants.end()) return "";
  const auto old = before.tenants.find(id);
  for (const auto& [tenant, packets] : now->second) {
    uint64_t base = 0;
    if (old != before.tenants.end()) {
      const auto it = old->second.find(tenant);
      if (it != old->second.end()) base = it->second;
    }
    if (packets - base > most) {
      most = packets - base;
      top = tenant;
    }
  }
  return top;
}

absl::StatusOr<Json> TopDocument(Session& session, double seconds) {
  ASSIGN_OR_RETURN(const Counts before, ReadCounts(session));
  session.env.wait(seconds);
  ASSIGN_OR_RETURN(const Counts after, ReadCounts(session));
  ASSIGN_OR_RETURN(const auto last, LastSeen(session));
  const uint64_t now = MonotonicNow();
  Json rows = Json::array();
  for (const auto& [id, packets] : after.reasons) {
    const auto old = before.reasons.find(id);
    const uint64_t base = old != before.reasons.end() ? old->second : 0;
    const auto seen = last.find(id);
    Json row = {{"id", id}, {"packets", packets}};
    row["packets_s"] = static_cast<double>(packets - base) / seconds;
    row["last_s"] = seen == last.end()
                        ? Json(nullptr)
                        : Json(static_cast<double>(now - seen->second) / 1e9);
    row["top_tenant"] = TopTenant(before, after, id);
    row["hint"] = HintFor(id);
    for (const DropReason& reason : DropReasons())
      if (reason.id == id) row["help"] = reason.help;
    rows.push_back(std::move(row));
  }
  SortStably(rows, [](const Json& a, const Json& b) {
    return a["packets_s"] > b["packets_s"];
  });
  Json document = Document("drop-top");
  document["seconds"] = seconds;
  document["drops"] = std::move(rows);
  document["ledger"] = Json::object();
  for (const auto& [outcome, packets] : after.ledger)
    document["ledger"][outcome] = packets - before.ledger.at(outcome);
  return document;
}

absl::StatusOr<int> Top(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   TopDocument(session, arguments.interval));
  RETURN_IF_ERROR(
      PrintList(session, document,
                {.rows = "drops",
                 .columns = {{"ID", "id"},
                             {"REASON", "help"},
                             {"PKTS/s", "packets_s",
                              [](const Json& row) {
                                return absl::StrFormat(
                                    "%.1f", At(row, "packets_s").get<double>());
                              }},
                             {"LAST", "last_s",
                              [](const Json& row) {
                                return HumanSeconds(At(row, "last_s"));
                              }},
                             {"TOP TENANT", "top_tenant"},
                             {"HINT", "hint"}},
                 .name = {"id"}}));
  if (session.format() == Format::kTable) {
    const Json& ledger = At(document, "ledger");
    session.env.out << "ledger: forwarded " << At(ledger, "forwarded")
                    << " + passed " << At(ledger, "passed") << " + punted "
                    << At(ledger, "punted") << " + dropped "
                    << At(ledger, "dropped") << '\n';
  }
  return kOk;
}

absl::StatusOr<int> Watch(Session& session) {
  const StopSignals signals;
  uint64_t shown = MonotonicNow();
  uint32_t left = session.options.rounds;
  do {
    ASSIGN_OR_RETURN(const Json document, Samples(session, "", kSamplesMax));
    const Json& rows = At(document, "samples");
    uint64_t newest = shown;
    for (size_t i = rows.size(); i-- > 0;) {
      const uint64_t time = At(rows[i], "time_ns").get<uint64_t>();
      if (time <= shown) continue;
      newest = std::max(newest, time);
      PrintSample(rows[i], session.env.out);
      if (left == 0) continue;
      --left;
      if (left == 0) return kOk;
    }
    session.env.out.flush();
    shown = newest;
  } while (signals.Wait(-1, 500));
  return kOk;
}

void AddLast(CLI::App& drop, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* last = AddCommand(
      drop, session,
      {.name = "last",
       .summary = "The last dropped packets, newest first",
       .text = "Each reason keeps its last 8 on every CPU, at most one a "
               "jiffy. -c N shows N (10).",
       .example = "xdpctl drop last RP-POL-002",
       .exits = {{kNotFound, "there is no such reason"}},
       .shows = Shows::kPage,
       .run = [&session, arguments] { return Last(session, *arguments); }});
  last->add_option("id", arguments->id, "Of this reason only")->type_name("ID");
}

void AddPcap(CLI::App& drop, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* pcap = AddCommand(
      drop, session,
      {.name = "pcap",
       .summary = "Writes the last dropped packets of a reason as pcapng",
       .text = "128 bytes of each, with reason, tenant and place in the "
               "source as its comment.",
       .example = "xdpctl drop pcap RP-POL-002 -w /tmp/x.pcapng",
       .exits = {{kNotFound, "there is no such reason"}},
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Pcap(session, *arguments); }});
  pcap->add_option("id", arguments->id, "The reason")
      ->type_name("ID")
      ->required();
  pcap->add_option("-w,--write", arguments->file, "The file; - is stdout")
      ->type_name("FILE")
      ->required();
}

void AddExplainReason(CLI::App& drop, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* explain =
      AddCommand(drop, session,
                 {.name = "explain",
                  .summary = "What a reason means, and what to look at next",
                  .example = "xdpctl drop explain RP-NAT-003",
                  .exits = {{kNotFound, "there is no such reason"}},
                  .shows = Shows::kPage,
                  .run = [&session, arguments] {
                    return ExplainReason(session, *arguments);
                  }});
  explain->add_option("id", arguments->id, "RP-NAT-003, or NAT_EXHAUSTED")
      ->type_name("ID")
      ->required();
}

}  // namespace

void AddDropTools(CLI::App& drop, Session& session) {
  AddLast(drop, session);
  AddPcap(drop, session);
  AddExplainReason(drop, session);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* top = AddCommand(
      drop, session,
      {.name = "top",
       .summary = "Reasons by packets a second, with what to do about them",
       .example = "xdpctl drop top -i 10",
       .run = [&session, arguments] { return Top(session, *arguments); }});
  top->add_option("-i,--interval", arguments->interval,
                  "Seconds between both looks at the counters")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  AddCommand(drop, session,
             {.name = "watch",
              .summary = "Dropped packets as they come, until it is ended",
              .text = "Of each reason at most one a jiffy and CPU. -c N ends "
                      "it after N.",
              .example = "xdpctl drop watch -c 5",
              .shows = Shows::kAction,
              .run = [&session] { return Watch(session); }});
}

}  // namespace rampart::xdpctl
