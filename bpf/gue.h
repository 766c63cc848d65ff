/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Generic UDP Encapsulation (draft-ietf-intarea-gue-09) with the group
 * identifier and security fields of draft-ietf-intarea-gue-extensions-06.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  | 0 |C|   Hlen  |  Proto/ctype  |G| SEC |F|T|R|K|N|A| unused  |P|
 *  |                  Group identifier = VNI (G)                   |
 *  |    key id     |0 0 0 0 0 0 B 0|              tag              |  profile mac
 *  |                             epoch                             |
 *  |                              MAC                              |
 *  |                                                               |
 *
 * A peer's packets have one form, fixed by its profile: it is checked by one
 * 32-bit compare, and only what fails that is looked at closely, for a reason.
 */
#ifndef RAMPART_BPF_GUE_H_
#define RAMPART_BPF_GUE_H_

#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "bpf/gre.h"
#include "bpf/packet.h"
#include "bpf/siphash.h"

enum rp_gue { /* first word, host order */
	GUE_VARIANT_MASK = 0xc0000000,
	GUE_CONTROL = 0x20000000,
	GUE_PROTO_MASK = 0x00ff0000,
	GUE_FLAG_GROUP = 0x8000,
	GUE_FLAGS_OTHER = 0x0ffe, /* F, T, R, K, N, A and the unassigned ones */
	GUE_FLAG_PRIVATE = 0x0001, /* Linux only */

	GUE_FORM_MAC = 0x0500a000, /* hlen 5, G, SEC = 010 (16 bytes) */
	GUE_FORM_COOKIE = 0x03009000, /* hlen 3, G, SEC = 001 (8 bytes) */
	GUE_FORM_PLAIN = 0x00000000,
};

enum {
	GUE_LEN_PLAIN = 4,
	GUE_LEN_COOKIE = 16,
	GUE_LEN_MAC = 24,
	GUE_CTYPE_EXPERIMENT = 255,
};

struct gue_mac_header {
	__be32 word;
	__be32 group;
	__u8 key_id;
	__u8 flags;
	__be16 tag;
	__be32 epoch;
	__u64 mac; /* SipHash's output bytes, little-endian */
} __attribute__((packed));

enum {
	GUE_MAC_BOUND = 0x02
}; /* B: the MAC covers the outer addresses; nothing else is valid */

/* Bytes of the security field of each kind that has a size. */
static __always_inline __u32 gue_sec_len(__u32 sec)
{
	switch (sec) {
	case 1:
		return 8;
	case 2:
		return 16;
	case 3:
		return 32;
	case 4:
		return 40;
	default:
		return 0;
	}
}

/* Why a packet that has not its peer's form is refused. Structure first, then
 * the profile: what is malformed for everybody is reported as that.
 */
RP_GLOBAL int gue_refuse(__u32 word, __u32 available, __u32 profile)
{
	__u32 sec = (word >> 12) & 7;
	__u32 hlen = (word >> 24 & 0x1f) * 4;
	__u32 proto = (word & GUE_PROTO_MASK) >> 16;
	__u32 needed;

	if (word & GUE_CONTROL)
		return proto == GUE_CTYPE_EXPERIMENT ? RP_DROP_GUE_EXPERIMENT : RP_DROP_GUE_CONTROL;
	if (GUE_LEN_PLAIN + hlen > available)
		return RP_DROP_GUE_HLEN_LONG;
	if (word & GUE_FLAG_PRIVATE)
		return RP_DROP_GUE_PRIVATE_FLAGS;
	if (word & GUE_FLAGS_OTHER)
		return RP_DROP_GUE_FLAGS;
	if (sec > 4)
		return RP_DROP_GUE_SEC_RESERVED;
	needed = (word & GUE_FLAG_GROUP ? 4 : 0) + gue_sec_len(sec);
	if (hlen < needed)
		return RP_DROP_GUE_HLEN_SHORT;
	if (hlen > needed)
		return RP_DROP_GUE_SURPLUS;
	if (sec != (profile == RP_PROFILE_MAC ? 2 : profile == RP_PROFILE_COOKIE ? 1 : 0))
		return RP_DROP_GUE_SEC;
	if (!(word & GUE_FLAG_GROUP) && sec)
		return RP_DROP_GUE_NO_GROUP;
	if (word & GUE_FLAG_GROUP && !sec)
		return RP_DROP_GUE_FLAGS; /* a group that this peer is not to name */

	switch (proto) {
	case IPPROTO_NONE:
		return RP_DROP_GUE_NO_NEXT;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
		return RP_DROP_GUE_PROTO_EXT;
	case IPPROTO_ICMP:
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
		return RP_DROP_GUE_PROTO_L4;
	default:
		return RP_DROP_GUE_PROTO;
	}
}

