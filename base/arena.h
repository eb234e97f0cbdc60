/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator over one fixed block: what a call needs while it runs.
 * Everything in it dies, wiped, at reset.  The block is its owner's: the
 * daemon's are locked memory, a client's are malloc'ed. */
#ifndef SR_BASE_ARENA_H
#define SR_BASE_ARENA_H

#include <strongroom/types.h>

struct arena {
	uint8_t *base;
	size_t cap, used;
};

/* n zeroed bytes, aligned for any type; NULL when the block is used up. */
void *arena_get(struct arena *a, size_t n);
/* A copy of s that lives in the arena, NUL-terminated for convenience (the NUL
 * is not counted).  p is NULL when the block is used up. */
struct sr_str arena_str(struct arena *a, struct sr_str s);
/* Likewise by format. */
struct sr_str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Wipes what was used and starts again. */
void arena_reset(struct arena *a);

#endif
