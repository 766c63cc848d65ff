/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The short way of what nearly all packets are: IPv4 without options from a GUE
 * peer on IPv4 (profiles none and mac) or for a NAT address, TCP or UDP, of an
 * established flow, with nothing to be told to anybody. All offsets are
 * constants here and the packet's state stays in registers, which halves the
 * instructions. It makes the same checks as the stages and calls their parts;
 * when one fails it says RP_NEXT, has changed nothing, and the stages see the
 * packet from the beginning: they know what to do, and the reason. Only a wrong
 * MAC ends here, by the stage's own function.
 */
#ifndef RAMPART_BPF_FAST_H_
#define RAMPART_BPF_FAST_H_

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
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
	if (!tcp || tcp->doff * 4 < RP_TCP_LEN || tcp->doff * 4 > pkt->ip_len - 20)
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

/* From the tenant's IP header at `l3`, a constant, on; outer headers vouch for
 * pkt->limit. The entry is looked for first: it is what may not be in the cache,
 * and can come while the rest is checked.
 */
static __always_inline enum rp_verdict fast_inner(struct xdp_md *ctx, struct rp_pkt *pkt,
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
	pkt->ecn = ip->tos & 3;
	if (pkt->outer_ecn && pkt->outer_ecn != pkt->ecn)
		return RP_NEXT;
	pkt->l3 = l3;
	pkt->l4 = l3 + sizeof(*ip);
	pkt->ip_len = bpf_ntohs(ip->tot_len);
	pkt->proto = ip->protocol;
	if (!is_usual(ctx, pkt) || !is_steady(pkt, &entry->flow))
		return RP_NEXT;
	take_exit(pkt, &entry->flow);
	slot = pkt->next_hop;
	hop = bpf_map_lookup_elem(&rp_next_hops, &slot);
	if (!hop || hop->kind != RP_NEXT_HOP_SEND || pkt->ip_len > hop->mtu)
		return RP_NEXT;
	track_ack(ctx, pkt, &entry->flow);
	count_flow(pkt, &entry->flow);
	rewrite4(ctx, pkt, entry);
	return emit_to(ctx, pkt, hop);
}

static __always_inline enum rp_verdict fast_gue(struct xdp_md *ctx, struct rp_pkt *pkt,
						const struct iphdr *ip, const struct udphdr *udp)
{
	struct rp_peer4_key key = { .saddr = ip->saddr, .daddr = ip->daddr, .kind = RP_PEER_GUE };
	__u32 word = bpf_ntohl(*(const __be32 *)(udp + 1));
	const struct rp_peer *peer = find_peer4(&key);

	if (!peer || udp->check || bpf_ntohs(udp->len) != bpf_ntohs(ip->tot_len) - sizeof(*ip))
		return RP_NEXT;
	pkt->limit = FAST_OUTER + bpf_ntohs(ip->tot_len);
	pkt->tunnel = peer->tunnel;
	pkt->outer_ecn = ip->tos & 3;
	if (peer->profile == RP_PROFILE_NONE && word == IPPROTO_IPIP << 16) {
		pkt->realm = peer->realm;
		return fast_inner(ctx, pkt, FAST_GUE + GUE_LEN_PLAIN);
	}
	if (peer->profile != RP_PROFILE_MAC || word != (GUE_FORM_MAC | IPPROTO_IPIP << 16) ||
	    pkt->limit < FAST_GUE + GUE_LEN_MAC)
		return RP_NEXT;
	RP_TRY(gue_check_mac(ctx, pkt, peer, FAST_GUE)); /* final: a forger makes it once only */
	return fast_inner(ctx, pkt, FAST_GUE + GUE_LEN_MAC);
}

/* Returns enum xdp_action, or FAST_NOT: this packet takes the long way. */
RP_GLOBAL int fast_way(struct xdp_md *ctx)
{
	const struct rp_device *device = device_here();
	const struct ethhdr *eth = rp_at(ctx, 0, FAST_GUE + GUE_LEN_PLAIN);
	const struct iphdr *ip = (const struct iphdr *)(eth + 1);
	const struct udphdr *udp = (const struct udphdr *)(ip + 1);
	struct rp_pkt pkt = packet_of(ctx);
	enum rp_verdict verdict;

	if (!device || !eth || eth->h_proto != bpf_htons(ETH_P_IP) || !is_addressed(eth, device))
		return FAST_NOT;
	pkt.family = 4;
	pkt.outer_family = 4;
	pkt.outer = FAST_OUTER;
	if (!is_plain_ip4(ip, pkt.frame_len - FAST_OUTER))
		return FAST_NOT;
	if (ip->protocol == IPPROTO_UDP && is_gue_port(udp))
		verdict = fast_gue(ctx, &pkt, ip, udp);
	else if (address4_use(ip->daddr) & RP_ADDRESS_NAT)
		verdict = fast_inner(ctx, &pkt, FAST_OUTER);
	else
		return FAST_NOT;
	return verdict == RP_NEXT ? FAST_NOT : rp_exit(&pkt, verdict);
}

#endif /* RAMPART_BPF_FAST_H_ */
