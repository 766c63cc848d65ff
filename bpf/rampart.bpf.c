// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The data plane: one packet's way, top down. Stages are in the headers, in the
 * order of the calls below; what passes between them is struct rp_pkt.
 */
#include "bpf/access.h"
#include "bpf/emit.h"
#include "bpf/exit.h"
#include "bpf/fast.h"
#include "bpf/flow.h"
#include "bpf/icmp_error.h"
#include "bpf/inner.h"
#include "bpf/mss.h"
#include "bpf/outer.h"
#include "bpf/packet.h"
#include "bpf/punt.h"
#include "bpf/rewrite.h"
#include "bpf/watch.h"

/* Too big for the next hop: the sender is told, if there is a way to. */
static __always_inline enum rp_verdict mtu_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	if (pkt->ip_len <= pkt->mtu)
		return RP_NEXT;
	if (pkt->is_part) /* the next hop has changed since it was cut */
		return rp_drop(pkt, RP_DROP_TOO_BIG_NO_DF);
	if (!pkt->dont_fragment)
		return rp_end(punt_limited(ctx, pkt, RP_PUNT_SPLIT));
	return rp_end(punt_limited(ctx, pkt, RP_PUNT_TOO_BIG));
}

/* What a packet changes: the state of its flow, and the MSS of a SYN. */
static __always_inline void state_stage(struct xdp_md *ctx, const struct rp_pkt *pkt,
					const struct rp_hit *hit)
{
	if (pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP)
		return;
	if (!pkt->dry) {
		track_state(ctx, pkt, hit);
		track_ack(ctx, pkt, hit->flow);
	}
	if (pkt->tcp_flags & RP_SEG_SYN) {
		struct rp_flow *reverse = reverse_of(hit, pkt->proto);
		__u32 index = reverse ? reverse->next_hop : hit->flow->next_hop;
		const struct rp_next_hop *back = bpf_map_lookup_elem(&rp_next_hops, &index);
		__u32 headers = (pkt->family == 4 ? 20 : 40) + sizeof(struct tcphdr);
		__u32 mtu = pkt->mtu;

		if (back && back->kind == RP_NEXT_HOP_SEND && back->mtu < mtu)
			mtu = back->mtu;
		if (mtu > headers)
			clamp_mss(ctx, pkt->l4, mtu - headers);
	}
}

/* A packet that belongs to a flow itself: checked, counted, rewritten. Returns
 * enum rp_verdict.
 */
RP_GLOBAL int packet_stage(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	struct rp_hit hit = {};

	if (!pkt)
		return RP_DROP;
	RP_TRY(flow_stage(ctx, pkt, &hit));
	tell(ctx, pkt, RP_AT_FLOW);
	take_exit(pkt, hit.flow);
	RP_TRY(next_hop_stage(pkt));
	tell(ctx, pkt, RP_AT_NEXT_HOP);
	RP_TRY(mtu_stage(ctx, pkt));
	state_stage(ctx, pkt, &hit);
	if (!pkt->dry)
		count_flow(pkt, hit.flow);
	rewrite_stage(ctx, pkt, &hit);
	return RP_NEXT;
}

/* From the tenant's IP header at l3 to the wire. Returns enum rp_verdict. */
RP_GLOBAL int forward(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	if (!pkt)
		return RP_DROP;
	tell(ctx, pkt, RP_AT_RAMP);
	RP_TRY(inner_stage(ctx, pkt));
	tell(ctx, pkt, RP_AT_INNER);
	if (pkt->is_fragment && !pkt->is_part)
		return ask_controller(ctx, pkt, RP_PUNT_FRAGMENT);
	if (is_last_hop(ctx, pkt))
		return ask_controller(ctx, pkt, RP_PUNT_TTL);
	if (pkt->is_error)
		RP_TRY(icmp_error_stage(ctx, pkt));
	else
		RP_TRY(packet_stage(ctx, pkt));
	tell(ctx, pkt, RP_AT_REWRITE);
	return emit(ctx, pkt);
}

static __always_inline enum rp_verdict uplink(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	RP_TRY(outer_stage(ctx, pkt));
	return forward(ctx, pkt);
}

/* A packet that the controller made: out as it is. */
RP_GLOBAL int send_made(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	if (!pkt)
		return RP_DROP;
	RP_TRY(inner_stage(ctx, pkt));
	RP_TRY(next_hop_stage(pkt));
	return emit(ctx, pkt);
}

static __always_inline enum rp_verdict access(struct xdp_md *ctx, struct rp_pkt *pkt)
{
	const struct rp_device *device = device_here();

	if (!device)
		return RP_PASS;
	if (device->role == RP_ROLE_INJECT) {
		RP_TRY(inject_stage(ctx, pkt));
		if (pkt->next_hop)
			return send_made(ctx, pkt);
	} else {
		RP_TRY(access_stage(ctx, pkt, device));
	}
	return forward(ctx, pkt);
}

/* The packet's story begins. */
static __always_inline void begin(struct xdp_md *ctx, struct rp_pkt *pkt, __u32 watches)
{
	if (!watches)
		return;
	pkt->watches = watches & ~RP_DRY;
	pkt->number = bpf_get_prandom_u32();
	tell(ctx, pkt, RP_AT_RX);
}

/* What the stages do. Returns enum xdp_action. */
RP_GLOBAL int long_way(struct xdp_md *ctx, __u32 watches)
{
	struct rp_pkt pkt = packet_of(ctx, watches & RP_DRY);

	begin(ctx, &pkt, watches);
	return rp_exit(ctx, &pkt, uplink(ctx, &pkt));
}

SEC("xdp")
int rp_uplink(struct xdp_md *ctx)
{
	__u32 watches = watches_of(ctx);

	if (cfg_fast_way && !watches) {
		int action = fast_way(ctx);

		if (action != FAST_NOT)
			return action;
	}
	return long_way(ctx, watches);
}

SEC("xdp")
int rp_access(struct xdp_md *ctx)
{
	__u32 watches = watches_of(ctx);
	struct rp_pkt pkt = packet_of(ctx, watches & RP_DRY);

	begin(ctx, &pkt, watches);
	return rp_exit(ctx, &pkt, access(ctx, &pkt));
}

char _license[] SEC("license") = "Dual BSD/GPL";
