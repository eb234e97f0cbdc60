/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a daemon that misbehaves, and in programs that fork, change
 * their uid, close descriptors and use many threads.  Every failure ends within
 * the deadline, with the right error, and leaves no descriptor behind. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <strongroom/strongroom.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "fake_daemon.h"
#include "protocol/call.h"
#include "protocol/client.h"

#define TIMEOUT_MS 400
#define SLACK_MS   400          /* this machine may be busy */
#define NOBODY     65534

static struct fake_daemon d;
static struct sr_client *client;
static struct sr_call *call;

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	cr_assert_not_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct sr_client *new_client(uint32_t timeout_ms)
{
	struct sr_client_options o = { .socket = d.path, .timeout_ms = timeout_ms, .daemon_uid = -1, .name = "test" };
	struct sr_client *c;

	cr_assert_eq(sr_client_new(&o, &c), SR_OK);
	return c;
}

static void begin(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	fake_init(&d);
	fake_start(&d, geteuid());
	client = new_client(TIMEOUT_MS);
	cr_assert_eq(sr_call_new(&call), SR_OK);
}

static void end(void)
{
	sr_call_free(call);
	sr_client_free(client);
	fake_finish(&d);
}

TestSuite(client, .init = begin, .fini = end, .timeout = 60);

static enum sr_err sign_with(struct sr_client *c, struct sr_call *k, const char *how, struct sr_key_sign_rep *r)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = str_of(how) };

	SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, sizeof digest }));
	return sr_key_sign(c, k, &q, r);
}

static enum sr_err sign(const char *how)
{
	struct sr_key_sign_rep r;

	return sign_with(client, call, how, &r);
}

static enum sr_err create(const char *how)
{
	struct sr_key_create_req q = { .key = SR_STR("strongroom://web/keys/tls"), .kty = str_of(how) };
	struct sr_key_create_rep r;

	return sr_key_create(client, call, &q, &r);
}

/* Whom the daemon takes us for. */
static struct fake_peer seen_as(struct sr_client *c, struct sr_call *k)
{
	struct fake_peer peer = { 0 };
	struct sr_key_sign_rep r;
	enum sr_err err = sign_with(c, k, "ES256", &r);

	if (err != SR_OK || r.signature.n != sizeof peer)
		return peer;
	memcpy(&peer, r.signature.p, sizeof peer);
	return peer;
}

static unsigned elapsed_ms(uint64_t since_ns)
{
	return (unsigned)((link_now() - since_ns) / 1000000);
}

