/* SPDX-License-Identifier: Apache-2.0 */
/* A socket that clients connect to: a path, an abstract name, or one that
 * systemd made.  SO_PASSCRED is set on it, which the kernel gives on to what is
 * accepted, before anybody can write. */
#ifndef SR_DAEMON_LISTENER_H
#define SR_DAEMON_LISTENER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "daemon/net/conn.h"

#define LISTENER_WHY_MAX 256

struct listener {
	enum source source;             /* SOURCE_LISTENER */
	int fd;
	bool inherited;                 /* it is systemd's */
	char path[108];                 /* "" unless it is ours to remove */
	dev_t dev;                      /* of the path, to know it by */
	ino_t ino;
	struct conn_env *env;           /* from listener_arm on */
	_Atomic bool paused;            /* not armed, since the kernel has no room; the sweeper resumes it */
};

/* Listens at a path, or with @ in front at an abstract name.  A socket that was left
 * behind is replaced, one that somebody listens on and anything else is not.
 * gid: (gid_t)-1 leaves the group.
 * Errors, told in why: CONFLICT, BAD_PARAMETER, NOMEM, by errno. */
SR_RESULT listener_open(const char *address, mode_t mode, gid_t gid, struct listener **out, char why[static LISTENER_WHY_MAX]);
/* Takes a descriptor that systemd passed, if it is a listening Unix stream
 * socket.  Errors, told in why: BAD_PARAMETER, NOMEM. */
SR_RESULT listener_adopt(int fd, struct listener **out, char why[static LISTENER_WHY_MAX]);
/* Whoever comes now is turned away at once, and the path removed if it is still
 * ours; with a socket of systemd's, he waits for the next start.  Any thread. */
void listener_stop(struct listener *listener);
/* Stops and closes; no thread may use it any more.  NULL is fine. */
void listener_close(struct listener *listener);

/* How many descriptors systemd passed, from 3 on; forgets the variables that say
 * so, so that children do not believe them. */
int listener_inherited(void);

/* Puts it into env's epoll set, which is one-shot.  Errors: by errno. */
SR_RESULT listener_arm(struct listener *listener, struct conn_env *env);
/* Accepts what waits, up to some, and has it wait for more. */
void listener_accept(struct listener *listener);
/* If it was paused, tries again. */
void listener_resume(struct listener *listener);

#endif
