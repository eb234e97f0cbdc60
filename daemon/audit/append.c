/* SPDX-License-Identifier: Apache-2.0 */
/* Lines into the live segment.  A line is there whole or not at all, and when it cannot
 * be written everybody is told, until it can be again. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/logcheck.h"
#include "base/str.h"
#include "daemon/audit/internal.h"

#define LOOK_MS     10                          /* how old the last look at the disk may be */
#define LEAVES_MAX  (UINT64_C(1) << 20)         /* lines without a checkpoint: 32 MiB of hashes */
#define HEAD_MAX    32                          /* {"seq":18446744073709551615, and a newline */
#define FLOOR_MAX   ((uint64_t)1 << 20)

_Static_assert(AUDIT_LINE_MAX == SEGMENT_LINE_MAX, "readers take every line that is written");

/* Waking a thread costs more than a signature: only when it waits without end. */
static void wake(struct audit *audit)
{
	if (!audit->asleep)
		return;
	audit->asleep = false;
	pthread_cond_signal(&audit->wake);
}

/* ---- trouble ---- */

void append_damage(struct audit *audit, const char *format, ...)
{
	va_list args;

	if (audit->damage[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(audit->damage, sizeof audit->damage, format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3)))
static void set_fault(struct audit *audit, const char *format, ...)
{
	va_list args;

	if (audit->fault[0] == '\0')
		audit->fault_since = (int64_t)time(NULL);
	va_start(args, format);
	(void)vsnprintf(audit->fault, sizeof audit->fault, format, args);
	va_end(args);
	wake(audit);    /* it says so in the daemon's log, and watches for the cure */
}

static const char *live_name(const struct audit *audit, char name[static SEGMENT_NAME_LEN])
{
	segment_name(audit->writer.first, SEGMENT_LINES, name);
	return name;
}

static void write_fault(struct audit *audit)
{
	char name[SEGMENT_NAME_LEN];

	set_fault(audit, "%s cannot be written: %s", live_name(audit, name), strerror(audit->writer.error));
}

/* Somebody who may write there can still take the file away or change it: notice. */
static void look_at_file(struct audit *audit)
{
	char name[SEGMENT_NAME_LEN];
	struct stat st;

	if (fstat(audit->writer.fd, &st) != 0)
		append_damage(audit, "%s: %s", live_name(audit, name), strerror(errno));
	else if (st.st_nlink == 0)
		append_damage(audit, "%s was deleted while the daemon wrote it", live_name(audit, name));
	else if ((uint64_t)st.st_size != audit->writer.bytes && !audit->writer.torn)
		append_damage(audit, "%s was changed by another program: it has %lld bytes, but %" PRIu64 " were written",
			live_name(audit, name), (long long)st.st_size, audit->writer.bytes);
}

/* Is there room beside what is reserved?  Twice as much is asked for to leave the state
 * of being full, so that it does not flutter. */
static bool disk_has_room(const struct audit *audit)
{
	uint64_t least = audit->options.reserve_bytes / 4 < FLOOR_MAX ? audit->options.reserve_bytes / 4 : FLOOR_MAX;
	struct statvfs vfs;

	if (fstatvfs(audit->writer.fd, &vfs) != 0 || vfs.f_blocks == 0 || vfs.f_frsize == 0)
		return true;    /* this file system does not tell; a write will */
	if (audit->full)
		least *= 2;
	return (uint64_t)(geteuid() == 0 ? vfs.f_bfree : vfs.f_bavail) >= least / vfs.f_frsize;
}

static void look_at_room(struct audit *audit)
{
	struct writer *writer = &audit->writer;
	char name[SEGMENT_NAME_LEN];

	if (!disk_has_room(audit)) {
		audit->full = true;
		set_fault(audit, "%s cannot be written: the disk is full", live_name(audit, name));
	} else if (writer_reserve(writer) != SR_OK && writer_room(writer) < writer->reserve / 4) {
		audit->full = true;
		write_fault(audit);
	} else {
		audit->full = false;
	}
}

static uint64_t coarse_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- one line ---- */

static size_t put_u64(char *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	memcpy(out, digits + at, sizeof digits - at);
	return sizeof digits - at;
}

static struct sr_bytes format_line(uint64_t seq, struct sr_str body, char out[static AUDIT_LINE_MAX])
{
	static const char head[] = "{\"seq\":";
	size_t n = sizeof head - 1;

	memcpy(out, head, n);
	n += put_u64(out + n, seq);
	out[n++] = ',';
	memcpy(out + n, body.p, body.n);
	n += body.n;
	out[n++] = '\n';
	return (struct sr_bytes){ (const uint8_t *)out, n };
}

/* Closes the live segment and begins the next.  The old one is on the disk by then: a crash
 * never leaves a segment that others follow with less than it should have. */
static SR_RESULT next_segment(struct audit *audit)
{
	struct writer next = { .dirfd = audit->writer.dirfd, .fd = -1, .reserve = audit->writer.reserve };
	struct segment old = { audit->writer.first, audit->writer.bytes };
	struct segment *closed = realloc(audit->closed.v, (audit->closed.n + 1) * sizeof *closed);

	if (closed == NULL)
		return SR_NOMEM;
	audit->closed.v = closed;
	SR_TRY(writer_create(&next, audit->size));
	writer_close(&audit->writer);
	audit->writer = next;
	closed[audit->closed.n++] = old;
	return SR_OK;
}

/* Begins the next segment when this line would make the live one too long.  Where that cannot
 * be done the live one goes on: what matters is that lines are written. */
static void make_room(struct audit *audit, size_t line_max)
{
	while (audit->damage[0] == '\0' && audit->writer.bytes > 0 &&
	       audit->writer.bytes + line_max > audit->options.segment_bytes) {
		/* the lock is given up meanwhile, so another thread may have done it */
		if (audit->synced < audit->size) {
			if (append_sync(audit, audit->size) != SR_OK)
				return;
		} else if (next_segment(audit) != SR_OK) {
			return;
		}
	}
}

/* Hashes a line, and gets the room that taking it in will need. */
static SR_RESULT prepare(struct audit *audit, struct sr_bytes line, const char *id, uint8_t leaf[static MERKLE_HASH_LEN])
{
	SR_TRY(leaf_queue_room(&audit->leaves));
	if (id != NULL)
		SR_TRY(id_list_room(&audit->ids, 1));
	return merkle_leaf(audit->leaf_hasher, (struct sr_bytes){ line.p, line.n - 1 }, leaf);
}

/* Writes a line and takes it into account.  Errors: AUDIT, and audit->fault or damage says why. */
static SR_RESULT put_line(struct audit *audit, struct sr_str body, const char *id)
{
	uint8_t leaf[MERKLE_HASH_LEN];
	char text[AUDIT_LINE_MAX];
	struct sr_bytes line;

	make_room(audit, body.n + HEAD_MAX);
	if (audit->damage[0] != '\0')
		return SR_AUDIT;
	if (writer_room(&audit->writer) < audit->writer.reserve / 2)
		look_at_room(audit);
	line = format_line(audit->size, body, text);
	if (prepare(audit, line, id, leaf) != SR_OK) {
		set_fault(audit, "a line cannot be made: out of memory");
		return SR_AUDIT;
	}
	if (writer_put(&audit->writer, line) != SR_OK) {
		write_fault(audit);
		return SR_AUDIT;
	}
	leaf_queue_push(&audit->leaves, leaf);
	if (id != NULL)
		id_list_push(&audit->ids, id);
	audit->size++;
	wake(audit);
	return SR_OK;
}

/* ---- our own lines ---- */

static void put_time(int64_t seconds, long ns, char out[static 32])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	size_t n;

	(void)gmtime_r(&t, &tm);
	n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, 32 - n, ".%03ldZ", ns / 1000000);
}

