// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* For the far end of a veth whose near end sends by XDP: unless a program is
 * attached there, the kernel drops redirected frames, and queues those of
 * XDP_TX without waking the receiver.
 */
#include <linux/bpf.h>

__attribute__((section("xdp"), used)) int rp_lab_pass(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

__attribute__((section("license"), used)) char rp_license[] = "Dual BSD/GPL";
