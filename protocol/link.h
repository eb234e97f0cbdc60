/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to strongroomd: connect, check who is at the other end, say
 * hello, send a request and read its answer, all within a deadline.
 *
 * It lives in other people's processes.  They fork, drop privileges, and close
 * descriptors that they do not know; so a link remembers who opened it, and the
 * inode of its socket, and a descriptor is used or closed only if it is still
 * that socket.  For one thread at a time. */
#ifndef SR_PROTOCOL_LINK_H
#define SR_PROTOCOL_LINK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "protocol/buffer.h"
#include "protocol/errors.h"
#include "protocol/frame.h"

#define LINK_SOCKET_MAX   107           /* sun_path with its NUL, or with the NUL that opens an abstract name */
#define LINK_NAME_MAX     64
#define LINK_ANSWER_MAX   (4u << 20)    /* no answer is longer; what the daemon announces is for requests */
#define LINK_HELLO_MAX    4096          /* longest request before hello was answered: every daemon takes as much */
#define LINK_PATIENCE_MS  300           /* longest wait for a daemon that is just being restarted */
#define LINK_SPIN_NS      50000         /* longest wait for an answer before sleeping */

/* Whom to connect to, and how; outlives the links that use it. */
struct link_target {
	char socket[LINK_SOCKET_MAX + 1];       /* path, or "@name" for an abstract one */
	char name[LINK_NAME_MAX + 1];           /* said in hello; "" for none */
	int64_t daemon_uid;                     /* trusted besides 0 and our own; -1: none */
	uint32_t timeout_ms;                    /* for the words of a failure */
	uint32_t spin_ns;
};

struct link {
	atomic_int fd;                  /* -1: not connected; set last and cleared first, for who forks meanwhile */
	dev_t dev;
	ino_t ino;
	pid_t pid;                      /* who opened it, as the daemon was told by the kernel */
	uid_t euid;
	gid_t egid;
	const struct link_target *target;       /* borrowed */
	uint32_t frame_max;             /* longest request, bytes behind the length */
	bool greeted;                   /* hello was answered */
	unsigned spin_skip, spin_backoff;
};

/* What a failed exchange means for who would try again. */
enum link_fate {
	LINK_ANSWERED,          /* an answer came, or trying again would not help */
	LINK_UNSENT,            /* lost before the request was out: it was not run */
	LINK_UNANSWERED,        /* lost before a byte of the answer came: it may have been run */
};

/* One request and its answer. */
struct exchange {
	uint64_t id;                    /* not 0 */
	struct sr_bytes request;        /* a whole frame; borrowed */
	uint64_t deadline_ns;           /* on link_now's clock */
	struct buffer *answer;          /* the frame's bytes; borrowed */
	struct error_detail *detail;    /* words of a failure; borrowed */
	struct frame frame;             /* out: points into answer; frame_finish it in every case */
	enum link_fate fate;            /* out */
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t link_now(void);

/* Not connected. */
void link_init(struct link *link, const struct link_target *target);
/* Closes the descriptor (never shutdown: another process may share it). */
void link_close(struct link *link);
/* Is it connected, by this process, under these effective ids, and is its
 * descriptor still the socket that it was? */
bool link_usable(const struct link *link);
/* Connects, checks the peer and says hello.  The link must be closed.  *fate says
 * whether trying again may help.  Errors: UNREACHABLE, TIMEOUT, UNTRUSTED,
 * BAD_MESSAGE, LIMIT (descriptors), NOMEM, and what the daemon answers. */
SR_RESULT link_open(struct link *link, uint64_t deadline_ns, struct error_detail *detail, enum link_fate *fate);
/* Sends x->request and reads the answer to it.  After anything but an answer to
 * this very request the link is closed.  Errors: as link_open, and the daemon's. */
SR_RESULT link_exchange(struct link *link, struct exchange *x);

#endif