SR_RESULT append_own(struct audit *audit, const char *operation, const char *members)
{
	char now_text[32], id[AUDIT_ID_LEN + 1], body[1024];
	uint8_t random[AUDIT_ID_LEN / 2];
	struct timespec now;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	put_time(now.tv_sec, now.tv_nsec, now_text);
	if (RAND_bytes(random, sizeof random) != 1)
		return SR_CRYPTO;
	hex_encode((struct sr_bytes){ random, sizeof random }, id);
	n = snprintf(body, sizeof body,
		"\"time\":\"%s\",\"category\":\"AuditEvent\",\"operationName\":\"%s\",\"resultType\":\"Success\",%s"
		"\"durationMs\":0,\"correlationId\":\"%s\",\"identity\":{\"pid\":%d,\"uid\":%u,\"gid\":%u}}",
		now_text, operation, members, id, (int)getpid(), (unsigned)geteuid(), (unsigned)getegid());
	if (n < 0 || (size_t)n >= sizeof body)
		return SR_TOO_LARGE;
	return put_line(audit, (struct sr_str){ body, (size_t)n }, /* id= */ NULL);
}

/* The log could not be written; a line of our own that says so is the trial whether it can
 * be now. */
static void try_again(struct audit *audit)
{
	char members[sizeof audit->fault + 96], since[32];

	put_time(audit->fault_since, 0, since);
	/* a fault's words are ours and strerror's: nothing in them needs escaping */
	(void)snprintf(members, sizeof members, "\"resultDescription\":\"no line could be written since %s: %s\",",
		since, audit->fault);
	if (append_own(audit, "AuditResumed", members) == SR_OK && !audit->full)
		audit->fault[0] = '\0';
}