/* Runs it in a child; its result must be true. */
static void in_child(bool (*fn)(void))
{
	pid_t pid = fork();
	int status;

	cr_assert_geq(pid, 0);
	if (pid == 0)
		_exit(fn() ? 0 : 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

/* ---- the plain case ---- */

Test(client, signs_over_one_connection)
{
	for (int i = 0; i < 20; i++) {
		struct sr_key_sign_rep r;

		cr_assert_eq(sign_with(client, call, "ES256", &r), SR_OK);
		cr_assert(str_is(r.kid, "strongroom://web/keys/tls/0123456789abcdef0123456789abcdef"));
		cr_assert_str_eq(sr_call_detail(call), "");
	}
	cr_assert_eq(atomic_load(&d.state->signs), 20);
	cr_assert_eq(atomic_load(&d.state->connections), 1);
	cr_assert_eq(atomic_load(&d.state->hellos), 1);
}

Test(client, does_nothing_until_it_is_called)
{
	unsigned before = count_fds();
	struct sr_client *other = new_client(0);

	cr_assert_eq(count_fds(), before);
	sr_client_free(other);
	cr_assert_eq(atomic_load(&d.state->connections), 0);
}

Test(client, reads_answers_larger_than_it_has_room_for)
{
	struct sr_key_list_req q = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep r;

	cr_assert_eq(sr_key_list(client, call, &q, &r), SR_OK);
	cr_assert_eq(r.keys.n, 200);
	for (size_t i = 0; i < r.keys.n; i++) {
		cr_assert_eq(r.keys.v[i].size, i);
		cr_assert_eq(r.keys.v[i].tags.n, 15);
		cr_assert(str_is(r.keys.v[i].tags.v[14].value, "production"));
	}
	/* and small ones again */
	cr_assert_eq(sign("ES256"), SR_OK);
}

Test(client, lets_a_request_quote_the_answer_before)
{
	struct sr_key_list_req q = { .vault = SR_STR("strongroom://web") };
	struct sr_key_list_rep r;

	cr_assert_eq(sr_key_list(client, call, &q, &r), SR_OK);
	SR_SET(key_list_req, &q, after, r.next);
	cr_assert_eq(sr_key_list(client, call, &q, &r), SR_OK);
	cr_assert(str_is(r.next, "a-name-to-go-on-after"));
}

Test(client, sends_large_messages_and_refuses_too_large_ones_itself)
{
	static uint8_t message[1 << 20];
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("EdDSA") };
	struct sr_key_sign_rep r;

	SR_SET(key_sign_req, &q, message, ((struct sr_bytes){ message, 1000000 }));
	cr_assert_eq(sr_key_sign(client, call, &q, &r), SR_OK);
	SR_SET(key_sign_req, &q, message, ((struct sr_bytes){ message, sizeof message }));
	cr_assert_eq(sr_key_sign(client, call, &q, &r), SR_TOO_LARGE);
	cr_assert_not_null(strstr(sr_call_detail(call), "1048576"), "%s", sr_call_detail(call));
	/* more than the schema allows at all */
	q.message.n = sizeof message + 1;
	cr_assert_eq(sr_key_sign(client, call, &q, &r), SR_TOO_LARGE);
	cr_assert_eq(sign("ES256"), SR_OK);
}

Test(client, wipes_an_answer_when_the_call_is_used_again)
{
	static const char secret[] = "the secret that was encrypted";
	struct sr_key_decrypt_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("RSA-OAEP") };
	struct sr_key_decrypt_rep r;

	cr_assert_eq(sr_key_decrypt(client, call, &q, &r), SR_OK);
	cr_assert_str_eq((const char *)r.plaintext.p, secret);
	cr_assert_not_null(memmem(call, sizeof *call, secret, sizeof secret));
	q.alg = SR_STR("deny");
	cr_assert_eq(sr_key_decrypt(client, call, &q, &r), SR_DENIED);
	cr_assert_null(memmem(call, sizeof *call, secret, sizeof secret));
	cr_assert_null(r.plaintext.p);
}

/* ---- a daemon that misbehaves ---- */

