/* SPDX-License-Identifier: Apache-2.0 */
/* The one path, whole but for the socket: real codec, policy, backend and audit
 * log, over the store's twin in memory, which reruns changes and fails some. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/ops/dispatch.h"
#include "daemon/ops/refusals.h"
#include "daemon/policy/policy.h"
#include "protocol/frame.h"

#define ARENA_SIZE (256 * 1024)

static struct store *store;
static struct sealed *sealed;
static struct backend *backend;
static struct dispatch *dispatch;
static struct arena arena;              /* the daemon's */
static uint8_t client_room[65536];
static struct arena client;             /* ours: what an answer is decoded into */
static char dir[] = "/tmp/sr-dispatch-XXXXXX";
static int audit_fd;
static char detail[600];

static const struct identity root = { .pid = 1, .uid = 0, .is_operator = true };
static const struct identity www = { .pid = 2, .uid = 33, .gid = 33 };
static const struct identity alice = { .pid = 3, .uid = 1, .gid = 1 };       /* daemon's: a user that every host has */

/* Before the test framework's own libraries use libcrypto. */
__attribute__((constructor)) static void lock_memory(void)
{
	SR_ASSERT(locked_init(6 << 20) == SR_OK);
}

static void open_dispatch(void)
{
	struct dispatch_options o = { .sealed = sealed, .backend = backend, .key_cache = 1 << 20, .refusals = 1000,
		.frame_max = FRAME_MAX_DEFAULT, .data = dir, .seal = "test", .audit = { .dirfd = audit_fd,
		.segment_bytes = 1 << 20, .reserve_bytes = 1 << 16, .interval_ms = 50 } };
	char problem[512];

	cr_assert_eq(dispatch_open(&o, &dispatch, problem), SR_OK, "%s", problem);
}

static void setup(void)
{
	static const uint8_t seal_key[SEALED_KEY_LEN] = { 1, 2, 3 };

	cr_assert_not_null(mkdtemp(dir));
	audit_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(store_mem_open(7, &store), SR_OK);
	cr_assert_eq(sealed_create(store, seal_key), SR_OK);
	cr_assert_eq(sealed_open(store, seal_key, &sealed), SR_OK);
	cr_assert_eq(backend_software_open(&backend), SR_OK);
	arena = (struct arena){ locked_alloc(ARENA_SIZE), ARENA_SIZE, 0 };
	client = (struct arena){ client_room, sizeof client_room, 0 };
	open_dispatch();
}

static void teardown(void)
{
	char command[80];

	dispatch_close(dispatch);
	backend_close(backend);
	sealed_close(sealed);
	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(dispatch, .init = setup, .fini = teardown);

/* One call, from a request's struct to the answer's; spans of the answer live
 * until the next call. */
static enum sr_err call_schema(const struct identity *who, const char *op, const struct schema *qs, const void *q,
	const struct schema *rs, void *r)
{
	static uint8_t request[65536];
	static uint8_t kept[ARENA_SIZE];
	struct codec_out out = { request, sizeof request, 0 };
	struct session session = { who, true };
	struct sr_bytes answer;
	struct frame frame;
	const char *field;

	cr_assert_eq(frame_encode_request(9, op, qs, q, &out), SR_OK);
	cr_assert(dispatch_run(dispatch, &session, (struct sr_bytes){ request + FRAME_HEAD, out.n - FRAME_HEAD }, &arena, &answer));
	memcpy(kept, answer.p, answer.n);
	arena_reset(&arena);
	cr_assert_eq(frame_length(kept), answer.n - FRAME_HEAD);
	cr_assert_eq(frame_parse_answer((struct sr_bytes){ kept + FRAME_HEAD, answer.n - FRAME_HEAD }, &frame), SR_OK);
	cr_assert_eq(frame.id, 9);
	snprintf(detail, sizeof detail, "%.*s", (int)frame.failure.n, frame.failure.p);
	arena_reset(&client);
	if (frame.err == SR_OK)
		cr_assert_eq(frame_decode(&frame, rs, CODEC_REFUSE_UNKNOWN, r, &client, &field), SR_OK, "%s", field);
	enum sr_err err = frame.err;
	frame_finish(&frame);
	return err;
}
#define CALL(who, op, q, r) call_schema(who, #op, &op##_req_schema, q, &op##_rep_schema, r)

static void make_vault(const struct identity *who, const char *uri)
{
	struct sr_vault_create_req q = { .vault = str_of(uri) };
	struct sr_vault_create_rep r;

	cr_assert_eq(CALL(who, vault_create, &q, &r), SR_OK, "%s", detail);
}

static struct sr_key_bundle make_key(const char *uri, const char *kty)
{
	struct sr_key_create_req q = { .key = str_of(uri), .kty = str_of(kty) };
	struct sr_key_create_rep r;

	cr_assert_eq(CALL(&root, key_create, &q, &r), SR_OK, "%s", detail);
	return r.key;
}

static enum sr_err sign(const struct identity *who, const char *uri)
{
	static const uint8_t digest[32] = { 42 };
	struct sr_key_sign_req q = { .key = str_of(uri), .alg = SR_STR("ES256") };
	struct sr_key_sign_rep r;

	SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, sizeof digest }));
	return CALL(who, key_sign, &q, &r);
}

