/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state of one packet on its way through the stages. */
#ifndef RAMPART_BPF_PACKET_H_
#define RAMPART_BPF_PACKET_H_

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/types.h>

#include "bpf/maps.h"

/* Slot of the device this program is attached to: an index into rp_devices,
 * fixed at load, so no packet pays for looking it up.
 */
const volatile __u32 cfg_slot;

/* Whether fast.h is in use: without it all packets see all stages. Not a bool:
 * libbpf's skeleton, C++ here, would spell that _Bool.
 */
const volatile __u8 cfg_fast_way = 1;

/* What a stage says. Everything but RP_NEXT ends the pipeline. */
enum rp_verdict {
	RP_NEXT,
	RP_PASS, /* the host's own packet */
	RP_TX,
	RP_REDIRECTED,
	RP_PUNT, /* redirected to the controller's socket */
	RP_DROP,
};

#define RP_TRY(stage)                                                                              \
	do {                                                                                       \
		enum rp_verdict verdict_ = (stage);                                                \
		if (verdict_ != RP_NEXT)                                                           \
			return verdict_;                                                           \
	} while (0)

enum rp_tcp_flag { /* byte 13 of the TCP header */
	RP_SEG_FIN = 0x01,
	RP_SEG_SYN = 0x02,
	RP_SEG_RST = 0x04,
	RP_SEG_ACK = 0x10,
};

struct rp_pkt {
	__u32 frame_len; /* bytes, as it came on */
	__u32 now; /* ticks */
	__u32 watches; /* a bit per watch that wants it: see watch.h */
	__u32 number; /* of its events */
	bool dry; /* does not exist: nothing may be written on its account */

	/* on-ramp */
	__u32 realm; /* host order */
	__u32 tunnel; /* id; RP_TUNNEL_UNDERLAY for NAT returns */
	__u32 peer; /* position in the tunnel */
	__u32 tenant; /* index in rp_tenants; 0: nobody's, or not known yet */
	__u32 limit; /* offset behind the bytes that the outer headers vouch for */
	__u16 outer; /* offset of the outer IP header; meaningful if outer_family */
	__u8 outer_family; /* 4, 6; 0: not tunnelled */
	__u8 outer_ecn; /* 2 bits */

	/* the tenant's packet */
	__u16 l3; /* offset of its IP header */
	__u16 l4; /* offset of what follows the IP header and its extensions */
	__u16 ip_len; /* bytes from l3 to its end */
	__be16 sport; /* as in a flow key */
	__be16 dport;
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 tcp_flags; /* byte 13 of the TCP header; 0 for others */
	__u8 icmp_type;
	__u8 ecn; /* 2 bits, after combining with the outer header's */
	bool dont_fragment; /* IPv4 DF; always true for IPv6 */
	bool extended; /* IPv6 with extension headers */
	bool is_error; /* ICMP error: belongs to the flow it quotes */
	bool is_fragment; /* of a datagram that is not complete here */
	bool is_part; /* fragment of a complete one, from the controller: it has ports */
	bool is_later; /* not the first one: it has no header of layer 4 */

	/* the way out */
	__u32 flow; /* slot of the entry; meaningful if there is one */
	__u32 next_hop; /* index */
	__be16 entropy; /* outer source port */
	__u16 mtu; /* bytes that fit through it */
	__u16 reason; /* enum rp_outcome, when dropped */
	__u16 line; /* where in the source, when dropped */
	__u64 file;
};

/* The tick of a jiffy: upper and lower half. The coarse clock moves with the
 * jiffies, which are a load, while it is a call; so it is read once for each.
 * CPUs that do so at once write the same, in one store.
 */
__u64 rp_tick_of_jiffy;

