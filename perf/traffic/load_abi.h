/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What perf_load and its BPF programs agree on: frames, flows by number,
 * counters.
 */
#ifndef RAMPART_PERF_TRAFFIC_LOAD_ABI_H_
#define RAMPART_PERF_TRAFFIC_LOAD_ABI_H_

#include <linux/types.h>

enum {
  PERF_HEADER_MAX =
      160, /* rewritten per packet: 14 + 40 + 8 + 24 + 40 + 8 + 4, and room */
  PERF_SAMPLE_MAX = 2040,
};

enum perf_order {
  PERF_ORDER_SEQUENCE, /* 0, 1, ... flows - 1, 0, ... */
  PERF_ORDER_RANDOM,   /* a random permutation, again and again */
  PERF_ORDER_NEW,      /* every packet another flow, of the hosts in turn */
};

/* The number of the nth new flow: 256 hosts take turns, and others when these
 * have used their ports.
 */
#define PERF_HOSTS 256
#define PERF_PORTS 16384
#define PERF_NEW(n)                                                      \
  ((((n) / (PERF_HOSTS * PERF_PORTS)) * PERF_HOSTS + (n) % PERF_HOSTS) * \
       PERF_PORTS |                                                      \
   ((n) / PERF_HOSTS) % PERF_PORTS)

/* Flow by number: every source address has 16384 ports. */
#define PERF_HOST(number) ((number) >> 14)
#define PERF_PORT(number) (0x4000 | ((number)&0x3fff))
/* What numbered NAT makes of the port, and the outer source port on the way in.
 */
#define PERF_NAT_PORT(number) (0x8000 | ((number)&0x3fff))
#define PERF_OUTER_PORT(number) (0xc000 | ((number)&0x3fff))

/* The frame; offsets from its start, 0: there is no such field. Sums are those
 * of what a checksum covers, in memory order, without itself and the fields
 * that the flow's number decides.
 */
struct perf_frame {
  __u64 ip_sum;
  __u64 udp_sum;
  __u64 outer_sum;
  __u32 first_source; /* last 4 bytes of the source address of flow 0, host
                         order */
  __u32 header_len;   /* bytes of `header`, a multiple of 8 */
  __u32 source;       /* last 4 bytes of the source address */
  __u32 ip_check;
  __u32 port;
  __u32 udp_check;
  __u32 number; /* in the payload, network order */
  __u32 outer_port;
  __u32 outer_check;
  __u32 peers; /* that flows come from in turn, at successive addresses; over
                  IPv4, profile none */
  __u8 header[PERF_HEADER_MAX];
};

struct perf_position {
  __u64 sent;
  __u64 due;  /* ns: when a paced source sends again */
  __u32 next; /* into the order of flows */
  __u32 pad;
};

struct perf_line {
  __u64 packets;
  __u64 bytes;
  __u32 way; /* index of the device */
  __u8 pad[44];
};

struct perf_arrivals {
  __u64 packets; /* of the length expected */
  __u64 others;
};

struct perf_sample {
  __u32 length;
  __u8 bytes[PERF_SAMPLE_MAX];
};

#endif /* RAMPART_PERF_TRAFFIC_LOAD_ABI_H_ */