static enum sr_err grant(const struct identity *who, const char *scope, const char *principal, const char *role)
{
	struct sr_grant_add_req q = { .scope = str_of(scope), .principal = str_of(principal) };
	struct sr_grant_add_rep r;

	SR_SET(grant_add_req, &q, role, str_of(role));
	return CALL(who, grant_add, &q, &r);
}

static enum sr_err take_back(const struct identity *who, const char *scope, const char *principal)
{
	struct sr_grant_remove_req q = { .scope = str_of(scope) };
	struct sr_grant_remove_rep r;

	SR_SET(grant_remove_req, &q, principal, str_of(principal));
	return CALL(who, grant_remove, &q, &r);
}

static uint64_t lines_logged(void)
{
	struct sr_audit_read_req q = { 0 };
	struct sr_audit_read_rep r;

	SR_SET(audit_read_req, &q, max, 1);
	cr_assert_eq(CALL(&root, audit_read, &q, &r), SR_OK, "%s", detail);
	return r.size;
}

/* Does the last line of the log hold all of these words? */
static bool logged(const char *a, const char *b, const char *c)
{
	struct sr_audit_read_req q = { 0 };
	struct sr_audit_read_rep r;
	char line[AUDIT_LINE_MAX + 1];

	SR_SET(audit_read_req, &q, max, 1);
	cr_assert_eq(CALL(&root, audit_read, &q, &r), SR_OK, "%s", detail);
	cr_assert(str_copy((struct sr_str){ (const char *)r.lines.p, r.lines.n }, line, sizeof line));
	return strstr(line, a) != NULL && strstr(line, b) != NULL && strstr(line, c) != NULL;
}

Test(dispatch, makes_a_key_that_signs_and_records_it)
{
	static const uint8_t digest[32] = { 7 };
	struct sr_key_sign_req q = { .alg = SR_STR("ES256") };
	struct sr_key_sign_rep r;
	char kid[300];
	uint8_t spki[200];
	const unsigned char *p = spki;
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ctx;

	make_vault(&root, "strongroom://web");
	struct sr_key_bundle k = make_key("strongroom://Web/keys/TLS", "EC");
	cr_assert(str_is(k.kty, "EC") && str_is(k.crv, "P-256") && k.size == 256 && k.attributes.enabled);
	cr_assert(str_copy(k.kid, kid, sizeof kid));
	cr_assert_eq(strncmp(kid, "strongroom://web/keys/tls/", 26), 0, "%s", kid);
	memcpy(spki, k.spki.p, k.spki.n);
	pkey = d2i_PUBKEY(NULL, &p, (long)k.spki.n);
	cr_assert_not_null(pkey);
	cr_assert(logged("\"KeyCreate\"", kid, "\"Success\""));

	q.key = str_of(kid);
	SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, sizeof digest }));
	cr_assert_eq(CALL(&root, key_sign, &q, &r), SR_OK, "%s", detail);
	cr_assert(str_is(r.kid, kid));
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	cr_assert(EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, r.signature.p, r.signature.n, digest, 32) == 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	cr_assert(logged("\"KeySign\"", kid, "\"algorithm\":\"ES256\""));
}

