/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log at start: after a crash it goes on as if nothing had been, and what no
 * crash can do is found, named, and not written over. */
#include "audit_rig.h"
#include "locked_first.h"

#include <time.h>

#include "base/segment.h"
#include "base/tile.h"

static struct rig rig;
static char good[96];           /* a copy of the log as it was closed */
static uint64_t good_size;

static void set_up(void)
{
	rig_init(&rig);
	(void)snprintf(good, sizeof good, "%s.good", rig.scratch.path);
}

static void tear_down(void)
{
	rig_finish(&rig);
	rig_shell("rm -rf %s", good);
}

TestSuite(audit_recover, .init = set_up, .fini = tear_down, .timeout = 300);

/* Keeps the directory as it is; back() brings it back. */
static void keep_copy(void)
{
	rig_shell("rm -rf %s && cp -a %s %s", good, rig.scratch.path, good);
}

static void back(void)
{
	rig_shell("cd %s && rm -rf tile [0-9c]* && cp -a %s/. .", rig.scratch.path, good);
}

/* A closed log of n lines, all under a checkpoint. */
static void make_log(uint64_t n)
{
	rig_open(&rig);
	rig_append(&rig, 0, n);
	rig_close(&rig);
	good_size = n;
	cr_assert_eq(rig.mark.size, n);
	keep_copy();
}

/* Overwrites in place, without waiting for the disk. */
static void overwrite(const char *name, const char *text, size_t n)
{
	SR_AUTO_FD fd = openat(rig.scratch.fd, name, O_WRONLY | O_CLOEXEC);

	cr_assert(fd >= 0 && write(fd, text, n) == (ssize_t)n);
}

static uint64_t file_bytes(const char *name)
{
	struct stat st;

	cr_assert_eq(fstatat(rig.scratch.fd, name, &st, 0), 0, "%s", name);
	return (uint64_t)st.st_size;
}

/* It starts as good as new, with as many lines, and goes on. */
static void assert_sound(uint64_t size)
{
	rig_open(&rig);
	cr_assert_str_eq(rig_problem(&rig), "");
	cr_assert_eq(rig_size(&rig), size);
	cr_assert_eq(rig_try_append(&rig, size, false), SR_OK);
	rig_close(&rig);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	cr_assert_eq(rig_check(&rig).covered, size + 1);
}

/* Start and verify both find it and name the file, and nothing is written over. */
static void assert_found(const char *name, const char *what)
{
	struct logcheck_report report = rig_check(&rig);
	struct audit_mark before = rig.mark;
	struct sr_str note;
	struct checkpoint checkpoint;

	cr_assert_str_neq(report.problem, "", "%s: verify does not find it", what);
	cr_assert_not_null(strstr(report.problem, name), "%s: %s", what, report.problem);
	rig_shell("rm -rf %s.before && cp -a %s %s.before", good, rig.scratch.path, good);
	rig_open(&rig);
	cr_assert_not_null(strstr(rig_problem(&rig), name), "%s: %s", what, rig_problem(&rig));
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT, "%s", what);
	cr_assert_eq(rig_try_append(&rig, 1, true), SR_AUDIT, "%s", what);
	/* who verifies online gets the checkpoint that the log does not lead to */
	note = rig_checkpoint(&rig);
	cr_assert_eq(checkpoint_open(note, &rig.key, &checkpoint), SR_OK);
	cr_assert_eq(checkpoint.size, before.size);
	rig_close(&rig);
	cr_assert_eq(memcmp(&rig.mark, &before, sizeof before), 0);
	rig_shell("diff -r %s %s.before && rm -rf %s.before", rig.scratch.path, good, good);
}

/* ---- crashes ---- */

Test(audit_recover, goes_on_after_a_clean_end)
{
	make_log(500);
	for (uint64_t i = 0; i < 5; i++)
		assert_sound(500 + i);
}