static void check_failure(const char *how, enum sr_err expected)
{
	unsigned before = count_fds();
	struct sr_client *c = new_client(TIMEOUT_MS);
	uint64_t start = link_now();
	struct sr_key_sign_rep r;

	memset(&r, 0xff, sizeof r);
	cr_expect_eq(sign_with(c, call, how, &r), expected, "%s: %s", how, sr_call_detail(call));
	cr_expect_lt(elapsed_ms(start), TIMEOUT_MS + SLACK_MS, "%s", how);
	cr_expect_neq(sr_call_detail(call)[0], '\0', "%s", how);
	cr_expect(r.present == 0 && r.signature.p == NULL && r.kid.p == NULL, "%s: the reply is zeroed", how);
	/* and it works again */
	cr_expect_eq(sign_with(c, call, "ES256", &r), SR_OK, "%s: %s", how, sr_call_detail(call));
	cr_expect_leq(count_fds(), before + 1, "%s", how);
	sr_client_free(c);
	cr_expect_eq(count_fds(), before, "%s", how);
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

static void check_hello(enum fake_hello how, enum sr_err expected)
{
	unsigned before = count_fds();
	uint64_t start = link_now();

	atomic_store(&d.state->hello, how);
	cr_expect_eq(sign("ES256"), expected, "%d: %s", (int)how, sr_call_detail(call));
	cr_expect_lt(elapsed_ms(start), TIMEOUT_MS + SLACK_MS, "%d", (int)how);
	cr_expect_eq(count_fds(), before, "%d", (int)how);
	cr_expect_eq(atomic_load(&d.state->signs), 0);
}

Test(client, fails_clearly_whatever_the_daemon_says_to_hello)
{
	check_hello(FAKE_HELLO_CLOSED, SR_UNREACHABLE);
	check_hello(FAKE_HELLO_SILENT, SR_TIMEOUT);
	check_hello(FAKE_HELLO_OTHER, SR_UNSUPPORTED);
	check_hello(FAKE_HELLO_GARBAGE, SR_BAD_MESSAGE);
	check_hello(FAKE_HELLO_REFUSED, SR_LIMIT);
	cr_assert_str_eq(sr_call_detail(call), "too many connections of uid 7");
	atomic_store(&d.state->hello, FAKE_HELLO_RIGHT);
	cr_assert_eq(sign("ES256"), SR_OK);
}

Test(client, prints_nothing_that_a_terminal_would_obey)
{
	cr_assert_eq(sign("deny"), SR_DENIED);
	cr_assert_str_eq(sr_call_detail(call), "no?[31m ???? way");
}

Test(client, passes_on_errors_that_it_does_not_know)
{
	enum sr_err err = sign("new-error");

	cr_assert_eq((int)err, 12345);
	cr_assert_str_eq(sr_call_detail(call), "from the future");
	cr_assert_eq(sr_error_exit(err), 1);
	cr_assert_not_null(sr_strerror(err));
	cr_assert_str_eq(sr_error_code(err), "UnknownError");
}

Test(client, waits_for_an_answer_that_comes_slowly_but_in_time)
{
	cr_assert_eq(sign("slow"), SR_OK);
}

Test(client, keeps_a_connection_on_which_a_call_was_refused)
{
	cr_assert_eq(sign("deny"), SR_DENIED);
	cr_assert_eq(sign("ES256"), SR_OK);
	cr_assert_eq(atomic_load(&d.state->connections), 1);
}

Test(client, takes_an_answer_with_a_last_word_behind_it)
{
	cr_assert_eq(sign("extra"), SR_OK);
	cr_assert_eq(sign("extra"), SR_OK);
	cr_assert_leq(atomic_load(&d.state->signs), 3);
}

/* ---- once more ---- */

Test(client, tries_a_use_again_when_the_connection_died_before_an_answer)
{
	cr_assert_eq(sign("close-once"), SR_OK);
	cr_assert_eq(atomic_load(&d.state->signs), 2);
	cr_assert_eq(atomic_load(&d.state->connections), 2);
	cr_assert_str_eq(sr_call_detail(call), "");
}

Test(client, tries_only_once_more)
{
	cr_assert_eq(sign("close"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&d.state->signs), 2);
}

Test(client, never_sends_a_change_twice)
{
	cr_assert_eq(create("close-once"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&d.state->creates), 1);
	cr_assert_not_null(strstr(sr_call_detail(call), d.path));
	cr_assert_eq(create("EC"), SR_OK);
	cr_assert_eq(create("farewell"), SR_STOPPING);
	cr_assert_eq(atomic_load(&d.state->creates), 3);
}

Test(client, does_not_try_again_after_the_first_byte_of_an_answer)
{
	cr_assert_eq(sign("first-byte"), SR_UNREACHABLE);
	cr_assert_eq(atomic_load(&d.state->signs), 1);
}

Test(client, tries_again_when_a_connection_that_worked_is_given_notice)
{
	cr_assert_eq(sign("ES256"), SR_OK);
	cr_assert_eq(sign("farewell-once"), SR_OK);
	cr_assert_eq(atomic_load(&d.state->signs), 3);
}

Test(client, does_not_notice_that_the_daemon_was_restarted)
{
	cr_assert_eq(sign("ES256"), SR_OK);
	fake_kill(&d);
	fake_start(&d, geteuid());
	cr_assert_eq(sign("ES256"), SR_OK, "%s", sr_call_detail(call));
	/* a change as well: what could not be sent was not run */
	fake_kill(&d);
	fake_start(&d, geteuid());
	cr_assert_eq(create("EC"), SR_OK, "%s", sr_call_detail(call));
	cr_assert_eq(atomic_load(&d.state->creates), 1);
}

static atomic_bool stop;

/* The daemon dies with the thread that started it. */
static void *start_late(void *arg)
{
	(void)arg;
	usleep(100000);
	fake_start(&d, geteuid());
	while (!atomic_load(&stop))
		usleep(1000);
	return NULL;
}

Test(client, waits_a_moment_for_a_daemon_that_is_being_restarted)
{
	pthread_t thread;

	cr_assert_eq(sign("ES256"), SR_OK);
	fake_kill(&d);
	cr_assert_eq(pthread_create(&thread, NULL, start_late, NULL), 0);
	cr_assert_eq(sign("ES256"), SR_OK, "%s", sr_call_detail(call));
	atomic_store(&stop, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

static void check_unreachable(uint32_t timeout_ms, unsigned at_most_ms, const char *word)
{
	struct sr_client *c = new_client(timeout_ms);
	uint64_t start = link_now();
	unsigned before = count_fds();
	struct sr_key_sign_rep r;

	cr_expect_eq(sign_with(c, call, "ES256", &r), SR_UNREACHABLE);
	cr_expect_lt(elapsed_ms(start), at_most_ms + SLACK_MS);
	cr_expect_not_null(strstr(sr_call_detail(call), d.path), "%s", sr_call_detail(call));
	cr_expect_not_null(strstr(sr_call_detail(call), word), "%s", sr_call_detail(call));
	cr_expect_not_null(strstr(sr_call_detail(call), "is it running?"), "%s", sr_call_detail(call));
	cr_expect_eq(count_fds(), before);
	sr_client_free(c);
}

Test(client, says_where_it_looked_for_a_daemon_that_is_down)
{
	fake_kill(&d);
	check_unreachable(5000, 300, "Connection refused");
	check_unreachable(50, 50, "Connection refused");
	cr_assert_eq(unlink(d.path), 0);
	check_unreachable(5000, 300, "No such file or directory");
}

/* A backlog that is full, and nobody who accepts. */
Test(client, does_not_wait_for_ever_to_be_accepted)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t start;

	fake_kill(&d);
	cr_assert_eq(unlink(d.path), 0);
	cr_assert(str_copy(str_of(d.path), address.sun_path, sizeof address.sun_path));
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(listen(listener, 0), 0);
	cr_assert_eq(connect(other, (struct sockaddr *)&address, sizeof address), 0);
	start = link_now();
	cr_assert_eq(sign("ES256"), SR_TIMEOUT);
	cr_assert_geq(elapsed_ms(start), TIMEOUT_MS - 1);
	cr_assert_lt(elapsed_ms(start), TIMEOUT_MS + SLACK_MS);
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

/* ---- who is who ---- */

Test(client, trusts_root_itself_and_daemon_uid_only)
{
	struct sr_client_options o = { .socket = d.path, .timeout_ms = TIMEOUT_MS, .daemon_uid = NOBODY };
	struct sr_client *trusting;
	struct sr_key_sign_rep r;
	unsigned before;

	if (geteuid() != 0)
		cr_skip("needs root");
	fake_kill(&d);
	cr_assert_eq(unlink(d.path), 0);
	fake_start(&d, NOBODY);
	before = count_fds();
	cr_assert_eq(sign("ES256"), SR_UNTRUSTED);
	cr_assert_not_null(strstr(sr_call_detail(call), "uid 65534"), "%s", sr_call_detail(call));
	cr_assert_eq(count_fds(), before);
	cr_assert_eq(atomic_load(&d.state->hellos), 0, "it is told nothing");
	cr_assert_eq(sr_client_new(&o, &trusting), SR_OK);
	cr_assert_eq(sign_with(trusting, call, "ES256", &r), SR_OK);
	sr_client_free(trusting);
}

static bool is_seen_as_itself(void)
{
	struct fake_peer peer = seen_as(client, call);

	return peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid();
}

Test(client, is_itself_after_a_fork)
{
	unsigned before;

	cr_assert(is_seen_as_itself());
	before = count_fds();
	in_child(is_seen_as_itself);
	in_child(is_seen_as_itself);
	cr_assert(is_seen_as_itself());
	cr_assert_eq(atomic_load(&d.state->connections), 3);
	cr_assert_eq(atomic_load(&d.state->strangers), 0);
	cr_assert_eq(count_fds(), before);
}

static bool closes_what_it_inherited(void)
{
	unsigned before = count_fds();
	bool seen = is_seen_as_itself();

	return seen && count_fds() == before;
}

Test(client, closes_what_it_inherited)
{
	cr_assert(is_seen_as_itself());
	in_child(closes_what_it_inherited);
	cr_assert(is_seen_as_itself());
	cr_assert_eq(atomic_load(&d.state->connections), 2);
}

static bool is_itself_after_setuid(void)
{
	bool as_root = is_seen_as_itself();

	return as_root && setegid(NOBODY) == 0 && is_seen_as_itself() && seteuid(NOBODY) == 0 && is_seen_as_itself()
		&& seteuid(0) == 0 && is_seen_as_itself() && setgid(0) == 0 && setuid(NOBODY) == 0 && is_seen_as_itself();
}

Test(client, is_itself_after_setuid)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	in_child(is_itself_after_setuid);
	cr_assert_eq(atomic_load(&d.state->connections), 5);
}

/* ---- threads ---- */

#define THREADS 8
#define FORKS   40

static atomic_int wrong;

static void *sign_until_stopped(void *arg)
{
	struct sr_call *k;
	pid_t self = getpid();

	(void)arg;
	if (sr_call_new(&k) != SR_OK)
		return NULL;
	while (!atomic_load(&stop))
		if (seen_as(client, k).pid != self)
			atomic_fetch_add(&wrong, 1);
	sr_call_free(k);
	return NULL;
}

static bool signs_in_a_child(void)
{
	struct sr_call *k;
	bool right = sr_call_new(&k) == SR_OK;

	for (int i = 0; i < 3; i++)
		right = right && seen_as(client, k).pid == getpid();
	sr_call_free(k);
	return right;
}

Test(client, forks_while_other_threads_sign, .timeout = 120)
{
	pthread_t threads[THREADS];

	sr_client_free(client);
	client = new_client(20000);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, sign_until_stopped, NULL), 0);
	for (int i = 0; i < FORKS; i++)
		in_child(signs_in_a_child);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(atomic_load(&wrong), 0);
	cr_assert_eq(atomic_load(&d.state->strangers), 0);
}

