/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The short way of what nearly all packets are: IPv4 without options or IPv6
 * without extension headers, from a GUE peer (profiles none and mac) or for a
 * NAT address, TCP or UDP, of an established flow, with nothing to be told to
 * anybody. All offsets are constants here and the packet's state stays in
 * registers, which halves the instructions. It makes the same checks as the stages and calls their parts;
 * when one fails it says RP_NEXT, has changed nothing, and the stages see the
 * packet from the beginning: they know what to do, and the reason. Only a wrong
 * MAC ends here, by the stage's own function.
 */
#ifndef RAMPART_BPF_FAST_H_
#define RAMPART_BPF_FAST_H_

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/csum.h"
#include "bpf/emit.h"
#include "bpf/exit.h"
#include "bpf/flow.h"
#include "bpf/gue.h"
#include "bpf/inner.h"
#include "bpf/outer.h"
#include "bpf/packet.h"
#include "bpf/rewrite.h"

enum {
	FAST_OUTER = sizeof(struct ethhdr),
	FAST_GUE = FAST_OUTER + sizeof(struct iphdr) + sizeof(struct udphdr),
	FAST_GUE6 = FAST_OUTER + sizeof(struct ipv6hdr) + sizeof(struct udphdr),
	FAST_IP4 = 0x45, /* version and header length */
	FAST_NOT = -1,
};

/* 20 bytes of header, no fragment, room for ports, no longer than `room` bytes,
 * checksum right.
 */
static __always_inline bool is_plain_ip4(const struct iphdr *ip, __u32 room)
{
	__u32 len = bpf_ntohs(ip->tot_len);

	return *(const __u8 *)ip == FAST_IP4 && !(ip->frag_off & IP4_MORE_OR_OFFSET) &&
	       len >= sizeof(*ip) + sizeof(struct udphdr) && len <= room &&
	       csum_fold64(csum_ip4_words(ip)) == 0xffff;
}

/* TCP with a whole header, or UDP. */
static __always_inline bool is_usual(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct tcphdr *tcp;

	if (pkt->proto == IPPROTO_UDP)
		return true;
	if (pkt->proto != IPPROTO_TCP)
		return false;
	tcp = rp_at(ctx, pkt->l4, sizeof(*tcp));
	if (!tcp || tcp->doff * 4 < RP_TCP_LEN || pkt->l4 + tcp->doff * 4 > pkt->l3 + pkt->ip_len)
		return false;
	pkt->tcp_flags = ((const __u8 *)tcp)[13];
	return true;
}

/* The flow may be used as it is, and learns nothing from the packet. */
static __always_inline bool is_steady(const struct rp_pkt *pkt, const struct rp_flow *flow)
{
	return flow->on_ramp == pkt->tunnel && !is_news(pkt, flow) &&
	       idle_ticks(pkt, flow->last_seen) <= timeout_of(pkt, flow);
}

/* IPv6, no longer than `room` bytes, with room for ports. */
static __always_inline bool is_plain_ip6(const struct ipv6hdr *ip, __u32 room)
{
	__u32 len = sizeof(*ip) + bpf_ntohs(ip->payload_len);

	return ip->version == 6 && len >= sizeof(*ip) + sizeof(struct udphdr) && len <= room;
}

/* Where the flow leaves, if the packet may simply go there; else NULL. */
static __always_inline struct rp_next_hop *fast_hop(struct xdp_md *ctx, struct rp_pkt *pkt,
						    const struct rp_flow *flow)
{
	struct rp_next_hop *hop;
	__u32 index;

	if (pkt->outer_ecn && pkt->outer_ecn != pkt->ecn)
		return NULL;
	if (!is_usual(ctx, pkt) || !is_steady(pkt, flow))
		return NULL;
	take_exit(pkt, flow);
	index = pkt->next_hop;
	hop = bpf_map_lookup_elem(&rp_next_hops, &index);
	if (!hop || hop->kind != RP_NEXT_HOP_SEND || pkt->ip_len > hop->mtu)
		return NULL;
	if (pkt->tunnel == RP_TUNNEL_UNDERLAY)
		pkt->tenant = hop->tenant;
	return hop;
}

/* From the tenant's IP header at `l3`, a constant, on; outer headers vouch for
 * pkt->limit. The entry is looked for first: it is what may not be in the cache,
 * and can come while the rest is checked.
 */
