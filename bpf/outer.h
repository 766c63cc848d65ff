/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 1 and 2 of an uplink: from the Ethernet header to the tenant's packet.
 * What is not for Rampart is RP_PASS, untouched; what is for one of our tunnel
 * addresses never reaches the host's stack.
 */
#ifndef RAMPART_BPF_OUTER_H_
#define RAMPART_BPF_OUTER_H_

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "bpf/csum.h"
#include "bpf/gre.h"
#include "bpf/gue.h"
#include "bpf/packet.h"
#include "bpf/ramps.h"

struct rp_vlan {
	__be16 tci;
	__be16 ethertype;
};

#define RP_ETH_P_8021Q bpf_htons(0x8100)
#define RP_ETH_P_8021AD bpf_htons(0x88a8)

/* The device this program is attached to; NULL until it is configured. */
static __always_inline const struct rp_device *device_here(void)
{
	__u32 slot = cfg_slot;
	const struct rp_device *device = bpf_map_lookup_elem(&rp_devices, &slot);

	return device && device->role != RP_ROLE_NONE ? device : NULL;
}

/* A promiscuous or flooded frame for another station is not ours to route. */
static __always_inline bool is_addressed(const struct ethhdr *eth, const struct rp_device *device)
{
	return !*(__u32 *)device->mac ||
	       (*(__u32 *)eth->h_dest == *(__u32 *)device->mac &&
		*(__u16 *)(eth->h_dest + 4) == *(__u16 *)(device->mac + 4));
}

/* Sets l3 behind Ethernet and up to two VLAN tags. Returns the ethertype in
 * network order, 0 if the frame is too short or not addressed to this device.
 */
static __always_inline __be16 parse_ethernet(struct xdp_md *ctx, struct rp_pkt *pkt,
					     const struct rp_device *device)
{
	const struct ethhdr *eth = rp_at(ctx, 0, sizeof(*eth));
	__be16 ethertype;

	if (!eth)
		return 0;
	if (!is_addressed(eth, device))
		return 0;
	ethertype = eth->h_proto;
	pkt->l3 = sizeof(*eth);
	for (int i = 0; i < 2; i++) {
		const struct rp_vlan *vlan;

		if (ethertype != RP_ETH_P_8021Q && ethertype != RP_ETH_P_8021AD)
			break;
		vlan = rp_at(ctx, pkt->l3, sizeof(*vlan));
		if (!vlan)
			return 0;
		ethertype = vlan->ethertype;
		pkt->l3 += sizeof(*vlan);
	}
	return ethertype;
}

static __always_inline bool is_gue_port(const struct udphdr *udp)
{
	const struct rp_config *config = rp_config_here();

	return udp && config && udp->dest == config->gue_port;
}

/* A packet for a NAT address continues as a flow of the underlay. */
static __always_inline enum rp_verdict nat_return(struct rp_pkt *pkt, __u32 use)
{
	if (!(use & RP_ADDRESS_NAT))
		return RP_PASS;
	pkt->realm = RP_REALM_UNDERLAY;
	pkt->tunnel = RP_TUNNEL_UNDERLAY;
	return RP_NEXT;
}

/* Not from a peer: still ours if it is addressed to a tunnel address. */
static __always_inline enum rp_verdict no_peer(struct rp_pkt *pkt, __u32 daddr_use, bool reflected,
					       __u16 reason)
{
	if (!(daddr_use & RP_ADDRESS_TUNNEL))
		return nat_return(pkt, daddr_use);
	return rp_drop(pkt, reflected ? RP_DROP_REFLECTED : reason);
}

/* From the UDP header at `offset` to the tenant's packet. `partial`: sum of
 * the pseudo header's addresses.
 */