static void *sign_once_slowly(void *arg)
{
	struct sr_key_sign_rep r;
	struct sr_call *k;

	(void)arg;
	if (sr_call_new(&k) != SR_OK || sign_with(client, k, "sleep", &r) != SR_OK)
		atomic_fetch_add(&wrong, 1);
	sr_call_free(k);
	return NULL;
}

Test(client, serves_more_threads_than_it_has_slots)
{
	pthread_t threads[CLIENT_SLOTS + 16];
	unsigned before = count_fds();

	sr_client_free(client);
	client = new_client(20000);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, sign_once_slowly, NULL), 0);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(atomic_load(&wrong), 0);
	cr_assert_leq(count_fds(), before + CLIENT_SLOTS);
}

Test(client, keeps_no_more_connections_than_calls_at_once)
{
	for (int i = 0; i < 20; i++) {
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL, sign_once_slowly, NULL), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
	cr_assert_eq(atomic_load(&d.state->connections), 1);
}

/* ---- in a rude program ---- */

static int find_socket(void)
{
	for (int fd = 3; fd < 100; fd++) {
		struct sockaddr_un peer;
		socklen_t n = sizeof peer;

		if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && str_is(str_of(d.path), peer.sun_path))
			return fd;
	}
	return -1;
}

Test(client, never_touches_a_descriptor_that_became_another)
{
	int pair[2], fd;
	char byte;

	cr_assert_eq(sign("ES256"), SR_OK);
	fd = find_socket();
	cr_assert_geq(fd, 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(dup2(pair[0], fd), fd);
	cr_assert_eq(sign("ES256"), SR_OK);
	cr_assert_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1, "nothing was written to it");
	cr_assert_neq(fcntl(fd, F_GETFD), -1, "it is still open");
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

Test(client, survives_that_its_descriptor_is_closed)
{
	cr_assert_eq(sign("ES256"), SR_OK);
	cr_assert_eq(close(find_socket()), 0);
	cr_assert_eq(sign("ES256"), SR_OK, "%s", sr_call_detail(call));
}

static bool leaves_the_standard_descriptors_alone(void)
{
	close(0);
	close(1);
	close(2);
	return sign("ES256") == SR_OK && fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 && fcntl(2, F_GETFD) == -1;
}

Test(client, leaves_the_standard_descriptors_alone)
{
	in_child(leaves_the_standard_descriptors_alone);
}

Test(client, keeps_no_descriptor_across_exec)
{
	cr_assert_eq(sign("ES256"), SR_OK);
	cr_assert_eq(fcntl(find_socket(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void on_alarm(int number)
{
	(void)number;
}

Test(client, is_not_disturbed_by_signals)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 500 }, { 0, 500 } };
	uint64_t start;

	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	cr_assert_eq(sign("slow"), SR_OK, "%s", sr_call_detail(call));
	start = link_now();
	cr_assert_eq(sign("silence"), SR_TIMEOUT);
	cr_assert_geq(elapsed_ms(start), TIMEOUT_MS - 1);
	cr_assert_lt(elapsed_ms(start), TIMEOUT_MS + SLACK_MS);
}

static void *sign_in_silence(void *arg)
{
	(void)arg;
	(void)sign("silence");
	return NULL;
}

Test(client, gives_a_slot_back_when_its_thread_is_cancelled)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, sign_in_silence, NULL), 0);
	usleep(50000);
	cr_assert_eq(pthread_cancel(thread), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < CLIENT_SLOTS; i++)
		cr_assert_eq(atomic_load(&client->slots[i].owner), 0);
}
