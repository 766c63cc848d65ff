// SPDX-License-Identifier: Apache-2.0
// Fixture of program tests: an edge with empty tables before every test, and
// what may be said about one packet's run.
#ifndef RAMPART_TESTS_TESTING_PROGRAM_TEST_H_
#define RAMPART_TESTS_TESTING_PROGRAM_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "maps/punt.h"
#include "tests/testing/edge.h"
#include "tests/testing/packet.h"
#include "tests/testing/programs.h"
#include "tests/testing/scene.h"

namespace rampart::testing {

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override;

  Result RunOn(Slot slot, const Packet& packet) const {
    return programs_->RunOn(slot, packet.Build());
  }
  Result Uplink(const Packet& packet) const { return RunOn(kUplink, packet); }
  Result Access(const Packet& packet) const { return RunOn(kAccess, packet); }

  const Programs& programs() const { return *programs_; }
  static rp_config config() { return DefaultConfig(); }
  void SetConfig(const rp_config& config) const;
  void AddAddress(const Ip& address, uint32_t use) const {
    testing::AddAddress(*programs_, address, use);
  }
  void AddLocal(Slot slot, const Ip& address) const;
  void AddTunnel(const Tunnel& tunnel) const {
    testing::AddTunnel(*programs_, tunnel);
  }
  void Grant(uint32_t tunnel, uint32_t realm) const {
    testing::Grant(*programs_, tunnel, realm);
  }
  void SetNextHop(uint32_t index, const rp_next_hop& hop) const;

 private:
  const Programs* programs_ = nullptr;
};

// Each says everything about a run: verdict, counters, bytes.

// Dropped, counted once, under `reason` only.
::testing::Matcher<const Result&> Dropped(uint32_t reason);
// Left to the host: not a byte changed.
::testing::Matcher<const Result&> Passed();
// Sent on as `frame`, which libtins finds right too.
::testing::Matcher<const Result&> Forwarded(const Packet& frame);
// The same for a frame that libtins cannot parse.
::testing::Matcher<const Result&> ForwardedUnjudged(const Packet& frame);
// Sent on as `packet` through a device without link header.
::testing::Matcher<const Result&> ForwardedBare(const Packet& packet);
// Handed to the controller with `record` (`length` is filled in here) and, as
// an IP packet, `packet`.
::testing::Matcher<const Result&> Punted(rp_punt record, const Packet& packet);
// Not forwarded, not passed; counted once.
::testing::Matcher<const Result&> DroppedSomehow();

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_PROGRAM_TEST_H_
