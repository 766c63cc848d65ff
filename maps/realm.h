/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address spaces and the tick that all time stamps in maps are counted in. */
#ifndef RAMPART_MAPS_REALM_H_
#define RAMPART_MAPS_REALM_H_

#include "maps/abi.h"

/* A realm is the address space a flow key belongs to: the VNI of a vnet, or
 * one of these two, which no vnet may use as its VNI.
 */
#define RP_REALM_UNDERLAY 0u /* the Internet and the servers' own network */
#define RP_REALM_STACK 0xffffffffu /* the upgrade namespace */

/* On-ramp of packets that come on in RP_REALM_UNDERLAY; tunnel ids start at 1. */
#define RP_TUNNEL_UNDERLAY 0u

/* A tick is 2^24 ns (16.8 ms) of CLOCK_MONOTONIC. As u32 it wraps after 2.3
 * years, so compare ticks by unsigned subtraction only.
 */
enum {
	RP_TICK_SHIFT = 24,
	RP_PUNT_TICK_SHIFT = 22, /* of the ticks that punts are limited by: 4.2 ms */
};

#endif /* RAMPART_MAPS_REALM_H_ */
