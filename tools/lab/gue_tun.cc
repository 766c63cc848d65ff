// SPDX-License-Identifier: Apache-2.0
// A tunnel endpoint for the lab: TUN devices on one side, GUE or GRE packets
// on the other. A second implementation of the wire profiles: it shares no code
// with the data plane and accepts nothing but the exact form its options name.
// Simple before fast: a thread per direction, a system call per packet.
//
//   gue_tun --local A --remote B --profile P [options] TUN[=VNI]...
//
// Profiles: none (GUE variant 0), variant1, gre-key, cookie, mac, and gre
// (plain GRE). Prints "ready" once the devices exist; runs until killed.
//
// ECN: the outer header copies the inner mark (RFC 6040 section 4.1); marks
// that the outer header collected are not carried back.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kRoom = 128;  // in front of an inner packet, for headers
constexpr size_t kPacketMax = 65536;
constexpr uint16_t kEtherTypeIp4 = 0x0800;
constexpr uint16_t kEtherTypeIp6 = 0x86dd;
constexpr uint16_t kGreKeyPresent = 0x2000;  // RFC 2890 section 2
constexpr uint16_t kGueGroup = 0x8000;       // flags of GUE extensions
constexpr uint16_t kGueSec8 = 0x1000;
constexpr uint16_t kGueSec16 = 0x2000;
constexpr uint8_t kMacBindsAddresses = 0x02;
constexpr uint32_t kMacEpochSeconds = 64;

enum class Profile { kNone, kVariant1, kGreKey, kCookie, kMac, kGre };

struct Tun {
  std::string name;
  uint32_t vni = 0;
  int fd = -1;
};

struct Options {
  Profile profile = Profile::kNone;
  Bytes local;  // 4 or 16 bytes
  Bytes remote;
  uint16_t port = 6080;
  Bytes key;
  uint8_t key_id = 0;
  std::optional<uint32_t> gre_key;  // profile gre
  std::vector<Tun> tuns;
};

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "gue_tun: %s%s%s\n", what.c_str(), errno ? ": " : "",
               errno ? std::strerror(errno) : "");
  std::exit(1);
}

void Put16(Bytes& out, uint16_t value) {
  out.push_back(value >> 8);
  out.push_back(value & 0xff);
}

void Put32(Bytes& out, uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value & 0xffff);
}

void PutBytes(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

uint16_t Get16(const uint8_t* p) { return p[0] << 8 | p[1]; }

uint32_t Get32(const uint8_t* p) {
  return uint32_t{Get16(p)} << 16 | Get16(p + 2);
}

// One's complement sum of RFC 1071, not yet inverted.
uint32_t Sum(const uint8_t* p, size_t size, uint32_t sum = 0) {
  for (; size > 1; p += 2, size -= 2) {
    sum += Get16(p);
    if (sum >= 0x80000000) sum = (sum & 0xffff) + (sum >> 16);
  }
  if (size) sum += p[0] << 8;
  return sum;
}

uint16_t Fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// SipHash-2-4 (Aumasson and Bernstein, 2012); the size is a multiple of 8.
// Result as 8 bytes in the order of the reference implementation.
Bytes SipHash(const Bytes& key, const Bytes& input) {
  auto load = [](const uint8_t* p) {
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) word = word << 8 | p[i];
    return word;
  };
  auto rotate = [](uint64_t x, int by) { return x << by | x >> (64 - by); };
  uint64_t k0 = load(key.data()), k1 = load(key.data() + 8);
  uint64_t v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
  uint64_t v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
  auto round = [&] {
    v0 += v1, v1 = rotate(v1, 13) ^ v0, v0 = rotate(v0, 32);
    v2 += v3, v3 = rotate(v3, 16) ^ v2;
    v0 += v3, v3 = rotate(v3, 21) ^ v0;
    v2 += v1, v1 = rotate(v1, 17) ^ v2, v2 = rotate(v2, 32);
  };
  for (size_t i = 0; i <= input.size(); i += 8) {
    uint64_t m = i < input.size() ? load(&input[i])
                                  : uint64_t{input.size() & 0xff} << 56;
    v3 ^= m;
    round(), round();
    v0 ^= m;
  }
  v2 ^= 0xff;
  round(), round(), round(), round();
  uint64_t hash = v0 ^ v1 ^ v2 ^ v3;
  Bytes out;
  for (int i = 0; i < 8; i++) out.push_back(hash >> 8 * i);
  return out;
}

// --- tunnel headers ---