Test(dispatch, refuses_strangers_without_telling_what_exists)
{
	char absent[sizeof detail], present[sizeof detail];

	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_DENIED);
	strcpy(present, detail);
	cr_assert(logged("\"uid\":33", "strongroom://web/keys/tls", "keys/sign"));
	cr_assert_eq(sign(&www, "strongroom://web/keys/tlx"), SR_DENIED);
	strcpy(absent, detail);
	present[strcspn(present, "x")] = absent[strcspn(absent, "x")] = '\0';
	cr_assert_not_null(strstr(present, "uid 33"));
	cr_assert_not_null(strstr(present, "keys/sign"));
	cr_assert_eq(sign(&www, "strongroom://nope/keys/tls"), SR_DENIED);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tlx"), SR_NOT_FOUND, "who may list is told");
	cr_assert_eq(sign(&root, "strongroom://nope/keys/tls"), SR_NOT_FOUND, "and so is the tenant's owner");
}

Test(dispatch, lets_the_operator_manage_and_not_use)
{
	struct sr_vault_create_req q = { .vault = SR_STR("strongroom://app") };
	struct sr_vault_create_rep r;

	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	cr_assert_eq(take_back(&root, "strongroom://web", "uid:0"), SR_OK, "%s", detail);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_DENIED, "being operator gives no right to use");
	cr_assert_eq(grant(&root, "strongroom://web", "uid:1", "Data Access Administrator"), SR_OK, "a vault without owner: %s", detail);
	cr_assert_eq(grant(&root, "strongroom://web", "uid:0", "Crypto User"), SR_DENIED, "a vault with one");
	cr_assert_eq(grant(&alice, "strongroom://web", "uid:0", "Crypto User"), SR_OK);
	cr_assert_eq(grant(&alice, "strongroom://web", "uid:3999999999", "Data Access Administrator"), SR_OK);
	cr_assert_eq(take_back(&alice, "strongroom://web", "uid:1"), SR_OK);
	cr_assert_eq(grant(&root, "strongroom://web", "uid:1", "Data Access Administrator"), SR_OK, "a vault whose owner is gone: %s", detail);
	cr_assert_eq(CALL(&www, vault_create, &q, &r), SR_DENIED);
	cr_assert_eq(CALL(&alice, vault_create, &q, &r), SR_DENIED);
}

Test(dispatch, tells_strangers_only_that_it_runs)
{
	struct sr_status_req q = { 0 };
	struct sr_status_rep r;

	cr_assert_eq(CALL(&www, status, &q, &r), SR_OK);
	cr_assert(str_is(r.state, "running") && !SR_HAS(status_rep, &r, problem) && !SR_HAS(status_rep, &r, data));
	cr_assert_eq(CALL(&root, status, &q, &r), SR_OK);
	cr_assert(str_is(r.state, "ok") && SR_HAS(status_rep, &r, data));
}

Test(dispatch, takes_away_at_once_what_was_granted)
{
	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	make_key("strongroom://web/keys/other", "EC");
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_DENIED);
		cr_assert(dispatch_knows(dispatch, &root) && !dispatch_knows(dispatch, &www));
		cr_assert_eq(grant(&root, i % 2 ? "strongroom://web/*/tls" : "strongroom://web/keys/tls", "uid:33", "Crypto User"), SR_OK, "%s", detail);
		cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_OK, "%s", detail);
		cr_assert(dispatch_knows(dispatch, &www));
		cr_assert_eq(sign(&www, "strongroom://web/keys/other"), SR_DENIED);
		cr_assert_eq(grant(&www, "strongroom://web/keys/tls", "uid:1", "Crypto User"), SR_DENIED);
		cr_assert_eq(take_back(&root, i % 2 ? "strongroom://web/*/tls" : "strongroom://web/keys/tls", "uid:33"), SR_OK, "%s", detail);
	}
	cr_assert_eq(take_back(&root, "strongroom://web/keys/tls", "uid:33"), SR_NOT_FOUND);
	cr_assert_eq(grant(&root, "strongroom://web/keys/tls", "uid:0033", "Crypto User"), SR_OK);
	cr_assert_eq(take_back(&root, "strongroom://web/keys/tls", "uid:33"), SR_OK, "a number has one spelling: %s", detail);
}

