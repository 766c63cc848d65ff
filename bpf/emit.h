/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 7: the next hop's headers in front, and out. */
#ifndef RAMPART_BPF_EMIT_H_
#define RAMPART_BPF_EMIT_H_

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "bpf/csum.h"
#include "bpf/gue.h"
#include "bpf/packet.h"

/* Whether and up to which size packets can leave through pkt->next_hop. */
static __always_inline enum rp_verdict next_hop_stage(struct rp_pkt *pkt)
{
	__u32 index = pkt->next_hop; /* Linux 6.1 takes no key from a function's argument */
	const struct rp_next_hop *hop = bpf_map_lookup_elem(&rp_next_hops, &index);

	if (!hop)
		return rp_drop(pkt, RP_DROP_NEXT_HOP_INDEX);
	switch (hop->kind) {
	case RP_NEXT_HOP_SEND:
		break;
	case RP_NEXT_HOP_DOWN:
		return rp_drop(pkt, RP_DROP_NEXT_HOP_DOWN);
	case RP_NEXT_HOP_DROP:
		return rp_drop(pkt, hop->reason);
	default:
		return rp_drop(pkt, RP_DROP_NEXT_HOP_INDEX);
	}
	pkt->mtu = hop->mtu;
	if (!pkt->tenant)
		pkt->tenant = hop->tenant;
	return RP_NEXT;
}

/* Sum of the tenant's packet, as rewritten, for the outer UDP checksum. A
 * valid checksum makes what it covers sum up to nothing: IPv4's header, and
 * TCP, UDP or ICMP but for their pseudo header. So most packets need no pass
 * over their bytes; an invalid inner checksum becomes an invalid outer one, and
 * the packet is lost one hop before it would have been.
 */
static __always_inline __s64 inner_sum(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	__u32 l4_len = pkt->l3 + pkt->ip_len - pkt->l4;
	__u64 pseudo = bpf_htons(l4_len) + bpf_htons(pkt->proto);

	if (pkt->is_part)
		return csum_bytes(ctx, pkt->l3, pkt->ip_len);
	if (pkt->proto == IPPROTO_UDP) {
		const struct udphdr *udp = rp_at(ctx, pkt->l4, sizeof(*udp));

		/* Only a sum that covers the whole packet says anything about it. */
		if (!udp || !udp->check || bpf_ntohs(udp->len) != l4_len)
			return csum_bytes(ctx, pkt->l3, pkt->ip_len);
	} else if (pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_ICMP &&
		   pkt->proto != IPPROTO_ICMPV6) {
		return csum_bytes(ctx, pkt->l3, pkt->ip_len);
	}
	if (pkt->family == 4) {
		const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip || pkt->proto == IPPROTO_ICMPV6)
			return csum_bytes(ctx, pkt->l3, pkt->ip_len);
		pseudo += (__u64)ip->saddr + ip->daddr;
		return pkt->proto == IPPROTO_ICMP ? 0 : (__u16)~csum_fold64(pseudo);
	} else {
		const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
		const __u32 *words = (const __u32 *)ip;

		if (!ip || pkt->extended || pkt->proto == IPPROTO_ICMP)
			return csum_bytes(ctx, pkt->l3, pkt->ip_len);
		/* The addresses are in header and pseudo header, and cancel out. */
		return (__u64)words[0] + words[1] +
		       (__u16)~csum_fold64(bpf_htons(l4_len) + bpf_htons(pkt->proto));
	}
}

/* Copies the template: whole words, and one that overlaps for the rest. */
static __always_inline bool push_header(struct xdp_md *ctx, const struct rp_next_hop *hop)
{
	__u32 len = hop->header_len;
	__u8 *to;

	if (!len)
		return true; /* a layer 3 device */
	for (int i = 0; i < RP_HEADER_MAX / 8; i++) {
		if (i * 8 + 8 > (int)len)
			break;
		to = rp_at(ctx, i * 8, 8);
		if (!to)
			return false;
		*(__u64 *)to = *(const __u64 *)(hop->header + i * 8);
	}
	len -= 8;
	if (len > RP_HEADER_MAX - 8)
		return false;
	to = rp_at(ctx, len, 8);
	if (!to)
		return false;
	__builtin_memcpy(to, hop->header + len, 8);
	return true;
}