Test(audit_recover, a_crash_at_every_byte_of_the_tail_loses_only_the_half_line)
{
	char name[SEGMENT_NAME_LEN];
	uint64_t covered_bytes, bytes;
	struct audit_mark mark;

	rig.options.segment_bytes = 1 << 20;
	rig_open(&rig);
	rig_append(&rig, 0, 270);
	(void)rig_checkpoint(&rig);
	mark = rig.mark;
	segment_name(0, SEGMENT_LINES, name);
	covered_bytes = file_bytes(name);
	rig_append(&rig, 270, 2);
	keep_copy();                    /* as kill -9 leaves it */
	bytes = file_bytes(name);
	rig_close(&rig);
	for (uint64_t cut = covered_bytes; cut <= bytes; cut++) {
		uint64_t whole = cut == bytes ? 272 : cut >= (covered_bytes + bytes) / 2 ? 271 : 270;
		bool half = cut != bytes && cut != covered_bytes && cut != (covered_bytes + bytes) / 2;
		struct sr_bytes line;
		uint64_t count;

		back();
		rig.mark = mark;
		rig_shell("truncate -s %" PRIu64 " %s/%s", cut, rig.scratch.path, name);
		cr_assert_eq(rig_check(&rig).half > 0, half);
		rig_open(&rig);
		cr_assert_str_eq(rig_problem(&rig), "", "cut at %" PRIu64, cut);
		cr_assert_eq(rig_size(&rig), whole + half, "cut at %" PRIu64, cut);
		if (half) {
			rig.arena.used = 0;
			cr_assert_eq(audit_read(rig.audit, whole, 1, &rig.arena, &line, &count), SR_OK);
			cr_assert_not_null(memmem(line.p, line.n, "\"operationName\":\"AuditRecovered\"", 32));
		}
		cr_assert_eq(rig_try_append(&rig, 9, false), SR_OK);
		rig_close(&rig);
		cr_assert_str_eq(rig_check(&rig).problem, "");
	}
}

Test(audit_recover, what_power_loss_leaves_behind_the_mark_is_cut)
{
	static const char *tails[] = {
		"printf '\\0\\0\\0\\0\\0\\0\\0\\0'",            /* a file that grew, and its bytes did not get there */
		"head -c 70000 /dev/zero",
		"head -c 5000 /dev/zero | tr '\\0' x",
		"printf '{\"seq\":500,\"a\":1}\\n\\0\\0\\0\\n{\"seq\":502,\"a\":1}\\n'",
		"printf 'garbage\\n'",
		"printf '\\n\\n\\n'",
	};
	char name[SEGMENT_NAME_LEN];
	struct segment_list list;
	struct audit_mark mark;

	make_log(500);
	mark = rig.mark;
	cr_assert_eq(segment_list_load(rig.scratch.fd, SEGMENT_LINES, &list), SR_OK);
	segment_name(list.v[list.n - 1].first, SEGMENT_LINES, name);
	segment_list_finish(&list);
	for (size_t i = 0; i < SR_COUNT(tails); i++) {
		back();
		rig.mark = mark;
		rig_shell("%s >>%s/%s", tails[i], rig.scratch.path, name);
		rig_open(&rig);
		cr_assert_str_eq(rig_problem(&rig), "", "tail %zu", i);
		cr_assert_eq(rig_size(&rig), i == 3 ? 502 : 501, "tail %zu: and the cut is recorded", i);
		rig_close(&rig);
		cr_assert_str_eq(rig_check(&rig).problem, "");
	}
}

/* kill -9 at each point of a round: the store and the checkpoint file are of either
 * side of it, tiles are there or not, the next segment was made or not. */
