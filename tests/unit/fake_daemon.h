/* SPDX-License-Identifier: Apache-2.0 */
/* A strongroomd for tests of the client, in a process of its own, that misbehaves
 * on command: hello as its state says, key_sign as the request's alg says, and
 * key_create as its kty says. */
#ifndef SR_TESTS_FAKE_DAEMON_H
#define SR_TESTS_FAKE_DAEMON_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum fake_hello {
	FAKE_HELLO_RIGHT,
	FAKE_HELLO_REFUSED,     /* a failure of id 0, and the end: too many connections */
	FAKE_HELLO_CLOSED,      /* accepted and closed */
	FAKE_HELLO_SILENT,
	FAKE_HELLO_OTHER,       /* of another version of the protocol */
	FAKE_HELLO_GARBAGE,
};

/* Shared between the test and the daemon. */
struct fake_state {
	atomic_int hello;       /* enum fake_hello, for connections from now on */
	atomic_uint frame_max;
	atomic_int connections, hellos, signs, creates;         /* counted */
	atomic_int misbehaved;  /* how often a "-once" behaviour was shown */
	atomic_int strangers;   /* messages whose sender was not who connected */
};

/* What key_sign answers as its signature: who the kernel says has connected. */
struct fake_peer {
	int32_t pid;
	uint32_t uid, gid;
};

struct fake_daemon {
	char dir[64], path[96];
	struct fake_state *state;
	pid_t pid;              /* 0: not running */
};

/* Makes its directory and its state; does not start it. */
void fake_init(struct fake_daemon *d);
/* Starts it, listening at d->path, under this uid; returns when connections are taken. */
void fake_start(struct fake_daemon *d, uid_t uid);
/* Kills it, at once as SIGKILL does. */
void fake_kill(struct fake_daemon *d);
/* Kills it and removes all of it. */
void fake_finish(struct fake_daemon *d);

#endif
