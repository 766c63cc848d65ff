// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/document.h"

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/capture/format.h"
#include "controller/explain/describe.h"
#include "controller/explain/new_flow.h"
#include "controller/explain/reasons.h"
#include "controller/explain/steps.h"
#include "controller/model/words.h"
#include "maps/config.h"
#include "maps/punt.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr size_t kEthernetHeader = 14;

struct Verdict {
  std::string word;
  rp_outcome reason = RP_FORWARDED;  // of "deny"
};

Verdict Deny(rp_outcome reason) { return {"deny", reason}; }

// "policy.yaml:44", "policy.yaml" alone if the line is not known.
std::string PlaceOf(const Snapshot& snapshot, int line) {
  const std::string& file = snapshot.resources().file;
  return line == 0 ? file : absl::StrCat(file, ":", line);
}

Json RuleJson(const Snapshot& snapshot, const PolicyRule& rule) {
  return {{"name", rule.name},
          {"action", WordOf(kPolicyActions, rule.action)},
          {"place", PlaceOf(snapshot, rule.line)},
          {"file", snapshot.resources().file},
          {"line", rule.line}};
}

Json PolicyJson(const Snapshot& snapshot, const PolicyExplanation& policy) {
  Json nearest = Json::array();
  for (const NearRule& near : policy.nearest) {
    Json row = RuleJson(snapshot, *near.rule);
    row["differs"] = Json::array();
    row["change"] = Json::array();
    for (const PolicyDifference& difference : near.differences) {
      row["differs"].push_back(difference.why);
      row["change"].push_back(difference.change);
    }
    nearest.push_back(std::move(row));
  }
  Json json = {{"tried", policy.tried}};
  json["matched"] = policy.matched != nullptr
                        ? RuleJson(snapshot, *policy.matched)
                        : Json(nullptr);
  json["nearest"] = std::move(nearest);
  return json;
}

// One explanation in the making.
class Explanation {
 public:
  Explanation(const ExplainContext& context, const Origin& origin)
      : context_(context),
        origin_(origin),
        names_(context.maps, context.snapshot) {}

  absl::StatusOr<Json> Make() {
    ASSIGN_OR_RETURN(result_, context_.runner.Run(origin_.slot, origin_.frame));
    if (result_.events.empty())
      return absl::InternalError(
          "explain: the program told nothing; is it of another version?");
    steps_ = StepsOf(result_.events, origin_.frame, context_.maps, names_,
                     context_.now);
    const Verdict verdict = Judge();
    return Finish(verdict);
  }

 private:
  const rp_event& last() const { return result_.events.back().event; }

  Verdict Judge() {
    switch (last().point) {
      case RP_AT_TX:
        return {"allow"};
      case RP_AT_PASS:
        return {"pass"};
      case RP_AT_PUNT:
        return OnPunt();
      default:
        break;
    }
    // A refusal that is remembered: the decision was the controller's.
    if (last().flow != RP_NO_ENTRY && last().next_hop != 0)
      (void)AskController();
    return Deny(static_cast<rp_outcome>(last().reason));
  }

  // What the controller would say; nothing without one.
  std::optional<NewFlowExplanation> AskController() {
    if (context_.snapshot == nullptr) return std::nullopt;
    // Nothing in front of the tenant's packet has been changed.
    const auto frame = absl::MakeConstSpan(origin_.frame);
    const std::optional<Packet> packet =
        ParsePacket(last().realm, frame.subspan(l3()));
    if (!packet) return std::nullopt;
    NewFlowExplanation said = ExplainNewFlow(
        *context_.snapshot, context_.nat,
        {.realm = last().realm, .tunnel = last().tunnel, .peer = last().peer},
        *packet);
    for (const ExplainedStep& step : said.steps)
      steps_.push_back({{"stage", step.stage}, {"text", step.text}});
    if (said.policy) policy_ = PolicyJson(*context_.snapshot, *said.policy);
    if (said.route) AddRoutes(*said.route, said.lost);
    if (!said.pool.empty()) pool_ = said.pool;
    return said;
  }

