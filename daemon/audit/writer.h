/* SPDX-License-Identifier: Apache-2.0 */
/* The segment that lines are appended to: one file, with room on the disk allocated
 * ahead of it.  It leaves whole lines or nothing.  One thread at a time. */
#ifndef SR_DAEMON_AUDIT_WRITER_H
#define SR_DAEMON_AUDIT_WRITER_H

#include "base/segment.h"

struct writer {
	int dirfd;              /* borrowed */
	int fd;                 /* -1: not open */
	uint64_t first;         /* index of the segment's first line */
	uint64_t bytes;         /* its length: whole lines */
	uint64_t reserve;       /* to be kept allocated ahead; 0: the file system cannot */
	uint64_t reserved;      /* allocated up to here */
	bool torn;              /* bytes behind `bytes` could not be cut off yet */
	int error;              /* errno of the last failure, for people */
};

/* Opens the segment and cuts it to bytes.  Errors: by errno. */
SR_RESULT writer_open(struct writer *writer, uint64_t first, uint64_t bytes);
/* Makes an empty segment, durably: it must not exist but empty.  Errors: CONFLICT (it has
 * lines), by errno. */
SR_RESULT writer_create(struct writer *writer, uint64_t first);
/* Gives back what was allocated and not used, and closes.  It does not sync. */
void writer_close(struct writer *writer);

/* Appends a line.  Errors: by errno, and then the file is as before, or torn. */
SR_RESULT writer_put(struct writer *writer, struct sr_bytes line);
/* Sees to it that half the reserve is allocated at least.  Errors: by errno. */
SR_RESULT writer_reserve(struct writer *writer);
/* Bytes that can be written although the disk is full. */
uint64_t writer_room(const struct writer *writer);

#endif
