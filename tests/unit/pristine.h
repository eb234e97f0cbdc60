/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that must have libcrypto for themselves, from its first allocation on.
 * Criterion's own libraries use it before a test runs; so each PRISTINE test is
 * this program run again, and its body is over before main.  By hand, also under
 * ThreadSanitizer, which Criterion cannot run under:
 *
 *	SR_PRISTINE=name_of_test ./test_locked
 */
#ifndef SR_TESTS_PRISTINE_H
#define SR_TESTS_PRISTINE_H

#include <criterion/criterion.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			_exit(1); \
		} \
	} while (0)

#define PRISTINE(name) \
	static void body_##name(void); \
	__attribute__((constructor)) static void enter_##name(void) { pristine_enter(#name, body_##name); } \
	Test(pristine, name) { pristine_run(#name); } \
	static void body_##name(void)

static void pristine_enter(const char *name, void (*body)(void))
{
	const char *chosen = getenv("SR_PRISTINE");

	if (chosen == NULL || strcmp(chosen, name) != 0)
		return;
	body();
	exit(0);
}

static void pristine_run(const char *name)
{
	char program[] = "/proc/self/exe", *argv[] = { program, NULL };
	pid_t pid;
	int status;

	setenv("SR_PRISTINE", name, 1);
	cr_assert_eq(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "status %d", status);
}

#endif
