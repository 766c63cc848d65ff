/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stage 4: the tenant's packet, from its IP header to the flow key's fields. */
#ifndef RAMPART_BPF_INNER_H_
#define RAMPART_BPF_INNER_H_

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/csum.h"
#include "bpf/packet.h"

enum {
	RP_L4_REACH = 1024, /* an L4 header further in is not looked for */
	RP_EXT_HEADERS_MAX = 6,
	RP_ICMP_LEN = 8,
	RP_TCP_LEN = 20,
};

/* <linux/icmp.h> drags in <sys/socket.h>, which this target does not have. */
struct rp_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 id; /* echo only */
	__be16 sequence;
};

struct rp_fragment6 { /* RFC 8200 section 4.5 */
	__u8 nexthdr;
	__u8 reserved;
	__be16 offset; /* and flags */
	__be32 id;
};

enum rp_icmp_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_DEST_UNREACH = 3,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAM_PROBLEM = 12,

	ICMP6_DEST_UNREACH = 1, /* 1 to 4 are the errors of RFC 4443 */
	ICMP6_PARAM_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

#define IP4_MORE_OR_OFFSET bpf_htons(0x3fff)
#define IP4_OFFSET bpf_htons(0x1fff)
#define IP4_DF bpf_htons(0x4000)

/* RFC 6040 section 4.2, figure 4: what the inner ECN field becomes; -1: drop. */
static __always_inline int ecn_combine(__u8 inner, __u8 outer)
{
	enum {
		NOT_ECT,
		ECT1,
		ECT0,
		CE
	};

	if (outer == CE)
		return inner == NOT_ECT ? -1 : CE;
	if (outer == ECT1 && inner == ECT0)
		return ECT1;
	return inner;
}

static __always_inline enum rp_verdict parse_tcp(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 len)
{
	const struct tcphdr *tcp = rp_at(ctx, pkt->l4, sizeof(*tcp));

	if (!tcp || len < RP_TCP_LEN || tcp->doff * 4 < RP_TCP_LEN || tcp->doff * 4u > len)
		return rp_drop(pkt, RP_DROP_L4_TRUNCATED);
	pkt->sport = tcp->source;
	pkt->dport = tcp->dest;
	pkt->tcp_flags = ((const __u8 *)tcp)[13];
	return RP_NEXT;
}

static __always_inline enum rp_verdict parse_udp(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 len)
{
	const struct udphdr *udp = rp_at(ctx, pkt->l4, sizeof(*udp));

	if (!udp || len < sizeof(*udp))
		return rp_drop(pkt, RP_DROP_L4_TRUNCATED);
	pkt->sport = udp->source;
	pkt->dport = udp->dest;
	return RP_NEXT;
}

/* The identifier of a request stands for the source port, that of a reply for
 * the destination port: a reply then has the swapped key.
 */
static __always_inline enum rp_verdict parse_icmp(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 len)
{
	const struct rp_icmp *icmp = rp_at(ctx, pkt->l4, sizeof(*icmp));
	bool v4 = pkt->family == 4;

	if (!icmp || len < RP_ICMP_LEN)
		return rp_drop(pkt, RP_DROP_L4_TRUNCATED);
	pkt->icmp_type = icmp->type;
	if (icmp->type == (v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST))
		pkt->sport = icmp->id;
	else if (icmp->type == (v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY))
		pkt->dport = icmp->id;
	else if (v4 ? icmp->type == ICMP4_DEST_UNREACH || icmp->type == ICMP4_TIME_EXCEEDED ||
				 icmp->type == ICMP4_PARAM_PROBLEM
		    : icmp->type >= ICMP6_DEST_UNREACH && icmp->type <= ICMP6_PARAM_PROBLEM)
		pkt->is_error = true;
	else
		return rp_drop(pkt, RP_DROP_ICMP_TYPE);
	return RP_NEXT;
}

