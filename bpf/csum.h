/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Internet checksums (RFC 1071, RFC 1624). All sums are over 16-bit words as
 * they lie in memory, so byte order never matters as long as nothing is
 * swapped.
 */
#ifndef RAMPART_BPF_CSUM_H_
#define RAMPART_BPF_CSUM_H_

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/packet.h"

/* Ones' complement sum in 16 bits. Twice: one carry can make another. */
static __always_inline __u16 csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static __always_inline __u16 csum_fold64(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return csum_fold((__u32)(sum & 0xffff) + (__u32)(sum >> 16));
}

/* RFC 1624 section 3, eqn. 3: HC' = ~(~HC + ~m + m'); `delta` is ~m + m'. */
static __always_inline __u16 csum_apply(__u16 check, __u32 delta)
{
	return ~csum_fold((__u16)~check + csum_fold(delta));
}

static __always_inline __u32 csum_delta16(__u16 from, __u16 to)
{
	return (__u16)~from + (__u32)to;
}

static __always_inline __u32 csum_delta32(__u32 from, __u32 to)
{
	return csum_delta16(from, to) + csum_delta16(from >> 16, to >> 16);
}

/* 16 bytes as four words; for the pseudo header of IPv6. */
static __always_inline __u64 csum_words16(const __u32 *words)
{
	return (__u64)words[0] + words[1] + words[2] + words[3];
}

/* Of an IPv4 header whose first 20 bytes were checked to be there. */
static __always_inline bool csum_ip4_ok(struct xdp_md *ctx, const struct iphdr *ip, __u32 offset)
{
	const __u32 *words = (const __u32 *)ip;
	__u64 sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];

	if (ip->ihl > 5) {
		for (int i = 5; i < 15; i++) {
			const __u32 *option = rp_at(ctx, offset + i * 4, 4);

			if (i >= ip->ihl)
				break;
			if (!option)
				return false;
			sum += *option;
		}
	}
	return csum_fold64(sum) == 0xffff;
}

enum {
	CSUM_CHUNK = 256,
	CSUM_MAX = 16384, /* what is longer is not summed */
};

/* `len` bytes at `offset`, further in than headers are. A fresh pointer each
 * time: the verifier then sees that one round of a loop is like the next.
 */
static __always_inline void *payload_at(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	void *p = (void *)(long)ctx->data + (offset & (2 * CSUM_MAX - 1));

	return p + len <= (void *)(long)ctx->data_end ? p : NULL;
}

/* Sum of `len` bytes at `offset`, 32 bits wide, or -1 if that is more than the
 * packet or than CSUM_MAX. bpf_csum_diff() is the kernel's own vectorised sum,
 * but takes constant lengths only: hence the ladder.
 */
RP_GLOBAL __s64 csum_bytes(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	__s64 sum = 0;
	void *p;

	if (len > CSUM_MAX || offset > CSUM_MAX)
		return -1;
	for (int i = 0; i < CSUM_MAX / CSUM_CHUNK && len >= CSUM_CHUNK; i++) {
		p = payload_at(ctx, offset, CSUM_CHUNK);
		if (!p)
			return -1;
		sum = bpf_csum_diff(0, 0, p, CSUM_CHUNK, sum);
		offset += CSUM_CHUNK;
		len -= CSUM_CHUNK;
	}
	for (int i = 0; i < CSUM_CHUNK / 32 && len >= 32; i++) {
		p = payload_at(ctx, offset, 32);
		if (!p)
			return -1;
		sum = bpf_csum_diff(0, 0, p, 32, sum);
		offset += 32;
		len -= 32;
	}
	for (int i = 0; i < 32 / 4 && len >= 4; i++) {
		p = payload_at(ctx, offset, 4);
		if (!p)
			return -1;
		sum += *(__u32 *)p;
		offset += 4;
		len -= 4;
	}
	if (len & 2) {
		p = payload_at(ctx, offset, 2);
		if (!p)
			return -1;
		sum += *(__u16 *)p;
		offset += 2;
	}
	if (len & 1) {
		p = payload_at(ctx, offset, 1);
		if (!p)
			return -1;
		sum += *(__u8 *)p;
	}
	return sum;
}

#endif /* RAMPART_BPF_CSUM_H_ */
