// SPDX-License-Identifier: Apache-2.0
// trace: live packets of chosen flows, stage by stage.
#include <netinet/in.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/capture/format.h"
#include "controller/explain/steps.h"
#include "maps/punt.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pins.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/watching.h"

namespace rampart::xdpctl {
namespace {

constexpr uint16_t kAllPoints = (1 << RP_AT_COUNT) - 1;
constexpr uint16_t kSnaplen = RP_EVENT_SHORT;
// Packets whose end was not seen yet; more means that their ends were lost.
constexpr size_t kUnfinishedMax = 1024;

struct Arguments {
  std::vector<std::string> words;
  bool outer = false;
  std::string before;
};

bool IsEnd(uint8_t point) {
  return point == RP_AT_TX || point == RP_AT_PUNT || point == RP_AT_PASS ||
         point == RP_AT_DROP;
}

std::string_view VerdictOf(uint8_t point) {
  switch (point) {
    case RP_AT_TX:
      return "forwarded";
    case RP_AT_PUNT:
      return "punted";
    case RP_AT_PASS:
      return "passed";
    case RP_AT_DROP:
      return "dropped";
    default:
      return "unknown";
  }
}

// Puts the events of packets together and prints each that has ended.
class Timelines {
 public:
  Timelines(Session& session, const EventNames& names)
      : session_(session), names_(names), gue_port_(names.gue_port()) {}

  void Add(const rp_event& event, absl::Span<const uint8_t> bytes) {
    const uint64_t id = uint64_t{event.packet} << 16 | event.slot;
    // A packet that two watches want is told to both, one after the other.
    if (std::find(finished_.begin(), finished_.end(), id) != finished_.end())
      return;
    std::vector<DryEvent>& events = unfinished_[id];
    if (!events.empty() && events.front().event.watch != event.watch) return;
    events.push_back({event, {bytes.begin(), bytes.end()}});
    if (!IsEnd(event.point)) {
      if (unfinished_.size() > kUnfinishedMax)
        unfinished_.erase(unfinished_.begin());
      return;
    }
    Print(events);
    unfinished_.erase(id);
    finished_[printed_ % finished_.size()] = id;
  }

  uint64_t printed() const { return printed_; }

 private:
  void Print(const std::vector<DryEvent>& events) {
    ++printed_;
    const Json document = DocumentOf(events);
    session_.Print(document, [&] { PrintText(document); });
  }

  Json DocumentOf(const std::vector<DryEvent>& events) const {
    const rp_event& first = events.front().event;
    const rp_event& last = events.back().event;
    Json document = Document("trace");
    document["time"] = TimeOfDay(first.time);
    document["time_ns"] = first.time;
    document["packet"] = first.packet;
    document["device"] = names_.Device(first.slot);
    document["queue"] = first.queue;
    document["cpu"] = first.cpu;
    document["tenant"] = names_.Tenant(last.tenant);
    document["vnet"] = names_.Realm(last.realm);
    document["verdict"] = VerdictOf(last.point);
    document["reason"] =
        last.point == RP_AT_DROP ? OutcomeName(last.reason) : "";
    document["steps"] = Json::array();
    for (const DryEvent& told : events) {
      const EventText text = TextOf(told.event, told.bytes, names_);
      document["steps"].push_back(
          {{"ns", told.event.time - first.time},
           {"stage", text.stage},
           {"text", told.event.point == RP_AT_PUNT
                        ? absl::StrCat(text.text, ": ", PuntedPacket(told))
                        : text.text}});
    }
    return document;
  }

  // Behind struct rp_punt.
  std::string PuntedPacket(const DryEvent& told) const {
    const auto bytes = absl::MakeConstSpan(told.bytes);
    if (bytes.size() <= sizeof(rp_punt)) return "";
    return FormatOneLine(LinkType::kIp, bytes.subspan(sizeof(rp_punt)),
                         gue_port_);
  }

  void PrintText(const Json& document) const {
    std::ostream& out = session_.env.out;
    out << document["time"].get<std::string>() << " "
        << document["device"].get<std::string>() << " q" << document["queue"]
        << " cpu" << document["cpu"] << "  "
        << document["vnet"].get<std::string>() << "  "
        << document["verdict"].get<std::string>() << '\n';
    for (const Json& step : document["steps"]) {
      const double us = static_cast<double>(step["ns"].get<uint64_t>()) / 1000;
      out << absl::StrFormat("  %+9.3f us  %-9s ", us,
                             step["stage"].get<std::string>())
          << step["text"].get<std::string>() << '\n';
    }
  }

