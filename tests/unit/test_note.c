/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes and checkpoints: what is signed verifies, anything else does not. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/base64.h"
#include "base/checkpoint.h"
#include "base/note.h"
#include "base/str.h"

static uint8_t seed[NOTE_SEED_LEN];
static struct note_signer *signer;
static struct note_key key;

static void set_up(void)
{
	for (size_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)i;
	cr_assert_eq(note_signer_new(SR_STR("strongroom/0123"), seed, &signer), SR_OK);
	key = *note_signer_key(signer);
}

static void tear_down(void)
{
	note_signer_free(signer);
}

TestSuite(note, .init = set_up, .fini = tear_down);

static struct sr_str sign(const char *text, char *out)
{
	size_t n = 0;

	cr_assert_eq(note_sign(signer, str_of(text), out, &n), SR_OK);
	return (struct sr_str){ out, n };
}

Test(note, base64_has_one_spelling)
{
	static const struct { const char *plain, *text; } row[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },     /* RFC 4648 10 */
	};
	uint8_t raw[16];
	char text[32];

	for (size_t i = 0; i < SR_COUNT(row); i++) {
		size_t n = strlen(row[i].plain);

		cr_assert_eq(base64_encode((struct sr_bytes){ (const uint8_t *)row[i].plain, n }, text), strlen(row[i].text));
		cr_assert_str_eq(text, row[i].text);
		cr_assert(base64_decode(str_of(row[i].text), raw, n));
		cr_assert_eq(memcmp(raw, row[i].plain, n), 0);
	}
	cr_assert_not(base64_decode(SR_STR("Zh=="), raw, 1), "bits that belong to no byte");
	cr_assert_not(base64_decode(SR_STR("Zg=="), raw, 2));
	cr_assert_not(base64_decode(SR_STR("Zg="), raw, 1));
	cr_assert_not(base64_decode(SR_STR("Zg=\n"), raw, 1));
	cr_assert_not(base64_decode(SR_STR("Z==="), raw, 1));
	cr_assert_not(base64_decode(SR_STR("Zm 9v"), raw, 3));
	cr_assert_not(base64_decode(SR_STR("Zm-_"), raw, 3));
}

Test(note, verifier_key_comes_back_as_it_went)
{
	char text[NOTE_VKEY_MAX + 1], with_newline[NOTE_VKEY_MAX + 2];
	struct note_key again;
	size_t n = note_key_format(&key, text);

	cr_assert_eq(n, strlen(text));
	cr_assert_eq(note_key_parse(str_of(text), &again), SR_OK);
	cr_assert_eq(memcmp(&again.public_key, &key.public_key, sizeof key.public_key), 0);
	cr_assert_str_eq(again.name, "strongroom/0123");
	(void)snprintf(with_newline, sizeof with_newline, "%s\n", text);
	cr_assert_eq(note_key_parse(str_of(with_newline), &again), SR_OK);
}

