/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as it runs: lines, checkpoints, proofs, many threads, old segments. */
#include "audit_rig.h"
#include "locked_first.h"

#include <openssl/sha.h>
#include <stdatomic.h>
#include <time.h>

#include "base/base64.h"
#include "base/tile.h"

static struct rig rig;

static void set_up(void)
{
	rig_init(&rig);
	rig_open(&rig);
}

static void tear_down(void)
{
	rig_finish(&rig);
}

TestSuite(audit, .init = set_up, .fini = tear_down, .timeout = 120);

/* ---- lines ---- */

Test(audit, a_line_is_the_sequence_number_and_the_body)
{
	struct sr_bytes lines;
	uint64_t count;

	cr_assert_eq(audit_append(rig.audit, SR_STR("\"a\":1}"), NULL), SR_OK);
	cr_assert_eq(audit_append(rig.audit, SR_STR("\"b\":2}"), NULL), SR_OK);
	rig.arena.used = 0;
	cr_assert_eq(audit_read(rig.audit, 0, 10, &rig.arena, &lines, &count), SR_OK);
	cr_assert_eq(count, 2);
	cr_assert(str_is((struct sr_str){ (const char *)lines.p, lines.n }, "{\"seq\":0,\"a\":1}\n{\"seq\":1,\"b\":2}\n"));
}

Test(audit, refuses_bodies_that_are_no_line)
{
	char large[AUDIT_LINE_MAX];

	memset(large, 'x', sizeof large);
	large[sizeof large - 1] = '}';
	cr_assert_eq(audit_append(rig.audit, (struct sr_str){ large, sizeof large }, NULL), SR_TOO_LARGE);
	cr_assert_eq(audit_append(rig.audit, SR_STR(""), NULL), SR_TOO_LARGE);
	cr_assert_eq(audit_append(rig.audit, SR_STR("\"a\":1"), NULL), SR_TOO_LARGE);
	cr_assert_eq(audit_append(rig.audit, SR_STR("\"a\":\n1}"), NULL), SR_TOO_LARGE);
	cr_assert_eq(rig_size(&rig), 0);
	large[AUDIT_LINE_MAX - 33] = '}';
	cr_assert_eq(audit_append(rig.audit, (struct sr_str){ large, AUDIT_LINE_MAX - 32 }, NULL), SR_OK);
	(void)rig_checkpoint(&rig);
	cr_assert_str_eq(rig_check(&rig).problem, "");
}

Test(audit, any_line_can_be_read_from_any_segment)
{
	enum { N = 2000 };

	rig_append(&rig, 0, N);
	for (uint64_t from = 0; from < N; from = from < 300 || from > N - 3 ? from + 1 : from + 97) {
		struct sr_bytes lines;
		uint64_t count;
		char expected[32];

		rig.arena.used = 0;
		cr_assert_eq(audit_read(rig.audit, from, 5, &rig.arena, &lines, &count), SR_OK);
		cr_assert(count >= 1 && count <= 5);
		(void)snprintf(expected, sizeof expected, "{\"seq\":%" PRIu64 ",", from);
		cr_assert_eq(memcmp(lines.p, expected, strlen(expected)), 0, "line %" PRIu64, from);
		cr_assert_eq(lines.p[lines.n - 1], '\n');
	}
	struct sr_bytes lines;
	uint64_t count;
	cr_assert_eq(audit_read(rig.audit, N, 1, &rig.arena, &lines, &count), SR_NOT_FOUND);
	cr_assert_eq(audit_read(rig.audit, UINT64_MAX, 1, &rig.arena, &lines, &count), SR_NOT_FOUND);
	rig.arena.used = RIG_ARENA - 100;
	cr_assert_eq(audit_read(rig.audit, 0, 1, &rig.arena, &lines, &count), SR_NOMEM);
	cr_assert_eq(rig.arena.used, RIG_ARENA - 100);
}

Test(audit, reading_fills_the_arena_with_whole_lines_only)
{
	struct arena small = { rig.arena.base, 1000, 0 };
	struct sr_bytes lines;
	uint64_t count;

	rig_append(&rig, 0, 50);
	cr_assert_eq(audit_read(rig.audit, 10, 50, &small, &lines, &count), SR_OK);
	cr_assert_gt(count, 2);
	cr_assert_gt(lines.n + lines.n / count, 1000 - 16);
	cr_assert_eq(lines.p[lines.n - 1], '\n');
	cr_assert_leq(small.used, 1000);
}

/* ---- checkpoints ---- */

