/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include <errno.h>
#include <grp.h>
#include <string.h>

#include "base/log.h"
#include "daemon/net/net.h"
#include "daemon/ops/dispatch.h"
#include "daemon/store/datadir.h"
#include "daemon/store/seal.h"

#define LISTENERS_MAX 64
#define FIRST_INHERITED 3       /* sd_listen_fds(3) */

struct server {
	uint64_t stop_timeout;          /* ms */
	struct listener *listeners[LISTENERS_MAX];
	size_t listeners_n;
	struct datadir *datadir;
	struct backend *backend;
	struct limits *limits;
	struct dispatch *dispatch;
	struct net *net;
};

/* ---- sockets ---- */

/* A name or a number; empty: no change. */
static SR_RESULT find_group(const char *name, gid_t *out, char problem[static PROBLEM_MAX])
{
	const struct group *group;
	unsigned long number;
	char *end;

	*out = (gid_t)-1;
	if (name[0] == '\0')
		return SR_OK;
	errno = 0;
	number = strtoul(name, &end, 10);
	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0 && number < UINT32_MAX) {
		*out = (gid_t)number;
		return SR_OK;
	}
	group = getgrnam(name);
	if (group == NULL)
		return problem_set(problem, SR_BAD_PARAMETER, "socket_group = %s: there is no such group", name);
	*out = group->gr_gid;
	return SR_OK;
}

static SR_RESULT add_listener(struct server *server, enum sr_err err, struct listener *listener, const char *why,
	char problem[static PROBLEM_MAX])
{
	if (err != SR_OK)
		return problem_set(problem, err, "%s", why);
	server->listeners[server->listeners_n++] = listener;
	return SR_OK;
}

static SR_RESULT open_listeners(struct server *server, const struct settings *settings, int inherited,
	char problem[static PROBLEM_MAX])
{
	char why[LISTENER_WHY_MAX] = "";
	struct listener *listener = NULL;
	gid_t gid;

	for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + inherited; fd++) {
		enum sr_err err = listener_adopt(fd, &listener, why);

		SR_TRY(add_listener(server, err, listener, why, problem));
	}
	if (inherited > 0)
		return SR_OK;
	SR_TRY(find_group(settings->socket_group, &gid, problem));
	for (size_t i = 0; i < settings->listen.n; i++) {
		enum sr_err err = listener_open(settings->listen.v[i], (mode_t)settings->socket_mode, gid, &listener, why);

		SR_TRY(add_listener(server, err, listener, why, problem));
	}
	return SR_OK;
}

/* ---- what requests work on ---- */

static SR_RESULT open_data(struct server *server, const struct settings *settings, char problem[static PROBLEM_MAX])
{
	const struct datadir_options options = {
		.path = settings->data, .seal = settings->seal, .store_map_size = (size_t)settings->store_map_size,
	};

	SR_TRY(datadir_open(&options, &server->datadir, problem));
	if (server->datadir->first_start)
		log_info("%s: a new data directory was made", settings->data);
	for (size_t i = 0; i < server->datadir->warnings_n; i++)
		log_warning("%s", server->datadir->warnings[i]);
	return SR_OK;
}

/* Where the seal is, also when the setting leaves it at its default. */
static char *seal_text(const struct settings *settings)
{
	char *text = NULL;

	if (settings->seal[0] != '\0')
		text = strdup(settings->seal);
	else if (asprintf(&text, "file:%s/" SEAL_FILE_NAME, settings->data) < 0)
		text = NULL;
	return text;
}

static uint64_t count_connections(void *arg)
{
	return limits_connections(arg);
}

