/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On-ramps without outer headers: an interface of one vnet, and the TAP that
 * the controller writes to.
 */
#ifndef RAMPART_BPF_ACCESS_H_
#define RAMPART_BPF_ACCESS_H_

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "bpf/outer.h"
#include "bpf/packet.h"
#include "bpf/punt.h"

/* Link-scope traffic is between the hosts of the link and this host: ARP, ND,
 * DHCP and the like are its stack's.
 */
static __always_inline bool is_link_scope(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	if (pkt->family == 4) {
		const struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
		__u32 daddr = ip ? bpf_ntohl(ip->daddr) : 0;

		return daddr >= 0xe0000000 || daddr >> 16 == 0xa9fe;
	} else {
		const struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));

		return ip &&
		       (ip->daddr.s6_addr[0] == 0xff ||
			(ip->daddr.s6_addr[0] == 0xfe && (ip->daddr.s6_addr[1] & 0xc0) == 0x80));
	}
}

/* Tenant and vnet come from the interface. Tagged frames are not of this vnet. */
static __always_inline enum rp_verdict access_stage(struct xdp_md *ctx, struct rp_pkt *pkt,
						    const struct rp_device *device)
{
	if (device->link_header_len) {
		__be16 ethertype = parse_ethernet(ctx, pkt, device);

		if (pkt->l3 != sizeof(struct ethhdr))
			return RP_PASS;
		if (ethertype == bpf_htons(ETH_P_IP))
			pkt->family = 4;
		else if (ethertype == bpf_htons(ETH_P_IPV6))
			pkt->family = 6;
		else
			return RP_PASS;
	} else {
		const __u8 *first = rp_at(ctx, 0, 1);

		if (!first)
			return RP_PASS;
		pkt->family = *first >> 4 == 6 ? 6 : 4;
	}
	if (is_link_scope(ctx, pkt))
		return RP_PASS;
	pkt->tunnel = device->tunnel;
	pkt->tenant = device->tenant;
	pkt->realm = device->realm;
	return RP_NEXT;
}

static __always_inline enum rp_verdict inject_fragment(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct rp_inject_fragment *of = rp_at(ctx, sizeof(struct rp_inject), sizeof(*of));

	if (!of)
		return rp_drop(pkt, RP_DROP_INJECT);
	pkt->l3 += sizeof(*of);
	pkt->is_part = true;
	pkt->sport = of->sport;
	pkt->dport = of->dport;
	pkt->proto = of->proto;
	return RP_NEXT;
}

/* What the controller wrote: see struct rp_inject. Sets pkt->next_hop if
 * the packet is to leave through it; index 0 is never a next hop's.
 */
static __always_inline enum rp_verdict inject_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct rp_inject *header = rp_at(ctx, 0, sizeof(*header));
	const struct rp_grant *grant;
	__u32 argument;

	if (!header || header->source != bpf_htons(RP_INJECT_SOURCE))
		return rp_drop(pkt, RP_DROP_INJECT);
	if (header->ethertype == bpf_htons(ETH_P_IP))
		pkt->family = 4;
	else if (header->ethertype == bpf_htons(ETH_P_IPV6))
		pkt->family = 6;
	else
		return rp_drop(pkt, RP_DROP_INJECT);
	pkt->l3 = sizeof(*header);
	argument = (__u32)header->argument[0] << 24 | header->argument[1] << 16 |
		   header->argument[2] << 8 | header->argument[3];
	pkt->tunnel = (__u32)header->tunnel[0] << 24 | header->tunnel[1] << 16 |
		      header->tunnel[2] << 8 | header->tunnel[3];
	if (header->verb == bpf_htons(RP_INJECT_NEXT_HOP) && argument) {
		pkt->next_hop = argument;
		pkt->entropy = bpf_htons(RP_OUTER_PORT); /* belongs to no flow */
		return RP_NEXT;
	}
	pkt->realm = argument;
	grant = find_grant(pkt);
	if (grant)
		pkt->tenant = grant->tenant;
	if (header->verb == bpf_htons(RP_INJECT_FRAGMENT))
		return inject_fragment(ctx, pkt);
	if (header->verb != bpf_htons(RP_INJECT_REALM))
		return rp_drop(pkt, RP_DROP_INJECT);
	return RP_NEXT;
}

#endif /* RAMPART_BPF_ACCESS_H_ */
