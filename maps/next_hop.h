/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rp_next_hops: where flows leave. Flows hold an index, so a changed MAC, a
 * moved peer or a failed replica is one write here and no scan of flows.
 */
#ifndef RAMPART_MAPS_NEXT_HOP_H_
#define RAMPART_MAPS_NEXT_HOP_H_

#include "maps/abi.h"

enum rp_next_hop_kind {
	RP_NEXT_HOP_FREE, /* unused index */
	RP_NEXT_HOP_DOWN, /* allocated, but unresolved: packets are dropped by that name */
	RP_NEXT_HOP_SEND, /* put `header` in front and send */
	RP_NEXT_HOP_DROP, /* drop for `reason` */
};

enum rp_next_hop_flags {
	RP_NEXT_HOP_OUTER4 = 1 << 0, /* header holds an outer IPv4 header at outer_offset */
	RP_NEXT_HOP_OUTER6 = 1 << 1, /* the same for IPv6 */
	RP_NEXT_HOP_UDP = 1 << 2, /* UDP behind it: entropy port and length are filled in */
	RP_NEXT_HOP_UDP_CSUM = 1 << 3, /* and a checksum */
	RP_NEXT_HOP_MAC =
		1 << 4, /* GUE security field at the end of header: epoch and MAC filled in */
	RP_NEXT_HOP_GRE_CSUM =
		1 << 5, /* GRE checksum, 4 bytes behind the start of the GRE header */
	RP_NEXT_HOP_GRE_SEQ = 1 << 6, /* GRE sequence number, the last 4 bytes of header */
};

enum {
	RP_NEXT_HOP_MAX = 65536,
	RP_HEADER_MAX = 112, /* 14 + 2 VLAN tags + 40 + 8 + 24 = 94, and room */
};

/* MAC of one epoch, filled in by the data plane when first needed in it. */
struct rp_mac_cache {
	__u64 mac; /* as 8 bytes of the packet */
	__u32 epoch; /* host order; 0: empty */
	__u32 pad; /* zero */
};
RP_CHECK_ABI(rp_mac_cache, 16);

/* What a next hop is for, so that a restarted controller finds its own again. */
enum rp_next_hop_use {
	RP_USE_NONE,
	RP_USE_TUNNEL, /* to peer `peer` of tunnel `tunnel` in `realm`, inner family `family`;
			* by another one while that is down */
	RP_USE_UNDERLAY, /* routed on the underlay like `address` of `family` */
	RP_USE_INTERFACE, /* to `address` behind the interface of tunnel `tunnel` */
	RP_USE_REASON, /* drop for a reason */
};

struct rp_next_hop {
	/* first cache line and a half: all that most packets need */
	__u8 kind; /* enum rp_next_hop_kind */
	__u8 header_len; /* bytes of `header`, link header to last tunnel header */
	__u8 outer_offset; /* of the outer IP header in `header` */
	__u8 flags; /* enum rp_next_hop_flags */
	__u16 mtu; /* largest inner IP packet, bytes */
	__u16 reason; /* RP_NEXT_HOP_DROP: enum rp_outcome */
	__u16 slot; /* device slot: index into rp_ports */
	__u16 tenant; /* whose tunnel this is, index in rp_tenants; 0: nobody's */
	__u32 sequence; /* GRE sequence number last sent; atomic */
	__u8 header
		[RP_HEADER_MAX]; /* in wire order; lengths, checksums, ECN, entropy, epoch, MAC 0.
				     * IPv4: header checksum over these bytes is in place. */
	/* authentication, profile mac */
	__u64 k0; /* sending key, as in struct rp_peer_key */
	__u64 k1;
	struct rp_mac_cache
		macs[2]; /* index = epoch & 1, so writers never touch what readers use */
	/* identity, for the controller only */
	__u8 address[16]; /* IPv6, or IPv4-mapped */
	__u32 tunnel;
	__u32 realm; /* host order */
	__u32 peer; /* position in the tunnel */
	__u8 use; /* enum rp_next_hop_use */
	__u8 family; /* inner: 4 or 6 */
	__u8 spread; /* tunnel: which of the other peers takes over for this one */
	__u8 exact; /* tunnel: this peer or none, whatever its health: for probes */
	__u32 carrier; /* tunnel: position of the peer that `header` leads to now */
	__u8 reserved[44]; /* zero; fills the entry to four cache lines */
};
RP_CHECK_ABI(rp_next_hop, 256);

#endif /* RAMPART_MAPS_NEXT_HOP_H_ */
