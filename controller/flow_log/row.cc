// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/row.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/api/names.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

constexpr int kGapColumns[] = {
    static_cast<int>(FlowColumn::seq), static_cast<int>(FlowColumn::time),
    static_cast<int>(FlowColumn::event), static_cast<int>(FlowColumn::first),
    static_cast<int>(FlowColumn::count)};
constexpr auto kFirstOfGap = static_cast<size_t>(FlowColumn::first);

FlowCell& At(FlowRow& row, FlowColumn column) {
  return row[static_cast<size_t>(column)];
}

FlowCell Number(uint64_t number) { return static_cast<int64_t>(number); }

FlowCell Text(std::string_view text) {
  if (text.empty()) return {};
  return std::string(text);
}

void PutEndpoint(FlowRow& row, FlowColumn address, const Endpoint& endpoint) {
  At(row, address) = endpoint.address.ToString();
  row[static_cast<size_t>(address) + 1] = Number(endpoint.port);
}

std::string_view NatOf(const FlowState& flow) {
  const bool source = flow.source != flow.tuple.source;
  const bool destination = flow.destination != flow.tuple.destination;
  if (source) return destination ? "both" : "source";
  return destination ? "destination" : "";
}

void PutNames(FlowRow& row, const FlowNames::Names& names) {
  At(row, FlowColumn::tenant) = Text(names.tenant);
  At(row, FlowColumn::vnet) = Text(names.vnet);
  if (names.vni != 0) At(row, FlowColumn::vni) = Number(names.vni);
  At(row, FlowColumn::on_ramp) = Text(names.on_ramp);
  At(row, FlowColumn::off_ramp) = Text(names.off_ramp);
  if (!names.rule_file.empty())
    At(row, FlowColumn::rule_at) =
        absl::StrCat(Abseil(names.rule_file), ":", names.rule_line);
}

void AppendString(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (static_cast<unsigned char>(c) < 0x20)
      absl::StrAppendFormat(&out, "\\u%04x", c);
    else
      out += c;
  }
  out += '"';
}

void AppendField(const FlowRow& row, size_t column, std::string& out) {
  absl::StrAppend(&out, out.ends_with('\n') || out.empty() ? "{\"" : ",\"",
                  Abseil(kFlowColumns[column]), "\":");
  if (const auto* text = std::get_if<std::string>(&row[column]))
    AppendString(*text, out);
  else if (const auto* number = std::get_if<int64_t>(&row[column]))
    absl::StrAppend(&out, *number);
  else
    out += "null";
}

}  // namespace

std::string FlowTimeText(absl::Time time) {
  const absl::CivilSecond second =
      absl::ToCivilSecond(time, absl::UTCTimeZone());
  const absl::Duration part =
      time - absl::FromCivil(second, absl::UTCTimeZone());
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", second.year(),
                         second.month(), second.day(), second.hour(),
                         second.minute(), second.second(),
                         absl::ToInt64Microseconds(part));
}

FlowRow RowOf(const FlowRecord& record, const FlowNames& names) {
  const FlowState& flow = record.flow;
  FlowRow row;
  At(row, FlowColumn::seq) = Number(record.sequence);
  At(row, FlowColumn::time) = FlowTimeText(record.time);
  At(row, FlowColumn::event) = Text(EventName(record.event));
  At(row, FlowColumn::flow) = FlowIdText(FlowId(flow.tuple, flow.start));
  PutNames(row, names.Of(flow, record.event == FlowEvent::kDeny));
  At(row, FlowColumn::rule) = Text(flow.rule);
  At(row, FlowColumn::layer) = Text("ip");
  At(row, FlowColumn::proto) = ProtocolName(flow.tuple.protocol);
  PutEndpoint(row, FlowColumn::src, flow.tuple.source);
  PutEndpoint(row, FlowColumn::dst, flow.tuple.destination);
  PutEndpoint(row, FlowColumn::to_src, flow.source);
  PutEndpoint(row, FlowColumn::to_dst, flow.destination);
  At(row, FlowColumn::nat) = Text(NatOf(flow));
  At(row, FlowColumn::epoch) = Number(flow.epoch);
  At(row, FlowColumn::adopted) = Number(record.adopted ? 1 : 0);
  At(row, FlowColumn::duration_ms) = absl::ToInt64Milliseconds(
      flow.age == 0 ? absl::ZeroDuration() : flow.duration());
  At(row, FlowColumn::packets) = Number(flow.packets[0]);
  At(row, FlowColumn::bytes) = Number(flow.bytes[0]);
  At(row, FlowColumn::reverse_packets) = Number(flow.packets[1]);
  At(row, FlowColumn::reverse_bytes) = Number(flow.bytes[1]);
  At(row, FlowColumn::reason) = Text(ReasonName(record));
  return row;
}

FlowRow RowOf(const FlowGap& gap) {
  FlowRow row;
  At(row, FlowColumn::seq) = Number(gap.last);
  At(row, FlowColumn::time) = FlowTimeText(gap.time);
  At(row, FlowColumn::event) = Text("GAP");
  At(row, FlowColumn::first) = Number(gap.first);
  At(row, FlowColumn::count) = Number(gap.count());
  return row;
}

void AppendJson(const FlowRow& row, std::string& out) {
  if (!std::holds_alternative<std::monostate>(row[kFirstOfGap]))
    for (const int column : kGapColumns) AppendField(row, column, out);
  else
    for (size_t column = 0; column < kFirstOfGap; ++column)
      AppendField(row, column, out);
  out += "}\n";
}

}  // namespace rampart
