/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a daemon that misbehaves.  Every failure ends within the
 * deadline, with the right error, and leaves no descriptor behind. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "client_fixture.h"
#include "protocol/call.h"
#include "protocol/link.h"

TestSuite(client, .init = fixture_begin, .fini = fixture_end);

static enum sr_err create(const char *how)
{
	struct sr_key_create_req q = { .key = SR_STR("strongroom://web/keys/tls"), .kty = str_of(how) };
	struct sr_key_create_rep r;

	return sr_key_create(fx.client, fx.call, &q, &r);
}

/* ---- the plain case ---- */

Test(client, signs_over_one_connection)
{
	for (int i = 0; i < 20; i++) {
		struct sr_key_sign_rep r;

		cr_assert_eq(fixture_sign_with(fx.client, fx.call, "ES256", &r), SR_OK);
		cr_assert(str_is(r.kid, "strongroom://web/keys/tls/0123456789abcdef0123456789abcdef"));
		cr_assert_str_eq(sr_call_detail(fx.call), "");
	}
	cr_assert_eq(atomic_load(&fx.d.state->signs), 20);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 1);
	cr_assert_eq(atomic_load(&fx.d.state->hellos), 1);
}

Test(client, does_nothing_until_it_is_called)
{
	unsigned before = fixture_count_fds();
	struct sr_client *other = fixture_client(0);

	cr_assert_eq(fixture_count_fds(), before);
	sr_client_free(other);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 0);
}

Test(client, reads_answers_larger_than_it_has_room_for)
{
	struct sr_key_list_req q = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep r;

	cr_assert_eq(sr_key_list(fx.client, fx.call, &q, &r), SR_OK);
	cr_assert_eq(r.keys.n, 200);
	for (size_t i = 0; i < r.keys.n; i++) {
		cr_assert_eq(r.keys.v[i].size, i);
		cr_assert_eq(r.keys.v[i].tags.n, 15);
		cr_assert(str_is(r.keys.v[i].tags.v[14].value, "production"));
	}
	/* and small ones again */
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
}

Test(client, lets_a_request_quote_the_answer_before)
{
	struct sr_key_list_req q = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep r;

	cr_assert_eq(sr_key_list(fx.client, fx.call, &q, &r), SR_OK);
	SR_SET(key_list_req, &q, after, r.next);
	cr_assert_eq(sr_key_list(fx.client, fx.call, &q, &r), SR_OK);
	cr_assert(str_is(r.next, "a-name-to-go-on-after"));
}

Test(client, sends_large_messages_and_refuses_too_large_ones_itself)
{
	static uint8_t message[1 << 20];
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("EdDSA") };
	struct sr_key_sign_rep r;

	SR_SET(key_sign_req, &q, message, ((struct sr_bytes){ message, 1000000 }));
	cr_assert_eq(sr_key_sign(fx.client, fx.call, &q, &r), SR_OK);
	SR_SET(key_sign_req, &q, message, ((struct sr_bytes){ message, sizeof message }));
	cr_assert_eq(sr_key_sign(fx.client, fx.call, &q, &r), SR_TOO_LARGE);
	cr_assert_not_null(strstr(sr_call_detail(fx.call), "1048576"), "%s", sr_call_detail(fx.call));
	/* more than the schema allows at all */
	q.message.n = sizeof message + 1;
	cr_assert_eq(sr_key_sign(fx.client, fx.call, &q, &r), SR_TOO_LARGE);
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
}

Test(client, wipes_an_answer_when_the_call_is_used_again)
{
	static const char secret[] = "the secret that was encrypted";
	struct sr_key_decrypt_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("RSA-OAEP") };
	struct sr_key_decrypt_rep r;

	cr_assert_eq(sr_key_decrypt(fx.client, fx.call, &q, &r), SR_OK);
	cr_assert_str_eq((const char *)r.plaintext.p, secret);
	cr_assert_not_null(memmem(fx.call, sizeof *fx.call, secret, sizeof secret));
	q.alg = SR_STR("deny");
	cr_assert_eq(sr_key_decrypt(fx.client, fx.call, &q, &r), SR_DENIED);
	cr_assert_null(memmem(fx.call, sizeof *fx.call, secret, sizeof secret));
	cr_assert_null(r.plaintext.p);
}

