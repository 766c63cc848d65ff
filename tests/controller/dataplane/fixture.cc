// SPDX-License-Identifier: Apache-2.0
// Set-up and tear-down of DataPlaneTest, and frames.
#include "tests/controller/dataplane/fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace rampart {
namespace {

uint16_t Checksum(const void* data, size_t length) {
  std::vector<uint16_t> words(length / 2);
  std::memcpy(words.data(), data, length);
  uint32_t sum = 0;
  for (const uint16_t word : words) sum += word;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

void DataPlaneTest::SetUp() {
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    GTEST_SKIP() << "NEEDS ROOT: data plane tests load BPF programs";
  }
  network_.emplace();
  ASSERT_TRUE(network_->ok());
  bpffs_ = "/tmp/rampart-test-" + std::to_string(getpid());
  mkdir(bpffs_.c_str(), 0700);
  ASSERT_EQ(mount("bpf", bpffs_.c_str(), "bpf", 0, "mode=0700"), 0);
}

void DataPlaneTest::TearDown() {
  if (bpffs_.empty()) return;
  EXPECT_TRUE(DetachAll(bpffs_, "edge-test").ok());
  EXPECT_EQ(umount2(bpffs_.c_str(), MNT_DETACH), 0);
  rmdir(bpffs_.c_str());
  network_.reset();
}

DataPlane::Options DataPlaneTest::Options() const {
  return {.edge = "edge-test",
          .bpffs = bpffs_,
          .flow_capacity = kCapacity,
          .store_id = kStore};
}

std::unique_ptr<DataPlane> DataPlaneTest::Open() const {
  auto opened = DataPlane::Open(Options());
  EXPECT_TRUE(opened.ok()) << opened.status();
  return opened.ok() ? *std::move(opened) : nullptr;
}

void DataPlaneTest::MakeVeth(const std::string& name) const {
  const std::string peer = name + "p";
  Shell("ip link add " + name + " type veth peer name " + peer);
  for (const std::string& end : {name, peer}) {
    Shell("echo 1 > /proc/sys/net/ipv6/conf/" + end + "/disable_ipv6");
    Shell("ethtool -K " + end + " tx off >/dev/null");
    Shell("ip link set " + end + " up");
  }
}

uint32_t DataPlaneTest::ProgramOn(const std::string& device) const {
  uint32_t id = 0;
  const int index = static_cast<int>(if_nametoindex(device.c_str()));
  EXPECT_EQ(bpf_xdp_query_id(index, 0, &id), 0);
  return id;
}

rp_device EntryOf(const std::string& device) {
  rp_device entry = {};
  entry.ifindex = if_nametoindex(device.c_str());
  entry.link_header_len = RP_DEVICE_LEN_L2;
  return entry;
}

DeviceConfig Uplink(const std::string& name, XdpMode mode) {
  DeviceConfig device;
  device.name = name;
  device.mode = mode;
  return device;
}

DeviceConfig Access(const std::string& name, XdpMode mode) {
  DeviceConfig device = Uplink(name, mode);
  device.role = DeviceRole::kAccess;
  return device;
}

void SendFrame(const std::string& device, const std::vector<uint8_t>& frame,
               int count) {
  const UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(sendto(fd.get(), frame.data(), frame.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(frame.size()));
    if (i % 50 == 49) poll(nullptr, 0, 1);  // veth has room for 256 frames
  }
}

std::vector<uint8_t> Udp4(size_t payload) {
  struct {
    iphdr ip;
    udphdr udp;
  } header = {};
  const size_t total = sizeof(header) + payload;
  header.ip.version = 4;
  header.ip.ihl = 5;
  header.ip.tot_len = htons(static_cast<uint16_t>(total));
  header.ip.ttl = 64;
  header.ip.protocol = IPPROTO_UDP;
  header.ip.saddr = inet_addr("10.1.0.5");
  header.ip.daddr = inet_addr("198.51.100.10");
  header.ip.check = Checksum(&header.ip, sizeof(header.ip));
  header.udp.source = htons(4242);
  header.udp.dest = htons(53);
  header.udp.len = htons(static_cast<uint16_t>(total - sizeof(iphdr)));
  std::vector<uint8_t> packet(total);
  std::memcpy(packet.data(), &header, sizeof(header));
  return packet;
}

}  // namespace rampart
