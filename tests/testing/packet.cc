// SPDX-License-Identifier: Apache-2.0
// Packet builder: what each layer looks like on the wire.
#include "tests/testing/packet.h"

#include <utility>

namespace rampart::testing {
namespace {

Bytes Join(Bytes header, const Bytes& payload) {
  Append(header, payload);
  return header;
}

Bytes GueExtension(const GueFields& fields, const Bytes& addresses,
                   const Bytes& base) {
  Bytes out;
  if (fields.group) Put32(out, *fields.group);
  if (fields.cookie) Put64(out, *fields.cookie);
  if (fields.mac) {
    const GueMac& m = *fields.mac;
    Bytes head;
    Put8(head, m.key_id);
    Put8(head, m.bits);
    Put16(head, m.tag);
    Put32(head, m.epoch);
    Bytes message =
        m.bits & 0x02 ? addresses : Bytes(addresses.size(), uint8_t{0});
    Append(message, base);
    Append(message, out);
    Append(message, head);
    Append(out, head);
    if (m.mac) {
      Put64(out, *m.mac);
    } else {
      uint64_t mac = SipHash24(m.key, message);
      for (int i = 0; i < 8; ++i, mac >>= 8)
        Put8(out, static_cast<uint8_t>(mac));
    }
  }
  Append(out, fields.extension);
  return out;
}

uint16_t GueFlags(const GueFields& fields) {
  uint16_t flags = fields.more_flags;
  if (fields.group) flags |= 0x8000;
  if (fields.mac) flags |= 0x2000;
  if (fields.cookie) flags |= 0x1000;
  return fields.flags.value_or(flags);
}

Bytes GueHeader(const GueFields& fields, uint8_t next, const Bytes& addresses) {
  // The first word must be known before the MAC over it.
  const size_t length = GueExtension(fields, addresses, {}).size();
  const uint8_t hlen = fields.hlen.value_or(static_cast<uint8_t>(length / 4));
  Bytes out;
  Put8(out, static_cast<uint8_t>(fields.variant << 6 | fields.control << 5 |
                                 (hlen & 31)));
  Put8(out, fields.protocol.value_or(next));
  Put16(out, GueFlags(fields));
  Append(out, GueExtension(fields, addresses, out));
  return out;
}

Bytes GreHeader(const GreFields& fields, uint16_t type, const Bytes& payload) {
  uint16_t flags = fields.more_flags;
  if (fields.checksum) flags |= 0x8000;
  if (fields.key) flags |= 0x2000;
  if (fields.sequence) flags |= 0x1000;
  Bytes out;
  Put16(out, fields.flags.value_or(flags));
  Put16(out, fields.type.value_or(type));
  if (fields.checksum) Put32(out, 0);
  if (fields.key) Put32(out, *fields.key);
  if (fields.sequence) Put32(out, *fields.sequence);
  if (fields.checksum)
    Set16(out, 4, fields.checksum_value.value_or(Checksum(Join(out, payload))));
  return out;
}

}  // namespace

uint16_t L4Checksum(const Bytes& addresses, uint8_t protocol,
                    const Bytes& segment) {
  Bytes pseudo = addresses;
  Put32(pseudo, static_cast<uint32_t>(segment.size()));
  Put32(pseudo, protocol);
  return Checksum(Join(pseudo, segment));
}

uint8_t Packet::Protocol(const Layer* next) {
  if (next == nullptr) return kNoNext;
  return next->protocol;
}

Packet Packet::With(Layer layer) const {
  Packet packet = *this;
  packet.layers_.push_back(std::move(layer));
  return packet;
}

Packet Packet::Then(const Packet& inner) const {
  Packet packet = *this;
  packet.layers_.insert(packet.layers_.end(), inner.layers_.begin(),
                        inner.layers_.end());
  return packet;
}

Bytes Packet::Build() const {
  Bytes bytes;
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer* next = i + 1 < layers_.size() ? &layers_[i + 1] : nullptr;
    Bytes addresses;
    for (size_t j = i; j-- > 0 && addresses.empty();)
      addresses = layers_[j].addresses;
    bytes = layers_[i].emit(next, addresses, bytes);
  }
  return bytes;
}

