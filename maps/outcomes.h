/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can happen to a packet: every packet has exactly one outcome.
 *
 * These lists are the only place that names outcomes. The enums, the C++
 * tables, `xdpctl drop` and the table in bpf/README.md come from them.
 */
#ifndef RAMPART_MAPS_OUTCOMES_H_
#define RAMPART_MAPS_OUTCOMES_H_

#include "maps/abi.h"

/* X(symbol, value, help) */
#define RP_OUTCOMES(X)                                                                             \
	X(FORWARDED, 0, "sent on by XDP_TX or XDP_REDIRECT")                                       \
	X(PASSED, 1, "the host's own packet, given to its stack as is")                            \
	X(PUNTED, 2, "handed to the controller, which decides about it")

/* X(symbol, value, id, help). Append only; a value or id is never reused.
 * Values start behind the outcomes above: both index one counter array.
 */
#define RP_DROP_REASONS(X)                                                                         \
	X(OUTER_IP_HEADER, 16, "RP-PRS-001", "outer IP header malformed or its checksum wrong")    \
	X(OUTER_FRAGMENT, 17, "RP-PRS-002", "outer packet is a fragment: raise the underlay MTU")  \
	X(OUTER_EXT_HEADER, 18, "RP-PRS-003",                                                      \
	  "outer IPv6 extension header other than one tunnel encapsulation limit")                 \
	X(UDP_LENGTH, 19, "RP-PRS-004", "outer UDP length below 8 or longer than its packet")      \
	X(UDP_CSUM, 20, "RP-PRS-005", "outer UDP checksum wrong")                                  \
	X(UDP_CSUM6_ZERO, 21, "RP-PRS-006",                                                        \
	  "outer UDP over IPv6 without checksum, which this peer is not allowed (RFC 6936)")       \
	X(IP_VERSION, 22, "RP-PRS-007", "inner version does not match the header in front of it")  \
	X(IP_TRUNCATED, 23, "RP-PRS-008", "shorter than its IP header")                            \
	X(IP_IHL, 24, "RP-PRS-009", "IPv4 header length below 20 or past the packet")              \
	X(IP_LENGTH, 25, "RP-PRS-010", "IP total or payload length does not fit the packet")       \
	X(IP_CSUM, 26, "RP-PRS-011", "IPv4 header checksum wrong")                                 \
	X(IP_EXT_HEADERS, 27, "RP-PRS-012", "more IPv6 extension headers than are followed")       \
	X(L4_TRUNCATED, 28, "RP-PRS-013", "shorter than its TCP, UDP or ICMP header")              \
	X(SRC_MARTIAN, 29, "RP-PRS-014", "source address that no packet may have (RFC 1122)")      \
	X(DST_MARTIAN, 30, "RP-PRS-015", "destination address that is never forwarded")            \
	X(NO_PEER, 32, "RP-TUN-001", "tunnel packet from an endpoint that is not a peer")          \
	X(REFLECTED, 33, "RP-TUN-002", "tunnel packet that claims to come from this edge")         \
	X(GUE_TRUNCATED, 34, "RP-TUN-003", "shorter than a GUE header")                            \
	X(GUE_VARIANT, 35, "RP-TUN-004", "GUE variant 2 or 3")                                     \
	X(GUE_NIBBLE, 36, "RP-TUN-005", "GUE variant 1 that is neither IPv4 nor IPv6")             \
	X(GUE_VARIANT1, 37, "RP-TUN-006", "GUE variant 1 from a peer with another profile")        \
	X(GUE_HLEN_LONG, 38, "RP-TUN-007", "GUE header longer than its packet")                    \
	X(GUE_HLEN_SHORT, 39, "RP-TUN-008", "GUE header shorter than its flags demand")            \
	X(GUE_SURPLUS, 40, "RP-TUN-009", "GUE header longer than its flags explain")               \
	X(GUE_FLAGS, 41, "RP-TUN-010", "GUE flag that is not understood")                          \
	X(GUE_PRIVATE_FLAGS, 42, "RP-TUN-011", "GUE private flags of Linux (bit 15)")              \
	X(GUE_SEC_RESERVED, 43, "RP-TUN-012", "GUE security field of a reserved kind")             \
	X(GUE_SEC, 44, "RP-TUN-013", "GUE security field missing or not this peer's kind")         \
	X(GUE_NO_GROUP, 45, "RP-TUN-014",                                                          \
	  "GUE without group identifier from a peer that needs one")                               \
	X(GUE_CONTROL, 46, "RP-TUN-015", "GUE control message, none of which is implemented")      \
	X(GUE_EXPERIMENT, 47, "RP-TUN-016", "GUE experimental control message")                    \
	X(GUE_NO_NEXT, 48, "RP-TUN-017", "GUE payload that is not to be parsed (protocol 59)")     \
	X(GUE_PROTO_EXT, 49, "RP-TUN-018", "GUE payload is a bare IPv6 extension header")          \
	X(GUE_PROTO_L4, 50, "RP-TUN-019", "GUE payload is ICMP, TCP or UDP without IP header")     \
	X(GUE_PROTO, 51, "RP-TUN-020", "GUE payload of a protocol this peer does not carry")       \
	X(GUE_KEY_ID, 52, "RP-TUN-021", "key id that this peer does not have")                     \
	X(GUE_SEC_BITS, 53, "RP-TUN-022", "reserved bits or format version in the security field") \
	X(GUE_EPOCH, 54, "RP-TUN-023",                                                             \
	  "authentication epoch too old or too new: check the clocks")                             \
	X(GUE_MAC, 55, "RP-TUN-024", "authentication code wrong: check the keys on both sides")    \
	X(GUE_COOKIE, 56, "RP-TUN-025", "cookie wrong: check the keys on both sides")              \
	X(GRE_TRUNCATED, 57, "RP-TUN-026", "shorter than its GRE header")                          \
	X(GRE_ROUTING, 58, "RP-TUN-027", "GRE routing, source route or recursion bits (RFC 1701)") \
	X(GRE_VERSION, 59, "RP-TUN-028", "GRE version other than 0")                               \
	X(GRE_FLAGS, 60, "RP-TUN-029", "GRE checksum, key or sequence unlike the peer's settings") \
	X(GRE_CSUM, 61, "RP-TUN-030", "GRE checksum wrong")                                        \
	X(GRE_PROTO, 62, "RP-TUN-031", "GRE payload that is neither IPv4 nor IPv6")                \
	X(GRE_KEY, 63, "RP-TUN-032", "GRE key that no tunnel from this endpoint has")              \
	X(ECN, 64, "RP-TUN-033", "congestion mark on a packet that cannot carry it (RFC 6040)")    \
	X(NESTED, 65, "RP-TUN-034", "tunnelled packet addressed to this edge's own underlay")      \
	X(SRC_OURS, 66, "RP-TUN-035", "tunnelled packet from an address of this edge or its peer") \
	X(HAIRPIN, 67, "RP-TUN-036", "tunnelled packet for the peer that sent it")                 \
	X(INJECT, 68, "RP-TUN-037", "re-injected frame that does not name its on-ramp")            \
	X(VNI_INVALID, 70, "RP-TEN-001", "VNI 0 or reserved")                                      \
	X(VNI_REFUSED, 71, "RP-TEN-002", "VNI unknown, or of another tenant than the peer")        \
	X(SPOOFED, 72, "RP-TEN-003", "source address that is not behind this tunnel")              \
	X(ON_RAMP, 73, "RP-TEN-004", "packet of a flow that belongs to another tunnel")            \
	X(POLICY_DENY, 80, "RP-POL-001", "policy rule with action deny")                           \
	X(POLICY_DEFAULT, 81, "RP-POL-002", "no policy rule allows this")                          \
	X(POLICY_REJECT, 82, "RP-POL-003", "policy rule with action reject: the sender was told")  \
	X(POLICY_REVOKED, 83, "RP-POL-004", "identity that is revoked")                            \
	X(POLICY_RATE, 84, "RP-POL-005",                                                           \
	  "more new flows per second than the rule that allows them lets in")                      \
	X(POLICY_CONCURRENT, 85, "RP-POL-006",                                                     \
	  "more flows at a time than the rule that allows them lets in")                           \
	X(NO_ROUTE, 90, "RP-RTE-001", "no route in this vnet")                                     \
	X(BLACKHOLE, 91, "RP-RTE-002", "route to blackhole")                                       \
	X(TTL, 92, "RP-RTE-003", "TTL or hop limit ran out: the sender was told")                  \
	X(TTL_ZERO, 93, "RP-RTE-004", "TTL or hop limit 0 on arrival")                             \
	X(NEXT_HOP_DOWN, 94, "RP-RTE-005", "next hop unresolved or gone")                          \
	X(PENDING_FULL, 95, "RP-RTE-006", "too many packets wait for a next hop to resolve")       \
	X(TOO_BIG, 96, "RP-MTU-001", "larger than the next hop takes: the sender was told")        \
	X(TOO_BIG_NO_DF, 97, "RP-MTU-002",                                                         \
	  "larger than the next hop takes, and cannot be cut further")                             \
	X(FRAGMENT, 100, "RP-FRG-001", "fragment of a kind that is not taken on")                  \
	X(FRAG_OVERLAP, 101, "RP-FRG-002", "fragments overlap: the datagram is refused")           \
	X(FRAG_TIME, 102, "RP-FRG-003", "fragments of a datagram that did not become complete")    \
	X(FRAG_MEMORY, 103, "RP-FRG-004", "the tenant's memory for fragments is used up")          \
	X(FRAG_MALFORMED, 104, "RP-FRG-005",                                                       \
	  "fragment too small, too far, or first one without all headers")                         \
	X(FRAG_DUPLICATE, 105, "RP-FRG-006", "fragment that is there already")                     \
	X(NAT_NO_MAPPING, 110, "RP-NAT-001", "packet for a NAT address that no flow expects")      \
	X(NAT_NO_ADDRESS, 111, "RP-NAT-002", "the pool has no address of this family")             \
	X(NAT_EXHAUSTED, 112, "RP-NAT-003", "no free block of ports on the subscriber's address")  \
	X(NAT_NO_SYN, 113, "RP-NAT-004", "TCP packet in mid-stream without a translation")         \
	X(NAT_QUOTA, 114, "RP-NAT-005", "the subscriber has all the ports it may have")            \
	X(NAT_RATE, 115, "RP-NAT-006", "the subscriber makes mappings faster than it may")         \
	X(NAT_FILTERED, 116, "RP-NAT-007", "the pool's filtering does not let this sender in")     \
	X(NAT_LOG, 117, "RP-NAT-008", "the log of port blocks cannot be written")                  \
	X(ICMP_TYPE, 120, "RP-FLW-001", "ICMP type that is not forwarded")                         \
	X(ICMP_INNER, 121, "RP-FLW-002", "ICMP error that quotes no usable packet")                \
	X(ICMP_NO_FLOW, 122, "RP-FLW-003", "ICMP error about a flow that does not exist")          \
	X(FLOW_TABLE_FULL, 123, "RP-FLW-004", "flow table full: no new flow, none evicted")        \
	X(NEXT_HOP_INDEX, 124, "RP-FLW-005", "flow entry without next hop")                        \
	X(PUNT_RATE, 130, "RP-PNT-001", "tenant starts flows faster than its limit")               \
	X(PUNT_CLOSED, 131, "RP-PNT-002", "no controller is there to decide about a new flow")     \
	X(HEADROOM, 140, "RP-DEV-001", "driver left no room for the headers")                      \
	X(REDIRECT, 141, "RP-DEV-002", "next hop's device is not in the device map")

