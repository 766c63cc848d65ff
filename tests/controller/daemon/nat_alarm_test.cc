// SPDX-License-Identifier: Apache-2.0
// What the log is told about NAT pools that refuse.
#include "controller/daemon/nat_alarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

uint64_t& Of(PoolUse& pool, NatVerdict verdict) {
  return pool.verdicts[static_cast<size_t>(verdict)];
}

TEST(NatAlarmTest, TellsWhatIsNewByPoolAndReason) {
  std::vector<PoolUse> pools = {{.name = "a"}, {.name = "b"}};
  NatAlarm alarm;
  Of(pools[0], NatVerdict::kGranted) = 100;
  EXPECT_THAT(alarm.Check(pools), IsEmpty());
  Of(pools[0], NatVerdict::kQuota) = 10;
  Of(pools[0], NatVerdict::kNoBlock) = 2;
  Of(pools[1], NatVerdict::kRate) = 1;
  EXPECT_THAT(
      alarm.Check(pools),
      ElementsAre("nat: pool a: 12 mappings refused: quota 10, no free block 2",
                  "nat: pool b: 1 mappings refused: rate 1"));
  EXPECT_THAT(alarm.Check(pools), IsEmpty());
  Of(pools[0], NatVerdict::kQuota) += 5;
  EXPECT_THAT(alarm.Check(pools),
              ElementsAre("nat: pool a: 5 mappings refused: quota 5"));
}

// A packet that waits for a record is not refused.
TEST(NatAlarmTest, WaitingIsNoRefusal) {
  std::vector<PoolUse> pools = {{.name = "a"}};
  NatAlarm alarm;
  Of(pools[0], NatVerdict::kLogging) = 7;
  EXPECT_THAT(alarm.Check(pools), IsEmpty());
}

}  // namespace
}  // namespace rampart
