/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which peer, and whose address. Both are asked for with every packet and
 * change with the configuration only, so each CPU remembers what the hash maps
 * said: an array access and a compare instead of a hash of the key and a walk.
 * What was remembered under another rp_config.ramps does not count.
 */
#ifndef RAMPART_BPF_RAMPS_H_
#define RAMPART_BPF_RAMPS_H_

#include "bpf/packet.h"

/* Index of what is remembered about an address. Collisions cost time only. */
static __always_inline __u32 seen_index(__u32 word)
{
	_Static_assert(RP_SEEN_MAX == 1 << 10, "the 10 bits that are left");
	return (__u32)(word * 0x9e3779b1u) >> 22;
}

static __always_inline __u32 mix16(const __u32 *words)
{
	return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* Changes whenever what the maps say may have; never 0. */
static __always_inline __u32 ramps_now(void)
{
	const struct rp_config *config = rp_config_here();

	return config ? config->ramps : 0;
}

/* Per-CPU, so no atomics; what interrupts this finds a generation of 0. The
 * generation was read before the map.
 */
#define RP_REMEMBER(seen, what, now)                                                               \
	do {                                                                                       \
		(seen)->generation = 0;                                                            \
		barrier();                                                                         \
		what;                                                                              \
		barrier();                                                                         \
		(seen)->generation = (now);                                                        \
	} while (0)

static __always_inline __u32 seen_peer4(const struct rp_peer4_key *key)
{
	return seen_index(key->saddr ^ key->gre_key);
}

static __always_inline __u32 seen_peer6(const struct rp_peer6_key *key)
{
	return seen_index(mix16((const __u32 *)key->saddr) ^ key->gre_key);
}

/* Whether there is such a peer; if so, it is in its place then. */
RP_GLOBAL int remember_peer4(const struct rp_peer4_key *peer_key)
{
	struct rp_peer4_key key;
	struct rp_peer4_seen *seen;
	__u32 now = ramps_now();
	const struct rp_peer *peer;
	__u32 index;

	if (!peer_key)
		return false;
	key = *peer_key; /* Linux 6.1 takes no key from a function's argument */
	index = seen_peer4(&key);
	seen = bpf_map_lookup_elem(&rp_peers4_seen, &index);
	peer = bpf_map_lookup_elem(&rp_peers4, &key);
	if (!peer || !seen)
		return false;
	RP_REMEMBER(seen, (seen->key = key, seen->peer = *peer), now);
	return true;
}

RP_GLOBAL int remember_peer6(const struct rp_peer6_key *peer_key)
{
	struct rp_peer6_key key;
	struct rp_peer6_seen *seen;
	__u32 now = ramps_now();
	const struct rp_peer *peer;
	__u32 index;

	if (!peer_key)
		return false;
	key = *peer_key; /* Linux 6.1 takes no key from a function's argument */
	index = seen_peer6(&key);
	seen = bpf_map_lookup_elem(&rp_peers6_seen, &index);
	peer = bpf_map_lookup_elem(&rp_peers6, &key);
	if (!peer || !seen)
		return false;
	RP_REMEMBER(seen, (seen->key = key, seen->peer = *peer), now);
	return true;
}

/* NULL if there is no such peer. */
static __always_inline const struct rp_peer *find_peer4(const struct rp_pkt *pkt,
							const struct rp_peer4_key *key)
{
	__u32 index = seen_peer4(key);
	const struct rp_peer4_seen *seen = bpf_map_lookup_elem(&rp_peers4_seen, &index);

	if (pkt->dry)
		return bpf_map_lookup_elem(&rp_peers4, key);
	if (!seen)
		return NULL;
	if ((seen->generation != ramps_now() || seen->key.saddr != key->saddr ||
	     seen->key.daddr != key->daddr || seen->key.gre_key != key->gre_key ||
	     seen->key.kind != key->kind) &&
	    !remember_peer4(key))
		return NULL;
	return &seen->peer;
}

static __always_inline const struct rp_peer *find_peer6(const struct rp_pkt *pkt,
							const struct rp_peer6_key *key)
{
	__u32 index = seen_peer6(key);
	const struct rp_peer6_seen *seen = bpf_map_lookup_elem(&rp_peers6_seen, &index);

	if (pkt->dry)
		return bpf_map_lookup_elem(&rp_peers6, key);
	if (!seen)
		return NULL;
	if ((seen->generation != ramps_now() || !same16(seen->key.saddr, key->saddr) ||
	     !same16(seen->key.daddr, key->daddr) || seen->key.gre_key != key->gre_key ||
	     seen->key.kind != key->kind) &&
	    !remember_peer6(key))
		return NULL;
	return &seen->peer;
}

/* enum rp_address_use of an address; 0 if it is none of ours. */
RP_GLOBAL int address_use(const struct rp_address_key *address, bool dry)
{
	struct rp_address_seen *seen;
	struct rp_address_key key;
	__u32 now = ramps_now();
	const __u32 *found;
	__u32 index, use;

	if (!address)
		return 0;
	key = *address; /* Linux 6.1 takes no key from a function's argument */
	index = seen_index(mix16((const __u32 *)key.addr));
	seen = bpf_map_lookup_elem(&rp_addrs_seen, &index);
	if (seen && seen->generation == now && same16(seen->key.addr, key.addr))
		return seen->use;
	found = bpf_map_lookup_elem(&rp_addresses, &key);
	if (!found) {
		struct rp_prefix_key prefix = { .bits = 128 };

		__builtin_memcpy(prefix.addr, key.addr, sizeof(prefix.addr));
		found = bpf_map_lookup_elem(&rp_prefixes, &prefix);
	}
	use = found ? *found : 0;
	if (seen && !dry)
		RP_REMEMBER(seen, (seen->key = key, seen->use = use), now);
	return use;
}

static __always_inline __u32 address4_use(const struct rp_pkt *pkt, __be32 addr)
{
	struct rp_address_key key = {};

	*(__be16 *)(key.addr + 10) = 0xffff;
	*(__be32 *)(key.addr + 12) = addr;
	return address_use(&key, pkt->dry);
}

static __always_inline __u32 address6_use(const struct rp_pkt *pkt, const void *addr)
{
	struct rp_address_key key;

	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	return address_use(&key, pkt->dry);
}

#endif /* RAMPART_BPF_RAMPS_H_ */
