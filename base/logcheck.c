/* SPDX-License-Identifier: Apache-2.0 */
#include "base/logcheck.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/io.h"
#include "base/logcheck_tiles.h"
#include "base/str.h"

struct expected {
	struct checkpoint checkpoint;
	char name[SEGMENT_NAME_LEN];
};

struct logcheck {
	struct note_key key;
	struct merkle_hasher *hasher;
	struct merkle_range range;
	struct expected *expected;      /* by size, once the lines begin */
	size_t expected_n, next;
	bool begun;
	uint64_t trimmed;               /* the log says that lines before this were deleted */
	const char *file;               /* where the lines come from just now; borrowed */
	struct logcheck_tiles *tiles;   /* of a directory; NULL: lines only */
	const struct logcheck_options *options;
	struct logcheck_report report;
};

SR_RESULT logcheck_new(const struct note_key *key, struct logcheck **out)
{
	SR_AUTO(logcheck) check = calloc(1, sizeof *check);

	if (check == NULL)
		return SR_NOMEM;
	check->key = *key;
	check->file = "";
	SR_TRY(merkle_hasher_new(&check->hasher));
	*out = SR_TAKE(check);
	return SR_OK;
}

void logcheck_free(struct logcheck *check)
{
	if (check == NULL)
		return;
	logcheck_tiles_free(check->tiles);
	merkle_hasher_free(check->hasher);
	free(check->expected);
	free(check);
}

/* Notes the first bad thing; always CORRUPT. */
__attribute__((format(printf, 4, 5)))
static enum sr_err bad(struct logcheck *check, const char *file, uint64_t line, const char *format, ...)
{
	struct logcheck_report *report = &check->report;
	va_list args;

	if (report->problem[0] != '\0')
		return SR_CORRUPT;
	va_start(args, format);
	(void)vsnprintf(report->problem, sizeof report->problem, format, args);
	va_end(args);
	(void)snprintf(report->file, sizeof report->file, "%s", file);
	report->line = line;
	return SR_CORRUPT;
}

/* ---- what the log must lead to ---- */

SR_RESULT logcheck_expect_root(struct logcheck *check, const struct checkpoint *checkpoint, const char *name)
{
	struct expected *grown = realloc(check->expected, (check->expected_n + 1) * sizeof *grown);

	if (grown == NULL)
		return SR_NOMEM;
	check->expected = grown;
	grown[check->expected_n].checkpoint = *checkpoint;
	(void)snprintf(grown[check->expected_n].name, sizeof grown->name, "%s", name);
	check->expected_n++;
	return SR_OK;
}

SR_RESULT logcheck_expect(struct logcheck *check, struct sr_str note, const char *name)
{
	struct checkpoint checkpoint;
	enum sr_err err = checkpoint_open(note, &check->key, &checkpoint);

	if (err == SR_OK)
		return logcheck_expect_root(check, &checkpoint, name);
	if (err == SR_DENIED)
		return bad(check, name, 0, "%s is not signed by the key %s", name, check->key.name);
	if (err == SR_CORRUPT)
		return bad(check, name, 0, "%s has a wrong signature", name);
	if (err == SR_BAD_MESSAGE)
		return bad(check, name, 0, "%s is not a checkpoint of %s", name, check->key.name);
	return err;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = ((const struct expected *)a)->checkpoint.size, y = ((const struct expected *)b)->checkpoint.size;

	return x < y ? -1 : x > y;
}

/* The first line that its hash tile does not know, if there is one. */
static enum sr_err bad_blamed(struct logcheck *check)
{
	uint64_t index;

	if (check->tiles == NULL || !logcheck_tiles_blame(check->tiles, &index))
		return SR_OK;
	return bad(check, logcheck_tiles_file(check->tiles, index), index,
		"%s: line %" PRIu64 " is not the line that was written", logcheck_tiles_file(check->tiles, index), index);
}

/* Says which lines it may be: that one, or all since the last checkpoint that fits. */
static enum sr_err bad_root(struct logcheck *check, const struct expected *expected)
{
	uint64_t from = check->report.covered;

	if (from < check->report.first)
		from = check->report.first;
	SR_TRY(bad_blamed(check));
	return bad(check, check->file, from, "%s%sof the lines %" PRIu64 " to %" PRIu64
		" at least one is not the line that was written (%s does not fit)",
		check->file, check->file[0] != '\0' ? ": " : "", from, expected->checkpoint.size - 1, expected->name);
}

