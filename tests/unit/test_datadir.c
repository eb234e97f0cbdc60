/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/store/datadir.h promises about DIR, killed at any moment of its first
 * start, damaged, lent to others; and daemon/store/seal.h about the key file.  A child
 * that is to be killed is this program again, since locked memory does not
 * outlive a fork: see child_main. */
#include "daemon/store/datadir.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "daemon/store/seal.h"
#include "locked_first.h"
#include "scratch.h"

#define MAP_SIZE ((size_t)1 << 20)

struct fixture {
	struct scratch scratch;
	char dir[96];                   /* DIR, not there at first */
	char seal[128];                 /* setting: "" or file:... */
	char problem[PROBLEM_MAX];
	struct datadir *datadir;
};

static struct fixture f;

static void set_up(void)
{
	(void)umask(022);
	f = (struct fixture){ .seal = "" };
	scratch_make(&f.scratch);
	(void)snprintf(f.dir, sizeof f.dir, "%s/dir", f.scratch.path);
}

static void tear_down(void)
{
	datadir_close(f.datadir);
	scratch_remove(&f.scratch);
}

TestSuite(datadir, .init = set_up, .fini = tear_down);
TestSuite(seal, .init = set_up, .fini = tear_down);

static enum sr_err try_open(void)
{
	struct datadir_options options = { .path = f.dir, .seal = f.seal, .store_map_size = MAP_SIZE };

	f.problem[0] = '\0';
	return datadir_open(&options, &f.datadir, f.problem);
}

static void must_open(void)
{
	enum sr_err err = try_open();

	cr_assert_eq(err, SR_OK, "error %d: %s", err, f.problem);
}

static void close_again(void)
{
	datadir_close(f.datadir);
	f.datadir = NULL;
}

/* Refused, in words that hold these two. */
static void must_refuse(enum sr_err expected, const char *word, const char *other)
{
	enum sr_err err = try_open();

	cr_assert_eq(err, expected, "error %d: %s", err, f.problem);
	cr_assert_null(f.datadir);
	cr_assert_not_null(strstr(f.problem, word), "\"%s\" is not in: %s", word, f.problem);
	cr_assert_not_null(strstr(f.problem, other), "\"%s\" is not in: %s", other, f.problem);
	cr_assert_lt(strlen(f.problem), PROBLEM_MAX - 1, "cut short: %s", f.problem);
}

/* A path below the scratch directory; good until the fourth next call. */
static const char *at(const char *name)
{
	static char paths[4][160];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof paths[0], "%s/%s", f.scratch.path, name);
	return path;
}

static void write_file(const char *name, const void *text, size_t n, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0, "%s: %m", name);
	cr_assert_eq(io_write_full(fd, text, n), SR_OK);
	cr_assert_eq(fchmod(fd, mode), 0);
	(void)close(fd);
}

static bool exists(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	cr_assert_eq(lstat(at(name), &st), 0, "%s: %m", name);
	return st.st_mode & 07777;
}

/* --- a record, to see that it is the same vault --- */

static enum sr_err fn_put(struct sealed_txn *txn, void *arg)
{
	return sealed_put(txn, SR_STR("witness"), (struct sr_bytes){ arg, strlen(arg) });
}

static enum sr_err fn_exists(struct sealed_txn *txn, void *arg)
{
	return sealed_exists(txn, SR_STR("witness"), arg);
}

static void leave_witness(void)
{
	char text[] = "here";

	cr_assert_eq(sealed_update(f.datadir->sealed, fn_put, text), SR_OK);
}

static bool has_witness(void)
{
	bool there = false;

	cr_assert_eq(sealed_view(f.datadir->sealed, fn_exists, &there), SR_OK);
	return there;
}

static void no_report(struct sr_str path, const char *what, void *arg)
{
	(void)arg;
	cr_assert(false, "%.*s: %s", (int)path.n, path.p, what);
}

