// SPDX-License-Identifier: Apache-2.0
// The ledger over a real data plane.
#include "controller/metrics/ledger.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

class LedgerTest : public DataPlaneTest {
 protected:
  void SetUp() override {
    DataPlaneTest::SetUp();
    MakeVeth("up0");
  }
  void TearDown() override {
    End();
    DataPlaneTest::TearDown();
  }
  // A controller begins.
  void Begin() {
    ledger_.reset();
    edge_ = Open();
    auto ledger = Ledger::Open(bpffs_, "edge-test", *edge_);
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    ledger_ = *std::move(ledger);
    ASSERT_TRUE(edge_->Attach(Uplink("up0"), EntryOf("up0")).ok());
    ASSERT_TRUE(ledger_->Follow().ok());
  }
  void End() {
    ledger_.reset();
    edge_.reset();
  }
  DeviceLedger Book() const {
    const auto devices = ledger_->Devices();
    EXPECT_TRUE(devices.ok()) << devices.status();
    return devices.ok() && devices->size() == 1 ? devices->front()
                                                : DeviceLedger();
  }
  // Waits until the device has received that many packets.
  DeviceLedger BookAt(uint64_t rx) const {
    DeviceLedger book = Book();
    for (int i = 0; i < 500 && (book.rx < rx || book.gap != 0); ++i) {
      poll(nullptr, 0, 10);
      book = Book();
    }
    return book;
  }

  std::unique_ptr<DataPlane> edge_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, EveryPacketHasAnOutcome) {
  Begin();
  EXPECT_EQ(ledger_->why_not(), "");
  SendFrame("up0p", std::vector<uint8_t>(64), 1000);
  const DeviceLedger book = BookAt(1000);
  EXPECT_GE(book.rx, 1000u);
  EXPECT_EQ(book.gap, 0);
  EXPECT_EQ(book.rx, book.forwarded.packets + book.passed.packets +
                         book.punted.packets + book.dropped.packets);
}

TEST_F(LedgerTest, WhatCameBeforeTheProgramIsNobodysGap) {
  SendFrame("up0p", std::vector<uint8_t>(64), 500);
  Begin();
  EXPECT_EQ(BookAt(0).gap, 0);
  EXPECT_LT(Book().rx, 500u);
}

TEST_F(LedgerTest, TheBooksGoOnOverARestart) {
  Begin();
  SendFrame("up0p", std::vector<uint8_t>(64), 100);
  const uint64_t rx = BookAt(100).rx;
  End();
  SendFrame("up0p", std::vector<uint8_t>(64), 50);  // nobody is there
  Begin();
  EXPECT_GE(BookAt(rx + 50).rx, rx + 50);
  EXPECT_EQ(Book().gap, 0);
}

TEST_F(LedgerTest, DetachLeavesNoCounterBehind) {
  Begin();
  End();
  EXPECT_EQ(access((pins() + "/losses/rp_redirect_err").c_str(), F_OK), 0);
  ASSERT_TRUE(DetachAll(bpffs_, "edge-test").ok());
  EXPECT_NE(access(pins().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace rampart
