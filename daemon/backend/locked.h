/* SPDX-License-Identifier: Apache-2.0 */
/* Locked memory: the only place where the daemon keeps secrets.  One region,
 * reserved at start, mlock'ed and checked, not dumped, not inherited over fork;
 * an allocator over it that wipes what is freed.  libcrypto gets it by
 * CRYPTO_set_mem_functions, since the factors of an RSA key pass through its
 * ordinary heap (design section 8).  Any thread. */
#ifndef SR_DAEMON_LOCKED_H
#define SR_DAEMON_LOCKED_H

#include <pthread.h>

#include "base/result.h"

/* Reserves and locks size bytes (rounded up to pages), makes libcrypto allocate
 * from them, and keeps it from ever reading openssl.cnf: the first thing the
 * daemon does with libcrypto in the process.  A forked child finds the region
 * wiped: it may exec, and not use libcrypto.  Errors: LIMIT (RLIMIT_MEMLOCK is
 * too small, or mlock failed), NOMEM, INTERNAL (libcrypto was used before). */
SR_RESULT locked_init(size_t size);

/* As malloc and its kin, within the region; NULL when it is full.  Memory from
 * locked_alloc is zeroed, locked_alloc(0) is NULL.  locked_free wipes; NULL is
 * fine, a pointer that is not a block of ours, or no longer, aborts. */
void *locked_alloc(size_t n);
void *locked_realloc(void *p, size_t n);
void locked_free(void *p);

/* Was this thread refused memory since it asked last?  For callers of libcrypto,
 * which often reports that as something else. */
bool locked_was_full(void);

/* Is all of [p, p + n) in the region, or in a stack made by locked_thread? */
bool locked_contains(const void *p, size_t n);
/* Bytes handed out (as blocks, so a little more than was asked for; what threads
 * keep ready is not counted), and the region's size. */
void locked_usage(size_t *used, size_t *size);

/* Starts a thread whose stack is locked memory of its own (stack_size bytes,
 * rounded up, with a guard page below), not dumped.  The stack lives until
 * locked_join, or else until the process ends.  Such a thread must not fork, the
 * child would find its stack wiped; posix_spawn is fine.  Errors: LIMIT, NOMEM. */
SR_RESULT locked_thread(pthread_t *thread, size_t stack_size, void *(*fn)(void *), void *arg);
/* Waits for such a thread to end, and gives its stack back, wiped. */
void locked_join(pthread_t thread);

#endif
