/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way out: every packet is counted under what became of it, for its
 * device and for its tenant, and the last dropped ones are kept.
 */
#ifndef RAMPART_BPF_EXIT_H_
#define RAMPART_BPF_EXIT_H_

#include "bpf/packet.h"
#include "bpf/watch.h"

/* Per CPU, and XDP is not preempted by XDP: no atomics. */
static __always_inline void count_in(struct rp_counter *counter, __u32 frame_len)
{
	counter->packets++;
	counter->bytes += frame_len;
}

static __always_inline void count_outcome(__u32 outcome, __u32 frame_len)
{
	__u32 index = cfg_slot * RP_OUTCOME_COUNT + outcome;
	struct rp_counter *counter = bpf_map_lookup_elem(&rp_outcomes, &index);

	if (counter)
		count_in(counter, frame_len);
}

static __always_inline struct rp_tally *tally_of(__u32 tenant)
{
	return bpf_map_lookup_elem(&rp_tallies, &tenant);
}

static __always_inline void count_forwarded(const struct rp_pkt *pkt)
{
	struct rp_tally *tally = tally_of(pkt->tenant);

	count_outcome(RP_FORWARDED, pkt->frame_len);
	if (tally)
		count_in(&tally->forwarded, pkt->frame_len);
}

/* A dropped packet, in five registers. */
struct rp_dropped {
	__u64 file;
	__u64 what; /* frame length << 32 | line << 16 | reason */
	__u64 who; /* tunnel << 32 | tenant << 16 | l3 */
	__u32 realm;
};

/* The reasons of nobody's drops are those of all devices less all tenants': a
 * flood from strangers shall not pay for a hash look-up.
 */
static __always_inline void count_tenant_drop(__u32 tenant, __u32 reason, __u32 frame_len)
{
	struct rp_tenant_drop_key key = { .tenant = tenant, .reason = reason };
	struct rp_tally *tally = tally_of(tenant);
	struct rp_counter *counter;

	if (tally)
		count_in(&tally->dropped, frame_len);
	if (!tenant)
		return;
	counter = bpf_map_lookup_elem(&rp_tenant_drops, &key);
	if (!counter) {
		struct rp_counter zero = {};

		bpf_map_update_elem(&rp_tenant_drops, &key, &zero, BPF_NOEXIST);
		counter = bpf_map_lookup_elem(&rp_tenant_drops, &key);
	}
	if (counter)
		count_in(counter, frame_len);
}

static __always_inline void keep_sample(struct xdp_md *ctx, const struct rp_dropped *dropped)
{
	__u32 reason = dropped->what & 0xffff, jiffy = bpf_jiffies64();
	struct rp_drop_ring *ring = bpf_map_lookup_elem(&rp_drop_samples, &reason);
	struct rp_drop_sample *sample;

	if (!ring || (ring->jiffy == jiffy && ring->next))
		return;
	sample = &ring->samples[ring->next % RP_SAMPLES];
	sample->time = 0; /* until it is whole */
	barrier();
	sample->file = dropped->file;
	sample->line = dropped->what >> 16 & 0xffff;
	sample->tenant = dropped->who >> 16 & 0xffff;
	sample->realm = dropped->realm;
	sample->tunnel = dropped->who >> 32;
	sample->frame_len = dropped->what >> 32;
	sample->slot = cfg_slot;
	sample->queue = ctx->rx_queue_index;
	sample->l3 = dropped->who & 0xffff;
	sample->captured = copy_frame(ctx, sample->bytes, RP_SAMPLE_BYTES);
	barrier();
	sample->time = bpf_ktime_get_ns();
	ring->jiffy = jiffy;
	ring->next++;
}

/* The fields are those of struct rp_dropped. Returns XDP_DROP. */
RP_GLOBAL int note_drop(struct xdp_md *ctx, __u64 file, __u64 what, __u64 who, __u32 realm)
{
	const struct rp_dropped dropped = { file, what, who, realm };

	count_outcome(what & 0xffff, what >> 32);
	count_tenant_drop(who >> 16 & 0xffff, what & 0xffff, what >> 32);
	keep_sample(ctx, &dropped);
	return XDP_DROP;
}

static __always_inline int exit_drop(struct xdp_md *ctx, const struct rp_pkt *pkt)
{
	return note_drop(
		ctx, pkt->file, (__u64)pkt->frame_len << 32 | (__u32)pkt->line << 16 | pkt->reason,
		(__u64)pkt->tunnel << 32 | (pkt->tenant & 0xffff) << 16 | pkt->l3, pkt->realm);
}

static __always_inline int rp_exit(struct xdp_md *ctx, struct rp_pkt *pkt, enum rp_verdict verdict)
{
	struct rp_tally *tally = pkt->dry ? NULL : tally_of(pkt->tenant);

	switch (verdict) {
	case RP_PASS:
		tell(ctx, pkt, RP_AT_PASS);
		if (!tally)
			return XDP_PASS;
		count_outcome(RP_PASSED, pkt->frame_len);
		count_in(&tally->passed, pkt->frame_len);
		return XDP_PASS;
	case RP_TX:
	case RP_REDIRECTED:
		tell(ctx, pkt, RP_AT_TX);
		if (tally)
			count_forwarded(pkt);
		return verdict == RP_TX ? XDP_TX : XDP_REDIRECT;
	case RP_PUNT:
		tell(ctx, pkt, RP_AT_PUNT);
		if (!tally)
			return XDP_REDIRECT;
		count_outcome(RP_PUNTED, pkt->frame_len);
		count_in(&tally->punted, pkt->frame_len);
		return XDP_REDIRECT;
	default:
		tell(ctx, pkt, RP_AT_DROP);
		return pkt->dry ? XDP_DROP : exit_drop(ctx, pkt);
	}
}

/* As rp_exit(), but the packet's state can stay in registers. */
static __always_inline int fast_exit(struct xdp_md *ctx, const struct rp_pkt *pkt,
				     enum rp_verdict verdict)
{
	if (verdict == RP_DROP)
		return exit_drop(ctx, pkt);
	count_forwarded(pkt);
	return verdict == RP_TX ? XDP_TX : XDP_REDIRECT;
}

#endif /* RAMPART_BPF_EXIT_H_ */
