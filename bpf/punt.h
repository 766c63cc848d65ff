/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way to the controller, and all that is checked only on that way: what
 * an existing flow proves is not asked again.
 */
#ifndef RAMPART_BPF_PUNT_H_
#define RAMPART_BPF_PUNT_H_

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "bpf/outer.h"
#include "bpf/packet.h"
#include "bpf/ramps.h"

/* Puts the record in front of the tenant's packet, cuts what is behind it, and
 * hands both to the controller's socket of this receive queue.
 */
static __always_inline enum rp_verdict punt(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 reason,
					    __u32 tenant)
{
	int shift = (int)pkt->l3 - (int)sizeof(struct rp_punt);
	int excess = (int)pkt->frame_len - pkt->l3 - pkt->ip_len;
	__u32 queue = ctx->rx_queue_index;
	struct rp_punt *record;

	if (queue >= RP_QUEUE_MAX)
		return rp_drop(pkt, RP_DROP_PUNT_CLOSED);
	if (excess > 0 && bpf_xdp_adjust_tail(ctx, -excess))
		return rp_drop(pkt, RP_DROP_HEADROOM);
	if (bpf_xdp_adjust_head(ctx, shift))
		return rp_drop(pkt, RP_DROP_HEADROOM);
	record = rp_at(ctx, 0, sizeof(*record));
	if (!record)
		return rp_drop(pkt, RP_DROP_HEADROOM);
	record->reason = reason;
	record->realm = pkt->realm;
	record->tunnel = pkt->tunnel;
	record->peer = pkt->peer;
	record->slot = cfg_slot;
	record->mtu = pkt->mtu;
	record->length = pkt->ip_len;
	record->tenant = tenant;
	record->pad = 0;
	if (bpf_redirect_map(&rp_xsks, cfg_slot * RP_QUEUE_MAX + queue, 0) != XDP_REDIRECT)
		return rp_drop(pkt, RP_DROP_PUNT_CLOSED);
	return RP_PUNT;
}

/* One tenant may not use up the controller: a counter per punt tick, which is so
 * short that what all may have in it fits into the controller's rings. Two CPUs
 * may both start a tick and let a few more through.
 */
static __always_inline bool over_punt_limit(__u32 tenant, bool dry)
{
	__u32 now =
		bpf_ktime_get_ns() >> RP_PUNT_TICK_SHIFT; /* the coarse clock may be too coarse */
	struct rp_tenant *t = bpf_map_lookup_elem(&rp_tenants, &tenant);
	const struct rp_config *config = rp_config_here();

	if (!t || !config)
		return true;
	if (dry)
		return t->tick == now && t->punts >= config->punts_per_tick;
	if (t->tick != now) {
		t->tick = now;
		t->punts = 0;
	}
	return __sync_fetch_and_add(&t->punts, 1) >= config->punts_per_tick;
}

static __always_inline const struct rp_grant *find_grant(const struct rp_pkt *pkt)
{
	struct rp_grant_key key = { .tunnel = pkt->tunnel, .realm = pkt->realm };

	return bpf_map_lookup_elem(&rp_grants, &key);
}

/* A packet that the controller has to see. Returns enum rp_verdict. */
RP_GLOBAL int punt_limited(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 reason)
{
	__u32 tenant = 0; /* the underlay's own share */

	if (!pkt)
		return RP_DROP;
	if (pkt->tunnel != RP_TUNNEL_UNDERLAY) {
		const struct rp_grant *grant = find_grant(pkt);

		if (!grant)
			return rp_drop(pkt, RP_DROP_VNI_REFUSED);
		tenant = grant->tenant;
		pkt->tenant = tenant;
	}
	if (over_punt_limit(tenant, pkt->dry))
		return rp_drop(pkt, RP_DROP_PUNT_RATE);
	return punt(ctx, pkt, reason, tenant);
}

/* RFC 1122 section 3.2.1.3: 0/8, 127/8, 224/4 and above; RFC 3927 section 2.7:
 * 169.254/16.
 */
static __always_inline bool martian4(__be32 addr)
{
	__u32 host = bpf_ntohl(addr);
	__u8 first = host >> 24;

	return first == 0 || first == 127 || first >= 224 || host >> 16 == 0xa9fe;
}