// The 24 bytes of profile mac, for a packet from `source` to `destination`.
Bytes MacHeader(const Options& o, const Bytes& source, const Bytes& destination,
                uint8_t protocol, uint32_t vni, uint8_t key_id,
                uint32_t epoch) {
  Bytes header = {5, protocol};  // hlen: five words follow the first
  Put16(header, kGueGroup | kGueSec16);
  Put32(header, vni);
  PutBytes(header, {key_id, kMacBindsAddresses, 0, 0});
  Put32(header, epoch);
  Bytes input = source;
  PutBytes(input, destination);
  PutBytes(input, header);
  PutBytes(header, SipHash(o.key, input));
  return header;
}

Bytes GreHeader(uint16_t ether_type, std::optional<uint32_t> key) {
  Bytes header;
  Put16(header, key ? kGreKeyPresent : 0);
  Put16(header, ether_type);
  if (key) Put32(header, *key);
  return header;
}

uint32_t Epoch() { return std::time(nullptr) / kMacEpochSeconds; }

// What goes between the outer UDP or IP header and the inner packet.
Bytes TunnelHeader(const Options& o, uint32_t vni, bool inner6) {
  uint8_t protocol = inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
  uint16_t ether_type = inner6 ? kEtherTypeIp6 : kEtherTypeIp4;
  switch (o.profile) {
    case Profile::kNone:
      return {0, protocol, 0, 0};
    case Profile::kVariant1:
      return {};
    case Profile::kGreKey: {
      Bytes header = {0, IPPROTO_GRE, 0, 0};
      PutBytes(header, GreHeader(ether_type, vni));
      return header;
    }
    case Profile::kCookie: {
      Bytes header = {3, protocol};
      Put16(header, kGueGroup | kGueSec8);
      Put32(header, vni);
      PutBytes(header, o.key);
      return header;
    }
    case Profile::kMac:
      return MacHeader(o, o.local, o.remote, protocol, vni, o.key_id, Epoch());
    case Profile::kGre:
      return GreHeader(ether_type, o.gre_key);
  }
  return {};
}

// Looks at what follows the outer UDP or IP header. Returns the VNI of the
// header, or nothing unless it is byte for byte what the peer should send.
std::optional<uint32_t> CheckTunnelHeader(const Options& o, const uint8_t* data,
                                          size_t size, size_t* header_size) {
  *header_size = TunnelHeader(o, 0, false).size();
  if (size < *header_size + 20) return std::nullopt;
  bool inner6 = data[*header_size] >> 4 == 6;
  if (!inner6 && data[*header_size] >> 4 != 4) return std::nullopt;
  uint32_t vni = 0;
  if (o.profile == Profile::kGreKey) vni = Get32(data + 8);
  if (o.profile == Profile::kCookie) vni = Get32(data + 4);
  if (o.profile != Profile::kMac) {
    Bytes wanted = TunnelHeader(o, vni, inner6);
    if (std::memcmp(data, wanted.data(), wanted.size()) != 0)
      return std::nullopt;
    return vni;
  }
  vni = Get32(data + 4);
  uint32_t epoch = Get32(data + 12);
  if (epoch - Epoch() + 1 > 2) return std::nullopt;  // ours and its neighbours
  Bytes wanted =
      MacHeader(o, o.remote, o.local, inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP, vni,
                o.key_id, epoch);
  if (std::memcmp(data, wanted.data(), wanted.size()) != 0) return std::nullopt;
  return vni;
}

// --- outer headers ---

uint8_t Ecn(const uint8_t* inner) {
  uint8_t traffic_class =
      inner[0] >> 4 == 6 ? Get16(inner) >> 4 & 0xff : inner[1];
  return traffic_class & 3;
}

// A port from 49152 on that depends on the inner flow alone.
uint16_t Entropy(const uint8_t* inner, size_t size) {
  bool inner6 = inner[0] >> 4 == 6;
  uint8_t protocol = inner[inner6 ? 6 : 9];
  bool ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
  size_t from = inner6 ? 8 : 12, to = inner6 ? 40 : 20;
  if (ports && size >= to + 4) to += 4;
  uint32_t hash = 2166136261;  // FNV-1a
  for (size_t i = from; i < to; i++) hash = (hash ^ inner[i]) * 16777619;
  return 49152 + (hash >> 18);
}

