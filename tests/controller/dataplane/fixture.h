// SPDX-License-Identifier: Apache-2.0
// An edge of its own: network namespace, bpffs in a private mount namespace,
// veth pairs.
#ifndef RAMPART_TESTS_CONTROLLER_DATAPLANE_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_DATAPLANE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/dataplane/data_plane.h"
#include "tests/controller/netlink/network_namespace.h"

namespace rampart {

class DataPlaneTest : public testing::Test {
 protected:
  static constexpr uint32_t kCapacity = 1024;
  static constexpr uint64_t kStore = 0x5707e;

  void SetUp() override;
  void TearDown() override;

  // What a controller of this edge would open.
  DataPlane::Options Options() const;
  // Opens it; fails the test if that fails.
  std::unique_ptr<DataPlane> Open() const;
  // veth pair `name` and `name`p, up, without offloads.
  void MakeVeth(const std::string& name) const;
  // Id of the XDP program on a device; 0 if none.
  uint32_t ProgramOn(const std::string& device) const;
  std::string pins() const { return bpffs_ + "/rampart/edge-test"; }

  std::string bpffs_;

 private:
  std::optional<NetworkNamespace> network_;
};

// rp_devices entry as a controller fills it.
rp_device EntryOf(const std::string& device);
DeviceConfig Uplink(const std::string& name, XdpMode mode = XdpMode::kAuto);
DeviceConfig Access(const std::string& name, XdpMode mode = XdpMode::kAuto);

// Puts a frame on the wire at `device`, `count` times.
void SendFrame(const std::string& device, const std::vector<uint8_t>& frame,
               int count = 1);
// A UDP packet 10.1.0.5:4242 -> 198.51.100.10:53 with `payload` zero bytes.
std::vector<uint8_t> Udp4(size_t payload);

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_DATAPLANE_FIXTURE_H_
