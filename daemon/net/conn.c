/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/net/clock.h"
#include "daemon/net/pool.h"
#include "daemon/net/registry.h"
#include "protocol/frame.h"

#ifdef __SANITIZE_THREAD__
/* The next owner may close the descriptor before epoll_ctl, which has armed it,
 * has returned.  The kernel keeps count; ThreadSanitizer would call it a race. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:conn_arm\n";
}
#endif

typedef enum conn_state conn_fn(struct conn *conn, struct workspace *workspace);
static conn_fn on_input, on_turn, on_room, never;

/* What each state waits for, and what is done when it comes: a function that
 * returns the next state. */
static const struct {
	uint32_t events;        /* 0: none can come, since it is not armed */
	size_t timeout;         /* where in conn_env; 0: none */
	conn_fn *on_event;
} states[] = {
	[CONN_IDLE]     = { EPOLLIN,  offsetof(struct conn_env, idle_timeout),    on_input },
	[CONN_PARTIAL]  = { EPOLLIN,  offsetof(struct conn_env, request_timeout), on_input },
	/* comes at once, behind others that wait; not while the client reads no answers */
	[CONN_READY]    = { EPOLLOUT, offsetof(struct conn_env, write_timeout),   on_turn },
	[CONN_QUEUED]   = { 0,        0,                                          never },
	[CONN_RUNNING]  = { 0,        0,                                          never },
	[CONN_FLUSHING] = { EPOLLOUT, offsetof(struct conn_env, write_timeout),   on_room },
	[CONN_CLOSED]   = { 0,        0,                                          never },
};

static void log_about(struct conn *conn, const char *what)
{
	if (limits_may_log(conn->env->limits))
		log_info("connection of pid %d uid %u closed: %s", (int)conn->who.pid, (unsigned)conn->who.uid, what);
}

/* ---- answers ---- */

/* Sends what the socket takes now and keeps the rest. */
static enum conn_state send_bytes(struct conn *conn, struct sr_bytes bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(conn->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			bytes.p += n;
			bytes.n -= (size_t)n;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			return CONN_CLOSED;     /* the client is gone */
		}
	}
	if (bytes.n == 0)
		return CONN_IDLE;
	if (backlog_append(&conn->out, conn->env->limits, conn->account, bytes) != SR_OK) {
		log_about(conn, "it reads no answers, and buffer_per_uid or buffer_total is used up");
		return CONN_CLOSED;
	}
	return CONN_FLUSHING;
}

static enum conn_state send_failure(struct conn *conn, uint64_t id, enum sr_err err, const char *why)
{
	uint8_t bytes[512 + LIMITS_WHY_MAX];
	struct codec_out out = { bytes, sizeof bytes, 0 };

	if (frame_encode_failure(id, err, str_of(why), &out) != SR_OK)
		return CONN_CLOSED;
	return send_bytes(conn, (struct sr_bytes){ bytes, out.n });
}

/* ---- requests ---- */

enum span_kind { SPAN_EMPTY, SPAN_PARTIAL, SPAN_WHOLE, SPAN_WRONG };

/* What do these bytes begin with?  body: what stands behind the length, if whole. */
static enum span_kind look_at(const struct conn *conn, struct sr_bytes bytes, struct sr_bytes *body)
{
	size_t length;

	if (bytes.n == 0)
		return SPAN_EMPTY;
	if (bytes.n < FRAME_HEAD)
		return SPAN_PARTIAL;
	length = frame_length(bytes.p);
	if (length == 0 || length > conn->env->frame_max)
		return SPAN_WRONG;
	if (bytes.n - FRAME_HEAD < length)
		return SPAN_PARTIAL;
	*body = (struct sr_bytes){ bytes.p + FRAME_HEAD, length };
	return SPAN_WHOLE;
}

/* The state that goes with what waits. */
static enum conn_state rest(const struct conn *conn)
{
	struct sr_bytes body;

	if (conn->out.end > 0)
		return CONN_FLUSHING;
	if (conn->closing)
		return CONN_CLOSED;
	switch (look_at(conn, backlog_bytes(&conn->in), &body)) {
	case SPAN_EMPTY:
		return CONN_IDLE;
	case SPAN_PARTIAL:
		return CONN_PARTIAL;
	case SPAN_WHOLE:
	case SPAN_WRONG:
		return CONN_READY;
	}
	return CONN_CLOSED;
}

