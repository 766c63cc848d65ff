// SPDX-License-Identifier: Apache-2.0
// Flows and sinks for tests of the flow log.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_LOG_LOG_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_LOG_LOG_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "controller/flow_log/flow_log.h"

namespace rampart {

inline IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

class StillClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return now; }
  uint32_t tick = 1000;
  absl::Time now = absl::FromUnixSeconds(1700000000);
};

// acme: vnet main (1001), tunnels fra (1) and two (2), rule "web" on line 7.
inline Resources LogResources() {
  Resources resources = {.file = "resources.yaml"};
  Tenant& acme = resources.tenants.emplace_back().Edit();
  acme.id = 1;
  acme.name = "acme";
  acme.vnets = {{.name = "main", .vni = 1001, .is_default = true}};
  acme.tunnels = {{.id = 1, .name = "fra", .vnet = "main"},
                  {.id = 2, .name = "two", .vnet = "main"}};
  acme.policies = {{.name = "web", .action = PolicyAction::kAllow, .line = 7}};
  return resources;
}

// Number `number` of many, through NAT; its counters are the number, times 2
// packets back, times 100 and 1000 bytes.
inline FlowState LogFlow(uint32_t number, Family family = Family::kV4) {
  const bool v4 = family == Family::kV4;
  const auto port = static_cast<uint16_t>(number);
  FlowState flow;
  flow.tuple = {.realm = 1001,
                .source = {Ip(v4 ? "10.1.0.5" : "fd00:1::5"), port},
                .destination = {Ip(v4 ? "198.51.100.10" : "2001:db8::10"), 443},
                .protocol = 6};
  flow.source = {Ip(v4 ? "203.0.113.1" : "2001:db8:203::1"), 40000};
  flow.destination = flow.tuple.destination;
  flow.on_ramp = 1;
  flow.epoch = 3;
  flow.start = 1000 + (number >> 16);
  flow.rule = "web";
  return flow;
}

inline FlowEnd LogEnd(uint32_t number, Family family = Family::kV4) {
  FlowEnd end;
  static_cast<FlowState&>(end) = LogFlow(number, family);
  end.packets[0] = number;
  end.packets[1] = 2 * uint64_t{number};
  end.bytes[0] = 100 * uint64_t{number};
  end.bytes[1] = 1000 * uint64_t{number};
  end.age = 600;
  end.reason = FlowEndReason::kFin;
  return end;
}

// Remembers what it gets; a test can stop it. It belongs to the log, so the
// test keeps the part that outlives it.
class MemorySink final : public FlowSink {
 public:
  struct Memory {
    absl::Mutex mutex;
    bool paused ABSL_GUARDED_BY(mutex) = false;
    bool broken ABSL_GUARDED_BY(mutex) = false;
    uint64_t records ABSL_GUARDED_BY(mutex) = 0;
    uint64_t missing ABSL_GUARDED_BY(mutex) = 0;  // declared
    uint64_t last ABSL_GUARDED_BY(mutex) = 0;
    bool in_order ABSL_GUARDED_BY(mutex) = true;
    std::vector<FlowGap> gaps ABSL_GUARDED_BY(mutex);
    std::vector<FlowRecord> kept ABSL_GUARDED_BY(mutex);  // the first 100
    uint64_t seen() {
      const absl::MutexLock lock(&mutex);
      return records + missing;
    }
    void Pause(bool on) {
      const absl::MutexLock lock(&mutex);
      paused = on;
    }
    // Records and gaps together, up to this number.
    bool AwaitSeen(uint64_t count) {
      const auto there = [&] {
        mutex.AssertReaderHeld();
        return records + missing >= count;
      };
      const absl::MutexLock lock(&mutex);
      return mutex.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(60));
    }
  };
  explicit MemorySink(std::shared_ptr<Memory> memory, uint64_t last = 0)
      : memory_(std::move(memory)), last_(last) {}
  std::string name() const override { return "memory"; }
  uint64_t last() const override { return last_; }
  absl::Status Write(absl::Span<const FlowItem> items) override {
    const absl::MutexLock lock(&memory_->mutex);
    const bool* paused = &memory_->paused;
    memory_->mutex.Await(absl::Condition(
        +[](const bool* stop) { return !*stop; }, paused));
    if (memory_->broken) return absl::UnavailableError("sink is broken");
    for (const FlowItem& item : items) Take(item);
    return absl::OkStatus();
  }

 private:
  void Take(const FlowItem& item)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_->mutex) {
    Memory& to = *memory_;
    if (const auto* gap = std::get_if<FlowGap>(&item)) {
      to.in_order &= gap->first == to.last + 1 || to.last == 0;
      to.missing += gap->count();
      to.last = gap->last;
      to.gaps.push_back(*gap);
      return;
    }
    for (const FlowRecord& record : std::get<0>(item)->records) {
      to.in_order &= record.sequence == to.last + 1 || to.last == 0;
      to.last = record.sequence;
      ++to.records;
      if (to.kept.size() < 100) to.kept.push_back(record);
    }
  }
  const std::shared_ptr<Memory> memory_;
  const uint64_t last_;
};

class FlowLogTest : public testing::Test {
 protected:
  FlowLogTest()
      : folder_(absl::StrCat(testing::TempDir(), "/flow_log_test-", getpid())),
        snapshot_(EdgeConfig(), LogResources(), 3) {
    std::filesystem::create_directories(folder_);
  }
  ~FlowLogTest() override {
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string Path(std::string_view name) const {
    return absl::StrCat(folder_.string(), "/",
                        absl::string_view(name.data(), name.size()));
  }
  void Open(std::vector<std::unique_ptr<FlowSink>> sinks,
            size_t queue = 262144) {
    log_.reset();
    auto state = StateFile::Open(Path("state"));
    ASSERT_TRUE(state.ok()) << state.status();
    log_ = std::make_unique<FlowLog>(
        *std::move(state), clock_, std::move(sinks),
        SinkThread::Options{.queue = queue, .retry = absl::Milliseconds(5)});
    log_->Use(snapshot_);
  }
  // With these sinks.
  template <typename... Sinks>
  void OpenWith(Sinks... sinks) {
    std::vector<std::unique_ptr<FlowSink>> all;
    (all.push_back(std::move(sinks)), ...);
    Open(std::move(all));
  }

  const std::filesystem::path folder_;
  StillClock clock_;
  const Snapshot snapshot_;
  std::unique_ptr<FlowLog> log_;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_LOG_LOG_FIXTURE_H_
