/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_daemon.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <strongroom/strongroom.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "protocol/frame.h"

#define KID  "strongroom://web/keys/tls/0123456789abcdef0123456789abcdef"
#define ROOM (2u << 20)

struct conn {
	int fd;
	struct fake_state *state;
	struct ucred peer;
	uint8_t *in, *out;
	bool open;
};

/* ---- sending ---- */

static void send_bytes(struct conn *c, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t sent = send(c->fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0) {
			c->open = false;
			return;
		}
		at += sent;
		n -= (size_t)sent;
	}
}

static void send_failure(struct conn *c, uint64_t id, enum sr_err err, const char *text)
{
	struct codec_out out = { c->out, ROOM, 0 };

	SR_ASSERT(frame_encode_failure(id, err, str_of(text), &out) == SR_OK);
	send_bytes(c, out.p, out.n);
}

static void wait_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Until the client has gone. */
static void be_silent(struct conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	(void)poll(&p, 1, 20000);
	c->open = false;
}

static void drip(struct conn *c, struct codec_out answer, unsigned ms)
{
	for (size_t i = 0; i < answer.n && c->open; i++) {
		send_bytes(c, answer.p + i, 1);
		wait_ms(ms);
	}
}

/* ---- behaviours ---- */

static bool once(struct conn *c)
{
	return atomic_fetch_add(&c->state->misbehaved, 1) == 0;
}

/* Does as told instead of sending answer; false if nothing is told. */
static bool misbehave(struct conn *c, struct sr_str how, uint64_t id, struct codec_out answer)
{
	static const uint8_t garbage[] = { 0, 0, 0, 8, 0xde, 0xad, 0xbe, 0xef, 0xc1, 0xc1, 0xc1, 0xc1 };
	static const uint8_t bomb[] = { 0, 0, 0, 5, 0xdd, 0x05, 0, 0, 0 };
	static const uint8_t request[] = { 0, 0, 0, 11, 0x94, 0, 2, 0xa6, 's', 't', 'a', 't', 'u', 's', 0x80 };
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 0x94 };
	static const uint8_t zero[] = { 0, 0, 0, 0 };

	if (str_is(how, "silence"))
		be_silent(c);
	else if (str_is(how, "close") || (str_is(how, "close-once") && once(c)))
		c->open = false;
	else if (str_is(how, "garbage"))
		send_bytes(c, garbage, sizeof garbage);
	else if (str_is(how, "bomb"))
		send_bytes(c, bomb, sizeof bomb);
	else if (str_is(how, "request"))
		send_bytes(c, request, sizeof request);
	else if (str_is(how, "huge"))
		send_bytes(c, huge, sizeof huge);
	else if (str_is(how, "zero"))
		send_bytes(c, zero, sizeof zero);
	else if (str_is(how, "half")) {
		send_bytes(c, answer.p, answer.n / 2);
		be_silent(c);
	} else if (str_is(how, "first-byte")) {
		send_bytes(c, answer.p, 1);
		c->open = false;
	} else if (str_is(how, "half-close")) {
		send_bytes(c, answer.p, answer.n / 2);
		c->open = false;
	} else if (str_is(how, "drip"))
		drip(c, answer, 20);
	else if (str_is(how, "slow"))
		drip(c, answer, 1);
	else if (str_is(how, "deny"))
		send_failure(c, id, SR_DENIED, "no\x1b[31m \xc3\xa9\n\x7f way");
	else if (str_is(how, "new-error"))
		send_failure(c, id, (enum sr_err)12345, "from the future");
	else if (str_is(how, "farewell") || (str_is(how, "farewell-once") && once(c))) {
		send_failure(c, 0, SR_STOPPING, "the daemon is stopping");
		c->open = false;
	} else if (str_is(how, "extra")) {
		struct codec_out behind = { answer.p + answer.n, answer.cap - answer.n, 0 };

		SR_ASSERT(frame_encode_failure(0, SR_STOPPING, SR_STR("the daemon is stopping"), &behind) == SR_OK);
		send_bytes(c, answer.p, answer.n + behind.n);
	} else
		return false;
	return true;
}

/* ---- operations ---- */

static void answer(struct conn *c, uint64_t id, const struct schema *schema, const void *message, struct sr_str how)
{
	struct codec_out out = { c->out, ROOM, 0 };

	if (str_is(how, "wrong-id"))
		id++;
	SR_ASSERT(frame_encode_answer(id, schema, message, &out) == SR_OK);
	if (str_is(how, "sleep"))
		wait_ms(30);
	if (!misbehave(c, how, id, out))
		send_bytes(c, out.p, out.n);
}

