/* SPDX-License-Identifier: Apache-2.0 */
/* Time that only goes forward. */
#ifndef SR_DAEMON_CLOCK_H
#define SR_DAEMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* For deadlines: cheap, and right to a few milliseconds. */
static inline int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For waits of microseconds. */
static inline int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