  // Of the tenant's packet in the frame that came on.
  size_t l3() const {
    for (const DryEvent& told : result_.events)
      if (told.event.point == RP_AT_INNER) return told.event.l3;
    return std::min<size_t>(last().l3, origin_.frame.size());
  }

  void AddRoutes(const Snapshot::RouteRef& won,
                 absl::Span<const Snapshot::RouteRef> lost) {
    route_ = {{"won", ToString(won)}, {"lost", Json::array()}};
    for (const Snapshot::RouteRef& route : lost)
      route_["lost"].push_back(ToString(route));
  }

  Verdict OnPunt() {
    rp_punt punt = {};
    const std::vector<uint8_t>& bytes = result_.events.back().bytes;
    if (bytes.size() >= sizeof(punt))
      std::memcpy(&punt, bytes.data(), sizeof(punt));
    if (context_.snapshot == nullptr) {
      steps_.push_back({{"stage", "wait"},
                        {"text",
                         "no controller: a new flow waits until there is one, "
                         "and its packets are dropped (RP-PNT-002)"}});
      return {"wait"};
    }
    if (punt.reason == RP_PUNT_FRAGMENT) return {"hold"};
    if (punt.reason == RP_PUNT_SPLIT) return {"allow"};
    const std::optional<NewFlowExplanation> said = AskController();
    const rp_outcome outcome = said ? said->outcome : RP_DROP_IP_TRUNCATED;
    if (punt.reason == RP_PUNT_MISS) return OnMiss(outcome);
    if (punt.reason == RP_PUNT_TTL && outcome == RP_PUNTED) return {"answer"};
    // Who may not send at all is told nothing.
    if (outcome == RP_DROP_SPOOFED || outcome == RP_DROP_VNI_REFUSED ||
        outcome == RP_DROP_SRC_MARTIAN)
      return Deny(outcome);
    return Deny(punt.reason == RP_PUNT_TTL ? RP_DROP_TTL : RP_DROP_TOO_BIG);
  }

  static Verdict OnMiss(rp_outcome outcome) {
    if (outcome == RP_FORWARDED) return {"allow"};
    if (outcome == RP_PUNTED) return {"answer"};
    return Deny(outcome);
  }

  Json From() const {
    const rp_event& at = last();
    return {{"device", names_.Device(origin_.slot)},
            {"tunnel", names_.Tunnel(at.tunnel)},
            {"vnet", names_.Realm(at.realm)},
            {"tenant", names_.Tenant(at.tenant)}};
  }

  Json Finish(const Verdict& verdict) {
    Json document = Document("explain");
    document["verdict"] = verdict.word;
    if (verdict.word == "deny") AddReason(verdict.reason, document);
    document["packet"] =
        FormatOneLine(LinkType::kEthernet, origin_.frame, names_.gue_port());
    document["from"] = From();
    document["ran"] = {{"program", result_.program},
                       {"id", result_.program_id},
                       {"tag", result_.tag}};
    document["epoch"] = Epoch();
    document["controller"] = context_.snapshot != nullptr;
    document["steps"] = std::move(steps_);
    if (!route_.is_null()) document["route"] = route_;
    if (!pool_.empty()) document["pool"] = pool_;
    if (!policy_.is_null()) document["policy"] = policy_;
    document["would_pass_if"] = WouldPass();
    return document;
  }

  static void AddReason(rp_outcome value, Json& document) {
    for (const DropReason& reason : DropReasons()) {
      if (reason.value != value) continue;
      document["id"] = reason.id;
      document["reason"] = reason.symbol;
      document["help"] = reason.help;
      document["hint"] = HintFor(reason.id);
    }
  }

  Json WouldPass() const {
    Json ways = Json::array();
    if (policy_.is_null()) return ways;
    for (const Json& near : policy_["nearest"]) {
      std::string way;
      for (const Json& change : near["change"])
        absl::StrAppend(&way, way.empty() ? "" : " and ",
                        change.get<std::string>());
      ways.push_back(way);
    }
    return ways;
  }

