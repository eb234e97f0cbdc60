/* SPDX-License-Identifier: Apache-2.0 */
/* What one user may take, and what is left to others. */
#include <criterion/criterion.h>
#include <string.h>

#include "daemon/net/limits.h"

static struct limits *limits;
static char why[LIMITS_WHY_MAX];

static void setup(void)
{
	const struct limits_options options = {
		.connections_max = 100, .connections_per_uid = 50, .calls_per_uid = 2,
		.buffer_total = 1000, .buffer_per_uid = 600,
	};

	cr_assert_eq(limits_new(&options, &limits), SR_OK);
	why[0] = '\0';
}

static void teardown(void)
{
	limits_free(limits);    /* aborts if anything is still counted */
}

TestSuite(limits, .init = setup, .fini = teardown);

/* Takes connections until one is refused. */
static size_t connect_all(uid_t uid, struct account *accounts[static 100])
{
	size_t n = 0;

	while (n < 100 && limits_connect(limits, uid, &accounts[n], why) == SR_OK)
		n++;
	return n;
}

static void disconnect_all(struct account *accounts[static 100], size_t n)
{
	for (size_t i = 0; i < n; i++)
		limits_disconnect(limits, accounts[i]);
}

Test(limits, one_user_has_a_limit_of_connections_which_is_named)
{
	struct account *accounts[100];
	size_t n = connect_all(400001, accounts);

	cr_assert_eq(n, 50);
	cr_assert(strstr(why, "400001") != NULL && strstr(why, "connections_per_uid") != NULL, "%s", why);
	limits_disconnect(limits, accounts[--n]);
	cr_assert_eq(limits_connect(limits, 400001, &accounts[n], why), SR_OK, "one that ended makes room");
	disconnect_all(accounts, n + 1);
}

Test(limits, all_users_leave_the_operator_some)
{
	struct account *a[100], *b[100], *root[100];
	size_t a_n = connect_all(400001, a), b_n = connect_all(400002, b), root_n;

	cr_assert_eq(a_n + b_n, 100 - 16);
	cr_assert(strstr(why, "connections_max") != NULL, "%s", why);
	root_n = connect_all(0, root);
	cr_assert_eq(root_n, 16);
	cr_assert_eq(limits_connections(limits), 100);
	disconnect_all(a, a_n);
	disconnect_all(b, b_n);
	disconnect_all(root, root_n);
	cr_assert_eq(limits_connections(limits), 0);
}

Test(limits, half_of_all_connections_is_a_crowd)
{
	struct account *a[100], *b;
	size_t n = connect_all(400001, a);

	cr_assert_eq(n, 50);
	cr_assert_not(limits_crowded(limits));
	cr_assert_eq(limits_connect(limits, 400002, &b, why), SR_OK, "%s", why);
	cr_assert(limits_crowded(limits));
	limits_disconnect(limits, b);
	cr_assert_not(limits_crowded(limits));
	disconnect_all(a, n);
}

Test(limits, users_whose_numbers_meet_in_a_table_are_told_apart)
{
	struct account *a, *b, *c;

	cr_assert_eq(limits_connect(limits, 7, &a, why), SR_OK);
	cr_assert_eq(limits_connect(limits, 7 + 256, &b, why), SR_OK);
	cr_assert_eq(limits_connect(limits, 7 + 512, &c, why), SR_OK);
	cr_assert(a != b && b != c && a != c);
	limits_disconnect(limits, b);
	cr_assert(limits_buffer_take(limits, a, 100));
	cr_assert(limits_buffer_take(limits, c, 500));
	limits_buffer_give(limits, a, 100);
	limits_buffer_give(limits, c, 500);
	limits_disconnect(limits, a);
	limits_disconnect(limits, c);
}

Test(limits, users_have_lanes_of_their_own_while_there_are_enough)
{
	struct account *accounts[LIMITS_LANES], *one_more;
	bool used[LIMITS_LANES] = { false };

	for (size_t i = 0; i < LIMITS_LANES; i++) {
		cr_assert_eq(limits_connect(limits, (uid_t)(500000 + i), &accounts[i], why), SR_OK);
		cr_assert_not(used[limits_lane(accounts[i])]);
		used[limits_lane(accounts[i])] = true;
	}
	limits_disconnect(limits, accounts[17]);
	cr_assert_eq(limits_connect(limits, 400001, &accounts[17], why), SR_OK, "a lane that was left is free again");
	cr_assert_eq(limits_connect(limits, 400002, &one_more, why), SR_OK, "one lane is shared then");
	for (size_t i = 0; i < LIMITS_LANES; i++)
		limits_disconnect(limits, accounts[i]);
	limits_disconnect(limits, one_more);
}

Test(limits, slow_calls_are_counted_for_each_user)
{
	struct account *a, *b;

	cr_assert_eq(limits_connect(limits, 400001, &a, why), SR_OK);
	cr_assert_eq(limits_connect(limits, 400002, &b, why), SR_OK);
	cr_assert(limits_call_begin(limits, a, why));
	cr_assert(limits_call_begin(limits, a, why));
	cr_assert_not(limits_call_begin(limits, a, why));
	cr_assert(strstr(why, "calls_per_uid") != NULL, "%s", why);
	cr_assert(limits_call_begin(limits, b, why), "others may still");
	limits_call_end(limits, a);
	cr_assert(limits_call_begin(limits, a, why));
	limits_call_end(limits, a);
	limits_call_end(limits, a);
	limits_call_end(limits, b);
	limits_disconnect(limits, a);
	limits_disconnect(limits, b);
}

Test(limits, bytes_that_wait_are_counted_for_each_user_and_for_all)
{
	struct account *a, *b;

	cr_assert_eq(limits_connect(limits, 400001, &a, why), SR_OK);
	cr_assert_eq(limits_connect(limits, 400002, &b, why), SR_OK);
	cr_assert(limits_buffer_take(limits, a, 600));
	cr_assert_not(limits_buffer_take(limits, a, 1));
	cr_assert(limits_buffer_take(limits, b, 400));
	cr_assert_not(limits_buffer_take(limits, b, 1), "buffer_total is used up");
	cr_assert_not(limits_buffer_take(limits, b, SIZE_MAX));
	limits_buffer_give(limits, a, 600);
	cr_assert(limits_buffer_take(limits, b, 200));
	limits_buffer_give(limits, b, 600);
	limits_disconnect(limits, a);
	limits_disconnect(limits, b);
}

Test(limits, what_clients_cause_to_be_logged_is_little)
{
	int said = 0;

	for (int i = 0; i < 100000; i++)
		said += limits_may_log(limits) ? 1 : 0;
	cr_assert(said >= 1 && said <= 50, "%d lines", said);
}