Test(audit, a_checkpoint_covers_all_lines_and_reaches_store_and_file)
{
	struct checkpoint checkpoint, filed;
	SR_AUTO_FREE char *text = NULL;
	struct sr_str note;
	size_t n;

	rig_append(&rig, 0, 777);
	note = rig_checkpoint(&rig);
	cr_assert_eq(checkpoint_open(note, &rig.key, &checkpoint), SR_OK);
	cr_assert_eq(checkpoint.size, 777);
	cr_assert_eq(rig_covered(&rig), 777);
	cr_assert_eq(rig.mark.size, 777);
	cr_assert_arr_eq(rig.mark.root, checkpoint.root, 32);
	cr_assert_eq(io_read_file(rig.scratch.fd, "checkpoint", NOTE_MAX, &text, &n), SR_OK);
	cr_assert_eq(checkpoint_open((struct sr_str){ text, n }, &rig.key, &filed), SR_OK);
	cr_assert_eq(filed.size, 777);
}

Test(audit, an_empty_log_has_a_checkpoint_too)
{
	struct checkpoint checkpoint;

	cr_assert_eq(checkpoint_open(rig_checkpoint(&rig), &rig.key, &checkpoint), SR_OK);
	cr_assert_eq(checkpoint.size, 0);
	rig_reopen(&rig);
	cr_assert_str_eq(rig_problem(&rig), "");
	cr_assert_str_eq(rig_check(&rig).problem, "");
}

Test(audit, verifies_over_many_segments_and_restarts)
{
	struct logcheck_report report;

	for (uint64_t i = 0; i < 20; i++) {
		rig_append(&rig, i * 1000, 1000);
		rig_reopen(&rig);
		cr_assert_str_eq(rig_problem(&rig), "");
	}
	report = rig_check(&rig);
	cr_assert_str_eq(report.problem, "");
	cr_assert_eq(report.size, 20000);
	cr_assert_eq(report.covered, 20000);
	cr_assert_geq(report.checkpoints, 100, "one of each closed segment");
	cr_assert_eq(report.first, 0);
}

Test(audit, says_how_many_lines_no_checkpoint_covers)
{
	struct logcheck_report report;

	rig_append(&rig, 0, 100);
	(void)rig_checkpoint(&rig);
	rig_append(&rig, 100, 23);
	report = rig_check(&rig);
	cr_assert_str_eq(report.problem, "");
	cr_assert_eq(report.size - report.covered, 23);
}

Test(audit, checkpoints_come_by_themselves_while_lines_come_and_stop_when_they_do)
{
	size_t keeps;

	rig.options.interval_ms = 20;
	rig_reopen(&rig);
	rig_append(&rig, 0, 10);
	for (int i = 0; i < 200 && rig_covered(&rig) < 10; i++)
		rig_sleep_ms(10);
	cr_assert_eq(rig_covered(&rig), 10);
	keeps = rig.keeps;
	rig_sleep_ms(500);
	cr_assert_eq(rig.keeps, keeps, "an idle log needs no new checkpoint");
	rig_append(&rig, 10, 1);
	for (int i = 0; i < 200 && rig_covered(&rig) < 11; i++)
		rig_sleep_ms(10);
	cr_assert_eq(rig_covered(&rig), 11, "and the thread wakes again");
}

Test(audit, records_are_settled_only_once_their_line_is_under_the_mark)
{
	char id[AUDIT_ID_LEN + 1];

	cr_assert_eq(rig_try_append(&rig, 5, true), SR_OK);
	rig_append(&rig, 6, 100);
	cr_assert_eq(rig_try_append(&rig, 9, true), SR_OK);
	cr_assert_eq(rig.ids_n, 0);
	rig.keep_result = SR_NO_ROOM;
	rig.arena.used = 0;
	struct sr_str note;
	cr_assert_eq(audit_checkpoint(rig.audit, &rig.arena, &note), SR_NO_ROOM);
	cr_assert_eq(rig.ids_n, 0);
	rig.keep_result = SR_OK;
	cr_assert_eq(rig_try_append(&rig, 11, true), SR_OK);
	(void)rig_checkpoint(&rig);
	cr_assert_eq(rig.ids_n, 3);
	rig_id(5, id);
	cr_assert_str_eq(rig.ids[0], id);
	rig_id(11, id);
	cr_assert_str_eq(rig.ids[2], id);
}

/* ---- proofs ---- */

static void naive_root(const uint8_t (*leaf)[32], size_t n, uint8_t *out)
{
	uint8_t buf[65] = { 1 };
	size_t k = 1;

	if (n == 1) {
		memcpy(out, leaf, 32);
		return;
	}
	while (2 * k < n)
		k *= 2;
	naive_root(leaf, k, buf + 1);
	naive_root(leaf + k, n - k, buf + 33);
	SHA256(buf, sizeof buf, out);
}