Test(audit_recover, a_crash_at_any_point_of_a_round_is_made_good)
{
	struct audit_mark mark[3];
	char checkpoint[3][NOTE_MAX + 1];
	char name[SEGMENT_NAME_LEN];

	rig_open(&rig);
	for (int i = 0; i < 3; i++) {
		struct sr_str note;

		if (i > 0)
			rig_append(&rig, (uint64_t)(i - 1) * 300, 300);
		note = rig_checkpoint(&rig);
		mark[i] = rig.mark;
		memcpy(checkpoint[i], note.p, note.n + 1);
	}
	rig_append(&rig, 600, 5);
	keep_copy();
	rig_close(&rig);
	for (int store = 0; store < 3; store++) {
		for (int file = 0; file < 4; file++) {
			for (int tiles = 0; tiles < 4; tiles++) {
				back();
				rig.mark = mark[store];
				if (file == 3)
					rig_shell("rm %s/checkpoint", rig.scratch.path);
				else
					cr_assert_eq(io_replace_file(rig.scratch.fd, "checkpoint", checkpoint[file],
						strlen(checkpoint[file]), 0600), SR_OK);
				if (tiles == 1)
					rig_shell("rm -r %s/tile", rig.scratch.path);
				if (tiles == 2)
					rig_shell("rm %s/tile/0/001", rig.scratch.path);
				if (tiles == 3)
					rig_shell(": >%s/tile/0/001", rig.scratch.path);
				log_set_level(LOG_LEVEL_ERROR);
				assert_sound(605);
			}
		}
	}
	/* between the closing of a segment and the first line of the next */
	back();
	rig.mark = mark[2];
	segment_name(605, SEGMENT_LINES, name);
	rig_shell(": >%s/%s", rig.scratch.path, name);
	assert_sound(605);
}

Test(audit_recover, a_crash_at_the_very_first_start_is_made_good)
{
	rig_shell(": >%s/0000000000.jsonl", rig.scratch.path);
	assert_sound(0);
	rig_shell("cd %s && rm -rf tile [0-9c]*", rig.scratch.path);
	memset(&rig.mark, 0, sizeof rig.mark);
	rig_shell("printf '{\"seq\":0,\"ti' >%s/0000000000.jsonl", rig.scratch.path);
	rig_open(&rig);
	cr_assert_str_eq(rig_problem(&rig), "");
	cr_assert_eq(rig_size(&rig), 1);
}

Test(audit_recover, knows_the_records_whose_lines_are_behind_the_mark)
{
	char id[AUDIT_ID_LEN + 1];
	struct audit_mark mark;

	rig_open(&rig);
	cr_assert_eq(rig_try_append(&rig, 1000, true), SR_OK);
	rig_append(&rig, 0, 300);
	(void)rig_checkpoint(&rig);
	mark = rig.mark;
	for (uint64_t i = 2000; i < 2100; i++)
		cr_assert_eq(rig_try_append(&rig, i * 7919 % 3001, true), SR_OK);
	keep_copy();
	rig_close(&rig);
	back();
	rig.mark = mark;
	rig_open(&rig);
	for (uint64_t i = 2000; i < 2100; i++) {
		rig_id(i * 7919 % 3001, id);
		cr_assert(audit_has(rig.audit, id));
	}
	rig_id(99999, id);
	cr_assert_not(audit_has(rig.audit, id));
	rig_id(1000, id);
	cr_assert_not(audit_has(rig.audit, id), "before the mark: the store has forgotten it");
	/* what is appended now does not disturb the answer */
	cr_assert_eq(rig_try_append(&rig, 99999, true), SR_OK);
	rig_id(2000 * 7919 % 3001, id);
	cr_assert(audit_has(rig.audit, id));
}

Test(audit_recover, an_older_store_is_no_reason_to_stop)
{
	struct audit_mark old;

	rig_open(&rig);
	rig_append(&rig, 0, 100);
	(void)rig_checkpoint(&rig);
	old = rig.mark;
	rig_append(&rig, 100, 400);
	rig_close(&rig);
	rig.mark = old;
	assert_sound(500);
}

Test(audit_recover, a_full_disk_does_not_keep_it_from_starting)
{
	make_log(100);
	rig.options.reserve_bytes = UINT64_C(1) << 50;  /* more than any disk has */
	rig_open(&rig);
	cr_assert_eq(rig_size(&rig), 100);
	cr_assert_str_neq(rig_problem(&rig), "");
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
}

/* ---- what no crash does ---- */

