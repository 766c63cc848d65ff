/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every shared struct needs to mean the same in BPF C and in C++. */
#ifndef RAMPART_MAPS_ABI_H_
#define RAMPART_MAPS_ABI_H_

#include <linux/types.h>

/* Checks the size of a shared struct on both sides. In C++ it also refuses
 * padding: a byte that no field names is a byte that one side does not write.
 */
#ifdef __cplusplus
#include <type_traits>
#define RP_CHECK_ABI(type, size)                                                                   \
	static_assert(sizeof(struct type) == (size), #type " changed");                            \
	static_assert(std::has_unique_object_representations_v<type>, #type " has padding")
#else
#define RP_CHECK_ABI(type, size) _Static_assert(sizeof(struct type) == (size), #type " changed")
#endif

/* Bumped whenever the meaning of a pinned map changes without its size
 * changing; the controller refuses to adopt pins of another layout.
 */
enum {
	RP_LAYOUT_VERSION = 5
};

#endif /* RAMPART_MAPS_ABI_H_ */
