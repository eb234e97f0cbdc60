/* SPDX-License-Identifier: Apache-2.0 */
/* Start: what is in the files, and is it what the store remembers?
 *
 * The tree's edge comes from hash tiles, the lines of the newest segments (check_bytes of them) are
 * hashed, and the root at the store's mark must come out; the older ones are hashed
 * in the background.  Tiles are only believed as far as the root proves them; where they are
 * missing or wrong the whole log is hashed, and they are written again.
 *
 * Behind the mark a crash may have left anything: what is not whole lines is cut there,
 * which nobody was promised.  Before it nothing is changed, so that what is wrong can
 * be looked at. */
#include <inttypes.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/logcheck.h"
#include "daemon/audit/internal.h"

#define ID_MEMBER "\"correlationId\":\""

/* One pass over the segments from one of them on. */
struct pass {
	struct audit *audit;
	const struct segment_list *list;
	struct tilestore *tiles;        /* where full tiles go; NULL while it is not sure that the lines are right */
	uint64_t trimmed;               /* the log says that lines before this were deleted */
	uint64_t offset;                /* behind the last good line of the segment */
	bool wrong;                     /* the root is another one than the reference's */
	bool broken;                    /* a line is not one */
	bool rebuild;                   /* tiles under the reference are missing or wrong */
};

enum outcome { GOOD, CUT, BAD };

/* ---- one line ---- */

/* The id in a line's correlationId.  In a JSON string the quotes would be escaped, so no
 * caller's text can look like it. */
static SR_RESULT collect_id(struct audit *audit, struct sr_bytes line)
{
	const char *at = memmem(line.p, line.n, ID_MEMBER, sizeof ID_MEMBER - 1);
	size_t n;

	if (at == NULL)
		return SR_OK;
	at += sizeof ID_MEMBER - 1;
	n = line.n - (size_t)(at - (const char *)line.p);
	if (n < AUDIT_ID_LEN || memchr(at, '"', AUDIT_ID_LEN) != NULL)
		return SR_OK;
	SR_TRY(id_list_room(&audit->found, 1));
	id_list_push(&audit->found, at);
	return SR_OK;
}

/* Does the tree, when it is just as large as this checkpoint, have its root? */
static SR_RESULT compare(struct pass *pass, uint64_t size, const uint8_t *expected)
{
	struct tile_edge *edge = &pass->audit->edge;
	uint8_t root[MERKLE_HASH_LEN];
	struct merkle_range range;

	if (edge->size != size || size == 0)
		return SR_OK;
	SR_TRY(merkle_range_load(size, tile_node, edge, &range));
	SR_TRY(merkle_root(pass->audit->hasher, &range, root));
	if (memcmp(root, expected, sizeof root) != 0)
		pass->wrong = true;
	return SR_OK;
}

static SR_RESULT compare_all(struct pass *pass)
{
	const struct audit_mark *mark = &pass->audit->options.mark;

	SR_TRY(compare(pass, mark->size, mark->root));
	return compare(pass, pass->audit->ref.size, pass->audit->ref.root);
}

static enum sr_err take_line(void *arg, struct sr_bytes line, uint64_t offset)
{
	struct pass *pass = arg;
	struct audit *audit = pass->audit;
	uint8_t leaf[MERKLE_HASH_LEN];

	if (segment_line_fault(line, audit->edge.size) != NULL) {
		pass->broken = true;
		return SR_STOPPING;
	}
	if (audit->edge.size >= audit->options.mark.size)
		SR_TRY(collect_id(audit, line));
	logcheck_trimmed(line, &pass->trimmed);
	SR_TRY(merkle_leaf(audit->hasher, line, leaf));
	SR_TRY(tile_edge_append(&audit->edge, leaf));
	pass->offset = offset + line.n + 1;
	SR_TRY(compare_all(pass));
	return pass->wrong ? SR_STOPPING : SR_OK;
}

