/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Directed flow entries: rp_flows4 and rp_flows6.
 *
 * A flow is two entries that name each other: the reverse of an entry is found
 * under its rewritten tuple, swapped, in its reverse_realm.
 */
#ifndef RAMPART_MAPS_FLOW_H_
#define RAMPART_MAPS_FLOW_H_

#include "maps/abi.h"

/* What a packet looks like when it comes on.
 * Ports: TCP and UDP as in the packet. ICMP echo request: sport = identifier,
 * dport = 0; echo reply: sport = 0, dport = identifier, so that a reply is
 * found under the swapped tuple. Any other protocol: both 0.
 */
struct rp_flow4_key {
	__u32 realm; /* host order; see maps/realm.h */
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IANA protocol number */
	__u8 pad[3]; /* zero */
};
RP_CHECK_ABI(rp_flow4_key, 20);

struct rp_flow6_key {
	__u32 realm;
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};
RP_CHECK_ABI(rp_flow6_key, 44);

/* Idle time-out of a flow, an index into rp_config.timeouts. */
enum rp_timeout {
	RP_TIMEOUT_UDP,
	RP_TIMEOUT_TCP_ESTABLISHED,
	RP_TIMEOUT_TCP_TRANSITORY, /* opening, closing, reset */
	RP_TIMEOUT_ICMP,
	RP_TIMEOUT_OTHER, /* address-only flows */
	RP_TIMEOUT_DENIED, /* how long a refusal is remembered */
	RP_TIMEOUT_COUNT = 8,
};

enum rp_flow_flags {
	RP_FLOW_FORWARD = 1 << 0, /* direction of the packet that started the flow */
	RP_FLOW_SNAT = 1 << 1, /* a NAT port is held for this flow (both entries) */
	RP_FLOW_ALONE = 1 << 2, /* remembered refusal: there is no reverse entry */
};

/* Seen in this entry's direction; shifted left by RP_TCP_REVERSE for what was
 * seen in the other one. Written by the data plane.
 */
enum rp_tcp_seen {
	RP_TCP_SYN = 1 << 0,
	RP_TCP_ACK = 1 << 1, /* a segment with ACK and without SYN */
	RP_TCP_FIN = 1 << 2,
	RP_TCP_RST = 1 << 3,
	RP_TCP_REVERSE = 4,
};

/* State common to both families. Counters and last_seen are written by the
 * data plane, the rest by the controller before the entry becomes visible.
 */
struct rp_flow {
	__u64 packets; /* atomic: a flow may move between CPUs */
	__u64 bytes; /* IP total length as it came on; atomic */
	__u32 last_seen; /* ticks */
	__u32 next_hop; /* index into rp_next_hops */
	__u32 on_ramp; /* id of the tunnel that packets must come on through */
	__u32 reverse_realm; /* host order */
	__u32 epoch; /* configuration that admitted the flow */
	__be16 entropy; /* outer UDP source port, 49152 + 14 bits of the flow's hash */
	__u8 flags; /* enum rp_flow_flags */
	__u8 tcp; /* enum rp_tcp_seen, both directions */
};
RP_CHECK_ABI(rp_flow, 40);

/* 56 bytes of value behind a 20-byte key make a hash element of 128 bytes: two
 * cache lines.
 */
struct rp_flow4 {
	struct rp_flow flow;
	__be32 saddr; /* the packet's addresses and ports after the rewrite */
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u16 l3_delta; /* to add to ~checksum of the IPv4 header: addresses, and TTL - 1 */
	__u16 l4_delta; /* the same for TCP, UDP (pseudo header and ports) or ICMP (identifier) */
};
RP_CHECK_ABI(rp_flow4, 56);

struct rp_flow6 {
	struct rp_flow flow;
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u16 l4_delta; /* TCP, UDP, ICMPv6: pseudo header and ports or identifier */
	__u16 pad; /* zero */
};
RP_CHECK_ABI(rp_flow6, 80);

#endif /* RAMPART_MAPS_FLOW_H_ */
