/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings come to on this machine: threads, locked memory, and how it
 * is shared out.  "0" in a setting is worked out here. */
#ifndef SR_DAEMON_PLAN_H
#define SR_DAEMON_PLAN_H

#include "daemon/settings.h"
#include "daemon/store/problem.h"

struct plan {
	size_t workers, pool_threads;
	size_t region;          /* bytes to give to locked_init; stacks come on top */
	size_t key_cache;
	size_t buffer_total;
	size_t connections;
};

/* Errors, told in problem: LIMIT (the memory cannot be locked, or is too little). */
SR_RESULT plan_make(const struct settings *settings, struct plan *out, char problem[static PROBLEM_MAX]);

#endif
