/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log under kill -9, for real.  Without locked memory, which a fork does not
 * inherit. */
#include "audit_rig.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct rig rig;

static void set_up(void)
{
	rig_init(&rig);
}

static void tear_down(void)
{
	rig_finish(&rig);
}

TestSuite(audit_kill, .init = set_up, .fini = tear_down, .timeout = 300);

struct shared {                 /* between the one that writes and the one that looks afterwards */
	_Atomic uint64_t acknowledged;
	struct audit_mark mark;
	_Atomic uint64_t mark_version;  /* odd while the mark is written: kill -9 knows no transactions */
};

static struct shared *shared;

static enum sr_err keep_shared(void *arg, const struct audit_mark *mark, const char *ids, size_t n)
{
	(void)arg;
	(void)ids;
	(void)n;
	shared->mark_version++;
	shared->mark = *mark;
	shared->mark_version++;
	return SR_OK;
}

static void write_until_killed(void)
{
	rig.options.keep = keep_shared;
	rig.options.interval_ms = 1;
	rig.options.mark = rig.mark;
	if (audit_open(&rig.options, &rig.audit) != SR_OK)
		_exit(1);
	for (uint64_t i = 0; rig_try_append(&rig, i, false) == SR_OK; i++)
		shared->acknowledged = rig_size(&rig);
	_exit(2);
}

Test(audit_kill, killed_at_any_moment_it_loses_no_acknowledged_line)
{
	uint64_t random = 12345;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(shared, MAP_FAILED);
	for (int i = 0; i < 60; i++) {
		struct timespec pause = { 0, 0 };
		int status;
		pid_t pid;

		shared->mark = rig.mark;
		pid = fork();
		if (pid == 0)
			write_until_killed();
		random = random * 6364136223846793005 + 1442695040888963407;
		pause.tv_nsec = (long)(random >> 33) % 40000000;
		(void)nanosleep(&pause, NULL);
		cr_assert_eq(kill(pid, SIGKILL), 0);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFSIGNALED(status), "it ended by itself with %d", WEXITSTATUS(status));
		if (shared->mark_version % 2 == 0)
			rig.mark = shared->mark;
		else
			shared->mark_version++;         /* killed in between: the store has the old one */
		rig_open(&rig);
		cr_assert_str_eq(rig_problem(&rig), "", "round %d", i);
		cr_assert_geq(rig_size(&rig), shared->acknowledged, "round %d", i);
		(void)rig_checkpoint(&rig);
		cr_assert_str_eq(rig_check(&rig).problem, "", "round %d", i);
		rig_close(&rig);
	}
	cr_assert_gt(shared->acknowledged, 1000);
}
