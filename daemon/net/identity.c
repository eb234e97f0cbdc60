/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/str.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77         /* Linux 6.5; missing from older headers */
#endif

/* ---- the unit ---- */

/* The path of the line that systemd's own hierarchy has: "0::" in cgroup v2,
 * "name=systemd" in v1, which goes first since in the hybrid layout both are there. */
static bool systemd_path(struct sr_str cgroup, struct sr_str *out)
{
	bool found = false;

	while (cgroup.n > 0) {
		const char *newline = memchr(cgroup.p, '\n', cgroup.n);
		size_t n = newline != NULL ? (size_t)(newline - cgroup.p) : cgroup.n;
		const char *first = memchr(cgroup.p, ':', n);
		const char *second = first != NULL ? memchr(first + 1, ':', (size_t)(cgroup.p + n - first - 1)) : NULL;

		if (second != NULL) {
			struct sr_str controllers = { first + 1, (size_t)(second - first - 1) };
			struct sr_str path = { second + 1, (size_t)(cgroup.p + n - second - 1) };

			if (str_is(controllers, "name=systemd")) {
				*out = path;
				return true;
			}
			if (controllers.n == 0 && first - cgroup.p == 1 && cgroup.p[0] == '0') {
				*out = path;
				found = true;
			}
		}
		if (newline == NULL)
			break;
		cgroup.n -= n + 1;
		cgroup.p += n + 1;
	}
	return found;
}

static bool ends_with(struct sr_str s, const char *end)
{
	size_t n = strlen(end);

	return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* systemd puts an underscore before a name that the kernel could take for a file
 * of its own. */
static struct sr_str unescape(struct sr_str name)
{
	return name.n > 0 && name.p[0] == '_' ? (struct sr_str){ name.p + 1, name.n - 1 } : name;
}

void identity_unit_of_cgroup(struct sr_str cgroup, char unit[static IDENTITY_UNIT_MAX + 1])
{
	struct sr_str path;

	unit[0] = '\0';
	if (!systemd_path(cgroup, &path))
		return;
	while (path.n > 0 && path.p[0] == '/') {
		const char *rest = path.p + 1;
		const char *slash = memchr(rest, '/', path.n - 1);
		size_t n = slash != NULL ? (size_t)(slash - rest) : path.n - 1;
		struct sr_str name = unescape((struct sr_str){ rest, n });

		if (!ends_with(name, ".slice")) {
			if (ends_with(name, ".service"))
				(void)str_copy(name, unit, IDENTITY_UNIT_MAX + 1);
			return;
		}
		path.p += n + 1;
		path.n -= n + 1;
	}
}

/* ---- /proc/PID ---- */

/* As much of a file as fits; false if it cannot be read. */
static bool read_proc(int dir, const char *name, char *buf, size_t size, struct sr_str *out)
{
	SR_AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return false;
	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out = (struct sr_str){ buf, len };
	return true;
}

static bool same_file(int dir, int own, const char *name)
{
	char theirs[4096], ours[4096];
	struct sr_str a, b;

	return read_proc(dir, name, theirs, sizeof theirs, &a) && read_proc(own, name, ours, sizeof ours, &b)
		&& a.n < sizeof theirs && str_eq(a, b);
}

/* A process of our own pid namespace has one pid there, a nested one several. */
static bool one_pid(int dir)
{
	char text[8192];
	struct sr_str status;
	const char *at;
	size_t n, numbers = 0;

	if (!read_proc(dir, "status", text, sizeof text - 1, &status))
		return false;
	text[status.n] = '\0';
	at = strstr(text, "\nNSpid:");
	if (at == NULL)
		return false;
	for (at += strlen("\nNSpid:"); *at != '\n' && *at != '\0'; at += n) {
		at += strspn(at, "\t ");
		n = strcspn(at, "\t \n");
		if (n > 0)
			numbers++;
	}
	return numbers == 1;
}

/* Is it in our user and pid namespaces?  The links tell, but reading them takes
 * as much right as tracing the process; without that, what anybody may read
 * tells the same unless root itself built a namespace that maps all ids to themselves. */
static bool own_namespaces(int dir)
{
	SR_AUTO_FD own = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat user, pid, own_user, own_pid;

	if (own < 0 || fstatat(own, "ns/user", &own_user, 0) != 0 || fstatat(own, "ns/pid", &own_pid, 0) != 0)
		return false;
	if (fstatat(dir, "ns/user", &user, 0) == 0 && fstatat(dir, "ns/pid", &pid, 0) == 0)
		return user.st_ino == own_user.st_ino && user.st_dev == own_user.st_dev
			&& pid.st_ino == own_pid.st_ino && pid.st_dev == own_pid.st_dev;
	return (errno == EACCES || errno == EPERM)
		&& one_pid(dir) && same_file(dir, own, "uid_map") && same_file(dir, own, "gid_map");
}

static void learn_from_proc(struct identity *who)
{
	SR_AUTO_FD dir = -1;
	char path[32], text[4096];
	struct sr_str cgroup;

	(void)snprintf(path, sizeof path, "/proc/%d", (int)who->pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	/* a text cut off could end in the middle of a name: then no unit */
	if (read_proc(dir, "cgroup", text, sizeof text, &cgroup) && cgroup.n < sizeof text)
		identity_unit_of_cgroup(cgroup, who->unit);
	if (who->uid == 0 || who->uid == geteuid())
		who->is_operator = own_namespaces(dir);
}

/* ---- the socket ---- */

static SR_RESULT learn_groups(int fd, struct identity *who)
{
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
		return SR_OK;           /* none */
	if (errno != ERANGE)
		return sr_err_from_errno(errno);
	if (size > IDENTITY_GROUPS_MAX * sizeof *who->groups)
		return SR_LIMIT;
	who->groups = malloc(size);
	if (who->groups == NULL)
		return SR_NOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, who->groups, &size) != 0)
		return sr_err_from_errno(errno);
	who->groups_n = size / sizeof *who->groups;
	return SR_OK;
}

