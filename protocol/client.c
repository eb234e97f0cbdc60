/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/client.h"

#include <pthread.h>
#include <strongroom/strongroom.h>
#include <string.h>

#include "base/str.h"
#include "protocol/call.h"

#define SOCKET_DEFAULT     "/run/strongroom/strongroom.sock"
#define TIMEOUT_DEFAULT_MS 5000
#define HELLO_IDS          1    /* link.c's hello has the first id of a connection */

/* ---- life ---- */

static const char *default_socket(void)
{
	/* not in setuid programs, where the caller could send them to a daemon of his own */
	const char *path = secure_getenv("STRONGROOM_SOCKET");

	return path != NULL && path[0] != '\0' ? path : SOCKET_DEFAULT;
}

static bool is_socket_name(const char *socket)
{
	size_t n = strlen(socket);

	/* "@" alone would bind to nothing in particular */
	return n > 0 && n <= LINK_SOCKET_MAX && !(socket[0] == '@' && n == 1);
}

enum sr_err sr_client_new(const struct sr_client_options *options, struct sr_client **out)
{
	const struct sr_client_options defaults = { .daemon_uid = -1 };
	const struct sr_client_options *o = options != NULL ? options : &defaults;
	const char *socket = o->socket != NULL ? o->socket : default_socket();
	struct sr_client *client;

	if (!is_socket_name(socket) || (o->name != NULL && strlen(o->name) > LINK_NAME_MAX))
		return SR_BAD_PARAMETER;
	client = calloc(1, sizeof *client);
	if (client == NULL)
		return SR_NOMEM;
	client->target.timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : TIMEOUT_DEFAULT_MS;
	client->target.daemon_uid = o->daemon_uid;
	client->target.spin_ns = LINK_SPIN_NS;
	(void)str_copy(str_of(socket), client->target.socket, sizeof client->target.socket);
	(void)str_copy(str_of(o->name != NULL ? o->name : ""), client->target.name, sizeof client->target.name);
	atomic_init(&client->last_id, HELLO_IDS);
	atomic_init(&client->pid, getpid());
	for (size_t i = 0; i < CLIENT_SLOTS; i++) {
		atomic_init(&client->slots[i].owner, 0);
		link_init(&client->slots[i].link, &client->target);
	}
	*out = client;
	return SR_OK;
}

void sr_client_free(struct sr_client *client)
{
	if (client == NULL)
		return;
	for (size_t i = 0; i < CLIENT_SLOTS; i++)
		link_close(&client->slots[i].link);
	free(client);
}

const char *sr_client_socket(const struct sr_client *client)
{
	return client->target.socket;
}

/* ---- slots ---- */

/* Where this thread was served last: it finds its own connection again, and a
 * thread that is new starts where others have left connections. */
static _Thread_local unsigned slot_hint;

static bool slot_try(struct slot *slot, pid_t self)
{
	pid_t owner = atomic_load_explicit(&slot->owner, memory_order_relaxed);

	return owner != self && atomic_compare_exchange_strong_explicit(&slot->owner, &owner, self, memory_order_acquire,
		memory_order_relaxed);
}

static void slot_leave(struct slot *slot)
{
	atomic_store_explicit(&slot->owner, 0, memory_order_release);
}

/* After a fork, the first call of the child closes what it inherited: for the
 * daemon these connections would live on when the parent has ended. */
static void slots_disinherit(struct sr_client *client, pid_t self)
{
	if (atomic_load_explicit(&client->pid, memory_order_relaxed) == self || atomic_exchange(&client->pid, self) == self)
		return;
	for (size_t i = 0; i < CLIENT_SLOTS; i++) {
		struct slot *slot = &client->slots[i];

		if (!slot_try(slot, self))
			continue;
		if (slot->link.pid != self)
			link_close(&slot->link);
		slot_leave(slot);
	}
}

/* NULL when all are in use. */
static struct slot *slot_take(struct sr_client *client, pid_t self)
{
	unsigned hint = slot_hint;

