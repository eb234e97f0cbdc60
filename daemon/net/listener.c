/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"

#define ACCEPT_AT_ONCE 16
#define FIRST_INHERITED 3       /* sd_listen_fds(3) */

/* A spare descriptor: when there are no others, one client at a time can still be
 * accepted and told so, instead of being left to wait. */
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static int spare = -1;

static void spare_fill(void)
{
	if (spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static SR_RESULT listener_new(int fd, struct listener **out)
{
	struct listener *listener = calloc(1, sizeof *listener);

	if (listener == NULL)
		return SR_NOMEM;
	listener->source = SOURCE_LISTENER;
	listener->fd = fd;
	*out = listener;
	pthread_mutex_lock(&spare_lock);
	spare_fill();
	pthread_mutex_unlock(&spare_lock);
	return SR_OK;
}

/* ---- addresses ---- */

static SR_RESULT fail(char why[static LISTENER_WHY_MAX], const char *address, const char *what, int err)
{
	(void)snprintf(why, LISTENER_WHY_MAX, "cannot listen on %.107s: %s%s%s", address, what,
		err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
	return err != 0 ? sr_err_from_errno(err) : SR_CONFLICT;
}

static SR_RESULT make_address(const char *address, struct sockaddr_un *out, socklen_t *out_len, char why[static LISTENER_WHY_MAX])
{
	size_t n = strlen(address);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof out->sun_path || n < 2 || (address[0] != '/' && address[0] != '@')) {
		(void)snprintf(why, LISTENER_WHY_MAX,
			"cannot listen on %.107s: it must be an absolute path, or @ and a name, of at most %zu bytes",
			address, sizeof out->sun_path - 1);
		return SR_BAD_PARAMETER;
	}
	memcpy(out->sun_path, address, n);
	if (address[0] == '@')
		out->sun_path[0] = '\0';
	*out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (address[0] == '@' ? 0 : 1));
	return SR_OK;
}

/* Does anybody listen there? */
static bool is_live(const struct sockaddr_un *address, socklen_t len)
{
	SR_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)address, len) == 0 || errno != ECONNREFUSED;
}

static SR_RESULT clear_path(const struct sockaddr_un *address, socklen_t len, char why[static LISTENER_WHY_MAX])
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? SR_OK : fail(why, path, "it cannot be looked at", errno);
	if (!S_ISSOCK(st.st_mode))
		return fail(why, path, "something that is no socket is there", 0);
	if (is_live(address, len))
		return fail(why, path, "another process listens there", 0);
	log_info("%s: a socket that nobody listens on is removed", path);
	return unlink(path) == 0 || errno == ENOENT ? SR_OK : fail(why, path, "the old socket cannot be removed", errno);
}

/* The directory must be one in which nobody can put another socket in our place.
 * /run/strongroom, which is gone after each boot, is made. */
static SR_RESULT check_directory(const char *path, char why[static LISTENER_WHY_MAX])
{
	char dir[sizeof ((struct sockaddr_un *)0)->sun_path];
	const char *slash = strrchr(path, '/');
	struct stat st;
	size_t n = (size_t)(slash - path);

	memcpy(dir, path, n);
	dir[n] = '\0';
	if (n == 0)
		return SR_OK;
	if (strcmp(dir, "/run/strongroom") == 0 && mkdir(dir, 0755) == 0 && chmod(dir, 0755) != 0)
		return fail(why, path, "its directory's mode cannot be set", errno);
	if (stat(dir, &st) != 0)
		return fail(why, path, "its directory", errno);
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		return fail(why, path, "everybody can write to its directory; chmod o-w", 0);
	return SR_OK;
}

static SR_RESULT own_path(struct listener *listener, const char *path, mode_t mode, gid_t gid, char why[static LISTENER_WHY_MAX])
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return fail(why, path, "it is gone", errno);
	(void)snprintf(listener->path, sizeof listener->path, "%s", path);
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	if (gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) != 0)
		return fail(why, path, "socket_group cannot be set", errno);
	if (chmod(path, mode) != 0)
		return fail(why, path, "socket_mode cannot be set", errno);
	return SR_OK;
}