/* A complete and working DIR, and nothing of a first start left. */
static void expect_whole(void)
{
	leave_witness();
	cr_assert_eq(sealed_check(f.datadir->sealed, no_report, NULL), SR_OK);
	cr_assert(exists("dir/FORMAT"));
	cr_assert_not(exists("dir/INIT"));
	cr_assert_not(exists("dir/FORMAT.tmp"));
	cr_assert_not(exists("dir/seal.key.new"));
	close_again();
	must_open();
	cr_assert(has_witness());
	close_again();
}

/* --- making and opening --- */

Test(datadir, the_first_start_makes_all_parts_and_the_next_ones_use_them)
{
	SR_AUTO_FREE char *format = NULL;
	size_t n;

	must_open();
	cr_assert(f.datadir->first_start);
	cr_assert_eq(mode_of("dir"), 0700);
	cr_assert_eq(mode_of("dir/store"), 0700);
	cr_assert_eq(mode_of("dir/audit"), 0700);
	cr_assert_eq(mode_of("dir/seal.key"), 0600);
	cr_assert_eq(mode_of("dir/FORMAT"), 0600);
	cr_assert_eq(io_read_file(AT_FDCWD, at("dir/FORMAT"), 100, &format, &n), SR_OK);
	cr_assert_str_eq(format, "strongroom-data 1\n");
	cr_assert(fcntl(f.datadir->dirfd, F_GETFD) & FD_CLOEXEC);
	cr_assert(fcntl(f.datadir->auditfd, F_GETFD) & FD_CLOEXEC);
	cr_assert_not(has_witness());
	expect_whole();
	must_open();
	cr_assert_not(f.datadir->first_start);
}

Test(datadir, a_missing_parent_is_not_made)
{
	(void)snprintf(f.dir, sizeof f.dir, "%s", at("no/dir"));
	must_refuse(SR_NOT_FOUND, f.dir, "directory above");
	cr_assert_not(exists("no"));
}

Test(datadir, a_file_in_its_place_is_refused)
{
	write_file("dir", "x", 1, 0600);
	must_refuse(SR_IO, f.dir, "Not a directory");
}

Test(datadir, an_empty_one_of_our_own_is_closed_to_others)
{
	cr_assert_eq(mkdir(f.dir, 0755), 0);
	cr_assert_eq(chmod(f.dir, 0777), 0);
	cr_assert_eq(mkdir(at("dir/lost+found"), 0700), 0);
	must_open();
	cr_assert_eq(mode_of("dir"), 0700);
	expect_whole();
}

Test(datadir, one_that_others_could_enter_is_refused)
{
	static const mode_t modes[] = { 0710, 0701, 0750, 0770, 0755, 0704 };

	must_open();
	close_again();
	for (size_t i = 0; i < SR_COUNT(modes); i++) {
		cr_assert_eq(chmod(f.dir, modes[i]), 0);
		must_refuse(SR_DENIED, f.dir, "chmod 0700");
		cr_assert_eq(mode_of("dir"), modes[i]);
	}
	cr_assert_eq(chmod(f.dir, 0700), 0);
	must_open();
}

Test(datadir, one_of_another_owner_is_refused)
{
	if (geteuid() == 0) {
		cr_assert_eq(mkdir(f.dir, 0700), 0);
		cr_assert_eq(chown(f.dir, 33, 33), 0);
	} else {
		(void)snprintf(f.dir, sizeof f.dir, "/usr");
	}
	must_refuse(SR_DENIED, f.dir, "chown");
}

Test(datadir, a_directory_of_something_else_is_refused_by_name)
{
	cr_assert_eq(mkdir(f.dir, 0700), 0);
	write_file("dir/holiday.jpg", "x", 1, 0600);
	must_refuse(SR_FORMAT, "holiday.jpg", "FORMAT");
	cr_assert_eq(chmod(f.dir, 0755), 0);
	must_refuse(SR_FORMAT, "holiday.jpg", "FORMAT");
	cr_assert_null(strstr(f.problem, "chmod"), "%s", f.problem);
	cr_assert_eq(mode_of("dir"), 0755);
	cr_assert_not(exists("dir/INIT"));
	cr_assert_not(exists("dir/store"));
}