static enum sr_err update_enabled(const char *uri, bool enabled)
{
	struct sr_key_update_req q = { .key = str_of(uri) };
	struct sr_key_update_rep r;

	SR_SET(key_update_req, &q, enabled, enabled);
	return CALL(&root, key_update, &q, &r);
}

static enum sr_err grant_set(const char *scope, const char *principal, unsigned set)
{
	static const struct sr_str all[] = {
#define PERMISSION(id, name, summary) { name, sizeof name - 1 },
#include <strongroom/permissions.def>
#undef PERMISSION
	};
	struct sr_grant_add_req q = { .scope = str_of(scope), .principal = str_of(principal) };
	struct sr_grant_add_rep r;
	struct sr_str names[SR_COUNT(all)];
	size_t n = 0;

	for (size_t i = 0; i < SR_COUNT(all); i++)
		if ((set >> i & 1) != 0)
			names[n++] = all[i];
	SR_SET(grant_add_req, &q, permissions, ((struct sr_strs){ names, n }));
	return CALL(&root, grant_add, &q, &r);
}

Test(dispatch, takes_back_all_that_a_principal_has_and_records_what)
{
	struct sr_grant_remove_req q = { .scope = SR_STR("strongroom://web") };
	struct sr_grant_remove_rep r;
	unsigned sets = (1u << PERM_COUNT) - 1;

	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	for (unsigned set = 1; set <= sets; set++)
		cr_assert_eq(grant_set("strongroom://web", "uid:33", set), SR_OK, "%s", detail);
	cr_assert(logged("\"GrantAdd\"", "\"role\":\"custom\"", "\"permissions\":\"vaults/get keys/get "), "what was granted");
	cr_assert(logged("keys/sign", "grants/read", "grants/write\""), "whole");
	cr_assert_eq(grant(&root, "strongroom://web", "uid:33", "Crypto User"), SR_OK, "%s", detail);
	cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_OK);
	SR_SET(grant_remove_req, &q, principal, SR_STR("uid:33"));
	cr_assert_eq(CALL(&root, grant_remove, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(r.removed, sets + 1);
	cr_assert(logged("\"GrantRemove\"", "\"principal\":\"uid:33\"", "\"count\":1024"));
	cr_assert_not(logged("\"role\"", "", ""), "no one role stands for all");
	cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_DENIED);
	dispatch_close(dispatch);
	open_dispatch();
	cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_DENIED, "nor after a restart");
}

Test(dispatch, bounds_the_grants_of_a_vault)
{
	char principal[32];

	make_vault(&root, "strongroom://web");          /* with two */
	make_vault(&root, "strongroom://web2");
	for (int i = 2; i < 2048; i++) {
		snprintf(principal, sizeof principal, "uid:%d", 5000 + i);
		cr_assert_eq(grant(&root, "strongroom://web", principal, "Reader"), SR_OK, "%d: %s", i, detail);
	}
	cr_assert_eq(grant(&root, "strongroom://web", "uid:1", "Reader"), SR_LIMIT, "%s", detail);
	cr_assert_not_null(strstr(detail, "2048 grants"), "%s", detail);
	cr_assert_eq(grant(&root, "strongroom://web", "uid:5002", "Reader"), SR_OK, "there already: %s", detail);
	cr_assert_eq(grant(&root, "strongroom://web2", "uid:1", "Reader"), SR_OK, "another vault: %s", detail);
	cr_assert_eq(take_back(&root, "strongroom://web", "uid:5002"), SR_OK, "%s", detail);
	cr_assert_eq(grant(&root, "strongroom://web", "uid:1", "Reader"), SR_OK, "%s", detail);
}

