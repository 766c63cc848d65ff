// SPDX-License-Identifier: Apache-2.0
// A record as the columns that people and programs see: of the JSON lines, of
// the history's table, of CSV.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_ROW_H_
#define RAMPART_CONTROLLER_FLOW_LOG_ROW_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "controller/flow_log/record.h"

namespace rampart {

// X(name, type of SQLite). Add at the end only: the history has them in this
// order, and a change of it needs another version of its schema.
#define RP_FLOW_COLUMNS(X)                                               \
  X(seq, INTEGER) /* of a gap: the last one that is missing */           \
  X(time, TEXT)   /* RFC 3339, UTC, microseconds */                      \
  X(event, TEXT)  /* START, UPDATE, END, DENY, GAP */                    \
  X(flow, TEXT)   /* FlowIdText() */                                     \
  X(tenant, TEXT)                                                        \
  X(vnet, TEXT)                                                          \
  X(vni, INTEGER)                                                        \
  X(identity, TEXT) /* of who is behind the on-ramp: none carries one */ \
  X(on_ramp, TEXT)  /* tunnel, or "internet" */                          \
  X(off_ramp, TEXT)                                                      \
  X(rule, TEXT)    /* that allowed it */                                 \
  X(rule_at, TEXT) /* file:line where it stands */                       \
  X(layer, TEXT)   /* "ip" */                                            \
  X(proto, TEXT)                                                         \
  X(src, TEXT)                                                           \
  X(sport, INTEGER) /* ICMP: the identifier */                           \
  X(dst, TEXT)                                                           \
  X(dport, INTEGER)                                                      \
  X(to_src, TEXT) /* after the rewrite */                                \
  X(to_sport, INTEGER)                                                   \
  X(to_dst, TEXT)                                                        \
  X(to_dport, INTEGER)                                                   \
  X(nat, TEXT) /* "source", "destination", "both" */                     \
  X(epoch, INTEGER)                                                      \
  X(adopted, INTEGER) /* 1: it began before this run */                  \
  X(duration_ms, INTEGER)                                                \
  X(packets, INTEGER) /* forward */                                      \
  X(bytes, INTEGER)   /* IP total lengths as they came on */             \
  X(reverse_packets, INTEGER)                                            \
  X(reverse_bytes, INTEGER)                                              \
  X(reason, TEXT)   /* ReasonName() */                                   \
  X(first, INTEGER) /* GAP: the first that is missing */                 \
  X(count, INTEGER) /* GAP: how many are */

enum class FlowColumn {
#define X(name, type) name,
  RP_FLOW_COLUMNS(X)
#undef X
};

inline constexpr std::string_view kFlowColumns[] = {
#define X(name, type) #name,
    RP_FLOW_COLUMNS(X)
#undef X
};

// monostate: there is none.
using FlowCell = std::variant<std::monostate, int64_t, std::string>;
using FlowRow = std::array<FlowCell, std::size(kFlowColumns)>;

FlowRow RowOf(const FlowRecord& record, const FlowNames& names);
FlowRow RowOf(const FlowGap& gap);

// "2026-11-21T19:43:02.123456Z": sorts as time does.
std::string FlowTimeText(absl::Time time);

// {"seq":1,"time":...}: a gap without the columns of a flow, and the other way
// round. Other columns that are empty are null.
void AppendJson(const FlowRow& row, std::string& out);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_ROW_H_
