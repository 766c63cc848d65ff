// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/session.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "tools/xdpctl/client.h"

namespace rampart::xdpctl {
namespace {

absl::StatusCode CodeOf(int http) {
  switch (http) {
    case 400:
    case 413:
      return absl::StatusCode::kInvalidArgument;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusOr<Json> ToDocument(const absl::StatusOr<Reply>& reply) {
  if (!reply.ok()) return reply.status();
  Json json = Json::parse(reply->body, nullptr, /*allow_exceptions=*/false);
  if (reply->status == 200 && json.is_object()) return json;
  const Json::json_pointer message("/error/message");
  return absl::Status(
      reply->status == 200 ? absl::StatusCode::kInternal
                           : CodeOf(reply->status),
      json.is_object() && json.contains(message) && json[message].is_string()
          ? json[message].get<std::string>()
          : absl::StrCat("API: answer ", reply->status, " that is no JSON"));
}

// An error of the socket, with the next step.
absl::StatusOr<Json> Explain(absl::StatusOr<Json> document) {
  if (!absl::IsUnavailable(document.status())) return document;
  return absl::UnavailableError(absl::StrCat(
      document.status().message(),
      ": is rampartd running? --socket PATH or RAMPART_SOCKET name another"));
}

}  // namespace

absl::StatusOr<Json> Session::Get(std::string_view path, const Query& query) {
  if (options.offline)
    return absl::InvalidArgumentError(
        "--offline: only drop and map can be read without the controller");
  return Explain(
      ToDocument(Call(options.socket, "GET", FormatTarget(path, query), "")));
}

absl::StatusOr<Json> Session::Post(std::string_view path, const Json& body) {
  return Explain(ToDocument(
      Call(options.socket, "POST", std::string(path), ToText(body))));
}

absl::StatusOr<Json> Session::GetOrRead(
    std::string_view path, const Query& query,
    absl::FunctionRef<absl::StatusOr<Json>(const MapReader&)> read) {
  absl::Status why = absl::OkStatus();
  if (!options.offline) {
    absl::StatusOr<Json> document =
        ToDocument(Call(options.socket, "GET", FormatTarget(path, query), ""));
    if (!absl::IsUnavailable(document.status())) return document;
    why = document.status();
  }
  ASSIGN_OR_RETURN(const auto maps, OpenPins(why));
  answered_offline_ = true;
  return read(*maps);
}

absl::StatusOr<std::unique_ptr<MapReader>> Session::OpenPins(
    const absl::Status& why) {
  const std::string down = why.ok() ? "" : absl::StrCat(why.message(), "; ");
  std::string edge = options.edge;
  if (edge.empty()) {
    const std::vector<std::string> edges = PinnedEdges(options.bpffs);
    if (edges.empty())
      return absl::UnavailableError(absl::StrCat(
          down, "no pins in ", options.bpffs,
          "/rampart either (root can see them): is rampartd running?"));
    if (edges.size() > 1)
      return absl::InvalidArgumentError(
          absl::StrCat(down, "several edges have pins; name one with --edge: ",
                       absl::StrJoin(edges, ", ")));
    edge = edges[0];
  }
  ASSIGN_OR_RETURN(auto maps, OpenPinnedMaps(options.bpffs, edge));
  Note(absl::StrCat(why.ok() ? "offline" : "the controller is down",
                    ": this is from the pins of edge ", edge, " in ",
                    options.bpffs, "/rampart"));
  return maps;
}

Format Session::format() const {
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"wide", Format::kWide}, {"name", Format::kName},
      {"json", Format::kJson}, {"jsonl", Format::kJsonLines},
      {"yaml", Format::kYaml}, {"csv", Format::kCsv},
  };
  if (options.json) return Format::kJson;
  for (const auto& [name, format] : kFormats)
    if (options.output == name) return format;
  return Format::kTable;
}

bool Session::color() const {
  if (options.color != "auto") return options.color == "always";
  return env.terminal && env.variable("NO_COLOR").empty();
}

void Session::Print(const Json& document, absl::FunctionRef<void()> print) {
  switch (format()) {
    case Format::kJson:
    case Format::kJsonLines:
      env.out << document.dump(
                     options.pretty && format() == Format::kJson ? 2 : -1, ' ',
                     false, Json::error_handler_t::replace)
              << '\n';
      return;
    case Format::kYaml:
      // A document of its own in each round of --watch.
      env.out << "---\n" << ToYaml(document);
      return;
    default:
      print();
  }
}

void Session::Print(const Table& table) {
  table.Print(env.out, !options.no_headers, color());
}

void Session::NoteTruncation(const Json& document, const Json& rows) {
  if (At(document, "truncated") != true) return;
  const std::string all = document.contains("matched")
                              ? absl::StrCat(" of ", document["matched"].dump())
                              : "";
  Note(absl::StrCat("the first ", rows.size(), all,
                    " are shown; --limit N shows more"));
}

void Session::Note(std::string_view text) {
  env.err << "xdpctl: note: " << text << '\n';
}

}  // namespace rampart::xdpctl
