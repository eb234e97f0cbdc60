/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and messages: what goes in comes out, and nothing hostile gets further. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "protocol/frame.h"

static uint8_t room[1 << 20];

static struct codec_out sign_frame(uint8_t *buf, size_t cap)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	struct codec_out out = { buf, cap, 0 };
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("ES256") };

	SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, sizeof digest }));
	SR_SET(key_sign_req, &q, salt, 20);
	cr_assert_eq(frame_encode_request(7, "key_sign", &key_sign_req_schema, &q, &out), SR_OK);
	return out;
}

/* Parses and decodes a key_sign request. */
static enum sr_err receive(struct sr_bytes body, struct sr_key_sign_req *q, struct frame *frame)
{
	struct arena arena = { room, sizeof room, 0 };
	const char *detail, *field;
	enum sr_err err = frame_parse_request(body, frame, &detail);

	if (err == SR_OK)
		err = frame_decode(frame, &key_sign_req_schema, CODEC_REFUSE_UNKNOWN, q, &arena, &field);
	return err;
}

static enum sr_err receive_bytes(const void *p, size_t n)
{
	struct sr_key_sign_req q;
	struct frame frame;
	enum sr_err err = receive((struct sr_bytes){ p, n }, &q, &frame);

	frame_finish(&frame);
	return err;
}

Test(codec, gives_back_what_was_sent)
{
	uint8_t buf[512];
	struct codec_out out = sign_frame(buf, sizeof buf);
	struct sr_key_sign_req q;
	struct frame frame;

	cr_assert_eq(frame_length(buf), out.n - FRAME_HEAD);
	cr_assert_eq(receive((struct sr_bytes){ buf + FRAME_HEAD, out.n - FRAME_HEAD }, &q, &frame), SR_OK);
	cr_assert_eq(frame.id, 7);
	cr_assert(str_is(frame.op, "key_sign"));
	cr_assert(str_is(q.key, "strongroom://web/keys/tls"));
	cr_assert(SR_HAS(key_sign_req, &q, digest));
	cr_assert(!SR_HAS(key_sign_req, &q, message));
	cr_assert_eq(q.digest.n, 32);
	cr_assert_eq(q.salt, 20);
	frame_finish(&frame);
	cr_assert(str_is(frame_peek_op((struct sr_bytes){ buf + FRAME_HEAD, out.n - FRAME_HEAD }), "key_sign"));
}

Test(codec, survives_every_mutation_and_truncation)
{
	uint8_t buf[512], copy[512];
	struct codec_out out = sign_frame(buf, sizeof buf);
	size_t n = out.n - FRAME_HEAD;

	for (size_t i = 0; i < n; i++)
		cr_assert_neq(receive_bytes(buf + FRAME_HEAD, i), SR_OK, "cut at %zu", i);
	for (size_t i = 0; i < n; i++)
		for (unsigned b = 0; b < 256; b++) {
			memcpy(copy, buf + FRAME_HEAD, n);
			copy[i] = (uint8_t)b;
			(void)receive_bytes(copy, n);
			(void)frame_peek_op((struct sr_bytes){ copy, n });
		}
}

Test(codec, never_lets_a_header_claim_more_than_there_is)
{
	static const char *const claims[] = {
		"\xdd\x05\x00\x00\x00", "\xdf\x05\x00\x00\x00", "\xc6\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff",
		"\xdd\xff\xff\xff\xff", "\xdf\x80\x00\x00\x00",
	};

	for (size_t i = 0; i < SR_COUNT(claims); i++)
		cr_assert(!codec_shape_ok((struct sr_bytes){ (const uint8_t *)claims[i], 5 }));
	cr_assert(!codec_shape_ok((struct sr_bytes){ NULL, 0 }));
}