enum rp_outcome {
#define X(symbol, value, help) RP_##symbol = value,
	RP_OUTCOMES(X)
#undef X
#define X(symbol, value, id, help) RP_DROP_##symbol = value,
	RP_DROP_REASONS(X)
#undef X
		RP_OUTCOME_COUNT = 160, /* room to append; a multiple of 8 */
};

/* rp_outcomes: per-CPU, so plain adds; index = device slot * RP_OUTCOME_COUNT
 * + outcome. rp_slow_drops: the same reasons, counted by the controller for
 * packets it was handed; index = reason.
 */
struct rp_counter {
	__u64 packets;
	__u64 bytes; /* of the frame as it came on, Ethernet header included */
};
RP_CHECK_ABI(rp_counter, 16);

/* rp_tallies: the same packets by tenant, per-CPU; index as in rp_tenants, 0 for
 * what belongs to none. One cache line, which no other CPU touches.
 */
struct rp_tally {
	struct rp_counter forwarded;
	struct rp_counter passed;
	struct rp_counter punted;
	struct rp_counter dropped;
};
RP_CHECK_ABI(rp_tally, 64);

/* rp_tenant_drops: per-CPU; what rp_tally.dropped consists of, of tenants only.
 * rp_slow_tenants: the same, counted by the controller.
 */