static __always_inline enum rp_verdict take_udp(struct xdp_md *ctx, struct rp_pkt *pkt,
						const struct rp_peer *peer, __u32 offset,
						__u64 partial)
{
	const struct udphdr *udp = rp_at(ctx, offset, sizeof(*udp));
	__u32 len;

	pkt->tunnel = peer->tunnel;
	pkt->peer = peer->index;
	pkt->tenant = peer->tenant;
	if (!udp)
		return rp_drop(pkt, RP_DROP_UDP_LENGTH);
	len = bpf_ntohs(udp->len);
	if (len < sizeof(*udp) || offset + len > pkt->limit)
		return rp_drop(pkt, RP_DROP_UDP_LENGTH);
	pkt->limit = offset + len;
	if (udp->check) {
		__s64 sum = csum_bytes(ctx, offset, len);

		partial += bpf_htons(IPPROTO_UDP) + (__u32)udp->len;
		if (sum < 0 || csum_fold64(partial + sum) != 0xffff)
			return rp_drop(pkt, RP_DROP_UDP_CSUM);
	} else if (pkt->outer_family == 6 && !(peer->flags & RP_PEER_ZERO_CSUM6)) {
		return rp_drop(pkt, RP_DROP_UDP_CSUM6_ZERO); /* RFC 6936 section 4 (5) */
	}
	return take_gue(ctx, pkt, peer, offset + sizeof(*udp));
}

static __always_inline enum rp_verdict outer4_header(struct xdp_md *ctx, struct rp_pkt *pkt,
						     const struct iphdr *ip)
{
	__u32 total = bpf_ntohs(ip->tot_len);

	if (ip->ihl < 5 || total < ip->ihl * 4 || pkt->outer + total > pkt->limit ||
	    !csum_ip4_ok(ctx, ip, pkt->outer))
		return rp_drop(pkt, RP_DROP_OUTER_IP_HEADER);
	pkt->outer_ecn = ip->tos & 3;
	pkt->limit = pkt->outer + total;
	return RP_NEXT;
}

static __always_inline enum rp_verdict outer4_gue(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct iphdr *ip)
{
	struct rp_peer4_key key = { .saddr = ip->saddr, .daddr = ip->daddr, .kind = RP_PEER_GUE };
	const struct rp_peer *peer = find_peer4(pkt, &key);

	if (!peer)
		return no_peer(pkt, address4_use(pkt, ip->daddr),
			       address4_use(pkt, ip->saddr) & RP_ADDRESS_TUNNEL, RP_DROP_NO_PEER);
	RP_TRY(outer4_header(ctx, pkt, ip));
	return take_udp(ctx, pkt, peer, pkt->outer + ip->ihl * 4, (__u64)ip->saddr + ip->daddr);
}

/* Which peer, depends on the GRE key. */
static __always_inline enum rp_verdict outer4_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct iphdr *ip)
{
	struct rp_peer4_key key = { .saddr = ip->saddr, .daddr = ip->daddr };
	__u32 offset = pkt->outer + ip->ihl * 4;
	const struct rp_peer *peer;
	struct rp_gre gre;
	__u32 use;

	use = address4_use(pkt, ip->daddr);
	if (!(use & RP_ADDRESS_TUNNEL))
		return nat_return(pkt, use);
	RP_TRY(outer4_header(ctx, pkt, ip));
	RP_TRY(parse_gre(ctx, pkt, offset, &gre));
	key.kind = gre.flags & RP_GRE_KEY ? RP_PEER_GRE_KEY : RP_PEER_GRE;
	key.gre_key = gre.key;
	peer = find_peer4(pkt, &key);
	if (!peer)
		return no_peer(pkt, use, address4_use(pkt, ip->saddr) & RP_ADDRESS_TUNNEL,
			       gre.flags & RP_GRE_KEY ? RP_DROP_GRE_KEY : RP_DROP_NO_PEER);
	return take_gre(ctx, pkt, peer, offset, &gre);
}

/* A first fragment shows its port. A later one is dropped if it comes from a
 * peer; else it may be the host's own, and without its first fragment the
 * stack will never make a packet of it.
 */
