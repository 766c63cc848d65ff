/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What trace, capture and explain see: see maps/watch.h. A packet that nobody
 * watches pays for one word and a compare; one that is watched takes the long
 * way, whose stages tell where it is.
 */
#ifndef RAMPART_BPF_WATCH_H_
#define RAMPART_BPF_WATCH_H_

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "bpf/gre.h"
#include "bpf/outer.h"
#include "bpf/packet.h"

enum {
	RP_DRY = 1u << 31, /* beside a bit per watch: nothing may be written */
};

/* What watches are compared with. */
struct rp_tuple {
	__u8 saddr[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
	__u8 daddr[16];
	__be16 sport; /* 0: none */
	__be16 dport;
	__u8 family; /* 0: not IP */
	__u8 proto;
	__u16 l4; /* offset; 0: not there */
};

static __always_inline void map_address4(__u8 *mapped, __be32 addr)
{
	*(__be16 *)(mapped + 10) = 0xffff;
	*(__be32 *)(mapped + 12) = addr;
}

/* The IP header at `offset` and the ports behind it, whatever they are worth. */
RP_GLOBAL int read_tuple(struct xdp_md *ctx, __u32 offset, struct rp_tuple *tuple)
{
	const __u8 *first = rp_at(ctx, offset, 1);
	const __be16 *ports;

	if (!first || !tuple)
		return 0;
	if (*first >> 4 == 4) {
		const struct iphdr *ip = rp_at(ctx, offset, sizeof(*ip));

		if (!ip)
			return 0;
		map_address4(tuple->saddr, ip->saddr);
		map_address4(tuple->daddr, ip->daddr);
		tuple->family = 4;
		tuple->proto = ip->protocol;
		if (!(ip->frag_off & bpf_htons(0x1fff)))
			tuple->l4 = offset + ip->ihl * 4;
	} else if (*first >> 4 == 6) {
		const struct ipv6hdr *ip = rp_at(ctx, offset, sizeof(*ip));

		if (!ip)
			return 0;
		__builtin_memcpy(tuple->saddr, &ip->saddr, 16);
		__builtin_memcpy(tuple->daddr, &ip->daddr, 16);
		tuple->family = 6;
		tuple->proto = ip->nexthdr;
		tuple->l4 = offset + sizeof(*ip);
	}
	ports = tuple->l4 ? rp_at(ctx, tuple->l4, 4) : NULL;
	if (ports && (tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP)) {
		tuple->sport = ports[0];
		tuple->dport = ports[1];
	}
	return 0;
}

/* Offset of the first IP header: behind Ethernet and at most two VLAN tags, what
 * the controller puts in front, or nothing.
 */
static __always_inline __u32 first_header(struct xdp_md *ctx)
{
	const struct rp_device *device = device_here();
	const struct ethhdr *eth = rp_at(ctx, 0, sizeof(*eth));
	__u32 offset = sizeof(*eth);
	__be16 ethertype;

	if (!device || !device->link_header_len || !eth)
		return 0;
	if (device->role == RP_ROLE_INJECT && *(const __be16 *)eth == bpf_htons(RP_INJECT_FRAGMENT))
		return offset + sizeof(struct rp_inject_fragment);
	ethertype = eth->h_proto;
	for (int i = 0; i < 2; i++) {
		const struct rp_vlan *vlan = rp_at(ctx, offset, sizeof(*vlan));

		if (!vlan || (ethertype != RP_ETH_P_8021Q && ethertype != RP_ETH_P_8021AD))
			break;
		ethertype = vlan->ethertype;
		offset += sizeof(*vlan);
	}
	return offset;
}

static __always_inline __u32 behind_gre(struct xdp_md *ctx, __u32 offset)
{
	const __be16 *flags = rp_at(ctx, offset, 4);
	__u32 set = flags ? bpf_ntohs(*flags) : 0;

	return flags ? offset + 4 + (set & RP_GRE_CSUM ? 4 : 0) + (set & RP_GRE_KEY ? 4 : 0) +
			       (set & RP_GRE_SEQ ? 4 : 0)
		     : 0;
}

/* Offset of the tenant's IP header, if the outer one is a tunnel's; else 0. */
static __always_inline __u32 behind_tunnel(struct xdp_md *ctx, const struct rp_tuple *outer)
{
	const struct rp_config *config = rp_config_here();
	__u32 offset = outer->l4 + 8; /* of a UDP header */
	const __be32 *gue;
	__u32 word;

	if (outer->proto == IPPROTO_GRE && outer->l4)
		return behind_gre(ctx, outer->l4);
	if (!config || outer->proto != IPPROTO_UDP || !outer->l4 ||
	    outer->dport != config->gue_port)
		return 0;
	gue = rp_at(ctx, offset, sizeof(*gue));
	word = gue ? bpf_ntohl(*gue) : 0;
	if (word >> 30 == 1)
		return offset;
	offset += 4 + (word >> 24 & 0x1f) * 4;
	return (word & 0x00ff0000) == IPPROTO_GRE << 16 ? behind_gre(ctx, offset) : offset;
}

static __always_inline bool fits(const __u8 *address, const __u8 *wanted, const __u8 *mask)
{
	const __u64 *a = (const __u64 *)address, *w = (const __u64 *)wanted,
		    *m = (const __u64 *)mask;

	return !((a[0] ^ w[0]) & m[0]) && !((a[1] ^ w[1]) & m[1]);
}

static __always_inline bool is_one_way(const struct rp_watch *w, const struct rp_tuple *t)
{
	return fits(t->saddr, w->saddr, w->smask) && fits(t->daddr, w->daddr, w->dmask) &&
	       (!w->sport || w->sport == t->sport) && (!w->dport || w->dport == t->dport);
}

static __always_inline bool is_other_way(const struct rp_watch *w, const struct rp_tuple *t)
{
	return fits(t->daddr, w->saddr, w->smask) && fits(t->saddr, w->daddr, w->dmask) &&
	       (!w->sport || w->sport == t->dport) && (!w->dport || w->dport == t->sport);
}

RP_GLOBAL int is_wanted(__u32 index, const struct rp_tuple *outer, const struct rp_tuple *inner)
{
	__u32 key = index;
	const struct rp_watch *watch = bpf_map_lookup_elem(&rp_watches, &key);
	const struct rp_tuple *tuple = outer;

	if (!watch || !outer || !inner || watch->until < bpf_ktime_get_coarse_ns())
		return false;
	if (watch->scope == RP_WATCH_INNER && inner->family)
		tuple = inner;
	if (!(watch->devices[cfg_slot / 64 % 4] >> cfg_slot % 64 & 1))
		return false;
	if ((watch->family && watch->family != tuple->family) ||
	    (watch->proto && watch->proto != tuple->proto))
		return false;
	return is_one_way(watch, tuple) || (watch->both && is_other_way(watch, tuple));
}

/* A bit for each watch in force that wants the packet. */
RP_GLOBAL int wanted_by(struct xdp_md *ctx, __u32 watches)
{
	struct rp_tuple outer = {}, inner = {};
	__u32 offset, wanted = 0;

	read_tuple(ctx, first_header(ctx), &outer);
	offset = behind_tunnel(ctx, &outer);
	if (offset)
		read_tuple(ctx, offset, &inner);
	for (__u32 i = 0; i < RP_WATCH_MAX; i++)
		if (watches >> i & 1)
			wanted |= (is_wanted(i, &outer, &inner) & 1) << i;
	return wanted;
}

/* A bit for each watch that wants the packet; with RP_DRY if it is one that does
 * not exist.
 */
static __always_inline __u32 watches_of(struct xdp_md *ctx)
{
	const struct rp_dry_run *dry = (void *)(long)ctx->data_meta;
	const struct rp_watching *watching;
	__u32 zero = 0;

	if ((void *)(dry + 1) <= (void *)(long)ctx->data && dry->magic == RP_DRY_RUN)
		return RP_DRY | 1u << (dry->watch % RP_WATCH_MAX);
	watching = bpf_map_lookup_elem(&rp_watching, &zero);
	if (!watching || !watching->watches)
		return 0;
	return wanted_by(ctx, watching->watches) & ~RP_DRY;
}

static __always_inline void fill_event(struct rp_event *event, struct xdp_md *ctx,
				       const struct rp_pkt *pkt, __u32 point)
{
	event->time = bpf_ktime_get_ns();
	event->file = pkt->file;
	event->packet = pkt->number;
	event->cpu = bpf_get_smp_processor_id();
	event->realm = pkt->realm;
	event->tunnel = pkt->tunnel;
	event->peer = pkt->peer;
	event->tenant = pkt->tenant;
	event->flow = pkt->flow;
	event->next_hop = pkt->next_hop;
	event->frame_len = frame_now(ctx);
	event->slot = cfg_slot;
	event->queue = ctx->rx_queue_index;
	event->reason = pkt->reason;
	event->line = pkt->line;
	event->outer = pkt->outer;
	event->l3 = pkt->l3;
	event->l4 = pkt->l4;
	event->ip_len = pkt->ip_len;
	event->sport = pkt->sport;
	event->dport = pkt->dport;
	event->point = point;
	event->family = pkt->family;
	event->outer_family = pkt->outer_family;
	event->proto = pkt->proto;
	event->tcp_flags = pkt->tcp_flags;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
}

enum {
	RP_POINTS_WITH_BYTES = 1 << RP_AT_RX | 1 << RP_AT_REWRITE | 1 << RP_AT_TX |
			       1 << RP_AT_PUNT | 1 << RP_AT_PASS | 1 << RP_AT_DROP,
};

/* Copies the beginning of the frame as it is now, `most` bytes at most. Returns
 * their number.
 */
static __always_inline __u32 copy_frame(struct xdp_md *ctx, __u8 *to, __u32 most)
{
	__u32 last = frame_now(ctx) - 1; /* the last byte */

	if (last > most - 1)
		last = most - 1;
	asm volatile("" : "+r"(last)); /* or clang forgets the bounds that the verifier needs */
	if (last >= most || bpf_xdp_load_bytes(ctx, 0, to, last + 1))
		return 0;
	return last + 1;
}

/* The event of watch `index`, with room for `most` bytes of the frame: a constant,
 * as the verifier wants it.
 */
static __always_inline void put_event(struct xdp_md *ctx, const struct rp_pkt *pkt, __u32 point,
				      __u32 index, struct rp_watch *watch, void *ring,
				      __u32 snaplen, const __u32 most)
{
	struct rp_event *event = bpf_ringbuf_reserve(ring, sizeof(*event) + most, 0);
	__u32 captured;

	if (!event) { /* the ring is full */
		if (!pkt->dry)
			__sync_fetch_and_add(&watch->lost, 1);
		return;
	}
	fill_event(event, ctx, pkt, point);
	event->watch = index;
	captured = snaplen ? copy_frame(ctx, (__u8 *)(event + 1), most) : 0;
	event->captured = captured < snaplen ? captured : snaplen;
	bpf_ringbuf_submit(event, 0);
}

RP_GLOBAL int tell_watch(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 point, __u32 index)
{
	__u32 key = index;
	struct rp_watch *watch = bpf_map_lookup_elem(&rp_watches, &key);
	void *ring = bpf_map_lookup_elem(&rp_watch_rings, &key);
	__u32 snaplen = 0;

	if (!pkt || !watch || !ring || (!pkt->dry && !(watch->points >> (point & 15) & 1)))
		return 0;
	if (RP_POINTS_WITH_BYTES >> (point & 15) & 1)
		snaplen = pkt->dry ? (__u32)RP_EVENT_LONG : watch->snaplen;
	if (snaplen > RP_EVENT_SHORT)
		put_event(ctx, pkt, point, index, watch, ring, snaplen, RP_EVENT_LONG);
	else
		put_event(ctx, pkt, point, index, watch, ring, snaplen, RP_EVENT_SHORT);
	return 0;
}

RP_GLOBAL int tell_all(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 point)
{
	if (!pkt)
		return 0;
	for (__u32 i = 0; i < RP_WATCH_MAX; i++)
		if (pkt->watches >> i & 1)
			tell_watch(ctx, pkt, point, i);
	return 0;
}

/* The packet is at `point`. */
static __always_inline void tell(struct xdp_md *ctx, struct rp_pkt *pkt, enum rp_event_point point)
{
	if (pkt->watches)
		tell_all(ctx, pkt, point);
}

#endif /* RAMPART_BPF_WATCH_H_ */