/* A tile became full. */
static enum sr_err take_tile(void *arg, unsigned level, uint64_t index, const tile_hashes hashes)
{
	struct pass *pass = arg;
	struct audit *audit = pass->audit;
	uint64_t end = (index + 1) << 8 * level << 8;
	tile_hashes stored;
	enum sr_err err = tile_read(audit->options.dirfd, level, index, stored);

	if (err == SR_OK && memcmp(stored, hashes, sizeof stored) == 0)
		return SR_OK;
	if (err != SR_OK && err != SR_NOT_FOUND && err != SR_CORRUPT)
		return err;
	/* under the reference it may be the lines that are wrong: first see the root */
	if (pass->tiles == NULL && end <= audit->ref.size) {
		pass->rebuild = true;
		return SR_OK;
	}
	return tilestore_put(&audit->tiles, level, index, hashes);
}

/* ---- a pass ---- */

static SR_RESULT begin_pass(struct pass *pass, size_t from)
{
	struct tile_edge *edge = &pass->audit->edge;

	pass->audit->found.n = 0;
	pass->trimmed = pass->offset = 0;
	pass->wrong = pass->broken = pass->rebuild = false;
	edge->sink = take_tile;
	edge->arg = pass;
	SR_TRY(tile_edge_load(edge, pass->list->v[from].first));
	return compare_all(pass);
}

/* Reads the lines of segment i; *rest is what is behind the whole ones. */
static SR_RESULT read_segment(struct pass *pass, size_t i, uint64_t *rest)
{
	struct segment_end end;
	enum sr_err err;

	pass->offset = 0;
	err = segment_walk(pass->audit->options.dirfd, pass->list->v[i].first, 0, take_line, pass, &end);
	if (err == SR_CORRUPT)
		pass->broken = true;    /* a line without end */
	if (err == SR_OK)
		*rest = end.rest;
	return pass->broken || pass->wrong ? SR_OK : err;
}

/* Brings the edge from segment `from` to the end.  CUT: good, but for what follows
 * pass->offset in the last segment. */
static SR_RESULT run_pass(struct pass *pass, size_t from, enum outcome *out)
{
	struct audit *audit = pass->audit;
	enum sr_err err = begin_pass(pass, from);
	uint64_t rest = 0;

	*out = BAD;
	if (err == SR_NOT_FOUND || err == SR_CORRUPT)   /* of tiles */
		return SR_OK;
	if (audit->edge.size > audit->ref.size)         /* nothing would prove that edge */
		return SR_OK;
	SR_TRY(err);
	for (size_t i = from; i < pass->list->n; i++) {
		if (pass->list->v[i].first != audit->edge.size || rest > 0 || pass->broken || pass->wrong)
			return SR_OK;
		SR_TRY(read_segment(pass, i, &rest));
	}
	if (pass->wrong || audit->edge.size < audit->ref.size)
		return SR_OK;
	*out = rest > 0 || pass->broken ? CUT : GOOD;
	return tilestore_sync(&audit->tiles);
}

/* The segment to begin with: check_bytes before the end, but where full tiles tell the
 * tree before it, and not behind the store's mark. */
static size_t first_segment(const struct audit *audit, const struct segment_list *list)
{
	uint64_t least = audit->ref.size < audit->options.mark.size ? audit->ref.size : audit->options.mark.size;
	size_t i = list->n - 1;
	uint64_t bytes = list->v[i].bytes;

	while (i > 0 && (list->v[i].first > least / TILE_WIDTH * TILE_WIDTH ||
	       bytes + list->v[i - 1].bytes <= audit->options.check_bytes))
		bytes += list->v[--i].bytes;
	return i;
}

/* ---- what came out ---- */

