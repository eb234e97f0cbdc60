/* SPDX-License-Identifier: Apache-2.0 */
#include "base/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define WALK_BLOCK ((size_t)256 << 10)

void segment_name(uint64_t first, const char *suffix, char out[static SEGMENT_NAME_LEN])
{
	(void)snprintf(out, SEGMENT_NAME_LEN, "%010" PRIu64 "%s", first, suffix);
}

/* Only the spelling that segment_name writes is a segment. */
static bool name_parse(const char *name, const char *suffix, uint64_t *out)
{
	char again[SEGMENT_NAME_LEN];
	char *end;

	if (name[0] < '0' || name[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(name, &end, 10);
	if (errno != 0)
		return false;
	segment_name(*out, suffix, again);
	return strcmp(name, again) == 0;
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct segment *)a)->first, y = ((const struct segment *)b)->first;

	return x < y ? -1 : x > y;
}

static SR_RESULT list_add(struct segment_list *list, uint64_t first, uint64_t bytes)
{
	/* room grows at each power of two */
	if ((list->n & (list->n - 1)) == 0) {
		struct segment *v = realloc(list->v, (list->n == 0 ? 1 : 2 * list->n) * sizeof *v);

		if (v == NULL)
			return SR_NOMEM;
		list->v = v;
	}
	list->v[list->n++] = (struct segment){ first, bytes };
	return SR_OK;
}

static SR_RESULT list_read(DIR *dir, const char *suffix, struct segment_list *list)
{
	struct dirent *entry;
	struct stat st;
	uint64_t first;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (!name_parse(entry->d_name, suffix, &first))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return sr_err_from_errno(errno);
		if (!S_ISREG(st.st_mode))
			return SR_CORRUPT;
		SR_TRY(list_add(list, first, (uint64_t)st.st_size));
	}
	return errno == 0 ? SR_OK : sr_err_from_errno(errno);
}

SR_RESULT segment_list_load(int dirfd, const char *suffix, struct segment_list *out)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct segment_list list = { NULL, 0 };
	enum sr_err err;
	DIR *dir;

	if (fd < 0)
		return sr_err_from_errno(errno);
	dir = fdopendir(fd);
	if (dir == NULL) {
		(void)close(fd);
		return SR_NOMEM;
	}
	err = list_read(dir, suffix, &list);
	(void)closedir(dir);
	if (err != SR_OK) {
		segment_list_finish(&list);
		return err;
	}
	if (list.n > 1)
		qsort(list.v, list.n, sizeof *list.v, by_first);
	*out = list;
	return SR_OK;
}

void segment_list_finish(struct segment_list *list)
{
	free(list->v);
	*list = (struct segment_list){ NULL, 0 };
}

const char *segment_line_fault(struct sr_bytes line, uint64_t index)
{
	char head[32];
	int n = snprintf(head, sizeof head, "{\"seq\":%" PRIu64 ",", index);
	unsigned char least = 0xff;

	if (line.n < 7 || memcmp(line.p, head, 7) != 0 || line.p[line.n - 1] != '}')
		return "is not a line of the log";
	for (size_t i = 0; i < line.n; i++)
		least = line.p[i] < least ? line.p[i] : least;
	if (least < ' ')
		return "holds a control character";
	if (line.n < (size_t)n || memcmp(line.p, head, (size_t)n) != 0)
		return "has another number";
	return NULL;
}

/* Gives the whole lines in buf[0, n) to fn; *used is how far they went. */
static SR_RESULT walk_lines(const uint8_t *buf, size_t n, uint64_t offset, segment_line_fn *fn, void *arg, size_t *used)
{
	size_t at = 0;

	for (;;) {
		const uint8_t *newline = memchr(buf + at, '\n', n - at);
		size_t len = newline == NULL ? n - at : (size_t)(newline - (buf + at));

		if (len >= SEGMENT_LINE_MAX)
			return SR_CORRUPT;
		if (newline == NULL)
			break;
		SR_TRY(fn(arg, (struct sr_bytes){ buf + at, len }, offset + at));
		at += len + 1;
	}
	*used = at;
	return SR_OK;
}

SR_RESULT segment_walk(int dirfd, uint64_t first, uint64_t offset, segment_line_fn *fn, void *arg,
	struct segment_end *end)
{
	SR_AUTO_FREE uint8_t *buf = malloc(WALK_BLOCK);
	SR_AUTO_FD fd = -1;
	char name[SEGMENT_NAME_LEN];
	size_t have = 0;

	if (buf == NULL)
		return SR_NOMEM;
	segment_name(first, SEGMENT_LINES, name);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sr_err_from_errno(errno);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (;;) {
		ssize_t r = pread(fd, buf + have, WALK_BLOCK - have, (off_t)(offset + have));
		size_t used;

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return sr_err_from_errno(errno);
		if (r == 0)
			break;
		have += (size_t)r;
		SR_TRY(walk_lines(buf, have, offset, fn, arg, &used));
		offset += used;
		have -= used;
		memmove(buf, buf + used, have);
	}
	*end = (struct segment_end){ .offset = offset, .rest = have };
	return SR_OK;
}