	for (unsigned i = 0; i < CLIENT_SLOTS; i++) {
		unsigned at = (hint + i) % CLIENT_SLOTS;

		if (slot_try(&client->slots[at], self)) {
			slot_hint = at;
			return &client->slots[at];
		}
	}
	return NULL;
}

/* ---- calls ---- */

/* Gets the link ready and exchanges once. */
static enum sr_err try_once(struct link *link, struct exchange *x)
{
	/* Inherited over fork, opened under another uid, closed by the host program, or
	 * left half-open by a thread that a fork did not copy: the kernel would name
	 * another than this process to the daemon, so start afresh. */
	if (!link_usable(link)) {
		link_close(link);
		link_init(link, link->target);
		SR_TRY(link_open(link, x->deadline_ns, x->detail, &x->fate));
	}
	return link_exchange(link, x);
}

/* Once more on a new connection, where the daemon has gone away and doing it
 * twice does no harm: it was not run, or it changes nothing. */
static enum sr_err try_twice(struct link *link, const struct op *op, struct exchange *x)
{
	enum sr_err err = try_once(link, x);

	if (x->fate == LINK_ANSWERED || (x->fate == LINK_UNANSWERED && op->audit == AUDIT_CHANGE))
		return err;
	frame_finish(&x->frame);
	buffer_reset(x->answer);
	return try_once(link, x);
}

static enum sr_err exchange_in_slot(struct sr_client *client, const struct op *op, struct exchange *x)
{
	pid_t self = getpid();
	struct link temporary;
	struct slot *slot;
	enum sr_err err;

	slots_disinherit(client, self);
	slot = slot_take(client, self);
	if (slot != NULL) {
		err = try_twice(&slot->link, op, x);
		slot_leave(slot);
		return err;
	}
	link_init(&temporary, &client->target);
	err = try_twice(&temporary, op, x);
	link_close(&temporary);
	return err;
}

static enum sr_err run(struct sr_client *client, struct sr_call *call, const struct op *op, const void *request,
	void *reply)
{
	struct exchange x = {
		.id = atomic_fetch_add_explicit(&client->last_id, 1, memory_order_relaxed) + 1,
		.deadline_ns = link_now() + client->target.timeout_ms * UINT64_C(1000000),
		.answer = &call->answer,
		.detail = &call->detail,
	};
	enum sr_err err;

	call_forget_request(call);
	err = call_encode(call, x.id, op, request);
	buffer_reset(&call->answer);
	buffer_reset(&call->lists);
	if (err != SR_OK)
		return err;
	x.request = (struct sr_bytes){ call->request.p, call->request.n };
	err = exchange_in_slot(client, op, &x);
	if (err == SR_OK)
		err = call_decode(call, &x.frame, op, reply);
	frame_finish(&x.frame);
	return err;
}

static enum sr_err client_call(struct sr_client *client, struct sr_call *call, const struct op *op,
	const void *request, void *reply)
{
	enum sr_err err;
	int cancel;

	call->detail.text[0] = '\0';
	/* a thread cancelled while it waits would keep its slot, and leave secrets */
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = run(client, call, op, request, reply);
	(void)pthread_setcancelstate(cancel, NULL);
	call_forget_request(call);
	if (err == SR_OK) {
		/* words of a first try that failed */
		call->detail.text[0] = '\0';
		return SR_OK;
	}
	if (call->detail.text[0] == '\0')
		(void)error_detail_set(&call->detail, err, "%s: %s", op->name, sr_strerror(err));
	memset(reply, 0, op->reply->size);
	call_forget(call);
	return err;
}

#define OP(name, audit_name, permission, audit, runs, summary) \
	enum sr_err sr_##name(struct sr_client *client, struct sr_call *call, const struct sr_##name##_req *request, \
		struct sr_##name##_rep *reply) \
	{ \
		return client_call(client, call, &ops[OP_##name], request, reply); \
	}
#include <strongroom/operations.def>
#undef OP
