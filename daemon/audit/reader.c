/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and proofs for readers, without holding up those who write. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/audit/internal.h"

#define INDEX_STEP 256

/* ---- where a line is ---- */

struct place {
	uint64_t first;         /* of its segment */
	uint64_t bytes;         /* whole lines of it */
	uint64_t offset;        /* of the line */
};

static SR_RESULT find_segment(struct audit *audit, uint64_t index, struct place *out)
{
	enum sr_err err = SR_NOT_FOUND;

	pthread_mutex_lock(&audit->lock);
	*out = (struct place){ .first = audit->writer.first, .bytes = audit->writer.bytes };
	for (size_t i = audit->closed.n; i-- > 0 && index < out->first;)
		*out = (struct place){ .first = audit->closed.v[i].first, .bytes = audit->closed.v[i].bytes };
	if (index >= out->first && index < audit->size)
		err = SR_OK;
	pthread_mutex_unlock(&audit->lock);
	return err;
}

struct search {
	struct line_index *index;       /* to be extended; NULL: just count */
	uint64_t at, wanted;            /* lines of the segment: passed, and looked for */
	uint64_t offset;                /* behind the last line passed */
};

static SR_RESULT index_add(struct line_index *index, uint64_t offset)
{
	uint64_t *at = realloc(index->at, (index->n + 1) * sizeof *at);

	if (at == NULL)
		return SR_NOMEM;
	index->at = at;
	at[index->n++] = offset;
	return SR_OK;
}

static enum sr_err pass_line(void *arg, struct sr_bytes line, uint64_t offset)
{
	struct search *search = arg;

	if (search->at > search->wanted)
		return SR_STOPPING;
	if (search->index == NULL && search->at == search->wanted) {
		search->offset = offset;
		return SR_STOPPING;
	}
	if (search->index != NULL && search->at % INDEX_STEP == 0)
		SR_TRY(index_add(search->index, offset));
	search->at++;
	search->offset = offset + line.n + 1;
	return SR_OK;
}

/* Extends the index of this segment until it knows the line. */
static SR_RESULT index_extend(struct audit *audit, uint64_t first, uint64_t wanted)
{
	struct line_index *index = &audit->index;
	struct search search = { .index = index, .wanted = wanted };
	struct segment_end end;
	enum sr_err err;

	if (index->first != first)
		index->n = index->lines = index->offset = 0;
	index->first = first;
	if (index->lines > wanted)
		return SR_OK;
	search.at = index->lines;
	search.offset = index->offset;
	err = segment_walk(audit->options.dirfd, first, index->offset, pass_line, &search, &end);
	index->lines = search.at;
	index->offset = search.offset;
	if (err != SR_OK && err != SR_STOPPING)
		return err;
	return index->lines > wanted ? SR_OK : SR_CORRUPT;
}

static SR_RESULT find_offset(struct audit *audit, uint64_t wanted, struct place *place)
{
	struct search search = { .wanted = wanted % INDEX_STEP };
	struct segment_end end;
	enum sr_err err;

	SR_TRY(index_extend(audit, place->first, wanted));
	err = segment_walk(audit->options.dirfd, place->first, audit->index.at[wanted / INDEX_STEP], pass_line, &search, &end);
	if (err != SR_STOPPING)
		return err == SR_OK ? SR_CORRUPT : err;
	place->offset = search.offset;
	return SR_OK;
}

static SR_RESULT find_line(struct audit *audit, uint64_t index, struct place *out)
{
	enum sr_err err;

	SR_TRY(find_segment(audit, index, out));
	pthread_mutex_lock(&audit->read_lock);
	err = find_offset(audit, index - out->first, out);
	pthread_mutex_unlock(&audit->read_lock);
	return err;
}

/* ---- lines ---- */

