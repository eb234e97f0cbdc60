/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log in trouble: files taken away, disks full, writes that fail.  It says no in
 * time, leaves nothing half done, and goes on by itself when it can. */
#include "audit_rig.h"
#include "locked_first.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

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

TestSuite(audit_trouble, .init = set_up, .fini = tear_down, .timeout = 120);

Test(audit_trouble, a_deleted_or_changed_file_is_noticed_and_named)
{
	rig_append(&rig, 0, 10);
	rig_shell("rm %s/0000000000.jsonl", rig.scratch.path);
	rig_sleep_ms(30);
	cr_assert_eq(rig_try_append(&rig, 10, false), SR_AUDIT);
	cr_assert_not_null(strstr(rig_problem(&rig), "0000000000.jsonl was deleted"));
}

Test(audit_trouble, a_truncated_file_is_noticed_and_named)
{
	rig_append(&rig, 0, 10);
	rig_shell("truncate -s 100 %s/0000000000.jsonl", rig.scratch.path);
	rig_sleep_ms(30);
	cr_assert_eq(rig_try_append(&rig, 10, false), SR_AUDIT);
	cr_assert_not_null(strstr(rig_problem(&rig), "0000000000.jsonl was changed"));
	rig_reopen(&rig);
	cr_assert_eq(rig_try_append(&rig, 10, false), SR_OK, "nothing of it was under a checkpoint: a crash looks the same");
	cr_assert_eq(rig_size(&rig), 2, "the half line was cut, and that is recorded");
}

static void assert_cured(uint64_t lines)
{
	struct sr_bytes line;
	uint64_t count;

	cr_assert_eq(rig_try_append(&rig, 0, false), SR_OK);
	cr_assert_str_eq(rig_problem(&rig), "");
	cr_assert_eq(rig_size(&rig), lines + 2, "AuditResumed and the line");
	rig.arena.used = 0;
	cr_assert_eq(audit_read(rig.audit, lines, 1, &rig.arena, &line, &count), SR_OK);
	cr_assert_not_null(memmem(line.p, line.n, "\"AuditResumed\"", 14));
	(void)rig_checkpoint(&rig);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	cr_assert_eq(rig_check(&rig).half, 0);
}

Test(audit_trouble, a_write_that_fails_halfway_leaves_no_half_line_and_is_cured)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	uint64_t lines;

	(void)signal(SIGXFSZ, SIG_IGN);
	rig.options.segment_bytes = 1 << 20;
	rig_reopen(&rig);
	rig_append(&rig, 0, 10);
	limit.rlim_cur = 10000;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (rig_try_append(&rig, 1, false) == SR_OK)
		continue;
	cr_assert_not_null(strstr(rig_problem(&rig), "0000000000.jsonl cannot be written"));
	lines = rig_size(&rig);
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
		rig_sleep_ms(2);
	}
	cr_assert_eq(rig_size(&rig), lines);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	rig_sleep_ms(30);
	assert_cured(lines);
}

Test(audit_trouble, a_full_disk_is_refused_early_and_cured)
{
	static const char block[65536];
	char path[128];
	uint64_t lines;
	int fd;

	rig_finish(&rig);
	rig_init(&rig);
	if (mount("tmpfs", rig.scratch.path, "tmpfs", 0, "size=8m") != 0) {
		rig_open(&rig);
		cr_skip_test("cannot mount a tmpfs (not root?)");
	}
	(void)close(rig.scratch.fd);
	rig.scratch.fd = rig.options.dirfd = open(rig.scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rig.options.reserve_bytes = 1 << 20;
	rig.options.segment_bytes = 2 << 20;
	rig_open(&rig);
	rig_append(&rig, 0, 300);
	(void)snprintf(path, sizeof path, "%s/filler", rig.scratch.path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	while (write(fd, block, sizeof block) > 0)
		continue;
	(void)close(fd);
	rig_sleep_ms(30);
	lines = rig_size(&rig);
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
	cr_assert_not_null(strstr(rig_problem(&rig), "the disk is full"));
	cr_assert_eq(rig_try_append(&rig, 2, true), SR_OK, "what is reserved is for changes that were made already");
	cr_assert_eq(rig_try_append(&rig, 1, false), SR_AUDIT);
	/* even the reserve ends one day, without a half line */
	while (rig_try_append(&rig, 3, true) == SR_OK)
		continue;
	cr_assert_geq(rig_size(&rig), lines + 1000);
	lines = rig_size(&rig);
	cr_assert_eq(rig_check(&rig).size, lines);
	cr_assert_eq(rig_check(&rig).half, 0);
	cr_assert_eq(unlink(path), 0);
	rig_sleep_ms(30);
	assert_cured(lines);
	rig_close(&rig);
	(void)close(rig.scratch.fd);
	cr_assert_eq(umount(rig.scratch.path), 0);
	rig.scratch.fd = open(rig.scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

Test(audit_trouble, goes_on_when_hash_tiles_cannot_be_written_and_makes_them_good)
{
	struct sr_str note;

	rig_append(&rig, 0, 200);
	rig_shell("touch %s/tile", rig.scratch.path);
	rig_append(&rig, 200, 400);
	cr_assert_neq(audit_checkpoint(rig.audit, &rig.arena, &note), SR_OK);
	rig_append(&rig, 600, 300);
	cr_assert_neq(audit_checkpoint(rig.audit, &rig.arena, &note), SR_OK);
	rig_shell("rm %s/tile", rig.scratch.path);
	(void)rig_checkpoint(&rig);
	cr_assert_str_eq(rig_check(&rig).problem, "");
	cr_assert_eq(rig_covered(&rig), 900);
}
