/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On-ramps: who may send packets here, and into which realm they go. */
#ifndef RAMPART_MAPS_RAMP_H_
#define RAMPART_MAPS_RAMP_H_

#include "maps/abi.h"

/* rp_devices: index = device slot, fixed per loaded program. */
enum rp_role {
	RP_ROLE_NONE, /* slot is free */
	RP_ROLE_UPLINK, /* underlay: tunnels, NAT returns, the host's own traffic */
	RP_ROLE_ACCESS, /* one vnet's interface */
	RP_ROLE_INJECT, /* the controller's TAP */
};

enum {
	RP_DEVICE_MAX = 256, /* slots */
	RP_QUEUE_MAX = 64, /* receive queues per device; index in rp_xsks = slot * 64 + queue */
	RP_DEVICE_LEN_L2 = 14, /* of link_header_len below */
};

struct rp_device {
	__u32 ifindex;
	__u32 tunnel; /* access: on-ramp id of its tunnel; else 0 */
	__u32 realm; /* access: VNI of its vnet; else 0. Host order */
	__u8 role; /* enum rp_role */
	__u8 link_header_len; /* 14 for Ethernet, 0 for tun and other layer 3 devices */
	__u8 mac[6]; /* zero on layer 3 devices */
	__u32 tenant; /* access: index in rp_tenants; else 0 */
};
RP_CHECK_ABI(rp_device, 24);

/* rp_addresses: what one of this edge's own underlay addresses is for. */
enum rp_address_use {
	RP_ADDRESS_TUNNEL = 1 << 0, /* GUE and GRE end here (gue.addresses) */
	RP_ADDRESS_NAT = 1 << 1, /* belongs to a NAT pool */
	RP_ADDRESS_PREFIX = 1 << 2, /* with RP_ADDRESS_NAT: translated one to one, so what
				     * comes from outside may be new */
	RP_ADDRESS_INSIDE = 1 << 3, /* with RP_ADDRESS_NAT: of a host behind a tunnel that is
				     * not translated towards everybody; without a flow,
				     * the packet is the host's own */
};

struct rp_address_key {
	__u8 addr[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2) */
};
RP_CHECK_ABI(rp_address_key, 16);

/* rp_prefixes: the same for all addresses of a prefix; asked after rp_addresses. */
struct rp_prefix_key {
	__u32 bits; /* of `addr` that count; IPv4: 96 more than its prefix length */
	__u8 addr[16];
};
RP_CHECK_ABI(rp_prefix_key, 20);

/* rp_nat_open: ports of NAT addresses at which somebody from outside may begin a
 * flow, a bit each: mappings whose pool's filtering allows it, and static ones.
 */
enum {
	RP_OPEN_PORTS = 512 /* of one entry */
};

struct rp_nat_open_key {
	__u8 addr[16];
	__u16 block; /* port / RP_OPEN_PORTS */
	__u8 proto; /* TCP or UDP */
	__u8 pad; /* zero */
};
RP_CHECK_ABI(rp_nat_open_key, 20);

struct rp_nat_open {
	__u64 ports[RP_OPEN_PORTS / 64]; /* bit port % 64 of word port / 64 */
};
RP_CHECK_ABI(rp_nat_open, 64);

/* rp_locals: addresses of access interfaces, that their hosts may talk to. */
struct rp_local_key {
	__u32 slot; /* device slot */
	__u8 addr[16];
};
RP_CHECK_ABI(rp_local_key, 20);

/* rp_peers4, rp_peers6: peers by outer addresses, as seen on arrival. */
enum rp_peer_kind {
	RP_PEER_GUE = 1,
	RP_PEER_GRE = 2, /* without key */
	RP_PEER_GRE_KEY = 3,
};

struct rp_peer4_key {
	__be32 saddr; /* the peer */
	__be32 daddr; /* one of our tunnel addresses */
	__be32 gre_key; /* RP_PEER_GRE_KEY only, else 0 */
	__u8 kind; /* enum rp_peer_kind */
	__u8 pad[3]; /* zero */
};
RP_CHECK_ABI(rp_peer4_key, 16);

struct rp_peer6_key {
	__u8 saddr[16];
	__u8 daddr[16];
	__be32 gre_key;
	__u8 kind;
	__u8 pad[3];
};
RP_CHECK_ABI(rp_peer6_key, 40);

