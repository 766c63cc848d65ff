/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Directed flow entries: rp_flows4 and rp_flows6, and how one is found.
 *
 * A flow is two entries that name each other: the reverse of an entry is found
 * under its rewritten tuple, swapped, in its reverse_realm.
 *
 * Each family has two arrays, mapped into the controller, which alone puts
 * entries in and takes them out, without system calls. rp_flow_tags4 is split
 * into buckets of 16 one-byte tags; entry i of rp_flows4 belongs to tag i, and
 * tag 0 means that the entry is free. Buckets are in levels, each four times
 * the one before: a key has one bucket in each, two in the last (Azar, Broder,
 * Karlin, Upfal, Balanced Allocations, STOC 1994), and goes into the first that
 * has room. So few flows are close together in memory, however large the table
 * is, and a look-up reads some words of tags, which mostly stay in the cache,
 * and one entry, which for IPv4 is one cache line.
 *
 * An entry is complete before its tag is written. Its tag is cleared first when
 * it goes, and nothing else is put there before an RCU grace period is over:
 * whoever found an entry may use it until the program returns.
 */
#ifndef RAMPART_MAPS_FLOW_H_
#define RAMPART_MAPS_FLOW_H_

#include "maps/abi.h"

/* What a packet looks like when it comes on.
 * Ports: TCP and UDP as in the packet. ICMP echo request: sport = identifier,
 * dport = 0; echo reply: sport = 0, dport = identifier, so that a reply is
 * found under the swapped tuple. Any other protocol: both 0.
 */
struct rp_flow4_key {
	__u32 realm; /* host order; see maps/realm.h */
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IANA protocol number */
	__u8 pad[3]; /* zero */
};
RP_CHECK_ABI(rp_flow4_key, 20);

struct rp_flow6_key {
	__u32 realm;
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};
RP_CHECK_ABI(rp_flow6_key, 44);

/* Idle time-out of a flow, an index into rp_config.timeouts. */
enum rp_timeout {
	RP_TIMEOUT_UDP,
	RP_TIMEOUT_TCP_ESTABLISHED,
	RP_TIMEOUT_TCP_OPENING,
	RP_TIMEOUT_ICMP,
	RP_TIMEOUT_OTHER, /* address-only flows */
	RP_TIMEOUT_DENIED, /* how long a refusal is remembered */
	RP_TIMEOUT_TCP_CLOSING, /* FIN both ways, or reset */
	RP_TIMEOUT_UDP_UNREPLIED,
	RP_TIMEOUT_UDP_BRIEF, /* RP_FLOW_BRIEF */
	RP_TIMEOUT_COUNT = 10, /* room for one more: even */
};

/* Two bits of rp_flow.marks. */
enum rp_flow_kind {
	RP_FLOW_REVERSE,
	RP_FLOW_FORWARD, /* direction of the packet that started the flow */
	RP_FLOW_FORWARD_NAT, /* the same, and a NAT port is held for the flow */
	RP_FLOW_REFUSED, /* remembered refusal: there is no reverse entry */
};

enum {
	RP_FLOW_ENTROPY = 0x1fff, /* mask in rp_flow.marks: bits of the flow's hash */
	RP_FLOW_BRIEF = 0x2000, /* in rp_flow.marks: to a UDP port of questions and
				 * answers (RFC 4787 REQ-5 a) */
	RP_FLOW_KIND_SHIFT = 14, /* of enum rp_flow_kind in rp_flow.marks */
	RP_OUTER_PORT = 0xc000, /* outer UDP source ports: RFC 6335's dynamic range
				 * (draft-ietf-intarea-gue section 5.11.2) */
};

/* Seen in this entry's direction; shifted left by RP_TCP_REVERSE for what was
 * seen in the other one. Written by the data plane. These are the states of RFC
 * 7857 section 2: SYN one way: INIT; SYN and ACK both ways: ESTABLISHED; FIN one
 * way: C-FIN-RCV or S-FIN-RCV; both: closing; RST: TRANS, until other segments
 * come. Of UDP, RP_TCP_ACK alone: a datagram.
 */
enum rp_tcp_seen {
	RP_TCP_SYN = 1 << 0,
	RP_TCP_ACK = 1 << 1, /* a segment with ACK and without SYN */
	RP_TCP_FIN = 1 << 2,
	RP_TCP_RST = 1 << 3, /* one that the other side takes (RFC 5961 section 3.2) */
	RP_TCP_REVERSE = 4,
};

/* rp_flow.count and .carried: packets and bytes, counted by one atomic add. What
 * makes a half of `count` overflow moves to `carried`: bytes by 2^35, packets
 * by 2^27.
 */
enum {
	RP_COUNT_BYTES = 36, /* bits of `count`; above them are the packets */
	RP_CARRY_PACKETS = 16, /* bits of `carried` below its packets */
};
#define RP_COUNT_BYTES_CARRY (1ULL << (RP_COUNT_BYTES - 1))
#define RP_COUNT_PACKETS_CARRY (1ULL << 63)

/* State common to both families. Counters, last_seen and tcp are written by the
 * data plane, the rest by the controller before the entry becomes visible;
 * next_hop also later.
 */
