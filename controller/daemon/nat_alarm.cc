// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/nat_alarm.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

constexpr std::pair<NatVerdict, std::string_view> kRefusals[] = {
    {NatVerdict::kNoFamily, "no address of the family"},
    {NatVerdict::kQuota, "quota"},
    {NatVerdict::kRate, "rate"},
    {NatVerdict::kNoBlock, "no free block"},
    {NatVerdict::kRemoteTaken, "remote taken"},
    {NatVerdict::kNoLog, "no room in the log"}};

}  // namespace

std::vector<std::string> NatAlarm::Check(const std::vector<PoolUse>& pools) {
  std::vector<std::string> lines;
  for (const PoolUse& pool : pools) {
    Verdicts& told = told_[pool.name];
    uint64_t sum = 0;
    std::string reasons;
    for (const auto& [verdict, name] : kRefusals) {
      const auto index = static_cast<size_t>(verdict);
      const uint64_t more = pool.verdicts[index] - told[index];
      if (more == 0) continue;
      sum += more;
      absl::StrAppend(&reasons, reasons.empty() ? "" : ", ", std::string(name),
                      " ", more);
    }
    told = pool.verdicts;
    if (sum > 0)
      lines.push_back(absl::StrCat("nat: pool ", pool.name, ": ", sum,
                                   " mappings refused: ", reasons));
  }
  return lines;
}

}  // namespace rampart