/* RFC 6962 2.1.1 read backwards: the root that leaf m of n and its path lead to. */
static void naive_climb(size_t m, size_t n, const uint8_t *leaf, const uint8_t *path, size_t depth, uint8_t *out)
{
	uint8_t buf[65] = { 1 };
	size_t k = 1;

	if (n == 1) {
		cr_assert_eq(depth, 0);
		memcpy(out, leaf, 32);
		return;
	}
	cr_assert_gt(depth, 0);
	while (2 * k < n)
		k *= 2;
	if (m < k) {
		naive_climb(m, k, leaf, path, depth - 1, buf + 1);
		memcpy(buf + 33, path + 32 * (depth - 1), 32);
	} else {
		memcpy(buf + 1, path + 32 * (depth - 1), 32);
		naive_climb(m - k, n - k, leaf, path, depth - 1, buf + 33);
	}
	SHA256(buf, sizeof buf, out);
}

static void leaf_hash(struct sr_bytes line, uint8_t *out)
{
	uint8_t buf[AUDIT_LINE_MAX + 1] = { 0 };

	memcpy(buf + 1, line.p, line.n);
	SHA256(buf, line.n + 1, out);
}

static void assert_proof(uint64_t index)
{
	struct sr_bytes line, proof;
	struct checkpoint checkpoint;
	struct sr_str note;
	uint8_t leaf[32], root[32];
	char head[32];

	rig.arena.used = 0;
	cr_assert_eq(audit_prove(rig.audit, index, &rig.arena, &line, &proof, &note), SR_OK, "line %" PRIu64, index);
	cr_assert_eq(checkpoint_open(note, &rig.key, &checkpoint), SR_OK);
	(void)snprintf(head, sizeof head, "{\"seq\":%" PRIu64 ",", index);
	cr_assert_eq(memcmp(line.p, head, strlen(head)), 0);
	cr_assert_eq(line.p[line.n - 1], '}');
	leaf_hash(line, leaf);
	naive_climb(index, checkpoint.size, leaf, proof.p, proof.n / 32, root);
	cr_assert_arr_eq(root, checkpoint.root, 32, "line %" PRIu64, index);
}

Test(audit, every_line_can_be_proved_to_a_naive_verifier)
{
	enum { N = 1300 };
	static uint8_t leaves[N][32];
	struct checkpoint checkpoint;
	uint8_t root[32];

	for (uint64_t i = 0; i < N; i += 100) {
		rig_append(&rig, i, 100);
		assert_proof(i + 50);   /* not under a checkpoint yet: one is made */
	}
	for (uint64_t i = 0; i < N; i++) {
		struct sr_bytes line;
		uint64_t count;

		assert_proof(i);
		rig.arena.used = 0;
		cr_assert_eq(audit_read(rig.audit, i, 1, &rig.arena, &line, &count), SR_OK);
		line.n--;
		leaf_hash(line, leaves[i]);
	}
	cr_assert_eq(checkpoint_open(rig_checkpoint(&rig), &rig.key, &checkpoint), SR_OK);
	naive_root((const uint8_t (*)[32])leaves, N, root);
	cr_assert_arr_eq(root, checkpoint.root, 32);
	rig_reopen(&rig);
	for (uint64_t i = 0; i < N; i += 7)
		assert_proof(i);
}

Test(audit, proves_no_line_that_is_not_there_nor_one_that_was_changed)
{
	struct sr_bytes line, proof;
	struct sr_str note;

	rig_append(&rig, 0, 300);
	(void)rig_checkpoint(&rig);
	rig.arena.used = 0;
	cr_assert_eq(audit_prove(rig.audit, 300, &rig.arena, &line, &proof, &note), SR_NOT_FOUND);
	rig_shell("sed -i '6s/KeySign/KeySigh/' %s/0000000000.jsonl", rig.scratch.path);
	cr_assert_eq(audit_prove(rig.audit, 5, &rig.arena, &line, &proof, &note), SR_CORRUPT);
	assert_proof(6);
}