Test(codec, refuses_depth_and_numbers_of_values)
{
	memset(room, 0x91, 64);                                 /* arrays in arrays */
	cr_assert(!codec_shape_ok((struct sr_bytes){ room, 64 }));
	memset(room, 0xc0, 200000);                             /* 199,995 nils */
	memcpy(room, "\xdd\x00\x03\x0d\x3b", 5);
	cr_assert(!codec_shape_ok((struct sr_bytes){ room, 200000 }));
	cr_assert(!codec_shape_ok((struct sr_bytes){ (const uint8_t *)"\xc0\xc0", 2 }), "left-over bytes");
	cr_assert(!codec_shape_ok((struct sr_bytes){ (const uint8_t *)"\xd4\x01\x01", 3 }), "ext");
	cr_assert(!codec_shape_ok((struct sr_bytes){ (const uint8_t *)"\xca\0\0\0\0", 5 }), "float");
}

#define REQUEST(op_and_fields) "\x94\x00\x01" op_and_fields
Test(codec, refuses_fields_that_are_unknown_repeated_missing_or_wrong)
{
	static const struct { const char *bytes; size_t n; enum sr_err err; } cases[] = {
#define CASE(bytes, err) { bytes, sizeof(bytes) - 1, err }
		CASE(REQUEST("\xa8key_sign\x82\xa3key\xa1x\xa3" "alg\xa1y"), SR_OK),
		CASE(REQUEST("\xa8key_sign\x83\xa3key\xa1x\xa3" "alg\xa1y\xa3huh\x01"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x83\xa3key\xa1x\xa3" "alg\xa1y\xa3key\xa1x"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x81\xa3key\xa1x"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x82\xa3key\x01\xa3" "alg\xa1y"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x82\xa3key\xa1x\xa3" "alg\xb1yyyyyyyyyyyyyyyyy"), SR_TOO_LARGE),
		CASE(REQUEST("\xa8key_sign\x82\xa3key\xa3x\x00y\xa3" "alg\xa1y"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x83\xa3key\xa1x\xa3" "alg\xa1y\xa4salt\xff"), SR_BAD_MESSAGE),
		CASE(REQUEST("\xa8key_sign\x83\xa3key\xa1x\xa3" "alg\xa1y\xa4salt\xcd\xff\xff"), SR_TOO_LARGE),
		CASE(REQUEST("\xa8key_sign\x90"), SR_BAD_MESSAGE),
		CASE("\x94\x01\x01\xc0\x80", SR_BAD_MESSAGE),
		CASE("\x93\x00\x01\xa1x", SR_BAD_MESSAGE),
		CASE("\x80", SR_BAD_MESSAGE),
#undef CASE
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++)
		cr_assert_eq(receive_bytes(cases[i].bytes, cases[i].n), cases[i].err, "case %zu", i);
}

Test(codec, carries_failures_and_ignores_reply_fields_it_does_not_know)
{
	static const char unknown[] = "\x94\x01\x09\xc0\x83\xa3kid\xa1k\xa9signature\xc4\x01s\xa3new\x01";
	uint8_t buf[256];
	struct codec_out out = { buf, sizeof buf, 0 };
	struct arena arena = { room, sizeof room, 0 };
	struct sr_key_sign_rep r;
	struct frame frame;
	const char *field;

	cr_assert_eq(frame_encode_failure(3, SR_DENIED, SR_STR("no"), &out), SR_OK);
	cr_assert_eq(frame_parse_answer((struct sr_bytes){ buf + FRAME_HEAD, out.n - FRAME_HEAD }, &frame), SR_OK);
	cr_assert_eq(frame.err, SR_DENIED);
	cr_assert(str_is(frame.failure, "no"));
	frame_finish(&frame);

	cr_assert_eq(frame_parse_answer((struct sr_bytes){ (const uint8_t *)unknown, sizeof unknown - 1 }, &frame), SR_OK);
	cr_assert_eq(frame_decode(&frame, &key_sign_rep_schema, CODEC_IGNORE_UNKNOWN, &r, &arena, &field), SR_OK);
	cr_assert(str_is(r.kid, "k"));
	frame_finish(&frame);
}

Test(codec, carries_nested_messages_and_lists)
{
	uint8_t buf[2048];
	struct codec_out out = { buf, sizeof buf, 0 };
	struct arena arena = { room, sizeof room, 0 };
	struct sr_tag tags[2] = { { .name = SR_STR("a"), .value = SR_STR("1") }, { .name = SR_STR("b"), .value = SR_STR("") } };
	struct sr_str words[2] = { SR_STR("sign"), SR_STR("verify") };
	struct sr_key_bundle k = { .kid = SR_STR("k"), .kty = SR_STR("EC"), .size = 256, .key_ops = { words, 2 },
		.attributes = { .enabled = true, .created = 5 } }, back;

	SR_SET(key_attributes, &k.attributes, exp, 99);
	k.tags.v = tags;
	k.tags.n = 2;
	cr_assert_eq(codec_encode(&key_bundle_schema, &k, &out), SR_OK);
	cr_assert_eq(codec_decode(&key_bundle_schema, (struct sr_bytes){ buf, out.n }, CODEC_REFUSE_UNKNOWN, &back, &arena), SR_OK);
	cr_assert(back.attributes.enabled && SR_HAS(key_attributes, &back.attributes, exp) && back.attributes.exp == 99);
	cr_assert(!SR_HAS(key_attributes, &back.attributes, nbf));
	cr_assert(back.tags.n == 2 && str_is(back.tags.v[1].name, "b") && back.tags.v[1].value.n == 0);
	cr_assert(back.key_ops.n == 2 && str_is(back.key_ops.v[1], "verify"));
}

Test(codec, takes_only_utf8_from_those_who_ask)
{
	static const struct { const char *text; bool good; } cases[] = {
		{ "", true }, { "plain", true }, { "\x7f", true }, { "\xc2\x80", true }, { "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true }, { "\xed\x9f\xbf", true }, { "\xee\x80\x80", true }, { "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true }, { "\xf4\x8f\xbf\xbf" "a", true },
		{ "\x80", false }, { "\xff", false }, { "a\xc3", false }, { "\xc3" "a", false }, { "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false }, { "\xed\xa0\x80", false }, { "\xe2\x82", false }, { "\xe2\x82" "a", false },
		{ "\xf0\x8f\xbf\xbf", false }, { "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
		{ "\xf0\x90\x80", false },
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sr_tag tag = { .name = SR_STR("n"), .value = str_of(cases[i].text) }, back;
		struct sr_grant_add_req q = { .scope = SR_STR("s"), .principal = SR_STR("p") }, q_back;
		struct sr_str words[1] = { str_of(cases[i].text) };
		enum sr_err expected = cases[i].good ? SR_OK : SR_BAD_MESSAGE;
		struct arena arena = { room, sizeof room, 0 };
		uint8_t buf[128];
		struct codec_out out = { buf, sizeof buf, 0 };

		cr_assert_eq(codec_encode(&tag_schema, &tag, &out), SR_OK);
		cr_assert_eq(codec_decode(&tag_schema, (struct sr_bytes){ buf, out.n }, CODEC_REFUSE_UNKNOWN, &back, &arena), expected,
			"case %zu", i);
		cr_assert_eq(codec_decode(&tag_schema, (struct sr_bytes){ buf, out.n }, CODEC_IGNORE_UNKNOWN, &back, &arena), SR_OK,
			"what is stored, or the daemon says, stays readable");
		out.n = 0;
		SR_SET(grant_add_req, &q, permissions, ((struct sr_strs){ words, 1 }));
		cr_assert_eq(codec_encode(&grant_add_req_schema, &q, &out), SR_OK);
		cr_assert_eq(codec_decode(&grant_add_req_schema, (struct sr_bytes){ buf, out.n }, CODEC_REFUSE_UNKNOWN, &q_back, &arena),
			expected, "case %zu in a list", i);
	}
}

Test(codec, says_so_when_there_is_no_room)
{
	uint8_t buf[512];
	struct codec_out full = sign_frame(buf, sizeof buf);
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("ES256") };

	for (size_t cap = 0; cap < 50; cap++) {
		struct codec_out out = { buf, cap, 0 };

		cr_assert_eq(frame_encode_request(7, "key_sign", &key_sign_req_schema, &q, &out), SR_TOO_LARGE);
		cr_assert_leq(out.n, cap);
	}
	cr_assert_gt(full.n, 50);
}