Bytes OuterIp(const Options& o, uint8_t protocol, size_t payload, uint8_t ecn) {
  Bytes header;
  if (o.local.size() == 16) {
    Put32(header, uint32_t{6} << 28 | uint32_t{ecn} << 20);
    Put16(header, payload);
    PutBytes(header, {protocol, 64});
  } else {
    header = {0x45, ecn};
    Put16(header, 20 + payload);
    PutBytes(header, {0, 0, 0x40, 0, 64, protocol, 0, 0});  // DF; TTL 64
  }
  PutBytes(header, o.local);
  PutBytes(header, o.remote);
  return header;  // IPv4: the kernel fills in the checksum
}

void PutUdpChecksum(const Options& o, uint8_t* udp, size_t size) {
  uint32_t pseudo = Sum(o.local.data(), o.local.size());
  pseudo = Sum(o.remote.data(), o.remote.size(), pseudo) + IPPROTO_UDP + size;
  uint16_t checksum = ~Fold(Sum(udp, size, pseudo));
  if (!checksum) checksum = 0xffff;
  udp[6] = checksum >> 8;
  udp[7] = checksum & 0xff;
}

// Puts all headers in front of `inner`, which has kRoom bytes before it.
// Returns where the packet starts.
uint8_t* Encapsulate(const Options& o, uint32_t vni, uint8_t* inner,
                     size_t size) {
  Bytes tunnel = TunnelHeader(o, vni, inner[0] >> 4 == 6);
  uint8_t* start = inner - tunnel.size();
  std::memcpy(start, tunnel.data(), tunnel.size());
  size_t payload = tunnel.size() + size;
  if (o.profile != Profile::kGre) {
    payload += 8;
    Bytes udp;
    Put16(udp, Entropy(inner, size));
    Put16(udp, o.port);
    Put16(udp, payload);
    Put16(udp, 0);
    start -= 8;
    std::memcpy(start, udp.data(), 8);
    PutUdpChecksum(o, start, payload);
  }
  uint8_t protocol = o.profile == Profile::kGre ? IPPROTO_GRE : IPPROTO_UDP;
  Bytes ip = OuterIp(o, protocol, payload, Ecn(inner));
  start -= ip.size();
  std::memcpy(start, ip.data(), ip.size());
  return start;
}

// --- sockets and threads ---

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

Address SocketAddress(const Bytes& ip, uint16_t port) {
  Address out;
  if (ip.size() == 16) {
    auto* a = reinterpret_cast<sockaddr_in6*>(&out.storage);
    a->sin6_family = AF_INET6;
    a->sin6_port = htons(port);
    std::memcpy(&a->sin6_addr, ip.data(), 16);
    out.size = sizeof(*a);
  } else {
    auto* a = reinterpret_cast<sockaddr_in*>(&out.storage);
    a->sin_family = AF_INET;
    a->sin_port = htons(port);
    std::memcpy(&a->sin_addr, ip.data(), 4);
    out.size = sizeof(*a);
  }
  return out;
}

int OpenTun(const std::string& name) {
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) Die("/dev/net/tun");
  ifreq request = {};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::snprintf(request.ifr_name, IFNAMSIZ, "%s", name.c_str());
  if (ioctl(fd, TUNSETIFF, &request)) Die("device " + name);
  return fd;
}

// What receives from the peer: the kernel verifies UDP checksums. IPv4 raw
// sockets deliver the outer header too.
int OpenReceiver(const Options& o) {
  int family = o.local.size() == 16 ? AF_INET6 : AF_INET;
  bool gre = o.profile == Profile::kGre;
  int fd = socket(family, gre ? SOCK_RAW : SOCK_DGRAM, gre ? IPPROTO_GRE : 0);
  if (fd < 0) Die("receiving socket");
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  Address local = SocketAddress(o.local, gre ? 0 : o.port);
  if (bind(fd, local.get(), local.size)) Die("bind to the local address");
  return fd;
}

int OpenSender(const Options& o) {
  int family = o.local.size() == 16 ? AF_INET6 : AF_INET;
  int fd = socket(family, SOCK_RAW, IPPROTO_RAW);  // we write the IP header
  if (fd < 0) Die("sending socket");
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
  return fd;
}

void FromTun(const Options& o, const Tun& tun) {
  Bytes buffer(kRoom + kPacketMax);
  uint8_t* inner = buffer.data() + kRoom;
  int sender = OpenSender(o);
  Address remote = SocketAddress(o.remote, 0);
  for (;;) {
    ssize_t size = read(tun.fd, inner, kPacketMax);
    if (size < 0 && errno != EINTR && errno != EIO) Die("read " + tun.name);
    if (size < 20) continue;  // EIO: the device is down, or not up yet
    uint8_t* start = Encapsulate(o, tun.vni, inner, size);
    // Errors (too big, no route yet) lose the packet, as a wire would.
    (void)!sendto(sender, start, inner + size - start, 0, remote.get(),
                  remote.size);
  }
}