Test(audit_recover, a_flipped_bit_in_any_part_of_the_log_is_found)
{
	struct segment_list list;
	struct audit_mark mark;
	char name[SEGMENT_NAME_LEN];

	make_log(400);
	mark = rig.mark;
	cr_assert_eq(segment_list_load(rig.scratch.fd, SEGMENT_LINES, &list), SR_OK);
	cr_assert_gt(list.n, 4);
	for (size_t i = 0; i < list.n; i++) {
		uint64_t step = list.v[i].bytes / 7;

		segment_name(list.v[i].first, SEGMENT_LINES, name);
		for (uint64_t at = 0; at < list.v[i].bytes; at += step) {
			back();
			rig.mark = mark;
			rig_shell("python3 -c 'import sys; f = open(sys.argv[1], \"r+b\"); f.seek(int(sys.argv[2])); "
				"b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1]))' %s/%s %" PRIu64,
				rig.scratch.path, name, at);
			assert_found(i < 4 ? name : ".jsonl", name);
		}
	}
	segment_list_finish(&list);
}

Test(audit_recover, every_bit_of_a_line_counts)
{
	SR_AUTO_FREE char *text = NULL;
	struct logcheck_report report;
	struct audit_mark mark;
	char *line, *end;
	size_t n;

	rig.options.segment_bytes = 1 << 20;
	make_log(300);
	mark = rig.mark;
	cr_assert_eq(io_read_file(rig.scratch.fd, "0000000000.jsonl", 1 << 20, &text, &n), SR_OK);
	line = strstr(text, "{\"seq\":123,");
	cr_assert_not_null(line);
	end = strchr(line, '\n');
	for (char *at = line; at <= end; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			*at = (char)(*at ^ (1 << bit));
			overwrite("0000000000.jsonl", text, n);
			report = rig_check(&rig);
			cr_assert_str_neq(report.problem, "", "bit %u of byte %td", bit, at - line);
			cr_assert_str_eq(report.file, "0000000000.jsonl");
			cr_assert_eq(report.line, 123, "%s", report.problem);
			if (bit == (unsigned)(at - line) % 8) {
				rig_open(&rig);
				cr_assert_str_neq(rig_problem(&rig), "");
				rig_close(&rig);
				cr_assert_eq(memcmp(&mark, &rig.mark, sizeof mark), 0);
			}
			*at = (char)(*at ^ (1 << bit));
		}
	}
}

struct tampering {
	const char *what, *command, *named;
};

static void assert_all_found(const struct tampering *all, size_t n)
{
	struct audit_mark mark = rig.mark;

	for (size_t i = 0; i < n; i++) {
		back();
		rig.mark = mark;
		rig_shell("cd %s && { %s; }", rig.scratch.path, all[i].command);
		assert_found(all[i].named, all[i].what);
	}
	back();
	rig.mark = mark;
	assert_sound(good_size);
}