Test(datadir, a_second_daemon_is_refused)
{
	struct datadir *first;

	must_open();
	first = SR_TAKE(f.datadir);
	must_refuse(SR_CONFLICT, "another strongroomd", f.dir);
	f.datadir = first;
	expect_whole();
}

Test(datadir, format_files_that_are_not_ours_are_refused)
{
	static const struct { const char *text, *word; } formats[] = {
		{ "strongroom-data 2\n", "version 2" },
		{ "strongroom-data 999999999\n", "version 999999999" },
		{ "strongroom-data 0\n", "version 0" },
		{ "", "damaged" },
		{ "strongroom-data 1", "damaged" },
		{ "strongroom-data \n", "damaged" },
		{ "strongroom-data -1\n", "damaged" },
		{ "strongroom-data 1 \n", "damaged" },
		{ "strongroom-data 1\n\n", "damaged" },
		{ "strongroom-data 11111111111111111111\n", "damaged" },
		{ "strongroom-data x\n", "damaged" },
		{ "something else that is much longer than any line that we would ever have written in there\n", "damaged" },
	};

	must_open();
	leave_witness();
	close_again();
	for (size_t i = 0; i < SR_COUNT(formats); i++) {
		write_file("dir/FORMAT", formats[i].text, strlen(formats[i].text), 0600);
		must_refuse(SR_FORMAT, formats[i].word, i < 3 ? "knows version 1" : "FORMAT");
	}
	write_file("dir/FORMAT", "strongroom-data 1\n", 18, 0600);
	must_open();
	cr_assert(has_witness());
}

/* Takes the part away, expects a refusal that names it, and nothing made in its place. */
static void expect_missed(const char *part)
{
	char path[64];

	(void)snprintf(path, sizeof path, "dir/%s", part);
	cr_assert_eq(rename(at(path), at("aside")), 0, "%s: %m", part);
	must_refuse(SR_NOT_FOUND, part, "missing");
	cr_assert_not(exists(path));
	cr_assert_eq(rename(at("aside"), at(path)), 0);
}

Test(datadir, a_missing_part_is_named_and_never_made_anew)
{
	static const char *const parts[] = { "store", "store/data.mdb", "audit", "seal.key" };

	must_open();
	leave_witness();
	close_again();
	for (size_t i = 0; i < SR_COUNT(parts); i++)
		expect_missed(parts[i]);
	must_open();
	cr_assert(has_witness());
}

Test(datadir, parts_that_are_not_what_they_should_be_are_refused)
{
	static const char *const parts[] = { "store", "audit" };
	char path[64];

	must_open();
	close_again();
	for (size_t i = 0; i < SR_COUNT(parts); i++) {
		(void)snprintf(path, sizeof path, "dir/%s", parts[i]);
		cr_assert_eq(rename(at(path), at("aside")), 0);
		cr_assert_eq(symlink(at("aside"), at(path)), 0);
		must_refuse(SR_CORRUPT, parts[i], "not a directory");
		cr_assert_eq(unlink(at(path)), 0);
		cr_assert_eq(rename(at("aside"), at(path)), 0);
	}
	cr_assert_eq(truncate(at("dir/store/data.mdb"), 5000), 0);
	must_refuse(SR_CORRUPT, "data.mdb", "backup");
	cr_assert_eq(truncate(at("dir/store/data.mdb"), 0), 0);
	must_refuse(SR_CORRUPT, "data.mdb", "backup");
}

Test(datadir, an_emptied_store_is_refused)
{
	struct store_lmdb_options options = { .map_size = MAP_SIZE, .create = true };
	struct store *store = NULL;
	int dirfd;

	must_open();
	close_again();
	cr_assert_eq(unlink(at("dir/store/data.mdb")), 0);
	cr_assert_eq(unlink(at("dir/store/lock.mdb")), 0);
	cr_assert_eq(rmdir(at("dir/store")), 0);
	dirfd = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(store_lmdb_open(dirfd, "store", &options, &store), SR_OK);
	store_close(store);
	(void)close(dirfd);
	must_refuse(SR_CORRUPT, f.dir, "backup");
}

/* --- the first start, cut short --- */

