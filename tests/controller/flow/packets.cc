// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/flow/packets.h"

#include <tins/tins.h>

#include <memory>

namespace rampart {
namespace {

std::unique_ptr<Tins::PDU> Transport(const PacketSpec& spec) {
  const bool v4 = spec.source.is_v4();
  switch (spec.protocol) {
    case IPPROTO_TCP: {
      auto tcp = std::make_unique<Tins::TCP>(spec.dport, spec.sport);
      tcp->flags(spec.tcp_flags);
      tcp->seq(1000);
      if (spec.tcp_flags & kTcpAck) tcp->ack_seq(2000);
      return tcp;
    }
    case IPPROTO_UDP:
      return std::make_unique<Tins::UDP>(spec.dport, spec.sport);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if (v4) {
        auto icmp = std::make_unique<Tins::ICMP>(
            spec.echo_reply ? Tins::ICMP::ECHO_REPLY
                            : Tins::ICMP::ECHO_REQUEST);
        icmp->id(spec.sport);
        icmp->sequence(7);
        return icmp;
      } else {
        auto icmp = std::make_unique<Tins::ICMPv6>(
            spec.echo_reply ? Tins::ICMPv6::ECHO_REPLY
                            : Tins::ICMPv6::ECHO_REQUEST);
        icmp->identifier(spec.sport);
        icmp->sequence(7);
        return icmp;
      }
    default:
      return nullptr;
  }
}

}  // namespace

std::vector<uint8_t> BuildPacket(const PacketSpec& spec) {
  std::unique_ptr<Tins::PDU> ip;
  if (spec.source.is_v4()) {
    auto v4 = std::make_unique<Tins::IP>(spec.destination.ToString(),
                                         spec.source.ToString());
    v4->id(0);
    v4->ttl(spec.ttl);
    v4->protocol(spec.protocol);
    v4->flags(Tins::IP::DONT_FRAGMENT);
    ip = std::move(v4);
  } else {
    auto v6 = std::make_unique<Tins::IPv6>(spec.destination.ToString(),
                                           spec.source.ToString());
    v6->hop_limit(spec.ttl);
    v6->next_header(spec.protocol);
    ip = std::move(v6);
  }
  Tins::PDU* last = ip.get();
  if (auto transport = Transport(spec)) {
    last->inner_pdu(transport.release());
    last = last->inner_pdu();
  }
  std::vector<uint8_t> payload(spec.payload);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = i * 37;
  if (!payload.empty()) last->inner_pdu(Tins::RawPDU(payload));
  return ip->serialize();
}

FlowTuple TupleOfSpec(uint32_t realm, const PacketSpec& spec) {
  FlowTuple tuple = {realm,
                     {spec.source, spec.sport},
                     {spec.destination, spec.dport},
                     spec.protocol};
  switch (spec.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      tuple.source.port = spec.echo_reply ? 0 : spec.sport;
      tuple.destination.port = spec.echo_reply ? spec.sport : 0;
      break;
    default:
      tuple.source.port = tuple.destination.port = 0;
  }
  return tuple;
}

}  // namespace rampart