static __always_inline __u32 tick_now(bool dry)
{
	__u64 known = *(volatile __u64 *)&rp_tick_of_jiffy;
	__u32 jiffy = bpf_jiffies64();
	__u32 tick;

	if (known >> 32 == jiffy)
		return known;
	tick = bpf_ktime_get_coarse_ns() >> RP_TICK_SHIFT;
	if (!dry)
		*(volatile __u64 *)&rp_tick_of_jiffy = (__u64)jiffy << 32 | tick;
	return tick;
}

/* Bytes of the frame. */
static __always_inline __u32 frame_now(struct xdp_md *ctx)
{
	long len = (long)ctx->data_end - (long)ctx->data;

	/* Or clang subtracts where the length is used, and keeps 32 bits of each
	 * pointer until then, which the verifier refuses.
	 */
	asm volatile("" : "+r"(len));
	return len;
}

static __always_inline struct rp_pkt packet_of(struct xdp_md *ctx, bool dry)
{
	struct rp_pkt pkt = { .now = tick_now(dry), .dry = dry, .flow = RP_NO_ENTRY };

	pkt.frame_len = frame_now(ctx);
	pkt.limit = pkt.frame_len;
	return pkt;
}

/* Headers further in than this are not followed; also keeps the verifier's
 * idea of a packet offset small.
 */
#define RP_OFFSET_MASK 0x7ff

/* `len` bytes at `offset`, or NULL if the frame has fewer. Test each result
 * before the next call: clang 19 merges the tests of two, and the verifier no
 * longer sees which pointer they were about.
 */
static __always_inline void *rp_at(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	void *p = (void *)(long)ctx->data + (offset & RP_OFFSET_MASK);

	return p + len <= (void *)(long)ctx->data_end ? p : NULL;
}

/* Two IPv6 addresses. */
static __always_inline bool same16(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return x[0] == y[0] && x[1] == y[1];
}

/* A global function: the verifier checks it once, for any arguments, instead of
 * once per path that leads to a call. It may take the context and a struct
 * rp_pkt, of which nothing is then known: so that struct holds no pointers, and
 * whatever is read from it is masked or compared before it is used.
 */
#define RP_GLOBAL __attribute__((noinline))

/* rp_config's only entry. The look-up is declared to depend on its arguments
 * only, so a function that asks several times asks the kernel once.
 */
static __always_inline const struct rp_config *rp_config_here(void)
{
	static const __u32 zero = 0;
	const struct rp_config *(*const find)(const void *map, const void *key)
		__attribute__((const)) = (void *)BPF_FUNC_map_lookup_elem;

	return find(&rp_config, &zero);
}

/* The verdict of a global function that never says RP_NEXT, which the verifier
 * cannot know.
 */
static __always_inline enum rp_verdict rp_end(int verdict)
{
	return verdict == RP_NEXT ? RP_DROP : (enum rp_verdict)verdict;
}

/* The first 8 characters of a string that the compiler knows. */
#define RP_CHAR(text, i) ((__u64)(__u8)(text "\0\0\0\0\0\0\0\0")[i] << 8 * (i))
#define RP_NAME8(text)                                                                             \
	(RP_CHAR(text, 0) | RP_CHAR(text, 1) | RP_CHAR(text, 2) | RP_CHAR(text, 3) |               \
	 RP_CHAR(text, 4) | RP_CHAR(text, 5) | RP_CHAR(text, 6) | RP_CHAR(text, 7))

/* Notes why and where a packet is dropped, if it comes to that. */
#define rp_blame(pkt, why)                                                                         \
	do {                                                                                       \
		(pkt)->reason = (why);                                                             \
		(pkt)->line = __LINE__;                                                            \
		(pkt)->file = RP_NAME8(__FILE_NAME__);                                             \
	} while (0)

/* Ends the pipeline; `why` is counted at the exit. */
#define rp_drop(pkt, why)                                                                          \
	({                                                                                         \
		rp_blame(pkt, why);                                                                \
		RP_DROP;                                                                           \
	})

#endif /* RAMPART_BPF_PACKET_H_ */
