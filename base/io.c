/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

SR_RESULT io_read_upto(int fd, void *buf, size_t room, size_t *n)
{
	uint8_t *at = buf;

	*n = 0;
	while (*n < room) {
		ssize_t r = read(fd, at + *n, room - *n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return sr_err_from_errno(errno);
		if (r == 0)
			break;
		*n += (size_t)r;
	}
	return SR_OK;
}

SR_RESULT io_read_full(int fd, void *buf, size_t n)
{
	size_t got;

	SR_TRY(io_read_upto(fd, buf, n, &got));
	return got == n ? SR_OK : SR_IO;
}

SR_RESULT io_write_full(int fd, const void *buf, size_t n)
{
	const uint8_t *at = buf;

	while (n > 0) {
		ssize_t r = write(fd, at, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return sr_err_from_errno(errno);
		at += r;
		n -= (size_t)r;
	}
	return SR_OK;
}

SR_RESULT io_read_file(int dirfd, const char *path, size_t max, char **out, size_t *out_len)
{
	SR_AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	SR_AUTO_FREE char *buf = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return sr_err_from_errno(errno);
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return SR_TOO_LARGE;
	buf = malloc((size_t)st.st_size + 1);
	if (buf == NULL)
		return SR_NOMEM;
	SR_TRY(io_read_full(fd, buf, (size_t)st.st_size));
	buf[st.st_size] = '\0';
	*out_len = (size_t)st.st_size;
	*out = SR_TAKE(buf);
	return SR_OK;
}

static SR_RESULT write_beside(int dirfd, const char *name, const void *buf, size_t n, unsigned mode)
{
	SR_AUTO_FD fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return sr_err_from_errno(errno);
	SR_TRY(io_write_full(fd, buf, n));
	return fsync(fd) == 0 ? SR_OK : sr_err_from_errno(errno);
}

SR_RESULT io_replace_file(int dirfd, const char *name, const void *buf, size_t n, unsigned mode)
{
	char beside[256];
	enum sr_err err;
	int len = snprintf(beside, sizeof beside, "%s.tmp", name);

	if (len < 0 || (size_t)len >= sizeof beside)
		return SR_BAD_PARAMETER;
	err = write_beside(dirfd, beside, buf, n, mode);
	if (err == SR_OK && renameat(dirfd, beside, dirfd, name) != 0)
		err = sr_err_from_errno(errno);
	if (err != SR_OK) {
		(void)unlinkat(dirfd, beside, 0);
		return err;
	}
	return fsync(dirfd) == 0 ? SR_OK : sr_err_from_errno(errno);
}
