// SPDX-License-Identifier: Apache-2.0
// Sends a million broken packets, and counts who gets what: the two halves of
// the isolation test.
//
//   blast send DEVICE COUNT RATE SEED FRAME:INNER...
//       Sends COUNT frames, RATE a second at most: templates FRAME (hex, from
//       the Ethernet header on; the inner IP header starts at byte INNER),
//       mutated. Outer checksums are made right again for most of them, so
//       that they reach their target. The last 16 bytes, a word that names the
//       sender, stay.
//   blast count DEVICE WORD...
//       Counts the packets on DEVICE that contain each WORD until SIGTERM,
//       then prints the counts, and how many packets were not looked at.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kEthernet = 14;
constexpr size_t kWord = 16;
constexpr int kBatch = 64;

struct Template {
  Bytes frame;
  size_t inner = 0;
};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint16_t Checksum(const uint8_t* p, size_t size, uint32_t sum = 0) {
  for (; size > 1; p += 2, size -= 2) sum += p[0] << 8 | p[1];
  if (size) sum += p[0] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

void Put16(uint8_t* p, uint16_t value) {
  p[0] = value >> 8;
  p[1] = value & 0xff;
}

void FixIp4(Bytes& frame, size_t at) {
  if (frame.size() < at + 20) return;
  Put16(&frame[at + 10], 0);
  Put16(&frame[at + 10], Checksum(&frame[at], 20));
}

// Outer lengths and checksums, as a sender would have them.
void FixOuter(Bytes& frame) {
  size_t ip = kEthernet;
  size_t size = frame.size() - ip;
  if (frame[12] == 0x08 && size >= 28) {
    Put16(&frame[ip + 2], size);
    FixIp4(frame, ip);
    Put16(&frame[ip + 24], size - 20);
    Put16(&frame[ip + 26], 0);  // no UDP checksum
  } else if (frame[12] == 0x86 && size >= 48) {
    Put16(&frame[ip + 4], size - 40);
    Put16(&frame[ip + 44], size - 40);
    Put16(&frame[ip + 46], 0);
    uint32_t pseudo = IPPROTO_UDP + (size - 40);
    uint16_t sum =
        ~Checksum(&frame[ip + 8], 32, pseudo);  // addresses, then the rest
    uint16_t checksum = Checksum(&frame[ip + 40], size - 40, sum);
    Put16(&frame[ip + 46], checksum ? checksum : 0xffff);
  }
}

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  Bytes Next(const std::vector<Template>& templates) {
    const Template& base = templates[Below(templates.size())];
    Bytes frame = base.frame;
    size_t body = frame.size() - kWord;
    if (Below(32) == 0) {  // noise behind the outer headers
      for (size_t i = kEthernet + 28; i < body; i++) frame[i] = Below(256);
    }
    // Headers: outer IP rarely, as the network checks that too.
    size_t end = std::min(body, base.inner + 48);
    for (uint32_t n = Below(5); n > 0; n--) {
      size_t from = Below(16) ? kEthernet + 20 : kEthernet;
      Change(frame[from + Below(end - from)]);
    }
    if (Below(32) == 0) {  // a piece is missing
      size_t from = kEthernet + 20 + Below(body - kEthernet - 20);
      frame.erase(frame.begin() + from, frame.begin() + body);
    }
    if (Below(4) && frame.size() > base.inner && frame[base.inner] >> 4 == 4)
      FixIp4(frame, base.inner);
    if (Below(16)) FixOuter(frame);
    return frame;
  }

 private:
  uint32_t Below(uint32_t bound) { return random_() % bound; }

  void Change(uint8_t& byte) {
    switch (Below(4)) {
      case 0:
        byte ^= 1 << Below(8);
        break;
      case 1:
        byte = Below(256);
        break;
      case 2:
        byte += Below(2) ? 1 : -1;
        break;
      default:
        byte = Below(2) ? 0 : 0xff;
    }
  }

  std::mt19937 random_;
};

int OpenPacketSocket(const char* device, int protocol) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(protocol));
  if (fd < 0) Die("packet socket");
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)))
    Die(device);
  return fd;
}

void SendAll(int fd, std::vector<Bytes>& frames) {
  std::vector<iovec> parts(frames.size());
  std::vector<mmsghdr> messages(frames.size());
  for (size_t i = 0; i < frames.size(); i++) {
    parts[i] = {frames[i].data(), frames[i].size()};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (size_t done = 0; done < frames.size();) {
    int sent = sendmmsg(fd, &messages[done], frames.size() - done, 0);
    // A full queue: the wire is slower than we are.
    if (sent < 0 && errno == ENOBUFS) continue;
    if (sent < 0) Die("sendmmsg");
    done += sent;
  }
}

int Send(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  uint64_t count = std::strtoull(argv[3], nullptr, 10);
  uint64_t rate = std::strtoull(argv[4], nullptr, 10);
  Mutator mutator(std::strtoul(argv[5], nullptr, 10));
  std::vector<Template> templates;
  for (int i = 6; i < argc; i++) {
    std::string text = argv[i];
    size_t colon = text.find(':');
    Template base;
    base.inner = std::strtoul(text.c_str() + colon + 1, nullptr, 10);
    for (size_t at = 0; at + 1 < colon; at += 2)
      base.frame.push_back(
          std::strtoul(text.substr(at, 2).c_str(), nullptr, 16));
    templates.push_back(base);
  }
  int fd = OpenPacketSocket(argv[2], 0);
  Clock::time_point begin = Clock::now();
  for (uint64_t sent = 0; sent < count; sent += kBatch) {
    std::vector<Bytes> frames;
    for (uint64_t i = sent; i < count && i < sent + kBatch; i++)
      frames.push_back(mutator.Next(templates));
    SendAll(fd, frames);
    std::this_thread::sleep_until(
        begin + std::chrono::microseconds((sent + kBatch) * 1'000'000 / rate));
  }
  std::printf("sent %s\n", argv[3]);
  return 0;
}

volatile std::sig_atomic_t stopped = 0;

int Count(int argc, char** argv) {
  int fd = OpenPacketSocket(argv[2], ETH_P_ALL);
  int buffer = 256 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  struct sigaction action = {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  std::vector<uint64_t> counts(argc - 3);
  std::puts("ready");
  std::fflush(stdout);
  Bytes packet(65536);
  // After SIGTERM, what is queued or still on its way is counted.
  timeval patience = {.tv_sec = 0, .tv_usec = 200'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  for (;;) {
    ssize_t size = recv(fd, packet.data(), packet.size(), 0);
    if (size < 0 && errno == EAGAIN && stopped) break;
    if (size < 0) continue;
    for (size_t i = 0; i < counts.size(); i++) {
      const char* word = argv[3 + i];
      counts[i] +=
          memmem(packet.data(), size, word, std::strlen(word)) != nullptr;
    }
  }
  tpacket_stats stats = {};
  socklen_t size = sizeof(stats);
  getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
  for (size_t i = 0; i < counts.size(); i++)
    std::printf("%s %lu\n", argv[3 + i], counts[i]);
  std::printf("missed %u\n", stats.tp_drops);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc > 6) return Send(argc, argv);
  if (mode == "count" && argc > 3) return Count(argc, argv);
  std::fprintf(stderr, "usage: see the source\n");
  return 2;
}
