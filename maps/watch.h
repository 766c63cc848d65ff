/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about packets and what the data plane tells: trace and capture name
 * the packets they want (rp_watches), and explain runs a packet that does not
 * exist (struct rp_dry_run).
 */
#ifndef RAMPART_MAPS_WATCH_H_
#define RAMPART_MAPS_WATCH_H_

#include "maps/abi.h"
#include "maps/ramp.h"

enum {
	RP_WATCH_MAX = 16, /* watches at once; index in rp_watches and rp_watch_rings */
	RP_EVENT_SHORT = 128, /* bytes of a packet in an event of a watch with a small snaplen */
	RP_EVENT_LONG = 2048, /* in all others */
};
#define RP_NO_ENTRY 0xffffffffu /* of rp_flows4 and rp_flows6 */

/* Where on its way a packet is when an event is made; in this order. */
enum rp_event_point {
	RP_AT_RX, /* as it came on */
	RP_AT_RAMP, /* outer headers checked, on-ramp known */
	RP_AT_INNER, /* the tenant's packet parsed */
	RP_AT_FLOW, /* its flow looked up */
	RP_AT_NEXT_HOP, /* where it leaves is known */
	RP_AT_REWRITE, /* addresses, ports and TTL as they leave */
	RP_AT_TX, /* as it leaves */
	RP_AT_PUNT, /* on its way to the controller, struct rp_punt in front */
	RP_AT_PASS, /* the host's own */
	RP_AT_DROP,
	RP_AT_COUNT,
};

/* Which packets, where. Written before its bit in rp_watching is set. */
struct rp_watch {
	__u64 until; /* ns, CLOCK_MONOTONIC: a watch that nobody renews ends */
	__u64 devices[RP_DEVICE_MAX / 64]; /* a bit per device slot */
	__u16 points; /* a bit per enum rp_event_point */
	__u16 snaplen; /* bytes of a packet, RP_EVENT_LONG at most; 0: none */
	__u8 family; /* 4, 6; 0: either */
	__u8 proto; /* 0: any; ICMPv6 is 58 */
	__u8 both; /* 1: also what goes the other way */
	__u8 scope; /* enum rp_watch_scope */
	__be16 sport; /* 0: any */
	__be16 dport;
	__u32 lost; /* events that found the ring full; atomic, by the data plane */
	__u8 saddr[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d; masked */
	__u8 smask[16]; /* zero: any */
	__u8 daddr[16];
	__u8 dmask[16];
};
RP_CHECK_ABI(rp_watch, 120);

/* Which of a tunnelled packet's headers a watch is about. */
enum rp_watch_scope {
	RP_WATCH_INNER, /* the tenant's; those of a packet without a tunnel */
	RP_WATCH_OUTER, /* the first ones of the frame */
};

/* rp_watching: one entry, index 0. */
struct rp_watching {
	__u32 watches; /* a bit per watch in force; atomic */
	__u32 pad; /* zero */
};
RP_CHECK_ABI(rp_watching, 8);

/* XDP metadata in front of a packet that is to be run without writing anything.
 * The points of all watches are told to the ring of `watch`.
 */
enum {
	RP_DRY_RUN = 0x72704479 /* rp_dry_run.magic */
};

struct rp_dry_run {
	__u32 magic;
	__u32 watch; /* index in rp_watch_rings */
};
RP_CHECK_ABI(rp_dry_run, 8);

/* One packet at one point. `captured` bytes of the frame follow, at RX, REWRITE,
 * TX, PUNT, PASS and DROP. What is not known yet is zero.
 */
struct rp_event {
	__u64 time; /* ns, CLOCK_MONOTONIC */
	__u64 file; /* DROP: where in the source: 8 characters of the file's name */
	__u32 packet; /* random; the same in all events of a packet */
	__u32 cpu;
	__u32 realm; /* host order */
	__u32 tunnel; /* on-ramp id */
	__u32 peer; /* position in the tunnel */
	__u32 tenant; /* index in rp_tenants; 0: none */
	__u32 flow; /* slot of the entry, or RP_NO_ENTRY */
	__u32 next_hop; /* index; 0: none */
	__u32 frame_len; /* at this point, bytes */
	__u32 captured; /* bytes */
	__u16 slot; /* device slot */
	__u16 queue;
	__u16 reason; /* DROP: enum rp_outcome */
	__u16 line; /* DROP: of the file */
	__u16 outer; /* offsets in the frame: outer IP header */
	__u16 l3; /* the tenant's IP header */
	__u16 l4;
	__u16 ip_len; /* bytes from l3 on */
	__be16 sport;
	__be16 dport;
	__u8 point; /* enum rp_event_point */
	__u8 watch; /* index */
	__u8 family; /* 4, 6 */
	__u8 outer_family; /* 4, 6; 0: not tunnelled */
	__u8 proto;
	__u8 tcp_flags;
	__u8 pad[6]; /* zero */
};
RP_CHECK_ABI(rp_event, 88);

#endif /* RAMPART_MAPS_WATCH_H_ */
