/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <strongroom/strongroom.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#define HELLO_ID       1
#define SPIN_SKIP_MAX  1023             /* exchanges without spinning, after it went wrong often */
#define SPIN_PREEMPTED 2                /* times its length: the processor went to others meanwhile */
#define PAUSE_MS_MAX   32

/* ---- time ---- */

uint64_t link_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Waits for events; false when the deadline has passed. */
static bool wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = link_now();
		uint64_t left = now < deadline_ns ? deadline_ns - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S) };
		int n = ppoll(&p, 1, &t, NULL);

		if (n > 0)
			return true;
		if (n == 0)
			return false;
		/* a signal: wait on; anything else: look again, but not for ever */
		if (errno != EINTR)
			return left > 0;
	}
}

/* Sleeps for about ms, each process and each time a little differently, so that
 * many clients of a restarted daemon do not come back all at once. */
static void pause_about(unsigned ms)
{
	uint64_t spread = ms * NS_PER_MS / 2;
	uint64_t ns = ms * NS_PER_MS - spread / 2 + (link_now() * 2654435761u + (uint64_t)getpid() * 40503u) % spread;
	struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ns };

	(void)nanosleep(&t, NULL);
}

/* ---- the words of failures ---- */

static enum sr_err fail_errno(const struct link *link, enum sr_err err, const char *what, int saved,
	struct error_detail *detail)
{
	char text[128];

	return error_detail_set(detail, err, "strongroomd is not reachable at %s: %s%s", link->target->socket, what,
		strerror_r(saved, text, sizeof text));
}

static enum sr_err fail_timeout(const struct link *link, const char *what, struct error_detail *detail)
{
	return error_detail_set(detail, SR_TIMEOUT, "strongroomd at %s %s within %u ms", link->target->socket, what,
		link->target->timeout_ms);
}

static enum sr_err fail_closed(const struct link *link, const char *when, struct error_detail *detail)
{
	return error_detail_set(detail, SR_UNREACHABLE, "strongroomd at %s closed the connection %s",
		link->target->socket, when);
}

static enum sr_err fail_answer(const struct link *link, const char *what, struct error_detail *detail)
{
	return error_detail_set(detail, SR_BAD_MESSAGE, "strongroomd at %s %s", link->target->socket, what);
}

/* ---- life ---- */

void link_init(struct link *link, const struct link_target *target)
{
	*link = (struct link){ .target = target };
	atomic_init(&link->fd, -1);
}

/* A host program may have closed our descriptor and opened another under its
 * number; and a fork copies the descriptors first and the memory later, so a
 * child may see the number of a socket that it does not have. */
static bool is_our_socket(const struct link *link, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == link->dev && st.st_ino == link->ino;
}

void link_close(struct link *link)
{
	int fd = atomic_exchange(&link->fd, -1);

	if (fd >= 0 && is_our_socket(link, fd))
		(void)close(fd);
	link->greeted = false;
}

bool link_usable(const struct link *link)
{
	int fd = atomic_load(&link->fd);

	return fd >= 0 && link->greeted && link->pid == getpid() && link->euid == geteuid() && link->egid == getegid()
		&& is_our_socket(link, fd);
}

/* ---- connect ---- */

static socklen_t make_address(const char *path, struct sockaddr_un *out)
{
	size_t n = strnlen(path, LINK_SOCKET_MAX);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, path, n);
	if (path[0] != '@')
		return (socklen_t)sizeof *out;
	out->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* A socket that is none of 0, 1 and 2, even in a program that has closed those:
 * it would print into our connection. */
static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int higher, saved;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return higher;
}

/* Connects, waiting no longer than the deadline while the backlog is full:
 * SO_SNDTIMEO bounds that wait, and the kernel ends it as soon as there is room.
 * 0 or an errno; EAGAIN for the deadline. */
static int try_connect(int fd, const char *path, uint64_t deadline_ns)
{
	struct sockaddr_un address;
	socklen_t address_len = make_address(path, &address);

	for (;;) {
		uint64_t now = link_now();
		uint64_t left_us = now < deadline_ns ? (deadline_ns - now) / 1000 : 0;
		struct timeval t = { .tv_sec = (time_t)(left_us / 1000000), .tv_usec = (suseconds_t)(left_us % 1000000) };

		/* a timeout of 0 would mean none */
		if (left_us == 0)
			return EAGAIN;
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) != 0)
			return errno;
		if (connect(fd, (const struct sockaddr *)&address, address_len) == 0)
			return 0;
		if (errno != EINTR)
			return errno;
	}
}

