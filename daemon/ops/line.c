/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ops/line.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <strongroom/strongroom.h>
#include <time.h>

#include "base/str.h"

/* Bytes that each string may take once escaped; the rest is cut off. */
#define DESCRIPTION_MAX 1100
#define PRINCIPAL_OUT   600
#define OBJECT_MAX      300
#define UNIT_MAX        400
#define EXE_MAX         400
#define WORD_MAX        100     /* vault, algorithm, role */
#define PERMISSIONS_MAX 200
#define FIXED_MAX       700     /* all the rest of a line */
_Static_assert(DESCRIPTION_MAX + PRINCIPAL_OUT + OBJECT_MAX + UNIT_MAX + EXE_MAX + 3 * WORD_MAX + PERMISSIONS_MAX + FIXED_MAX
	<= LINE_ROOM, "a line with everything in it fits, so put() never cuts");
#define PERMISSION(id, name, summary) + sizeof name
_Static_assert(8
#include <strongroom/permissions.def>
	<= PERMISSIONS_MAX, "a grant of all permissions is told whole");
#undef PERMISSION

static void put(struct line *l, const char *p, size_t n)
{
	if (n > sizeof l->text - l->n)
		n = sizeof l->text - l->n;
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

static void put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static void put_u64(struct line *l, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(l, digits + at, sizeof digits - at);
}

/* The string's bytes between quotes; what is not printable ASCII as \u00XX, so
 * that a line is valid JSON, and harmless on a terminal, whatever came in. */
static void put_string(struct line *l, struct sr_str s, size_t max)
{
	size_t end = l->n + max;

	static const char hex[] = "0123456789abcdef";

	put(l, "\"", 1);
	for (size_t i = 0; i < s.n && l->n + 6 < end; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escaped[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
			put(l, s.p + i, 1);
		else
			put(l, escaped, sizeof escaped);
	}
	put(l, "\"", 1);
}

static void put_member(struct line *l, const char *name, struct sr_str value, size_t max)
{
	if (value.n == 0)
		return;
	put_text(l, name);
	put_string(l, value, max);
}

/* ,"time":"2026-01-02T03:04:05.678Z" without the comma: the audit log puts it. */
static void put_time(struct line *l)
{
	static _Thread_local time_t second;
	static _Thread_local char text[21];
	struct timespec now;
	char ms[6];

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		struct tm tm;

		gmtime_r(&now.tv_sec, &tm);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
		second = now.tv_sec;
	}
	ms[0] = '.';
	ms[1] = (char)('0' + now.tv_nsec / 100000000);
	ms[2] = (char)('0' + now.tv_nsec / 10000000 % 10);
	ms[3] = (char)('0' + now.tv_nsec / 1000000 % 10);
	ms[4] = 'Z';
	put_text(l, "\"time\":\"");
	put_text(l, text);
	put(l, ms, 5);
	put_text(l, "\"");
}

static void put_duration(struct line *l, uint64_t ns)
{
	char micro[4];

	put_text(l, ",\"durationMs\":");
	put_u64(l, ns / 1000000);
	micro[0] = '.';
	micro[1] = (char)('0' + ns / 100000 % 10);
	micro[2] = (char)('0' + ns / 10000 % 10);
	micro[3] = (char)('0' + ns / 1000 % 10);
	put(l, micro, sizeof micro);
}

static void put_identity(struct line *l, const struct identity *who)
{
	put_text(l, ",\"identity\":{\"pid\":");
	put_u64(l, (uint64_t)who->pid);
	put_text(l, ",\"uid\":");
	put_u64(l, who->uid);
	put_text(l, ",\"gid\":");
	put_u64(l, who->gid);
	put_member(l, ",\"unit\":", str_of(who->unit), UNIT_MAX);
	put_member(l, ",\"exe\":", str_of(who->exe), EXE_MAX);
	put_text(l, "}");
}

static void put_properties(struct line *l, const struct line_facts *f)
{
	size_t begin;

	put_text(l, ",\"properties\":{");
	begin = l->n;
	put_member(l, ",\"id\":", f->object, OBJECT_MAX);
	put_member(l, ",\"algorithm\":", f->algorithm, WORD_MAX);
	put_member(l, ",\"principal\":", f->principal, PRINCIPAL_OUT);
	put_member(l, ",\"role\":", f->role, WORD_MAX);
	put_member(l, ",\"permissions\":", f->permissions, PERMISSIONS_MAX);
	if (f->count > 0) {
		put_text(l, ",\"count\":");
		put_u64(l, f->count);
	}
	if (l->n > begin)
		memmove(l->text + begin, l->text + begin + 1, --l->n - begin);  /* the first comma */
	put_text(l, "}");
}

void line_write(struct line *line, const struct line_facts *f)
{
	line->n = 0;
	put_time(line);
	put_text(line, ",\"category\":\"AuditEvent\",\"operationName\":\"");
	put_text(line, f->operation);
	put_text(line, f->err == SR_OK ? "\",\"resultType\":\"Success\"" : "\",\"resultType\":\"Failure\",\"resultSignature\":\"");
	if (f->err != SR_OK) {
		put_text(line, sr_error_code(f->err));
		put_text(line, "\"");
	}
	put_member(line, ",\"resultDescription\":", f->description, DESCRIPTION_MAX);
	put_duration(line, f->duration_ns);
	put_text(line, ",\"correlationId\":\"");
	put(line, f->id, AUDIT_ID_LEN);
	put_text(line, "\"");
	put_identity(line, f->who);
	put_member(line, ",\"resourceId\":", f->vault, WORD_MAX);
	put_properties(line, f);
	put_text(line, "}");
}

struct sr_str line_str(const struct line *line)
{
	return (struct sr_str){ line->text, line->n };
}

/* ---- ids ---- */

static uint8_t id_prefix[8];
static atomic_uint_fast64_t id_next;
static pthread_once_t id_once = PTHREAD_ONCE_INIT;

static void id_begin(void)
{
	randombytes_buf(id_prefix, sizeof id_prefix);
}

/* Unique, not secret: a random beginning for this run of the daemon, then a count. */
void line_new_id(char out[AUDIT_ID_LEN + 1])
{
	uint64_t n = atomic_fetch_add(&id_next, 1);
	uint8_t bytes[16];

	pthread_once(&id_once, id_begin);
	memcpy(bytes, id_prefix, sizeof id_prefix);
	for (int i = 0; i < 8; i++)
		bytes[8 + i] = (uint8_t)(n >> (56 - 8 * i));
	hex_encode((struct sr_bytes){ bytes, sizeof bytes }, out);
}
