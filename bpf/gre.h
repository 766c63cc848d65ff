/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GRE (RFC 2784) with key and sequence number (RFC 2890).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |C|R|K|S|s|Recur|  Flags  | Ver |         Protocol Type         |
 *  |      Checksum (C)             |       Reserved1 (C)           |
 *  |                            Key (K)                            |
 *  |                       Sequence Number (S)                     |
 */
#ifndef RAMPART_BPF_GRE_H_
#define RAMPART_BPF_GRE_H_

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "bpf/csum.h"
#include "bpf/packet.h"

enum rp_gre_flags { /* host order */
	RP_GRE_CSUM = 0x8000,
	RP_GRE_ROUTING = 0x4000,
	RP_GRE_KEY = 0x2000,
	RP_GRE_SEQ = 0x1000,
	RP_GRE_RFC1701 = 0x4f00, /* routing, strict source route, recursion */
	RP_GRE_VERSION = 0x0007,
};

struct rp_gre_header {
	__be16 flags;
	__be16 protocol;
};

struct rp_gre {
	__u16 flags; /* host order */
	__u8 len; /* bytes of header */
	__u8 family; /* of the payload: 4 or 6 */
	__be32 key; /* 0 without RP_GRE_KEY */
};

static __always_inline enum rp_verdict parse_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
						 __u32 offset, struct rp_gre *gre)
{
	const struct rp_gre_header *header = rp_at(ctx, offset, sizeof(*header));
	const __be32 *key;

	if (!header || offset + sizeof(*header) > pkt->limit)
		return rp_drop(pkt, RP_DROP_GRE_TRUNCATED);
	gre->flags = bpf_ntohs(header->flags);
	gre->len = sizeof(*header);
	gre->key = 0;
	if (gre->flags & RP_GRE_VERSION)
		return rp_drop(pkt, RP_DROP_GRE_VERSION);
	if (gre->flags & RP_GRE_RFC1701)
		return rp_drop(pkt, RP_DROP_GRE_ROUTING);
	if (header->protocol == bpf_htons(ETH_P_IP))
		gre->family = 4;
	else if (header->protocol == bpf_htons(ETH_P_IPV6))
		gre->family = 6;
	else
		return rp_drop(pkt, RP_DROP_GRE_PROTO);
	if (gre->flags & RP_GRE_CSUM)
		gre->len += 4;
	if (gre->flags & RP_GRE_KEY) {
		key = rp_at(ctx, offset + gre->len, sizeof(*key));
		if (!key)
			return rp_drop(pkt, RP_DROP_GRE_TRUNCATED);
		gre->key = *key;
		gre->len += 4;
	}
	if (gre->flags & RP_GRE_SEQ)
		gre->len += 4;
	if (offset + gre->len > pkt->limit)
		return rp_drop(pkt, RP_DROP_GRE_TRUNCATED);
	return RP_NEXT;
}

/* Plain GRE from a known peer: exactly the flags it is configured with.
 * Sequence numbers are accepted unseen: order is the tenant's affair.
 */
static __always_inline enum rp_verdict take_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
						const struct rp_peer *peer, __u32 offset,
						const struct rp_gre *gre)
{
	bool csum = peer->flags & RP_PEER_GRE_CSUM;
	bool sequence = peer->flags & RP_PEER_GRE_SEQ;

	pkt->tunnel = peer->tunnel;
	pkt->peer = peer->index;
	pkt->tenant = peer->tenant;
	if (!!(gre->flags & RP_GRE_CSUM) != csum || !!(gre->flags & RP_GRE_SEQ) != sequence)
		return rp_drop(pkt, RP_DROP_GRE_FLAGS);
	if (csum) {
		__s64 sum = csum_bytes(ctx, offset, pkt->limit - offset);

		if (sum < 0 || csum_fold64(sum) != 0xffff)
			return rp_drop(pkt, RP_DROP_GRE_CSUM);
	}
	pkt->realm = peer->realm;
	pkt->family = gre->family;
	pkt->l3 = offset + gre->len;
	return RP_NEXT;
}

#endif /* RAMPART_BPF_GRE_H_ */