Test(note, reads_a_key_that_others_made)
{
	/* the example of golang.org/x/mod/sumdb/note */
	struct note_key peter;
	struct sr_str text;

	cr_assert_eq(note_key_parse(SR_STR("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &peter), SR_OK);
	cr_assert_eq(note_open(SR_STR("If you think cryptography is the answer to your problem,\n"
		"then you don't know what your problem is.\n\n"
		"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"),
		&peter, &text), SR_OK);
	cr_assert_eq(text.n, 99);
}

Test(note, refuses_every_damaged_verifier_key)
{
	char text[NOTE_VKEY_MAX + 1];
	struct note_key again;
	size_t n = note_key_format(&key, text);

	for (size_t i = 0; i < n; i++) {
		char kept = text[i];

		cr_assert_neq(note_key_parse((struct sr_str){ text, i }, &again), SR_OK, "cut at %zu", i);
		for (int c = 0; c < 256; c++) {
			if ((char)c == kept || (c ^ kept) == 0x20)
				continue;       /* hex digits may be of either case */
			text[i] = (char)c;
			cr_assert_neq(note_key_parse((struct sr_str){ text, n }, &again), SR_OK, "byte %zu is %d", i, c);
		}
		text[i] = kept;
	}
	cr_assert_neq(note_key_parse(SR_STR(""), &again), SR_OK);
	cr_assert_neq(note_key_parse(SR_STR("\n"), &again), SR_OK);
	cr_assert_neq(note_key_make(SR_STR("with space"), seed, &again), SR_OK);
	cr_assert_neq(note_key_make(SR_STR("with+plus"), seed, &again), SR_OK);
	cr_assert_neq(note_key_make(SR_STR(""), seed, &again), SR_OK);
}

Test(note, what_is_signed_verifies)
{
	char note[NOTE_MAX + 1];
	struct sr_str signed_note = sign("one\n\ntwo\n", note), text;

	cr_assert_eq(note_open(signed_note, &key, &text), SR_OK);
	cr_assert(str_is(text, "one\n\ntwo\n"));
	cr_assert_eq(note[signed_note.n], '\0');
}

Test(note, refuses_every_flipped_bit_and_every_cut)
{
	char note[NOTE_MAX + 1];
	struct sr_str n = sign("origin\n17\nroot\n", note), text;

	for (size_t i = 0; i < n.n; i++) {
		cr_assert_neq(note_open((struct sr_str){ note, i }, &key, &text), SR_OK, "cut at %zu", i);
		for (unsigned bit = 0; bit < 8; bit++) {
			note[i] = (char)(note[i] ^ (1 << bit));
			cr_assert_neq(note_open(n, &key, &text), SR_OK, "bit %u of byte %zu", bit, i);
			note[i] = (char)(note[i] ^ (1 << bit));
		}
	}
	cr_assert_eq(note_open(n, &key, &text), SR_OK);
}

Test(note, another_key_of_the_same_name_does_not_verify)
{
	char note[NOTE_MAX + 1];
	struct sr_str n = sign("text\n", note), text;
	struct note_signer *other;
	struct note_key wrong;

	seed[0] ^= 1;
	cr_assert_eq(note_signer_new(SR_STR("strongroom/0123"), seed, &other), SR_OK);
	cr_assert_eq(note_open(n, note_signer_key(other), &text), SR_DENIED);
	/* nor one that only claims the hash */
	wrong = *note_signer_key(other);
	memcpy(wrong.hash, key.hash, sizeof key.hash);
	cr_assert_eq(note_open(n, &wrong, &text), SR_CORRUPT);
	note_signer_free(other);
}

Test(note, lets_the_signatures_of_others_pass)
{
	char note[NOTE_MAX + 1], both[2 * NOTE_MAX];
	struct sr_str n = sign("text\n", note), text;
	static const char other[] = "\xe2\x80\x94 witness AAAAAAAAAAAA\n";

	(void)snprintf(both, sizeof both, "%s%s", note, other);
	cr_assert_eq(note_open(str_of(both), &key, &text), SR_OK);
	(void)snprintf(both, sizeof both, "text\n\n%s%s", other, note + sizeof "text\n");
	cr_assert_eq(note_open(str_of(both), &key, &text), SR_OK);
	cr_assert(str_is(text, "text\n"));
	(void)snprintf(both, sizeof both, "text\n\n%s", other);
	cr_assert_eq(note_open(str_of(both), &key, &text), SR_DENIED);
	(void)snprintf(both, sizeof both, "%snot a signature\n", note);
	cr_assert_eq(note_open(str_of(both), &key, &text), SR_BAD_MESSAGE);
	(void)n;
}

Test(note, refuses_to_sign_what_is_not_lines)
{
	char note[NOTE_MAX + 1], *large = calloc(1, NOTE_MAX + 2);
	size_t n;

	cr_assert_eq(note_sign(signer, SR_STR("no newline"), note, &n), SR_BAD_PARAMETER);
	cr_assert_eq(note_sign(signer, SR_STR(""), note, &n), SR_BAD_PARAMETER);
	cr_assert_eq(note_sign(signer, SR_STR("tab\t\n"), note, &n), SR_BAD_PARAMETER);
	memset(large, 'x', NOTE_MAX - 1);
	large[NOTE_MAX - 1] = '\n';
	cr_assert_eq(note_sign(signer, str_of(large), note, &n), SR_TOO_LARGE);
	free(large);
}

Test(note, checkpoint_comes_back_as_it_went)
{
	static const uint64_t sizes[] = { 0, 1, 255, 1234567890, UINT64_MAX };
	char note[NOTE_MAX + 1];
	size_t n;

	for (size_t i = 0; i < SR_COUNT(sizes); i++) {
		struct checkpoint in = { .size = sizes[i] }, out;

		memset(in.root, (int)i, sizeof in.root);
		cr_assert_eq(checkpoint_sign(signer, &in, note, &n), SR_OK);
		cr_assert_eq(checkpoint_open((struct sr_str){ note, n }, &key, &out), SR_OK);
		cr_assert_eq(out.size, in.size);
		cr_assert_arr_eq(out.root, in.root, sizeof in.root);
	}
}

Test(note, refuses_signed_notes_that_are_no_checkpoint)
{
	static const char root[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const struct { const char *format; bool good; } row[] = {
		{ "strongroom/0123\n5\n%s\n", true },
		{ "strongroom/0123\n5\n%s\nmore\n", true },
		{ "strongroom/0124\n5\n%s\n", false },
		{ "strongroom/0123\n05\n%s\n", false },
		{ "strongroom/0123\n-5\n%s\n", false },
		{ "strongroom/0123\n+5\n%s\n", false },
		{ "strongroom/0123\n\n%s\n", false },
		{ "strongroom/0123\n18446744073709551616\n%s\n", false },
		{ "strongroom/0123\n5\n%s\n\nmore\n", false },
		{ "strongroom/0123\n5\nA%s\n", false },
		{ "strongroom/0123\n5\n", false },
		{ "strongroom/0123\n", false },
	};
	char text[256], note[NOTE_MAX + 1];
	struct checkpoint out;

	for (size_t i = 0; i < SR_COUNT(row); i++) {
		struct sr_str n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof text, row[i].format, root);
#pragma GCC diagnostic pop
		n = sign(text, note);
		cr_assert_eq(checkpoint_open(n, &key, &out) == SR_OK, row[i].good, "%s", text);
	}
}