/* Compares the checkpoints of just this size. */
static SR_RESULT compare(struct logcheck *check)
{
	uint8_t root[MERKLE_HASH_LEN];

	while (check->next < check->expected_n && check->expected[check->next].checkpoint.size <= check->range.size) {
		const struct expected *expected = &check->expected[check->next++];

		if (expected->checkpoint.size < check->range.size)
			continue;       /* older than the oldest line: nothing to compare with */
		SR_TRY(merkle_root(check->hasher, &check->range, root));
		if (memcmp(root, expected->checkpoint.root, sizeof root) != 0)
			return bad_root(check, expected);
		check->report.covered = check->range.size;
		check->report.checkpoints++;
	}
	return SR_OK;
}

static SR_RESULT begin(struct logcheck *check)
{
	if (check->begun)
		return SR_OK;
	check->begun = true;
	if (check->expected_n > 1)
		qsort(check->expected, check->expected_n, sizeof *check->expected, by_size);
	check->report.first = check->range.size;
	return compare(check);
}

SR_RESULT logcheck_begin(struct logcheck *check, const struct merkle_range *range)
{
	check->range = *range;
	return begin(check);
}

/* ---- lines ---- */

/* The marker cannot come from a caller's text: in a JSON string the quotes would be escaped. */
void logcheck_trimmed(struct sr_bytes line, uint64_t *first)
{
	const char *at = memmem(line.p, line.n, LOGCHECK_TRIMMED, sizeof LOGCHECK_TRIMMED - 1);
	const char *end = (const char *)line.p + line.n;
	uint64_t value = 0;

	if (at == NULL)
		return;
	for (at += sizeof LOGCHECK_TRIMMED - 1; at < end && *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (value > *first)
		*first = value;
}

static SR_RESULT take_line(struct logcheck *check, struct sr_bytes line)
{
	const char *fault = segment_line_fault(line, check->range.size);
	uint8_t leaf[MERKLE_HASH_LEN];

	if (fault != NULL) {
		(void)bad_blamed(check);        /* what is wrong may have begun in a line before */
		return bad(check, check->file, check->range.size, "%s%sline %" PRIu64 " %s", check->file,
			check->file[0] != '\0' ? ": " : "", check->range.size, fault);
	}
	logcheck_trimmed(line, &check->trimmed);
	SR_TRY(merkle_leaf(check->hasher, line, leaf));
	SR_TRY(merkle_append(check->hasher, &check->range, leaf));
	if (check->tiles != NULL)
		SR_TRY(logcheck_tiles_append(check->tiles, leaf));
	return compare(check);
}

SR_RESULT logcheck_lines(struct logcheck *check, struct sr_bytes lines)
{
	SR_TRY(begin(check));
	while (lines.n > 0) {
		const uint8_t *newline = memchr(lines.p, '\n', lines.n);
		size_t len = newline == NULL ? lines.n : (size_t)(newline - lines.p);

		if (newline == NULL)
			return bad(check, check->file, check->range.size, "line %" PRIu64 " is not whole", check->range.size);
		SR_TRY(take_line(check, (struct sr_bytes){ lines.p, len }));
		lines = (struct sr_bytes){ newline + 1, lines.n - len - 1 };
	}
	return SR_OK;
}

void logcheck_finish(struct logcheck *check, struct logcheck_report *out)
{
	const struct logcheck_options *options = check->options;
	const struct expected *last;
	enum sr_err err = check->report.problem[0] == '\0' ? begin(check) : SR_CORRUPT;

	if (err != SR_OK)
		(void)bad(check, "", 0, "the log cannot be checked: libcrypto failed");
	check->report.size = check->range.size;
	last = check->expected_n > 0 ? &check->expected[check->expected_n - 1] : NULL;
	if (check->next < check->expected_n && !(options != NULL && options->limit != 0 && options->limit == check->range.size))
		(void)bad(check, check->file, check->range.size, "%s%sthe log ends before line %" PRIu64 ", but %s covers %"
			PRIu64 " lines: it was shortened", check->file, check->file[0] != '\0' ? ": " : "",
			check->range.size, last->name, last->checkpoint.size);
	if (check->report.first > check->trimmed)
		(void)bad(check, "", 0, "the lines before %" PRIu64 " are missing, and no line of the log says that they were deleted",
			check->report.first);
	*out = check->report;
}

/* ---- a directory ---- */

static bool at_limit(const struct logcheck *check)
{
	return check->options->limit != 0 && check->range.size >= check->options->limit;
}

static enum sr_err dir_line(void *arg, struct sr_bytes line, uint64_t offset)
{
	struct logcheck *check = arg;
	const struct logcheck_options *options = check->options;

	(void)offset;
	if (at_limit(check))
		return SR_STOPPING;
	if (options->stop != NULL && check->range.size % 256 == 0 && atomic_load(options->stop))
		return SR_STOPPING;
	return take_line(check, line);
}

static SR_RESULT expect_file(struct logcheck *check, int dirfd, const char *name)
{
	SR_AUTO_FREE char *text = NULL;
	enum sr_err err;
	size_t n;

	err = io_read_file(dirfd, name, NOTE_MAX, &text, &n);
	if (err == SR_TOO_LARGE)
		return bad(check, name, 0, "%s is not a checkpoint of %s", name, check->key.name);
	SR_TRY(err);
	return logcheck_expect(check, (struct sr_str){ text, n }, name);
}

/* The newest first: what it covers is in the segments listed after it was read. */
static SR_RESULT expect_files(struct logcheck *check, int dirfd)
{
	struct segment_list list;
	char name[SEGMENT_NAME_LEN];
	enum sr_err err = expect_file(check, dirfd, SEGMENT_NEWEST);

	if (err != SR_OK && err != SR_NOT_FOUND)
		return err;
	if (check->options->mark != NULL && check->options->mark->size > 0)
		SR_TRY(logcheck_expect_root(check, check->options->mark, "the store's checkpoint"));
	SR_TRY(segment_list_load(dirfd, SEGMENT_CHECKPOINT, &list));
	err = SR_OK;
	for (size_t i = 0; i < list.n && err == SR_OK; i++) {
		segment_name(list.v[i].first, SEGMENT_CHECKPOINT, name);
		err = expect_file(check, dirfd, name);
		if (err == SR_NOT_FOUND)
			err = SR_OK;    /* deleted just now, with its segment */
	}
	segment_list_finish(&list);
	return err;
}

static SR_RESULT check_segment(struct logcheck *check, int dirfd, const struct segment *segment, bool last)
{
	char name[SEGMENT_NAME_LEN];
	struct segment_end end;
	enum sr_err err;

	segment_name(segment->first, SEGMENT_LINES, name);
	if (segment->first != check->range.size)
		return bad(check, check->file, check->range.size, "%s%sthe lines from %" PRIu64 " on are missing: the next file is %s",
			check->file, check->file[0] != '\0' ? ": " : "", check->range.size, name);
	check->file = logcheck_tiles_file(check->tiles, segment->first);
	err = segment_walk(dirfd, segment->first, 0, dir_line, check, &end);
	if (err == SR_CORRUPT)
		return bad(check, name, check->range.size, "%s: line %" PRIu64 " is too long to be one of the log", name,
			check->range.size);
	SR_TRY(err);
	if (end.rest > 0 && !last)
		return bad(check, name, check->range.size, "%s: line %" PRIu64 " is not whole", name, check->range.size);
	check->report.half = end.rest;
	return SR_OK;
}

static SR_RESULT check_segments(struct logcheck *check, int dirfd, const struct segment_list *list)
{
	struct merkle_range range = { .size = 0 };
	uint64_t first = list->v[0].first;

	SR_TRY(logcheck_tiles_new(dirfd, check->hasher, list, &check->tiles));
	if (logcheck_tiles_begin(check->tiles, first, &range) != SR_OK)
		return bad(check, "", first, "the lines before %" PRIu64 " are gone, and so are their hash tiles", first);
	SR_TRY(logcheck_begin(check, &range));
	for (size_t i = 0; i < list->n; i++) {
		enum sr_err err = check_segment(check, dirfd, &list->v[i], i + 1 == list->n);

		if (err == SR_STOPPING && at_limit(check))
			break;
		SR_TRY(err);
	}
	return SR_OK;
}

/* What can only be said at the end. */
static void finish_dir(struct logcheck *check, struct logcheck_report *out)
{
	char path[TILE_PATH_LEN];

	logcheck_finish(check, out);
	if (out->problem[0] != '\0' || check->tiles == NULL)
		return;
	if (logcheck_tiles_wrong(check->tiles, out->covered, path))
		(void)bad(check, "", 0, "%s is missing, or does not fit the lines", path);
	*out = check->report;
}

SR_RESULT logcheck_dir(int dirfd, const struct logcheck_options *options, struct logcheck_report *out)
{
	SR_AUTO(logcheck) check = NULL;
	struct segment_list list = { NULL, 0 };
	enum sr_err err;

	SR_TRY(logcheck_new(options->key, &check));
	check->options = options;
	err = expect_files(check, dirfd);
	if (err == SR_OK)
		err = segment_list_load(dirfd, SEGMENT_LINES, &list);
	if (err == SR_OK && list.n == 0 && check->expected_n == 0)
		return SR_NOT_FOUND;
	if (err == SR_OK && list.n > 0)
		err = check_segments(check, dirfd, &list);
	if (err == SR_CORRUPT)
		(void)bad(check, "", 0, "a file of the log is not a plain file");
	if (err == SR_OK || err == SR_CORRUPT) {
		finish_dir(check, out);
		err = SR_OK;
	}
	logcheck_tiles_free(SR_TAKE(check->tiles));
	segment_list_finish(&list);
	return err;
}
