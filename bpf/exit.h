/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way out: every packet is counted under what became of it. */
#ifndef RAMPART_BPF_EXIT_H_
#define RAMPART_BPF_EXIT_H_

#include "bpf/packet.h"

static __always_inline void count_outcome(const struct rp_pkt *pkt, __u32 outcome)
{
	__u32 index = cfg_slot * RP_OUTCOME_COUNT + outcome;
	struct rp_counter *counter = bpf_map_lookup_elem(&rp_outcomes, &index);

	if (!counter)
		return;
	counter->packets++; /* per CPU, and XDP is not preempted by XDP: no atomics */
	counter->bytes += pkt->frame_len;
}

static __always_inline int rp_exit(const struct rp_pkt *pkt, enum rp_verdict verdict)
{
	switch (verdict) {
	case RP_PASS:
		count_outcome(pkt, RP_PASSED);
		return XDP_PASS;
	case RP_TX:
		count_outcome(pkt, RP_FORWARDED);
		return XDP_TX;
	case RP_REDIRECTED:
		count_outcome(pkt, RP_FORWARDED);
		return XDP_REDIRECT;
	case RP_PUNT:
		count_outcome(pkt, RP_PUNTED);
		return XDP_REDIRECT;
	default:
		count_outcome(pkt, pkt->reason);
		return XDP_DROP;
	}
}

#endif /* RAMPART_BPF_EXIT_H_ */
