/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of bpf/losses.bpf.c: what the kernel loses, and where counting began. */
#ifndef RAMPART_MAPS_LOSSES_H_
#define RAMPART_MAPS_LOSSES_H_

#include "maps/abi.h"
#include "maps/outcomes.h"
#include "maps/ramp.h"

/* rp_losses: packets lost after the verdict of a program. Missing: none. */
struct rp_loss_key {
	__u32 ifindex; /* of the device they came on through */
	__u32 loss; /* enum rp_kernel_loss */
};
RP_CHECK_ABI(rp_loss_key, 8);

enum {
	RP_LOSSES_MAX = 4096
};

/* rp_ledger_bases, by device slot: what had been counted when the program was
 * attached.
 */
struct rp_ledger_base {
	__u64 rx; /* received by the kernel, less what has an outcome; may wrap below 0 */
	__u64 losses[RP_LOSS_COUNT]; /* by enum rp_kernel_loss */
	__u32 ifindex; /* whose it is; 0: nobody's */
	__u32 pad; /* zero */
};
RP_CHECK_ABI(rp_ledger_base, 144);

#endif /* RAMPART_MAPS_LOSSES_H_ */