static __always_inline enum rp_verdict fast_inner4(struct xdp_md *ctx, struct rp_pkt *pkt,
						   const __u32 l3)
{
	const struct iphdr *ip = rp_at(ctx, l3, sizeof(*ip) + sizeof(struct udphdr));
	const __be16 *ports = (const __be16 *)(ip + 1);
	struct rp_flow4_key key = { .realm = pkt->realm };
	struct rp_next_hop *hop;
	struct rp_flow4 *entry;
	__u32 slot;

	if (!ip || pkt->limit < l3)
		return RP_NEXT;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = ports[0];
	key.dport = ports[1];
	key.proto = ip->protocol;
	slot = slot_of4(&key);
	entry = bpf_map_lookup_elem(&rp_flows4, &slot);
	if (!entry || !is_plain_ip4(ip, pkt->limit - l3) || ip->ttl < 2)
		return RP_NEXT;
	pkt->family = 4;
	pkt->ecn = ip->tos & 3;
	pkt->l3 = l3;
	pkt->l4 = l3 + sizeof(*ip);
	pkt->ip_len = bpf_ntohs(ip->tot_len);
	pkt->proto = ip->protocol;
	hop = fast_hop(ctx, pkt, &entry->flow);
	if (!hop)
		return RP_NEXT;
	track_ack(ctx, pkt, &entry->flow);
	count_flow(pkt, &entry->flow);
	rewrite4(ctx, pkt, entry);
	return emit_to(ctx, pkt, hop);
}

static __always_inline enum rp_verdict fast_inner6(struct xdp_md *ctx, struct rp_pkt *pkt,
						   const __u32 l3)
{
	const struct ipv6hdr *ip = rp_at(ctx, l3, sizeof(*ip) + sizeof(struct udphdr));
	const __be16 *ports = (const __be16 *)(ip + 1);
	struct rp_flow6_key key = { .realm = pkt->realm };
	struct rp_next_hop *hop;
	struct rp_flow6 *entry;
	__u32 slot;

	if (!ip || pkt->limit < l3)
		return RP_NEXT;
	__builtin_memcpy(key.saddr, &ip->saddr, 16);
	__builtin_memcpy(key.daddr, &ip->daddr, 16);
	key.sport = ports[0];
	key.dport = ports[1];
	key.proto = ip->nexthdr;
	slot = slot_of6(&key);
	entry = bpf_map_lookup_elem(&rp_flows6, &slot);
	if (!entry || !is_plain_ip6(ip, pkt->limit - l3) || ip->hop_limit < 2)
		return RP_NEXT;
	pkt->family = 6;
	pkt->ecn = ((const __u8 *)ip)[1] >> 4 & 3;
	pkt->l3 = l3;
	pkt->l4 = l3 + sizeof(*ip);
	pkt->ip_len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	pkt->proto = ip->nexthdr;
	hop = fast_hop(ctx, pkt, &entry->flow);
	if (!hop)
		return RP_NEXT;
	track_ack(ctx, pkt, &entry->flow);
	count_flow(pkt, &entry->flow);
	rewrite6(ctx, pkt, entry);
	return emit_to(ctx, pkt, hop);
}

/* From the GUE header at `offset`, a constant, on. A wrong MAC is final: a
 * forger makes it be computed once only.
 */
static __always_inline enum rp_verdict fast_gue(struct xdp_md *ctx, struct rp_pkt *pkt,
						const struct rp_peer *peer, const __u32 offset)
{
	const __be32 *first = rp_at(ctx, offset, sizeof(*first));
	__u32 word = first ? bpf_ntohl(*first) : 0;

	pkt->tunnel = peer->tunnel;
	pkt->tenant = peer->tenant;
	if (peer->profile == RP_PROFILE_NONE) {
		pkt->realm = peer->realm;
		if (word == IPPROTO_IPIP << 16)
			return fast_inner4(ctx, pkt, offset + GUE_LEN_PLAIN);
		if (word == IPPROTO_IPV6 << 16)
			return fast_inner6(ctx, pkt, offset + GUE_LEN_PLAIN);
		return RP_NEXT;
	}
	if (peer->profile != RP_PROFILE_MAC || pkt->limit < offset + GUE_LEN_MAC)
		return RP_NEXT;
	if (word == (GUE_FORM_MAC | IPPROTO_IPIP << 16)) {
		RP_TRY(gue_check_mac(ctx, pkt, peer, offset));
		return fast_inner4(ctx, pkt, offset + GUE_LEN_MAC);
	}
	if (word == (GUE_FORM_MAC | IPPROTO_IPV6 << 16)) {
		RP_TRY(gue_check_mac(ctx, pkt, peer, offset));
		return fast_inner6(ctx, pkt, offset + GUE_LEN_MAC);
	}
	return RP_NEXT;
}