void append_look(struct audit *audit)
{
	uint64_t now = coarse_ms();

	if (audit->damage[0] != '\0' || now - audit->looked_ms < LOOK_MS)
		return;
	audit->looked_ms = now;
	look_at_file(audit);
	if (audit->damage[0] != '\0')
		return;
	look_at_room(audit);
	if (audit->leaves.n >= LEAVES_MAX)
		set_fault(audit, "%" PRIu64 " lines wait for a checkpoint: hash tiles or the store cannot be written",
			audit->leaves.n);
	else if (audit->fault[0] != '\0' && !audit->full)
		try_again(audit);
}

/* ---- to the disk ---- */

/* Many threads, one fdatasync: who comes while one is under way waits for the next. */
SR_RESULT append_sync(struct audit *audit, uint64_t upto)
{
	char name[SEGMENT_NAME_LEN];

	while (audit->synced < upto) {
		uint64_t goal = audit->size;
		int fd = audit->writer.fd, error;

		if (audit->damage[0] != '\0')
			return SR_AUDIT;
		if (audit->syncing) {
			pthread_cond_wait(&audit->synced_changed, &audit->lock);
			continue;
		}
		audit->syncing = true;
		pthread_mutex_unlock(&audit->lock);
		error = fdatasync(fd) == 0 ? 0 : errno;
		pthread_mutex_lock(&audit->lock);
		audit->syncing = false;
		/* what the disk holds is unknown now, and the kernel says so only once */
		if (error != 0)
			append_damage(audit, "%s: fdatasync failed: %s; restart the daemon when the disk is sound",
				live_name(audit, name), strerror(error));
		else
			audit->synced = goal;
		pthread_cond_broadcast(&audit->synced_changed);
	}
	return SR_OK;
}

SR_RESULT audit_append(struct audit *audit, struct sr_str body, const char *id)
{
	enum sr_err err = SR_AUDIT;
	uint64_t upto;

	if (body.n == 0 || body.n > AUDIT_LINE_MAX - HEAD_MAX || body.p[body.n - 1] != '}' ||
	    memchr(body.p, '\n', body.n) != NULL)
		return SR_TOO_LARGE;
	pthread_mutex_lock(&audit->lock);
	append_look(audit);
	/* what is reserved on a full disk is for the records of changes that were made already */
	if (audit->damage[0] == '\0' && (audit->fault[0] == '\0' || (audit->full && id != NULL)))
		err = put_line(audit, body, id);
	upto = audit->size;
	if (err == SR_OK && audit->options.sync_always)
		err = append_sync(audit, upto);
	pthread_mutex_unlock(&audit->lock);
	return err;
}