  Session& session_;
  const EventNames& names_;
  const uint16_t gue_port_;
  std::map<uint64_t, std::vector<DryEvent>> unfinished_;
  std::array<uint64_t, 64> finished_ = {};  // the last ones
  uint64_t printed_ = 0;
};

// What translated flows look like outside, so that their answers are seen.
absl::StatusOr<std::vector<rp_watch>> WatchesOf(
    Session& session, const PacketSelectors& selectors, bool outer, bool& cut) {
  const rp_watch_scope scope = outer ? RP_WATCH_OUTER : RP_WATCH_INNER;
  std::vector<rp_watch> watches = {
      WatchFor(selectors, kAllPoints, kSnaplen, scope)};
  cut = false;
  if (outer) return watches;
  Query query = selectors.query;
  query.emplace_back("limit", "1000");
  const absl::StatusOr<Json> flows = session.Get("/v1/flows", query);
  if (!flows.ok()) return watches;  // the first watch alone
  for (const Json& flow : At(*flows, "flows")) {
    if (At(flow, "to_src") == At(flow, "src") &&
        At(flow, "to_sport") == At(flow, "sport") &&
        At(flow, "to_dst") == At(flow, "dst") &&
        At(flow, "to_dport") == At(flow, "dport"))
      continue;
    if (watches.size() == RP_WATCH_MAX - 1) {
      cut = true;
      break;
    }
    ASSIGN_OR_RETURN(const uint8_t proto,
                     ParseProtocol(At(flow, "proto").get<std::string>()));
    ASSIGN_OR_RETURN(const IpAddress source,
                     IpAddress::Parse(At(flow, "to_src").get<std::string>()));
    ASSIGN_OR_RETURN(const IpAddress destination,
                     IpAddress::Parse(At(flow, "to_dst").get<std::string>()));
    const bool ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
    const auto port = [&](const char* field) {
      return ports ? At(flow, field).get<uint16_t>() : uint16_t{0};
    };
    watches.push_back(WatchFor(proto, source, port("to_sport"), destination,
                               port("to_dport"), kAllPoints, kSnaplen, scope));
  }
  return watches;
}

bool SameWatches(const std::vector<rp_watch>& a,
                 const std::vector<rp_watch>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(rp_watch)) == 0;
}

absl::StatusOr<int> Trace(Session& session, const Arguments& arguments) {
  PacketSelectors selectors;
  ASSIGN_OR_RETURN(const std::vector<std::string> rest,
                   selectors.Read(arguments.words));
  if (!rest.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("selector '", rest[0],
                     "': there is none of this name; write src, dst, sport, "
                     "dport or proto"));
  absl::Duration limit = absl::InfiniteDuration();
  if (!arguments.before.empty()) {
    ASSIGN_OR_RETURN(limit, ParseDuration(arguments.before));
  }
  ASSIGN_OR_RETURN(const std::string edge, PinnedEdge(session));
  ASSIGN_OR_RETURN(const auto maps,
                   OpenPinnedMaps(session.options.bpffs, edge));
  bool cut = false;
  ASSIGN_OR_RETURN(std::vector<rp_watch> watches,
                   WatchesOf(session, selectors, arguments.outer, cut));
  ASSIGN_OR_RETURN(const auto watch,
                   Watch::Arm(session.options.bpffs, edge, watches));
  EventNames names(*maps, nullptr);
  LearnNames(session, names);
  Timelines timelines(session, names);
  const uint32_t most = session.options.rounds;
  bool told = false;
  const auto visit = [&](const rp_event& event,
                         absl::Span<const uint8_t> bytes) {
    if (most == 0 || timelines.printed() < most) timelines.Add(event, bytes);
  };
  const auto second = [&](Watch& armed) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<rp_watch> next,
                     WatchesOf(session, selectors, arguments.outer, cut));
    if (cut && !told)
      session.Note(absl::StrCat("answers of ", RP_WATCH_MAX - 2,
                                " translated flows are shown, not of all"));
    told = told || cut;
    if (SameWatches(next, watches)) return absl::OkStatus();
    watches = std::move(next);
    const absl::Status replaced = armed.Replace(watches);
    // Others watch too: then the answers of fewer flows are seen.
    cut = cut || absl::IsResourceExhausted(replaced);
    return absl::IsResourceExhausted(replaced) ? absl::OkStatus() : replaced;
  };
  RETURN_IF_ERROR(
      RunWatch(
          session, *watch,
          {.limit = limit,
           .visit = visit,
           .done = [&] { return most != 0 && timelines.printed() >= most; },
           .second = second})
          .status());
  return kOk;
}

}  // namespace

void AddTrace(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* trace = AddCommand(
      app, session,
      {.name = "trace",
       .summary = "Live packets of chosen flows, stage by stage",
       .text = "Selectors are src PREFIX, dst PREFIX, sport N, dport N and "
               "proto NAME, of the tenant's packet; both directions, also of "
               "flows that are translated. Only the packets that are meant "
               "take the long way. -c N ends it after N packets. Needs root, "
               "and no controller.",
       .example = "xdpctl trace src 10.1.0.5 proto tcp dport 22 -c 10",
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Trace(session, *arguments); }});
  trace->add_option("selectors", arguments->words, "Which packets")
      ->type_name("SELECTORS");
  trace->add_flag("--outer", arguments->outer,
                  "Selectors are about the outer headers of tunnels");
  trace
      ->add_option("--before", arguments->before,
                   "End before this time is over: 20s, 2m")
      ->type_name("DURATION");
}

}  // namespace rampart::xdpctl