static SR_RESULT open_dispatch(struct server *server, const struct settings *settings, const struct plan *plan,
	char problem[static PROBLEM_MAX])
{
	const char *warnings[DATADIR_WARNINGS_MAX + 1] = { NULL };
	SR_AUTO_FREE char *seal = seal_text(settings);
	const char *command = settings->audit_checkpoint_command;
	struct dispatch_options options = {
		.sealed = server->datadir->sealed,
		.backend = server->backend,
		.audit = {
			.dirfd = server->datadir->auditfd,
			.sync_always = settings->audit_sync == AUDIT_SYNC_ALWAYS,
			.segment_bytes = settings->audit_segment,
			.reserve_bytes = settings->audit_reserve,
			.keep_bytes = settings->audit_keep,
			.interval_ms = (uint32_t)settings->audit_checkpoint_interval,
			.command = command[0] != '\0' ? command : NULL,
		},
		.key_cache = plan->key_cache,
		.refusals = (uint32_t)settings->audit_refusals,
		.frame_max = (uint32_t)settings->frame_max,
		.data = settings->data,
		.seal = seal,
		.warnings = warnings,
		.connections = count_connections,
		.arg = server->limits,
	};

	if (seal == NULL)
		return problem_set(problem, SR_NOMEM, "out of memory");
	for (size_t i = 0; i < server->datadir->warnings_n; i++)
		warnings[i] = server->datadir->warnings[i];
	return dispatch_open(&options, &server->dispatch, problem);
}

static SR_RESULT open_limits(struct server *server, const struct settings *settings, const struct plan *plan,
	char problem[static PROBLEM_MAX])
{
	const struct limits_options options = {
		.connections_max = plan->connections,
		.connections_per_uid = settings->connections_per_uid,
		.calls_per_uid = settings->calls_per_uid,
		.buffer_total = plan->buffer_total,
		.buffer_per_uid = settings->buffer_per_uid,
	};

	if (limits_new(&options, &server->limits) != SR_OK)
		return problem_set(problem, SR_NOMEM, "out of memory");
	return SR_OK;
}

static SR_RESULT open_net(struct server *server, const struct settings *settings, const struct plan *plan,
	char problem[static PROBLEM_MAX])
{
	const struct net_options options = {
		.dispatch = server->dispatch,
		.limits = server->limits,
		.listeners = server->listeners,
		.listeners_n = server->listeners_n,
		.workers = plan->workers,
		.pool_threads = plan->pool_threads,
		.connections_max = plan->connections,
		.frame_max = (size_t)settings->frame_max,
		.request_timeout = settings->request_timeout,
		.write_timeout = settings->write_timeout,
		.idle_timeout = settings->idle_timeout,
	};
	enum sr_err err = net_start(&options, &server->net);

	if (err == SR_OK)
		return SR_OK;
	return problem_set(problem, err, "threads cannot be started: %s; "
		"raise RLIMIT_MEMLOCK (LimitMEMLOCK=) and locked_memory, or lower workers and pool_threads", problem_text(err));
}

static SR_RESULT start(struct server *server, const struct settings *settings, const struct plan *plan, int inherited,
	char problem[static PROBLEM_MAX])
{
	enum sr_err err;

	server->stop_timeout = settings->stop_timeout;
	/* The data's lock first, so that two daemons on one directory never fight over
	 * a socket; who connects after that waits until the rest is done. */
	SR_TRY(open_data(server, settings, problem));
	SR_TRY(open_listeners(server, settings, inherited, problem));
	err = backend_software_open(&server->backend);
	if (err != SR_OK)
		return problem_set(problem, err, "libcrypto cannot be set up: %s; is locked_memory too little?", problem_text(err));
	SR_TRY(open_limits(server, settings, plan, problem));
	SR_TRY(open_dispatch(server, settings, plan, problem));
	return open_net(server, settings, plan, problem);
}

SR_RESULT server_start(const struct settings *settings, const struct plan *plan, int inherited,
	struct server **out, char problem[static PROBLEM_MAX])
{
	struct server *server = calloc(1, sizeof *server);
	enum sr_err err;

	if (server == NULL)
		return problem_set(problem, SR_NOMEM, "out of memory");
	err = start(server, settings, plan, inherited, problem);
	if (err != SR_OK)
		(void)server_stop(server);
	else
		*out = server;
	return err;
}

bool server_stop(struct server *server)
{
	if (server == NULL)
		return true;
	for (size_t i = 0; i < server->listeners_n; i++)
		listener_stop(server->listeners[i]);
	if (!net_stop(server->net, server->stop_timeout))
		return false;
	dispatch_close(server->dispatch);
	limits_free(server->limits);
	backend_close(server->backend);
	datadir_close(server->datadir);
	for (size_t i = 0; i < server->listeners_n; i++)
		listener_close(server->listeners[i]);
	free(server);
	return true;
}