static __always_inline void finish_outer4(struct iphdr *ip, __u32 len, __u8 ecn)
{
	__u16 first = *(__u16 *)ip;

	ip->tos |= ecn;
	ip->tot_len = bpf_htons(len);
	ip->check = csum_apply(ip->check, csum_delta16(first, *(__u16 *)ip) + (__u32)ip->tot_len);
}

static __always_inline void finish_outer6(struct ipv6hdr *ip, __u32 len, __u8 ecn)
{
	((__u8 *)ip)[1] |= ecn << 4;
	ip->payload_len = bpf_htons(len - sizeof(*ip));
}

/* Epoch and MAC at the end of the header. The MAC depends on nothing else in
 * the packet, so it is made once per epoch and kept in the next hop. Two CPUs
 * may both make it: they write the same bytes. The epoch goes in last, and the
 * slot of the epoch before stays valid for readers who have not moved on.
 */
static __always_inline bool finish_mac(struct xdp_md *ctx, const struct rp_pkt *pkt,
				       struct rp_next_hop *hop, __u32 outer)
{
	__u32 offset = (hop->header_len - GUE_LEN_MAC) & 0xff;
	__u32 epoch = gue_epoch();
	struct rp_mac_cache *cache = &hop->macs[epoch & 1];
	struct gue_mac_header *gue;
	const void *ip;

	ip = rp_at(ctx, outer, 40);
	if (!ip)
		return false;
	gue = rp_at(ctx, offset, GUE_LEN_MAC);
	if (!gue)
		return false;
	gue->epoch = bpf_htonl(epoch);
	if (cache->epoch != epoch) {
		__u8 family = hop->flags & RP_NEXT_HOP_OUTER4 ? 4 : 6;
		__u64 mac = gue_mac(hop->k0, hop->k1, ip, family, gue);

		gue->mac = mac;
		if (pkt->dry)
			return true;
		cache->mac = mac;
		barrier();
		cache->epoch = epoch;
	}
	gue->mac = cache->mac;
	return true;
}

/* Bytes between the UDP header and the tenant's packet; 24 at most. */
static __always_inline __u64 shim_sum(struct xdp_md *ctx, const struct rp_pkt *pkt, __u32 from)
{
	__u64 sum = 0;

	for (int i = 0; i < GUE_LEN_MAC / 4; i++) {
		const __u32 *word = rp_at(ctx, from + i * 4, 4);

		if (!word || from + i * 4 >= pkt->l3)
			break;
		sum += *word;
	}
	return sum;
}

static __always_inline bool finish_udp(struct xdp_md *ctx, struct rp_pkt *pkt,
				       const struct rp_next_hop *hop, __u32 outer)
{
	__u32 offset = outer + (hop->flags & RP_NEXT_HOP_OUTER4 ? sizeof(struct iphdr)
								: sizeof(struct ipv6hdr));
	const __u32 *ip = rp_at(ctx, outer, 40);
	struct udphdr *udp;
	__s64 inner;
	__u64 sum;

	if (!ip)
		return false;
	udp = rp_at(ctx, offset, sizeof(*udp));
	if (!udp)
		return false;
	udp->source = pkt->entropy;
	udp->len = bpf_htons(pkt->l3 + pkt->ip_len - offset);
	if (!(hop->flags & RP_NEXT_HOP_UDP_CSUM))
		return true;
	inner = inner_sum(ctx, pkt);
	if (inner < 0)
		return false;
	sum = hop->flags & RP_NEXT_HOP_OUTER4 ? (__u64)ip[3] + ip[4]
					      : csum_words16(ip + 2) + csum_words16(ip + 6);
	sum += bpf_htons(IPPROTO_UDP) + 2ULL * udp->len + udp->source + udp->dest;
	sum += shim_sum(ctx, pkt, offset + sizeof(*udp)) + inner;
	udp->check = ~csum_fold64(sum);
	if (!udp->check)
		udp->check = 0xffff;
	return true;
}

