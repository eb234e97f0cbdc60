/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a connection, on the kernel's word (design section 4):
 * SO_PEERCRED at connect (effective ids), supplementary groups, the systemd unit
 * of the cgroup.  Credentials of each message are compared with those of the
 * first one; any change closes the connection. */
#ifndef SR_DAEMON_IDENTITY_H
#define SR_DAEMON_IDENTITY_H

#include <sys/types.h>

#include "base/result.h"

#define IDENTITY_UNIT_MAX   255
#define IDENTITY_EXE_MAX    255
#define IDENTITY_GROUPS_MAX 65536

struct identity {
	pid_t pid;
	uid_t uid;                      /* effective, at connect */
	gid_t gid;
	gid_t *groups;                  /* supplementary */
	size_t groups_n;
	char unit[IDENTITY_UNIT_MAX + 1];       /* "nginx.service", or "" */
	char exe[IDENTITY_EXE_MAX + 1];         /* what it ran when it connected, for the record; "" where that may not be read */
	bool is_operator;               /* uid 0 or the daemon's own, in the daemon's user and pid namespaces */
	int pidfd;                      /* readable once the process that connected is gone; -1: not to be had */
};

/* Asks the kernel about the peer of a connected Unix socket.  Errors: IO, NOMEM,
 * LIMIT (no descriptors left), NOT_FOUND (the peer is gone already). */
SR_RESULT identity_of_peer(int fd, struct identity *out);
void identity_finish(struct identity *identity);

/* The unit that a /proc/PID/cgroup file names: the first .service after the
 * leading slices, which is sd_pid_get_unit's rule; "" if none.  Pure. */
void identity_unit_of_cgroup(struct sr_str cgroup, char unit[static IDENTITY_UNIT_MAX + 1]);

#endif