Packet Packet::Eth(const EthFields& f) const {
  return With({0,
               0,
               [f](const Layer* next, const Bytes&, const Bytes& payload) {
                 Bytes out(f.destination.begin(), f.destination.end());
                 out.insert(out.end(), f.source.begin(), f.source.end());
                 Put16(out, f.type.value_or(next ? next->ether_type : 0));
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Vlan(uint16_t id, uint16_t tpid) const {
  return With({tpid,
               0,
               [id](const Layer* next, const Bytes&, const Bytes& payload) {
                 Bytes out;
                 Put16(out, id);
                 Put16(out, next ? next->ether_type : 0);
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Ip4(const Ip& source, const Ip& destination,
                   const Ip4Fields& f) const {
  Bytes both = source.bytes();
  Append(both, destination.bytes());
  return With(
      {kTypeIp4, kIp4InIp,
       [f, both](const Layer* next, const Bytes&, const Bytes& payload) {
         const size_t header = 20 + f.options.size();
         Bytes out;
         Put8(out, static_cast<uint8_t>(
                       f.version << 4 |
                       f.ihl.value_or(static_cast<uint8_t>(header / 4))));
         Put8(out, f.tos);
         Put16(out, f.total_length.value_or(
                        static_cast<uint16_t>(header + payload.size())));
         Put16(out, f.id);
         Put16(out, f.fragment);
         Put8(out, f.ttl);
         Put8(out, f.protocol.value_or(Protocol(next)));
         Put16(out, 0);
         Append(out, both);
         Append(out, f.options);
         Set16(out, 10, f.checksum.value_or(Checksum(out)));
         return Join(out, payload);
       },
       both});
}

Packet Packet::Ip6(const Ip& source, const Ip& destination,
                   const Ip6Fields& f) const {
  Bytes both = source.bytes();
  Append(both, destination.bytes());
  return With(
      {kTypeIp6, kIp6InIp,
       [f, both](const Layer* next, const Bytes&, const Bytes& payload) {
         Bytes out;
         Put32(out, static_cast<uint32_t>(f.version) << 28 |
                        static_cast<uint32_t>(f.tos) << 20 | f.flow_label);
         Put16(out, f.payload_length.value_or(
                        static_cast<uint16_t>(payload.size())));
         Put8(out, f.next_header.value_or(Protocol(next)));
         Put8(out, f.ttl);
         Append(out, both);
         return Join(out, payload);
       },
       both});
}

Packet Packet::IpAny(const Ip& source, const Ip& destination,
                     const IpFields& f) const {
  if (source.is_v4())
    return Ip4(source, destination, {.ttl = f.ttl, .tos = f.tos});
  return Ip6(source, destination, {.ttl = f.ttl, .tos = f.tos});
}

Packet Packet::Extension(uint8_t number, const Bytes& body) const {
  return With({0,
               number,
               [body](const Layer* next, const Bytes&, const Bytes& payload) {
                 Bytes out;
                 Put8(out, Protocol(next));
                 Put8(out, static_cast<uint8_t>((body.size() + 2) / 8 - 1));
                 Append(out, body);
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Fragment6(uint16_t offset, bool more, uint32_t id) const {
  return With({0,
               kFragment,
               [=](const Layer* next, const Bytes&, const Bytes& payload) {
                 Bytes out;
                 Put8(out, Protocol(next));
                 Put8(out, 0);
                 Put16(out, static_cast<uint16_t>((offset & ~7) | more));
                 Put32(out, id);
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Udp(uint16_t source, uint16_t destination,
                   const UdpFields& f) const {
  return With(
      {0,
       kUdp,
       [=](const Layer*, const Bytes& addresses, const Bytes& payload) {
         Bytes out;
         Put16(out, source);
         Put16(out, destination);
         Put16(out,
               f.length.value_or(static_cast<uint16_t>(8 + payload.size())));
         Put16(out, 0);
         const uint16_t sum = L4Checksum(addresses, kUdp, Join(out, payload));
         Set16(out, 6, f.checksum.value_or(sum ? sum : 0xffff));
         return Join(out, payload);
       },
       {}});
}

Packet Packet::Tcp(uint16_t source, uint16_t destination,
                   const TcpFields& f) const {
  return With({0,
               kTcp,
               [=](const Layer*, const Bytes& addresses, const Bytes& payload) {
                 Bytes options = f.options;
                 while (options.size() % 4) Put8(options, 0);
                 Bytes out;
                 Put16(out, source);
                 Put16(out, destination);
                 Put32(out, f.seq);
                 Put32(out, f.ack);
                 Put8(out, static_cast<uint8_t>(
                               f.data_offset.value_or(
                                   static_cast<uint8_t>(5 + options.size() / 4))
                               << 4));
                 Put8(out, f.flags);
                 Put16(out, f.window);
                 Put32(out, 0);
                 Append(out, options);
                 Set16(out, 16,
                       f.checksum.value_or(
                           L4Checksum(addresses, kTcp, Join(out, payload))));
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Icmp(uint8_t type, uint8_t code, const IcmpFields& f) const {
  bool v6 = false;
  for (const Layer& layer : layers_)
    if (!layer.addresses.empty()) v6 = layer.addresses.size() == 32;
  const uint8_t protocol = v6 ? kIcmp6 : kIcmp;
  return With({0,
               protocol,
               [=](const Layer*, const Bytes& addresses, const Bytes& payload) {
                 Bytes out;
                 Put8(out, type);
                 Put8(out, code);
                 Put16(out, 0);
                 Put32(out, f.rest);
                 const Bytes all = Join(out, payload);
                 const uint16_t sum =
                     v6 ? L4Checksum(addresses, kIcmp6, all) : Checksum(all);
                 Set16(out, 2, f.checksum.value_or(sum));
                 return Join(out, payload);
               },
               {}});
}

Packet Packet::Echo(bool reply, uint16_t id, uint16_t sequence) const {
  bool v6 = false;
  for (const Layer& layer : layers_)
    if (!layer.addresses.empty()) v6 = layer.addresses.size() == 32;
  const int type = v6 ? (reply ? 129 : 128) : (reply ? 0 : 8);
  return Icmp(static_cast<uint8_t>(type), 0,
              {.rest = static_cast<uint32_t>(id) << 16 | sequence});
}

Packet Packet::Gue(const GueFields& f) const {
  return With(
      {0,
       0,
       [f](const Layer* next, const Bytes& addresses, const Bytes& payload) {
         return Join(GueHeader(f, Protocol(next), addresses), payload);
       },
       {}});
}

Packet Packet::Gre(const GreFields& f) const {
  return With({0,
               kGre,
               [f](const Layer* next, const Bytes&, const Bytes& payload) {
                 return Join(GreHeader(f, next ? next->ether_type : 0, payload),
                             payload);
               },
               {}});
}

Packet Packet::Payload(std::string_view text) const {
  return Payload(FromText(text));
}

Packet Packet::Payload(const Bytes& bytes) const {
  return Opaque(kNoNext, bytes);
}

Packet Packet::Opaque(uint8_t protocol, const Bytes& bytes,
                      uint16_t ether_type) const {
  return With({ether_type,
               protocol,
               [bytes](const Layer*, const Bytes&, const Bytes& payload) {
                 return Join(bytes, payload);
               },
               {}});
}

}  // namespace rampart::testing