/* ---- a daemon that misbehaves ---- */

static void check_failure(const char *how, enum sr_err expected)
{
	unsigned before = fixture_count_fds();
	struct sr_client *c = fixture_client(TIMEOUT_MS);
	uint64_t start = link_now();
	struct sr_key_sign_rep r;

	memset(&r, 0xff, sizeof r);
	cr_expect_eq(fixture_sign_with(c, fx.call, how, &r), expected, "%s: %s", how, sr_call_detail(fx.call));
	cr_expect_lt(fixture_elapsed_ms(start), TIMEOUT_MS + SLACK_MS, "%s", how);
	cr_expect_neq(sr_call_detail(fx.call)[0], '\0', "%s", how);
	cr_expect(r.present == 0 && r.signature.p == NULL && r.kid.p == NULL, "%s: the reply is zeroed", how);
	/* and it works again */
	cr_expect_eq(fixture_sign_with(c, fx.call, "ES256", &r), SR_OK, "%s: %s", how, sr_call_detail(fx.call));
	cr_expect_leq(fixture_count_fds(), before + 1, "%s", how);
	sr_client_free(c);
	cr_expect_eq(fixture_count_fds(), before, "%s", how);
}

Test(client, fails_clearly_whatever_the_daemon_does)
{
	check_failure("garbage", SR_BAD_MESSAGE);
	check_failure("bomb", SR_BAD_MESSAGE);
	check_failure("request", SR_BAD_MESSAGE);
	check_failure("missing", SR_BAD_MESSAGE);
	check_failure("huge", SR_BAD_MESSAGE);
	check_failure("zero", SR_BAD_MESSAGE);
	check_failure("wrong-id", SR_BAD_MESSAGE);
	check_failure("half", SR_TIMEOUT);
	check_failure("silence", SR_TIMEOUT);
	check_failure("drip", SR_TIMEOUT);
	check_failure("close", SR_UNREACHABLE);
	check_failure("first-byte", SR_UNREACHABLE);
	check_failure("half-close", SR_UNREACHABLE);
	check_failure("deny", SR_DENIED);
	check_failure("farewell", SR_STOPPING);
}

static void check_hello(enum fake_hello how, enum sr_err expected, int tries)
{
	int connections = atomic_load(&fx.d.state->connections);
	unsigned before = fixture_count_fds();
	uint64_t start = link_now();

	atomic_store(&fx.d.state->hello, how);
	cr_expect_eq(fixture_sign("ES256"), expected, "%d: %s", (int)how, sr_call_detail(fx.call));
	cr_expect_lt(fixture_elapsed_ms(start), TIMEOUT_MS + SLACK_MS, "%d", (int)how);
	cr_expect_eq(fixture_count_fds(), before, "%d", (int)how);
	cr_expect_eq(atomic_load(&fx.d.state->signs), 0);
	cr_expect_eq(atomic_load(&fx.d.state->connections), connections + tries, "%d", (int)how);
}

Test(client, fails_clearly_whatever_the_daemon_says_to_hello)
{
	check_hello(FAKE_HELLO_CLOSED, SR_UNREACHABLE, 2);
	check_hello(FAKE_HELLO_SILENT, SR_TIMEOUT, 1);
	check_hello(FAKE_HELLO_OTHER, SR_UNSUPPORTED, 1);
	check_hello(FAKE_HELLO_GARBAGE, SR_BAD_MESSAGE, 1);
	check_hello(FAKE_HELLO_REFUSED, SR_LIMIT, 1);
	cr_assert_str_eq(sr_call_detail(fx.call), "too many connections of uid 7");
	atomic_store(&fx.d.state->hello, FAKE_HELLO_RIGHT);
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
}