bool IsRemote(const Options& o, const sockaddr_storage& from) {
  if (o.remote.size() == 16) {
    const auto& a = reinterpret_cast<const sockaddr_in6&>(from);
    return std::memcmp(&a.sin6_addr, o.remote.data(), 16) == 0;
  }
  const auto& a = reinterpret_cast<const sockaddr_in&>(from);
  return std::memcmp(&a.sin_addr, o.remote.data(), 4) == 0;
}

void ToTun(const Options& o, int receiver) {
  std::map<uint32_t, int> tuns;
  for (const Tun& tun : o.tuns) tuns[tun.vni] = tun.fd;
  bool named = o.profile == Profile::kGreKey || o.profile == Profile::kCookie ||
               o.profile == Profile::kMac;
  Bytes buffer(kPacketMax);
  for (;;) {
    sockaddr_storage from = {};
    socklen_t from_size = sizeof(from);
    ssize_t got = recvfrom(receiver, buffer.data(), buffer.size(), 0,
                           reinterpret_cast<sockaddr*>(&from), &from_size);
    if (got < 20 || !IsRemote(o, from)) continue;
    uint8_t* data = buffer.data();
    size_t size = got;
    if (o.profile == Profile::kGre && o.local.size() == 4) {
      size_t outer = (data[0] & 15) * 4;
      data += outer;
      size -= outer;
    }
    size_t header = 0;
    auto vni = CheckTunnelHeader(o, data, size, &header);
    if (!vni) continue;
    auto tun = named ? tuns.find(*vni) : tuns.begin();
    if (tun == tuns.end()) continue;
    (void)!write(tun->second, data + header, size - header);
  }
}

// --- command line ---

Bytes ParseIp(const std::string& text) {
  errno = 0;
  Bytes out(16);
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  out.resize(4);
  if (inet_pton(AF_INET, text.c_str(), out.data()) == 1) return out;
  Die("not an IP address: " + text);
}

Bytes ParseHex(const std::string& text) {
  Bytes out;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16));
  return out;
}

Profile ParseProfile(const std::string& text) {
  const std::map<std::string, Profile> names = {
      {"none", Profile::kNone},      {"variant1", Profile::kVariant1},
      {"gre-key", Profile::kGreKey}, {"cookie", Profile::kCookie},
      {"mac", Profile::kMac},        {"gre", Profile::kGre}};
  auto found = names.find(text);
  if (found == names.end()) Die("no such profile: " + text);
  return found->second;
}

uint32_t ParseNumber(const std::string& text) {
  return std::strtoul(text.c_str(), nullptr, 0);
}

void ParseOption(Options& o, const std::string& name, const std::string& v) {
  if (name == "--local") {
    o.local = ParseIp(v);
  } else if (name == "--remote") {
    o.remote = ParseIp(v);
  } else if (name == "--profile") {
    o.profile = ParseProfile(v);
  } else if (name == "--port") {
    o.port = ParseNumber(v);
  } else if (name == "--key") {
    o.key = ParseHex(v);
  } else if (name == "--key-id") {
    o.key_id = ParseNumber(v);
  } else if (name == "--gre-key") {
    o.gre_key = ParseNumber(v);
  } else {
    Die("unknown option " + name);
  }
}

Options ParseArguments(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; i++) {
    std::string arg = argv[i];
    if (arg.rfind("--", 0) == 0 && i + 1 < argc) {
      ParseOption(o, arg, argv[++i]);
    } else {
      size_t equals = arg.find('=');
      uint32_t vni =
          equals == arg.npos ? 0 : ParseNumber(arg.substr(equals + 1));
      o.tuns.push_back({arg.substr(0, equals), vni});
    }
  }
  size_t key_size = o.profile == Profile::kMac      ? 16
                    : o.profile == Profile::kCookie ? 8
                                                    : 0;
  if (o.local.empty() || o.local.size() != o.remote.size() || o.tuns.empty())
    Die("needs --local, --remote of one family, and a TUN name");
  if (o.key.size() != key_size)
    Die("--key must have " + std::to_string(key_size) + " bytes");
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = ParseArguments(argc, argv);
  int receiver = OpenReceiver(options);
  for (Tun& tun : options.tuns) tun.fd = OpenTun(tun.name);
  std::puts("ready");
  std::fflush(stdout);
  for (const Tun& tun : options.tuns)
    std::thread(FromTun, std::cref(options), std::cref(tun)).detach();
  ToTun(options, receiver);
}