Test(audit, an_independent_program_verifies_a_proof)
{
	struct sr_bytes line, proof;
	struct sr_str note, vkey;
	char text[100], *slash;
	FILE *json, *key;

	if (system("python3 -c ''") != 0)
		cr_skip_test("no python3");
	rig_append(&rig, 0, 333);
	rig.arena.used = 0;
	cr_assert_eq(audit_prove(rig.audit, 123, &rig.arena, &line, &proof, &note), SR_OK);
	cr_assert_eq(audit_vkey(rig.audit, &rig.arena, &vkey), SR_OK);
	(void)snprintf(text, sizeof text, "%s/proof.json", rig.scratch.path);
	json = fopen(text, "w");
	(void)snprintf(text, sizeof text, "%s/key", rig.scratch.path);
	key = fopen(text, "w");
	cr_assert(json != NULL && key != NULL);
	fprintf(key, "%.*s\n", (int)vkey.n, vkey.p);
	fprintf(json, "{\"index\":123,\"line\":\"");
	for (size_t i = 0; i < line.n; i++)
		fprintf(json, line.p[i] == '"' ? "\\\"" : "%c", line.p[i]);
	fprintf(json, "\",\"proof\":[");
	for (size_t i = 0; i < proof.n; i += 32) {
		char hash[48];

		(void)base64_encode((struct sr_bytes){ proof.p + i, 32 }, hash);
		fprintf(json, "%s\"%s\"", i > 0 ? "," : "", hash);
	}
	fprintf(json, "],\"checkpoint\":\"");
	for (size_t i = 0; i < note.n; i++)
		fprintf(json, note.p[i] == '\n' ? "\\n" : "%c", note.p[i]);
	fprintf(json, "\"}\n");
	(void)fclose(json);
	(void)fclose(key);
	(void)snprintf(text, sizeof text, "%s", __FILE__);
	slash = strstr(text, "unit/test_audit.c");
	cr_assert_not_null(slash);
	*slash = '\0';
	rig_shell("cd %s && python3 %stools/check_proof.py proof.json key >out", rig.scratch.path, text);
	rig_shell("cd %s && sed 's/KeySign/KeySigh/' proof.json >bad.json && ! python3 %stools/check_proof.py bad.json key 2>err",
		rig.scratch.path, text);
	rig_shell("cd %s && sed 's/\"index\":123/\"index\":122/' proof.json >bad.json && "
		"! python3 %stools/check_proof.py bad.json key 2>err", rig.scratch.path, text);
	rig_shell("cd %s && sed 's/test.n333/test\\\\n334/' proof.json >bad.json && ! cmp -s proof.json bad.json && "
		"! python3 %stools/check_proof.py bad.json key 2>err", rig.scratch.path, text);
}

/* ---- many threads ---- */

enum { THREADS = 8, EACH = 300 };

static void *append_many(void *arg)
{
	uint64_t base = (uint64_t)(uintptr_t)arg * EACH;

	for (uint64_t i = 0; i < EACH; i++)
		if (rig_try_append(&rig, base + i, i % 10 == 0) != SR_OK)
			return (void *)1;
	return NULL;
}

static void run_threads(void)
{
	pthread_t thread[THREADS];
	void *result;

	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, append_many, (void *)i), 0);
	for (int i = 0; i < 5; i++) {
		struct sr_bytes lines;
		uint64_t count;

		(void)rig_checkpoint(&rig);
		(void)rig_problem(&rig);
		if (rig_size(&rig) > 3)
			cr_assert_eq(audit_read(rig.audit, 3, 100, &rig.arena, &lines, &count), SR_OK);
	}
	for (size_t i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(thread[i], &result), 0);
		cr_assert_null(result);
	}
	(void)rig_checkpoint(&rig);
	cr_assert_eq(rig_size(&rig), THREADS * EACH);
	cr_assert_eq(rig.ids_n, THREADS * EACH / 10);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	rig_reopen(&rig);
	cr_assert_str_eq(rig_problem(&rig), "");
}

Test(audit, many_threads_append_whole_lines_in_order)
{
	rig.options.interval_ms = 5;
	rig_reopen(&rig);
	run_threads();
}

Test(audit, sync_always_puts_each_line_on_the_disk_many_to_a_sync)
{
	rig.options.sync_always = true;
	rig.options.interval_ms = 5;
	rig_reopen(&rig);
	run_threads();
}

/* ---- audit_keep ---- */

/* What a power loss leaves just now must be a sound log, though some of it is gone. */
static void assert_sound_after_power_loss(void)
{
	char copy[96];
	struct logcheck_options options = { .key = &rig.key };
	struct logcheck_report report;
	SR_AUTO_FD dirfd = -1;

	(void)snprintf(copy, sizeof copy, "%s.copy", rig.scratch.path);
	rig_shell("rm -rf %s && cp -a %s %s && cd %s && f=$(ls *.jsonl | tail -1) && sed -i '${/AuditTrimmed/d}' $f", copy,
		rig.scratch.path, copy, copy);
	dirfd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(logcheck_dir(dirfd, &options, &report), SR_OK);
	cr_assert_str_eq(report.problem, "");
	cr_assert_eq(report.size, report.covered);
	rig_shell("rm -rf %s", copy);
}

