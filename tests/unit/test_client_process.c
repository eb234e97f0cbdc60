/* SPDX-License-Identifier: Apache-2.0 */
/* The client in programs that fork, change their uid, close descriptors and use
 * many threads: the daemon has to see who is calling now, and nobody else's
 * descriptor may be touched. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "client_fixture.h"
#include "protocol/client.h"

#define NOBODY 65534

TestSuite(process, .init = fixture_begin, .fini = fixture_end);

static atomic_bool stop;

/* Whom the daemon takes us for. */
static struct fake_peer seen_as(struct sr_client *c, struct sr_call *k)
{
	struct fake_peer peer = { 0 };
	struct sr_key_sign_rep r;
	enum sr_err err = fixture_sign_with(c, k, "ES256", &r);

	if (err != SR_OK || r.signature.n != sizeof peer)
		return peer;
	memcpy(&peer, r.signature.p, sizeof peer);
	return peer;
}

/* Is it a connection to the daemon? */
static bool is_connection(int fd)
{
	struct sockaddr_un peer;
	socklen_t n = sizeof peer;

	return getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && n > sizeof peer.sun_family
		&& str_is(str_of(fx.d.path), peer.sun_path);
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

/* ---- who is who ---- */

Test(process, trusts_root_itself_and_daemon_uid_only)
{
	struct sr_client_options o = { .socket = fx.d.path, .timeout_ms = TIMEOUT_MS, .daemon_uid = NOBODY };
	struct sr_client *trusting;
	struct sr_key_sign_rep r;
	unsigned before;

	if (geteuid() != 0)
		cr_skip("needs root");
	fake_kill(&fx.d);
	cr_assert_eq(unlink(fx.d.path), 0);
	fake_start(&fx.d, NOBODY);
	before = fixture_count_fds();
	cr_assert_eq(fixture_sign("ES256"), SR_UNTRUSTED);
	cr_assert_not_null(strstr(sr_call_detail(fx.call), "uid 65534"), "%s", sr_call_detail(fx.call));
	cr_assert_eq(fixture_count_fds(), before);
	cr_assert_eq(atomic_load(&fx.d.state->hellos), 0, "it is told nothing");
	cr_assert_eq(sr_client_new(&o, &trusting), SR_OK);
	cr_assert_eq(fixture_sign_with(trusting, fx.call, "ES256", &r), SR_OK);
	sr_client_free(trusting);
}

static bool is_seen_as_itself(void)
{
	struct fake_peer peer = seen_as(fx.client, fx.call);

	return peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid();
}

Test(process, is_itself_after_a_fork)
{
	unsigned before;

	cr_assert(is_seen_as_itself());
	before = fixture_count_fds();
	in_child(is_seen_as_itself);
	in_child(is_seen_as_itself);
	cr_assert(is_seen_as_itself());
	cr_assert_eq(atomic_load(&fx.d.state->connections), 3);
	cr_assert_eq(atomic_load(&fx.d.state->strangers), 0);
	cr_assert_eq(fixture_count_fds(), before);
}

static bool is_itself_after_setuid(void)
{
	bool as_root = is_seen_as_itself();

	return as_root && setegid(NOBODY) == 0 && is_seen_as_itself() && seteuid(NOBODY) == 0 && is_seen_as_itself()
		&& seteuid(0) == 0 && is_seen_as_itself() && setgid(0) == 0 && setuid(NOBODY) == 0 && is_seen_as_itself();
}

Test(process, is_itself_after_setuid)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	in_child(is_itself_after_setuid);
	cr_assert_eq(atomic_load(&fx.d.state->connections), 5);
}

/* ---- threads ---- */

#define THREADS 8
#define FORKS   40

/* Its own allocator may be locked in a child. */
#if defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

static atomic_int wrong;

static void *sign_until_stopped(void *arg)
{
	struct sr_call *k;
	pid_t self = getpid();

	(void)arg;
	if (sr_call_new(&k) != SR_OK)
		return NULL;
	while (!atomic_load(&stop))
		if (seen_as(fx.client, k).pid != self)
			atomic_fetch_add(&wrong, 1);
	sr_call_free(k);
	return NULL;
}

static bool signs_in_a_child(void)
{
	struct sr_call *k;
	bool right = sr_call_new(&k) == SR_OK;

	for (int i = 0; i < 3; i++)
		right = right && seen_as(fx.client, k).pid == getpid();
	sr_call_free(k);
	return right;
}