/* Has the words for what is wrong. */
static void say_damage(struct audit *audit)
{
	struct logcheck_options options = { .key = note_signer_key(audit->signer), .mark = &audit->ref };
	struct logcheck_report report;

	if (logcheck_dir(audit->options.dirfd, &options, &report) == SR_OK && report.problem[0] != '\0')
		append_damage(audit, "%s", report.problem);
	append_damage(audit, "the log does not lead to the checkpoint of %" PRIu64 " lines that the store holds",
		audit->ref.size);
}

/* What readers may still see of a damaged log: as many lines as there seem to be. */
static enum sr_err count_line(void *arg, struct sr_bytes line, uint64_t offset)
{
	uint64_t *size = arg;

	(void)offset;
	if (segment_line_fault(line, *size) != NULL)
		return SR_STOPPING;
	++*size;
	return SR_OK;
}

static SR_RESULT open_damaged(struct audit *audit, struct segment_list *list)
{
	struct segment_end end;
	struct segment last = { 0, 0 };

	say_damage(audit);
	if (list->n > 0)
		last = list->v[--list->n];
	audit->size = last.first;
	/* a fault ends the count, which is all that is asked for */
	if (last.bytes > 0 && segment_walk(audit->options.dirfd, last.first, 0, count_line, &audit->size, &end) == SR_NOMEM)
		return SR_NOMEM;
	audit->writer.first = last.first;
	audit->writer.bytes = last.bytes;
	audit->closed = *list;
	*list = (struct segment_list){ NULL, 0 };
	audit->covered = audit->ref.size;
	audit->newest = audit->ref;
	return SR_OK;
}

/* Opens the last segment for appending, without its half line. */
static SR_RESULT open_writer(struct audit *audit, struct segment_list *list, uint64_t bytes)
{
	const struct segment *last = &list->v[list->n - 1];
	uint64_t cut = last->bytes - bytes;
	char members[96];

	SR_TRY(writer_open(&audit->writer, last->first, bytes));
	if (fdatasync(audit->writer.fd) != 0 || fsync(audit->options.dirfd) != 0)
		return SR_IO;
	list->n--;
	audit->closed = *list;
	*list = (struct segment_list){ NULL, 0 };
	audit->size = audit->synced = audit->edge.size;
	audit->covered = audit->ref.size;
	if (cut == 0)
		return SR_OK;
	log_warning("audit log: %" PRIu64 " bytes that are no whole line were cut off after a crash", cut);
	(void)snprintf(members, sizeof members, "\"resultDescription\":\"%" PRIu64
		" bytes that are no whole line were cut off\",", cut);
	/* a full disk is no reason not to start: the line's place is in the fault, then */
	if (append_own(audit, "AuditRecovered", members) != SR_OK)
		log_warning("audit log: %s", audit->fault);
	return SR_OK;
}

/* ---- the reference ---- */

/* The store's mark, or the newest checkpoint file where that is ahead (an older copy of the store was
 * put back).  An unreadable file is no reason to stop: the store knows better. */
static SR_RESULT find_reference(struct audit *audit)
{
	const struct audit_mark *mark = &audit->options.mark;
	SR_AUTO_FREE char *text = NULL;
	struct checkpoint newest;
	enum sr_err err;
	size_t n;

	audit->ref.size = mark->size;
	memcpy(audit->ref.root, mark->root, sizeof audit->ref.root);
	err = io_read_file(audit->options.dirfd, SEGMENT_NEWEST, NOTE_MAX, &text, &n);
	if (err == SR_NOT_FOUND)
		return SR_OK;
	if (err == SR_OK)
		err = checkpoint_open((struct sr_str){ text, n }, note_signer_key(audit->signer), &newest);
	if (err == SR_NOMEM)
		return err;
	if (err != SR_OK) {
		log_warning("audit log: the file %s is not a checkpoint of ours; the store's is used", SEGMENT_NEWEST);
		return SR_OK;
	}
	if (newest.size == mark->size && mark->size > 0 && memcmp(newest.root, mark->root, sizeof newest.root) != 0)
		append_damage(audit, "the file %s and the store have different roots for %" PRIu64 " lines", SEGMENT_NEWEST,
			mark->size);
	if (newest.size > mark->size) {
		if (mark->size > 0)
			log_warning("audit log: its checkpoint covers %" PRIu64 " lines, the store knows of %" PRIu64
				": was an older copy of the store put back?", newest.size, mark->size);
		audit->ref = newest;
	}
	return SR_OK;
}

