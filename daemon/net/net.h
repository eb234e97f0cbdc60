/* SPDX-License-Identifier: Apache-2.0 */
/* The network half of the daemon, started and stopped: workers, pool, sweeper. */
#ifndef SR_DAEMON_NET_H
#define SR_DAEMON_NET_H

#include "daemon/net/limits.h"
#include "daemon/net/listener.h"
#include "daemon/ops/dispatch.h"

struct net_options {
	struct dispatch *dispatch;              /* these three stay the caller's, and */
	struct limits *limits;                  /* must outlive the net */
	struct listener *const *listeners;
	size_t listeners_n;
	size_t workers, pool_threads;
	size_t connections_max;
	size_t frame_max;
	uint64_t request_timeout, write_timeout, idle_timeout;  /* ms */
};

struct net;

/* Clients are served from now on.  Errors: NOMEM, LIMIT (locked memory), by errno. */
SR_RESULT net_start(const struct net_options *options, struct net **out);

/* Accepts nothing more, lets running requests finish, refuses those that wait,
 * closes all connections and frees the net.  False: after timeout_ms some request
 * still ran; then nothing is freed and the process can only exit.  NULL is fine. */
bool net_stop(struct net *net, uint64_t timeout_ms);

#endif