Test(dispatch, refuses_settings_that_would_say_one_thing_and_do_another)
{
	struct sr_key_update_req uq = { .key = SR_STR("strongroom://web/keys/tls") };
	struct sr_key_update_rep ur;
	struct sr_key_create_req cq = { .key = SR_STR("strongroom://web/keys/tls"), .kty = SR_STR("EC") };
	struct sr_key_create_rep cr;
	struct sr_tag tags[2] = { { .name = SR_STR("a"), .value = SR_STR("1") }, { .name = SR_STR("a"), .value = SR_STR("2") } };

	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	SR_SET(key_create_req, &cq, exp, 0);
	cr_assert_eq(CALL(&root, key_create, &cq, &cr), SR_BAD_PARAMETER, "it would not expire");
	SR_SET(key_update_req, &uq, exp, 0);
	cr_assert_eq(CALL(&root, key_update, &uq, &ur), SR_BAD_PARAMETER, "it would not expire");
	uq = (struct sr_key_update_req){ .key = SR_STR("strongroom://web/keys/tls"), .tags = { tags, 2 } };
	SR_SET(key_update_req, &uq, set_tags, true);
	cr_assert_eq(CALL(&root, key_update, &uq, &ur), SR_BAD_PARAMETER, "one name, two values");
}

Test(dispatch, enforces_what_a_key_may_do)
{
	struct sr_key_update_req q = { .key = SR_STR("strongroom://web/keys/tls") };
	struct sr_key_update_rep r;
	struct sr_str verify = SR_STR("verify");
	uint64_t now = (uint64_t)time(NULL);

	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_OK);
	cr_assert_eq(update_enabled("strongroom://web/keys/tls", false), SR_OK);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_DISABLED);
	cr_assert_not_null(strstr(detail, "strongroom://web/keys/tls/"), "the version is named: %s", detail);
	cr_assert_eq(update_enabled("strongroom://web/keys/tls", true), SR_OK);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_OK);

	SR_SET(key_update_req, &q, exp, now - 10);
	cr_assert_eq(CALL(&root, key_update, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_EXPIRED);
	SR_SET(key_update_req, &q, exp, now + 2000);
	SR_SET(key_update_req, &q, nbf, now + 1000);
	cr_assert_eq(CALL(&root, key_update, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_NOT_YET_VALID);
	SR_SET(key_update_req, &q, nbf, now + 3000);
	cr_assert_eq(CALL(&root, key_update, &q, &r), SR_BAD_PARAMETER);
	q = (struct sr_key_update_req){ .key = SR_STR("strongroom://web/keys/tls") };
	SR_SET(key_update_req, &q, no_nbf, true);
	SR_SET(key_update_req, &q, no_exp, true);
	SR_SET(key_update_req, &q, key_ops, ((struct sr_strs){ &verify, 1 }));
	cr_assert_eq(CALL(&root, key_update, &q, &r), SR_OK, "%s", detail);
	cr_assert(!SR_HAS(key_attributes, &r.key.attributes, nbf));
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_KEY_OP);
}

Test(dispatch, keeps_old_versions_and_moves_the_latest)
{
	struct sr_key_versions_req q = { .key = SR_STR("strongroom://web/keys/tls") };
	struct sr_key_versions_rep r;
	char kids[5][300];

	make_vault(&root, "strongroom://web");
	for (int i = 0; i < 5; i++)
		cr_assert(str_copy(make_key("strongroom://web/keys/tls", "EC").kid, kids[i], sizeof kids[i]));
	for (int i = 0; i < 5; i++)
		cr_assert_eq(sign(&root, kids[i]), SR_OK);
	SR_SET(key_versions_req, &q, max, 2);
	for (int i = 4; i >= 0; i -= 2) {
		static char next[64];

		cr_assert_eq(CALL(&root, key_versions, &q, &r), SR_OK, "%s", detail);
		cr_assert_eq(r.keys.n, i == 0 ? 1 : 2);
		cr_assert(str_is(r.keys.v[0].kid, kids[i]), "newest first");
		cr_assert_eq(SR_HAS(key_versions_rep, &r, next), i != 0);
		cr_assert(str_copy(r.next, next, sizeof next));
		SR_SET(key_versions_req, &q, after, str_of(next));
	}
	cr_assert_eq(update_enabled(kids[4], false), SR_OK);
	cr_assert_eq(sign(&root, "strongroom://web/keys/tls"), SR_DISABLED, "the latest is not replaced by an older one");
	cr_assert_eq(sign(&root, kids[3]), SR_OK);
}

