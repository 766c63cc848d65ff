/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* MSS clamp: a SYN must not promise segments that a tunnel cannot carry. */
#ifndef RAMPART_BPF_MSS_H_
#define RAMPART_BPF_MSS_H_

#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "bpf/csum.h"
#include "bpf/packet.h"

enum {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTIONS_LEN_MAX = 40,
};

/* Lowers the value at `offset` (from the TCP header) and mends the checksum.
 * At an odd offset its bytes lie in two checksum words, as if swapped (RFC 1071
 * section 2 (B)).
 */
static __always_inline void lower_mss(struct xdp_md *ctx, __u32 l4, __u32 offset, __u16 limit)
{
	struct tcphdr *tcp = rp_at(ctx, l4, sizeof(*tcp));
	__u16 from, to = bpf_htons(limit);
	__u8 *value;

	if (!tcp)
		return;
	value = rp_at(ctx, l4 + offset, 2);
	if (!value)
		return;
	from = value[0] | value[1] << 8;
	if (bpf_ntohs(from) <= limit)
		return;
	value[0] = to & 0xff;
	value[1] = to >> 8;
	if (offset & 1) {
		from = __builtin_bswap16(from);
		to = __builtin_bswap16(to);
	}
	tcp->check = csum_apply(tcp->check, csum_delta16(from, to));
}

struct mss_walk {
	struct xdp_md *ctx;
	__u32 l4;
	__u32 offset; /* of the next option, from the TCP header */
	__u32 end;
	__u16 limit;
};

/* One option; 1 ends the walk. */
static int mss_option(__u32 index, void *data)
{
	struct mss_walk *walk = data;
	const __u8 *option = rp_at(walk->ctx, walk->l4 + walk->offset, 2);

	(void)index;
	if (!option || walk->offset + 2 > walk->end || option[0] == TCP_OPTION_END)
		return 1;
	if (option[0] == TCP_OPTION_NOP) {
		walk->offset++;
		return 0;
	}
	if (option[1] < 2 || walk->offset + option[1] > walk->end)
		return 1; /* malformed: the receiver's to judge */
	if (option[0] == TCP_OPTION_MSS && option[1] == 4) {
		lower_mss(walk->ctx, walk->l4, walk->offset + 2, walk->limit);
		return 1;
	}
	walk->offset += option[1];
	return 0;
}

/* Lowers the MSS of the SYN at `l4` to `limit`; never raises or adds one. */
RP_GLOBAL int clamp_mss(struct xdp_md *ctx, __u32 l4, __u32 limit)
{
	const struct tcphdr *tcp = rp_at(ctx, l4, sizeof(*tcp));
	struct mss_walk walk = { .ctx = ctx, .l4 = l4, .offset = sizeof(*tcp), .limit = limit };

	if (!tcp)
		return 0;
	walk.end = tcp->doff * 4;
	bpf_loop(TCP_OPTIONS_LEN_MAX, mss_option, &walk, 0);
	return 0;
}

#endif /* RAMPART_BPF_MSS_H_ */