Test(audit_recover, what_was_done_to_the_lines_is_found)
{
	static const struct tampering all[] = {
		{ "an edited line", "sed -i '7s/\"uid\":33/\"uid\":34/' 0000000000.jsonl", "0000000000.jsonl: line 6 is not the line" },
		{ "an edited line of the newest segment", "f=$(ls *.jsonl | tail -1); sed -i '2s/\"uid\":33/\"uid\":34/' $f", ".jsonl" },
		{ "a dropped line", "sed -i 7d 0000000000.jsonl", "0000000000.jsonl: line 6 has another number" },
		{ "the dropped last line", "f=$(ls *.jsonl | tail -1); sed -i '$d' $f", "shortened" },
		{ "the dropped first line", "sed -i 1d 0000000000.jsonl", "0000000000.jsonl" },
		{ "swapped lines", "sed -i '7{h;d};8{G}' 0000000000.jsonl", "0000000000.jsonl: line 6" },
		{ "swapped lines with their numbers put right",
			"sed -i '7{h;d};8{G}' 0000000000.jsonl && sed -i '7s/seq\":7/seq\":6/;8s/seq\":6/seq\":7/' 0000000000.jsonl",
			"0000000000.jsonl: line 6 is not the line" },
		{ "a doubled line", "sed -i 7p 0000000000.jsonl", "0000000000.jsonl: line 7 has another number" },
		{ "a line more in an old segment", "tail -1 0000000000.jsonl >l && cat l >>0000000000.jsonl; rm l", "0000000000.jsonl" },
		{ "an old segment without its last line", "sed -i '$d' 0000000000.jsonl", "0000000000.jsonl" },
		{ "an old segment cut in a line", "truncate -s -9 0000000000.jsonl", "0000000000.jsonl" },
		{ "an emptied segment", ": >0000000000.jsonl", "the lines from 0 on are missing" },
		{ "a shortened newest segment", "f=$(ls *.jsonl | tail -1); truncate -s -9 $f", "shortened" },
		{ "an emptied newest segment", "f=$(ls *.jsonl | tail -1); : >$f", "shortened" },
		{ "the newest segment missing", "rm $(ls *.jsonl | tail -1)", "shortened" },
		{ "the oldest segment missing", "rm 0000000000.jsonl", "missing" },
		{ "a middle segment missing", "rm $(ls *.jsonl | head -3 | tail -1)", ".jsonl" },
		{ "all segments missing", "rm *.jsonl", "shortened" },
		{ "two segments with their names swapped", "set -- *.jsonl; mv $2 x; mv $3 $2; mv x $3", ".jsonl" },
		{ "a control character", "sed -i '7s/KeySign/Key\\x01ign/' 0000000000.jsonl", "0000000000.jsonl: line 6" },
		{ "a line too long", "sed -i \"7s/KeySign/$(head -c 5000 /dev/zero | tr '\\0' x)/\" 0000000000.jsonl", "too long" },
		{ "a carriage return", "sed -i '7s/$/\\r/' 0000000000.jsonl", "0000000000.jsonl: line 6" },
		{ "a symbolic link", "mv 0000000000.jsonl x && ln -s x 0000000000.jsonl", "plain file" },
	};

	make_log(700);
	assert_all_found(all, SR_COUNT(all));
}

/* Without tiles nothing but the checkpoints is left to say it. */
Test(audit_recover, an_edited_line_is_found_without_tiles_too)
{
	static const struct tampering all[] = {
		{ "an edited line", "rm -r tile; sed -i '7s/\"uid\":33/\"uid\":34/' 0000000000.jsonl", "0000000000.jsonl: of the lines 0 to" },
		{ "edited with its tile", "head -c 8192 /dev/urandom >tile/0/000; sed -i '7s/\"uid\":33/\"uid\":34/' 0000000000.jsonl",
			"0000000000.jsonl" },
	};

	make_log(700);
	assert_all_found(all, SR_COUNT(all));
}

Test(audit_recover, a_rewritten_log_with_its_own_checkpoints_is_found_against_the_store)
{
	struct audit_mark mark;

	/* the whole history told anew, signed with the right key: what root could do if the store did not know better */
	make_log(500);
	mark = rig.mark;
	memset(&rig.mark, 0, sizeof rig.mark);
	rig_shell("cd %s && rm -rf tile [0-9c]*", rig.scratch.path);
	rig_open(&rig);
	rig_append(&rig, 1, 500);
	rig_close(&rig);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	rig.mark = mark;
	rig_open(&rig);
	cr_assert_str_neq(rig_problem(&rig), "");
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
}