Test(datadir, what_a_cut_short_first_start_left_is_made_again)
{
	cr_assert_eq(mkdir(f.dir, 0700), 0);
	write_file("dir/INIT", "", 0, 0600);
	cr_assert_eq(mkdir(at("dir/store"), 0700), 0);
	cr_assert_eq(mkdir(at("dir/audit"), 0700), 0);
	write_file("dir/store/data.mdb", "torn", 4, 0600);
	write_file("dir/store/lock.mdb", "", 0, 0600);
	write_file("dir/seal.key", "torn", 4, 0600);
	write_file("dir/seal.key.new", "torn", 4, 0600);
	write_file("dir/FORMAT.tmp", "stro", 4, 0600);
	must_open();
	cr_assert(f.datadir->first_start);
	expect_whole();
}

Test(datadir, what_a_first_start_did_not_make_is_not_removed)
{
	static const char *const strange[] = {
		"dir/notes", "dir/store/dump", "dir/audit/0000000000.jsonl", "dir/seal.key.old",
	};

	cr_assert_eq(mkdir(f.dir, 0700), 0);
	write_file("dir/INIT", "", 0, 0600);
	cr_assert_eq(mkdir(at("dir/store"), 0700), 0);
	cr_assert_eq(mkdir(at("dir/audit"), 0700), 0);
	write_file("dir/store/data.mdb", "torn", 4, 0600);
	for (size_t i = 0; i < SR_COUNT(strange); i++) {
		write_file(strange[i], "x", 1, 0600);
		must_refuse(SR_CONFLICT, strange[i] + 4, "move it away");
		cr_assert(exists("dir/store/data.mdb"));
		cr_assert(exists("dir/INIT"));
		cr_assert_eq(unlink(at(strange[i])), 0);
	}
	cr_assert_eq(unlink(at("dir/store/data.mdb")), 0);
	cr_assert_eq(mkdir(at("dir/store/data.mdb"), 0700), 0);
	must_refuse(SR_CONFLICT, "store/data.mdb", "move it away");
	cr_assert_eq(rmdir(at("dir/store/data.mdb")), 0);
	cr_assert_eq(rmdir(at("dir/audit")), 0);
	cr_assert_eq(mkdir(at("elsewhere"), 0700), 0);
	cr_assert_eq(symlink(at("elsewhere"), at("dir/audit")), 0);
	must_refuse(SR_CONFLICT, "audit", "move it away");
	cr_assert_eq(unlink(at("dir/audit")), 0);
	must_open();
	expect_whole();
}

Test(datadir, a_complete_one_with_a_left_init_is_complete)
{
	must_open();
	leave_witness();
	close_again();
	write_file("dir/INIT", "", 0, 0600);
	must_open();
	cr_assert(has_witness());
	expect_whole();
}

Test(datadir, a_first_start_that_failed_can_be_tried_again)
{
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("keys/seal.key"));
	must_refuse(SR_NOT_FOUND, "keys/seal.key", "setting seal");
	cr_assert_eq(mkdir(at("keys"), 0700), 0);
	write_file("keys/seal.key", "short", 5, 0600);
	must_refuse(SR_BAD_SEAL, "keys/seal.key", "32 bytes");
	cr_assert_eq(unlink(at("keys/seal.key")), 0);
	must_open();
	cr_assert(f.datadir->first_start);
	expect_whole();
}

/* --- killed --- */

/* In the child: stops itself, so that its parent can start to count or to wait,
 * and opens DIR.  Run before main, since Criterion's is not ours. */