/* The one form that this peer's packets must have. */
enum rp_profile {
	RP_PROFILE_NONE, /* GUE: plain variant 0, or variant 1 */
	RP_PROFILE_MAC, /* GUE: group identifier and 16-byte security field */
	RP_PROFILE_COOKIE, /* GUE: group identifier and 8-byte security field */
	RP_PROFILE_GRE_KEY, /* GUE: protocol 47, GRE key = VNI */
	RP_PROFILE_GRE, /* plain GRE; key or not is in the peer's kind */
};

enum rp_peer_flags {
	RP_PEER_ZERO_CSUM6 = 1 << 0, /* accepts UDP checksum 0 over IPv6 (RFC 6935) */
	RP_PEER_GRE_CSUM = 1 << 1, /* plain GRE with checksum, both ways */
	RP_PEER_GRE_SEQ = 1 << 2, /* plain GRE with sequence numbers, both ways */
};

enum {
	RP_PEER_KEYS = 2
}; /* two while they roll */

struct rp_peer_key {
	__u64 k0; /* mac: bytes 0-7 of the key, little-endian; cookie: its 8 bytes as in the packet */
	__u64 k1; /* mac: bytes 8-15, little-endian; cookie: 0 */
	__u8 id; /* mac: key id; cookie: 0 */
	__u8 used; /* 1 if this slot holds a key */
	__u8 pad[6]; /* zero */
};
RP_CHECK_ABI(rp_peer_key, 24);

struct rp_peer {
	__u32 tunnel; /* on-ramp id, from 1 */
	__u32 realm; /* profiles none and gre: the peer's VNI; else 0, it is in the packet */
	__u32 index; /* position of the peer in its tunnel */
	__u8 profile; /* enum rp_profile */
	__u8 flags; /* enum rp_peer_flags */
	__u16 tenant; /* index in rp_tenants */
	struct rp_peer_key keys[RP_PEER_KEYS];
};
RP_CHECK_ABI(rp_peer, 64);

/* rp_peers4_seen, rp_peers6_seen, rp_addrs_seen: what rp_peers4, rp_peers6 and
 * rp_addresses said on this CPU, by some bits of the address.
 */
enum {
	RP_SEEN_MAX = 1024
};

struct rp_peer4_seen {
	struct rp_peer4_key key;
	__u32 generation; /* rp_config.ramps when it was found; 0: nothing is here */
	__u32 pad; /* zero */
	struct rp_peer peer;
};
RP_CHECK_ABI(rp_peer4_seen, 88);

struct rp_peer6_seen {
	struct rp_peer6_key key;
	__u32 generation;
	__u32 pad; /* zero */
	struct rp_peer peer;
};
RP_CHECK_ABI(rp_peer6_seen, 112);

struct rp_address_seen {
	struct rp_address_key key;
	__u32 generation;
	__u32 use; /* enum rp_address_use; 0: the map has no such address */
};
RP_CHECK_ABI(rp_address_seen, 24);

/* rp_verified: headers of profile mac that were found authentic on this CPU, by
 * the low bits of their MAC. A MAC covers nothing that changes from packet to
 * packet, so a peer's packets have the same one for an epoch.
 */
enum {
	RP_VERIFIED_MAX = 1024
};

struct rp_verified {
	__u64 mac; /* as 8 bytes of the packet; written last */
	__u64 head[2]; /* the GUE header up to it */
	__u64 k0; /* of the key it was verified with */
	__u64 k1;
	__u64 addresses[4]; /* outer source and destination; IPv4: the first word */
	__u64 family; /* of the outer header */
};
RP_CHECK_ABI(rp_verified, 80);

/* rp_grants: which realms a tunnel's packets may enter. Asked on a flow miss
 * only: an existing flow proves that its on-ramp was granted its realm.
 */
struct rp_grant_key {
	__u32 tunnel;
	__u32 realm; /* host order */
};
RP_CHECK_ABI(rp_grant_key, 8);

struct rp_grant {
	__u32 tenant; /* index into rp_tenants */
	__u32 former; /* realm that this tunnel's packets entered before its vnet was changed,
		       * as long as flows of then live; else 0 */
};
RP_CHECK_ABI(rp_grant, 8);

/* rp_tenants: punt limit per tenant, a counter per punt tick. */
struct rp_tenant {
	__u32 tick; /* the punt tick that `punts` counts */
	__u32 punts;
};
RP_CHECK_ABI(rp_tenant, 8);

#endif /* RAMPART_MAPS_RAMP_H_ */