static SR_RESULT read_at(int fd, uint8_t *buf, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t r = pread(fd, buf, n, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return sr_err_from_errno(errno);
		if (r == 0)
			return SR_CORRUPT;      /* shorter than it was */
		buf += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return SR_OK;
}

/* Cuts to max whole lines. */
static uint64_t cut_lines(struct sr_bytes *lines, uint64_t max)
{
	const uint8_t *at = lines->p, *end = lines->p + lines->n, *newline;
	uint64_t count = 0;

	while (count < max && at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at = newline + 1;
		count++;
	}
	lines->n = (size_t)(at - lines->p);
	return count;
}

SR_RESULT audit_read(struct audit *audit, uint64_t from, uint64_t max, struct arena *arena,
	struct sr_bytes *lines, uint64_t *count)
{
	size_t before = arena->used, room = arena->cap - arena->used;
	char name[SEGMENT_NAME_LEN];
	SR_AUTO_FD fd = -1;
	struct place place;
	uint64_t n;
	uint8_t *buf;

	SR_TRY(find_line(audit, from, &place));
	segment_name(place.first, SEGMENT_LINES, name);
	fd = openat(audit->options.dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sr_err_from_errno(errno);
	n = place.bytes > place.offset ? place.bytes - place.offset : 0;
	if (max < UINT64_MAX / AUDIT_LINE_MAX && n > max * AUDIT_LINE_MAX)
		n = max * AUDIT_LINE_MAX;
	if (n > (room > 16 ? room - 16 : 0))    /* 16: arena_get aligns */
		n = room > 16 ? room - 16 : 0;
	buf = arena_get(arena, (size_t)n);
	if (buf == NULL)
		return SR_NOMEM;
	SR_TRY(read_at(fd, buf, (size_t)n, place.offset));
	*lines = (struct sr_bytes){ buf, (size_t)n };
	*count = cut_lines(lines, max);
	if (*count == 0) {
		arena->used = before;
		return SR_NOMEM;
	}
	arena->used = (size_t)(buf - arena->base) + lines->n;
	return SR_OK;
}

/* ---- checkpoints and proofs ---- */

static bool is_damaged(struct audit *audit)
{
	bool damaged;

	pthread_mutex_lock(&audit->lock);
	damaged = audit->damage[0] != '\0';
	pthread_mutex_unlock(&audit->lock);
	return damaged;
}

/* tree_lock held. */
static SR_RESULT make_checkpoint(struct audit *audit)
{
	if (!is_damaged(audit))
		return round_run(audit);
	if (audit->note_len > 0)
		return SR_OK;
	/* signed before, by us: this says nothing new, but lets others see the difference */
	if (audit->ref.size == 0)
		return SR_AUDIT;
	return checkpoint_sign(audit->signer, &audit->ref, audit->note, &audit->note_len);
}

static SR_RESULT copy_note(struct audit *audit, struct arena *arena, struct sr_str *out)
{
	struct sr_str copy = arena_str(arena, (struct sr_str){ audit->note, audit->note_len });

	if (copy.p == NULL)
		return SR_NOMEM;
	*out = copy;
	return SR_OK;
}

SR_RESULT audit_checkpoint(struct audit *audit, struct arena *arena, struct sr_str *out)
{
	enum sr_err err;

	pthread_mutex_lock(&audit->tree_lock);
	err = make_checkpoint(audit);
	if (err == SR_OK)
		err = copy_note(audit, arena, out);
	pthread_mutex_unlock(&audit->tree_lock);
	return err;
}

/* Nobody gets a proof that does not verify; tree_lock held. */
static SR_RESULT prove_line(struct audit *audit, uint64_t index, struct sr_bytes line, uint8_t (*proof)[MERKLE_HASH_LEN],
	size_t *n)
{
	const struct checkpoint *newest = &audit->newest;
	uint8_t leaf[MERKLE_HASH_LEN];

	SR_TRY(merkle_leaf(audit->hasher, line, leaf));
	SR_TRY(merkle_prove(audit->hasher, index, newest->size, tile_node, &audit->edge, proof, n));
	return merkle_verify(audit->hasher, leaf, index, newest->size, (const uint8_t (*)[MERKLE_HASH_LEN])proof, *n,
		newest->root);
}

static SR_RESULT prove(struct audit *audit, uint64_t index, struct arena *arena, struct sr_bytes line,
	struct sr_bytes *proof, struct sr_str *checkpoint)
{
	uint8_t hashes[MERKLE_PROOF_MAX][MERKLE_HASH_LEN], *copy;
	size_t n;
	enum sr_err err;

	if (is_damaged(audit))
		return SR_AUDIT;
	if (index >= audit->newest.size || audit->note_len == 0)
		SR_TRY(round_run(audit));
	err = prove_line(audit, index, line, hashes, &n);
	if (err != SR_OK)
		return err == SR_NOT_FOUND ? SR_CORRUPT : err;  /* the line is there, so its hashes must be */
	copy = arena_get(arena, n * MERKLE_HASH_LEN);
	if (copy == NULL)
		return SR_NOMEM;
	memcpy(copy, hashes, n * MERKLE_HASH_LEN);
	SR_TRY(copy_note(audit, arena, checkpoint));
	*proof = (struct sr_bytes){ copy, n * MERKLE_HASH_LEN };
	return SR_OK;
}

SR_RESULT audit_prove(struct audit *audit, uint64_t index, struct arena *arena,
	struct sr_bytes *line, struct sr_bytes *proof, struct sr_str *checkpoint)
{
	struct sr_bytes text;
	uint64_t count;
	enum sr_err err;

	SR_TRY(audit_read(audit, index, 1, arena, &text, &count));
	text.n--;       /* the leaf is the line without its newline */
	pthread_mutex_lock(&audit->tree_lock);
	err = prove(audit, index, arena, text, proof, checkpoint);
	pthread_mutex_unlock(&audit->tree_lock);
	if (err == SR_OK)
		*line = text;
	return err;
}

SR_RESULT audit_vkey(struct audit *audit, struct arena *arena, struct sr_str *out)
{
	char text[NOTE_VKEY_MAX + 1];
	size_t n = note_key_format(note_signer_key(audit->signer), text);
	struct sr_str copy = arena_str(arena, (struct sr_str){ text, n });

	if (copy.p == NULL)
		return SR_NOMEM;
	*out = copy;
	return SR_OK;
}
