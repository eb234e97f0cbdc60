/* SPDX-License-Identifier: Apache-2.0 */
/* Audit lines are JSON whatever a client sends; refusals cannot flood the log. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "base/str.h"
#include "daemon/ops/line.h"
#include "daemon/ops/refusals.h"

static json_t *parse(const struct line *line)
{
	char text[AUDIT_LINE_MAX];
	json_error_t error;
	json_t *o;

	cr_assert_lt(snprintf(text, sizeof text, "{\"seq\":1,%.*s", (int)line->n, line->text), (int)sizeof text);
	o = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	cr_assert_not_null(o, "%s in %s", error.text, text);
	return o;
}

Test(line, says_who_did_what_to_what)
{
	const struct identity who = { .pid = 7, .uid = 33, .gid = 34, .unit = "nginx.service", .exe = "/usr/sbin/nginx" };
	char id[AUDIT_ID_LEN + 1];
	struct line_facts f = { .operation = "KeySign", .err = SR_OK, .duration_ns = 1234567, .id = id, .who = &who,
		.vault = SR_STR("strongroom://web"), .object = SR_STR("strongroom://web/keys/tls"), .algorithm = SR_STR("ES256") };
	struct line line;
	const char *s;
	json_t *o, *identity, *properties;
	double ms;
	int pid, uid;

	line_new_id(id);
	line_write(&line, &f);
	o = parse(&line);
	cr_assert_eq(json_unpack(o, "{s:o,s:o,s:F}", "identity", &identity, "properties", &properties, "durationMs", &ms), 0);
	cr_assert_eq(json_unpack(identity, "{s:i,s:i,s:s}", "pid", &pid, "uid", &uid, "exe", &s), 0);
	cr_assert_str_eq(s, "/usr/sbin/nginx");
	cr_assert(pid == 7 && uid == 33);
	cr_assert_float_eq(ms, 1.234, 0.0001);
	cr_assert_eq(json_unpack(properties, "{s:s}", "algorithm", &s), 0);
	cr_assert_str_eq(s, "ES256");
	cr_assert_eq(json_unpack(o, "{s:s}", "correlationId", &s), 0);
	cr_assert_str_eq(s, id);
	json_decref(o);
}

Test(line, is_json_whatever_the_strings_hold)
{
	char nasty[300];
	char id[AUDIT_ID_LEN + 1];
	const struct identity who = { .uid = 1 };
	struct line line;

	line_new_id(id);
	for (unsigned c = 0; c < 256; c++) {
		memset(nasty, (int)c, sizeof nasty);
		struct sr_str s = { nasty, sizeof nasty };
		struct line_facts f = { .operation = "X", .err = SR_DENIED, .id = id, .who = &who, .description = s, .vault = s,
			.object = s, .algorithm = s, .principal = s, .role = s, .count = INT64_MAX, .duration_ns = UINT64_MAX };

		line_write(&line, &f);
		cr_assert_leq(line.n, LINE_ROOM);
		json_decref(parse(&line));
		for (size_t i = 0; i < line.n; i++)
			cr_assert(line.text[i] >= ' ' && line.text[i] < 0x7f);
	}
}

Test(line, never_gives_an_id_twice)
{
	char a[AUDIT_ID_LEN + 1], b[AUDIT_ID_LEN + 1];

	line_new_id(a);
	line_new_id(b);
	cr_assert_str_neq(a, b);
	cr_assert_eq(strlen(a), AUDIT_ID_LEN);
}

struct sums { uint64_t count; uid_t uid; unsigned n; bool take; };

static bool add(uid_t uid, uint64_t count, void *arg)
{
	struct sums *s = arg;

	s->uid = uid;
	s->n++;
	if (s->take)
		s->count += count;
	return s->take;
}

#define SECOND UINT64_C(1000000000)

Test(refusals, are_recorded_up_to_a_rate_and_counted_beyond_it)
{
	struct refusals *r;
	struct sums sums = { .take = false };
	unsigned admitted = 0;

	cr_assert_eq(refusals_new(10, &r), SR_OK);
	for (unsigned i = 0; i < 1000; i++)
		admitted += refusals_admit(r, 33, SECOND + i);
	cr_assert_eq(admitted, 20, "%u", admitted);
	cr_assert(refusals_admit(r, 34, SECOND), "another uid has a rate of its own");
	refusals_flush(r, add, &sums);
	cr_assert_eq(sums.count, 0, "what could not be written down");
	sums.take = true;
	refusals_flush(r, add, &sums);
	cr_assert(sums.count == 980 && sums.uid == 33, "is not lost");
	sums.n = 0;
	refusals_flush(r, add, &sums);
	cr_assert_eq(sums.n, 0);
	cr_assert(refusals_admit(r, 33, 2 * SECOND + SECOND / 2), "time gives room again");
	refusals_free(r);
}

Test(refusals, of_more_uids_than_there_are_slots_are_still_bounded_and_counted)
{
	struct refusals *r;
	struct sums sums = { .take = true };
	uint64_t admitted = 0;

	cr_assert_eq(refusals_new(1, &r), SR_OK);
	for (unsigned round = 0; round < 10; round++)
		for (uid_t uid = 0; uid < 5000; uid++)
			admitted += refusals_admit(r, uid, SECOND);
	refusals_flush(r, add, &sums);
	cr_assert_eq(sums.count + admitted, 50000);
	cr_assert_lt(admitted, 1000);
	refusals_free(r);
}
