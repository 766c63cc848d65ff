// SPDX-License-Identifier: Apache-2.0
// capture: packets of a device or tunnel into a pcapng file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/capture/format.h"
#include "controller/capture/read.h"
#include "controller/explain/steps.h"
#include "maps/punt.h"
#include "tools/xdpctl/capture_target.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pins.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/watching.h"

namespace rampart::xdpctl {
namespace {

// Packets of which the end is waited for.
constexpr size_t kWaitingMax = 4096;

struct Arguments {
  std::string target;
  std::vector<std::string> words;
  std::string at = "rx";
  bool before = false;
  bool after = false;
  bool inner = false;
  bool outer = false;
  uint16_t snaplen = RP_EVENT_LONG;
  std::string file;
};

constexpr std::pair<std::string_view, rp_event_point> kPoints[] = {
    {"rx", RP_AT_RX},
    {"tx", RP_AT_TX},
    {"punt", RP_AT_PUNT},
    {"drop", RP_AT_DROP}};

// What is asked for.
struct Plan {
  rp_event_point point = RP_AT_RX;  // packets that come so far
  bool as_arrived = false;          // show them as they came on
  bool inner = false;
  std::vector<rp_watch> watches;
  std::set<uint32_t> next_hops;  // not empty: only what leaves by them
  std::optional<PacketFilter> filter;
  uint32_t most = 0;  // packets; 0: no limit
};

struct Cut {
  LinkType link;
  absl::Span<const uint8_t> bytes;
  uint32_t length;
};

// The part of a frame that is shown.
Cut CutOf(const rp_event& event, absl::Span<const uint8_t> bytes, bool inner,
          uint16_t gue_port) {
  size_t front = 0;
  LinkType link = LinkType::kEthernet;
  if (event.point == RP_AT_PUNT) {  // the tenant's packet behind the record
    front = sizeof(rp_punt);
    link = LinkType::kIp;
  } else if (inner) {
    front = FormatPacket(link, bytes, gue_port).back().offset;
    link = LinkType::kIp;
  }
  front = std::min(front, bytes.size());
  const auto length = static_cast<uint32_t>(
      event.frame_len - std::min<size_t>(front, event.frame_len));
  return {link, bytes.subspan(front), length};
}

// Where packets go: a file, or lines of text.
class Output {
 public:
  Output(Session& session, const EventNames& names,
         std::optional<FileSink> sink, uint16_t snaplen)
      : session_(session),
        names_(names),
        sink_(std::move(sink)),
        snaplen_(snaplen),
        gue_port_(names.gue_port()) {
    std::string section;
    AppendSection("xdpctl capture", section);
    Write(section);
  }

  absl::Status Add(const rp_event& event, const Cut& cut,
                   const std::string& comment) {
    ++packets_;
    if (!sink_) {
      session_.env.out << TimeOfDay(event.time) << " "
                       << names_.Device(event.slot) << "  " << comment << "  "
                       << FormatOneLine(cut.link, cut.bytes, gue_port_) << '\n';
      return status_;
    }
    std::string block;
    const uint32_t interface = InterfaceOf(event.slot, cut.link, block);
    AppendPacket({.interface = interface,
                  .time = event.time + static_cast<uint64_t>(UnixOffset()),
                  .bytes = cut.bytes,
                  .length = cut.length,
                  .comment = comment},
                 block);
    Write(block);
    return status_;
  }

  // What was lost is in the file, too.
  absl::Status Finish(uint64_t lost) {
    std::string block;
    if (interfaces_.empty()) InterfaceOf(0, LinkType::kEthernet, block);
    AppendStatistics(0, MonotonicNow() + static_cast<uint64_t>(UnixOffset()),
                     packets_ + lost, lost, block);
    Write(block);
    return status_;
  }

  uint64_t packets() const { return packets_; }

 private:
  void Write(const std::string& bytes) {
    if (sink_) status_.Update(sink_->Write(bytes));
  }
  uint32_t InterfaceOf(uint32_t slot, LinkType link, std::string& block) {
    const auto [it, added] = interfaces_.emplace(
        std::make_pair(slot, link), static_cast<uint32_t>(interfaces_.size()));
    if (added) {
      const std::string name = names_.Device(slot);
      AppendInterface({.name = name, .link = link, .snaplen = snaplen_}, block);
    }
    return it->second;
  }

  Session& session_;
  const EventNames& names_;
  std::optional<FileSink> sink_;
  const uint16_t snaplen_;
  const uint16_t gue_port_;
  std::map<std::pair<uint32_t, LinkType>, uint32_t> interfaces_;
  uint64_t packets_ = 0;
  absl::Status status_;
};

// Picks packets out of events.
class Picker {
 public:
  Picker(const Plan& plan, const EventNames& names, Output& output)
      : plan_(plan),
        names_(names),
        output_(output),
        gue_port_(names.gue_port()) {}