static void do_hello(struct conn *c, uint64_t id)
{
	struct sr_hello_rep r = { .version = SR_PROTOCOL_VERSION, .frame_max = atomic_load(&c->state->frame_max) };

	switch ((enum fake_hello)atomic_load(&c->state->hello)) {
	case FAKE_HELLO_SILENT:
		be_silent(c);
		return;
	case FAKE_HELLO_GARBAGE:
		send_bytes(c, "GET / HTTP/1.0\r\n\r\n", 18);
		return;
	case FAKE_HELLO_OTHER:
		r.version++;
		break;
	case FAKE_HELLO_RIGHT:
	case FAKE_HELLO_REFUSED:
	case FAKE_HELLO_CLOSED:
		break;
	}
	atomic_fetch_add(&c->state->hellos, 1);
	answer(c, id, &hello_rep_schema, &r, SR_STR(""));
}

static void do_sign(struct conn *c, uint64_t id, const struct sr_key_sign_req *q)
{
	struct fake_peer peer = { c->peer.pid, c->peer.uid, c->peer.gid };
	struct sr_key_sign_rep r = { .kid = SR_STR(KID), .signature = { (const uint8_t *)&peer, sizeof peer } };

	atomic_fetch_add(&c->state->signs, 1);
	if (str_is(q->alg, "missing"))
		answer(c, id, &key_item_schema, &(struct sr_key_item){ .kid = SR_STR(KID), .kty = SR_STR("EC") }, SR_STR(""));
	else
		answer(c, id, &key_sign_rep_schema, &r, q->alg);
}

static void do_decrypt(struct conn *c, uint64_t id, const struct sr_key_decrypt_req *q)
{
	static uint8_t plaintext[] = "the secret that was encrypted";
	struct sr_key_decrypt_rep r = { .kid = SR_STR(KID), .plaintext = { plaintext, sizeof plaintext } };

	answer(c, id, &key_decrypt_rep_schema, &r, q->alg);
}

static void do_create(struct conn *c, uint64_t id, const struct sr_key_create_req *q)
{
	struct sr_key_create_rep r = { .key = { .kid = SR_STR(KID), .kty = SR_STR("EC") } };

	atomic_fetch_add(&c->state->creates, 1);
	answer(c, id, &key_create_rep_schema, &r, q->kty);
}

/* 200 keys with 15 tags each; quotes the request's after. */
static void do_list(struct conn *c, uint64_t id, const struct sr_key_list_req *q)
{
	static struct sr_tag tags[15];
	static struct sr_key_item items[200];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct sr_key_list_rep r = { .keys = { items, SR_COUNT(items) } };

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < SR_COUNT(tags); i++)
		tags[i] = (struct sr_tag){ .name = SR_STR("environment"), .value = SR_STR("production") };
	for (size_t i = 0; i < SR_COUNT(items); i++)
		items[i] = (struct sr_key_item){ .kid = SR_STR(KID), .kty = SR_STR("EC"), .size = i,
			.tags = { tags, SR_COUNT(tags) } };
	pthread_mutex_unlock(&lock);
	SR_SET(key_list_rep, &r, next, SR_HAS(key_list_req, q, after) ? q->after : SR_STR("a-name-to-go-on-after"));
	answer(c, id, &key_list_rep_schema, &r, SR_STR(""));
}

static void dispatch(struct conn *c, const struct frame *frame)
{
	_Alignas(max_align_t) uint8_t storage[4096];
	struct arena arena = { storage, sizeof storage, 0 };
	union {
		struct sr_hello_req hello;
		struct sr_key_sign_req sign;
		struct sr_key_decrypt_req decrypt;
		struct sr_key_create_req create;
		struct sr_key_list_req list;
	} q;
	const struct op *op = op_find(frame->op);
	const char *field;

	if (op == NULL || op->request->size > sizeof q ||
	    frame_decode(frame, op->request, CODEC_REFUSE_UNKNOWN, &q, &arena, &field) != SR_OK)
		send_failure(c, frame->id, SR_BAD_MESSAGE, "cannot be read");
	else if (op == &ops[OP_hello])
		do_hello(c, frame->id);
	else if (op == &ops[OP_key_sign])
		do_sign(c, frame->id, &q.sign);
	else if (op == &ops[OP_key_decrypt])
		do_decrypt(c, frame->id, &q.decrypt);
	else if (op == &ops[OP_key_create])
		do_create(c, frame->id, &q.create);
	else if (op == &ops[OP_key_list])
		do_list(c, frame->id, &q.list);
	else
		send_failure(c, frame->id, SR_UNKNOWN_OP, "not in this test");
}

