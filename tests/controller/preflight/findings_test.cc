// SPDX-License-Identifier: Apache-2.0
// What each fact means, and the command that mends it.
#include "controller/preflight/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace rampart {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A device on which nothing is to be mended.
PreflightInput Fine() {
  PreflightInput input = {.tunnels = std::vector<TunnelHeaders>()};
  input.device = {.name = "eth0",
                  .ifindex = 2,
                  .driver = "ice",
                  .kind = {},
                  .peer = {},
                  .mtu = 1500,
                  .up = true,
                  .xdp_features = kXdpBasic | kXdpRedirect | kXdpTransmit,
                  .features = {{"rx-lro", {}}, {"rx-gro-hw", {}}},
                  .queues = 8,
                  .queues_most = 64,
                  .programs = std::vector<XdpProgram>(),
                  .ip_forward = "0",
                  .rp_filter = "1"};
  input.kernel = {.release = "6.12.0",
                  .version = 6012,
                  .btf = true,
                  .af_xdp = true,
                  .bpffs = true,
                  .memlock = 65536,
                  .may_lock = true,
                  .cpus = 8};
  return input;
}

struct Case {
  const char* what;
  std::function<void(PreflightInput&)> change;
  const char* check;
  CheckState state;
  const char* detail;   // part of it
  const char* command;  // all of it
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

class FindingsTest : public ::testing::TestWithParam<Case> {};

TEST(FineTest, NothingIsToBeMended) {
  for (const Finding& finding : Judge(Fine())) {
    EXPECT_TRUE(finding.state == CheckState::kOk ||
                finding.state == CheckState::kNote)
        << finding.check << ": " << finding.detail;
    EXPECT_THAT(finding.command, IsEmpty());
  }
}

TEST_P(FindingsTest, IsFoundAndMended) {
  PreflightInput input = Fine();
  GetParam().change(input);
  const std::vector<Finding> findings = Judge(input);
  const auto it = std::find_if(
      findings.begin(), findings.end(),
      [](const Finding& f) { return f.check == GetParam().check; });
  ASSERT_NE(it, findings.end());
  EXPECT_EQ(it->state, GetParam().state) << it->detail;
  EXPECT_THAT(it->detail, HasSubstr(GetParam().detail));
  EXPECT_EQ(it->command, GetParam().command);
}

void Lro(PreflightInput& input) {
  input.device.features["rx-lro"].on = true;
  input.device.features["rx-gro-hw"].on = true;
}
void Native(PreflightInput& input) { input.mode = XdpMode::kNative; }
XdpProgram Wall() {
  return {.mode = "native",
          .id = 812,
          .name = "fw_main",
          .tag = "0123456789abcdef",
          .holders = {{911, "bpfilter"}}};
}

INSTANTIATE_TEST_SUITE_P(
    Facts, FindingsTest,
    ::testing::Values(
        Case{"down", [](auto& i) { i.device.up = false; }, "link",
             CheckState::kWarn, "down", "ip link set dev eth0 up"},
        Case{"no native XDP", [](auto& i) { i.device.xdp_features = 0; },
             "driver XDP", CheckState::kWarn, "generic XDP is used", ""},
        Case{"native wanted",
             [](auto& i) {
               i.device.xdp_features = 0;
               Native(i);
             },
             "driver XDP", CheckState::kFail, "attach would fail", ""},
        Case{"old kernel does not tell",
             [](auto& i) { i.device.xdp_features.reset(); }, "driver XDP",
             CheckState::kUnknown, "does not tell", ""},
        Case{"veth whose peer has no GRO",
             [](auto& i) {
               i.device.kind = "veth";
               i.device.peer = "veth1";
               i.device.xdp_features = kXdpBasic | kXdpRedirect;
             },
             "redirect to it", CheckState::kFail, "they vanish",
             "ethtool -K veth1 gro on"},
        Case{"another program", [](auto& i) { i.device.programs = {Wall()}; },
             "existing XDP", CheckState::kFail,
             "id 812 \"fw_main\" tag 0123456789abcdef native, by pid 911 "
             "(bpfilter): attach would fail",
             "ip link set dev eth0 xdp off"},
        Case{"another generic program",
             [](auto& i) {
               i.device.programs = {Wall()};
               i.device.programs->front().mode = "generic";
             },
             "existing XDP", CheckState::kFail, "generic",
             "ip link set dev eth0 xdpgeneric off"},
        Case{"another program's link",
             [](auto& i) {
               i.device.programs = {Wall()};
               i.device.programs->front().link_id = 7;
               i.device.programs->front().holders.clear();
             },
             "existing XDP", CheckState::kFail, "pinned, no process",
             "bpftool link detach id 7"},
        Case{"libxdp's dispatcher",
             [](auto& i) {
               i.device.programs = {Wall()};
               i.device.programs->front().dispatcher = true;
             },
             "existing XDP", CheckState::kFail, "libxdp's dispatcher",
             "xdp-loader unload eth0 --all"},
        Case{"our own program",
             [](auto& i) {
               i.device.programs = {Wall()};
               i.device.programs->front().ours = true;
             },
             "existing XDP", CheckState::kOk, "Rampart's own", ""},
        Case{"not root", [](auto& i) { i.device.programs.reset(); },
             "existing XDP", CheckState::kUnknown, "only root", ""},
        Case{"LRO", &Lro, "LRO / GRO-HW", CheckState::kWarn,
             "rx-lro, rx-gro-hw on", "ethtool -K eth0 lro off rx-gro-hw off"},
        Case{"LRO and native",
             [](auto& i) {
               Lro(i);
               Native(i);
             },
             "LRO / GRO-HW", CheckState::kFail, "attach would fail",
             "ethtool -K eth0 lro off rx-gro-hw off"},
        Case{"LRO that stays",
             [](auto& i) {
               i.device.features["rx-lro"] = {.on = true, .fixed = true};
             },
             "LRO / GRO-HW", CheckState::kWarn, "rx-lro on", ""},
        Case{"few queues", [](auto& i) { i.device.queues = 1; },
             "queues / CPUs", CheckState::kWarn, "1/8",
             "ethtool -L eth0 combined 8"},
        Case{"one queue is all it has",
             [](auto& i) { i.device.queues = i.device.queues_most = 1; },
             "queues / CPUs", CheckState::kOk, "no more queues", ""},
        Case{"jumbo frames", [](auto& i) { i.device.mtu = 9000; }, "MTU",
             CheckState::kWarn, "9000 > 3498", "ip link set dev eth0 mtu 1500"},
        Case{"no tunnels known", [](auto& i) { i.tunnels.reset(); },
             "MTU vs encapsulation", CheckState::kUnknown, "cannot be read",
             ""},
        Case{"tunnels of 60 bytes",
             [](auto& i) {
               i.tunnels = {{"acme/a", 40}, {"acme/b", 60}};
             },
             "MTU vs encapsulation", CheckState::kWarn,
             "1500 - 60 (acme/b) = 1440 inner; path MTU discovery",
             "ip link set dev eth0 mtu 1560"},
        Case{"too small for IPv6",
             [](auto& i) {
               i.device.mtu = 1300;
               i.tunnels = {{"acme/b", 60}};
             },
             "MTU vs encapsulation", CheckState::kWarn, "IPv6 wants 1280",
             "ip link set dev eth0 mtu 1560"},
        Case{"room for tunnels",
             [](auto& i) {
               i.device.mtu = 1600;
               i.tunnels = {{"acme/b", 60}};
             },
             "MTU vs encapsulation", CheckState::kOk, "= 1540 inner", ""},
        Case{"old kernel",
             [](auto& i) {
               i.kernel.release = "5.15.0";
               i.kernel.version = 5015;
             },
             "kernel", CheckState::kFail, "needs Linux 6.1",
             "apt install linux-image-amd64"},
        Case{"no AF_XDP", [](auto& i) { i.kernel.af_xdp = false; }, "AF_XDP",
             CheckState::kFail, "CONFIG_XDP_SOCKETS",
             "apt install linux-image-amd64"},
        Case{"no bpffs", [](auto& i) { i.kernel.bpffs = false; }, "bpffs",
             CheckState::kWarn, "not mounted", "mount -t bpf bpf /sys/fs/bpf"},
        Case{"locked memory", [](auto& i) { i.kernel.may_lock = false; },
             "memlock", CheckState::kWarn, "64 MB", "ulimit -l unlimited"},
        Case{"sysctls", [](auto&) {}, "sysctls", CheckState::kNote,
             "ip_forward 0, rp_filter 1: neither matters", ""},
        Case{"changes", [](auto&) {}, "would change", CheckState::kNote,
             "1 XDP link, pinned; 0 sysctls", ""}));

}  // namespace
}  // namespace rampart