static __always_inline enum rp_verdict outer4_fragment(struct xdp_md *ctx, struct rp_pkt *pkt,
						       const struct iphdr *ip)
{
	struct rp_peer4_key key = { .saddr = ip->saddr, .daddr = ip->daddr, .kind = RP_PEER_GUE };
	__u32 use = address4_use(pkt, ip->daddr);
	bool first = !(ip->frag_off & bpf_htons(0x1fff));
	const struct udphdr *udp = rp_at(ctx, pkt->outer + ip->ihl * 4, sizeof(*udp));

	if (!(use & RP_ADDRESS_TUNNEL))
		return nat_return(pkt, use);
	if (ip->protocol == IPPROTO_GRE || find_peer4(pkt, &key) || (first && is_gue_port(udp)))
		return rp_drop(pkt, RP_DROP_OUTER_FRAGMENT);
	return RP_PASS;
}

static __always_inline enum rp_verdict outer4(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct iphdr *ip = rp_at(ctx, pkt->outer, sizeof(*ip));
	const struct udphdr *udp;

	if (!ip || ip->version != 4)
		return RP_PASS;
	if (ip->ihl < 5 && address4_use(pkt, ip->daddr) & RP_ADDRESS_TUNNEL)
		return rp_drop(pkt, RP_DROP_OUTER_IP_HEADER);
	pkt->outer_family = 4;
	if (ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_GRE) {
		if (ip->frag_off & bpf_htons(0x3fff))
			return outer4_fragment(ctx, pkt, ip);
		if (ip->protocol == IPPROTO_GRE)
			return outer4_gre(ctx, pkt, ip);
		udp = rp_at(ctx, pkt->outer + ip->ihl * 4, sizeof(*udp));
		if (is_gue_port(udp))
			return outer4_gue(ctx, pkt, ip);
	}
	return nat_return(pkt, address4_use(pkt, ip->daddr));
}

/* The one extension header that stock Linux ip6tnl puts in front of UDP: 8
 * bytes of destination options that hold a tunnel encapsulation limit (RFC
 * 2473 section 4.1.1) and padding.
 */
struct rp_encap_limit {
	__u8 next_header;
	__u8 len; /* 0: 8 bytes */
	__u8 type; /* 4 */
	__u8 type_len; /* 1 */
	__u8 limit;
	__u8 padding[3]; /* PadN of one byte: 1, 1, 0 */
};

static __always_inline bool is_encap_limit(const struct rp_encap_limit *o)
{
	return !o->len && o->type == 4 && o->type_len == 1 && o->padding[0] == 1 &&
	       o->padding[1] == 1;
}

static __always_inline enum rp_verdict outer6_gue(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct ipv6hdr *ip, __u32 offset)
{
	struct rp_peer6_key key = { .kind = RP_PEER_GUE };
	const struct rp_peer *peer;

	__builtin_memcpy(key.saddr, &ip->saddr, 16);
	__builtin_memcpy(key.daddr, &ip->daddr, 16);
	peer = find_peer6(pkt, &key);
	if (!peer)
		return no_peer(pkt, address6_use(pkt, &ip->daddr),
			       address6_use(pkt, &ip->saddr) & RP_ADDRESS_TUNNEL, RP_DROP_NO_PEER);
	if (!pkt->limit)
		return rp_drop(pkt, RP_DROP_OUTER_IP_HEADER);
	return take_udp(ctx, pkt, peer, offset,
			csum_words16((const __u32 *)&ip->saddr) +
				csum_words16((const __u32 *)&ip->daddr));
}

static __always_inline enum rp_verdict outer6_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
						  const struct ipv6hdr *ip, __u32 offset)
{
	struct rp_peer6_key key = {};
	const struct rp_peer *peer;
	struct rp_gre gre;

	if (!pkt->limit)
		return rp_drop(pkt, RP_DROP_OUTER_IP_HEADER);
	RP_TRY(parse_gre(ctx, pkt, offset, &gre));
	__builtin_memcpy(key.saddr, &ip->saddr, 16);
	__builtin_memcpy(key.daddr, &ip->daddr, 16);
	key.kind = gre.flags & RP_GRE_KEY ? RP_PEER_GRE_KEY : RP_PEER_GRE;
	key.gre_key = gre.key;
	peer = find_peer6(pkt, &key);
	if (!peer)
		return no_peer(pkt, RP_ADDRESS_TUNNEL,
			       address6_use(pkt, &ip->saddr) & RP_ADDRESS_TUNNEL,
			       gre.flags & RP_GRE_KEY ? RP_DROP_GRE_KEY : RP_DROP_NO_PEER);
	return take_gre(ctx, pkt, peer, offset, &gre);
}