  void Add(const rp_event& event, absl::Span<const uint8_t> bytes) {
    if (done()) return;
    const uint64_t id = uint64_t{event.packet} << 16 | event.slot;
    if (event.point != plan_.point) {
      if (waiting_.size() >= kWaitingMax) waiting_.erase(waiting_.begin());
      waiting_.emplace(id, DryEvent{event, {bytes.begin(), bytes.end()}});
      return;
    }
    const auto arrived = waiting_.extract(id);
    if (!plan_.next_hops.empty() && !plan_.next_hops.contains(event.next_hop))
      return;
    if (!plan_.as_arrived || plan_.point == RP_AT_RX)
      return Show(event, event, bytes);
    // Without its beginning it cannot be shown as it came.
    if (arrived) Show(event, arrived.mapped().event, arrived.mapped().bytes);
  }

  bool done() const {
    return plan_.most != 0 && output_.packets() >= plan_.most;
  }
  const absl::Status& status() const { return status_; }

 private:
  void Show(const rp_event& end, const rp_event& event,
            absl::Span<const uint8_t> bytes) {
    const Cut cut = CutOf(event, bytes, plan_.inner, gue_port_);
    if (plan_.filter && !plan_.filter->Match(cut.bytes, cut.length)) return;
    status_.Update(output_.Add(event, cut, Comment(end)));
  }

  std::string Comment(const rp_event& end) const {
    std::string comment;
    if (end.point == RP_AT_DROP) {
      comment = TextOf(end, {}, names_).text;
    } else {
      for (const auto& [word, point] : kPoints)
        if (point == end.point) comment = word;
    }
    if (end.realm == 0) return comment;
    return absl::StrCat(comment, "; tenant ", names_.Tenant(end.tenant), ", ",
                        names_.Realm(end.realm), ", ",
                        names_.Tunnel(end.tunnel));
  }

  const Plan& plan_;
  const EventNames& names_;
  Output& output_;
  const uint16_t gue_port_;
  std::map<uint64_t, DryEvent> waiting_;
  absl::Status status_;
};

// A watch for each peer: what comes through the tunnel.
absl::Status AddTunnelWatches(const Target& target,
                              const PacketSelectors& selectors, uint16_t points,
                              uint16_t snaplen, Plan& plan) {
  if (target.remotes.empty())
    return absl::NotFoundError(
        absl::StrCat("tunnel ", target.tunnel,
                     ": no peer of it is known; an interface tunnel is "
                     "captured by the name of its device"));
  if (target.remotes.size() >= RP_WATCH_MAX)
    return absl::InvalidArgumentError(absl::StrCat(
        "tunnel ", target.tunnel, ": it has ", target.remotes.size(),
        " peers, and ", RP_WATCH_MAX - 1,
        " can be watched; name the device and outer addresses instead"));
  if (!selectors.query.empty())
    return absl::InvalidArgumentError(
        "selectors: of a tunnel they are its peers; write a capture filter, or "
        "name the device");
  for (const IpAddress& remote : target.remotes) {
    PacketSelectors peer;
    peer.source = Prefix(remote, remote.bits());
    plan.watches.push_back(WatchFor(peer, points, snaplen, RP_WATCH_OUTER));
    plan.watches.back().both = 0;
  }
  return absl::OkStatus();
}

absl::Status AddWatches(const Arguments& arguments, const MapReader& maps,
                        const Target& target, const PacketSelectors& selectors,
                        Plan& plan) {
  auto points = static_cast<uint16_t>(1 << plan.point);
  if (plan.as_arrived) points |= 1 << RP_AT_RX;
  if (target.slot || plan.point == RP_AT_TX) {
    rp_watch watch =
        WatchFor(selectors, points, arguments.snaplen,
                 arguments.outer ? RP_WATCH_OUTER : RP_WATCH_INNER);
    if (target.slot && plan.point != RP_AT_TX) {
      std::fill(std::begin(watch.devices), std::end(watch.devices), 0);
      watch.devices[*target.slot / 64] = uint64_t{1} << *target.slot % 64;
    }
    plan.watches = {watch};
  }
  if (target.slot) return absl::OkStatus();
  if (plan.point != RP_AT_TX)
    return AddTunnelWatches(target, selectors, points, arguments.snaplen, plan);
  ASSIGN_OR_RETURN(plan.next_hops, NextHopsOf(maps, target.tunnel));
  return absl::OkStatus();
}

absl::Status ReadPoint(const Arguments& arguments, Plan& plan) {
  for (const auto& [word, point] : kPoints)
    if (word == arguments.at) plan.point = point;
  // As packets arrive, and after rewriting, are two points.
  if (arguments.after && plan.point == RP_AT_RX) plan.point = RP_AT_REWRITE;
  plan.as_arrived = arguments.before && plan.point != RP_AT_RX;
  plan.inner = arguments.inner;
  if (arguments.before && arguments.after)
    return absl::InvalidArgumentError(
        "capture: --before and --after; write either one");
  if (arguments.inner && arguments.outer)
    return absl::InvalidArgumentError(
        "capture: --inner and --outer; write either one");
  return absl::OkStatus();
}

absl::Status ReadFilter(std::vector<std::string> words, Plan& plan) {
  if (!words.empty() && words[0] == "and") words.erase(words.begin());
  if (words.empty()) return absl::OkStatus();
  const bool ip = plan.inner || (plan.point == RP_AT_PUNT && !plan.as_arrived);
  ASSIGN_OR_RETURN(plan.filter, PacketFilter::Compile(
                                    absl::StrJoin(words, " "),
                                    ip ? LinkType::kIp : LinkType::kEthernet));
  return absl::OkStatus();
}

absl::StatusOr<Plan> MakePlan(Session& session, const Arguments& arguments,
                              const MapReader& maps, const EventNames& names) {
  Plan plan;
  RETURN_IF_ERROR(ReadPoint(arguments, plan));
  PacketSelectors selectors;
  std::vector<std::string> filter;
  // "src host x" is a filter, "src 10.1.0.5" a selector.
  const auto rest = selectors.Read(arguments.words);
  if (rest.ok()) {
    filter = *rest;
  } else {
    selectors = PacketSelectors();
    filter = arguments.words;
  }
  RETURN_IF_ERROR(ReadFilter(std::move(filter), plan));
  ASSIGN_OR_RETURN(const Target target,
                   FindTarget(session, maps, names, arguments.target));
  RETURN_IF_ERROR(AddWatches(arguments, maps, target, selectors, plan));
  if (target.slot && plan.point == RP_AT_TX) {
    ASSIGN_OR_RETURN(plan.next_hops, NextHopsThrough(maps, *target.slot));
  }
  plan.most = session.options.rounds;
  return plan;
}

absl::StatusOr<std::optional<FileSink>> OpenSink(const Arguments& arguments) {
  if (arguments.file.empty()) return std::optional<FileSink>();
  ASSIGN_OR_RETURN(FileSink sink, FileSink::Open(arguments.file));
  return std::optional<FileSink>(std::move(sink));
}

absl::StatusOr<int> RunCapture(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string edge, PinnedEdge(session));
  ASSIGN_OR_RETURN(const auto maps,
                   OpenPinnedMaps(session.options.bpffs, edge));
  EventNames names(*maps, nullptr);
  LearnNames(session, names);
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(session, arguments, *maps, names));
  ASSIGN_OR_RETURN(std::optional<FileSink> sink, OpenSink(arguments));
  ASSIGN_OR_RETURN(const auto watch,
                   Watch::Arm(session.options.bpffs, edge, plan.watches));
  Output output(session, names, std::move(sink), arguments.snaplen);
  Picker picker(plan, names, output);
  const auto visit = [&](const rp_event& event,
                         absl::Span<const uint8_t> bytes) {
    picker.Add(event, bytes);
  };
  RETURN_IF_ERROR(
      RunWatch(session, *watch,
               {.visit = visit,
                .done = [&] { return picker.done() || !picker.status().ok(); },
                .second = {}})
          .status());
  RETURN_IF_ERROR(picker.status());
  RETURN_IF_ERROR(output.Finish(watch->lost()));
  session.Note(
      absl::StrCat(output.packets(), " packets, ", watch->lost(), " lost"));
  return kOk;
}

}  // namespace

