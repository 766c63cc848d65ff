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

/* Ones' complement sum in 16 bits: both halves are added to both halves, so
 * that the carry of the lower ones is in the upper ones, which are the result.
 */
static __always_inline __u16 csum_fold(__u32 sum)
{
	return (sum + (sum << 16 | sum >> 16)) >> 16;
}

static __always_inline __u16 csum_fold64(__u64 sum)
{
	return csum_fold((sum + (sum << 32 | sum >> 32)) >> 32);
}

/* RFC 1624 section 3, eqn. 3: HC' = ~(~HC + ~m + m'); `delta` is ~m + m', and
 * below 2^31.
 */
static __always_inline __u16 csum_apply(__u16 check, __u32 delta)
{
	return ~csum_fold((__u16)~check + delta);
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

/* An IPv4 header's 20 bytes without its options. */
static __always_inline __u64 csum_ip4_words(const struct iphdr *ip)
{
	const __u32 *words = (const __u32 *)ip;

	return (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
}

/* Of an IPv4 header whose first 20 bytes were checked to be there. */
static __always_inline bool csum_ip4_ok(struct xdp_md *ctx, const struct iphdr *ip, __u32 offset)
{
	__u64 sum = csum_ip4_words(ip);

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

/* `len` bytes at `offset`, further in than headers are. */
static __always_inline void *payload_at(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	void *p = (void *)(long)ctx->data + (offset & (2 * CSUM_MAX - 1));

	return p + len <= (void *)(long)ctx->data_end ? p : NULL;
}

struct csum_walk {
	struct xdp_md *ctx;
	__u32 offset;
	__s64 sum; /* -1: past the end */
};

/* One step of a sum: `len` is constant, as bpf_csum_diff() wants it. */
static __always_inline void csum_step(struct csum_walk *walk, __u32 len)
{
	void *p = payload_at(walk->ctx, walk->offset, len);

	if (walk->sum < 0)
		return;
	walk->sum = p ? bpf_csum_diff(0, 0, p, len, walk->sum) : -1;
	walk->offset += len;
}

static int csum_chunk(__u32 index, void *data)
{
	struct csum_walk *walk = data;

	(void)index;
	csum_step(walk, CSUM_CHUNK);
	return walk->sum < 0;
}

/* Sum of `len` bytes at `offset`, 32 bits wide, or -1 if that is more than the
 * packet or than CSUM_MAX. By the kernel's own vectorised sum.
 */
RP_GLOBAL __s64 csum_bytes(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	struct csum_walk walk = { .ctx = ctx, .offset = offset };
	__u8 *last;

	if (len > CSUM_MAX || offset > CSUM_MAX)
		return -1;
	bpf_loop(len / CSUM_CHUNK, csum_chunk, &walk, 0);
	if (len & 128)
		csum_step(&walk, 128);
	if (len & 64)
		csum_step(&walk, 64);
	if (len & 32)
		csum_step(&walk, 32);
	if (len & 16)
		csum_step(&walk, 16);
	if (len & 8)
		csum_step(&walk, 8);
	if (len & 4)
		csum_step(&walk, 4);
	if (walk.sum < 0)
		return -1;
	if (len & 2) {
		last = payload_at(ctx, walk.offset, 2);
		if (!last)
			return -1;
		walk.sum += *(__u16 *)last;
		walk.offset += 2;
	}
	if (len & 1) {
		last = payload_at(ctx, walk.offset, 1);
		if (!last)
			return -1;
		walk.sum += *last;
	}
	return walk.sum;
}

#endif /* RAMPART_BPF_CSUM_H_ */