static enum sr_err fail_refused(const struct link *link, int err, struct error_detail *detail)
{
	char text[128];

	return error_detail_set(detail, SR_UNREACHABLE, "strongroomd is not reachable at %s: %s; is it running?",
		link->target->socket, strerror_r(err, text, sizeof text));
}

/* A daemon that is being restarted is away for some milliseconds: wait for it,
 * but not long, since the caller may be an event loop. */
static enum sr_err connect_patiently(const struct link *link, int fd, uint64_t deadline_ns, struct error_detail *detail)
{
	uint64_t patience_ns = link_now() + LINK_PATIENCE_MS * NS_PER_MS;
	unsigned pause_ms = 2;
	int refused = 0;

	if (patience_ns > deadline_ns)
		patience_ns = deadline_ns;
	for (;;) {
		int err = try_connect(fd, link->target->socket, deadline_ns);

		if (err == 0)
			return SR_OK;
		/* a pause may have lasted past the deadline: what came before it counts */
		if (err == EAGAIN && refused != 0)
			return fail_refused(link, refused, detail);
		if (err == EAGAIN)
			return fail_timeout(link, "did not accept a connection", detail);
		if (err != ECONNREFUSED && err != ENOENT)
			return fail_errno(link, SR_UNREACHABLE, "", err, detail);
		refused = err;
		if (link_now() + pause_ms * NS_PER_MS >= patience_ns)
			return fail_refused(link, refused, detail);
		pause_about(pause_ms);
		if (pause_ms < PAUSE_MS_MAX)
			pause_ms *= 2;
	}
}

/* Whoever can create a socket at a path of ours could play the daemon: the
 * kernel says who listens. */
static enum sr_err check_peer(const struct link *link, int fd, struct error_detail *detail)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof peer)
		return fail_errno(link, SR_UNREACHABLE, "SO_PEERCRED: ", errno, detail);
	if (peer.uid == 0 || peer.uid == geteuid() || (int64_t)peer.uid == link->target->daemon_uid)
		return SR_OK;
	return error_detail_set(detail, SR_UNTRUSTED,
		"uid %ju listens at %s: neither root, nor this process's uid %ju, nor daemon_uid",
		(uintmax_t)peer.uid, link->target->socket, (uintmax_t)geteuid());
}

static enum sr_err link_connect(struct link *link, uint64_t deadline_ns, struct error_detail *detail)
{
	SR_AUTO_FD fd = open_socket();
	struct stat st;

	if (fd < 0)
		return fail_errno(link, sr_err_from_errno(errno), "socket: ", errno, detail);
	/* read before connect: the ids that the kernel then shows are no newer, and
	 * where they changed meanwhile the next call opens another connection */
	link->pid = getpid();
	link->euid = geteuid();
	link->egid = getegid();
	SR_TRY(connect_patiently(link, fd, deadline_ns, detail));
	SR_TRY(check_peer(link, fd, detail));
	if (fstat(fd, &st) != 0)
		return fail_errno(link, SR_IO, "fstat: ", errno, detail);
	link->dev = st.st_dev;
	link->ino = st.st_ino;
	link->frame_max = LINK_HELLO_MAX;
	link->spin_skip = link->spin_backoff = 0;
	atomic_store(&link->fd, SR_TAKE_FD(fd));
	return SR_OK;
}

/* ---- send ---- */

static bool is_lost(int err)
{
	return err == EPIPE || err == ECONNRESET;
}

/* Errors: UNREACHABLE (fate UNSENT: the other side is gone), TIMEOUT. */
static enum sr_err send_all(struct link *link, struct exchange *x)
{
	int fd = atomic_load(&link->fd);
	struct sr_bytes left = x->request;

	while (left.n > 0) {
		ssize_t n = send(fd, left.p, left.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			left.p += n;
			left.n -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT, x->deadline_ns))
				return fail_timeout(link, "did not take the request", x->detail);
		} else if (errno != EINTR) {
			/* what was sent of it is no whole frame, so it was not run */
			x->fate = is_lost(errno) ? LINK_UNSENT : LINK_ANSWERED;
			return fail_errno(link, SR_UNREACHABLE, "", errno, x->detail);
		}
	}
	return SR_OK;
}

/* ---- receive ---- */

/* How a spin went decides about the next ones.  A miss costs its time and a
 * processor; one that took much longer than it was to take shows that others
 * want the processor, so that yielding it costs more than sleeping does. */
