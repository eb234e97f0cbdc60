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
	struct sr_str path = { NULL, 0 };

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

/* ---- /proc/PID ----
 *
 * What may not be read, or is not there, counts against the process.  Only when we
 * ourselves lack something (descriptors, memory) nothing is said about it at all. */

static SR_RESULT missing_or_err(int err)
{
	enum sr_err e = sr_err_from_errno(err);

	return e == SR_LIMIT || e == SR_NOMEM ? e : SR_OK;
}

/* As much of a file as fits, NUL-terminated; out->p is NULL if it cannot be read, or
 * goes on behind that.  Errors: LIMIT, NOMEM. */
static SR_RESULT read_proc(int dir, const char *name, char *buf, size_t size, struct sr_str *out)
{
	SR_AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	*out = (struct sr_str){ NULL, 0 };
	if (fd < 0)
		return missing_or_err(errno);
	while (n != 0 && len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno != EINTR)
			return missing_or_err(errno);
		len += n > 0 ? (size_t)n : 0;
	}
	buf[len] = '\0';
	if (len < size - 1)
		*out = (struct sr_str){ buf, len };
	return SR_OK;
}

static SR_RESULT same_file(int dir, int own, const char *name, bool *out)
{
	char theirs[4096], ours[4096];
	struct sr_str a, b;

	SR_TRY(read_proc(dir, name, theirs, sizeof theirs, &a));
	SR_TRY(read_proc(own, name, ours, sizeof ours, &b));
	*out = a.p != NULL && b.p != NULL && str_eq(a, b);
	return SR_OK;
}

/* A process of our own pid namespace has one pid there, a nested one several. */
static SR_RESULT one_pid(int dir, bool *out)
{
	char text[8192];
	struct sr_str status;
	const char *at;
	size_t n, numbers = 0;

	*out = false;
	SR_TRY(read_proc(dir, "status", text, sizeof text, &status));
	at = status.p != NULL ? strstr(status.p, "\nNSpid:") : NULL;
	if (at == NULL)
		return SR_OK;
	for (at += strlen("\nNSpid:"); *at != '\n' && *at != '\0'; at += n) {
		at += strspn(at, "\t ");
		n = strcspn(at, "\t \n");
		if (n > 0)
			numbers++;
	}
	*out = numbers == 1;
	return SR_OK;
}

static bool same_link(int dir, int own, const char *name)
{
	struct stat theirs, ours;

	return fstatat(dir, name, &theirs, 0) == 0 && fstatat(own, name, &ours, 0) == 0
		&& theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* Is it in our user and pid namespaces?  The links tell, but reading them takes
 * as much right as tracing the process; without that, what anybody may read
 * tells the same unless root itself built a namespace that maps all ids to themselves. */
static SR_RESULT own_namespaces(int dir, bool *out)
{
	SR_AUTO_FD own = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat link;

	*out = false;
	if (own < 0)
		return missing_or_err(errno);
	if (fstatat(dir, "ns/user", &link, 0) == 0) {
		*out = same_link(dir, own, "ns/user") && same_link(dir, own, "ns/pid");
		return SR_OK;
	}
	if (errno != EACCES && errno != EPERM)
		return SR_OK;
	SR_TRY(one_pid(dir, out));
	if (*out)
		SR_TRY(same_file(dir, own, "uid_map", out));
	if (*out)
		SR_TRY(same_file(dir, own, "gid_map", out));
	return SR_OK;
}

/* Only for the record: rights never hang on a path that the caller's own mount
 * namespace gives a meaning. */
static void learn_exe(int dir, struct identity *who)
{
	ssize_t n = readlinkat(dir, "exe", who->exe, IDENTITY_EXE_MAX);

	who->exe[n > 0 ? n : 0] = '\0';
}

static SR_RESULT learn_from_proc(struct identity *who)
{
	SR_AUTO_FD dir = -1;
	char path[32], text[4096];
	struct sr_str cgroup;

	(void)snprintf(path, sizeof path, "/proc/%d", (int)who->pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return missing_or_err(errno);
	SR_TRY(read_proc(dir, "cgroup", text, sizeof text, &cgroup));
	if (cgroup.p != NULL)
		identity_unit_of_cgroup(cgroup, who->unit);
	learn_exe(dir, who);
	if (who->uid == 0 || who->uid == geteuid())
		SR_TRY(own_namespaces(dir, &who->is_operator));
	return SR_OK;
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
		SR_TRY(learn_from_proc(who));
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
