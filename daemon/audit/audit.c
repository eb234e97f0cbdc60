/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as its users see it: opening, closing, and what can be asked of it. */
#include <string.h>

#include "base/str.h"
#include "daemon/audit/internal.h"
#include "daemon/backend/locked.h"

#define STACK_SIZE        ((size_t)256 << 10)   /* the log's own thread signs */
#define COMMAND_WAIT_MS   5000                  /* for the last checkpoint's command, at the end */
#define INTERVAL_MS       1000

static SR_RESULT init_locks(struct audit *audit)
{
	pthread_condattr_t monotonic;
	int error = pthread_condattr_init(&monotonic);

	if (error == 0)
		error = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	if (error == 0)
		error = pthread_cond_init(&audit->wake, &monotonic);
	if (error == 0)
		error = pthread_cond_init(&audit->synced_changed, NULL);
	if (error == 0)
		error = pthread_mutex_init(&audit->lock, NULL);
	if (error == 0)
		error = pthread_mutex_init(&audit->tree_lock, NULL);
	if (error == 0)
		error = pthread_mutex_init(&audit->read_lock, NULL);
	return error == 0 ? SR_OK : SR_NOMEM;
}

static SR_RESULT copy_options(struct audit *audit, const struct audit_options *from)
{
	struct audit_options *to = &audit->options;

	*to = *from;
	to->origin = NULL;      /* both live on in the signer */
	to->seed = NULL;
	if (to->check_bytes == 0)
		to->check_bytes = AUDIT_CHECK_BYTES;
	if (to->interval_ms == 0)
		to->interval_ms = INTERVAL_MS;
	if (from->command == NULL || from->command[0] == '\0')
		return SR_OK;
	audit->command.text = audit->command_text = strdup(from->command);
	return audit->command_text != NULL ? SR_OK : SR_NOMEM;
}

static SR_RESULT prepare(struct audit *audit, const struct audit_options *options)
{
	SR_TRY(init_locks(audit));
	SR_TRY(copy_options(audit, options));
	SR_TRY(merkle_hasher_new(&audit->hasher));
	SR_TRY(merkle_hasher_new(&audit->leaf_hasher));
	SR_TRY(note_signer_new(str_of(options->origin), options->seed, &audit->signer));
	audit->writer.dirfd = audit->tiles.dirfd = audit->edge.dirfd = options->dirfd;
	audit->writer.reserve = options->reserve_bytes;
	audit->edge.hasher = audit->hasher;
	return SR_OK;
}

static SR_RESULT start_threads(struct audit *audit, bool whole)
{
	SR_TRY(locked_thread(&audit->round_thread, STACK_SIZE, round_main, audit));
	audit->has_round_thread = true;
	if (whole || audit->damage[0] != '\0')
		return SR_OK;
	atomic_store(&audit->recheck_runs, true);
	if (pthread_create(&audit->recheck_thread, NULL, recover_recheck, audit) != 0)
		return SR_NOMEM;
	audit->has_recheck_thread = true;
	return SR_OK;
}

SR_DEFINE_AUTO(audit, audit_close)

SR_RESULT audit_open(const struct audit_options *options, struct audit **out)
{
	SR_AUTO(audit) audit = calloc(1, sizeof *audit);
	bool whole = true;
	enum sr_err err;

	if (audit == NULL)
		return SR_NOMEM;
	audit->writer.fd = -1;
	SR_TRY(prepare(audit, options));
	pthread_mutex_lock(&audit->tree_lock);
	pthread_mutex_lock(&audit->lock);
	err = recover_run(audit, &whole);
	pthread_mutex_unlock(&audit->lock);
	audit->edge.sink = tilestore_put;
	audit->edge.arg = &audit->tiles;
	pthread_mutex_unlock(&audit->tree_lock);
	SR_TRY(err);
	SR_TRY(start_threads(audit, whole));
	*out = SR_TAKE(audit);
	return SR_OK;
}

static void stop_threads(struct audit *audit)
{
	atomic_store(&audit->recheck_stop, true);
	if (audit->has_recheck_thread)
		(void)pthread_join(audit->recheck_thread, NULL);
	if (!audit->has_round_thread)
		return;
	pthread_mutex_lock(&audit->lock);
	audit->stop = true;
	pthread_cond_signal(&audit->wake);
	pthread_mutex_unlock(&audit->lock);
	locked_join(audit->round_thread);
	pthread_mutex_lock(&audit->tree_lock);
	/* what fails here is found and made good at the next start */
	if (round_run(audit) == SR_OK)
		command_finish(&audit->command, COMMAND_WAIT_MS);
	pthread_mutex_unlock(&audit->tree_lock);
}

void audit_close(struct audit *audit)
{
	if (audit == NULL)
		return;
	stop_threads(audit);
	command_finish(&audit->command, /* wait_ms= */ 0);
	writer_close(&audit->writer);
	tilestore_finish(&audit->tiles);
	segment_list_finish(&audit->closed);
	leaf_queue_finish(&audit->leaves);
	leaf_queue_finish(&audit->taken);
	id_list_finish(&audit->ids);
	id_list_finish(&audit->taken_ids);
	id_list_finish(&audit->found);
	note_signer_free(audit->signer);
	merkle_hasher_free(audit->hasher);
	merkle_hasher_free(audit->leaf_hasher);
	pthread_mutex_destroy(&audit->lock);
	pthread_mutex_destroy(&audit->tree_lock);
	pthread_mutex_destroy(&audit->read_lock);
	pthread_cond_destroy(&audit->wake);
	pthread_cond_destroy(&audit->synced_changed);
	free(audit->index.at);
	free(audit->command_text);
	free(audit);
}

static int compare_id(const void *id, const void *found)
{
	return memcmp(id, found, AUDIT_ID_LEN);
}

bool audit_has(struct audit *audit, const char *id)
{
	return audit->found.n > 0 && bsearch(id, audit->found.p, audit->found.n, AUDIT_ID_LEN, compare_id) != NULL;
}

void audit_sizes(struct audit *audit, uint64_t *size, uint64_t *covered)
{
	pthread_mutex_lock(&audit->lock);
	*size = audit->size;
	*covered = audit->covered;
	pthread_mutex_unlock(&audit->lock);
}

void audit_problem(struct audit *audit, char *out, size_t out_size)
{
	pthread_mutex_lock(&audit->lock);
	append_look(audit);
	(void)snprintf(out, out_size, "%s", audit->damage[0] != '\0' ? audit->damage : audit->fault);
	pthread_mutex_unlock(&audit->lock);
}
