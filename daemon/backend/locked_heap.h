/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator behind locked.h, over a region that locked.c reserved: small
 * blocks in slabs of one page, large ones in runs of pages.  All it knows about
 * blocks is kept outside of the region, so that what overruns a block cannot
 * damage it.  Free memory is always zero. */
#ifndef SR_DAEMON_LOCKED_HEAP_H
#define SR_DAEMON_LOCKED_HEAP_H

#include "base/result.h"

#define LOCKED_HEAP_PAGE ((size_t)4096)
#define LOCKED_HEAP_MAX  ((size_t)16 << 30)

/* Takes over the region: zeroed memory, a multiple of LOCKED_HEAP_PAGE, at most
 * LOCKED_HEAP_MAX bytes.  Once in a process.  Errors: NOMEM. */
SR_RESULT locked_heap_init(void *base, size_t size);

#endif
