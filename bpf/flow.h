/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 5: the flow a packet belongs to, whether it may use it, and what the
 * packet changes in it.
 */
#ifndef RAMPART_BPF_FLOW_H_
#define RAMPART_BPF_FLOW_H_

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "bpf/packet.h"
#include "bpf/punt.h"
#include "bpf/table.h"

/* The entry of one packet, whatever its family. */
struct rp_hit {
	struct rp_flow *flow;
	struct rp_flow4 *v4; /* of these, one is not NULL */
	struct rp_flow6 *v6;
};

static __always_inline bool hit_flow4(__u32 slot, struct rp_hit *hit)
{
	hit->v4 = bpf_map_lookup_elem(&rp_flows4, &slot);
	hit->v6 = NULL;
	hit->flow = hit->v4 ? &hit->v4->flow : NULL;
	return hit->v4;
}

static __always_inline bool hit_flow6(__u32 slot, struct rp_hit *hit)
{
	hit->v4 = NULL;
	hit->v6 = bpf_map_lookup_elem(&rp_flows6, &slot);
	hit->flow = hit->v6 ? &hit->v6->flow : NULL;
	return hit->v6;
}

static __always_inline bool key4_of(struct xdp_md *ctx, const struct rp_pkt *pkt,
				    struct rp_flow4_key *key)
{
	const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

	if (!ip)
		return false;
	key->realm = pkt->realm;
	key->saddr = ip->saddr;
	key->daddr = ip->daddr;
	key->sport = pkt->sport;
	key->dport = pkt->dport;
	key->proto = pkt->proto;
	return true;
}

static __always_inline bool key6_of(struct xdp_md *ctx, const struct rp_pkt *pkt,
				    struct rp_flow6_key *key)
{
	const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

	if (!ip)
		return false;
	key->realm = pkt->realm;
	__builtin_memcpy(key->saddr, &ip->saddr, 16);
	__builtin_memcpy(key->daddr, &ip->daddr, 16);
	key->sport = pkt->sport;
	key->dport = pkt->dport;
	key->proto = pkt->proto;
	return true;
}

/* By the packet's own tuple. */
static __always_inline bool find_flow(struct xdp_md *ctx, struct rp_pkt *pkt, struct rp_hit *hit)
{
	hit->flow = NULL;
	if (pkt->family == 4) {
		struct rp_flow4_key key = {};

		if (!key4_of(ctx, pkt, &key))
			return false;
		pkt->flow = slot_of4(&key);
		return hit_flow4(pkt->flow, hit);
	} else {
		struct rp_flow6_key key = {};

		if (!key6_of(ctx, pkt, &key))
			return false;
		pkt->flow = slot_of6(&key);
		return hit_flow6(pkt->flow, hit);
	}
}

/* Slot of the packet's tuple in the realm of pkt; for what is not asked often. */
RP_GLOBAL int find_slot(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	if (!pkt)
		return NO_SLOT;
	if (pkt->family == 4) {
		struct rp_flow4_key key = {};

		return key4_of(ctx, pkt, &key) ? find_slot4(&key) : NO_SLOT;
	} else {
		struct rp_flow6_key key = {};

		return key6_of(ctx, pkt, &key) ? find_slot6(&key) : NO_SLOT;
	}
}

/* The other direction: under the rewritten tuple, swapped. NULL if there is
 * none, which only a remembered refusal may have.
 */
static __noinline struct rp_flow *reverse4(const struct rp_flow4 *entry, __u32 proto)
{
	struct rp_flow4_key key = {};
	struct rp_flow4 *reverse;
	__u32 slot;

	if (!entry)
		return NULL;
	key.realm = entry->flow.reverse_realm;
	key.saddr = entry->daddr;
	key.daddr = entry->saddr;
	key.sport = entry->dport;
	key.dport = entry->sport;
	key.proto = proto;
	slot = find_slot4(&key);
	reverse = bpf_map_lookup_elem(&rp_flows4, &slot);
	return reverse ? &reverse->flow : NULL;
}