__attribute__((constructor)) static void child_main(void)
{
	struct datadir_options options = { .path = getenv("DATADIR_CHILD_DIR"), .seal = getenv("DATADIR_CHILD_SEAL"),
		.store_map_size = MAP_SIZE };
	char problem[PROBLEM_MAX];
	struct datadir *datadir;

	if (options.path == NULL)
		return;
	if (getenv("DATADIR_CHILD_TRACED") != NULL && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	(void)raise(SIGSTOP);
	_exit(datadir_open(&options, &datadir, problem) == SR_OK ? 0 : 1);
}

static pid_t start_child(bool traced)
{
	char dir[128], seal[160];
	char *const argv[] = { (char[]){ "test_datadir" }, NULL };
	char *const env[] = { dir, seal, traced ? (char[]){ "DATADIR_CHILD_TRACED=1" } : NULL, NULL };
	int status;
	pid_t child;

	(void)snprintf(dir, sizeof dir, "DATADIR_CHILD_DIR=%s", f.dir);
	(void)snprintf(seal, sizeof seal, "DATADIR_CHILD_SEAL=%s", f.seal);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		(void)execve("/proc/self/exe", argv, env);
		_exit(78);
	}
	cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return -1;
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status %x", (unsigned)status);
	return child;
}

static void remove_dir(void)
{
	(void)nftw(f.dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Lets a child run for so many microseconds; was it killed, and not done before? */
static bool kill_child_after(long us)
{
	const struct timespec pause = { .tv_nsec = us * 1000 };
	pid_t child = start_child(/* traced= */ false);
	int status;

	cr_assert_eq(kill(child, SIGCONT), 0);
	(void)nanosleep(&pause, NULL);
	(void)kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status);
}

/* About how long a first start takes here: it is killed until it is not. */
static long first_start_us(void)
{
	long us = 500;

	for (; us < 500000 && kill_child_after(us); us += us / 4)
		remove_dir();
	remove_dir();
	return us;
}

Test(datadir, kill_9_at_any_moment_of_the_first_start_leads_to_a_clean_one)
{
	long us = first_start_us();
	int killed = 0;

	srandom((unsigned)getpid());
	for (int round = 0; round < 150; round++) {
		killed += kill_child_after(random() % us);
		/* or leave it to the next one, which is killed as well */
		if (random() % 2 == 0)
			continue;
		must_open();
		expect_whole();
		remove_dir();
	}
	cr_assert_gt(killed, 30, "%d", killed);
}

/* Runs a child up to its n-th system call, and kills it before that one is done;
 * false: it ended before. */
static bool kill_child_at(int n)
{
	pid_t child = start_child(/* traced= */ true);
	int status, calls = 0;
	bool entering = false;

	cr_assert_eq(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	for (;;) {
		cr_assert_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		cr_assert_eq(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			cr_assert_eq(WEXITSTATUS(status), 0);
			return false;
		}
		cr_assert(WIFSTOPPED(status), "status %x", (unsigned)status);
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		entering = !entering;
		if (entering && ++calls == n)
			break;
	}
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status));
	return true;
}

static bool can_trace(void)
{
	pid_t child = start_child(/* traced= */ true);
	int status;

	if (child < 0)
		return false;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	return true;
}

/* Kills at every system call in turn; with `before`, each time on what a first
 * start that was killed at its before-th call left.  Returns how many there were. */
static int kill_at_every_call(int before)
{
	int n = 1;

	for (;; n++) {
		if (before > 0)
			cr_assert(kill_child_at(before));
		if (!kill_child_at(n))
			break;
		must_open();
		cr_assert(f.datadir->first_start || exists("dir/FORMAT"));
		expect_whole();
		remove_dir();
	}
	remove_dir();
	return n - 1;
}

Test(datadir, kill_9_at_every_system_call_of_the_first_start_leads_to_a_clean_one)
{
	int calls;

	if (!can_trace())
		cr_skip_test("ptrace is not permitted here");
	calls = kill_at_every_call(/* before= */ 0);
	cr_assert_gt(calls, 50);
	/* and of the one that cleans up after it */
	cr_assert_gt(kill_at_every_call(/* before= */ calls * 3 / 4), 50);
}

Test(datadir, kill_9_at_every_system_call_leaves_a_usable_key_elsewhere)
{
	if (!can_trace())
		cr_skip_test("ptrace is not permitted here");
	cr_assert_eq(mkdir(at("keys"), 0700), 0);
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("keys/seal"));
	for (int n = 1; kill_child_at(n); n++) {
		must_open();
		expect_whole();
		cr_assert_not(exists("keys/seal.new"));
		remove_dir();
		if (n % 2 == 0)
			cr_assert_eq(unlink(at("keys/seal")), 0);
	}
}

