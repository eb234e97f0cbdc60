/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: the unit that a cgroup names, and what the kernel says of a peer. */
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/str.h"
#include "daemon/net/identity.h"

static void names(const char *cgroup, const char *expected)
{
	char unit[IDENTITY_UNIT_MAX + 1] = "what was there before";

	identity_unit_of_cgroup(str_of(cgroup), unit);
	cr_expect_str_eq(unit, expected, "%s names \"%s\", not \"%s\"", cgroup, unit, expected);
}

Test(identity, the_unit_is_the_first_service_after_the_slices)
{
	names("0::/system.slice/nginx.service\n", "nginx.service");
	names("0::/system.slice/nginx.service", "nginx.service");
	names("0::/nginx.service\n", "nginx.service");
	names("0::/a.slice/a-b.slice/db@15-main.service\n", "db@15-main.service");
	names("0::/system.slice/nginx.service/child\n", "nginx.service");
}

Test(identity, what_a_users_manager_calls_nginx_is_not_nginx)
{
	names("0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service\n", "user@1000.service");
	names("0::/user.slice/user-1000.slice/session-2.scope\n", "");
	names("0::/user.slice/user-1000.slice/session-2.scope/nginx.service\n", "");
}

Test(identity, what_a_container_calls_nginx_is_not_nginx)
{
	names("0::/machine.slice/systemd-nspawn@c.service/payload/system.slice/nginx.service\n", "systemd-nspawn@c.service");
	names("0::/docker/0123/nginx.service\n", "");
	names("0::/machine.slice/libpod-0123.scope/nginx.service\n", "");
	names("0::/../../system.slice/nginx.service\n", "");
}

Test(identity, the_older_hierarchy_is_read_by_its_name)
{
	names("12:cpu,cpuacct:/system.slice/other.service\n1:name=systemd:/system.slice/nginx.service\n", "nginx.service");
	names("1:name=systemd:/system.slice/nginx.service\n0::/system.slice/other.service\n", "nginx.service");
	names("0::/system.slice/other.service\n1:name=systemd:/system.slice/nginx.service\n", "nginx.service");
	names("4:memory:/system.slice/nginx.service\n", "");
	names("10::/system.slice/nginx.service\n", "");
}

Test(identity, systemds_escape_is_undone)
{
	names("0::/system.slice/_cgroup.service\n", "cgroup.service");
	names("0::/_a.slice/nginx.service\n", "nginx.service");
}

Test(identity, what_is_no_cgroup_file_names_nothing)
{
	static const char *const wrong[] = {
		"", "\n", ":", "::", "0:", "0::", "0::\n", "0::/", "0::/\n", "0::nginx.service\n", "0:/nginx.service\n",
		"0::/.service\n", "0::/.slice/nginx.service\n", "0::/system.slice\n", "0::/system.slice/\n", "0:://nginx.service\n",
		"0::/system.slice/nginx.service.d\n", "0::/system.slice//nginx.service\n", "nginx.service",
	};

	for (size_t i = 0; i < SR_COUNT(wrong); i++)
		names(wrong[i], "");
}

Test(identity, a_name_too_long_is_none)
{
	char text[600], unit[IDENTITY_UNIT_MAX + 1];

	(void)snprintf(text, sizeof text, "0::/%0247d.service\n", 0);
	identity_unit_of_cgroup(str_of(text), unit);
	cr_assert_eq(strlen(unit), IDENTITY_UNIT_MAX);
	(void)snprintf(text, sizeof text, "0::/%0248d.service\n", 0);
	names(text, "");
}

Test(identity, bytes_without_an_end_are_not_overrun)
{
	static const char text[] = "1:name=systemd:/system.slice/nginx.service\n0::/init.scope\n";

	for (size_t n = 0; n < sizeof text; n++) {
		char unit[IDENTITY_UNIT_MAX + 1];
		char *copy = malloc(n + 1);             /* a sanitizer sees a byte read behind n */

		cr_assert_not_null(copy);
		copy = realloc(copy, n > 0 ? n : 1);
		memcpy(copy, text, n);
		identity_unit_of_cgroup((struct sr_str){ copy, n }, unit);
		cr_expect(strlen(unit) == 0 || strcmp(unit, "nginx.service") == 0);
		free(copy);
	}
}

