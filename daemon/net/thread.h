/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a thread's end, but not for ever. */
#ifndef SR_DAEMON_THREAD_H
#define SR_DAEMON_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* deadline_ns: as clock_ns counts.  False: it still runs. */
static inline bool thread_join(pthread_t thread, int64_t deadline_ns)
{
	struct timespec until = { deadline_ns / 1000000000, deadline_ns % 1000000000 };

	return pthread_clockjoin_np(thread, /* result= */ NULL, CLOCK_MONOTONIC, &until) == 0;
}

#endif