/* Authentication epoch now: Unix seconds / 64. */
static __always_inline __u32 gue_epoch(void)
{
	const struct rp_config *config = rp_config_here();
	__u64 unix_ns = bpf_ktime_get_coarse_ns() + (config ? config->unix_offset : 0);

	return unix_ns / (RP_MAC_EPOCH_SECONDS * 1000000000ULL);
}

/* MAC over outer source and destination, then the first 16 bytes of the GUE
 * header. `ip` is the outer header, checked to be complete.
 */
static __always_inline __u64 gue_mac(__u64 k0, __u64 k1, const void *ip, __u8 outer_family,
				     const struct gue_mac_header *gue)
{
	struct siphash_input in = { .k0 = k0, .k1 = k1 };

	if (outer_family == 4) {
		in.words[0] = *(__u64 *)(ip + 12);
		in.words[1] = ((__u64 *)gue)[0];
		in.words[2] = ((__u64 *)gue)[1];
		in.count = 3;
	} else {
		for (int i = 0; i < 4; i++)
			in.words[i] = ((__u64 *)(ip + 8))[i];
		in.words[4] = ((__u64 *)gue)[0];
		in.words[5] = ((__u64 *)gue)[1];
		in.count = 6;
	}
	return siphash(&in);
}

static __always_inline bool is_verified(const struct rp_verified *seen,
					const struct rp_peer_key *key, const void *ip,
					__u8 outer_family, const struct gue_mac_header *gue)
{
	const __u64 *head = (const __u64 *)gue;

	if (seen->mac != gue->mac || seen->head[0] != head[0] || seen->head[1] != head[1] ||
	    seen->k0 != key->k0 || seen->k1 != key->k1 || seen->family != outer_family)
		return false;
	if (outer_family == 4)
		return seen->addresses[0] == *(const __u64 *)(ip + 12);
	return same16(&seen->addresses[0], ip + 8) && same16(&seen->addresses[2], ip + 24);
}

/* Per-CPU, so no atomics; whoever interrupts this finds no MAC. */
static __always_inline void note_verified(struct rp_verified *seen, const struct rp_peer_key *key,
					  const void *ip, __u8 outer_family,
					  const struct gue_mac_header *gue)
{
	const __u64 *head = (const __u64 *)gue;

	seen->mac = 0;
	barrier();
	seen->head[0] = head[0];
	seen->head[1] = head[1];
	seen->k0 = key->k0;
	seen->k1 = key->k1;
	seen->family = outer_family;
	if (outer_family == 4)
		seen->addresses[0] = *(const __u64 *)(ip + 12);
	else
		__builtin_memcpy(seen->addresses, ip + 8, sizeof(seen->addresses));
	barrier();
	seen->mac = gue->mac;
}

/* SipHash takes longer than all else of the on-ramp, so what it said is kept.
 * `ip` and `gue` are checked to be complete.
 */
static __always_inline bool is_authentic(const struct rp_peer_key *key, const void *ip,
					 __u8 outer_family, const struct gue_mac_header *gue,
					 bool dry)
{
	__u32 index = (__u32)gue->mac & (RP_VERIFIED_MAX - 1);
	struct rp_verified *seen = bpf_map_lookup_elem(&rp_verified, &index);

	if (seen && is_verified(seen, key, ip, outer_family, gue))
		return true;
	if (gue_mac(key->k0, key->k1, ip, outer_family, gue) != gue->mac)
		return false;
	if (seen && !dry)
		note_verified(seen, key, ip, outer_family, gue);
	return true;
}

static __always_inline enum rp_verdict gue_check_mac(struct xdp_md *ctx, struct rp_pkt *pkt,
						     const struct rp_peer *peer, __u32 offset)
{
	const struct rp_peer_key *key = &peer->keys[0];
	const struct gue_mac_header *gue;
	const void *ip;
	__u32 now;

	ip = rp_at(ctx, pkt->outer, 40); /* IPv4: 20 + 8 + 24 bytes follow anyway */
	gue = ip ? rp_at(ctx, offset, GUE_LEN_MAC) : NULL;
	if (!gue)
		return rp_drop(pkt, RP_DROP_GUE_HLEN_LONG);
	if (!key->used || key->id != gue->key_id)
		key = &peer->keys[1];
	if (!key->used || key->id != gue->key_id)
		return rp_drop(pkt, RP_DROP_GUE_KEY_ID);
	if (gue->flags != GUE_MAC_BOUND)
		return rp_drop(pkt, RP_DROP_GUE_SEC_BITS);
	now = gue_epoch();
	if (bpf_ntohl(gue->epoch) - now + 1 > 2) /* now - 1, now or now + 1 */
		return rp_drop(pkt, RP_DROP_GUE_EPOCH);
	if (!is_authentic(key, ip, pkt->outer_family, gue, pkt->dry))
		return rp_drop(pkt, RP_DROP_GUE_MAC);
	pkt->realm = bpf_ntohl(gue->group);
	return RP_NEXT;
}

