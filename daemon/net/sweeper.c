/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/sweeper.h"

#include "daemon/backend/locked.h"
#include "daemon/net/clock.h"
#include "daemon/net/registry.h"

#define PERIOD_MS 1000

static void *sweeper_main(void *arg)
{
	struct sweeper *sweeper = arg;
	int64_t due = clock_ms() + PERIOD_MS;

	while (!atomic_load(&sweeper->stop)) {
		int64_t now = clock_ms();

		if (now < due) {
			registry_watch(sweeper->env->registry, (int)(due - now));
			continue;
		}
		due = now + PERIOD_MS;
		registry_sweep(sweeper->env->registry, now);
		for (size_t i = 0; i < sweeper->listeners_n; i++)
			listener_resume(sweeper->listeners[i]);
		dispatch_tick(sweeper->env->dispatch);
	}
	return NULL;
}

SR_RESULT sweeper_start(struct sweeper *sweeper)
{
	atomic_store(&sweeper->stop, false);
	return locked_thread(&sweeper->thread, WORKSPACE_STACK, sweeper_main, sweeper);
}

void sweeper_stop(struct sweeper *sweeper)
{
	atomic_store(&sweeper->stop, true);
}