static __noinline struct rp_flow *reverse6(const struct rp_flow6 *entry, __u32 proto)
{
	struct rp_flow6_key key = {};
	struct rp_flow6 *reverse;
	__u32 slot;

	if (!entry)
		return NULL;
	key.realm = entry->flow.reverse_realm;
	__builtin_memcpy(key.saddr, entry->daddr, 16);
	__builtin_memcpy(key.daddr, entry->saddr, 16);
	key.sport = entry->dport;
	key.dport = entry->sport;
	key.proto = proto;
	slot = find_slot6(&key);
	reverse = bpf_map_lookup_elem(&rp_flows6, &slot);
	return reverse ? &reverse->flow : NULL;
}

static __always_inline struct rp_flow *reverse_of(const struct rp_hit *hit, __u8 proto)
{
	return hit->v4 ? reverse4(hit->v4, proto) : reverse6(hit->v6, proto);
}

enum {
	TCP_ANY_RST = RP_TCP_RST | RP_TCP_RST << RP_TCP_REVERSE,
	TCP_BOTH_FIN = RP_TCP_FIN | RP_TCP_FIN << RP_TCP_REVERSE,
	TCP_BOTH_ACK = RP_TCP_ACK | RP_TCP_ACK << RP_TCP_REVERSE,
};

/* FIN both ways, or a reset. */
static __always_inline bool is_closing(__u8 tcp)
{
	return (tcp & TCP_BOTH_FIN) == TCP_BOTH_FIN || tcp & TCP_ANY_RST;
}

/* UDP: datagrams both ways. */
static __always_inline bool is_answered(__u8 tcp)
{
	return (tcp & TCP_BOTH_ACK) == TCP_BOTH_ACK;
}

static __always_inline bool is_established(__u8 tcp)
{
	const __u8 both = (RP_TCP_SYN | RP_TCP_ACK) * (1 | 1 << RP_TCP_REVERSE);

	return (tcp & both) == both && !is_closing(tcp);
}

static __always_inline __u32 timeout_of(const struct rp_pkt *pkt, const struct rp_flow *flow)
{
	const struct rp_config *config;
	__u32 class;

	if (flow->marks >> RP_FLOW_KIND_SHIFT == RP_FLOW_REFUSED)
		class = RP_TIMEOUT_DENIED;
	else if (pkt->proto == IPPROTO_TCP)
		class = is_established(flow->tcp) ? RP_TIMEOUT_TCP_ESTABLISHED
			: is_closing(flow->tcp)	  ? RP_TIMEOUT_TCP_CLOSING
						  : RP_TIMEOUT_TCP_OPENING;
	else if (pkt->proto == IPPROTO_UDP)
		class = flow->marks & RP_FLOW_BRIEF ? RP_TIMEOUT_UDP_BRIEF
			: is_answered(flow->tcp)    ? RP_TIMEOUT_UDP
						    : RP_TIMEOUT_UDP_UNREPLIED;
	else if (pkt->proto == IPPROTO_ICMP || pkt->proto == IPPROTO_ICMPV6)
		class = RP_TIMEOUT_ICMP;
	else
		class = RP_TIMEOUT_OTHER;
	config = rp_config_here();
	return config ? config->timeouts[class] : 0;
}

/* Ticks since `last_seen`; 0 if another CPU, whose clock was read later, has
 * written it.
 */
static __always_inline __u32 idle_ticks(const struct rp_pkt *pkt, __u32 last_seen)
{
	__s32 idle = pkt->now - last_seen;

	return idle > 0 ? idle : 0;
}

/* Idle in both directions for longer than its time-out. What is expired stays
 * so: the controller may delete it, and nothing that comes now can prevent it.
 */
