// SPDX-License-Identifier: Apache-2.0
// Fixture of program tests.
#include "tests/testing/program_test.h"

#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/testing/oracle.h"

namespace rampart::testing {
namespace {

using ::testing::Matcher;
using ::testing::MatchResultListener;

bool CountedOnce(const Result& run, uint32_t outcome) {
  return run.counted.size() == 1 &&
         run.counted.begin()->first.value == outcome &&
         run.counted.begin()->second ==
             std::pair<uint64_t, uint64_t>(1, run.input.size());
}

const char* VerdictName(uint32_t verdict) {
  static const char* const names[] = {"XDP_ABORTED", "XDP_DROP", "XDP_PASS",
                                      "XDP_TX", "XDP_REDIRECT"};
  return verdict < 5 ? names[verdict] : "unknown verdict";
}

// What all matchers check; `fault` says what else is wrong.
class RunIs {
 public:
  RunIs(std::vector<uint32_t> verdicts, uint32_t outcome)
      : verdicts_(std::move(verdicts)), outcome_(outcome) {}
  virtual ~RunIs() = default;
  using is_gtest_matcher = void;

  bool MatchAndExplain(const Result& run, std::ostream* out) const {
    const bool verdict =
        std::count(verdicts_.begin(), verdicts_.end(), run.verdict) > 0;
    const bool counted = CountedOnce(run, outcome_);
    const std::string fault = verdict && counted ? Fault(run) : "";
    if (verdict && counted && fault.empty()) return true;
    if (out)
      *out << "\n  " << VerdictName(run.verdict) << ", counted "
           << ToString(run.counted) << "\n"
           << (verdict && counted ? fault : HexDump(run.input));
    return false;
  }
  void DescribeTo(std::ostream* out) const {
    *out << VerdictName(verdicts_.front()) << ", counted once as "
         << OutcomeName(outcome_);
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "not: ";
    DescribeTo(out);
  }

 protected:
  virtual std::string Fault(const Result&) const { return ""; }

 private:
  std::vector<uint32_t> verdicts_;
  uint32_t outcome_;
};

class IsUntouched : public RunIs {
 public:
  IsUntouched() : RunIs({XDP_PASS}, RP_PASSED) {}

 protected:
  std::string Fault(const Result& run) const override {
    return Diff(run.output, run.input);
  }
};

class IsForwarded : public RunIs {
 public:
  enum Judge { kFrame, kIp, kNone };
  IsForwarded(Bytes want, Judge judge)
      : RunIs({XDP_REDIRECT, XDP_TX}, RP_FORWARDED),
        want_(std::move(want)),
        judge_(judge) {}

 protected:
  std::string Fault(const Result& run) const override {
    const std::string diff = Diff(run.output, want_);
    if (!diff.empty() || judge_ == kNone) return diff;
    return judge_ == kFrame ? FaultsOfFrame(run.output)
                            : FaultsOfIp(run.output);
  }

 private:
  Bytes want_;
  Judge judge_;
};

class IsPunted : public RunIs {
 public:
  IsPunted(const rp_punt& record, const Bytes& packet)
      : RunIs({XDP_REDIRECT}, RP_PUNTED), want_(sizeof(record)) {
    std::memcpy(want_.data(), &record, sizeof(record));
    Append(want_, packet);
  }

 protected:
  std::string Fault(const Result& run) const override {
    return Diff(run.output, want_);
  }

 private:
  Bytes want_;
};

class IsDroppedSomehow {
 public:
  using is_gtest_matcher = void;
  bool MatchAndExplain(const Result& run, std::ostream* out) const {
    const bool once =
        run.counted.size() == 1 && run.counted.begin()->second.first == 1;
    if (once && run.verdict == XDP_DROP) return true;
    if (out)
      *out << VerdictName(run.verdict) << ", counted " << ToString(run.counted);
    return false;
  }
  void DescribeTo(std::ostream* out) const { *out << "dropped, counted once"; }
  void DescribeNegationTo(std::ostream* out) const { *out << "not dropped"; }
};

}  // namespace

void ProgramTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  std::string why;
  programs_ = SharedPrograms(why);
  ASSERT_NE(programs_, nullptr) << why;
  Reset(*programs_);
}

void ProgramTest::SetConfig(const rp_config& config) const {
  testing::SetConfig(*programs_, config);
}

void ProgramTest::AddLocal(Slot slot, const Ip& address) const {
  rp_local_key key = {};
  key.slot = slot;
  address.CopyTo16(key.addr);
  programs_->Put("rp_locals", key, uint32_t{1});
}

void ProgramTest::SetNextHop(uint32_t index, const rp_next_hop& hop) const {
  programs_->Put("rp_next_hops", index, hop);
}

Matcher<const Result&> Dropped(uint32_t reason) {
  return RunIs({XDP_DROP}, reason);
}

Matcher<const Result&> Passed() { return IsUntouched(); }

Matcher<const Result&> Forwarded(const Packet& frame) {
  return IsForwarded(frame.Build(), IsForwarded::kFrame);
}

Matcher<const Result&> ForwardedUnjudged(const Packet& frame) {
  return IsForwarded(frame.Build(), IsForwarded::kNone);
}

Matcher<const Result&> ForwardedBare(const Packet& packet) {
  return IsForwarded(packet.Build(), IsForwarded::kIp);
}

Matcher<const Result&> Punted(rp_punt record, const Packet& packet) {
  const Bytes bytes = packet.Build();
  record.length = static_cast<uint16_t>(bytes.size());
  return IsPunted(record, bytes);
}

Matcher<const Result&> DroppedSomehow() { return IsDroppedSomehow(); }

}  // namespace rampart::testing