static __always_inline enum rp_verdict fast_outer4(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct iphdr *ip = rp_at(ctx, FAST_OUTER, sizeof(*ip) + sizeof(struct udphdr));
	const struct udphdr *udp = (const struct udphdr *)(ip + 1);
	struct rp_peer4_key key = { .kind = RP_PEER_GUE };
	const struct rp_peer *peer;

	if (!ip || !is_plain_ip4(ip, pkt->frame_len - FAST_OUTER))
		return RP_NEXT;
	pkt->outer_family = 4;
	if (ip->protocol != IPPROTO_UDP || !is_gue_port(udp))
		return address4_use(pkt, ip->daddr) & RP_ADDRESS_NAT
			       ? fast_inner4(ctx, pkt, FAST_OUTER)
			       : RP_NEXT;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	peer = find_peer4(pkt, &key);
	if (!peer || udp->check || bpf_ntohs(udp->len) != bpf_ntohs(ip->tot_len) - sizeof(*ip))
		return RP_NEXT;
	pkt->limit = FAST_OUTER + bpf_ntohs(ip->tot_len);
	pkt->outer_ecn = ip->tos & 3;
	return fast_gue(ctx, pkt, peer, FAST_GUE);
}

/* RFC 8200 section 8.1: a checksum, unless the peer may leave it out (RFC 6935). */
static __always_inline bool fast_csum6(struct xdp_md *ctx, const struct rp_peer *peer,
				       const struct ipv6hdr *ip, const struct udphdr *udp)
{
	__u64 sum = csum_words16((const __u32 *)&ip->saddr) +
		    csum_words16((const __u32 *)&ip->daddr) + bpf_htons(IPPROTO_UDP) + udp->len;
	__s64 bytes;

	if (!udp->check)
		return peer->flags & RP_PEER_ZERO_CSUM6;
	bytes = csum_bytes(ctx, FAST_OUTER + sizeof(*ip), bpf_ntohs(udp->len));
	return bytes >= 0 && csum_fold64(sum + bytes) == 0xffff;
}

static __always_inline enum rp_verdict fast_outer6(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct ipv6hdr *ip = rp_at(ctx, FAST_OUTER, sizeof(*ip) + sizeof(struct udphdr));
	const struct udphdr *udp = (const struct udphdr *)(ip + 1);
	struct rp_peer6_key key = { .kind = RP_PEER_GUE };
	const struct rp_peer *peer;

	if (!ip || !is_plain_ip6(ip, pkt->frame_len - FAST_OUTER))
		return RP_NEXT;
	pkt->outer_family = 6;
	if (ip->nexthdr != IPPROTO_UDP || !is_gue_port(udp))
		return address6_use(pkt, &ip->daddr) & RP_ADDRESS_NAT
			       ? fast_inner6(ctx, pkt, FAST_OUTER)
			       : RP_NEXT;
	__builtin_memcpy(key.saddr, &ip->saddr, 16);
	__builtin_memcpy(key.daddr, &ip->daddr, 16);
	peer = find_peer6(pkt, &key);
	if (!peer || udp->len != ip->payload_len || !fast_csum6(ctx, peer, ip, udp))
		return RP_NEXT;
	pkt->limit = FAST_OUTER + sizeof(*ip) + bpf_ntohs(udp->len);
	pkt->outer_ecn = ((const __u8 *)ip)[1] >> 4 & 3;
	return fast_gue(ctx, pkt, peer, FAST_GUE6);
}

/* Both return enum xdp_action, or FAST_NOT: this packet takes the long way. */
RP_GLOBAL int fast_way4(struct xdp_md *ctx)
{
	struct rp_pkt pkt = packet_of(ctx, false);
	enum rp_verdict verdict;

	pkt.outer = FAST_OUTER;
	verdict = fast_outer4(ctx, &pkt);
	return verdict == RP_NEXT ? FAST_NOT : fast_exit(ctx, &pkt, verdict);
}

RP_GLOBAL int fast_way6(struct xdp_md *ctx)
{
	struct rp_pkt pkt = packet_of(ctx, false);
	enum rp_verdict verdict;

	pkt.outer = FAST_OUTER;
	verdict = fast_outer6(ctx, &pkt);
	return verdict == RP_NEXT ? FAST_NOT : fast_exit(ctx, &pkt, verdict);
}

static __always_inline int fast_way(struct xdp_md *ctx)
{
	const struct rp_device *device = device_here();
	const struct ethhdr *eth = rp_at(ctx, 0, sizeof(*eth));

	if (!device || !eth || !is_addressed(eth, device))
		return FAST_NOT;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return fast_way4(ctx);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return fast_way6(ctx);
	return FAST_NOT;
}

#endif /* RAMPART_BPF_FAST_H_ */