static enum conn_state refuse_length(struct conn *conn)
{
	conn->closing = true;
	if (send_failure(conn, /* id= */ 0, SR_TOO_LARGE, "a request is empty, or longer than frame_max") == CONN_CLOSED)
		return CONN_CLOSED;
	return rest(conn);
}

/* The id of a request, for an answer that dispatch has no part in; 0 if it has none. */
static uint64_t request_id(struct sr_bytes body)
{
	struct frame frame = { 0 };
	const char *detail;
	enum sr_err ignored = frame_parse_request(body, &frame, &detail);

	(void)ignored;          /* the id is there if it could be read */
	frame_finish(&frame);
	return frame.id;
}

/* Runs one request, and sends its answer. */
static enum conn_state run(struct conn *conn, struct workspace *workspace, struct sr_bytes body)
{
	struct sr_bytes answer = { NULL, 0 };
	enum conn_state sent;

	conn->state = CONN_RUNNING;
	atomic_store_explicit(&conn->deadline, 0, memory_order_relaxed);
	if (!dispatch_run(conn->env->dispatch, &conn->session, body, &workspace->arena, &answer))
		conn->closing = true;
	sent = send_bytes(conn, answer);
	arena_reset(&workspace->arena);
	return sent;
}

/* To the pool with the request that the backlog begins with, unless this user
 * has enough there. */
static enum conn_state enqueue(struct conn *conn, struct sr_bytes body)
{
	char why[LIMITS_WHY_MAX];

	if (limits_call_begin(conn->env->limits, conn->account, why))
		return CONN_QUEUED;
	if (send_failure(conn, request_id(body), SR_BUSY, why) == CONN_CLOSED)
		return CONN_CLOSED;
	backlog_consume(&conn->in, conn->env->limits, conn->account, FRAME_HEAD + body.n);
	return rest(conn);
}

/* A whole request, or a wrong one, is first in the backlog. */
static enum conn_state on_turn(struct conn *conn, struct workspace *workspace)
{
	struct sr_bytes body;

	if (look_at(conn, backlog_bytes(&conn->in), &body) != SPAN_WHOLE)
		return refuse_length(conn);
	if (dispatch_wants_pool(body))
		return enqueue(conn, body);
	if (run(conn, workspace, body) == CONN_CLOSED)
		return CONN_CLOSED;
	backlog_consume(&conn->in, conn->env->limits, conn->account, FRAME_HEAD + body.n);
	return rest(conn);
}

/* Keeps what was read; then goes on with the backlog. */
static enum conn_state keep(struct conn *conn, struct sr_bytes bytes)
{
	if (backlog_append(&conn->in, conn->env->limits, conn->account, bytes) != SR_OK) {
		conn->closing = true;
		log_about(conn, "its unfinished requests use up buffer_per_uid or buffer_total");
		if (send_failure(conn, /* id= */ 0, SR_LIMIT,
				"too many unfinished requests (buffer_per_uid, buffer_total)") == CONN_CLOSED)
			return CONN_CLOSED;
		backlog_clear(&conn->in, conn->env->limits, conn->account);
	}
	return rest(conn);
}

/* Bytes have come, and lie in the workspace.  The usual case, one whole request
 * and nothing before or behind it, is run where it lies. */
static enum conn_state take_input(struct conn *conn, struct workspace *workspace, struct sr_bytes bytes)
{
	struct sr_bytes body;
	enum conn_state next;

	if (conn->in.end == 0) {
		switch (look_at(conn, bytes, &body)) {
		case SPAN_WRONG:
			return refuse_length(conn);
		case SPAN_WHOLE:
			if (dispatch_wants_pool(body))
				break;
			if (run(conn, workspace, body) == CONN_CLOSED)
				return CONN_CLOSED;
			bytes.p += FRAME_HEAD + body.n;
			bytes.n -= FRAME_HEAD + body.n;
			return keep(conn, bytes);
		case SPAN_EMPTY:
		case SPAN_PARTIAL:
			break;
		}
	}
	next = keep(conn, bytes);
	return next == CONN_READY ? on_turn(conn, workspace) : next;
}

/* ---- input ---- */

