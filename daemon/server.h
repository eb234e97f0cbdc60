/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's parts, started in one order and stopped in the reverse one. */
#ifndef SR_DAEMON_SERVER_H
#define SR_DAEMON_SERVER_H

#include "daemon/plan.h"

struct server;

/* Data directory, sockets, key backend, dispatch (audit log, grants, keys), and
 * then clients are served.  inherited: how many sockets systemd passed; if any,
 * they stand for the setting listen.  After locked_init, in a thread with a
 * locked stack, since the seal's key passes through it.  What keeps it from
 * starting is told in problem, with what to do. */
SR_RESULT server_start(const struct settings *settings, const struct plan *plan, int inherited,
	struct server **out, char problem[static PROBLEM_MAX]);

/* Lets running requests finish, for stop_timeout; the audit log gets its last
 * checkpoint.  False: some request still ran, and nothing could be closed.
 * NULL is fine. */
bool server_stop(struct server *server);

#endif
