/* SPDX-License-Identifier: Apache-2.0 */
/* Puts lines under checkpoints, in the log's own thread.  The order is what makes it hold over
 * kill -9 and power loss at any point:
 *
 *   1. fdatasync of the lines    what a checkpoint covers is on the disk
 *   2. hash tiles, synced        so start finds the tree without the lines
 *   3. keep(mark, ids)           the store learns of it, and forgets the outbox records
 *   4. the checkpoint file       atomically
 *
 * Before 3 the store's mark is the old one and the log only longer; after it the file may be
 * one older than the mark, which start makes good. */
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/audit/internal.h"

#define IDLE_ROUNDS     10      /* rounds without a line until the thread sleeps without end */
#define COMMAND_POLL_MS 50

/* ---- one round ---- */

/* Takes over what was written, and syncs it. */
static SR_RESULT take_written(struct audit *audit, uint64_t *size)
{
	enum sr_err err;

	pthread_mutex_lock(&audit->lock);
	*size = audit->size;
	err = audit->damage[0] != '\0' ? SR_AUDIT : id_list_room(&audit->taken_ids, audit->ids.n);
	if (err == SR_OK) {
		leaf_queue_join(&audit->taken, &audit->leaves);
		id_list_join(&audit->taken_ids, &audit->ids);
		err = append_sync(audit, *size);
	}
	pthread_mutex_unlock(&audit->lock);
	return err;
}

/* Where the segment ends that holds line `index`, or UINT64_MAX for the live one; *first is where it begins. */
static uint64_t segment_end_of(struct audit *audit, uint64_t index, uint64_t *first)
{
	uint64_t end = UINT64_MAX;

	pthread_mutex_lock(&audit->lock);
	*first = audit->writer.first;
	for (size_t i = audit->closed.n; i-- > 0 && index < *first;) {
		end = *first;
		*first = audit->closed.v[i].first;
	}
	pthread_mutex_unlock(&audit->lock);
	return end;
}

static SR_RESULT sign(struct audit *audit, struct checkpoint *checkpoint, char note[static NOTE_MAX + 1], size_t *n)
{
	struct merkle_range range;

	checkpoint->size = audit->edge.size;
	SR_TRY(merkle_range_load(checkpoint->size, tile_node, &audit->edge, &range));
	SR_TRY(merkle_root(audit->hasher, &range, checkpoint->root));
	return checkpoint_sign(audit->signer, checkpoint, note, n);
}

/* A closed segment's own checkpoint, beside it. */
static SR_RESULT sign_segment(struct audit *audit, uint64_t first)
{
	struct checkpoint checkpoint;
	char name[SEGMENT_NAME_LEN], note[NOTE_MAX + 1];
	size_t n;

	SR_TRY(tilestore_sync(&audit->tiles));
	SR_TRY(sign(audit, &checkpoint, note, &n));
	segment_name(first, SEGMENT_CHECKPOINT, name);
	return io_replace_file(audit->options.dirfd, name, note, n, 0600);
}

/* Hashes of lines into the tree; full tiles go to the disk. */
static SR_RESULT grow(struct audit *audit)
{
	const uint8_t *leaf;

	while (leaf_queue_first(&audit->taken) != NULL) {
		uint64_t first, end = segment_end_of(audit, audit->edge.size, &first);

		while (audit->edge.size < end && (leaf = leaf_queue_first(&audit->taken)) != NULL) {
			SR_TRY(tile_edge_append(&audit->edge, leaf));
			leaf_queue_pop(&audit->taken);
		}
		if (audit->edge.size == end)
			SR_TRY(sign_segment(audit, first));
	}
	return tilestore_sync(&audit->tiles);
}

static SR_RESULT publish(struct audit *audit)
{
	const struct audit_options *options = &audit->options;
	struct audit_mark mark;

	SR_TRY(sign(audit, &audit->newest, audit->note, &audit->note_len));
	mark.size = audit->newest.size;
	memcpy(mark.root, audit->newest.root, sizeof mark.root);
	SR_TRY(options->keep(options->arg, &mark, audit->taken_ids.p, audit->taken_ids.n));
	audit->taken_ids.n = 0;
	SR_TRY(io_replace_file(options->dirfd, SEGMENT_NEWEST, audit->note, audit->note_len, 0600));
	pthread_mutex_lock(&audit->lock);
	audit->covered = audit->newest.size;
	pthread_mutex_unlock(&audit->lock);
	return SR_OK;
}

