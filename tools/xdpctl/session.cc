// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/session.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/client.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/offline.h"

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
    case 412:
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

// Errors: FailedPrecondition for a document of another version.
absl::StatusOr<Json> OfThisVersion(absl::StatusOr<Json> document) {
  constexpr std::string_view kVersion = "xdpctl/v1";
  if (!document.ok()) return document;
  const std::string schema = Cell(At(*document, "schema"));
  if (schema.empty() || schema.starts_with("xdpctl/v1/")) return document;
  return absl::FailedPreconditionError(
      absl::StrCat("the answer is of schema ", schema, ", this xdpctl reads ",
                   Absl(kVersion), ": use xdpctl and rampartd of one version"));
}

// An error of the socket, with the next step.
absl::Status WithNextStep(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return absl::UnavailableError(absl::StrCat(
      status.message(),
      ": is rampartd running? --socket PATH or RAMPART_SOCKET name another"));
}

}  // namespace

absl::StatusOr<Json> Send(Session& session, const Request& request) {
  absl::StatusOr<Json> document = OfThisVersion(
      ToDocument(Call(session.options.socket, request.method,
                      FormatTarget(request.path, request.query),
                      request.body.is_null() ? "" : ToText(request.body),
                      session.options.timeout, request.if_match)));
  if (!document.ok()) return WithNextStep(document.status());
  return document;
}

Session::Session(Env& environment) : env(environment) {}

Session::~Session() = default;

absl::StatusOr<Json> Session::AskController(std::string_view path,
                                            const Query& query) {
  return OfThisVersion(ToDocument(Call(
      options.socket, "GET", FormatTarget(path, query), "", options.timeout)));
}

const Offline& Session::offline() {
  if (offline_ == nullptr) offline_ = std::make_unique<Offline>(options);
  return *offline_;
}

absl::StatusOr<Json> Session::Get(std::string_view path, const Query& query) {
  absl::Status why = absl::OkStatus();
  if (!options.offline) {
    absl::StatusOr<Json> document = AskController(path, query);
    if (!absl::IsUnavailable(document.status())) return document;
    why = WithNextStep(document.status());
  }
  absl::StatusOr<Json> document = offline().Get(path, query);
  if (document.ok()) NoteOffline(why);
  const bool unreadable = absl::IsUnavailable(document.status());
  if (unreadable) document = offline().WhyNot(path);
  if (!why.ok() &&
      (unreadable || absl::IsFailedPrecondition(document.status())))
    return absl::UnavailableError(
        absl::StrCat(why.message(), "; ", document.status().message()));
  return document;
}

absl::StatusOr<Json> Session::Peek(std::string_view path) {
  absl::StatusOr<Json> document = absl::UnavailableError("offline");
  if (!options.offline) document = AskController(path, {});
  if (!absl::IsUnavailable(document.status())) return document;
  return offline().Get(path, {});
}

absl::StatusOr<Json> Session::Post(std::string_view path, const Json& body) {
  return Send(*this, {.method = "POST",
                      .path = std::string(path),
                      .query = {},
                      .body = body,
                      .if_match = {}});
}

absl::StatusOr<Json> Session::GetOrRead(
    std::string_view path, const Query& query,
    absl::FunctionRef<absl::StatusOr<Json>(const MapReader&)> read) {
  absl::Status why = absl::OkStatus();
  if (!options.offline) {
    absl::StatusOr<Json> document = AskController(path, query);
    if (!absl::IsUnavailable(document.status())) return document;
    why = WithNextStep(document.status());
  }
  const absl::StatusOr<const MapReader*> maps = offline().maps();
  if (!maps.ok() && !why.ok())
    return absl::Status(
        maps.status().code(),
        absl::StrCat(why.message(), "; ", maps.status().message()));
  if (!maps.ok()) return maps.status();
  NoteOffline(why);
  return read(**maps);
}

// Once, however often --watch asks.
void Session::NoteOffline(const absl::Status& why) {
  if (answered_offline_) return;
  answered_offline_ = true;
  Note(absl::StrCat(why.ok() ? "offline" : "the controller is down",
                    ": this is from ", offline().Where()));
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