static __always_inline enum rp_verdict parse_l4(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	__u32 len = pkt->l3 + pkt->ip_len - pkt->l4;

	if (pkt->proto == IPPROTO_TCP)
		return parse_tcp(ctx, pkt, len);
	if (pkt->proto == IPPROTO_UDP)
		return parse_udp(ctx, pkt, len);
	if (pkt->proto == (pkt->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_icmp(ctx, pkt, len);
	return RP_NEXT; /* an address-only flow */
}

/* Behind the IP header. A fragment has no ports of its own, but for the first
 * one, which alone says nothing about the others.
 */
static __always_inline enum rp_verdict parse_end(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	return pkt->is_later || (pkt->is_fragment && !pkt->is_part) ? RP_NEXT : parse_l4(ctx, pkt);
}

static __always_inline enum rp_verdict check_ttl(struct rp_pkt *pkt, __u8 ttl)
{
	if (ttl == 0)
		return rp_drop(pkt, RP_DROP_TTL_ZERO);
	return RP_NEXT;
}

static __always_inline enum rp_verdict parse_ip4(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
	int ecn;

	if (!ip || pkt->l3 + sizeof(*ip) > pkt->limit)
		return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
	if (ip->version != 4)
		return rp_drop(pkt, RP_DROP_IP_VERSION);
	pkt->ip_len = bpf_ntohs(ip->tot_len);
	if (ip->ihl < 5 || ip->ihl * 4 > pkt->ip_len)
		return rp_drop(pkt, RP_DROP_IP_IHL);
	if (pkt->l3 + pkt->ip_len > pkt->limit)
		return rp_drop(pkt, RP_DROP_IP_LENGTH);
	if (!csum_ip4_ok(ctx, ip, pkt->l3))
		return rp_drop(pkt, RP_DROP_IP_CSUM);
	RP_TRY(check_ttl(pkt, ip->ttl));
	pkt->is_fragment = ip->frag_off & IP4_MORE_OR_OFFSET;
	pkt->is_later = ip->frag_off & IP4_OFFSET;
	ecn = ecn_combine(ip->tos & 3, pkt->outer_ecn);
	if (ecn < 0)
		return rp_drop(pkt, RP_DROP_ECN);
	if (ecn != (ip->tos & 3)) {
		__u16 from = *(__u16 *)ip;

		ip->tos = (ip->tos & ~3) | ecn;
		ip->check = csum_apply(ip->check, csum_delta16(from, *(__u16 *)ip));
	}
	pkt->ecn = ecn;
	pkt->dont_fragment = ip->frag_off & IP4_DF;
	pkt->proto = ip->protocol;
	pkt->l4 = pkt->l3 + ip->ihl * 4;
	return parse_end(ctx, pkt);
}

/* Moves `offset` behind the extension headers of type `next`, and `next` to what
 * follows them; a fragment header is not followed. Returns 0, or the reason to
 * drop: too many.
 */
static __always_inline int skip_extensions(struct xdp_md *ctx, __u32 *offset, __u8 *next)
{
	for (int i = 0; i < RP_EXT_HEADERS_MAX; i++) {
		const struct ipv6_opt_hdr *option;

		if (*next != IPPROTO_HOPOPTS && *next != IPPROTO_ROUTING &&
		    *next != IPPROTO_DSTOPTS && *next != IPPROTO_AH)
			return 0;
		option = rp_at(ctx, *offset, sizeof(*option));
		if (!option || *offset > RP_L4_REACH)
			return RP_DROP_IP_EXT_HEADERS;
		*offset +=
			*next == IPPROTO_AH ? (option->hdrlen + 2) * 4 : (option->hdrlen + 1) * 8;
		*next = option->nexthdr;
	}
	return RP_DROP_IP_EXT_HEADERS;
}

/* The fragment header at `l4`. What follows it is a datagram's only in the first
 * fragment, and there `proto` at once: the controller lets no other through.
 */
static __always_inline enum rp_verdict parse_fragment6(struct xdp_md *ctx, struct rp_pkt *pkt,
						       __u32 *l4, __u8 proto)
{
	const struct rp_fragment6 *fragment = rp_at(ctx, *l4, sizeof(*fragment));

	if (!fragment)
		return rp_drop(pkt, RP_DROP_IP_EXT_HEADERS);
	pkt->is_fragment = true; /* an atomic one as well (RFC 6946): it is complete at once */
	pkt->is_later = fragment->offset & bpf_htons(0xfff8);
	pkt->proto = proto;
	*l4 += sizeof(*fragment);
	if (pkt->is_part && !pkt->is_later && fragment->nexthdr != proto)
		return rp_drop(pkt, RP_DROP_FRAGMENT);
	return RP_NEXT;
}

static __always_inline enum rp_verdict parse_ip6(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
	int ecn, reason;
	__u32 len, l4;
	__u8 proto;

	if (!ip || pkt->l3 + sizeof(*ip) > pkt->limit)
		return rp_drop(pkt, RP_DROP_IP_TRUNCATED);
	if (ip->version != 6)
		return rp_drop(pkt, RP_DROP_IP_VERSION);
	len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	/* Length 0 with something to follow is a jumbogram (RFC 2675). */
	if (len > 0xffff || pkt->l3 + len > pkt->limit ||
	    (!ip->payload_len && ip->nexthdr != IPPROTO_NONE))
		return rp_drop(pkt, RP_DROP_IP_LENGTH);
	pkt->ip_len = len;
	RP_TRY(check_ttl(pkt, ip->hop_limit));
	ecn = ecn_combine(((__u8 *)ip)[1] >> 4 & 3, pkt->outer_ecn);
	if (ecn < 0)
		return rp_drop(pkt, RP_DROP_ECN);
	((__u8 *)ip)[1] = (((__u8 *)ip)[1] & ~0x30) | ecn << 4;
	pkt->ecn = ecn;
	pkt->dont_fragment = true;
	proto = pkt->proto; /* a part's */
	pkt->proto = ip->nexthdr;
	l4 = pkt->l3 + sizeof(*ip);
	reason = skip_extensions(ctx, &l4, &pkt->proto);
	if (reason)
		return rp_drop(pkt, reason);
	if (l4 > pkt->l3 + len || l4 > RP_L4_REACH)
		return rp_drop(pkt, RP_DROP_IP_EXT_HEADERS);
	if (pkt->proto == IPPROTO_FRAGMENT)
		RP_TRY(parse_fragment6(ctx, pkt, &l4, proto));
	pkt->extended = l4 != pkt->l3 + sizeof(*ip);
	pkt->l4 = l4;
	return parse_end(ctx, pkt);
}

/* Anything that is malformed is dropped before a flow is looked for. */
static __always_inline enum rp_verdict inner_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	return pkt->family == 4 ? parse_ip4(ctx, pkt) : parse_ip6(ctx, pkt);
}

/* TTL or hop limit of the tenant's packet, checked to be there before. */
static __always_inline bool is_last_hop(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	const __u8 *ip = rp_at(ctx, pkt->l3, sizeof(struct iphdr));

	return ip && ip[pkt->family == 4 ? 8 : 7] == 1;
}

#endif /* RAMPART_BPF_INNER_H_ */
