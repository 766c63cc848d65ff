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

/* Lowers the MSS of the SYN at `l4` to `limit`; never raises or adds one. */
RP_GLOBAL int clamp_mss(struct xdp_md *ctx, __u32 l4, __u32 limit)
{
	const struct tcphdr *tcp = rp_at(ctx, l4, sizeof(*tcp));
	__u32 offset = sizeof(*tcp);
	__u32 end;

	if (!tcp)
		return 0;
	end = tcp->doff * 4;
	for (int i = 0; i < TCP_OPTIONS_LEN_MAX; i++) {
		const __u8 *option = rp_at(ctx, l4 + offset, 2);

		if (!option || offset + 2 > end || option[0] == TCP_OPTION_END)
			break;
		if (option[0] == TCP_OPTION_NOP) {
			offset++;
			continue;
		}
		if (option[1] < 2 || offset + option[1] > end)
			break; /* malformed: the receiver's to judge */
		if (option[0] == TCP_OPTION_MSS && option[1] == 4) {
			lower_mss(ctx, l4, offset + 2, limit);
			break;
		}
		offset += option[1];
	}
	return 0;
}

#endif /* RAMPART_BPF_MSS_H_ */