struct rp_tenant_drop_key {
	__u32 tenant;
	__u32 reason; /* enum rp_outcome */
};
RP_CHECK_ABI(rp_tenant_drop_key, 8);

/* rp_drop_samples: the last dropped packets of each reason, per-CPU, at most one
 * each jiffy; index = reason. rp_slow_samples: those of the controller.
 */
enum {
	RP_SAMPLES = 8, /* a power of two */
	RP_SAMPLE_BYTES = 128,
};

struct rp_drop_sample {
	__u64 time; /* ns, CLOCK_MONOTONIC; 0: empty */
	__u64 file; /* 8 characters of the source file's name, the first in the lowest bits */
	__u32 line; /* of that file */
	__u32 tenant; /* as in rp_tallies */
	__u32 realm; /* host order */
	__u32 tunnel; /* on-ramp id */
	__u32 frame_len; /* bytes, as it came on */
	__u32 captured; /* bytes that follow, of the frame as it was when dropped */
	__u16 slot; /* device slot */
	__u16 queue;
	__u16 l3; /* offset of the tenant's IP header; 0: not reached */
	__u16 pad; /* zero */
	__u8 bytes[RP_SAMPLE_BYTES];
};
RP_CHECK_ABI(rp_drop_sample, 176);

struct rp_drop_ring {
	__u32 next; /* the next sample goes to next % RP_SAMPLES */
	__u32 jiffy; /* of the last one */
	struct rp_drop_sample samples[RP_SAMPLES];
};
RP_CHECK_ABI(rp_drop_ring, 1416);

