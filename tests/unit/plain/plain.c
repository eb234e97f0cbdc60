/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_S   240         /* sanitizers are slow */
#define STATUS_SKIP 77

static struct plain_test *tests;
static const struct plain_test *current;       /* the test that runs in this process */
static int failures;            /* of it */

void plain_register(struct plain_test *test)
{
	struct plain_test **at = &tests;

	while (*at != NULL)
		at = &(*at)->next;
	*at = test;
}

void plain_check(bool ok, bool fatal, const char *file, int line, const char *text, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	fprintf(stderr, "%s:%d: %s:", file, line, text);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
	if (fatal)
		_exit(1);
}


static const struct plain_options *suite_options(const char *suite)
{
	static const struct plain_options none;

	for (const struct plain_test *t = tests; t != NULL; t = t->next)
		if (t->run == NULL && strcmp(t->suite, suite) == 0)
			return &t->options;
	return &none;
}

_Noreturn static void end_here(int status)
{
	const struct plain_options *suite = suite_options(current->suite);

	if (current->options.fini != NULL)
		current->options.fini();
	if (suite->fini != NULL)
		suite->fini();
	exit(failures == 0 ? status : 1);
}

_Noreturn void plain_skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	end_here(STATUS_SKIP);
}

_Noreturn static void run_here(const struct plain_test *test)
{
	const struct plain_options *suite = suite_options(test->suite);

	current = test;
	(void)alarm(TIMEOUT_S);
	if (suite->init != NULL)
		suite->init();
	if (test->options.init != NULL)
		test->options.init();
	test->run();
	end_here(0);
}

static bool run(const struct plain_test *test)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_here(test);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (test->options.signal != 0)
		return WIFSIGNALED(status) && WTERMSIG(status) == test->options.signal;
	return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == STATUS_SKIP);
}

int main(void)
{
	unsigned n = 0, failed = 0;

	for (const struct plain_test *t = tests; t != NULL; t = t->next) {
		if (t->run == NULL)
			continue;
		n++;
		if (run(t))
			continue;
		failed++;
		fprintf(stderr, "FAIL %s::%s\n", t->suite, t->name);
	}
	printf("%u passed, %u failed\n", n - failed, failed);
	return failed == 0 ? 0 : 1;
}
