// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traffic for perf_load: what makes frames, what moves them on the bare way
 * that gateways are compared to, and what they end in.
 *
 * A test run with live frames recycles its pages as the device under test left
 * them, so perf_source writes all headers anew, packet by packet.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
// After it: needs its types.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "perf/traffic/load_abi.h"

/* Everything about the frames but the flow's number. Offsets are from the
 * start of the frame; 0: there is no such field. Sums are ones' complement
 * sums of what the checksum covers, variable fields and itself left out.
 */
const volatile struct perf_frame cfg_frame;

/* Constants of their own: the verifier removes the branches not taken. */
const volatile __u32 cfg_order;
const volatile __u32 cfg_flows;
const volatile __u64 cfg_gap;      /* ns between packets; 0: none */
const volatile __u32 cfg_send = 1; /* 0: frames end where they are made */
const volatile __u32 cfg_length;   /* of frames to be counted; 0: any */
const volatile __u32 cfg_sample_mask;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct perf_position);
} perf_positions SEC(".maps");

/* A random permutation of the flows' numbers. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} perf_numbers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} perf_way_in SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} perf_way_out SEC(".maps");

/* What the least flow table would hold of each flow: two directions. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2); /* set at load */
  __type(key, __u32);
  __type(value, struct perf_line);
} perf_lines SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct perf_arrivals);
} perf_arrivals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} perf_samples SEC(".maps");

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u32 next_number(struct perf_position* position) {
  __u32 at = position->next;
  __u64* number;

  position->next = at + 1;
  if (cfg_order != PERF_ORDER_NEW && position->next >= cfg_flows)
    position->next = 0;
  if (cfg_order != PERF_ORDER_RANDOM) return at;
  number = bpf_map_lookup_elem(&perf_numbers, &at);
  return number ? *number : 0;
}

/* A paced source spins: short test runs would wait for RCU each time. */
static __always_inline bool too_early(struct perf_position* position) {
  enum { LATE_MAX = 1000000 }; /* ns that are caught up on */
  __u64 now;

  if (!cfg_gap) return false;
  now = bpf_ktime_get_ns();
  if (now < position->due) return true;
  if (now - position->due > LATE_MAX) position->due = now;
  position->due += cfg_gap;
  return false;
}

/* The peer whose turn it is: its address, and the IPv4 header's checksum by RFC
 * 1624, eqn. 3.
 */
static __always_inline void write_peer(void* data, __u32 number) {
  enum { CHECK = ETH_HLEN + 10, LAST_BYTE = ETH_HLEN + 15 };
  __u32 peer = cfg_frame.peers ? number % cfg_frame.peers : 0;
  __u16 check = *(__u16*)(data + CHECK);

  *(__u8*)(data + LAST_BYTE) += peer;
  *(__u16*)(data + CHECK) = ~fold((__u16)~check + (__u64)bpf_htons(peer));
}

/* Writes the fields that the flow's number decides, and what sums them up. */
static __always_inline void write_flow(void* data, __u32 number) {
  __u32 source = bpf_htonl(cfg_frame.first_source + PERF_HOST(number));
  __u16 port = bpf_htons(PERF_PORT(number));
  __u32 mark = bpf_htonl(number);
  __u64 varied = (__u64)source + port + mark;
  __u16 check;

  *(__u32*)(data + cfg_frame.source) = source;
  *(__u16*)(data + cfg_frame.port) = port;
  *(__u32*)(data + cfg_frame.number) = mark;
  check = ~fold(cfg_frame.udp_sum + varied);
  if (!check) check = 0xffff; /* RFC 768: 0 means none */
  *(__u16*)(data + cfg_frame.udp_check) = check;
  varied += check;
  if (cfg_frame.ip_check) {
    check = ~fold(cfg_frame.ip_sum + source);
    *(__u16*)(data + cfg_frame.ip_check) = check;
    varied += check;
  }
  if (!cfg_frame.outer_port) return;
  port = bpf_htons(PERF_OUTER_PORT(number));
  *(__u16*)(data + cfg_frame.outer_port) = port;
  if (!cfg_frame.outer_check) return;
  check = ~fold(cfg_frame.outer_sum + varied + port);
  if (!check) check = 0xffff;
  *(__u16*)(data + cfg_frame.outer_check) = check;
}