static void spin_learn(struct link *link, bool hit, uint64_t took_ns)
{
	bool preempted = took_ns > SPIN_PREEMPTED * (uint64_t)link->target->spin_ns;

	if (hit && !preempted) {
		link->spin_backoff /= 2;
		return;
	}
	link->spin_backoff = preempted || link->spin_backoff > SPIN_SKIP_MAX / 2 ? SPIN_SKIP_MAX : link->spin_backoff * 2 + 1;
	link->spin_skip = link->spin_backoff;
}

/* Waking a sleeper can cost more than a signature, so when answers come fast,
 * look for this one a while before sleeping, leaving the processor to others in
 * between. */
static ssize_t spin_recv(struct link *link, int fd, void *p, size_t n)
{
	uint64_t start_ns, took_ns;
	ssize_t got;

	if (link->target->spin_ns == 0)
		return recv(fd, p, n, MSG_DONTWAIT);
	if (link->spin_skip > 0) {
		link->spin_skip--;
		return recv(fd, p, n, MSG_DONTWAIT);
	}
	start_ns = link_now();
	for (;;) {
		got = recv(fd, p, n, MSG_DONTWAIT);
		took_ns = link_now() - start_ns;
		if (got >= 0 || errno != EAGAIN || took_ns >= link->target->spin_ns)
			break;
		(void)sched_yield();
	}
	spin_learn(link, got >= 0, took_ns);
	return got;
}

/* Reads what there is, at least one byte, into the room that is left.
 * 0 at the end of the connection; -1 with errno, ETIME for the deadline. */
static ssize_t recv_some(struct link *link, struct exchange *x)
{
	int fd = atomic_load(&link->fd);
	struct buffer *in = x->answer;
	bool first = in->n == 0;

	for (;;) {
		uint8_t *at = in->p + in->n;
		size_t room = in->cap - in->n;
		ssize_t n = first ? spin_recv(link, fd, at, room) : recv(fd, at, room, MSG_DONTWAIT);

		first = false;
		if (n >= 0)
			return n;
		if (errno == EAGAIN) {
			if (!wait_for(fd, POLLIN, x->deadline_ns)) {
				errno = ETIME;
				return -1;
			}
		} else if (errno != EINTR) {
			return -1;
		}
	}
}

static enum sr_err recv_more(struct link *link, struct exchange *x)
{
	ssize_t n = recv_some(link, x);

	if (n > 0) {
		x->answer->n += (size_t)n;
		return SR_OK;
	}
	if (n < 0 && errno == ETIME)
		return fail_timeout(link, x->answer->n == 0 ? "did not answer" : "did not finish its answer", x->detail);
	if (n < 0 && !is_lost(errno))
		return fail_errno(link, SR_UNREACHABLE, "", errno, x->detail);
	if (x->answer->n > 0)
		return fail_closed(link, "in the middle of its answer", x->detail);
	x->fate = LINK_UNANSWERED;
	return fail_closed(link, "before it answered", x->detail);
}

/* Reads one whole frame.  Room is made as bytes arrive, not as the head claims. */
static enum sr_err recv_frame(struct link *link, struct exchange *x, struct sr_bytes *out)
{
	struct buffer *in = x->answer;
	size_t whole;

	while (in->n < FRAME_HEAD)
		SR_TRY(recv_more(link, x));
	whole = frame_length(in->p);
	if (whole == 0 || whole > LINK_ANSWER_MAX)
		return fail_answer(link, "claims an answer of an impossible length", x->detail);
	whole += FRAME_HEAD;
	while (in->n < whole) {
		if (in->n == in->cap) {
			size_t cap = in->cap * 4 < whole ? in->cap * 4 : whole;

			if (buffer_reserve(in, cap) != SR_OK)
				return error_detail_set(x->detail, SR_NOMEM, "out of memory for an answer");
		}
		SR_TRY(recv_more(link, x));
	}
	*out = (struct sr_bytes){ in->p + FRAME_HEAD, whole - FRAME_HEAD };
	return SR_OK;
}

/* ---- exchange ---- */

/* An answer to nothing is the daemon's last word on this connection: there are
 * too many, it was idle for too long, the daemon stops.  On a connection that
 * worked before, a new one may serve; on a new one it is the call's error. */
static enum sr_err take_farewell(const struct link *link, struct exchange *x, enum link_fate lost)
{
	x->fate = link->greeted ? lost : LINK_ANSWERED;
	return error_detail_set(x->detail, x->frame.err, "%.*s", (int)x->frame.failure.n, x->frame.failure.p);
}

