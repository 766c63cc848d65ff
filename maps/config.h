/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rp_config: one entry, index 0. What the data plane must know at run time. */
#ifndef RAMPART_MAPS_CONFIG_H_
#define RAMPART_MAPS_CONFIG_H_

#include "maps/abi.h"
#include "maps/flow.h"

struct rp_config {
	__u32 layout; /* RP_LAYOUT_VERSION of the controller that made the pins */
	__be16 gue_port; /* UDP destination port of GUE */
	__u16 pad; /* zero */
	__u64 unix_offset; /* ns to add to CLOCK_MONOTONIC for Unix time */
	__u64 store_id; /* state store whose tunnel ids the pinned maps hold */
	__u32 punts_per_tick; /* per tenant and punt tick */
	__u32 epoch; /* configuration in force */
	__u32 ramps; /* raised when peers or addresses have changed; never 0 */
	__u32 pad2; /* zero */
	__u32 timeouts[RP_TIMEOUT_COUNT]; /* ticks, by enum rp_timeout */
	struct rp_flow_hash flow_hash; /* made with the pins, never changed */
};
RP_CHECK_ABI(rp_config, 208);

/* Authentication epoch of profile mac: Unix seconds / 64; the receiver accepts
 * its own and both neighbours.
 */
enum {
	RP_MAC_EPOCH_SECONDS = 64
};

#endif /* RAMPART_MAPS_CONFIG_H_ */