void AddCapture(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* capture = AddCommand(
      app, session,
      {.name = "capture",
       .summary = "Packets of a device or tunnel, as text or into a file",
       .text =
           "Selectors (src PREFIX, dst PREFIX, sport N, dport N, proto NAME) "
           "are looked at in the data plane; behind them a filter as of "
           "tcpdump is applied to what was captured. -c N ends it after N "
           "packets. Needs root, and no controller if a tunnel is named by "
           "its id.",
       .example = "xdpctl capture eth0 --at drop -c 10 proto tcp",
       .exits = {{kNotFound, "there is no such device or tunnel"}},
       .shows = Shows::kAction,
       .run = [&session, arguments] {
         return RunCapture(session, *arguments);
       }});
  capture->add_option("target", arguments->target, "A device or a tunnel")
      ->type_name("DEV|TUNNEL")
      ->required();
  capture
      ->add_option("filter", arguments->words,
                   "Selectors, then a filter as of tcpdump")
      ->type_name("FILTER");
  capture
      ->add_option("--at", arguments->at,
                   "rx: all that come on; tx, punt, drop: those that leave, "
                   "are handed to the controller, are dropped")
      ->check(CLI::IsMember({"rx", "tx", "punt", "drop"}))
      ->capture_default_str();
  capture->add_flag("--before", arguments->before, "Show them as they came on");
  capture->add_flag("--after", arguments->after,
                    "rx: show them after they were rewritten");
  capture->add_flag("--inner", arguments->inner,
                    "Without link and tunnel headers");
  capture->add_flag("--outer", arguments->outer,
                    "Whole frames; selectors are about the outer headers");
  capture->add_option("-s,--snaplen", arguments->snaplen, "Bytes of a packet")
      ->check(CLI::Range(1, int{RP_EVENT_LONG}))
      ->capture_default_str();
  capture
      ->add_option("-w,--write", arguments->file,
                   "pcapng into this file; - is stdout. Without it, a line "
                   "of text for each packet")
      ->type_name("FILE");
}

}  // namespace rampart::xdpctl