static enum sr_err take_answer(struct link *link, struct exchange *x, enum link_fate lost)
{
	struct sr_bytes bytes;
	enum sr_err err;

	SR_TRY(recv_frame(link, x, &bytes));
	err = frame_parse_answer(bytes, &x->frame);
	if (err == SR_NOMEM)
		return error_detail_set(x->detail, SR_NOMEM, "out of memory for an answer");
	if (err != SR_OK)
		return fail_answer(link, "sent what is not an answer", x->detail);
	if (x->frame.id == 0 && x->frame.err != SR_OK)
		return take_farewell(link, x, lost);
	if (x->frame.id != x->id || lost == LINK_UNSENT)
		return fail_answer(link, "answered something that was not asked", x->detail);
	return SR_OK;
}

enum sr_err link_exchange(struct link *link, struct exchange *x)
{
	enum sr_err err;

	x->fate = LINK_ANSWERED;
	x->frame = (struct frame){ 0 };
	if (x->request.n > (size_t)link->frame_max + FRAME_HEAD)
		return error_detail_set(x->detail, SR_TOO_LARGE, "a request of %zu bytes; strongroomd takes %u",
			x->request.n - FRAME_HEAD, link->frame_max);
	err = send_all(link, x);
	if (err == SR_OK) {
		err = take_answer(link, x, LINK_UNANSWERED);
	} else if (x->fate == LINK_UNSENT) {
		/* it may have said why before it closed */
		err = take_answer(link, x, LINK_UNSENT);
		if (x->fate == LINK_UNANSWERED)
			x->fate = LINK_UNSENT;
	}
	if (err != SR_OK) {
		link_close(link);
		return err;
	}
	/* What stands behind the answer is a last word too; the answer is still good. */
	if (x->answer->n > (size_t)frame_length(x->answer->p) + FRAME_HEAD)
		link_close(link);
	if (x->frame.err == SR_OK)
		return SR_OK;
	return error_detail_set(x->detail, x->frame.err, "%.*s", (int)x->frame.failure.n, x->frame.failure.p);
}

/* ---- hello ---- */

static enum sr_err take_hello(struct link *link, const struct exchange *x)
{
	_Alignas(max_align_t) uint8_t storage[2048];
	struct arena arena = { storage, sizeof storage, 0 };
	struct sr_hello_rep reply;
	const char *field;

	if (frame_decode(&x->frame, &hello_rep_schema, CODEC_IGNORE_UNKNOWN, &reply, &arena, &field) != SR_OK)
		return fail_answer(link, "sent a hello that cannot be read", x->detail);
	if (reply.version != SR_PROTOCOL_VERSION)
		return error_detail_set(x->detail, SR_UNSUPPORTED,
			"strongroomd at %s speaks version %ju of the protocol, this program version %d",
			link->target->socket, (uintmax_t)reply.version, SR_PROTOCOL_VERSION);
	link->frame_max = (uint32_t)reply.frame_max;    /* its max in the list */
	link->greeted = true;
	return SR_OK;
}

static enum sr_err link_hello(struct link *link, struct exchange *x)
{
	struct sr_hello_req request = { .version = SR_PROTOCOL_VERSION };
	uint8_t storage[256];
	struct codec_out out = { storage, sizeof storage, 0 };

	if (link->target->name[0] != '\0')
		SR_SET(hello_req, &request, client, ((struct sr_str){ link->target->name, strlen(link->target->name) }));
	SR_TRY(frame_encode_request(x->id, "hello", &hello_req_schema, &request, &out));
	x->request = (struct sr_bytes){ storage, out.n };
	SR_TRY(link_exchange(link, x));
	return take_hello(link, x);
}

enum sr_err link_open(struct link *link, uint64_t deadline_ns, struct error_detail *detail, enum link_fate *fate)
{
	uint8_t storage[1024];
	struct buffer answer;
	struct exchange x = { .id = HELLO_ID, .deadline_ns = deadline_ns, .answer = &answer, .detail = detail };
	enum sr_err err;

	*fate = LINK_ANSWERED;
	SR_TRY(link_connect(link, deadline_ns, detail));
	buffer_init(&answer, storage, sizeof storage);
	err = link_hello(link, &x);
	frame_finish(&x.frame);
	buffer_reset(&answer);
	if (err == SR_OK)
		return SR_OK;
	link_close(link);
	/* a hello changes nothing, run or not */
	*fate = x.fate == LINK_ANSWERED ? LINK_ANSWERED : LINK_UNSENT;
	return err;
}
