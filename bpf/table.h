/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-ups in the flow table of maps/flow.h. */
#ifndef RAMPART_BPF_TABLE_H_
#define RAMPART_BPF_TABLE_H_

#include "bpf/packet.h"

#define RP_TAG_ONES 0x0101010101010101ULL
#define RP_TAG_HIGHS 0x8080808080808080ULL

enum {
	NO_SLOT = -1 /* behind the end of any table */
};

/* The high bit of every byte of `tags` that equals `tag`; of bytes above one
 * that does, perhaps too, which comparing keys finds out.
 */
static __always_inline __u64 equal_tags(__u64 tags, __u8 tag)
{
	__u64 x = tags ^ RP_TAG_ONES * tag;

	return (x - RP_TAG_ONES) & ~x & RP_TAG_HIGHS;
}

/* Index of the lowest byte whose high bit is set; BPF cannot count zeros. */
static __always_inline __u32 lowest_tag(__u64 highs)
{
	return ((highs & -highs) >> 7) * 0x0001020304050607ULL >> 56;
}

static __always_inline bool has_key4(const struct rp_flow4 *entry, const struct rp_flow4_key *key)
{
	return entry->from_saddr == key->saddr && entry->from_daddr == key->daddr &&
	       entry->from_sport == key->sport && entry->from_dport == key->dport &&
	       entry->flow.realm == key->realm && entry->flow.proto == key->proto;
}

static __always_inline bool has_key6(const struct rp_flow6 *entry, const struct rp_flow6_key *key)
{
	return same16(entry->from_saddr, key->saddr) && same16(entry->from_daddr, key->daddr) &&
	       entry->from_sport == key->sport && entry->from_dport == key->dport &&
	       entry->flow.realm == key->realm && entry->flow.proto == key->proto;
}

/* Slot of the entry in one bucket. Its tag fits one entry, or rarely a few. */
static __always_inline int probe4(const struct rp_flow4_key *key, __u32 index, __u8 tag)
{
	const struct rp_bucket *bucket = bpf_map_lookup_elem(&rp_flow_tags4, &index);

	if (!bucket)
		return NO_SLOT;
	for (int word = 0; word < RP_BUCKET_TAGS / 8; word++) {
		__u64 fits = equal_tags(bucket->tags[word], tag);

		for (int i = 0; i < 8 && fits; i++, fits &= fits - 1) {
			__u32 slot = index * RP_BUCKET_TAGS + word * 8 + lowest_tag(fits);
			const struct rp_flow4 *entry = bpf_map_lookup_elem(&rp_flows4, &slot);

			if (entry && has_key4(entry, key))
				return slot;
		}
	}
	return NO_SLOT;
}

/* Slot of the entry with this key. A packet's own look-up is in line; all others
 * share a function that the verifier checks once.
 */
static __always_inline int slot_of4(const struct rp_flow4_key *key)
{
	const struct rp_config *config = rp_config_here();
	__u32 hash;

	if (!key || !config)
		return NO_SLOT;
	hash = rp_hash_words(&config->flow_hash, (const __u32 *)key, sizeof(*key) / 4);
#pragma unroll
	for (int level = 0; level < RP_LEVELS; level++) {
		int slot = probe4(key, rp_bucket_of(&config->flow_hash, level, hash), rp_tag(hash));

		if (slot != NO_SLOT)
			return slot;
	}
	return probe4(key, rp_last_bucket_of(&config->flow_hash, hash), rp_tag(hash));
}

RP_GLOBAL int find_slot4(const struct rp_flow4_key *key)
{
	return slot_of4(key);
}

static __always_inline int probe6(const struct rp_flow6_key *key, __u32 index, __u8 tag)
{
	const struct rp_bucket *bucket = bpf_map_lookup_elem(&rp_flow_tags6, &index);

	if (!bucket)
		return NO_SLOT;
	for (int word = 0; word < RP_BUCKET_TAGS / 8; word++) {
		__u64 fits = equal_tags(bucket->tags[word], tag);

		for (int i = 0; i < 8 && fits; i++, fits &= fits - 1) {
			__u32 slot = index * RP_BUCKET_TAGS + word * 8 + lowest_tag(fits);
			const struct rp_flow6 *entry = bpf_map_lookup_elem(&rp_flows6, &slot);

			if (entry && has_key6(entry, key))
				return slot;
		}
	}
	return NO_SLOT;
}

static __always_inline int slot_of6(const struct rp_flow6_key *key)
{
	const struct rp_config *config = rp_config_here();
	__u32 hash;

	if (!key || !config)
		return NO_SLOT;
	hash = rp_hash_words(&config->flow_hash, (const __u32 *)key, sizeof(*key) / 4);
#pragma unroll
	for (int level = 0; level < RP_LEVELS; level++) {
		int slot = probe6(key, rp_bucket_of(&config->flow_hash, level, hash), rp_tag(hash));

		if (slot != NO_SLOT)
			return slot;
	}
	return probe6(key, rp_last_bucket_of(&config->flow_hash, hash), rp_tag(hash));
}

RP_GLOBAL int find_slot6(const struct rp_flow6_key *key)
{
	return slot_of6(key);
}

#endif /* RAMPART_BPF_TABLE_H_ */
