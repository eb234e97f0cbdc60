/* SPDX-License-Identifier: Apache-2.0 */
/* One thread for what is due about once a second: deadlines, listeners that had
 * to pause, what dispatch has to write down; and, at once, for processes that
 * exit while somebody else still holds their connection. */
#ifndef SR_DAEMON_SWEEPER_H
#define SR_DAEMON_SWEEPER_H

#include <pthread.h>

#include "daemon/net/conn.h"
#include "daemon/net/listener.h"

struct sweeper {
	struct conn_env *env;
	struct listener *const *listeners;
	size_t listeners_n;
	pthread_t thread;
	_Atomic bool stop;
};

/* Errors: NOMEM, LIMIT (locked memory). */
SR_RESULT sweeper_start(struct sweeper *sweeper);
/* It ends within a second. */
void sweeper_stop(struct sweeper *sweeper);

#endif
