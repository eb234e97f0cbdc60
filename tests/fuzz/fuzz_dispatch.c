/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the one path of every request, whole but for the socket: the first byte
 * says who asks, the rest is what stands behind a frame's length.  There is
 * always a well-formed answer to the same id, and a stranger is never served
 * anything that a grant is needed for. */
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/ops/dispatch.h"
#include "protocol/frame.h"
#include "tests/fuzz/promise.h"

#define ARENA_SIZE  (2u << 20)
#define LOCKED_SIZE (16u << 20)
#define REPLY_MAX   4096        /* no reply's struct is larger */
#define FRESH_AFTER 5000        /* inputs: what they made is then thrown away */

static const struct identity askers[] = {
	{ .pid = 1, .uid = 0, .is_operator = true },
	{ .pid = 2, .uid = 3000000019, .gid = 3000000019 },     /* which nobody will think of granting something */
};
#define STRANGER (&askers[1])

static struct store *store;
static struct sealed *sealed;
static struct backend *backend;
static struct dispatch *dispatch;
static struct arena arena, client_arena;
static char dir[] = "/tmp/strongroom-fuzz-XXXXXX";
static int audit_fd;
static unsigned inputs;

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	return where->level == 0 ? 0 : remove(path);
}

static void empty_dir(void)
{
	promise(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "the directory can be emptied");
}

static void at_end(void)
{
	empty_dir();
	rmdir(dir);
}

static void world_open(void)
{
	static const uint8_t seal_key[SEALED_KEY_LEN] = { 1, 2, 3 };
	struct dispatch_options o = { .key_cache = 1 << 20, .refusals = 10, .frame_max = FRAME_MAX_DEFAULT, .data = dir, .seal = "fuzz",
		.audit = { .dirfd = audit_fd, .segment_bytes = 1 << 20, .reserve_bytes = 1 << 16, .keep_bytes = 4 << 20, .interval_ms = 1000 } };
	char problem[512];

	promise(store_mem_open(1, &store) == SR_OK && sealed_create(store, seal_key) == SR_OK &&
		sealed_open(store, seal_key, &sealed) == SR_OK, "a store");
	o.sealed = sealed;
	o.backend = backend;
	promise(dispatch_open(&o, &dispatch, problem) == SR_OK, "a dispatch");
}

static void world_close(void)
{
	dispatch_close(dispatch);
	sealed_close(sealed);
	store_close(store);
	empty_dir();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	promise(locked_init(LOCKED_SIZE) == SR_OK, "locked memory");
	promise(mkdtemp(dir) != NULL, "a directory");
	atexit(at_end);
	audit_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	promise(audit_fd >= 0 && backend_software_open(&backend) == SR_OK, "a backend");
	arena = (struct arena){ locked_alloc(ARENA_SIZE), ARENA_SIZE, 0 };
	client_arena = (struct arena){ malloc(ARENA_SIZE), ARENA_SIZE, 0 };
	promise(arena.base != NULL && client_arena.base != NULL, "memory");
	world_open();
	return 0;
}

/* Minutes of looking for primes would tell nothing. */
static bool is_slow(const struct frame *request)
{
	struct sr_key_create_req q;
	const char *field;
	bool slow = str_is(request->op, "key_create") &&
		frame_decode(request, &key_create_req_schema, CODEC_REFUSE_UNKNOWN, &q, &client_arena, &field) == SR_OK &&
		str_is(q.kty, "RSA");

	arena_reset(&client_arena);
	return slow;
}

static void answer_is_right(const struct frame *request, const struct identity *who, struct sr_bytes answer)
{
	static uint8_t reply[REPLY_MAX];
	const struct op *op = op_find(request->op);
	struct frame frame = { 0 };
	const char *field = NULL;

	promise(frame_parse_answer((struct sr_bytes){ answer.p + FRAME_HEAD, answer.n - FRAME_HEAD }, &frame) == SR_OK, "the answer is a frame");
	promise(frame.id == request->id, "it answers what was asked");
	if (frame.err == SR_OK) {
		promise(op != NULL && op->reply->size <= REPLY_MAX, "only what is known is done");
		promise(who != STRANGER || op->permission == PERM_any, "a stranger is not served");
		promise(frame_decode(&frame, op->reply, CODEC_REFUSE_UNKNOWN, reply, &client_arena, &field) == SR_OK, "the reply is what its schema says");
	}
	frame_finish(&frame);
	arena_reset(&client_arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session session = { .greeted = true };
	struct sr_bytes body, answer = { NULL, 0 };
	struct frame request = { 0 };
	const char *detail;
	bool whole;

	if (size == 0)
		return 0;
	if (++inputs % FRESH_AFTER == 0) {
		world_close();
		world_open();
	}
	session.who = &askers[data[0] % (sizeof askers / sizeof *askers)];
	body = (struct sr_bytes){ data + 1, size - 1 };
	whole = frame_parse_request(body, &request, &detail) == SR_OK;
	if (!whole || !is_slow(&request)) {
		bool stays = dispatch_run(dispatch, &session, body, &arena, &answer);

		promise(answer.n > FRAME_HEAD && frame_length(answer.p) + FRAME_HEAD == answer.n, "there is an answer");
		promise(whole || !stays, "who sends no request is not listened to any longer");
		if (whole)
			answer_is_right(&request, session.who, answer);
		arena_reset(&arena);
	}
	frame_finish(&request);
	return 0;
}