static __always_inline bool is_expired(const struct rp_pkt *pkt, const struct rp_hit *hit)
{
	__u32 timeout = timeout_of(pkt, hit->flow);
	struct rp_flow *reverse;

	if (idle_ticks(pkt, hit->flow->last_seen) <= timeout)
		return false;
	reverse = reverse_of(hit, pkt->proto);
	return !reverse || idle_ticks(pkt, reverse->last_seen) > timeout;
}

/* Sets and clears bits in flow->tcp. That byte is shared by the CPUs of both
 * directions, and BPF's atomics are 32 bits wide: it is the top byte of the
 * word that marks begins.
 */
static __always_inline void set_tcp(struct rp_flow *flow, __u8 set, __u8 clear)
{
	_Static_assert(__builtin_offsetof(struct rp_flow, tcp) ==
			       __builtin_offsetof(struct rp_flow, marks) + 3,
		       "tcp is the last byte of its word");
	if (clear)
		__sync_fetch_and_and((__u32 *)&flow->marks, ~((__u32)clear << 24));
	if (set)
		__sync_fetch_and_or((__u32 *)&flow->marks, (__u32)set << 24);
}

/* What a packet shows of its direction. A reset counts only if its sequence
 * number is the one that the other side expects next, which who is not on the
 * path cannot know (RFC 7857 section 2.2, RFC 5961 section 3.2); before there
 * is a connection, nothing depends on it.
 */
static __always_inline __u8 shown_by(struct xdp_md *ctx, const struct rp_pkt *pkt,
				     const struct rp_flow *reverse)
{
	const struct tcphdr *tcp;
	__u8 seen = 0;

	if (pkt->proto == IPPROTO_UDP)
		return RP_TCP_ACK;
	if (pkt->tcp_flags & RP_SEG_RST) {
		tcp = rp_at(ctx, pkt->l4, sizeof(*tcp));
		if (!tcp || !reverse)
			return 0;
		return !is_established(reverse->tcp) || bpf_ntohl(tcp->seq) == reverse->ack
			       ? RP_TCP_RST
			       : 0;
	}
	if (pkt->tcp_flags & RP_SEG_SYN)
		seen |= RP_TCP_SYN;
	else if (pkt->tcp_flags & RP_SEG_ACK)
		seen |= RP_TCP_ACK;
	if (pkt->tcp_flags & RP_SEG_FIN)
		seen |= RP_TCP_FIN;
	return seen;
}

/* Whether the packet may show something new, so that the other direction's
 * entry has to be looked up.
 */
static __always_inline bool is_news(const struct rp_pkt *pkt, const struct rp_flow *flow)
{
	if (pkt->proto == IPPROTO_UDP)
		return !(flow->tcp & RP_TCP_ACK);
	return pkt->tcp_flags & (RP_SEG_SYN | RP_SEG_FIN | RP_SEG_RST) || flow->tcp & TCP_ANY_RST ||
	       (pkt->tcp_flags & RP_SEG_ACK && !(flow->tcp & RP_TCP_ACK));
}

/* Notes in both entries what this packet shows for the first time. A segment
 * after a reset shows that the connection goes on (RFC 7857 section 2.2).
 */
static __always_inline void track_state(struct xdp_md *ctx, const struct rp_pkt *pkt,
					const struct rp_hit *hit)
{
	struct rp_flow *reverse;
	__u8 seen, over = 0;

	if (!is_news(pkt, hit->flow))
		return;
	reverse = reverse_of(hit, pkt->proto);
	seen = shown_by(ctx, pkt, reverse);
	if (pkt->proto == IPPROTO_TCP && !(pkt->tcp_flags & RP_SEG_RST))
		over = hit->flow->tcp & TCP_ANY_RST;
	if (!over && !(seen & ~hit->flow->tcp))
		return;
	set_tcp(hit->flow, seen, over);
	if (reverse)
		set_tcp(reverse, seen << RP_TCP_REVERSE, over ? TCP_ANY_RST : 0);
}

/* Keeps the highest acknowledgment number (RFC 9293 section 3.4). */
static __always_inline void track_ack(struct xdp_md *ctx, const struct rp_pkt *pkt,
				      struct rp_flow *flow)
{
	const struct tcphdr *tcp;
	__u32 ack;