Test(audit_recover, verify_finds_what_was_done_to_checkpoints_and_tiles_and_start_makes_it_good)
{
	static const struct tampering all[] = {
		{ "a checkpoint of another key", "printf 'strongroom/test\\n5\\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\\n\\n"
			"\\342\\200\\224 other AAAAAAAA\\n' >checkpoint", "checkpoint is not signed by" },
		{ "a checkpoint with another size", "sed -i 's/^700$/699/' checkpoint", "checkpoint has a wrong signature" },
		{ "a checkpoint that is none", "head -c 9000 /dev/urandom >checkpoint", "checkpoint is not a checkpoint" },
		{ "an empty checkpoint", ": >checkpoint", "checkpoint is not a checkpoint" },
		{ "an old segment's checkpoint", "sed -i '2s/$/0/' 0000000000.checkpoint", "0000000000.checkpoint has a wrong" },
		{ "a tile missing", "rm tile/0/001", "tile/0/001" },
		{ "a tile changed", "printf x | dd of=tile/0/001 bs=1 seek=77 conv=notrunc status=none", "tile/0/001" },
		{ "a tile cut", "truncate -s 8191 tile/0/000", "tile/0/000" },
		{ "all tiles missing", "rm -r tile", "tile/0/000" },
	};
	struct audit_mark mark;

	make_log(700);
	mark = rig.mark;
	for (size_t i = 0; i < SR_COUNT(all); i++) {
		struct logcheck_report report;

		back();
		rig.mark = mark;
		rig_shell("cd %s && { %s; }", rig.scratch.path, all[i].command);
		report = rig_check(&rig);
		cr_assert_not_null(strstr(report.problem, all[i].named), "%s: %s", all[i].what, report.problem);
		rig_open(&rig);
		cr_assert_str_eq(rig_problem(&rig), "", "%s", all[i].what);
		cr_assert_eq(rig_try_append(&rig, 1, false), SR_OK);
		rig_close(&rig);
		if (i != 4)     /* which the daemon has no more use for */
			cr_assert_str_eq(rig_check(&rig).problem, "", "%s", all[i].what);
	}
}

Test(audit_recover, an_old_checkpoint_put_back_hides_nothing)
{
	struct audit_mark mark;
	char old[NOTE_MAX + 1];
	struct sr_str note;

	rig.options.segment_bytes = 1 << 20;
	rig_open(&rig);
	rig_append(&rig, 0, 300);
	note = rig_checkpoint(&rig);
	memcpy(old, note.p, note.n + 1);
	rig_append(&rig, 300, 300);
	rig_close(&rig);
	mark = rig.mark;
	rig_shell("cd %s && sed -i '300,$d' 0000000000.jsonl && sed -n 1p 0000000000.jsonl >/dev/null", rig.scratch.path);
	cr_assert_eq(io_replace_file(rig.scratch.fd, "checkpoint", old, strlen(old), 0600), SR_OK);
	rig_open(&rig);
	cr_assert_not_null(strstr(rig_problem(&rig), "600 lines: it was shortened"), "%s", rig_problem(&rig));
	cr_assert_eq(mark.size, rig.mark.size);
}

/* ---- large logs ---- */

static void wait_for_problem(void)
{
	for (int i = 0; i < 500 && rig_problem(&rig)[0] == '\0'; i++) {
		const struct timespec pause = { 0, 10000000 };

		(void)nanosleep(&pause, NULL);
	}
}

Test(audit_recover, old_lines_of_a_large_log_are_checked_in_the_background)
{
	struct audit_mark mark;

	rig.options.check_bytes = 1;
	make_log(3000);
	mark = rig.mark;
	assert_sound(3000);
	/* start itself sees only the newest segments ... */
	back();
	rig.mark = mark;
	rig_shell("sed -i '7s/\"uid\":33/\"uid\":34/' %s/0000000000.jsonl", rig.scratch.path);
	rig_open(&rig);
	wait_for_problem();
	cr_assert_not_null(strstr(rig_problem(&rig), "0000000000.jsonl: line 6 is not the line"), "%s", rig_problem(&rig));
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
	rig_close(&rig);
	/* ... and it stops where lines are wrong that it does see */
	back();
	rig.mark = mark;
	rig_shell("cd %s; f=$(ls *.jsonl | tail -1); sed -i '1s/\"uid\":33/\"uid\":34/' $f", rig.scratch.path);
	rig_open(&rig);
	cr_assert_str_neq(rig_problem(&rig), "");
	rig_close(&rig);
	back();
	rig.mark = mark;
	rig_shell("rm %s/0000000000.*", rig.scratch.path);
	rig_open(&rig);
	wait_for_problem();
	cr_assert_not_null(strstr(rig_problem(&rig), "missing"), "%s", rig_problem(&rig));
}
