// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/maps.h"

/* Slot of the device this program is attached to: an index into rp_devices,
 * fixed at load, so no packet pays for looking it up.
 */
const volatile __u32 cfg_slot;

SEC("xdp")
int rp_uplink(struct xdp_md *ctx)
{
	return cfg_slot == 9999 && bpf_map_lookup_elem(&rp_devices, &(__u32){ cfg_slot }) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int rp_access(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
