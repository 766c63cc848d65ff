// SPDX-License-Identifier: Apache-2.0
// explain: what would happen to a packet, and why.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/clock.h"
#include "controller/base/status.h"
#include "controller/capture/read.h"
#include "controller/explain/describe.h"
#include "controller/explain/document.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pins.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr size_t kPacketsMax = 100;  // of --pcap, without -c

struct Arguments {
  std::vector<std::string> words;
  std::string pcap;
};

std::string Text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

std::string Joined(const Json& list, const char* separator) {
  std::vector<std::string> texts;
  for (const Json& item : list) texts.push_back(Text(item));
  return absl::StrJoin(texts, separator);
}

// "rp_flows4[12]"; where nothing was found, the map alone.
std::string EntryText(const Json& step) {
  if (!step.contains("map")) return "";
  const std::string map = Text(At(step, "map"));
  return step.contains("key")
             ? absl::StrCat(map, "[", Text(At(step, "key")), "]")
             : map;
}

void PrintRule(const Json& policy, std::ostream& out) {
  const Json& matched = At(policy, "matched");
  if (matched.is_object())
    out << " rule: \"" << Text(At(matched, "name")) << "\" "
        << Text(At(matched, "place")) << ", action "
        << Text(At(matched, "action")) << '\n';
  for (const Json& near : At(policy, "nearest")) {
    const Json& differs = At(near, "differs");
    out << " nearest allow: \"" << Text(At(near, "name")) << "\" "
        << Text(At(near, "place")) << " - differs "
        << (differs.size() == 1 ? "only in: " : "in: ") << Joined(differs, ", ")
        << '\n';
  }
}

void PrintHead(const Json& document, std::ostream& out) {
  std::string verdict = Text(At(document, "verdict"));
  std::transform(verdict.begin(), verdict.end(), verdict.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  out << verdict;
  if (document.contains("id"))
    out << "  " << Text(At(document, "id")) << " "
        << Text(At(document, "help"));
  const Json& ran = At(document, "ran");
  out << "\n ran: " << Text(At(ran, "program")) << " id " << Text(At(ran, "id"))
      << " tag " << Text(At(ran, "tag")) << " on live maps, epoch "
      << Text(At(document, "epoch")) << ", no state changed\n";
}

void PrintPage(const Json& document, std::ostream& out) {
  PrintHead(document, out);
  int number = 0;
  for (const Json& step : At(document, "steps")) {
    ++number;
    std::string line = absl::StrCat(number < 10 ? " " : "", number, " ",
                                    Text(At(step, "stage")));
    line.resize(std::max<size_t>(line.size() + 1, 13), ' ');
    absl::StrAppend(&line, Text(At(step, "text")));
    const std::string entry = EntryText(step);
    if (!entry.empty()) {
      line.resize(std::max<size_t>(line.size() + 2, 72), ' ');
      line += entry;
    }
    out << line << '\n';
  }
  const Json& route = At(document, "route");
  if (route.is_object() && !At(route, "lost").empty())
    out << " route lost: " << Joined(At(route, "lost"), "; ")
        << "  (shorter prefix)\n";
  if (document.contains("policy")) PrintRule(At(document, "policy"), out);
  if (const Json& ways = At(document, "would_pass_if"); !ways.empty())
    out << " would pass if: " << Joined(ways, "   |   ") << '\n';
  if (document.contains("hint") && !document.contains("policy"))
    out << " next: " << Text(At(document, "hint")) << '\n';
}

absl::StatusOr<Json> FromPins(Session& session, const ExplainRequest& request) {
  ASSIGN_OR_RETURN(const std::string edge, PinnedEdge(session));
  ASSIGN_OR_RETURN(const auto maps,
                   OpenPinnedMaps(session.options.bpffs, edge));
  ASSIGN_OR_RETURN(const auto runner,
                   DryRunner::Open(session.options.bpffs, edge));
  session.Note(absl::StrCat(
      "without the controller: this is what the data plane of edge ", edge,
      " does; what a controller would decide is not told"));
  return ExplainDocument(
      {.runner = *runner, .maps = *maps, .now = Clock::Real().Tick()}, request);
}

// offline: set if there is no controller.
absl::StatusOr<Json> Ask(Session& session, const ExplainRequest& request,
                         bool& offline) {
  if (!session.options.offline && !offline) {
    absl::StatusOr<Json> document =
        session.Post("/v1/explain", ToJson(request));
    if (!absl::IsUnavailable(document.status())) return document;
  }
  offline = true;
  return FromPins(session, request);
}

absl::StatusOr<std::vector<ExplainRequest>> Requests(
    Session& session, const Arguments& arguments) {
  if (arguments.pcap.empty()) {
    // Mistakes are told here, before anybody is asked.
    RETURN_IF_ERROR(DescribePacket(arguments.words).status());
    return std::vector<ExplainRequest>{{.words = arguments.words}};
  }
  RETURN_IF_ERROR(DescribeOrigin(arguments.words).status());
  const size_t count =
      session.options.rounds != 0 ? session.options.rounds : kPacketsMax;
  ASSIGN_OR_RETURN(Capture capture, ReadCapture(arguments.pcap, count));
  std::vector<ExplainRequest> requests;
  for (CapturedPacket& packet : capture.packets) {
    if (packet.bytes.size() < packet.length)
      session.Note(absl::StrCat("packet ", requests.size() + 1,
                                " was cut when it was captured"));
    requests.push_back({.words = arguments.words,
                        .bytes = std::move(packet.bytes),
                        .link = capture.link});
  }
  if (capture.cut)
    session.Note(absl::StrCat("the first ", count,
                              " packets are explained; -c N takes more"));
  if (requests.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.pcap, ": holds no packet"));
  return requests;
}

absl::StatusOr<int> Explain(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::vector<ExplainRequest> requests,
                   Requests(session, arguments));
  bool offline = false;
  bool denied = false;
  for (const ExplainRequest& request : requests) {
    ASSIGN_OR_RETURN(const Json document, Ask(session, request, offline));
    denied = denied || At(document, "verdict") == "deny";
    session.Print(document, [&] { PrintPage(document, session.env.out); });
  }
  if (offline) return kOffline;
  return denied ? kDenied : kOk;
}

}  // namespace

void AddExplain(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* explain = AddCommand(
      app, session,
      {.name = "explain",
       .summary = "What would happen to a packet, and why",
       .text = absl::StrCat(
           "The packet is run by the loaded program on the maps in force, "
           "which changes nothing; of a new flow the controller says what it "
           "would decide. Words, in any order:\n\n",
           kDescriptionHelp),
       .example = "xdpctl explain src 10.1.0.5 dst 10.2.0.9 proto tcp dport 80",
       .exits = {{kDenied, "the packet would be dropped"},
                 {kOffline, "without the controller: the data plane alone"}},
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Explain(session, *arguments); }});
  explain->add_option("words", arguments->words,
                      "The packet, and where it comes on");
  explain
      ->add_option(
          "--pcap", arguments->pcap,
          "Packets of a capture file instead, -c N of them; - is stdin")
      ->type_name("FILE");
}

}  // namespace rampart::xdpctl
