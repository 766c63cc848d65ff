// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs a program on the same packet again and again. BPF_PROG_TEST_RUN leaves
 * the packet as the last repeat left it, so perf_restore first puts it back as
 * it was, then tail-calls the program to be measured.
 */
#include <linux/bpf.h>
// After it: needs its types.
#include <bpf/bpf_helpers.h>

enum { PERF_FRAME_MAX = 2048 };

struct perf_frame {
  __u32 length;
  __u32 vary_offset; /* where to write a 16-bit counter; 0: nowhere */
  __u32 counter;
  __u8 bytes[PERF_FRAME_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct perf_frame);
} perf_frames SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} perf_targets SEC(".maps");

/* The cost of a test run itself. */
SEC("xdp")
int perf_empty(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

SEC("xdp")
int perf_restore(struct xdp_md* ctx) {
  __u32 zero = 0;
  struct perf_frame* frame = bpf_map_lookup_elem(&perf_frames, &zero);
  long now = (long)ctx->data_end - (long)ctx->data;
  __u32 length;

  if (!frame) return XDP_ABORTED;
  length = frame->length;
  if (length == 0 || length > PERF_FRAME_MAX) return XDP_ABORTED;
  /* The verifier refuses 32-bit arithmetic on packet pointers, which clang
   * makes of it if it may reorder the subtractions.
   */
  asm volatile("" : "+r"(now));
  /* What the program measured changes the length of is the head only. */
  if (bpf_xdp_adjust_head(ctx, (int)now - (int)length)) return XDP_ABORTED;
  if (frame->vary_offset && frame->vary_offset < PERF_FRAME_MAX - 1) {
    frame->bytes[frame->vary_offset] = frame->counter >> 8;
    frame->bytes[frame->vary_offset + 1] = frame->counter;
    /* An odd stride visits all 65536 and is no friend of prefetching. */
    frame->counter += 40503;
  }
  if (bpf_xdp_store_bytes(ctx, 0, frame->bytes, length)) return XDP_ABORTED;
  bpf_tail_call(ctx, &perf_targets, 0);
  return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
