/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) over whole words. */
#ifndef RAMPART_BPF_SIPHASH_H_
#define RAMPART_BPF_SIPHASH_H_

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

enum {
	SIPHASH_WORDS_MAX = 6
};

struct siphash_input {
	__u64 k0; /* little-endian, as the paper's */
	__u64 k1;
	__u64 words[SIPHASH_WORDS_MAX]; /* little-endian loads of the message */
	__u32 count; /* words used */
};

static __always_inline __u64 siphash_rotl(__u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static __always_inline void siphash_round(__u64 *v)
{
	v[0] += v[1];
	v[1] = siphash_rotl(v[1], 13) ^ v[0];
	v[0] = siphash_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_rotl(v[1], 17) ^ v[2];
	v[2] = siphash_rotl(v[2], 32);
}

static __always_inline void siphash_word(__u64 *v, __u64 word)
{
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

/* Output bytes are little-endian in the packet. */
static __noinline __u64 siphash(const struct siphash_input *in)
{
	__u64 v[4] = {
		in->k0 ^ 0x736f6d6570736575ULL,
		in->k1 ^ 0x646f72616e646f6dULL,
		in->k0 ^ 0x6c7967656e657261ULL,
		in->k1 ^ 0x7465646279746573ULL,
	};

	for (__u32 i = 0; i < SIPHASH_WORDS_MAX; i++) {
		if (i >= in->count)
			break;
		siphash_word(v, in->words[i]);
	}
	siphash_word(v, (__u64)(in->count * 8) << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif /* RAMPART_BPF_SIPHASH_H_ */