SR_RESULT round_run(struct audit *audit)
{
	uint64_t size, covered;

	audit_sizes(audit, &size, &covered);
	if (size == covered && audit->note_len > 0)
		return SR_OK;
	SR_TRY(take_written(audit, &size));
	SR_TRY(grow(audit));
	SR_TRY(publish(audit));
	command_offer(&audit->command, (struct sr_str){ audit->note, audit->note_len });
	trim_run(audit);
	return SR_OK;
}

/* ---- the thread ---- */

struct pace {
	uint64_t next_ms;       /* when the next round is due */
	unsigned idle;          /* rounds without a line */
	bool command_runs;
	enum sr_err failed;     /* the last round, as was logged */
	char problem[512];      /* as was logged */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool nothing_to_do(const struct audit *audit, const struct pace *pace)
{
	return audit->size == audit->covered && audit->fault[0] == '\0' && !pace->command_runs && pace->idle >= IDLE_ROUNDS;
}

/* Sleeps until something is due; lock held. */
static void wait_for_work(struct audit *audit, const struct pace *pace)
{
	uint64_t until = pace->next_ms;
	struct timespec at;

	if (nothing_to_do(audit, pace)) {
		for (audit->asleep = true; audit->asleep && !audit->stop;)
			pthread_cond_wait(&audit->wake, &audit->lock);
		audit->asleep = false;
		return;
	}
	if (pace->command_runs && until > now_ms() + COMMAND_POLL_MS)
		until = now_ms() + COMMAND_POLL_MS;
	at = (struct timespec){ (time_t)(until / 1000), (long)(until % 1000) * 1000000L };
	while (!audit->stop && now_ms() < until)
		if (pthread_cond_timedwait(&audit->wake, &audit->lock, &at) != 0)
			break;
}

/* Says once what is wrong, and that it no longer is; lock not held. */
static void tell(struct audit *audit, struct pace *pace)
{
	char problem[sizeof pace->problem];

	audit_problem(audit, problem, sizeof problem);
	if (strcmp(problem, pace->problem) == 0)
		return;
	if (problem[0] != '\0')
		log_error("audit log: %s", problem);
	else
		log_info("audit log: lines can be written again");
	memcpy(pace->problem, problem, sizeof problem);
}

static void tell_round(struct pace *pace, enum sr_err err)
{
	if (err == pace->failed)
		return;
	if (err == SR_OK)
		log_info("audit log: checkpoints are written again");
	else if (err != SR_AUDIT)
		log_error("audit log: no checkpoint can be written (error %d)", (int)err);
	pace->failed = err;
}

static void work(struct audit *audit, struct pace *pace)
{
	uint64_t size, covered;

	pthread_mutex_lock(&audit->tree_lock);
	pace->command_runs = command_poll(&audit->command);
	if (now_ms() >= pace->next_ms) {
		audit_sizes(audit, &size, &covered);
		pace->idle = size == covered ? pace->idle + 1 : 0;
		tell_round(pace, round_run(audit));
		pace->command_runs = command_poll(&audit->command);
		pace->next_ms = now_ms() + audit->options.interval_ms;
	}
	pthread_mutex_unlock(&audit->tree_lock);
	tell(audit, pace);
}

void *round_main(void *arg)
{
	struct audit *audit = arg;
	struct pace pace = { .next_ms = now_ms() };

	audit_problem(audit, pace.problem, sizeof pace.problem);        /* the opener says what is wrong at start */
	pthread_mutex_lock(&audit->lock);
	while (!audit->stop) {
		wait_for_work(audit, &pace);
		if (audit->stop)
			break;
		pthread_mutex_unlock(&audit->lock);
		work(audit, &pace);
		pthread_mutex_lock(&audit->lock);
	}
	pthread_mutex_unlock(&audit->lock);
	return NULL;
}