struct rp_flow {
	__u64 count; /* packets << RP_COUNT_BYTES | bytes (IP total length as it came
		      * on); atomic: a flow may move between CPUs */
	__u32 carried; /* packets << RP_CARRY_PACKETS | bytes; atomic */
	__u32 ack; /* TCP: highest acknowledgment number in this direction; host order */
	__u32 realm; /* of the key, host order; see maps/realm.h */
	__u32 reverse_realm; /* host order */
	__u32 on_ramp; /* id of the tunnel that packets must come on through */
	__u32 last_seen; /* ticks */
	__u16 next_hop; /* index into rp_next_hops; 0: the entry is not in use */
	__u16 l4_delta; /* the rewrite's change of the checksum of TCP, UDP, ICMPv6
			 * (pseudo header, ports, identifier) or ICMP (identifier) */
	__u16 marks; /* enum rp_flow_kind, and RP_FLOW_ENTROPY of the outer UDP source port */
	__u8 proto; /* of the key */
	__u8 tcp; /* enum rp_tcp_seen, both directions; atomic, as part of its word */
};
RP_CHECK_ABI(rp_flow, 40);

static inline __u64 rp_flow_packets(const struct rp_flow *flow)
{
	return (flow->count >> RP_COUNT_BYTES) +
	       ((__u64)(flow->carried >> RP_CARRY_PACKETS) << (63 - RP_COUNT_BYTES));
}

static inline __u64 rp_flow_bytes(const struct rp_flow *flow)
{
	return (flow->count & ((1ULL << RP_COUNT_BYTES) - 1)) +
	       ((__u64)(flow->carried & ((1u << RP_CARRY_PACKETS) - 1)) << (RP_COUNT_BYTES - 1));
}

/* One cache line. */
struct rp_flow4 {
	struct rp_flow flow;
	__be32 from_saddr; /* of the key */
	__be32 from_daddr;
	__be16 from_sport;
	__be16 from_dport;
	__be32 saddr; /* the packet's addresses and ports after the rewrite */
	__be32 daddr;
	__be16 sport;
	__be16 dport;
};
RP_CHECK_ABI(rp_flow4, 64);

/* Two cache lines. */
struct rp_flow6 {
	struct rp_flow flow;
	__be16 from_sport;
	__be16 from_dport;
	__be16 sport;
	__be16 dport;
	__u8 from_saddr[16];
	__u8 from_daddr[16];
	__u8 saddr[16];
	__u8 daddr[16];
	__u8 pad[16]; /* zero */
};
RP_CHECK_ABI(rp_flow6, 128);

/* rp_flow_notes4, rp_flow_notes6: what the controller wants to know of an entry
 * after a restart. The data plane does not look at it.
 */
struct rp_flow_note {
	__u32 start; /* tick */
	__u32 epoch; /* of the configuration that admitted or refused the flow */
};
RP_CHECK_ABI(rp_flow_note, 8);

enum {
	RP_BUCKET_TAGS = 16,
	RP_LEVELS = 4,
	RP_HASH_WORDS = 11, /* 32-bit words of the longest key */
};

struct rp_bucket {
	__u64 tags[2]; /* 16 bytes, the first one in the lowest bits */
};
RP_CHECK_ABI(rp_bucket, 16);

/* How keys are spread over buckets. */
struct rp_flow_hash {
	__u64 secret[RP_HASH_WORDS + 1]; /* random; never leaves this machine */
	__u32 first[RP_LEVELS]; /* bucket of each level, in either family */
	__u32 buckets[RP_LEVELS]; /* their number */
};
RP_CHECK_ABI(rp_flow_hash, 128);

/* Multilinear hashing: no two keys, chosen by somebody who does not know the
 * secret, collide with a probability above 2^-32 (Lemire and Kaser, Strongly
 * universal string hashing is fast, Computer Journal 57 (2014), theorem 3.1).
 * That says nothing about many keys at once: the sums of keys in a row are in a
 * row, and with an unlucky secret they fill some buckets and leave others empty.
 * So the sum is mixed (Stafford's variant 13 of MurmurHash3's finalizer), which
 * no two sums come out of equal.
 */
static inline __attribute__((always_inline)) __u32 rp_hash_words(const struct rp_flow_hash *hash,
								 const __u32 *words, int count)
{
	__u64 sum = hash->secret[RP_HASH_WORDS];
	int i;

	for (i = 0; i < count; i++)
		sum += hash->secret[i] * words[i];
	sum = (sum ^ sum >> 30) * 0xbf58476d1ce4e5b9ULL;
	sum = (sum ^ sum >> 27) * 0x94d049bb133111ebULL;
	return (__u32)(sum >> 32);
}

static inline __attribute__((always_inline)) __u32 rp_bucket_of(const struct rp_flow_hash *table,
								__u32 level, __u32 hash)
{
	return table->first[level] + (__u32)((__u64)hash * table->buckets[level] >> 32);
}

/* The other bucket in the last level: it depends on the first as little as the
 * bits of the hash do on each other.
 */
static inline __attribute__((always_inline)) __u32
rp_last_bucket_of(const struct rp_flow_hash *table, __u32 hash)
{
	return rp_bucket_of(table, RP_LEVELS - 1, hash * 0x9e3779b1u);
}

static inline __attribute__((always_inline)) __u8 rp_tag(__u32 hash)
{
	__u8 tag = (__u8)hash;

	return tag ? tag : 1;
}

#endif /* RAMPART_MAPS_FLOW_H_ */