static bool same_sender(const struct ucred *a, const struct ucred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* Each message must come from the process that connected, with the ids that it
 * had at its first one: a descriptor that was inherited, or kept over setuid,
 * still has the old identity, and is of no use to its new holder. */
static bool check_sender(struct conn *conn, struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct ucred sender;

	if ((msg->msg_flags & MSG_CTRUNC) != 0) {
		log_about(conn, "it sent descriptors");
		return false;
	}
	if (cmsg == NULL || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_CREDENTIALS) {
		log_about(conn, "a message without credentials");
		return false;
	}
	memcpy(&sender, CMSG_DATA(cmsg), sizeof sender);
	if (!conn->has_sender && sender.pid == conn->who.pid) {
		conn->sender = sender;
		conn->has_sender = true;
	}
	if (conn->has_sender && same_sender(&sender, &conn->sender))
		return true;
	log_about(conn, "another process, or one with other ids, sent on it");
	return false;
}

/* > 0: bytes that lie in the workspace; 0: none now; -1: to be closed. */
static ssize_t receive(struct conn *conn, struct workspace *workspace)
{
	/* No room but for the credentials: then the kernel hands us no descriptors
	 * that a client sends along, and says so with MSG_CTRUNC. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = { workspace->input, WORKSPACE_INPUT };
	struct msghdr msg = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control,
	};
	ssize_t n;

	do
		n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n > 0 && check_sender(conn, &msg))
		return n;
	explicit_bzero(workspace->input, n > 0 ? (size_t)n : 0);
	return -1;
}

static enum conn_state on_input(struct conn *conn, struct workspace *workspace)
{
	ssize_t n = receive(conn, workspace);
	enum conn_state next;

	if (n <= 0)
		return n == 0 ? conn->state : CONN_CLOSED;
	next = take_input(conn, workspace, (struct sr_bytes){ workspace->input, (size_t)n });
	explicit_bzero(workspace->input, (size_t)n);
	return next;
}

static enum conn_state on_room(struct conn *conn, struct workspace *workspace)
{
	struct sr_bytes bytes = backlog_bytes(&conn->out);
	ssize_t n = send(conn->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)workspace;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? CONN_FLUSHING : CONN_CLOSED;
	backlog_consume(&conn->out, conn->env->limits, conn->account, (size_t)n);
	return rest(conn);
}

static enum conn_state never(struct conn *conn, struct workspace *workspace)
{
	(void)workspace;
	(void)conn;
	SR_ASSERT(!"an event in a state that waits for none");
	return CONN_CLOSED;
}

/* ---- from state to state ---- */

static void set_deadline(struct conn *conn, enum conn_state next)
{
	size_t where = states[next].timeout;
	uint64_t timeout;

	/* half a request stays half a request however many bytes come */
	if (next == conn->state && next != CONN_IDLE)
		return;
	timeout = where != 0 ? *(const uint64_t *)((const char *)conn->env + where) : 0;
	atomic_store_explicit(&conn->deadline, timeout > 0 ? clock_ms() + (int64_t)timeout : 0, memory_order_relaxed);
}

/* Enters a state.  True: the connection is idle and stays the caller's. */
static bool enter(struct conn *conn, enum conn_state next)
{
	if (next == CONN_CLOSED) {
		conn_close(conn);
		return false;
	}
	set_deadline(conn, next);
	conn->state = next;
	if (next == CONN_IDLE)
		return true;
	if (next == CONN_QUEUED)
		pool_push(conn->env->pool, conn);
	else
		conn_arm(conn);
	return false;
}

void conn_arm(struct conn *conn)
{
	struct epoll_event event = { .events = states[conn->state].events | EPOLLONESHOT, .data.ptr = conn };
	int r;

	atomic_store_explicit(&conn->armed, true, memory_order_release);
	r = epoll_ctl(conn->lane, EPOLL_CTL_MOD, conn->fd, &event);
	SR_ASSERT(r == 0);      /* it is in the set, and takes no memory */
}

bool conn_wake(struct conn *conn, struct workspace *workspace)
{
	(void)atomic_load_explicit(&conn->armed, memory_order_acquire);
	return enter(conn, states[conn->state].on_event(conn, workspace));
}

enum conn_polled conn_poll(struct conn *conn, struct workspace *workspace)
{
	ssize_t n = receive(conn, workspace);
	enum conn_state next;

	if (n == 0)
		return CONN_SILENT;
	if (n < 0) {
		conn_close(conn);
		return CONN_GONE;
	}
	next = take_input(conn, workspace, (struct sr_bytes){ workspace->input, (size_t)n });
	explicit_bzero(workspace->input, (size_t)n);
	return enter(conn, next) ? CONN_SERVED : CONN_GONE;
}

static void finish_queued(struct conn *conn, enum conn_state sent, size_t frame_len)
{
	limits_call_end(conn->env->limits, conn->account);
	if (sent != CONN_CLOSED) {
		backlog_consume(&conn->in, conn->env->limits, conn->account, frame_len);
		sent = rest(conn);
	}
	if (enter(conn, sent))
		conn_arm(conn);
}

void conn_run_queued(struct conn *conn, struct workspace *workspace)
{
	struct sr_bytes body;
	enum span_kind kind = look_at(conn, backlog_bytes(&conn->in), &body);

	SR_ASSERT(kind == SPAN_WHOLE);
	finish_queued(conn, run(conn, workspace, body), FRAME_HEAD + body.n);
}

void conn_refuse_queued(struct conn *conn)
{
	struct sr_bytes body;
	enum span_kind kind = look_at(conn, backlog_bytes(&conn->in), &body);

	SR_ASSERT(kind == SPAN_WHOLE);
	finish_queued(conn, send_failure(conn, request_id(body), SR_STOPPING, "the daemon is stopping"),
		FRAME_HEAD + body.n);
}

/* ---- open and close ---- */

void conn_refuse(struct conn_env *env, int fd, enum sr_err err, const char *why)
{
	uint8_t bytes[512 + LIMITS_WHY_MAX];
	struct codec_out out = { bytes, sizeof bytes, 0 };

	if (frame_encode_failure(/* id= */ 0, err, str_of(why), &out) == SR_OK
			&& send(fd, bytes, out.n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0
			&& limits_may_log(env->limits))
		log_warning("connection refused: %s", why);
	(void)close(fd);
}

/* Who it is, and a place in the registry and in the epoll set. */
static SR_RESULT admit(struct conn *conn, char why[static LIMITS_WHY_MAX])
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = conn };
	enum sr_err err = identity_of_peer(conn->fd, &conn->who);

	(void)snprintf(why, LIMITS_WHY_MAX, "%s",
		err == SR_LIMIT ? CONN_NO_DESCRIPTORS : "the kernel does not say who connects");
	SR_TRY(err == SR_LIMIT ? SR_BUSY : err);
	(void)snprintf(why, LIMITS_WHY_MAX, "too many connections for a user without any right (half of connections_max)");
	if (limits_crowded(conn->env->limits) && !dispatch_knows(conn->env->dispatch, &conn->who))
		return SR_LIMIT;
	(void)snprintf(why, LIMITS_WHY_MAX, "no room for another connection");
	SR_TRY(registry_add(conn->env->registry, conn));
	set_deadline(conn, CONN_IDLE);
	atomic_store_explicit(&conn->armed, true, memory_order_release);
	if (epoll_ctl(conn->lane, EPOLL_CTL_ADD, conn->fd, &event) == 0)
		return SR_OK;
	registry_remove(conn->env->registry, conn);
	return SR_LIMIT;
}

void conn_open(struct conn_env *env, int fd)
{
	struct conn *conn;
	struct account *account = NULL;
	char why[LIMITS_WHY_MAX] = "";
	struct ucred peer;
	socklen_t size = sizeof peer;
	enum sr_err err;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
		(void)close(fd);
		return;
	}
	err = limits_connect(env->limits, peer.uid, &account, why);
	if (err != SR_OK) {
		conn_refuse(env, fd, err, why);
		return;
	}
	conn = calloc(1, sizeof *conn);
	if (conn == NULL) {
		limits_disconnect(env->limits, account);
		conn_refuse(env, fd, SR_NOMEM, "out of memory");
		return;
	}
	*conn = (struct conn){
		.state = CONN_IDLE, .fd = fd, .lane = env->lanes[limits_lane(account)].epoll, .env = env, .account = account,
		.who.pidfd = -1, .session.who = &conn->who,
	};
	err = admit(conn, why);         /* if that is all well, it may be gone already */
	if (err == SR_OK)
		return;
	identity_finish(&conn->who);
	free(conn);
	limits_disconnect(env->limits, account);
	if (err == SR_NOT_FOUND)
		(void)close(fd);        /* nobody is left to read an answer */
	else
		conn_refuse(env, fd, err, why);
}

void conn_close(struct conn *conn)
{
	struct conn_env *env = conn->env;

	registry_remove(env->registry, conn);
	/* close alone would leave it in the set while a child being started has a copy */
	(void)epoll_ctl(conn->lane, EPOLL_CTL_DEL, conn->fd, NULL);
	(void)close(conn->fd);
	backlog_clear(&conn->in, env->limits, conn->account);
	backlog_clear(&conn->out, env->limits, conn->account);
	identity_finish(&conn->who);
	limits_disconnect(env->limits, conn->account);
	free(conn);
}