/* A handle on the process.  An older kernel has none on the one that connected,
 * only on whoever has its pid now; messages that this one did not send are found
 * by their credentials. */
static SR_RESULT learn_pidfd(int fd, struct identity *who)
{
	socklen_t size = sizeof who->pidfd;

	if (who->pid <= 0)
		return SR_OK;           /* of a pid namespace that we cannot see */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &who->pidfd, &size) == 0)
		return SR_OK;
	who->pidfd = -1;
	if (errno == ENOPROTOOPT) {
		who->pidfd = (int)syscall(SYS_pidfd_open, who->pid, 0);
		if (who->pidfd >= 0)
			return SR_OK;
	}
	if (errno == ENOSYS)
		return SR_OK;           /* then /proc is not believed */
	return errno == ESRCH || errno == EINVAL ? SR_NOT_FOUND : sr_err_from_errno(errno);
}

/* What /proc said was about this process only if it is still there. */
static bool still_there(const struct identity *who)
{
	struct pollfd process = { .fd = who->pidfd, .events = POLLIN };

	return who->pidfd < 0 || poll(&process, 1, /* timeout= */ 0) == 0;
}

static SR_RESULT learn(int fd, struct identity *who)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return sr_err_from_errno(errno);
	who->pid = peer.pid;
	who->uid = peer.uid;
	who->gid = peer.gid;
	SR_TRY(learn_groups(fd, who));
	SR_TRY(learn_pidfd(fd, who));
	if (who->pidfd >= 0)
		learn_from_proc(who);
	return still_there(who) ? SR_OK : SR_NOT_FOUND;
}

SR_RESULT identity_of_peer(int fd, struct identity *out)
{
	struct identity who = { .pidfd = -1 };
	enum sr_err err = learn(fd, &who);

	if (err != SR_OK)
		identity_finish(&who);
	else
		*out = who;
	return err;
}

void identity_finish(struct identity *identity)
{
	free(identity->groups);
	if (identity->pidfd >= 0)
		(void)close(identity->pidfd);
	*identity = (struct identity){ .pidfd = -1 };
}
