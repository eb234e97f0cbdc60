/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"
#include "daemon/net/limits.h"
#include "daemon/net/workspace.h"

#define MIB              ((size_t)1 << 20)
#define LOCKED_DEFAULT   (32 * MIB)
#define LOCKED_SPARE     (64 * 1024)    /* for what is rounded up to pages */
#define LOCKED_WORKING   (2 * MIB)      /* the least that libcrypto, keys and buffers need */
#define OTHER_THREADS    4              /* the keeper, the sweeper, the audit log's, one to spare */
#define WORKERS_AUTO_MIN 2
#define WORKERS_AUTO_MAX 32
#define OTHER_FILES      (LIMITS_LANES + 64)    /* descriptors besides those of connections */
#define FILES_PER_CONNECTION 2          /* the socket and the process */

static size_t stacks_of(size_t workers, size_t pool_threads)
{
	return (workers + pool_threads + OTHER_THREADS) * WORKSPACE_STACK;
}

static size_t workspaces_of(size_t workers, size_t pool_threads)
{
	return workers * (WORKSPACE_ARENA + WORKSPACE_INPUT) + pool_threads * WORKSPACE_ARENA;
}

static size_t threads_of(size_t workers, size_t pool_threads)
{
	return stacks_of(workers, pool_threads) + workspaces_of(workers, pool_threads);
}

static size_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static bool can_lock(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ok = p != MAP_FAILED && mlock2(p, n, 0) == 0;

	if (p != MAP_FAILED)
		(void)munmap(p, n);
	return ok;
}

static size_t limit_of(int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return 0;
	return limit.rlim_cur > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)limit.rlim_cur;
}

/* All that may be locked: a process with CAP_IPC_LOCK is not bound by the limit,
 * so what counts is whether it works. */
static size_t lockable(const struct settings *settings)
{
	size_t limit = limit_of(RLIMIT_MEMLOCK);

	if (settings->locked_memory != 0)
		return (size_t)settings->locked_memory;
	return limit >= LOCKED_DEFAULT || can_lock(LOCKED_DEFAULT) ? LOCKED_DEFAULT : limit;
}

/* As many as processors, but so that threads take no more than five eighths. */
static size_t workers_for(size_t total, size_t pool_threads)
{
	size_t workers = processors();

	if (workers > WORKERS_AUTO_MAX)
		workers = WORKERS_AUTO_MAX;
	while (workers > WORKERS_AUTO_MIN && threads_of(workers, pool_threads) > total / 8 * 5)
		workers--;
	return workers < WORKERS_AUTO_MIN ? WORKERS_AUTO_MIN : workers;
}

/* What does not fit is refused with a limit, not when the process runs out of
 * descriptors: then nothing else could be opened either. */
static size_t connections_for(const struct settings *settings)
{
	size_t files = limit_of(RLIMIT_NOFILE);
	size_t fit = files > OTHER_FILES + FILES_PER_CONNECTION ? (files - OTHER_FILES) / FILES_PER_CONNECTION : 1;

	if (settings->connections_max <= fit)
		return (size_t)settings->connections_max;
	log_warning("connections_max is lowered from %llu to %zu, since RLIMIT_NOFILE (LimitNOFILE=) is %zu",
		(unsigned long long)settings->connections_max, fit, files);
	return fit;
}

SR_RESULT plan_make(const struct settings *settings, struct plan *out, char problem[static PROBLEM_MAX])
{
	size_t total = lockable(settings), need, share;
	struct plan plan = { .pool_threads = (size_t)settings->pool_threads };

	plan.workers = settings->workers != 0 ? (size_t)settings->workers : workers_for(total, plan.pool_threads);
	need = threads_of(plan.workers, plan.pool_threads) + LOCKED_WORKING + LOCKED_SPARE;
	if (total < need)
		return problem_set(problem, SR_LIMIT,
			"%zu KiB of locked memory are too few for %zu workers and %zu pool threads, which need %zu KiB: "
			"raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the unit, ulimit -l) or locked_memory, or lower workers or pool_threads",
			total / 1024, plan.workers, plan.pool_threads, (need + 1023) / 1024);
	if (!can_lock(total - LOCKED_SPARE))
		return problem_set(problem, SR_LIMIT,
			"%zu KiB of memory cannot be locked, and secrets are kept nowhere else: "
			"raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the unit, ulimit -l), which is %zu KiB, or lower locked_memory",
			total / 1024, limit_of(RLIMIT_MEMLOCK) / 1024);
	plan.region = total - LOCKED_SPARE - stacks_of(plan.workers, plan.pool_threads);
	share = plan.region - workspaces_of(plan.workers, plan.pool_threads);
	plan.key_cache = settings->key_cache != 0 ? (size_t)settings->key_cache : share / 3;
	plan.buffer_total = settings->buffer_total != 0 ? (size_t)settings->buffer_total : share / 4;
	if (plan.key_cache + plan.buffer_total > share)
		return problem_set(problem, SR_LIMIT,
			"key_cache and buffer_total come to more than the %zu KiB of locked memory that threads leave: "
			"lower them, or raise locked_memory", share / 1024);
	plan.connections = connections_for(settings);
	*out = plan;
	return SR_OK;
}
