/* SPDX-License-Identifier: Apache-2.0 */
/* What our unit tests use of Criterion, without Criterion, which cannot run under
 * ThreadSanitizer (it maps an arena where the sanitizer keeps its own).  Each test
 * runs in a child of its own here as well.  plain.c has main(). */
#ifndef SR_TESTS_PLAIN_CRITERION_H
#define SR_TESTS_PLAIN_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_options {
	int begin_;             /* so that an empty list of options is not an empty initialiser */
	void (*init)(void), (*fini)(void);
	unsigned timeout;       /* seconds */
	int signal;             /* by which the test has to end */
};

struct plain_test {
	const char *suite, *name;
	void (*run)(void);      /* NULL: the options of a whole suite */
	struct plain_options options;
	struct plain_test *next;
};

void plain_register(struct plain_test *test);
/* Counts a failure of this test, and ends it if it is fatal. */
void plain_check(bool ok, bool fatal, const char *file, int line, const char *text, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
_Noreturn void plain_skip(const char *why);

#define PLAIN_REGISTER(id, suite, name, fn, ...) \
	__attribute__((constructor)) static void id##_register(void) \
	{ \
		static struct plain_test test = { suite, name, fn, { .begin_ = 0, __VA_ARGS__ }, NULL }; \
		plain_register(&test); \
	}
#define TestSuite(suite, ...) PLAIN_REGISTER(suite##_suite, #suite, "", NULL, __VA_ARGS__)
#define Test(suite, name, ...) \
	static void suite##_##name##_test(void); \
	PLAIN_REGISTER(suite##_##name, #suite, #name, suite##_##name##_test, __VA_ARGS__) \
	static void suite##_##name##_test(void)

#define PLAIN(fatal, ok, text, ...) plain_check(ok, fatal, __FILE__, __LINE__, text, " " __VA_ARGS__)
#define PLAIN_OP(fatal, a, op, b, ...) PLAIN(fatal, (a) op (b), #a " " #op " " #b, __VA_ARGS__)

#define cr_assert(ok, ...)             PLAIN(true, ok, #ok, __VA_ARGS__)
#define cr_assert_not(ok, ...)         PLAIN(true, !(ok), "not " #ok, __VA_ARGS__)
#define cr_assert_null(p, ...)         PLAIN(true, (p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...)     PLAIN(true, (p) != NULL, #p " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)        PLAIN_OP(true, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)       PLAIN_OP(true, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)        PLAIN_OP(true, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)       PLAIN_OP(true, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)        PLAIN_OP(true, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)       PLAIN_OP(true, a, >=, b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)    PLAIN(true, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)   PLAIN(true, strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) PLAIN(true, memcmp(a, b, n) == 0, #a " equals " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...) PLAIN(true, memcmp(a, b, n) != 0, #a " differs from " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) PLAIN(true, fabs((double)((a) - (b))) <= (e), #a " is about " #b, __VA_ARGS__)
#define cr_expect(ok, ...)             PLAIN(false, ok, #ok, __VA_ARGS__)
#define cr_expect_not(ok, ...)         PLAIN(false, !(ok), "not " #ok, __VA_ARGS__)
#define cr_expect_null(p, ...)         PLAIN(false, (p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_expect_not_null(p, ...)     PLAIN(false, (p) != NULL, #p " is not NULL", __VA_ARGS__)
#define cr_expect_eq(a, b, ...)        PLAIN_OP(false, a, ==, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)       PLAIN_OP(false, a, !=, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)        PLAIN_OP(false, a, <, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)       PLAIN_OP(false, a, <=, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)        PLAIN_OP(false, a, >, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)       PLAIN_OP(false, a, >=, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)    PLAIN(false, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_skip(why)                   plain_skip(why)
#define cr_skip_test(why)              plain_skip(why)

#endif