/* RFC 4291 section 2.5: ::, ::1, fe80::/10, ff00::/8, and IPv4-mapped addresses. */
static __always_inline bool martian6(const void *addr)
{
	const __u32 *w = addr;
	bool low = !w[0] && !w[1];

	return *(const __u8 *)addr == 0xff ||
	       (w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	       (low && ((!w[2] && (w[3] & bpf_htonl(~1u)) == 0) || w[2] == bpf_htonl(0xffff)));
}

/* What is inside belongs to one tenant, and others may have the same address. */
static __always_inline bool is_ours(__u32 use)
{
	return use && !(use & RP_ADDRESS_INSIDE);
}

/* Addresses that no tunnelled packet may have (RFC 2003 section 3.2). */
static __always_inline enum rp_verdict check_new4(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct iphdr *ip)
{
	const struct iphdr *outer = rp_at(ctx, pkt->outer, sizeof(*outer));

	if (martian4(ip->saddr))
		return rp_drop(pkt, RP_DROP_SRC_MARTIAN);
	if (martian4(ip->daddr))
		return rp_drop(pkt, RP_DROP_DST_MARTIAN);
	if (is_ours(address4_use(pkt, ip->saddr)) ||
	    (pkt->outer_family == 4 && outer && outer->saddr == ip->saddr))
		return rp_drop(pkt, RP_DROP_SRC_OURS);
	if (address4_use(pkt, ip->daddr) & RP_ADDRESS_TUNNEL)
		return rp_drop(pkt, RP_DROP_NESTED);
	return RP_NEXT;
}

static __always_inline enum rp_verdict check_new6(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct ipv6hdr *ip)
{
	const struct ipv6hdr *outer = rp_at(ctx, pkt->outer, sizeof(*outer));

	if (martian6(&ip->saddr))
		return rp_drop(pkt, RP_DROP_SRC_MARTIAN);
	if (martian6(&ip->daddr))
		return rp_drop(pkt, RP_DROP_DST_MARTIAN);
	if (is_ours(address6_use(pkt, &ip->saddr)) ||
	    (pkt->outer_family == 6 && outer && same16(&outer->saddr, &ip->saddr)))
		return rp_drop(pkt, RP_DROP_SRC_OURS);
	if (address6_use(pkt, &ip->daddr) & RP_ADDRESS_TUNNEL)
		return rp_drop(pkt, RP_DROP_NESTED);
	return RP_NEXT;
}

/* Is the packet for an address of the access interface itself? */
static __always_inline bool is_local(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	struct rp_local_key key = { .slot = cfg_slot };

	if (pkt->family == 4) {
		const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return false;
		*(__be16 *)(key.addr + 10) = 0xffff;
		*(__be32 *)(key.addr + 12) = ip->daddr;
	} else {
		const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return false;
		__builtin_memcpy(key.addr, &ip->daddr, 16);
	}
	return bpf_map_lookup_elem(&rp_locals, &key);
}

/* Whether somebody from outside may begin a flow at this endpoint. */
static __always_inline bool is_open(const struct rp_pkt *pkt, const struct rp_address_key *address)
{
	struct rp_nat_open_key key = { .proto = pkt->proto };
	__u32 port = bpf_ntohs(pkt->dport);
	const struct rp_nat_open *open;

	__builtin_memcpy(key.addr, address->addr, sizeof(key.addr));
	key.block = port / RP_OPEN_PORTS;
	open = bpf_map_lookup_elem(&rp_nat_open, &key);
	return open && open->ports[port % RP_OPEN_PORTS / 64] >> port % 64 & 1;
}

/* A packet for a NAT address, of no flow. Most are not expected: what comes back
 * to such an address was asked for. TCP begins with a SYN; one that nobody
 * expects is not answered (RFC 5382 REQ-4 a), as the sender may be the other
 * half of a simultaneous open.
 */
static __always_inline enum rp_verdict check_inbound(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	struct rp_address_key key = {};
	__u32 use;

	if (pkt->family == 4) {
		const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
		*(__be16 *)(key.addr + 10) = 0xffff;
		*(__be32 *)(key.addr + 12) = ip->daddr;
	} else {
		const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
		__builtin_memcpy(key.addr, &ip->daddr, 16);
	}
	use = address_use(&key, pkt->dry);
	if (use & RP_ADDRESS_INSIDE)
		return RP_PASS;
	if (pkt->proto == IPPROTO_TCP && (pkt->tcp_flags & (RP_SEG_SYN | RP_SEG_ACK)) != RP_SEG_SYN)
		return rp_drop(pkt, RP_DROP_NAT_NO_MAPPING);
	if (!(use & RP_ADDRESS_PREFIX) && !is_open(pkt, &key))
		return rp_drop(pkt, RP_DROP_NAT_NO_MAPPING);
	return RP_NEXT;
}

/* A packet without flow (RP_PUNT_MISS), on its last hop (RP_PUNT_TTL), or not
 * whole (RP_PUNT_FRAGMENT). Returns enum rp_verdict.
 */
RP_GLOBAL int ask_controller(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 reason)
{
	if (!pkt)
		return RP_DROP;
	if (pkt->realm == RP_REALM_UNDERLAY && reason == RP_PUNT_MISS)
		RP_TRY(check_inbound(ctx, pkt));
	if (is_local(ctx, pkt))
		return RP_PASS;
	if (pkt->family == 4) {
		const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
		RP_TRY(check_new4(ctx, pkt, ip));
	} else {
		const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		if (!ip)
			return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
		RP_TRY(check_new6(ctx, pkt, ip));
	}
	return punt_limited(ctx, pkt, reason);
}

/* A flow of another tunnel: forged, or the tenant's traffic has moved. */
static __always_inline enum rp_verdict wrong_on_ramp(struct rp_pkt *pkt)
{
	if (pkt->tunnel != RP_TUNNEL_UNDERLAY && !find_grant(pkt))
		return rp_drop(pkt, RP_DROP_VNI_REFUSED);
	return rp_drop(pkt, RP_DROP_ON_RAMP);
}

#endif /* RAMPART_BPF_PUNT_H_ */