Test(audit, old_segments_go_are_named_in_the_log_and_the_rest_still_proves)
{
	struct logcheck_report report;
	struct sr_bytes lines;
	uint64_t count, first;

	rig.options.keep_bytes = 40000;
	rig_reopen(&rig);
	for (uint64_t i = 0; i < 40; i++) {
		rig_append(&rig, i * 100, 100);
		(void)rig_checkpoint(&rig);
		assert_sound_after_power_loss();
	}
	first = rig_first(&rig);
	cr_assert_gt(first, 3000);
	cr_assert_eq(audit_read(rig.audit, first - 1, 1, &rig.arena, &lines, &count), SR_NOT_FOUND);
	assert_proof(first);
	assert_proof(rig_size(&rig) - 1);
	report = rig_check(&rig);
	cr_assert_str_eq(report.problem, "");
	cr_assert_eq(report.first, rig_first(&rig));
	cr_assert_eq(report.covered, rig_size(&rig));
	for (int i = 0; i < 3; i++) {
		rig_reopen(&rig);
		cr_assert_str_eq(rig_problem(&rig), "");
		assert_proof(rig_first(&rig));
	}
	/* one more than the log says was deleted */
	first = rig_first(&rig);
	rig_close(&rig);
	rig_shell("rm %s/%010" PRIu64 ".*", rig.scratch.path, first);
	cr_assert_str_neq(rig_check(&rig).problem, "");
	rig_open(&rig);
	cr_assert_str_neq(rig_problem(&rig), "");
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
}

Test(audit, leaf_tiles_of_lines_that_are_gone_go_when_the_level_above_has_them, .timeout = 300)
{
	tile_hashes hashes;

	rig.options.keep_bytes = 500000;
	rig.options.segment_bytes = 400000;
	rig_reopen(&rig);
	for (uint64_t i = 0; i < 21; i++) {
		rig_append(&rig, i * 7000, 7000);
		(void)rig_checkpoint(&rig);
	}
	cr_assert_eq(tile_read(rig.scratch.fd, 0, 0, hashes), SR_NOT_FOUND);
	cr_assert_eq(tile_read(rig.scratch.fd, 0, 511, hashes), SR_NOT_FOUND);
	cr_assert_eq(tile_read(rig.scratch.fd, 0, 512, hashes), SR_OK);
	cr_assert_eq(tile_read(rig.scratch.fd, 1, 1, hashes), SR_OK);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	rig_reopen(&rig);
	cr_assert_str_eq(rig_problem(&rig), "");
	assert_proof(rig_first(&rig));
	assert_proof(146999);
}

/* ---- the administrator's command ---- */

Test(audit, the_command_gets_the_newest_checkpoint_and_never_holds_up_the_log)
{
	char text[256];
	SR_AUTO_FREE char *sent = NULL;
	struct checkpoint checkpoint;
	size_t n;

	(void)snprintf(text, sizeof text, "sleep 0.3; cat >%s/sent; echo x >>%s/count", rig.scratch.path, rig.scratch.path);
	rig.options.command = text;
	rig.options.interval_ms = 50;
	rig_reopen(&rig);
	for (uint64_t i = 0; i < 20; i++) {
		rig_append(&rig, i, 1);
		(void)rig_checkpoint(&rig);
	}
	rig_close(&rig);
	cr_assert_eq(io_read_file(rig.scratch.fd, "sent", NOTE_MAX, &sent, &n), SR_OK);
	cr_assert_eq(checkpoint_open((struct sr_str){ sent, n }, &rig.key, &checkpoint), SR_OK);
	cr_assert_eq(checkpoint.size, 20);
	rig_shell("test $(wc -l <%s/count) -lt 10", rig.scratch.path);
}

Test(audit, a_command_that_fails_harms_nothing)
{
	log_set_level(LOG_LEVEL_ERROR);
	rig.options.command = "exit 3";
	rig.options.interval_ms = 20;
	rig_reopen(&rig);
	rig_append(&rig, 0, 5);
	(void)rig_checkpoint(&rig);
	rig_sleep_ms(200);
	rig_append(&rig, 5, 5);
	(void)rig_checkpoint(&rig);
	cr_assert_eq(rig.mark.size, 10);
}