Test(process, forks_while_other_threads_sign, .timeout = 120)
{
	pthread_t threads[THREADS];

	if (UNDER_TSAN)
		cr_skip("ThreadSanitizer cannot fork while threads run");
	sr_client_free(fx.client);
	fx.client = fixture_client(20000);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, sign_until_stopped, NULL), 0);
	for (int i = 0; i < FORKS; i++)
		in_child(signs_in_a_child);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(atomic_load(&wrong), 0);
	cr_assert_eq(atomic_load(&fx.d.state->strangers), 0);
}

static void *sign_once_slowly(void *arg)
{
	struct sr_key_sign_rep r;
	struct sr_call *k;

	(void)arg;
	if (sr_call_new(&k) != SR_OK || fixture_sign_with(fx.client, k, "sleep", &r) != SR_OK)
		atomic_fetch_add(&wrong, 1);
	sr_call_free(k);
	return NULL;
}

Test(process, serves_more_threads_than_it_has_slots)
{
	pthread_t threads[CLIENT_SLOTS + 16];
	unsigned before = fixture_count_fds();

	sr_client_free(fx.client);
	fx.client = fixture_client(20000);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, sign_once_slowly, NULL), 0);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(atomic_load(&wrong), 0);
	cr_assert_leq(fixture_count_fds(), before + CLIENT_SLOTS);
}

static unsigned count_connections(void)
{
	unsigned n = 0;

	for (int fd = 3; fd < 200; fd++)
		n += is_connection(fd);
	return n;
}

static bool closes_all_that_it_inherited(void)
{
	return count_connections() >= 2 && is_seen_as_itself() && count_connections() == 1;
}

Test(process, closes_all_that_it_inherited)
{
	pthread_t threads[THREADS];
	unsigned before;

	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, sign_once_slowly, NULL), 0);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	before = count_connections();
	in_child(closes_all_that_it_inherited);
	cr_assert_eq(count_connections(), before);
	cr_assert(is_seen_as_itself());
}

Test(process, keeps_no_more_connections_than_calls_at_once)
{
	for (int i = 0; i < 20; i++) {
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL, sign_once_slowly, NULL), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
	cr_assert_eq(atomic_load(&fx.d.state->connections), 1);
}

/* ---- in a rude program ---- */

static int find_socket(void)
{
	int fd = 3;

	while (fd < 200 && !is_connection(fd))
		fd++;
	return fd;
}

Test(process, never_touches_a_descriptor_that_became_another)
{
	int pair[2], fd;
	char byte;

	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	fd = find_socket();
	cr_assert(is_connection(fd));
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(dup2(pair[0], fd), fd);
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	cr_assert_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1, "nothing was written to it");
	cr_assert_neq(fcntl(fd, F_GETFD), -1, "it is still open");
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

Test(process, survives_that_its_descriptor_is_closed)
{
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	cr_assert_eq(close(find_socket()), 0);
	cr_assert_eq(fixture_sign("ES256"), SR_OK, "%s", sr_call_detail(fx.call));
}

static bool leaves_the_standard_descriptors_alone(void)
{
	close(0);
	close(1);
	close(2);
	return fixture_sign("ES256") == SR_OK && fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 && fcntl(2, F_GETFD) == -1;
}

Test(process, leaves_the_standard_descriptors_alone)
{
	in_child(leaves_the_standard_descriptors_alone);
}

Test(process, keeps_no_descriptor_across_exec)
{
	cr_assert_eq(fixture_sign("ES256"), SR_OK);
	cr_assert_eq(fcntl(find_socket(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void on_alarm(int number)
{
	(void)number;
}

Test(process, is_not_disturbed_by_signals)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	uint64_t start;

	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	cr_assert_eq(fixture_sign("slow"), SR_OK, "%s", sr_call_detail(fx.call));
	start = link_now();
	cr_assert_eq(fixture_sign("silence"), SR_TIMEOUT);
	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	cr_assert_geq(fixture_elapsed_ms(start), TIMEOUT_MS - 1);
	cr_assert_lt(fixture_elapsed_ms(start), TIMEOUT_MS + SLACK_MS);
}

static void *sign_in_silence(void *arg)
{
	(void)arg;
	(void)fixture_sign("silence");
	return NULL;
}

Test(process, gives_a_slot_back_when_its_thread_is_cancelled)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, sign_in_silence, NULL), 0);
	usleep(50000);
	cr_assert_eq(pthread_cancel(thread), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < CLIENT_SLOTS; i++)
		cr_assert_eq(atomic_load(&fx.client->slots[i].owner), 0);
}
