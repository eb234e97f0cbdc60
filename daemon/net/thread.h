/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a thread's end, but not for ever. */
#ifndef SR_DAEMON_THREAD_H
#define SR_DAEMON_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "daemon/net/clock.h"

/* deadline_ns: as clock_ns counts.  False: it still runs.  (pthread_clockjoin_np
 * would take that clock as it is, but sanitizers do not know it.) */
static inline bool thread_join(pthread_t thread, int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_ns();
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	if (left > 0) {
		until.tv_sec += left / 1000000000;
		until.tv_nsec += left % 1000000000;
	}
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return pthread_timedjoin_np(thread, /* result= */ NULL, &until) == 0;
}

#endif