/* ---- all of it ---- */

static SR_RESULT start_empty(struct audit *audit)
{
	SR_TRY(tile_edge_load(&audit->edge, 0));
	return writer_create(&audit->writer, 0);
}

/* The passes that it takes: mostly one. */
static SR_RESULT run_passes(struct pass *pass, size_t *from, enum outcome *out)
{
	SR_TRY(run_pass(pass, *from, out));
	if (*out == BAD && *from > 0) {
		/* the tiles before `from` may be what is wrong */
		*from = 0;
		SR_TRY(run_pass(pass, *from, out));
	}
	if (*out == BAD || !pass->rebuild)
		return SR_OK;
	log_warning("audit log: hash tiles were missing or wrong; they are written again");
	pass->tiles = &pass->audit->tiles;
	return run_pass(pass, *from, out);
}

static SR_RESULT recover_list(struct audit *audit, struct segment_list *list, bool *whole)
{
	struct pass pass = { .audit = audit, .list = list };
	size_t from = first_segment(audit, list);
	uint64_t first = list->v[0].first;
	enum outcome outcome;

	SR_TRY(run_passes(&pass, &from, &outcome));
	if (from == 0 && outcome != BAD && first > pass.trimmed)
		outcome = BAD;          /* segments are missing, and the log knows nothing of it */
	*whole = from == 0;
	if (outcome == BAD || audit->damage[0] != '\0')
		return open_damaged(audit, list);
	return open_writer(audit, list, outcome == CUT ? pass.offset : list->v[list->n - 1].bytes);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, AUDIT_ID_LEN);
}

SR_RESULT recover_run(struct audit *audit, bool *whole)
{
	struct segment_list list = { NULL, 0 };
	enum sr_err err;

	*whole = true;
	SR_TRY(find_reference(audit));
	err = segment_list_load(audit->options.dirfd, SEGMENT_LINES, &list);
	if (err != SR_OK && err != SR_CORRUPT)
		return err;
	if (list.n > 0)
		err = recover_list(audit, &list, whole);
	else if (audit->ref.size > 0 || err == SR_CORRUPT)
		err = open_damaged(audit, &list);
	else
		err = start_empty(audit);
	segment_list_finish(&list);
	if (audit->found.n > 1)
		qsort(audit->found.p, audit->found.n, AUDIT_ID_LEN, compare_ids);
	return err;
}

/* ---- what start left unchecked ---- */

void *recover_recheck(void *arg)
{
	struct audit *audit = arg;
	struct logcheck_options options = { .key = note_signer_key(audit->signer), .mark = &audit->ref,
		.limit = audit->ref.size, .stop = &audit->recheck_stop };
	const struct sched_param idle = { 0 };
	struct logcheck_report report;
	enum sr_err err;

	(void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &idle);
	err = logcheck_dir(audit->options.dirfd, &options, &report);
	pthread_mutex_lock(&audit->lock);
	if (err == SR_OK && report.problem[0] != '\0')
		append_damage(audit, "%s", report.problem);
	pthread_mutex_unlock(&audit->lock);
	if (err != SR_OK && err != SR_STOPPING)
		log_error("audit log: its older lines could not be checked (error %d)", (int)err);
	else if (err == SR_OK && report.problem[0] == '\0')
		log_info("audit log: all %" PRIu64 " lines were checked", report.size - report.first);
	atomic_store(&audit->recheck_runs, false);
	return NULL;
}
