/* SPDX-License-Identifier: Apache-2.0 */
/* An audit log in a directory of a test's own, with a store that is two variables. */
#ifndef SR_TESTS_AUDIT_RIG_H
#define SR_TESTS_AUDIT_RIG_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/logcheck.h"
#include "base/str.h"
#include "daemon/audit/audit.h"
#include "scratch.h"

#define RIG_ARENA ((size_t)1 << 20)
#define RIG_IDS   4096

struct rig {
	struct scratch scratch;
	struct audit_options options;
	struct audit *audit;
	struct note_key key;
	/* the store */
	struct audit_mark mark;
	char ids[RIG_IDS][AUDIT_ID_LEN + 1];    /* removed from the outbox; the first ones */
	size_t ids_n;
	_Atomic size_t keeps;
	enum sr_err keep_result;
	struct arena arena;
};

static const uint8_t rig_seed[AUDIT_SEED_LEN] = { 7, 1, 9 };

static inline enum sr_err rig_keep(void *arg, const struct audit_mark *mark, const char *ids, size_t n)
{
	struct rig *rig = arg;

	if (rig->keep_result != SR_OK)
		return rig->keep_result;
	if (mark->size < rig->mark.size)
		abort();        /* the store's mark never goes back */
	rig->mark = *mark;
	for (size_t i = 0; i < n; i++) {
		if (rig->ids_n < RIG_IDS)
			memcpy(rig->ids[rig->ids_n], ids + i * AUDIT_ID_LEN, AUDIT_ID_LEN);
		rig->ids_n++;
	}
	rig->keeps++;
	return SR_OK;
}

/* As the daemon's, but small: segments of some 60 lines, and no checkpoint by itself. */
static inline void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof *rig);
	log_set_level(LOG_LEVEL_ERROR);
	scratch_make(&rig->scratch);
	rig->options = (struct audit_options){ .dirfd = rig->scratch.fd, .origin = "strongroom/test", .seed = rig_seed,
		.segment_bytes = 16384, .reserve_bytes = 65536, .interval_ms = 3600000, .keep = rig_keep, .arg = rig };
	rig->arena = (struct arena){ malloc(RIG_ARENA), RIG_ARENA, 0 };
	cr_assert_not_null(rig->arena.base);
}

static inline const char *rig_problem(struct rig *rig)
{
	static char problem[512];

	audit_problem(rig->audit, problem, sizeof problem);
	return problem;
}

static inline void rig_open(struct rig *rig)
{
	struct sr_str vkey;

	const struct timespec pause = { 0, 1000000 };
	size_t keeps = rig->keeps;

	rig->options.mark = rig->mark;
	cr_assert_eq(audit_open(&rig->options, &rig->audit), SR_OK);
	/* the first checkpoint comes by itself; tests want to know that none is on its way */
	while (rig->keeps == keeps && rig_problem(rig)[0] == '\0')
		(void)nanosleep(&pause, NULL);
	rig->arena.used = 0;
	cr_assert_eq(audit_vkey(rig->audit, &rig->arena, &vkey), SR_OK);
	cr_assert_eq(note_key_parse(vkey, &rig->key), SR_OK);
}

static inline void rig_close(struct rig *rig)
{
	audit_close(rig->audit);
	rig->audit = NULL;
}

static inline void rig_reopen(struct rig *rig)
{
	rig_close(rig);
	rig_open(rig);
}

static inline void rig_sleep_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

static inline void rig_finish(struct rig *rig)
{
	rig_close(rig);
	free(rig->arena.base);
	scratch_remove(&rig->scratch);
}

static inline void rig_id(uint64_t n, char out[AUDIT_ID_LEN + 1])
{
	(void)snprintf(out, AUDIT_ID_LEN + 1, "%032" PRIx64, n);
}

static inline enum sr_err rig_try_append(struct rig *rig, uint64_t n, bool settles)
{
	char body[512], id[AUDIT_ID_LEN + 1];

	rig_id(n, id);
	(void)snprintf(body, sizeof body, "\"time\":\"2026-01-02T03:04:05.678Z\",\"category\":\"AuditEvent\","
		"\"operationName\":\"KeySign\",\"resultType\":\"Success\",\"durationMs\":0.123,\"correlationId\":\"%s\","
		"\"identity\":{\"pid\":%" PRIu64 ",\"uid\":33,\"gid\":33}}", id, n % 30000);
	return audit_append(rig->audit, str_of(body), settles ? id : NULL);
}

static inline void rig_append(struct rig *rig, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++)
		cr_assert_eq(rig_try_append(rig, i, false), SR_OK);
}

static inline struct sr_str rig_checkpoint(struct rig *rig)
{
	struct sr_str note;

	rig->arena.used = 0;
	cr_assert_eq(audit_checkpoint(rig->audit, &rig->arena, &note), SR_OK);
	return note;
}

static inline uint64_t rig_size(struct rig *rig)
{
	uint64_t size, covered;

	audit_sizes(rig->audit, &size, &covered);
	return size;
}

static inline uint64_t rig_covered(struct rig *rig)
{
	uint64_t size, covered;

	audit_sizes(rig->audit, &size, &covered);
	return covered;
}

/* The oldest line that is still kept. */
static inline uint64_t rig_first(struct rig *rig)
{
	struct segment_list list;
	uint64_t first;

	cr_assert_eq(segment_list_load(rig->scratch.fd, SEGMENT_LINES, &list), SR_OK);
	first = list.v[0].first;
	segment_list_finish(&list);
	return first;
}

/* Offline verification, as `strongroom audit verify --log DIR --pubkey K` does it. */
static inline struct logcheck_report rig_check(struct rig *rig)
{
	struct logcheck_options options = { .key = &rig->key };
	struct logcheck_report report;

	cr_assert_eq(logcheck_dir(rig->scratch.fd, &options, &report), SR_OK);
	return report;
}

__attribute__((format(printf, 1, 2)))
static inline void rig_shell(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof command, format, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "%s", command);
}

#endif