/* Optional fields of plain GRE: checksum behind the first word, sequence last. */
static __always_inline bool finish_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
				       struct rp_next_hop *hop, __u32 outer)
{
	__u32 offset = outer + (hop->flags & RP_NEXT_HOP_OUTER4 ? sizeof(struct iphdr)
								: sizeof(struct ipv6hdr));

	if (hop->flags & RP_NEXT_HOP_GRE_SEQ) {
		__be32 *sequence = rp_at(ctx, pkt->l3 - 4, 4);

		if (!sequence)
			return false;
		*sequence = bpf_htonl(
			(pkt->dry ? hop->sequence : __sync_fetch_and_add(&hop->sequence, 1)) + 1);
	}
	if (hop->flags & RP_NEXT_HOP_GRE_CSUM) {
		__u16 *check = rp_at(ctx, offset + 4, 2);
		__s64 sum = csum_bytes(ctx, offset, pkt->l3 + pkt->ip_len - offset);

		if (!check || sum < 0)
			return false;
		*check = ~csum_fold64(sum);
	}
	return true;
}

static __always_inline bool finish_outer(struct xdp_md *ctx, struct rp_pkt *pkt,
					 struct rp_next_hop *hop)
{
	__u32 outer = hop->outer_offset & 0x1f; /* 0, 14, 18 or 22 */
	__u32 len = pkt->l3 + pkt->ip_len - outer;

	if (hop->flags & RP_NEXT_HOP_OUTER4) {
		struct iphdr *ip = rp_at(ctx, outer, sizeof(*ip));

		if (!ip)
			return false;
		finish_outer4(ip, len, pkt->ecn);
	} else {
		struct ipv6hdr *ip = rp_at(ctx, outer, sizeof(*ip));

		if (!ip)
			return false;
		finish_outer6(ip, len, pkt->ecn);
	}
	if (hop->flags & RP_NEXT_HOP_MAC && !finish_mac(ctx, pkt, hop, outer))
		return false;
	if (hop->flags & RP_NEXT_HOP_UDP)
		return finish_udp(ctx, pkt, hop, outer);
	if (hop->flags & (RP_NEXT_HOP_GRE_CSUM | RP_NEXT_HOP_GRE_SEQ))
		return finish_gre(ctx, pkt, hop, outer);
	return true;
}

/* Replaces everything in front of the tenant's packet by the headers of `hop`,
 * and cuts what is behind it. Returns whether there was room.
 */
static __always_inline bool replace_headers(struct xdp_md *ctx, struct rp_pkt *pkt,
					    struct rp_next_hop *hop)
{
	int excess = (int)pkt->frame_len - pkt->l3 - pkt->ip_len;

	if (excess > 0 && bpf_xdp_adjust_tail(ctx, -excess))
		return false;
	if (bpf_xdp_adjust_head(ctx, (int)pkt->l3 - hop->header_len))
		return false;
	pkt->l4 += hop->header_len - pkt->l3;
	pkt->l3 = hop->header_len;
	if (!push_header(ctx, hop))
		return false;
	return !(hop->flags & (RP_NEXT_HOP_OUTER4 | RP_NEXT_HOP_OUTER6)) ||
	       finish_outer(ctx, pkt, hop);
}

static __always_inline enum rp_verdict emit_to(struct xdp_md *ctx, struct rp_pkt *pkt,
					       struct rp_next_hop *hop)
{
	if (!replace_headers(ctx, pkt, hop))
		return rp_drop(pkt, RP_DROP_HEADROOM);
	if (hop->slot == cfg_slot)
		return RP_TX;
	if (bpf_redirect_map(&rp_ports, hop->slot, 0) != XDP_REDIRECT)
		return rp_drop(pkt, RP_DROP_REDIRECT);
	return RP_REDIRECTED;
}

/* The same with pkt->next_hop. Returns enum rp_verdict. */
RP_GLOBAL int emit(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	__u32 index = pkt ? pkt->next_hop : 0; /* Linux 6.1: no key from an argument */
	struct rp_next_hop *hop = bpf_map_lookup_elem(&rp_next_hops, &index);

	if (!pkt)
		return RP_DROP;
	return hop ? emit_to(ctx, pkt, hop) : rp_drop(pkt, RP_DROP_NEXT_HOP_INDEX);
}

#endif /* RAMPART_BPF_EMIT_H_ */
