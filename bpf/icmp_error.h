/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors travel on the flow of the packet they quote, backwards (RFC 5508
 * section 4). The quoted packet is what went out, so its swapped tuple is the
 * key of the entry that the error follows, and undoing the entry's rewrite
 * restores it. Errors are rare: checksums are summed afresh. They neither
 * count in the flow nor keep it alive (REQ-6).
 */
#ifndef RAMPART_BPF_ICMP_ERROR_H_
#define RAMPART_BPF_ICMP_ERROR_H_

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/csum.h"
#include "bpf/emit.h"
#include "bpf/flow.h"
#include "bpf/inner.h"
#include "bpf/packet.h"

enum {
	QUOTE_L4_MIN = 8, /* RFC 792: at least this much of the quoted datagram's data */
	QUOTE_TCP_CHECK = 16, /* offset of the checksum in TCP */
	QUOTE_UDP_CHECK = 6,
	QUOTE_ICMP_CHECK = 2,
	QUOTE_ICMP_ID = 4,
};

/* The packet that an error quotes. */
struct rp_quote {
	__u32 l3; /* offset of its IP header */
	__u32 l4; /* offset of what follows it */
	__be16 sport; /* as in a flow key */
	__be16 dport;
	__u8 proto;
};

static __always_inline bool is_icmp(__u8 proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* Ports or identifier of the quoted packet. */
static __always_inline bool parse_quote_l4(struct xdp_md *ctx, const struct rp_pkt *pkt,
					   struct rp_quote *quote)
{
	const __be16 *l4 = rp_at(ctx, quote->l4, QUOTE_L4_MIN);
	__u8 request = pkt->family == 4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
	__u8 reply = pkt->family == 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;

	if (!l4 || quote->l4 + QUOTE_L4_MIN > pkt->l3 + pkt->ip_len)
		return false;
	if (quote->proto == IPPROTO_TCP || quote->proto == IPPROTO_UDP) {
		quote->sport = l4[0];
		quote->dport = l4[1];
	} else if (is_icmp(quote->proto)) {
		__u8 type = *(const __u8 *)l4;

		if (type == request)
			quote->sport = l4[QUOTE_ICMP_ID / 2];
		else if (type == reply)
			quote->dport = l4[QUOTE_ICMP_ID / 2];
		else
			return false; /* an error about an error, or no query */
	}
	return true;
}

/* Puts ports or identifier back, and mends a checksum that was quoted along:
 * `pseudo` is what the addresses add to it. A quote may end before it.
 */
static __always_inline void restore_quote_l4(struct xdp_md *ctx, const struct rp_pkt *pkt,
					     const struct rp_quote *quote, __be16 sport,
					     __be16 dport, __u32 pseudo)
{
	__be16 *l4 = rp_at(ctx, quote->l4, QUOTE_L4_MIN);
	__u32 delta = csum_delta16(quote->sport, sport) + csum_delta16(quote->dport, dport);
	__u16 *check;

	if (!l4)
		return;
	if (is_icmp(quote->proto)) {
		l4[QUOTE_ICMP_ID / 2] = sport | dport;
		if (quote->proto == IPPROTO_ICMP)
			pseudo = 0; /* covers no pseudo header */
		l4[QUOTE_ICMP_CHECK / 2] =
			csum_apply(l4[QUOTE_ICMP_CHECK / 2], csum_fold(delta) + pseudo);
		return;
	}
	if (quote->proto != IPPROTO_TCP && quote->proto != IPPROTO_UDP)
		return;
	l4[0] = sport;
	l4[1] = dport;
	if (quote->proto == IPPROTO_UDP) {
		if (!l4[QUOTE_UDP_CHECK / 2])
			return;
		check = l4 + QUOTE_UDP_CHECK / 2;
	} else {
		check = rp_at(ctx, quote->l4 + QUOTE_TCP_CHECK, 2);
		if (!check || quote->l4 + QUOTE_TCP_CHECK + 2 > pkt->l3 + pkt->ip_len)
			return;
	}
	*check = csum_apply(*check, csum_fold(delta) + pseudo);
}

static __always_inline bool find_error4(struct xdp_md *ctx, struct rp_pkt *pkt,
					struct rp_quote *quote, struct rp_hit *hit)
{
	const struct iphdr *ip;
	struct rp_flow4_key key = { .realm = pkt->realm };

	quote->l3 = pkt->l4 + RP_ICMP_LEN;
	ip = rp_at(ctx, quote->l3, sizeof(*ip));
	if (!ip || quote->l3 + sizeof(*ip) > (__u32)pkt->l3 + pkt->ip_len || ip->version != 4 ||
	    ip->ihl < 5 || ip->frag_off & bpf_htons(0x1fff) || !csum_ip4_ok(ctx, ip, quote->l3)) {
		rp_blame(pkt, RP_DROP_ICMP_INNER);
		return false;
	}
	quote->l4 = quote->l3 + ip->ihl * 4;
	quote->proto = ip->protocol;
	if (!parse_quote_l4(ctx, pkt, quote)) {
		rp_blame(pkt, RP_DROP_ICMP_INNER);
		return false;
	}
	key.saddr = ip->daddr;
	key.daddr = ip->saddr;
	key.sport = quote->dport;
	key.dport = quote->sport;
	key.proto = quote->proto;
	rp_blame(pkt, RP_DROP_ICMP_NO_FLOW);
	pkt->flow = find_slot4(&key);
	return hit_flow4(pkt->flow, hit);
}

static __always_inline bool find_error6(struct xdp_md *ctx, struct rp_pkt *pkt,
					struct rp_quote *quote, struct rp_hit *hit)
{
	const struct ipv6hdr *ip;
	struct rp_flow6_key key = { .realm = pkt->realm };

	quote->l3 = pkt->l4 + RP_ICMP_LEN;
	quote->l4 = quote->l3 + sizeof(*ip);
	ip = rp_at(ctx, quote->l3, sizeof(*ip));
	if (ip)
		quote->proto = ip->nexthdr;
	if (!ip || quote->l4 > (__u32)pkt->l3 + pkt->ip_len || ip->version != 6 ||
	    skip_extensions(ctx, &quote->l4, &quote->proto) || quote->proto == IPPROTO_FRAGMENT ||
	    !parse_quote_l4(ctx, pkt, quote)) {
		rp_blame(pkt, RP_DROP_ICMP_INNER);
		return false;
	}
	__builtin_memcpy(key.saddr, &ip->daddr, 16);
	__builtin_memcpy(key.daddr, &ip->saddr, 16);
	key.sport = quote->dport;
	key.dport = quote->sport;
	key.proto = quote->proto;
	rp_blame(pkt, RP_DROP_ICMP_NO_FLOW);
	pkt->flow = find_slot6(&key);
	return hit_flow6(pkt->flow, hit);
}

/* The error comes from the far end of the quoted packet, or from a router on
 * its way. The far end is translated like in any packet of the flow. A router
 * keeps its address, unless the entry hides what is behind it (RFC 5508 REQ-5).
 */
static __always_inline void translate_error4(struct xdp_md *ctx, const struct rp_pkt *pkt,
					     const struct rp_quote *quote,
					     const struct rp_flow4 *entry)
{
	struct iphdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
	struct iphdr *quoted;
	struct rp_icmp *icmp;
	__u32 delta, quoted_delta;
	__u16 ttl;
	__s64 sum;

	if (!ip)
		return;
	quoted = rp_at(ctx, quote->l3, sizeof(*quoted));
	if (!quoted)
		return;
	icmp = rp_at(ctx, pkt->l4, sizeof(*icmp));
	if (!icmp)
		return;
	delta = csum_fold(csum_delta32(ip->daddr, entry->daddr));
	ip->daddr = entry->daddr;
	if (ip->saddr == quoted->daddr || entry->saddr != quoted->daddr) {
		delta += csum_fold(csum_delta32(ip->saddr, entry->saddr));
		ip->saddr = entry->saddr;
	}
	ttl = *(__u16 *)&ip->ttl;
	ip->ttl--;
	delta += csum_delta16(ttl, *(__u16 *)&ip->ttl);
	ip->check = csum_apply(ip->check, delta);

	quoted_delta = csum_fold(csum_delta32(quoted->saddr, entry->daddr)) +
		       csum_fold(csum_delta32(quoted->daddr, entry->saddr));
	quoted->saddr = entry->daddr;
	quoted->daddr = entry->saddr;
	quoted->check = csum_apply(quoted->check, quoted_delta);
	restore_quote_l4(ctx, pkt, quote, entry->dport, entry->sport, csum_fold(quoted_delta));

	icmp->checksum = 0;
	sum = csum_bytes(ctx, pkt->l4, pkt->l3 + pkt->ip_len - pkt->l4);
	icmp = rp_at(ctx, pkt->l4, sizeof(*icmp));
	if (icmp)
		icmp->checksum = ~csum_fold64(sum);
}

static __always_inline void translate_error6(struct xdp_md *ctx, const struct rp_pkt *pkt,
					     const struct rp_quote *quote,
					     const struct rp_flow6 *entry)
{
	struct ipv6hdr *ip = rp_at(ctx, pkt->l3, sizeof(*ip));
	struct ipv6hdr *quoted;
	struct rp_icmp *icmp;
	__u32 len = pkt->l3 + pkt->ip_len - pkt->l4;
	__u32 from, to, quoted_delta;
	__s64 sum;

	if (!ip)
		return;
	quoted = rp_at(ctx, quote->l3, sizeof(*quoted));
	if (!quoted)
		return;
	icmp = rp_at(ctx, pkt->l4, sizeof(*icmp));
	if (!icmp)
		return;
	__builtin_memcpy(&ip->daddr, entry->daddr, 16);
	if (same16(&ip->saddr, &quoted->daddr) || !same16(entry->saddr, &quoted->daddr))
		__builtin_memcpy(&ip->saddr, entry->saddr, 16);
	ip->hop_limit--;

	from = csum_fold64(csum_words16((__u32 *)&quoted->saddr) +
			   csum_words16((__u32 *)&quoted->daddr));
	__builtin_memcpy(&quoted->saddr, entry->daddr, 16);
	__builtin_memcpy(&quoted->daddr, entry->saddr, 16);
	to = csum_fold64(csum_words16((__u32 *)&quoted->saddr) +
			 csum_words16((__u32 *)&quoted->daddr));
	quoted_delta = csum_fold(csum_delta16(from, to));
	restore_quote_l4(ctx, pkt, quote, entry->dport, entry->sport, quoted_delta);

	icmp->checksum = 0;
	sum = csum_bytes(ctx, pkt->l4, len);
	sum += csum_words16((__u32 *)&ip->saddr) + csum_words16((__u32 *)&ip->daddr);
	sum += bpf_htons(len) + bpf_htons(IPPROTO_ICMPV6);
	icmp->checksum = ~csum_fold64(sum);
}

/* RFC 5508 REQ-3: an error whose own checksum is wrong says nothing. */
static __always_inline bool error_csum_ok(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	__u32 len = pkt->l3 + pkt->ip_len - pkt->l4;
	const __u32 *ip = rp_at(ctx, pkt->l3, sizeof(struct ipv6hdr));
	__s64 sum = csum_bytes(ctx, pkt->l4, len);

	if (sum < 0 || !ip)
		return false;
	if (pkt->family == 6)
		sum += csum_words16(ip + 2) + csum_words16(ip + 6) + bpf_htons(len) +
		       bpf_htons(IPPROTO_ICMPV6);
	return csum_fold64(sum) == 0xffff;
}

/* Finds the flow, translates, and notes its next hop. Returns enum rp_verdict. */
RP_GLOBAL int icmp_error_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	struct rp_quote quote = {};
	struct rp_hit hit = {};
	bool found;

	if (!pkt)
		return RP_DROP;
	if (!error_csum_ok(ctx, pkt))
		return rp_drop(pkt, RP_DROP_ICMP_INNER);
	found = pkt->family == 4 ? find_error4(ctx, pkt, &quote, &hit)
				 : find_error6(ctx, pkt, &quote, &hit);
	if (!found)
		return is_local(ctx, pkt) ? RP_PASS : RP_DROP;
	if (hit.flow->on_ramp != pkt->tunnel)
		return wrong_on_ramp(pkt);
	take_exit(pkt, hit.flow);
	RP_TRY(next_hop_stage(pkt));
	if (pkt->ip_len > pkt->mtu)
		return rp_drop(pkt, RP_DROP_TOO_BIG); /* no errors about errors (RFC 1122) */
	if (!pkt->dry)
		count_packet(pkt, hit.flow); /* an error keeps no flow alive (RFC 5508 REQ-6) */
	if (hit.v4)
		translate_error4(ctx, pkt, &quote, hit.v4);
	else if (hit.v6)
		translate_error6(ctx, pkt, &quote, hit.v6);
	return RP_NEXT;
}

#endif /* RAMPART_BPF_ICMP_ERROR_H_ */