/* ---- connections ---- */

/* Reads n bytes, and sees who wrote them. */
static bool recv_full(struct conn *c, uint8_t *p, size_t n)
{
	while (n > 0) {
		union { char room[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control;
		struct iovec io = { p, n };
		struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof control };
		ssize_t got = recvmsg(c->fd, &m, 0);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		struct ucred sender;

		if (got <= 0)
			return false;
		if (h != NULL) {
			memcpy(&sender, CMSG_DATA(h), sizeof sender);
			if (sender.pid != c->peer.pid)
				atomic_fetch_add(&c->state->strangers, 1);
		}
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static void serve_one(struct conn *c)
{
	uint8_t head[FRAME_HEAD];
	struct frame frame;
	const char *detail;
	uint32_t n;

	c->open = recv_full(c, head, sizeof head);
	if (!c->open)
		return;
	n = frame_length(head);
	c->open = n <= ROOM && recv_full(c, c->in, n);
	if (c->open && frame_parse_request((struct sr_bytes){ c->in, n }, &frame, &detail) == SR_OK) {
		dispatch(c, &frame);
		frame_finish(&frame);
	}
}

static void *serve(void *arg)
{
	struct conn *c = arg;
	socklen_t n = sizeof c->peer;

	SR_ASSERT(getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &n) == 0);
	atomic_fetch_add(&c->state->connections, 1);
	c->in = malloc(ROOM);
	c->out = malloc(ROOM);
	SR_ASSERT(c->in != NULL && c->out != NULL);
	c->open = true;
	if (atomic_load(&c->state->hello) == FAKE_HELLO_REFUSED)
		send_failure(c, 0, SR_LIMIT, "too many connections of uid 7");
	if (atomic_load(&c->state->hello) == FAKE_HELLO_REFUSED || atomic_load(&c->state->hello) == FAKE_HELLO_CLOSED)
		c->open = false;
	while (c->open)
		serve_one(c);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
	return NULL;
}

static void accept_all(int listener, struct fake_state *state)
{
	for (;;) {
		struct conn *c = calloc(1, sizeof *c);
		pthread_t thread;

		SR_ASSERT(c != NULL);
		c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		SR_ASSERT(c->fd >= 0);
		c->state = state;
		SR_ASSERT(pthread_create(&thread, NULL, serve, c) == 0);
		SR_ASSERT(pthread_detach(thread) == 0);
	}
}

/* ---- life ---- */

void fake_init(struct fake_daemon *d)
{
	*d = (struct fake_daemon){ .dir = "/tmp/strongroom-client-XXXXXX" };
	cr_assert_not_null(mkdtemp(d->dir));
	cr_assert_eq(chmod(d->dir, 0777), 0);
	(void)snprintf(d->path, sizeof d->path, "%s/sock", d->dir);
	d->state = mmap(NULL, sizeof *d->state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(d->state, MAP_FAILED);
	atomic_store(&d->state->frame_max, FRAME_MAX_DEFAULT);
}

void fake_start(struct fake_daemon *d, uid_t uid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ready[2], on = 1;
	char byte;

	cr_assert_eq(pipe(ready), 0);
	cr_assert(str_copy(str_of(d->path), address.sun_path, sizeof address.sun_path));
	(void)unlink(d->path);
	d->pid = fork();
	cr_assert_geq(d->pid, 0);
	if (d->pid == 0) {
		int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		SR_ASSERT(uid == geteuid() || setuid(uid) == 0);
		SR_ASSERT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		SR_ASSERT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
		SR_ASSERT(chmod(d->path, 0666) == 0);
		SR_ASSERT(setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
		SR_ASSERT(listen(listener, 128) == 0);
		SR_ASSERT(write(ready[1], "", 1) == 1);
		accept_all(listener, d->state);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

void fake_kill(struct fake_daemon *d)
{
	if (d->pid == 0)
		return;
	cr_assert_eq(kill(d->pid, SIGKILL), 0);
	cr_assert_eq(waitpid(d->pid, NULL, 0), d->pid);
	d->pid = 0;
}

void fake_finish(struct fake_daemon *d)
{
	fake_kill(d);
	(void)unlink(d->path);
	(void)rmdir(d->dir);
	(void)munmap(d->state, sizeof *d->state);
}
