/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static SR_RESULT fail(struct writer *writer, int error)
{
	writer->error = error;
	return sr_err_from_errno(error);
}

/* Afterwards the file ends where it should, or is torn. */
static void cut(struct writer *writer)
{
	writer->torn = ftruncate(writer->fd, (off_t)writer->bytes) != 0;
	if (writer->torn)
		writer->error = errno;
	writer->reserved = writer->bytes;       /* the cut gives back what was allocated behind it */
}

static SR_RESULT open_file(struct writer *writer, uint64_t first, int flags)
{
	char name[SEGMENT_NAME_LEN];

	segment_name(first, SEGMENT_LINES, name);
	/* O_APPEND: works under chattr +a, and never overwrites what somebody else put there */
	writer->fd = openat(writer->dirfd, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	writer->first = first;
	writer->torn = false;
	return writer->fd >= 0 ? SR_OK : fail(writer, errno);
}

SR_RESULT writer_open(struct writer *writer, uint64_t first, uint64_t bytes)
{
	SR_TRY(open_file(writer, first, 0));
	writer->bytes = bytes;
	cut(writer);
	return writer->torn ? fail(writer, writer->error) : SR_OK;
}

static SR_RESULT make_durable(struct writer *writer)
{
	struct stat st;

	if (fstat(writer->fd, &st) != 0)
		return fail(writer, errno);
	if (st.st_size != 0)
		return SR_CONFLICT;
	writer->bytes = writer->reserved = 0;
	SR_TRY(writer_reserve(writer));
	return fsync(writer->dirfd) == 0 ? SR_OK : fail(writer, errno);
}

SR_RESULT writer_create(struct writer *writer, uint64_t first)
{
	char name[SEGMENT_NAME_LEN];
	enum sr_err err;

	SR_TRY(open_file(writer, first, O_CREAT));
	err = make_durable(writer);
	if (err == SR_OK)
		return SR_OK;
	(void)close(SR_TAKE_FD(writer->fd));
	segment_name(first, SEGMENT_LINES, name);
	if (err != SR_CONFLICT)
		(void)unlinkat(writer->dirfd, name, 0);
	return err;
}

void writer_close(struct writer *writer)
{
	if (writer->fd < 0)
		return;
	if (writer->reserved > writer->bytes || writer->torn)
		cut(writer);
	(void)close(SR_TAKE_FD(writer->fd));
}

SR_RESULT writer_put(struct writer *writer, struct sr_bytes line)
{
	ssize_t n;
	int error;

	if (writer->torn)
		cut(writer);
	if (writer->torn)
		return fail(writer, writer->error);
	do
		n = write(writer->fd, line.p, line.n);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)line.n) {
		writer->bytes += line.n;
		return SR_OK;
	}
	error = n < 0 ? errno : ENOSPC;         /* a short write is how a full disk begins */
	cut(writer);
	return fail(writer, error);
}

SR_RESULT writer_reserve(struct writer *writer)
{
	if (writer->reserve == 0 || writer_room(writer) >= writer->reserve / 2)
		return SR_OK;
	for (;;) {
		if (fallocate(writer->fd, FALLOC_FL_KEEP_SIZE, (off_t)writer->bytes, (off_t)writer->reserve) == 0) {
			writer->reserved = writer->bytes + writer->reserve;
			return SR_OK;
		}
		if (errno == EOPNOTSUPP || errno == ENOSYS) {
			writer->reserve = 0;
			return SR_OK;
		}
		if (errno != EINTR)
			return fail(writer, errno);
	}
}

uint64_t writer_room(const struct writer *writer)
{
	return writer->reserved > writer->bytes ? writer->reserved - writer->bytes : 0;
}