Test(datadir, the_lock_of_a_killed_daemon_does_not_outlive_it)
{
	pid_t child;
	int status;

	must_open();
	close_again();
	for (int i = 0; i < 5; i++) {
		child = start_child(/* traced= */ false);
		cr_assert_eq(kill(child, SIGCONT), 0);
		(void)usleep(3000);
		(void)kill(child, SIGKILL);
		must_open();    /* before it was waited for */
		close_again();
		cr_assert_eq(waitpid(child, &status, 0), child);
	}
}

/* --- the seal --- */

static const char hex[] = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";

static void seal_elsewhere(void)
{
	cr_assert_eq(mkdir(at("keys"), 0755), 0);
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("keys/seal"));
}

Test(seal, a_key_in_the_data_directory_is_warned_of)
{
	must_open();
	cr_assert_eq(f.datadir->warnings_n, 1);
	cr_assert_not_null(strstr(f.datadir->warnings[0], "copy"));
	cr_assert_not_null(strstr(f.datadir->warnings[0], "dir/seal.key"));
}

Test(seal, a_key_elsewhere_is_made_there_and_not_warned_of)
{
	seal_elsewhere();
	must_open();
	cr_assert_eq(f.datadir->warnings_n, 0);
	cr_assert_eq(mode_of("keys/seal"), 0600);
	cr_assert_not(exists("dir/seal.key"));
	cr_assert_not(exists("keys/seal.new"));
	expect_whole();
}

Test(seal, a_key_that_is_there_is_used_and_not_changed)
{
	SR_AUTO_FREE char *text = NULL;
	size_t n;

	seal_elsewhere();
	write_file("keys/seal", hex, 64, 0400);
	must_open();
	expect_whole();
	cr_assert_eq(io_read_file(AT_FDCWD, at("keys/seal"), 100, &text, &n), SR_OK);
	cr_assert_str_eq(text, hex);
}

Test(seal, hex_and_raw_are_the_same_key)
{
	uint8_t raw[SEALED_KEY_LEN];
	char lines[70];

	seal_elsewhere();
	write_file("keys/seal", hex, 64, 0600);
	must_open();
	leave_witness();
	close_again();
	cr_assert(hex_decode(str_of(hex), raw, sizeof raw));
	write_file("keys/seal", raw, sizeof raw, 0600);
	must_open();
	cr_assert(has_witness());
	close_again();
	(void)snprintf(lines, sizeof lines, "%s\n", hex);
	write_file("keys/seal", lines, 65, 0600);
	must_open();
	close_again();
	(void)snprintf(lines, sizeof lines, "%s\r\n", hex);
	write_file("keys/seal", lines, 66, 0600);
	must_open();
}

Test(seal, what_is_not_a_key_is_refused)
{
	static char text[200];
	static const size_t lengths[] = { 0, 1, 31, 33, 34, 63, 66, 67, 68, 128, 200 };

	memset(text, 'a', sizeof text);
	seal_elsewhere();
	must_open();
	close_again();
	for (size_t i = 0; i < SR_COUNT(lengths); i++) {
		write_file("keys/seal", text, lengths[i], 0600);
		must_refuse(SR_BAD_SEAL, "keys/seal", "32 bytes");
	}
	text[30] = 'g';
	write_file("keys/seal", text, 64, 0600);
	must_refuse(SR_BAD_SEAL, "keys/seal", "32 bytes");
	memset(text, 0, sizeof text);
	write_file("keys/seal", text, 32, 0600);
	must_refuse(SR_BAD_SEAL, "keys/seal", "zeros");
	memset(text, '0', sizeof text);
	write_file("keys/seal", text, 64, 0600);
	must_refuse(SR_BAD_SEAL, "keys/seal", "zeros");
	cr_assert_eq(unlink(at("keys/seal")), 0);
	must_refuse(SR_NOT_FOUND, "keys/seal", "missing");
	cr_assert_eq(mkdir(at("keys/seal"), 0700), 0);
	must_refuse(SR_BAD_SEAL, "keys/seal", "regular");
	cr_assert_eq(rmdir(at("keys/seal")), 0);
	cr_assert_eq(mkfifo(at("keys/seal"), 0600), 0);
	must_refuse(SR_BAD_SEAL, "keys/seal", "regular");
}