static __always_inline enum rp_verdict gue_check_cookie(struct xdp_md *ctx, struct rp_pkt *pkt,
							const struct rp_peer *peer, __u32 offset)
{
	const __be32 *gue = rp_at(ctx, offset, GUE_LEN_COOKIE);
	__u64 cookie;

	if (!gue)
		return rp_drop(pkt, RP_DROP_GUE_HLEN_LONG);
	cookie = *(__u64 *)(gue + 2);
	if (!(peer->keys[0].used && cookie == peer->keys[0].k0) &&
	    !(peer->keys[1].used && cookie == peer->keys[1].k0))
		return rp_drop(pkt, RP_DROP_GUE_COOKIE);
	pkt->realm = bpf_ntohl(gue[1]);
	return RP_NEXT;
}

static __always_inline enum rp_verdict gue_check_gre(struct xdp_md *ctx, struct rp_pkt *pkt,
						     __u32 offset)
{
	struct rp_gre gre;

	RP_TRY(parse_gre(ctx, pkt, offset + GUE_LEN_PLAIN, &gre));
	if ((gre.flags & (RP_GRE_CSUM | RP_GRE_KEY | RP_GRE_SEQ)) != RP_GRE_KEY)
		return rp_drop(pkt, RP_DROP_GRE_FLAGS);
	pkt->realm = bpf_ntohl(gre.key);
	pkt->family = gre.family;
	pkt->l3 = offset + GUE_LEN_PLAIN + gre.len;
	return RP_NEXT;
}

/* Variant 1: the IP header starts where the GUE header would. */
static __always_inline enum rp_verdict
take_gue_variant1(struct rp_pkt *pkt, const struct rp_peer *peer, __u32 offset, __u32 nibble)
{
	if (nibble != 4 && nibble != 6)
		return rp_drop(pkt, RP_DROP_GUE_NIBBLE);
	if (peer->profile != RP_PROFILE_NONE)
		return rp_drop(pkt, RP_DROP_GUE_VARIANT1);
	pkt->family = nibble;
	pkt->l3 = offset;
	pkt->realm = peer->realm;
	return RP_NEXT;
}

/* What the first word of the profile's header is, but for the protocol. */
static __always_inline __u32 gue_form(__u32 profile)
{
	switch (profile) {
	case RP_PROFILE_MAC:
		return GUE_FORM_MAC;
	case RP_PROFILE_COOKIE:
		return GUE_FORM_COOKIE;
	default:
		return GUE_FORM_PLAIN;
	}
}

static __always_inline enum rp_verdict take_gue_variant0(struct xdp_md *ctx, struct rp_pkt *pkt,
							 const struct rp_peer *peer, __u32 offset,
							 __u32 word)
{
	__u32 proto = (word & GUE_PROTO_MASK) >> 16;
	__u32 available = pkt->limit - offset;
	__u32 form = gue_form(peer->profile);
	__u32 len = GUE_LEN_PLAIN + (form >> 24) * 4;
	bool right_proto = peer->profile == RP_PROFILE_GRE_KEY
				   ? proto == IPPROTO_GRE
				   : proto == IPPROTO_IPIP || proto == IPPROTO_IPV6;

	if ((word & ~GUE_PROTO_MASK) != form || !right_proto || len > available)
		return rp_drop(pkt, gue_refuse(word, available, peer->profile));
	if (peer->profile == RP_PROFILE_GRE_KEY)
		return gue_check_gre(ctx, pkt, offset);
	pkt->family = proto == IPPROTO_IPIP ? 4 : 6;
	pkt->l3 = offset + len;
	if (peer->profile == RP_PROFILE_MAC)
		return gue_check_mac(ctx, pkt, peer, offset);
	if (peer->profile == RP_PROFILE_COOKIE)
		return gue_check_cookie(ctx, pkt, peer, offset);
	pkt->realm = peer->realm;
	return RP_NEXT;
}

/* From the GUE header at `offset` to the tenant's packet. */
static __always_inline enum rp_verdict take_gue(struct xdp_md *ctx, struct rp_pkt *pkt,
						const struct rp_peer *peer, __u32 offset)
{
	const __be32 *header = rp_at(ctx, offset, sizeof(*header));
	__u32 word;

	if (!header || offset + sizeof(*header) > pkt->limit)
		return rp_drop(pkt, RP_DROP_GUE_TRUNCATED);
	word = bpf_ntohl(*header);
	switch (word >> 30) {
	case 0:
		RP_TRY(take_gue_variant0(ctx, pkt, peer, offset, word));
		break;
	case 1:
		RP_TRY(take_gue_variant1(pkt, peer, offset, word >> 28));
		break;
	default:
		return rp_drop(pkt, RP_DROP_GUE_VARIANT);
	}
	if (pkt->realm == RP_REALM_UNDERLAY || pkt->realm == RP_REALM_STACK)
		return rp_drop(pkt, RP_DROP_VNI_INVALID);
	return RP_NEXT;
}

#endif /* RAMPART_BPF_GUE_H_ */
