/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: a state, the bytes that wait, a deadline, and who it is.
 *
 * A connection belongs to one thread at a time: the worker that took its event,
 * the pool while it is queued, or nobody while it is armed in its lane's epoll
 * set (which is one-shot).  Only the sweeper looks at it from aside, through the
 * registry, and all it ever does is shutdown(2), which its owner then notices. */
#ifndef SR_DAEMON_CONN_H
#define SR_DAEMON_CONN_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "daemon/net/backlog.h"
#include "daemon/net/workspace.h"
#include "daemon/ops/dispatch.h"

/* What an event of the epoll set is about: the first member of what its pointer
 * points to. */
enum source { SOURCE_LANE, SOURCE_LISTENER, SOURCE_STOP };

/* An epoll set of its own within the common one: the connections of some users
 * (limits.h).  Those that are ready wait their turn here, behind each other and
 * not behind or before other lanes'. */
struct lane {
	enum source source;             /* SOURCE_LANE */
	int epoll;
};

enum conn_state {
	CONN_IDLE,              /* nothing has come since the last answer */
	CONN_PARTIAL,           /* a request has begun */
	CONN_READY,             /* a whole one waits for its turn */
	CONN_QUEUED,            /* it is the pool's */
	CONN_RUNNING,
	CONN_FLUSHING,          /* an answer waits for the client to read */
	CONN_CLOSED
};

struct pool;
struct registry;

/* What all connections share. */
struct conn_env {
	struct dispatch *dispatch;
	struct limits *limits;
	struct registry *registry;
	struct pool *pool;
	int epoll;                      /* lanes, listeners, and the end */
	struct lane lanes[LIMITS_LANES];
	size_t frame_max;
	uint64_t request_timeout, write_timeout, idle_timeout;  /* ms; idle: 0 is never */
};

struct conn {
	enum conn_state state;
	int fd;
	int lane;                       /* its lane's epoll set */
	uint32_t slot, serial;          /* registry's */
	struct conn_env *env;
	struct account *account;
	struct identity who;
	struct session session;
	struct ucred sender;            /* of the first message, then of all */
	bool has_sender;
	bool closing;                   /* when the answer is out */
	_Atomic int64_t deadline;       /* ms, monotonic; 0: none */
	_Atomic bool armed;             /* orders what its owners do, one after the other: the epoll set does
	                                 * that as well, but C does not know */
	struct backlog in, out;
	struct conn *next;              /* pool.queue */
};

/* Takes over an accepted socket: finds out who it is, and waits for its first
 * request; or refuses it, saying why.  fd is the connection's from now on. */
void conn_open(struct conn_env *env, int fd);
#define CONN_NO_DESCRIPTORS "the daemon has no file descriptors left (LimitNOFILE=)"
/* Refuses an accepted socket with this failure, and closes it. */
void conn_refuse(struct conn_env *env, int fd, enum sr_err err, const char *why);

/* Does what is due after an event: at most one request.  True: the connection
 * is idle and the caller's, who may conn_poll it and has to conn_arm it in the
 * end; false: it is no longer the caller's, or is no more. */
bool conn_wake(struct conn *conn, struct workspace *workspace);
enum conn_polled { CONN_SILENT, CONN_SERVED, CONN_GONE };
/* Has the next request come already?  Then runs it.  After CONN_GONE it is no
 * longer the caller's. */
enum conn_polled conn_poll(struct conn *conn, struct workspace *workspace);
/* Has it wait in the epoll set; no longer the caller's. */
void conn_arm(struct conn *conn);

/* For the pool: runs the request that was queued, or says that the daemon stops. */
void conn_run_queued(struct conn *conn, struct workspace *workspace);
void conn_refuse_queued(struct conn *conn);

/* Closes and frees; the caller owns it. */
void conn_close(struct conn *conn);

#endif
