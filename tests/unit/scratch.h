/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, gone when the test ends; and whether sanitizers watch. */
#ifndef SR_TESTS_SCRATCH_H
#define SR_TESTS_SCRATCH_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sanitizers need address space of their own, and time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCRATCH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SCRATCH_SANITIZED 1
#endif
#endif
#ifndef SCRATCH_SANITIZED
#define SCRATCH_SANITIZED 0
#endif

struct scratch {
	char path[64];
	int fd;
};

static inline void scratch_make(struct scratch *scratch)
{
	(void)snprintf(scratch->path, sizeof scratch->path, "/tmp/strongroom-test-XXXXXX");
	cr_assert_not_null(mkdtemp(scratch->path));
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(scratch->fd, 0);
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(struct scratch *scratch)
{
	(void)close(scratch->fd);
	(void)nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