	if (!(pkt->tcp_flags & RP_SEG_ACK))
		return;
	tcp = rp_at(ctx, pkt->l4, sizeof(*tcp));
	ack = tcp ? bpf_ntohl(tcp->ack_seq) : 0;
	if (!flow->ack || (__s32)(ack - flow->ack) > 0)
		flow->ack = ack;
}

/* A new connection on the tuple of one that is over. */
static __always_inline bool reopens(const struct rp_pkt *pkt, const struct rp_flow *flow)
{
	return (pkt->tcp_flags & (RP_SEG_SYN | RP_SEG_ACK)) == RP_SEG_SYN && is_closing(flow->tcp);
}

/* A flow from the time before the tunnel's vnet was changed: it stays in the one
 * it began in. Asked on a miss only.
 */
static __always_inline bool find_former(struct xdp_md *ctx, struct rp_pkt *pkt, struct rp_hit *hit)
{
	const struct rp_grant *grant;
	__u32 realm = pkt->realm;

	if (realm == RP_REALM_UNDERLAY)
		return false;
	grant = find_grant(pkt);
	if (!grant || !grant->former)
		return false;
	pkt->realm = grant->former;
	pkt->flow = find_slot(ctx, pkt);
	if (pkt->family == 4)
		hit_flow4(pkt->flow, hit);
	else
		hit_flow6(pkt->flow, hit);
	if (hit->flow && hit->flow->on_ramp == pkt->tunnel && !is_expired(pkt, hit) &&
	    !reopens(pkt, hit->flow))
		return true;
	pkt->realm = realm;
	return false;
}

/* The entry of a packet that is neither an error nor malformed. */
static __always_inline enum rp_verdict flow_stage(struct xdp_md *ctx, struct rp_pkt *pkt,
						  struct rp_hit *hit)
{
	if (!find_flow(ctx, pkt, hit) && !find_former(ctx, pkt, hit))
		return rp_end(ask_controller(ctx, pkt, RP_PUNT_MISS));
	if (hit->flow->on_ramp != pkt->tunnel)
		return wrong_on_ramp(pkt);
	if (is_expired(pkt, hit) || reopens(pkt, hit->flow))
		return rp_end(ask_controller(ctx, pkt, RP_PUNT_MISS));
	return RP_NEXT;
}

/* Where and as what the packet leaves. */
static __always_inline void take_exit(struct rp_pkt *pkt, const struct rp_flow *flow)
{
	pkt->next_hop = flow->next_hop;
	pkt->entropy = bpf_htons(RP_OUTER_PORT | flow->marks);
}

/* Of `count`, whose half the caller's add has just made overflow. */
static __always_inline void carry_count(struct rp_flow *flow, __u64 half, __u32 unit)
{
	__sync_fetch_and_add(&flow->carried, unit);
	__sync_fetch_and_add(&flow->count, -half);
}

/* Counts a packet that will be sent on. */
static __always_inline void count_packet(const struct rp_pkt *pkt, struct rp_flow *flow)
{
	__u64 add = (1ULL << RP_COUNT_BYTES) + pkt->ip_len;
	__u64 before = __sync_fetch_and_add(&flow->count, add);
	__u64 over = ~before & (before + add);

	if (over & RP_COUNT_BYTES_CARRY)
		carry_count(flow, RP_COUNT_BYTES_CARRY, 1);
	if (over & RP_COUNT_PACKETS_CARRY)
		carry_count(flow, RP_COUNT_PACKETS_CARRY, 1 << RP_CARRY_PACKETS);
}

/* And the flow lives on. */
static __always_inline void count_flow(const struct rp_pkt *pkt, struct rp_flow *flow)
{
	count_packet(pkt, flow);
	if (flow->last_seen != pkt->now)
		flow->last_seen = pkt->now;
}

#endif /* RAMPART_BPF_FLOW_H_ */