Test(client, prints_nothing_that_a_terminal_would_obey)
{
	cr_assert_eq(fixture_sign("deny"), SR_DENIED);
	cr_assert_str_eq(sr_call_detail(fx.call), "no?[31m ???? way");
}

Test(client, passes_on_errors_that_it_does_not_know)
{
	enum sr_err err = fixture_sign("new-error");

	cr_assert_eq((int)err, 12345);
	cr_assert_str_eq(sr_call_detail(fx.call), "from the future");
	cr_assert_eq(sr_error_exit(err), 1);
	cr_assert_not_null(sr_strerror(err));
	cr_assert_str_eq(sr_error_code(err), "UnknownError");
}

Test(client, waits_for_an_answer_that_comes_slowly_but_in_time)
{
	cr_assert_eq(fixture_sign("slow"), SR_OK);
}

Test(client, keeps_a_connection_on_which_a_call_was_refused)
{
	cr_assert_eq(fixture_sign("deny"), SR_DENIED);
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 1);
}

Test(client, takes_an_answer_with_a_last_word_behind_it)
{
	cr_assert_eq(fixture_sign("extra"), SR_OK);
	/* on a new connection: a change is not tried twice */
	cr_assert_eq(create("EC"), SR_OK);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 2);
}

/* ---- once more ---- */

Test(client, tries_a_use_again_when_the_connection_died_before_an_answer)
{
	cr_assert_eq(fixture_sign("close-once"), SR_OK);
	cr_assert_eq(atomic_load(&fx.d.state->signs), 2);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 2);
	cr_assert_str_eq(sr_call_detail(fx.call), "");
}

Test(client, tries_only_once_more)
{
	cr_assert_eq(fixture_sign("close"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&fx.d.state->signs), 2);
}

Test(client, never_sends_a_change_twice)
{
	cr_assert_eq(create("close-once"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&fx.d.state->creates), 1);
	cr_assert_not_null(strstr(sr_call_detail(fx.call), fx.d.path));
	cr_assert_eq(create("EC"), SR_OK);
	cr_assert_eq(create("farewell"), SR_STOPPING);
	cr_assert_eq(atomic_load(&fx.d.state->creates), 3);
}

Test(client, does_not_try_again_after_the_first_byte_of_an_answer)
{
	cr_assert_eq(fixture_sign("first-byte"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&fx.d.state->signs), 1);
}

Test(client, tries_again_when_a_connection_that_worked_is_given_notice)
{
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	cr_assert_eq(fixture_sign("farewell-once"), SR_OK);
	cr_assert_eq(atomic_load(&fx.d.state->signs), 3);
}

Test(client, does_not_notice_that_the_daemon_was_restarted)
{
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	fake_kill(&fx.d);
	fake_start(&fx.d, geteuid());
	cr_assert_eq(fixture_sign("ES256"), SR_OK, "%s", sr_call_detail(fx.call));
	/* a change as well: what could not be sent was not run */
	fake_kill(&fx.d);
	fake_start(&fx.d, geteuid());
	cr_assert_eq(create("EC"), SR_OK, "%s", sr_call_detail(fx.call));
	cr_assert_eq(atomic_load(&fx.d.state->creates), 1);
}

/* In a process of its own, with which the daemon dies. */
static pid_t start_late(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid > 0)
		return pid;
	(void)usleep(100000);
	fake_start(&fx.d, geteuid());
	for (;;)
		(void)pause();
}

