/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads and writes, and the steps that make them durable. */
#ifndef SR_BASE_IO_H
#define SR_BASE_IO_H

#include "base/result.h"

/* Reads exactly n bytes.  Errors: IO (also at an early end), by errno. */
SR_RESULT io_read_full(int fd, void *buf, size_t n);
/* Reads until the end of the file, or until room bytes have come: *n of them.  Errors: by errno. */
SR_RESULT io_read_upto(int fd, void *buf, size_t room, size_t *n);
/* Writes all n bytes.  Errors: by errno, NO_ROOM when the disk is full. */
SR_RESULT io_write_full(int fd, const void *buf, size_t n);
/* Reads a file of at most max bytes into malloc'ed memory, NUL-terminated
 * behind its end for convenience; *out is the caller's to free.  Not for
 * secrets.  Errors: TOO_LARGE, NOMEM, by errno. */
SR_RESULT io_read_file(int dirfd, const char *path, size_t max, char **out, size_t *out_len);
/* Puts a file of these bytes in place, whole or not at all: written beside
 * it, fsync'ed, renamed, directory fsync'ed.  Errors: by errno. */
SR_RESULT io_replace_file(int dirfd, const char *name, const void *buf, size_t n, unsigned mode);

#endif