/* Extension headers other than the one above: fragments and the like. Dropped
 * if they come from a peer to a tunnel address, or hide GRE; else the host's.
 */
static __always_inline enum rp_verdict outer6_extended(struct rp_pkt *pkt, const struct ipv6hdr *ip,
						       __u8 next)
{
	struct rp_peer6_key key = { .kind = RP_PEER_GUE };
	__u32 use = address6_use(pkt, &ip->daddr);

	__builtin_memcpy(key.saddr, &ip->saddr, 16);
	__builtin_memcpy(key.daddr, &ip->daddr, 16);
	if (use & RP_ADDRESS_TUNNEL && find_peer6(pkt, &key))
		return rp_drop(pkt, next == IPPROTO_FRAGMENT ? RP_DROP_OUTER_FRAGMENT
							     : RP_DROP_OUTER_EXT_HEADER);
	return nat_return(pkt, use);
}

static __always_inline enum rp_verdict outer6(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct ipv6hdr *ip = rp_at(ctx, pkt->outer, sizeof(*ip));
	__u32 offset = pkt->outer + sizeof(*ip);
	const struct udphdr *udp;
	__u32 end;
	__u8 next;

	if (!ip || ip->version != 6)
		return RP_PASS;
	pkt->outer_family = 6;
	next = ip->nexthdr;
	if (next == IPPROTO_DSTOPTS) {
		const struct rp_encap_limit *option = rp_at(ctx, offset, sizeof(*option));

		if (option && is_encap_limit(option)) {
			next = option->next_header;
			offset += sizeof(*option);
		}
	}
	if (next == IPPROTO_DSTOPTS || next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	    next == IPPROTO_FRAGMENT)
		return outer6_extended(pkt, ip, next);
	udp = rp_at(ctx, offset, sizeof(*udp));
	if (next != IPPROTO_GRE && !(next == IPPROTO_UDP && is_gue_port(udp)))
		return nat_return(pkt, address6_use(pkt, &ip->daddr));
	if (next == IPPROTO_GRE && !(address6_use(pkt, &ip->daddr) & RP_ADDRESS_TUNNEL))
		return nat_return(pkt, address6_use(pkt, &ip->daddr));

	end = pkt->outer + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	pkt->outer_ecn = (((__u8 *)ip)[1] >> 4) & 3;
	pkt->limit = end <= pkt->limit ? end : 0; /* 0: refused once it is known to be ours */
	return next == IPPROTO_GRE ? outer6_gre(ctx, pkt, ip, offset)
				   : outer6_gue(ctx, pkt, ip, offset);
}

/* From the uplink's frame to the tenant's packet, which is then at l3. Returns
 * enum rp_verdict.
 */
RP_GLOBAL int outer_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct rp_device *device = device_here();
	enum rp_verdict verdict;
	__be16 ethertype;

	if (!pkt || !device)
		return RP_PASS;
	ethertype = parse_ethernet(ctx, pkt, device);
	pkt->outer = pkt->l3;
	if (ethertype == bpf_htons(ETH_P_IP))
		verdict = outer4(ctx, pkt);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		verdict = outer6(ctx, pkt);
	else
		return RP_PASS;
	if (verdict == RP_NEXT && pkt->tunnel == RP_TUNNEL_UNDERLAY) {
		pkt->family = pkt->outer_family;
		pkt->outer_family = 0;
	}
	return verdict;
}

#endif /* RAMPART_BPF_OUTER_H_ */