/* ---- peers: a child process connects ---- */

static int listener(char *name, size_t name_size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	sa_family_t family = AF_UNIX;
	socklen_t len = (socklen_t)name_size;

	cr_assert(fd >= 0);
	cr_assert_eq(bind(fd, (const struct sockaddr *)(const void *)&family, sizeof family), 0);  /* the kernel picks an abstract name */
	cr_assert_eq(getsockname(fd, (struct sockaddr *)(void *)name, &len), 0);
	cr_assert_eq(listen(fd, 5), 0);
	name[name_size - 1] = (char)len;
	return fd;
}

struct peer {
	pid_t pid;
	int fd;                 /* our end */
	int hold;               /* closed: the child goes on */
};

/* A child that connects, after taking these ids unless they are 0. */
static struct peer connect_child(uid_t uid)
{
	_Alignas(8) char name[128];
	int listening = listener(name, sizeof name), hold[2];
	struct peer peer;

	cr_assert_eq(pipe(hold), 0);
	peer.pid = fork();
	if (peer.pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		char end;

		(void)close(hold[1]);
		if (uid != 0 && setresuid(uid, uid, uid) != 0)
			_exit(1);
		if (connect(fd, (const struct sockaddr *)(const void *)name, (socklen_t)name[sizeof name - 1]) != 0)
			_exit(1);
		_exit(read(hold[0], &end, 1) == 0 ? 0 : 1);
	}
	cr_assert(peer.pid > 0);
	(void)close(hold[0]);
	peer.hold = hold[1];
	peer.fd = accept(listening, NULL, NULL);
	cr_assert(peer.fd >= 0);
	(void)close(listening);
	return peer;
}

static void end(const struct peer *peer)
{
	int status;

	(void)close(peer->hold);
	cr_assert_eq(waitpid(peer->pid, &status, 0), peer->pid);
}

Test(identity, the_kernel_says_who_connected)
{
	struct peer peer = connect_child(0);
	struct identity who;

	cr_assert_eq(identity_of_peer(peer.fd, &who), SR_OK);
	cr_assert_eq(who.pid, peer.pid);
	cr_assert_eq(who.uid, geteuid());
	cr_assert_eq(who.gid, getegid());
	cr_assert(who.is_operator, "a process of our own uid, in our own namespaces");
	cr_assert(who.pidfd >= 0);
	cr_assert_eq((size_t)getgroups(0, NULL), who.groups_n);
	identity_finish(&who);
	end(&peer);
}

Test(identity, others_are_no_operators)
{
	struct identity who;
	struct peer peer;

	if (geteuid() != 0)
		cr_skip_test("only root can become another");
	peer = connect_child(65534);
	cr_assert_eq(identity_of_peer(peer.fd, &who), SR_OK);
	cr_assert_eq(who.uid, 65534);
	cr_assert_not(who.is_operator);
	identity_finish(&who);
	end(&peer);
}

Test(identity, a_process_that_exited_is_noticed)
{
	struct peer peer = connect_child(0);
	struct identity who;
	struct pollfd exited;

	cr_assert_eq(identity_of_peer(peer.fd, &who), SR_OK);
	exited = (struct pollfd){ .fd = who.pidfd, .events = POLLIN };
	cr_assert_eq(poll(&exited, 1, 0), 0);
	end(&peer);
	cr_assert_eq(poll(&exited, 1, 5000), 1);
	identity_finish(&who);
}

Test(identity, one_that_is_gone_before_it_is_asked_about_is_nobody)
{
	struct peer peer = connect_child(0);
	struct identity who = { .uid = 4711 };

	end(&peer);
	cr_assert_eq(identity_of_peer(peer.fd, &who), SR_NOT_FOUND);
	cr_assert_eq(who.uid, 4711, "a failure leaves the output alone");
}

Test(identity, what_is_no_socket_has_no_peer)
{
	struct identity who;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_neq(identity_of_peer(ends[0], &who), SR_OK);
	cr_assert_neq(identity_of_peer(-1, &who), SR_OK);
}