/* Where packets are lost without one of our programs: in the kernel behind
 * their verdict, and in devices. X(symbol, value, id, help), as above; these
 * come on top of the outcomes, and one packet may be in two of them.
 */
#define RP_KERNEL_LOSSES(X)                                                                        \
	X(REDIRECT_DOWN, 0, "RP-KRN-001", "redirect to a device that is down")                     \
	X(REDIRECT_SIZE, 1, "RP-KRN-002",                                                          \
	  "redirect of a frame that is larger than its device takes")                              \
	X(REDIRECT_UNSUPPORTED, 2, "RP-KRN-003",                                                   \
	  "redirect to a device that takes no redirected frames")                                  \
	X(REDIRECT_OTHER, 3, "RP-KRN-004", "redirect that the kernel refused for another reason")  \
	X(TX, 4, "RP-KRN-005", "not sent back by XDP_TX: the transmit ring was full")              \
	X(EXCEPTION, 5, "RP-KRN-006", "XDP exception: a verdict that the driver does not know")    \
	X(PUNT_RING, 6, "RP-KRN-007",                                                              \
	  "punted, and the ring full: the controller is not fast enough")                          \
	X(PUNT_FRAME, 7, "RP-KRN-008", "punted, and no frame free or none that is large enough")   \
	X(RX_MISSED, 8, "RP-DEV-003",                                                              \
	  "receive ring full: the CPU of its queue is not fast enough")                            \
	X(RX_DROPPED, 9, "RP-DEV-004", "received, and dropped by driver or kernel")                \
	X(RX_ERRORS, 10, "RP-DEV-005", "received damaged")                                         \
	X(TX_DROPPED, 11, "RP-DEV-006", "to be sent, and dropped by driver or kernel")             \
	X(XMIT_FULL, 12, "RP-DEV-007", "redirected here, and the transmit ring full")

enum rp_kernel_loss {
#define X(symbol, value, id, help) RP_LOSS_##symbol = value,
	RP_KERNEL_LOSSES(X)
#undef X
	RP_LOSS_COUNT = 16,
};

#endif /* RAMPART_MAPS_OUTCOMES_H_ */