SEC("xdp")
int perf_source(struct xdp_md* ctx) {
  void* data = (void*)(long)ctx->data;
  void* end = (void*)(long)ctx->data_end;
  struct perf_position* position;
  __u32 zero = 0, number, turn;

  position = bpf_map_lookup_elem(&perf_positions, &zero);
  if (!position || data + cfg_frame.header_len > end) return XDP_ABORTED;
  if (too_early(position)) return XDP_DROP;
  position->sent++;
  for (int i = 0; i < PERF_HEADER_MAX / 8; i++) {
    if (i * 8 >= (int)cfg_frame.header_len) break;
    *(__u64*)(data + i * 8) =
        *(const volatile __u64*)(cfg_frame.header + i * 8);
  }
  turn = next_number(position);
  number = cfg_order == PERF_ORDER_NEW ? PERF_NEW(turn) : turn;
  write_flow(data, number);
  if (cfg_frame.peers > 1) write_peer(data, turn);
  return cfg_send ? bpf_redirect_map(&perf_way_in, 0, 0) : XDP_DROP;
}

/* The least a gateway can do. */
SEC("xdp")
int perf_redirect(struct xdp_md* ctx) {
  (void)ctx;
  return bpf_redirect_map(&perf_way_out, 0, 0);
}

/* The least a gateway with a flow table can do: the packet says which cache
 * line is its flow's, which counts it and says where it leaves.
 */
SEC("xdp")
int perf_touch(struct xdp_md* ctx) {
  const void* at = (const void*)(long)ctx->data + cfg_frame.number;
  struct perf_line* line;
  __u32 index;

  if (at + sizeof(index) > (const void*)(long)ctx->data_end) return XDP_ABORTED;
  index = 2 * bpf_ntohl(*(const __u32*)at);
  line = bpf_map_lookup_elem(&perf_lines, &index);
  if (!line) return XDP_ABORTED;
  line->packets++;
  line->bytes += ctx->data_end - ctx->data;
  return bpf_redirect_map(&perf_way_out, line->way, 0);
}

SEC("xdp")
int perf_reflect(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_TX;
}

SEC("xdp")
int perf_empty(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_DROP;
}

/* Counts an arrival. Returns a sample to fill in, now and then. */
static __always_inline struct perf_sample* arrived(__u32 length) {
  struct perf_arrivals* arrivals;
  struct perf_sample* sample;
  __u32 zero = 0;

  arrivals = bpf_map_lookup_elem(&perf_arrivals, &zero);
  if (!arrivals) return 0;
  if (cfg_length && length != cfg_length) {
    arrivals->others++;
    return 0;
  }
  if (arrivals->packets++ & cfg_sample_mask) return 0;
  sample = bpf_ringbuf_reserve(&perf_samples, sizeof(*sample), 0);
  if (!sample) return 0;
  sample->length = length;
  return sample;
}

SEC("xdp")
int perf_sink_xdp(struct xdp_md* ctx) {
  __u32 length = ctx->data_end - ctx->data;
  struct perf_sample* sample = arrived(length);

  if (!sample) return XDP_DROP;
  if (length > PERF_SAMPLE_MAX) length = PERF_SAMPLE_MAX;
  if (length < 1 || bpf_xdp_load_bytes(ctx, 0, sample->bytes, length))
    bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
  else
    bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
  return XDP_DROP;
}

SEC("tc")
int perf_sink_tc(struct __sk_buff* skb) {
  __u32 length = skb->len;
  struct perf_sample* sample = arrived(length);

  if (!sample) return TC_ACT_SHOT;
  if (length > PERF_SAMPLE_MAX) length = PERF_SAMPLE_MAX;
  if (length < 1 || bpf_skb_load_bytes(skb, 0, sample->bytes, length))
    bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
  else
    bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
  return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