Test(seal, the_key_of_another_store_is_refused)
{
	seal_elsewhere();
	must_open();
	leave_witness();
	close_again();
	cr_assert_eq(rename(at("keys/seal"), at("keys/right")), 0);
	write_file("keys/seal", hex, 64, 0600);
	must_refuse(SR_BAD_SEAL, "keys/seal", "does not open");
	cr_assert_eq(rename(at("keys/right"), at("keys/seal")), 0);
	must_open();
	cr_assert(has_witness());
}

Test(seal, a_key_that_others_may_read_or_change_is_refused)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777 };

	seal_elsewhere();
	must_open();
	close_again();
	for (size_t i = 0; i < SR_COUNT(modes); i++) {
		cr_assert_eq(chmod(at("keys/seal"), modes[i]), 0);
		must_refuse(SR_DENIED, "keys/seal", "chmod 0600");
	}
	cr_assert_eq(chmod(at("keys/seal"), 0600), 0);
	must_open();
	close_again();
	if (geteuid() != 0)
		return;
	cr_assert_eq(chown(at("keys/seal"), 33, 33), 0);
	must_refuse(SR_DENIED, "keys/seal", "uid 33");
}

Test(seal, a_link_of_our_own_is_followed_and_one_of_others_is_not)
{
	seal_elsewhere();
	must_open();
	close_again();
	cr_assert_eq(rename(at("keys/seal"), at("keys/real")), 0);
	cr_assert_eq(symlink(at("keys/real"), at("keys/seal")), 0);
	must_open();
	close_again();
	if (geteuid() == 0) {
		cr_assert_eq(lchown(at("keys/seal"), 33, 33), 0);
		must_refuse(SR_DENIED, "keys/seal", "symbolic link");
	}
	cr_assert_eq(unlink(at("keys/real")), 0);
	cr_assert_eq(lchown(at("keys/seal"), geteuid(), getegid()), 0);
	must_refuse(SR_NOT_FOUND, "keys/seal", "No such file");
}

Test(seal, settings_that_name_no_seal_are_refused)
{
	static const char *const settings[] = {
		"file", "file:", "file:seal.key", "file:./seal.key", "tpm:0", "/etc/seal.key", "file:/", "file:/etc/", "file:/etc/..",
	};

	for (size_t i = 0; i < SR_COUNT(settings); i++) {
		(void)snprintf(f.seal, sizeof f.seal, "%s", settings[i]);
		must_refuse(SR_BAD_PARAMETER, "seal", "file:");
	}
}

Test(seal, a_place_inside_the_data_directory_can_only_be_the_usual_one)
{
	cr_assert_eq(mkdir(f.dir, 0700), 0);
	cr_assert_eq(symlink(f.dir, at("way")), 0);
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("way/other.key"));
	must_refuse(SR_BAD_PARAMETER, "inside", "seal.key");
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("way/seal.key"));
	must_open();
	cr_assert_eq(f.datadir->warnings_n, 1);
	expect_whole();
	(void)snprintf(f.seal, sizeof f.seal, "file:%s", at("dir/store/seal.key"));
	must_refuse(SR_BAD_PARAMETER, "inside", "seal.key");
	f.seal[0] = '\0';
	must_open();
	cr_assert(has_witness());
}

Test(seal, a_long_path_leaves_room_for_the_rest_of_the_words)
{
	char deep[240];
	struct seal *seal = NULL;
	char setting[600];

	memset(deep, 'd', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	(void)snprintf(setting, sizeof setting, "file:%s/%s/%s", f.scratch.path, deep, deep);
	cr_assert_eq(seal_open(setting, f.scratch.fd, f.scratch.path, &seal, f.problem), SR_NOT_FOUND);
	cr_assert_not_null(strstr(f.problem, "setting seal"), "%s", f.problem);
}