Test(dispatch, lists_by_pages)
{
	struct sr_key_list_req q = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep r;
	char uri[64], next[200] = "";
	unsigned seen = 0;

	make_vault(&root, "strongroom://web");
	make_vault(&root, "strongroom://web2");
	for (int i = 0; i < 25; i++) {
		snprintf(uri, sizeof uri, "strongroom://web/keys/k%02d", i);
		make_key(uri, i % 2 ? "OKP" : "EC");
	}
	SR_SET(key_list_req, &q, max, 10);
	do {
		if (next[0] != '\0')
			SR_SET(key_list_req, &q, after, str_of(next));
		cr_assert_eq(CALL(&root, key_list, &q, &r), SR_OK, "%s", detail);
		for (size_t i = 0; i < r.keys.n; i++, seen++) {
			snprintf(uri, sizeof uri, "strongroom://web/keys/k%02u", seen);
			cr_assert(str_is(r.keys.v[i].kid, uri));
		}
		cr_assert(str_copy(r.next, next, sizeof next));
	} while (SR_HAS(key_list_rep, &r, next));
	cr_assert_eq(seen, 25);
	q = (struct sr_key_list_req){ .vault = SR_STR("strongroom://web2") };
	cr_assert_eq(CALL(&root, key_list, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(r.keys.n, 0);
}

/* As many and as long tags as a key may have. */
static void fill_tags(struct sr_tag tags[static 15])
{
	static char names[15][256], value[256];

	memset(value, 'v', sizeof value);
	for (size_t i = 0; i < 15; i++) {
		memset(names[i], 'a' + (int)i, sizeof names[i]);
		tags[i] = (struct sr_tag){ .name = { names[i], sizeof names[i] }, .value = { value, sizeof value } };
	}
}

static void make_tagged_key(const char *uri)
{
	struct sr_key_create_req q = { .key = str_of(uri), .kty = SR_STR("EC") };
	struct sr_key_create_rep r;
	struct sr_tag tags[15];

	fill_tags(tags);
	q.tags.v = tags;
	q.tags.n = 15;
	cr_assert_eq(CALL(&root, key_create, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(r.key.tags.n, 15);
}

Test(dispatch, lists_keys_with_long_tags_in_shorter_pages)
{
	struct sr_key_list_req lq = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep lr;
	struct sr_key_versions_req vq = { .key = SR_STR("strongroom://web/keys/one") };
	struct sr_key_versions_rep vr;
	char uri[64], next[200] = "";
	size_t keys = 0, versions = 0;

	make_vault(&root, "strongroom://web");
	for (int i = 0; i < 40; i++) {
		snprintf(uri, sizeof uri, "strongroom://web/keys/k%02d", i);
		make_tagged_key(uri);
		make_tagged_key("strongroom://web/keys/one");
	}
	do {
		cr_assert_eq(CALL(&root, key_list, &lq, &lr), SR_OK, "%s", detail);
		cr_assert_gt(lr.keys.n, 0);
		keys += lr.keys.n;
		cr_assert(str_copy(lr.next, next, sizeof next));
		SR_SET(key_list_req, &lq, after, str_of(next));
	} while (SR_HAS(key_list_rep, &lr, next));
	cr_assert_eq(keys, 41);
	do {
		cr_assert_eq(CALL(&root, key_versions, &vq, &vr), SR_OK, "%s", detail);
		cr_assert_gt(vr.keys.n, 0);
		versions += vr.keys.n;
		cr_assert(str_copy(vr.next, next, sizeof next));
		SR_SET(key_versions_req, &vq, after, str_of(next));
	} while (SR_HAS(key_versions_rep, &vr, next));
	cr_assert_eq(versions, 40);
}

Test(dispatch, lists_a_users_vaults_among_many_of_others)
{
	struct sr_vault_list_req q = { 0 };
	struct sr_vault_list_rep r;
	char uri[64];

	for (int i = 0; i < 1200; i++) {
		snprintf(uri, sizeof uri, "strongroom://v%04d", i);
		make_vault(&root, uri);
	}
	cr_assert_eq(grant(&root, "strongroom://v1100/keys/tls", "uid:33", "Crypto User"), SR_OK, "%s", detail);
	arena.cap = 65536;              /* so that fewer are many */
	cr_assert_eq(CALL(&www, vault_list, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(r.vaults.n, 1);
	cr_assert(str_is(r.vaults.v[0].id, "strongroom://v1100"));
}

Test(dispatch, records_the_lists_of_strangers_no_more_often_than_refusals)
{
	struct sr_vault_list_req q = { 0 };
	struct sr_vault_list_rep r;
	uint64_t before, seconds, now = (uint64_t)time(NULL);

	make_vault(&root, "strongroom://web");
	before = lines_logged();
	for (int i = 0; i < 50; i++)
		cr_assert_eq(CALL(&root, vault_list, &q, &r), SR_OK, "%s", detail);
	cr_assert_eq(lines_logged(), before + 50, "who sees something is recorded each time");
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(CALL(&www, vault_list, &q, &r), SR_OK, "%s", detail);
	seconds = (uint64_t)time(NULL) - now + 1;
	cr_assert_leq(lines_logged(), before + 50 + 1000 * (2 + seconds), "20000 calls that show nothing");
	dispatch_tick(dispatch);
	cr_assert(logged("\"RefusalsSummed\"", "\"uid\":33", "\"count\":"));
}

Test(refusals, of_one_user_are_counted_on_while_a_slow_call_of_another_ends)
{
	const uint64_t second = 1000000000;
	struct refusals *r;

	cr_assert_eq(refusals_new(1, &r), SR_OK);
	for (uid_t uid = 8; uid < 256; uid++)           /* as many as are kept apart, but for eight */
		for (int i = 0; i < 3; i++)
			(void)refusals_admit(r, uid, 90 * second);
	for (uid_t uid = 0; uid < 8; uid++)
		for (int i = 0; i < 2; i++)
			cr_assert(refusals_admit(r, uid, 100 * second));
	(void)refusals_admit(r, 1000, 97 * second);     /* began before the others' */
	for (uid_t uid = 0; uid < 8; uid++)
		cr_assert_not(refusals_admit(r, uid, 100 * second), "uid %u", (unsigned)uid);
	refusals_free(r);
}

struct sums {
	unsigned lines;
	uint64_t count;
	bool fails;
};

static bool add_sum(uid_t uid, uint64_t count, void *arg)
{
	struct sums *sums = arg;

	(void)uid;
	if (sums->fails)
		return false;
	sums->lines++;
	sums->count += count;
	return true;
}

Test(refusals, of_one_person_with_many_uids_are_few_lines_and_all_counted)
{
	const uint64_t second = 1000000000;
	struct sums sums = { 0, 0, false };
	uint64_t lines = 0;
	struct refusals *r;

	cr_assert_eq(refusals_new(10, &r), SR_OK);
	for (uint64_t t = 100; t < 110; t++) {
		for (uid_t uid = 0; uid < 1000; uid++)
			for (int i = 0; i < 20; i++)
				lines += refusals_admit(r, uid, t * second);
		sums.fails = t == 104;
		refusals_flush(r, add_sum, &sums);
	}
	cr_assert_leq(lines, 16 * 10 * 11, "%ju lines", (uintmax_t)lines);
	cr_assert_leq(sums.lines, 17 * 10, "%u sums", sums.lines);
	cr_assert_eq(lines + sums.count, 10 * 1000 * 20);
	refusals_free(r);
}

Test(dispatch, survives_a_restart)
{
	make_vault(&root, "strongroom://web");
	make_key("strongroom://web/keys/tls", "EC");
	cr_assert_eq(grant(&root, "strongroom://web/keys/tls", "uid:33", "Crypto User"), SR_OK);
	for (int i = 0; i < 3; i++) {
		dispatch_close(dispatch);
		open_dispatch();
		cr_assert_eq(sign(&www, "strongroom://web/keys/tls"), SR_OK, "%s", detail);
		cr_assert_eq(sign(&alice, "strongroom://web/keys/tls"), SR_DENIED);
	}
}

Test(dispatch, says_what_is_wrong_with_bad_parameters_and_changes_nothing)
{
	static const struct { const char *uri, *kty, *crv; uint64_t size; enum sr_err err; } cases[] = {
		{ "strongroom://web/keys/a",     "RSA", "",        1024, SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a",     "RSA", "",        2049, SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a",     "EC",  "P-257",   0,    SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a",     "EC",  "Ed25519", 0,    SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a",     "DSA", "",        0,    SR_BAD_PARAMETER },
		{ "strongroom://web/secrets/a",  "EC",  "",        0,    SR_BAD_PARAMETER },
		{ "strongroom://web",            "EC",  "",        0,    SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a b",   "EC",  "",        0,    SR_BAD_PARAMETER },
		{ "strongroom:web/keys/a",       "EC",  "",        0,    SR_BAD_PARAMETER },
		{ "strongroom://web/keys/a/0123456789abcdef0123456789abcdef", "EC", "", 0, SR_BAD_PARAMETER },
		{ "strongroom://nope/keys/a",    "EC",  "",        0,    SR_NOT_FOUND },
	};
	struct sr_key_list_req lq = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep lr;

	make_vault(&root, "strongroom://web");
	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sr_key_create_req q = { .key = str_of(cases[i].uri), .kty = str_of(cases[i].kty) };
		struct sr_key_create_rep r;

		if (cases[i].crv[0] != '\0')
			SR_SET(key_create_req, &q, crv, str_of(cases[i].crv));
		if (cases[i].size != 0)
			SR_SET(key_create_req, &q, size, cases[i].size);
		cr_assert_eq(CALL(&root, key_create, &q, &r), cases[i].err, "case %zu: %s", i, detail);
		cr_assert_neq(detail[0], '\0');
	}
	cr_assert_eq(CALL(&root, key_list, &lq, &lr), SR_OK);
	cr_assert_eq(lr.keys.n, 0);
}

/* Runs raw bytes; true when the connection may go on. */
static bool raw(struct session *session, const char *bytes, size_t n, enum sr_err *err)
{
	struct sr_bytes answer;
	struct frame frame;
	bool goes_on = dispatch_run(dispatch, session, (struct sr_bytes){ (const uint8_t *)bytes, n }, &arena, &answer);

	cr_assert_gt(answer.n, FRAME_HEAD);
	cr_assert_eq(frame_parse_answer((struct sr_bytes){ answer.p + FRAME_HEAD, answer.n - FRAME_HEAD }, &frame), SR_OK);
	*err = frame.err;
	frame_finish(&frame);
	arena_reset(&arena);
	return goes_on;
}

Test(dispatch, wants_hello_first_and_closes_on_what_is_no_request)
{
	struct session session = { &www, false };
	enum sr_err err;

	cr_assert(!raw(&session, "\x94\x00\x01\xa6status\x80", 11, &err));
	cr_assert_eq(err, SR_BAD_MESSAGE);
	cr_assert(raw(&session, "\x94\x00\x01\xa5hello\x81\xa7version\x00", 19, &err));
	cr_assert(err == SR_UNSUPPORTED && !session.greeted, "a version that nobody speaks");
	cr_assert(raw(&session, "\x94\x00\x01\xa5hello\x81\xa7version\x02", 19, &err));
	cr_assert(err == SR_OK && session.greeted, "a newer client");
	cr_assert(raw(&session, "\x94\x00\x01\xa6status\x80", 11, &err));
	cr_assert_eq(err, SR_OK);
	cr_assert(raw(&session, "\x94\x00\x01\xa3nop\x80", 8, &err));
	cr_assert_eq(err, SR_UNKNOWN_OP);
	cr_assert(!raw(&session, "\xdd\x05\x00\x00\x00", 5, &err));
	cr_assert_eq(err, SR_BAD_MESSAGE);
	cr_assert(!raw(&session, "", 0, &err));
}