Test(client, waits_a_moment_for_a_daemon_that_is_being_restarted)
{
	pid_t pid;

	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	fake_kill(&fx.d);
	pid = start_late();
	cr_assert_eq(fixture_sign("ES256"), SR_OK, "%s", sr_call_detail(fx.call));
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static void check_unreachable(uint32_t timeout_ms, unsigned at_most_ms, const char *word)
{
	struct sr_client *c = fixture_client(timeout_ms);
	uint64_t start = link_now();
	unsigned before = fixture_count_fds();
	struct sr_key_sign_rep r;

	cr_expect_eq(fixture_sign_with(c, fx.call, "ES256", &r), SR_UNREACHABLE);
	cr_expect_lt(fixture_elapsed_ms(start), at_most_ms + SLACK_MS);
	cr_expect_not_null(strstr(sr_call_detail(fx.call), fx.d.path), "%s", sr_call_detail(fx.call));
	cr_expect_not_null(strstr(sr_call_detail(fx.call), word), "%s", sr_call_detail(fx.call));
	cr_expect_not_null(strstr(sr_call_detail(fx.call), "is it running?"), "%s", sr_call_detail(fx.call));
	cr_expect_eq(fixture_count_fds(), before);
	sr_client_free(c);
}

Test(client, says_where_it_looked_for_a_daemon_that_is_down)
{
	fake_kill(&fx.d);
	check_unreachable(5000, 300, "Connection refused");
	check_unreachable(50, 50, "Connection refused");
	cr_assert_eq(unlink(fx.d.path), 0);
	check_unreachable(5000, 300, "No such file or directory");
}

/* A backlog that is full, and nobody who accepts. */
Test(client, does_not_wait_for_ever_to_be_accepted)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t start;

	fake_kill(&fx.d);
	cr_assert_eq(unlink(fx.d.path), 0);
	cr_assert(str_copy(str_of(fx.d.path), address.sun_path, sizeof address.sun_path));
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(listen(listener, 0), 0);
	cr_assert_eq(connect(other, (struct sockaddr *)&address, sizeof address), 0);
	start = link_now();
	cr_assert_eq(fixture_sign("ES256"), SR_TIMEOUT);
	cr_assert_geq(fixture_elapsed_ms(start), TIMEOUT_MS - 1);
	cr_assert_lt(fixture_elapsed_ms(start), TIMEOUT_MS + SLACK_MS);
	close(other);
	close(listener);
}

/* ---- options ---- */

Test(options, are_checked)
{
	struct sr_client_options o = { .daemon_uid = -1 };
	struct sr_client *c;
	char path[LINK_SOCKET_MAX + 2];

	memset(path, 'x', sizeof path);
	path[LINK_SOCKET_MAX + 1] = '\0';
	o.socket = path;
	cr_assert_eq(sr_client_new(&o, &c), SR_BAD_PARAMETER);
	path[LINK_SOCKET_MAX] = '\0';
	cr_assert_eq(sr_client_new(&o, &c), SR_OK);
	cr_assert_str_eq(sr_client_socket(c), path);
	sr_client_free(c);
	o.socket = "";
	cr_assert_eq(sr_client_new(&o, &c), SR_BAD_PARAMETER);
	o.socket = "@";
	cr_assert_eq(sr_client_new(&o, &c), SR_BAD_PARAMETER);
}

Test(options, take_the_socket_from_the_environment)
{
	struct sr_client *c;

	cr_assert_eq(setenv("STRONGROOM_SOCKET", "/tmp/elsewhere", 1), 0);
	cr_assert_eq(sr_client_new(NULL, &c), SR_OK);
	cr_assert_str_eq(sr_client_socket(c), "/tmp/elsewhere");
	sr_client_free(c);
	cr_assert_eq(unsetenv("STRONGROOM_SOCKET"), 0);
	cr_assert_eq(sr_client_new(NULL, &c), SR_OK);
	cr_assert_str_eq(sr_client_socket(c), "/run/strongroom/strongroom.sock");
	sr_client_free(c);
}

Test(options, freeing_nothing_is_fine)
{
	sr_client_free(NULL);
	sr_call_free(NULL);
}

