// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts packets that the kernel loses after a program has given its verdict:
 * redirects that fail and verdicts that a driver cannot carry out. Raw
 * tracepoints that fire on such errors only, so good packets do not pay.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "maps/losses.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's own structs; offsets are filled in at load. */
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

/* Network namespace of the edge, by inode number: others reuse its ifindexes. */
const volatile __u32 cfg_netns = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RP_LOSSES_MAX);
	__type(key, struct rp_loss_key);
	__type(value, __u64);
} rp_losses SEC(".maps");

/* Written by the controller; here to be pinned with the other one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_DEVICE_MAX);
	__type(key, __u32);
	__type(value, struct rp_ledger_base);
} rp_ledger_bases SEC(".maps");

static __always_inline void count_loss(const struct net_device *dev, __u32 loss)
{
	struct rp_loss_key key = { .ifindex = BPF_CORE_READ(dev, ifindex), .loss = loss };
	const __u64 one = 1;
	__u64 *packets;

	if (BPF_CORE_READ(dev, nd_net.net, ns.inum) != cfg_netns)
		return;
	packets = bpf_map_lookup_elem(&rp_losses, &key);
	if (packets)
		__sync_fetch_and_add(packets, 1);
	else
		bpf_map_update_elem(&rp_losses, &key, &one, BPF_NOEXIST);
}

static __always_inline __u32 loss_of(int error)
{
	switch (error) {
	case -ENETDOWN:
		return RP_LOSS_REDIRECT_DOWN;
	case -EMSGSIZE:
		return RP_LOSS_REDIRECT_SIZE;
	case -EOPNOTSUPP:
		return RP_LOSS_REDIRECT_UNSUPPORTED;
	default:
		return RP_LOSS_REDIRECT_OTHER;
	}
}

/* (device it came on through, program, target, error, map type, ...) */
SEC("raw_tp/xdp_redirect_err")
int rp_redirect_err(const struct bpf_raw_tracepoint_args *ctx)
{
	/* The socket itself counts what does not fit into it. */
	if ((__u32)ctx->args[4] != BPF_MAP_TYPE_XSKMAP)
		count_loss((const struct net_device *)ctx->args[0], loss_of((int)ctx->args[3]));
	return 0;
}

/* (device it came on through, program, verdict) */
SEC("raw_tp/xdp_exception")
int rp_exception(const struct bpf_raw_tracepoint_args *ctx)
{
	__u32 act = (__u32)ctx->args[2];

	/* Some drivers tell of failed redirects here as well. */
	if (act != XDP_REDIRECT)
		count_loss((const struct net_device *)ctx->args[0],
			   act == XDP_TX ? RP_LOSS_TX : RP_LOSS_EXCEPTION);
	return 0;
}
