/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 6: the packet becomes what its flow entry says. Checksums are not
 * summed again: the entry holds what its rewrite adds to the one of layer 4,
 * and the addresses that make the IPv4 header's.
 */
#ifndef RAMPART_BPF_REWRITE_H_
#define RAMPART_BPF_REWRITE_H_

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/csum.h"
#include "bpf/flow.h"
#include "bpf/inner.h"
#include "bpf/packet.h"

static __always_inline void rewrite_l4(struct xdp_md *ctx, const struct rp_pkt *pkt, __be16 sport,
				       __be16 dport, __u16 delta)
{
	if (pkt->is_later)
		return;
	if (pkt->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = rp_at(ctx, pkt->l4, sizeof(*tcp));

		if (!tcp)
			return;
		tcp->source = sport;
		tcp->dest = dport;
		tcp->check = csum_apply(tcp->check, delta);
	} else if (pkt->proto == IPPROTO_UDP) {
		struct udphdr *udp = rp_at(ctx, pkt->l4, sizeof(*udp));

		if (!udp)
			return;
		udp->source = sport;
		udp->dest = dport;
		if (!udp->check)
			return; /* no checksum (RFC 768) */
		udp->check = csum_apply(udp->check, delta);
		if (!udp->check)
			udp->check = 0xffff;
	} else if (pkt->proto == (pkt->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		struct rp_icmp *icmp = rp_at(ctx, pkt->l4, sizeof(*icmp));

		if (!icmp)
			return;
		icmp->id = sport | dport; /* one of them is 0 */
		icmp->checksum = csum_apply(icmp->checksum, delta);
	}
}

/* The identification of the next packet that may be cut on its way. Those of
 * several hosts would meet behind the address that they share, so the edge
 * counts for them (RFC 6864 section 5.3.1).
 */
static __always_inline __u16 next_ip_id(bool dry)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&rp_ip_ids, &zero);

	if (!last)
		return 0;
	return bpf_htons((dry ? *last : __sync_fetch_and_add(last, 1)) + 1);
}

static __always_inline void rewrite4(struct xdp_md *ctx, const struct rp_pkt *pkt,
				     const struct rp_flow4 *entry)
{
	struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

	/* The TTL is the high byte of its word; one less is ~0x0100. */
	__u64 delta = (__u16)~bpf_htons(0x0100);

	if (!ip)
		return;
	delta += (__u64)(__u32)~entry->from_saddr + entry->saddr;
	delta += (__u64)(__u32)~entry->from_daddr + entry->daddr;
	if (entry->saddr != entry->from_saddr && !(ip->frag_off & IP4_DF) && !pkt->is_part) {
		__u16 id = next_ip_id(pkt->dry);

		delta += csum_delta16(ip->id, id);
		ip->id = id;
	}
	ip->saddr = entry->saddr;
	ip->daddr = entry->daddr;
	ip->ttl--;
	ip->check = csum_apply(ip->check, csum_fold64(delta));
	rewrite_l4(ctx, pkt, entry->sport, entry->dport, entry->flow.l4_delta);
}

static __always_inline void rewrite6(struct xdp_md *ctx, const struct rp_pkt *pkt,
				     const struct rp_flow6 *entry)
{
	struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

	if (!ip)
		return;
	__builtin_memcpy(&ip->saddr, entry->saddr, 16);
	__builtin_memcpy(&ip->daddr, entry->daddr, 16);
	ip->hop_limit--;
	rewrite_l4(ctx, pkt, entry->sport, entry->dport, entry->flow.l4_delta);
}

static __always_inline void rewrite_stage(struct xdp_md *ctx, const struct rp_pkt *pkt,
					  const struct rp_hit *hit)
{
	if (hit->v4)
		rewrite4(ctx, pkt, hit->v4);
	else
		rewrite6(ctx, pkt, hit->v6);
}

#endif /* RAMPART_BPF_REWRITE_H_ */
