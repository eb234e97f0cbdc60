/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/dir_each.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static enum sr_err each_of(DIR *dir, dir_each_fn *fn, void *arg)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			SR_TRY(fn(entry->d_name, arg));
	return errno == 0 ? SR_OK : sr_err_from_errno(errno);
}

SR_RESULT dir_each(int dirfd, const char *path, dir_each_fn *fn, void *arg)
{
	SR_AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum sr_err err;
	DIR *dir;

	if (fd < 0)
		return sr_err_from_errno(errno);
	dir = fdopendir(fd);
	if (dir == NULL)
		return sr_err_from_errno(errno);
	(void)SR_TAKE_FD(fd);   /* dir's now */
	err = each_of(dir, fn, arg);
	(void)closedir(dir);
	return err;
}
