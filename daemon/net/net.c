/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/net.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "daemon/net/clock.h"
#include "daemon/net/pool.h"
#include "daemon/net/registry.h"
#include "daemon/net/sweeper.h"
#include "daemon/net/thread.h"
#include "daemon/net/worker.h"

struct net {
	struct conn_env env;
	struct worker_env worker_env;
	struct sweeper sweeper;
	bool sweeping;
	enum source stop_source;        /* SOURCE_STOP; what the event of stop_fd points to */
	int stop_fd;
	size_t workers_size, workers_started;
	struct worker workers[];
};

static int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Readable from net_stop on, for all workers: it is not one-shot. */
static SR_RESULT open_stop(struct net *net)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &net->stop_source };

	net->stop_source = SOURCE_STOP;
	net->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (net->stop_fd < 0 || epoll_ctl(net->env.epoll, EPOLL_CTL_ADD, net->stop_fd, &event) != 0)
		return sr_err_from_errno(errno);
	return SR_OK;
}

static SR_RESULT open_lanes(struct conn_env *env)
{
	for (size_t i = 0; i < LIMITS_LANES; i++) {
		struct lane *lane = &env->lanes[i];
		struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = lane };

		lane->source = SOURCE_LANE;
		lane->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (lane->epoll < 0 || epoll_ctl(env->epoll, EPOLL_CTL_ADD, lane->epoll, &event) != 0)
			return sr_err_from_errno(errno);
	}
	return SR_OK;
}

static void close_lanes(struct conn_env *env)
{
	for (size_t i = 0; i < LIMITS_LANES; i++)
		if (env->lanes[i].epoll >= 0)
			(void)close(env->lanes[i].epoll);
}

static SR_RESULT start(struct net *net, const struct net_options *options)
{
	net->env.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (net->env.epoll < 0)
		return sr_err_from_errno(errno);
	SR_TRY(open_lanes(&net->env));
	SR_TRY(open_stop(net));
	SR_TRY(registry_new(options->connections_max, &net->env.registry));
	SR_TRY(pool_new(options->pool_threads, &net->env.pool));
	for (; net->workers_started < net->workers_size; net->workers_started++)
		SR_TRY(worker_start(&net->workers[net->workers_started], &net->worker_env));
	SR_TRY(sweeper_start(&net->sweeper));
	net->sweeping = true;
	for (size_t i = 0; i < options->listeners_n; i++)
		SR_TRY(listener_arm(options->listeners[i], &net->env));
	return SR_OK;
}

SR_RESULT net_start(const struct net_options *options, struct net **out)
{
	struct net *net = calloc(1, sizeof *net + options->workers * sizeof net->workers[0]);
	enum sr_err err;

	if (net == NULL)
		return SR_NOMEM;
	net->env = (struct conn_env){
		.dispatch = options->dispatch, .limits = options->limits, .epoll = -1, .frame_max = options->frame_max,
		.request_timeout = options->request_timeout, .write_timeout = options->write_timeout,
		.idle_timeout = options->idle_timeout,
	};
	for (size_t i = 0; i < LIMITS_LANES; i++)
		net->env.lanes[i].epoll = -1;
	net->worker_env.conns = &net->env;
	net->worker_env.processors = processors();
	net->sweeper.env = &net->env;
	net->sweeper.listeners = options->listeners;
	net->sweeper.listeners_n = options->listeners_n;
	net->stop_fd = -1;
	net->workers_size = options->workers;
	err = start(net, options);
	if (err != SR_OK)
		(void)net_stop(net, UINT32_MAX);
	else
		*out = net;
	return err;
}

static bool join_all(struct net *net, int64_t deadline_ns)
{
	for (; net->workers_started > 0; net->workers_started--)
		if (!thread_join(net->workers[net->workers_started - 1].thread, deadline_ns))
			return false;
	/* workers are gone: nothing more is pushed */
	if (net->env.pool != NULL) {
		pool_stop(net->env.pool);
		if (!pool_join(net->env.pool, deadline_ns))
			return false;
	}
	return !net->sweeping || thread_join(net->sweeper.thread, deadline_ns);
}

bool net_stop(struct net *net, uint64_t timeout_ms)
{
	if (net == NULL)
		return true;
	if (net->stop_fd >= 0)
		(void)eventfd_write(net->stop_fd, 1);
	sweeper_stop(&net->sweeper);
	if (!join_all(net, clock_ns() + (int64_t)timeout_ms * 1000000))
		return false;
	if (net->env.registry != NULL)
		registry_close_all(net->env.registry);
	for (size_t i = 0; i < net->workers_size; i++)
		worker_finish(&net->workers[i]);
	pool_free(net->env.pool);
	registry_free(net->env.registry);
	close_lanes(&net->env);
	if (net->stop_fd >= 0)
		(void)close(net->stop_fd);
	if (net->env.epoll >= 0)
		(void)close(net->env.epoll);
	free(net);
	return true;
}
