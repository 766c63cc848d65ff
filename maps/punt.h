/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What passes between the data plane and the controller, packet by packet. */
#ifndef RAMPART_MAPS_PUNT_H_
#define RAMPART_MAPS_PUNT_H_

#include "maps/abi.h"

enum rp_punt_reason {
	RP_PUNT_MISS = 1, /* no flow: decide */
	RP_PUNT_TTL, /* TTL or hop limit is 1: tell the sender */
	RP_PUNT_TOO_BIG, /* larger than `mtu`: tell the sender */
	RP_PUNT_SPLIT, /* larger than `mtu`, and may be fragmented: do */
	RP_PUNT_FRAGMENT, /* wait for the others of its datagram */
};

/* In front of every packet in an AF_XDP frame of the controller; the inner IP
 * packet follows, as it came on (not rewritten, TTL not decremented; ECN
 * already combined with the outer header's).
 */
struct rp_punt {
	__u32 reason; /* enum rp_punt_reason */
	__u32 realm; /* host order */
	__u32 tunnel; /* on-ramp id; RP_TUNNEL_UNDERLAY for NAT returns */
	__u32 peer; /* position of the peer in the tunnel */
	__u32 slot; /* device slot it came on through */
	__u16 mtu; /* RP_PUNT_TOO_BIG, RP_PUNT_SPLIT: what would fit, bytes */
	__u16 length; /* of the IP packet that follows, bytes */
	__u32 tenant; /* index into rp_tenants */
	__u32 pad; /* zero */
};
RP_CHECK_ABI(rp_punt, 32);

/* Link header of a frame that the controller writes into its TAP. The source
 * MAC names the on-ramp, the destination MAC says what to do:
 *   02:56:<realm>     take the packet on in that realm
 *   02:46:<realm>     take the fragment on in that realm; struct
 *                     rp_inject_fragment stands between this header and it
 *   02:4e:<next hop>  send it through that next hop as it is (no flow, no TTL)
 */
enum {
	RP_INJECT_SOURCE = 0x0254, /* 02:54:<tunnel id> */
	RP_INJECT_REALM = 0x0256,
	RP_INJECT_FRAGMENT = 0x0246,
	RP_INJECT_NEXT_HOP = 0x024e,
};

struct rp_inject {
	__be16 verb; /* one of the above, but RP_INJECT_SOURCE */
	__u8 argument[4]; /* realm or next hop, network order */
	__be16 source; /* RP_INJECT_SOURCE */
	__u8 tunnel[4]; /* network order */
	__be16 ethertype; /* 0x0800 or 0x86dd */
};
RP_CHECK_ABI(rp_inject, 14);

/* What only the first fragment of a datagram says, beside each of them. */
struct rp_inject_fragment {
	__be16 sport; /* as in a flow key */
	__be16 dport;
	__u8 proto;
	__u8 pad[3]; /* zero */
};
RP_CHECK_ABI(rp_inject_fragment, 8);

#endif /* RAMPART_MAPS_PUNT_H_ */