static SR_RESULT bind_and_listen(struct listener *listener, const char *address, mode_t mode, gid_t gid,
	char why[static LISTENER_WHY_MAX])
{
	struct sockaddr_un sa;
	socklen_t len;
	int on = 1;

	SR_TRY(make_address(address, &sa, &len, why));
	if (address[0] == '/') {
		SR_TRY(check_directory(address, why));
		SR_TRY(clear_path(&sa, len, why));
	}
	/* umask is 077: nobody but us can connect until the mode is set */
	if (bind(listener->fd, (const struct sockaddr *)&sa, len) != 0)
		return fail(why, address, "it cannot be bound", errno);
	if (address[0] == '/')
		SR_TRY(own_path(listener, address, mode, gid, why));
	if (setsockopt(listener->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 || listen(listener->fd, SOMAXCONN) != 0)
		return fail(why, address, "listen", errno);
	return SR_OK;
}

SR_RESULT listener_open(const char *address, mode_t mode, gid_t gid, struct listener **out, char why[static LISTENER_WHY_MAX])
{
	struct listener *listener;
	enum sr_err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(why, address, "socket", errno);
	if (listener_new(fd, &listener) != SR_OK) {
		(void)close(fd);
		return fail(why, address, "socket", ENOMEM);
	}
	err = bind_and_listen(listener, address, mode, gid, why);
	if (err != SR_OK)
		listener_close(listener);
	else
		*out = listener;
	return err;
}

/* ---- systemd's sockets ---- */

static bool has_option(int fd, int option, int value)
{
	int is = 0;
	socklen_t size = sizeof is;

	return getsockopt(fd, SOL_SOCKET, option, &is, &size) == 0 && is == value;
}

SR_RESULT listener_adopt(int fd, struct listener **out, char why[static LISTENER_WHY_MAX])
{
	int on = 1;

	if (!has_option(fd, SO_DOMAIN, AF_UNIX) || !has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1)) {
		(void)snprintf(why, LISTENER_WHY_MAX,
			"descriptor %d, passed by systemd, is no listening Unix stream socket (ListenStream=, Accept=no)", fd);
		return SR_BAD_PARAMETER;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0
			|| setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 || listener_new(fd, out) != SR_OK) {
		(void)snprintf(why, LISTENER_WHY_MAX, "descriptor %d, passed by systemd, cannot be used", fd);
		return SR_NOMEM;
	}
	(*out)->inherited = true;
	return SR_OK;
}

static long number_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long n;

	if (text == NULL || text[0] == '\0')
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' ? n : -1;
}

int listener_inherited(void)
{
	long n = number_of("LISTEN_PID") == (long)getpid() ? number_of("LISTEN_FDS") : 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + n; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return n > 0 && n <= 64 ? (int)n : 0;
}

void listener_stop(struct listener *listener)
{
	struct stat st;

	if (listener->path[0] != '\0' && lstat(listener->path, &st) == 0
			&& st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(listener->path);
	if (!listener->inherited)
		(void)shutdown(listener->fd, SHUT_RDWR);
}

void listener_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	listener_stop(listener);
	(void)close(listener->fd);
	free(listener);
}

/* ---- clients ---- */

static SR_RESULT arm(struct listener *listener, int how)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = listener };

	return epoll_ctl(listener->env->epoll, how, listener->fd, &event) == 0 ? SR_OK : sr_err_from_errno(errno);
}

SR_RESULT listener_arm(struct listener *listener, struct conn_env *env)
{
	listener->env = env;
	return arm(listener, EPOLL_CTL_ADD);
}

static void rearm(struct listener *listener)
{
	enum sr_err err = arm(listener, EPOLL_CTL_MOD);

	SR_ASSERT(err == SR_OK);        /* it is in the set, and takes no memory */
}

/* Out of descriptors.  False: nothing more can be done now. */
static bool refuse_one(struct listener *listener)
{
	int fd = -1;

	pthread_mutex_lock(&spare_lock);
	if (spare >= 0) {
		(void)close(spare);
		spare = -1;
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			conn_refuse(listener->env, fd, SR_BUSY, CONN_NO_DESCRIPTORS);
	}
	spare_fill();
	pthread_mutex_unlock(&spare_lock);
	return fd >= 0;
}

/* False: no more wait, or no more can be taken now. */
static bool accept_one(struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		conn_open(listener->env, fd);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno == EAGAIN)
		return false;
	if ((errno == EMFILE || errno == ENFILE) && refuse_one(listener))
		return true;
	/* trying again at once would only burn the processor */
	atomic_store(&listener->paused, true);
	return false;
}

void listener_accept(struct listener *listener)
{
	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
		if (!accept_one(listener))
			break;
	if (!atomic_load(&listener->paused))
		rearm(listener);
}

void listener_resume(struct listener *listener)
{
	if (atomic_exchange(&listener->paused, false))
		rearm(listener);
}
