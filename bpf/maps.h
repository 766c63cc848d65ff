/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All maps of the data plane; keys and values are in maps/. Sizes marked "set
 * at load" are given by the controller.
 */
#ifndef RAMPART_BPF_MAPS_H_
#define RAMPART_BPF_MAPS_H_

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps/config.h"
#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"
#include "maps/punt.h"
#include "maps/ramp.h"
#include "maps/realm.h"
#include "maps/watch.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rp_config);
} rp_config SEC(".maps");

/* The flow table, see maps/flow.h. A live flow is never evicted (RFC 6888
 * REQ-11).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536); /* set at load */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_bucket);
} rp_flow_tags4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1048576); /* set at load: 16 for each bucket */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_flow4);
} rp_flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1048576); /* set at load: 16 for each bucket */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_flow_note);
} rp_flow_notes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536); /* set at load */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_bucket);
} rp_flow_tags6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1048576); /* set at load: 16 for each bucket */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_flow6);
} rp_flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1048576); /* set at load: 16 for each bucket */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_flow_note);
} rp_flow_notes6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_NEXT_HOP_MAX);
	__type(key, __u32);
	__type(value, struct rp_next_hop);
} rp_next_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_peer4_key);
	__type(value, struct rp_peer);
} rp_peers4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_peer6_key);
	__type(value, struct rp_peer);
} rp_peers6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_SEEN_MAX);
	__type(key, __u32);
	__type(value, struct rp_peer4_seen);
} rp_peers4_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_SEEN_MAX);
	__type(key, __u32);
	__type(value, struct rp_peer6_seen);
} rp_peers6_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_SEEN_MAX);
	__type(key, __u32);
	__type(value, struct rp_address_seen);
} rp_addrs_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_VERIFIED_MAX);
	__type(key, __u32);
	__type(value, struct rp_verified);
} rp_verified SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_grant_key);
	__type(value, struct rp_grant);
} rp_grants SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct rp_tenant);
} rp_tenants SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_address_key);
	__type(value, __u32); /* enum rp_address_use */
} rp_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_prefix_key);
	__type(value, __u32); /* enum rp_address_use */
} rp_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_nat_open_key);
	__type(value, struct rp_nat_open);
} rp_nat_open SEC(".maps");

/* The last IPv4 identification given out, by data plane and controller; atomic. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} rp_ip_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_local_key);
	__type(value, __u32); /* 1 */
} rp_locals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_DEVICE_MAX);
	__type(key, __u32);
	__type(value, struct rp_device);
} rp_devices SEC(".maps");

/* Device slot -> device to redirect to. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, RP_DEVICE_MAX);
	__type(key, __u32);
	__type(value, __u32); /* ifindex */
} rp_ports SEC(".maps");

/* Device slot * RP_QUEUE_MAX + receive queue -> the controller's socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, RP_DEVICE_MAX *RP_QUEUE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} rp_xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_DEVICE_MAX *RP_OUTCOME_COUNT);
	__type(key, __u32);
	__type(value, struct rp_counter);
} rp_outcomes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct rp_tally);
} rp_tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_tenant_drop_key);
	__type(value, struct rp_counter);
} rp_tenant_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RP_OUTCOME_COUNT);
	__type(key, __u32);
	__type(value, struct rp_drop_ring);
} rp_drop_samples SEC(".maps");

/* The next three are written by the controller only; pinned so that they
 * outlive it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_OUTCOME_COUNT);
	__type(key, __u32);
	__type(value, struct rp_counter);
} rp_slow_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rp_tenant_drop_key);
	__type(value, struct rp_counter);
} rp_slow_tenants SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_OUTCOME_COUNT);
	__type(key, __u32);
	__type(value, struct rp_drop_ring);
} rp_slow_samples SEC(".maps");

/* The next three are written by who asks: xdpctl, or the controller. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rp_watching);
} rp_watching SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_WATCH_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rp_watch);
} rp_watches SEC(".maps");

struct rp_watch_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16); /* the ring of who asks may have another size */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, RP_WATCH_MAX);
	__type(key, __u32);
	__array(values, struct rp_watch_ring);
} rp_watch_rings SEC(".maps");

#endif /* RAMPART_BPF_MAPS_H_ */