  uint32_t Epoch() const {
    if (context_.snapshot != nullptr) return context_.snapshot->epoch();
    uint32_t epoch = 0;
    (void)context_.maps.ForEach("rp_config", sizeof(uint32_t),
                                sizeof(rp_config),
                                [&](const void*, const void* value) {
                                  rp_config config;
                                  std::memcpy(&config, value, sizeof(config));
                                  epoch = config.epoch;
                                  return false;
                                });
    return epoch;
  }

  const ExplainContext& context_;
  const Origin& origin_;
  const EventNames names_;
  DryResult result_;
  Json steps_;
  Json route_;
  Json policy_;
  std::string pool_;
};

// The IP packet in a frame. Errors: InvalidArgument if there is none.
absl::StatusOr<std::vector<uint8_t>> IpOf(const ExplainRequest& request) {
  size_t offset = 0;
  if (request.link == LinkType::kEthernet)
    offset = FormatPacket(LinkType::kEthernet, request.bytes, 0).front().offset;
  const size_t least = kEthernetHeader + 6;  // of an IPv4 header
  if (offset + least > request.bytes.size())
    return absl::InvalidArgumentError("packet: shorter than an IP header");
  const auto from = request.bytes.begin() + static_cast<ptrdiff_t>(offset);
  if (const int version = *from >> 4;
      (version != 4 && version != 6) ||
      (version == 6 && request.bytes.size() < offset + 40))
    return absl::InvalidArgumentError("packet: neither IPv4 nor IPv6");
  return std::vector<uint8_t>(from, request.bytes.end());
}

absl::StatusOr<Origin> OriginOf(const ExplainContext& context,
                                const ExplainRequest& request) {
  if (request.bytes.empty()) {
    ASSIGN_OR_RETURN(const DescribedPacket described,
                     DescribePacket(request.words));
    return FindOrigin(described, context.snapshot, context.maps);
  }
  ASSIGN_OR_RETURN(DescribedPacket described, DescribeOrigin(request.words));
  if (request.link == LinkType::kEthernet && !described.device.empty())
    return FindDevice(described.device, request.bytes, context.maps);
  ASSIGN_OR_RETURN(described.packet, IpOf(request));
  return FindOrigin(described, context.snapshot, context.maps);
}

}  // namespace

absl::StatusOr<ExplainRequest> ParseExplainRequest(const std::string& body) {
  const absl::Status bad = absl::InvalidArgumentError(
      "explain: the body must be JSON: {\"words\": [\"src\", ...], \"hex\": "
      "\"4500...\", \"link\": \"ethernet\" or \"ip\"}");
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return bad;
  ExplainRequest request;
  for (const auto& [key, value] : json.items()) {
    if (key == "words" && value.is_array()) {
      for (const Json& word : value) {
        if (!word.is_string()) return bad;
        request.words.push_back(word.get<std::string>());
      }
    } else if (key == "hex" && value.is_string()) {
      const std::string hex = value.get<std::string>();
      if (hex.size() % 2 != 0 ||
          hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        return bad;
      const std::string bytes = absl::HexStringToBytes(hex);
      request.bytes.assign(bytes.begin(), bytes.end());
    } else if (key == "link" && (value == "ethernet" || value == "ip")) {
      request.link = value == "ip" ? LinkType::kIp : LinkType::kEthernet;
    } else {
      return bad;
    }
  }
  return request;
}

Json ToJson(const ExplainRequest& request) {
  Json json = {{"words", request.words}};
  if (request.bytes.empty()) return json;
  json["hex"] = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(request.bytes.data()),
                        request.bytes.size()));
  json["link"] = request.link == LinkType::kIp ? "ip" : "ethernet";
  return json;
}

absl::StatusOr<Json> ExplainDocument(const ExplainContext& context,
                                     const ExplainRequest& request) {
  ASSIGN_OR_RETURN(const Origin origin, OriginOf(context, request));
  return Explanation(context, origin).Make();
}

}  // namespace rampart
