/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying an audit log from outside: beside the running daemon, and line by line over
 * the socket.  What verification finds is in test_audit_recover.c. */
#include "audit_rig.h"
#include "locked_first.h"

static struct rig rig;

static void set_up(void)
{
	rig_init(&rig);
}

static void tear_down(void)
{
	rig_finish(&rig);
}

TestSuite(logcheck, .init = set_up, .fini = tear_down, .timeout = 120);

Test(logcheck, only_a_numbered_json_object_of_printable_characters_is_a_line)
{
	static const struct { const char *text; bool good; } row[] = {
		{ "{\"seq\":17,\"a\":1}", true }, { "{\"seq\":17,}", true }, { "{\"seq\":17,\"a\":\"\xc3\xa4\"}", true },
		{ "", false }, { "{", false }, { "{\"seq\":", false }, { "{\"seq\":17", false }, { "{\"seq\":17}", false },
		{ "{\"seq\":18,\"a\":1}", false }, { "{\"seq\":017,\"a\":1}", false }, { "{\"seq\":1,\"a\":1}", false },
		{ "{\"seq\":170,\"a\":1}", false }, { "{\"seq\": 17,\"a\":1}", false }, { " {\"seq\":17,\"a\":1}", false },
		{ "{\"seq\":17,\"a\":1} ", false }, { "{\"seq\":17,\"a\":\"\x01\"}", false }, { "{\"seq\":17,\"a\":\"\t\"}", false },
		{ "{\"seq\":17,\"a\":1}\r", false },
	};

	for (size_t i = 0; i < SR_COUNT(row); i++) {
		struct sr_bytes line = { (const uint8_t *)row[i].text, strlen(row[i].text) };

		cr_assert_eq(segment_line_fault(line, 17) == NULL, row[i].good, "%s", row[i].text);
	}
	cr_assert_not_null(segment_line_fault((struct sr_bytes){ (const uint8_t *)"{\"seq\":17,\0}", 13 }, 17));
}

Test(logcheck, a_log_under_load_can_be_verified_offline)
{
	rig.options.interval_ms = 2;
	rig_open(&rig);
	for (uint64_t i = 0; i < 60; i++) {
		rig_append(&rig, i * 50, 50);
		cr_assert_str_eq(rig_check(&rig).problem, "");
	}
}

/* ---- lines over the socket ---- */

Test(logcheck, lines_can_be_verified_as_they_come)
{
	struct logcheck *check;
	struct logcheck_report report;
	struct sr_bytes lines;
	struct sr_str note;
	uint64_t count, at = 0;
	char text[NOTE_MAX + 1];

	rig_open(&rig);
	rig_append(&rig, 0, 500);
	note = rig_checkpoint(&rig);
	memcpy(text, note.p, note.n + 1);
	rig_append(&rig, 500, 20);
	for (int tampered = 0; tampered < 4; tampered++) {
		enum sr_err err = SR_OK;

		cr_assert_eq(logcheck_new(&rig.key, &check), SR_OK);
		cr_assert_eq(logcheck_expect(check, str_of(text), "the checkpoint"), SR_OK);
		for (at = 0; at < 520 && err == SR_OK; at += count) {
			rig.arena.used = 0;
			cr_assert_eq(audit_read(rig.audit, at, 64, &rig.arena, &lines, &count), SR_OK);
			if (tampered == 1 && at > 200 && at < 300)
				rig.arena.base[lines.p - rig.arena.base + 30] ^= 1;
			if (tampered == 2 && at > 200)
				break;
			if (tampered == 3 && at > 200 && at < 300)
				lines.n--;
			err = logcheck_lines(check, lines);
		}
		logcheck_finish(check, &report);
		cr_assert_eq(report.problem[0] == '\0', tampered == 0, "%d: %s", tampered, report.problem);
		if (tampered == 0) {
			cr_assert_eq(report.size, 520);
			cr_assert_eq(report.covered, 500);
		}
		logcheck_free(check);
	}
}

Test(logcheck, lines_can_be_verified_from_the_oldest_kept_one_on)
{
	struct merkle_hasher *hasher;
	struct merkle_range range;
	struct checkpoint checkpoint;
	struct sr_bytes line, proof, lines;
	struct logcheck *check;
	struct logcheck_report report;
	struct sr_str note;
	uint64_t first, count;
	uint8_t leaf[32];

	rig.options.keep_bytes = 40000;
	rig_open(&rig);
	for (uint64_t i = 0; i < 20; i++) {
		rig_append(&rig, i * 100, 100);
		(void)rig_checkpoint(&rig);
	}
	first = rig_first(&rig);
	cr_assert_gt(first, 0);
	rig.arena.used = 0;
	cr_assert_eq(audit_prove(rig.audit, first, &rig.arena, &line, &proof, &note), SR_OK);
	cr_assert_eq(checkpoint_open(note, &rig.key, &checkpoint), SR_OK);
	cr_assert_eq(merkle_hasher_new(&hasher), SR_OK);
	cr_assert_eq(merkle_leaf(hasher, line, leaf), SR_OK);
	cr_assert_eq(merkle_verify(hasher, leaf, first, checkpoint.size, (const void *)proof.p, proof.n / 32,
		checkpoint.root), SR_OK);
	cr_assert_eq(merkle_range_from_proof(first, checkpoint.size, (const void *)proof.p, proof.n / 32, &range), SR_OK);
	cr_assert_eq(logcheck_new(&rig.key, &check), SR_OK);
	cr_assert_eq(logcheck_expect(check, note, "the checkpoint"), SR_OK);
	cr_assert_eq(logcheck_begin(check, &range), SR_OK);
	for (uint64_t at = first; at < checkpoint.size; at += count) {
		cr_assert_eq(audit_read(rig.audit, at, 100, &rig.arena, &lines, &count), SR_OK);
		cr_assert_eq(logcheck_lines(check, lines), SR_OK);
	}
	logcheck_finish(check, &report);
	cr_assert_str_eq(report.problem, "");
	cr_assert_eq(report.first, first);
	cr_assert_eq(report.covered, checkpoint.size);
	logcheck_free(check);
	merkle_hasher_free(hasher);
}
