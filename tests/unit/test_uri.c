/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom:// URIs: what is taken, what is refused, and that no text whatever
 * is taken for something that is written differently. */
#include <criterion/criterion.h>
#include <strongroom/strongroom.h>

#include "base/str.h"

#define VERSION "0123456789abcdef0123456789abcdef"
#define NAME_127 \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"012345678901234567890123456789012345678901234567890123456789012"

static bool parses(const char *text)
{
	struct sr_uri uri;

	return sr_uri_parse(str_of(text), &uri) == SR_OK;
}

static struct sr_uri parsed(const char *text)
{
	struct sr_uri uri;

	cr_assert_eq(sr_uri_parse(str_of(text), &uri), SR_OK, "%s", text);
	return uri;
}

/* What a text comes out as; NULL if it is refused. */
static const char *normal(const char *text)
{
	static char out[SR_URI_MAX + 1];
	struct sr_uri uri;

	if (sr_uri_parse(str_of(text), &uri) != SR_OK)
		return NULL;
	cr_assert_eq(sr_uri_format(&uri, out), strlen(out));
	return out;
}

static const char *shorthand(const char *text, enum sr_uri_kind kind)
{
	static char out[SR_URI_MAX + 1];
	struct sr_uri uri;

	if (sr_uri_parse_short(str_of(text), kind, &uri) != SR_OK)
		return NULL;
	(void)sr_uri_format(&uri, out);
	return out;
}

Test(uri, takes_a_whole_uri_apart)
{
	struct sr_uri uri = parsed("strongroom://web.acme/keys/tls/" VERSION);

	cr_assert_eq(uri.kind, SR_URI_KEYS);
	cr_assert_str_eq(uri.vault, "web");
	cr_assert_str_eq(uri.tenant, "acme");
	cr_assert_str_eq(uri.name, "tls");
	cr_assert_str_eq(uri.version, VERSION);
}

Test(uri, knows_every_kind)
{
	cr_assert_eq(parsed("strongroom://web").kind, SR_URI_VAULT);
	cr_assert_eq(parsed("strongroom://web/keys/a").kind, SR_URI_KEYS);
	cr_assert_eq(parsed("strongroom://web/secrets/a").kind, SR_URI_SECRETS);
	cr_assert_eq(parsed("strongroom://web/certificates/a").kind, SR_URI_CERTIFICATES);
	cr_assert_eq(parsed("strongroom://web/*/a").kind, SR_URI_ANY);
}

Test(uri, leaves_empty_what_was_left_out)
{
	struct sr_uri uri = parsed("strongroom://web/keys/tls");

	cr_assert_str_eq(uri.tenant, "default");
	cr_assert_str_eq(uri.version, "");
	cr_assert_str_eq(parsed("strongroom://web").name, "");
}

Test(uri, is_one_text_for_one_thing)
{
	cr_assert_str_eq(normal("STRONGROOM://WEB.ACME/KEYS/TLS/0123456789ABCDEF0123456789ABCDEF"),
		"strongroom://web.acme/keys/tls/" VERSION);
	cr_assert_str_eq(normal("strongroom://web.default/keys/tls"), "strongroom://web/keys/tls");
	cr_assert_str_eq(normal("strongroom://web.Default"), "strongroom://web");
	cr_assert_str_eq(normal("strongroom://web/*/tls"), "strongroom://web/*/tls");
}

Test(uri, takes_names_up_to_their_limits)
{
	static const char longest[] = "strongroom://012345678901234567890123.abcdefghijklmnopqrstuvwx/certificates/"
		NAME_127 "/" VERSION;

	cr_assert_str_eq(normal(longest), longest);
	cr_assert(parses("strongroom://abc/keys/x"));
	cr_assert(parses("strongroom://a-b-c.1-2/keys/-"));
	cr_assert(parses("strongroom://web/keys/--a--"));
	cr_assert(parses("strongroom://web/keys/" NAME_127));
	cr_assert_not(parses("strongroom://web/keys/" NAME_127 "0"));
}

Test(uri, refuses_what_is_not_exactly_one)
{
	static const char *const wrong[] = {
		"", "s", "strongroom", "strongroom:", "strongroom:/", "strongroom://", "strongroom:///",
		"strongroom:web/keys/tls", "strongroom:/web/keys/tls", "strongrooms://web", "http://web/keys/tls",
		" strongroom://web", "strongroom://web ", "strongroom://web\n", "strongroom://web/", "strongroom://web//",
		"strongroom://web/keys", "strongroom://web/keys/", "strongroom://web/keys//" VERSION,
		"strongroom://web/keys/tls/", "strongroom://web/keys/tls/" VERSION "/",
		"strongroom://web/keys/tls/" VERSION "/x", "strongroom://web//tls", "strongroom:///keys/tls",
		"strongroom://web/key/tls", "strongroom://web/keyss/tls", "strongroom://web/ke/tls", "strongroom://web/**/tls",
		"strongroom://web/*", "strongroom://web/*/", "strongroom://web/*/tls/" VERSION, "strongroom://*/keys/tls",
		"strongroom://web/keys/*",
		/* vaults and tenants */
		"strongroom://ab", "strongroom://0123456789012345678901234", "strongroom://-web", "strongroom://web-",
		"strongroom://we--b", "strongroom://we_b", "strongroom://web.", "strongroom://.web", "strongroom://web.ab",
		"strongroom://web.acme.x", "strongroom://web.acme-", "strongroom://web.-acme", "strongroom://web.ac--me",
		"strongroom://web.0123456789012345678901234", "strongroom://web:80/keys/tls", "strongroom://u@web/keys/tls",
		"strongroom://w\xc3\xa9" "b/keys/tls",
		/* names and versions */
		"strongroom://web/keys/t_s", "strongroom://web/keys/t.s", "strongroom://web/keys/t%73",
		"strongroom://web/keys/tls?x", "strongroom://web/keys/tls#x", "strongroom://web/keys/..",
		"strongroom://web/keys/t\xff",
		"strongroom://web/keys/tls/0123456789abcdef0123456789abcde", "strongroom://web/keys/tls/0" VERSION,
		"strongroom://web/keys/tls/0123456789abcdef0123456789abcdeg", "strongroom://web/keys/tls/latest",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_expect_not(parses(wrong[i]), "%s", wrong[i]);
}

Test(uri, refuses_a_nul_anywhere)
{
	static const char text[] = "strongroom://web/keys/tls";
	char copy[sizeof text];
	struct sr_uri uri;

	for (size_t i = 0; i < sizeof text - 1; i++) {
		memcpy(copy, text, sizeof copy);
		copy[i] = '\0';
		cr_expect_eq(sr_uri_parse((struct sr_str){ copy, sizeof copy - 1 }, &uri), SR_BAD_PARAMETER, "at %zu", i);
	}
	cr_expect_eq(sr_uri_parse((struct sr_str){ text, sizeof text }, &uri), SR_BAD_PARAMETER);
}

Test(uri, leaves_the_result_alone_when_it_refuses)
{
	struct sr_uri uri, before;

	memset(&uri, 0x5a, sizeof uri);
	before = uri;
	cr_assert_eq(sr_uri_parse(SR_STR("strongroom://web/keys/tls/xyz"), &uri), SR_BAD_PARAMETER);
	cr_assert_eq(sr_uri_parse_short(SR_STR("web/tls/xyz"), SR_URI_KEYS, &uri), SR_BAD_PARAMETER);
	cr_assert_eq(memcmp(&uri, &before, sizeof uri), 0);
}

/* Whatever bytes come: what is taken is, but for letter case and a tenant named
 * "default", what comes out.  Nothing is skipped, nothing is added. */
Test(uri, takes_nothing_that_it_would_not_write)
{
	static const char seed[] = "strongroom://web.acme/certificates/tls-1/" VERSION;
	static const char interesting[] = { '/', '.', '-', '*', ':', '\0', ' ', 'A', 'g', '0', '%', '\x80', '\n' };
	char text[sizeof seed], out[SR_URI_MAX + 1];
	unsigned taken = 0, state = 1;

	for (unsigned round = 0; round < 200000; round++) {
		size_t n = sizeof seed - 1;
		struct sr_uri uri;

		memcpy(text, seed, sizeof text);
		for (unsigned edits = round % 3; edits > 0; edits--) {
			state = state * 1103515245u + 12345u;
			text[(state >> 8) % n] = interesting[(state >> 20) % sizeof interesting];
		}
		state = state * 1103515245u + 12345u;
		if (round % 5 == 0)
			n = (state >> 8) % (n + 1);
		if (sr_uri_parse((struct sr_str){ text, n }, &uri) != SR_OK)
			continue;
		taken++;
		cr_assert_eq(sr_uri_format(&uri, out), n);
		cr_assert(str_eq_nocase((struct sr_str){ text, n }, str_of(out)), "%.*s", (int)n, text);
		cr_assert(parses(out));
	}
	cr_assert_gt(taken, 1000);
}

Test(uri_short, is_a_vault_or_a_name_in_it)
{
	cr_assert_str_eq(shorthand("web", SR_URI_KEYS), "strongroom://web");
	cr_assert_str_eq(shorthand("web.acme", SR_URI_KEYS), "strongroom://web.acme");
	cr_assert_str_eq(shorthand("web/tls", SR_URI_KEYS), "strongroom://web/keys/tls");
	cr_assert_str_eq(shorthand("web/tls", SR_URI_SECRETS), "strongroom://web/secrets/tls");
	cr_assert_str_eq(shorthand("web/tls", SR_URI_ANY), "strongroom://web/*/tls");
	cr_assert_str_eq(shorthand("WEB.ACME/TLS/" VERSION, SR_URI_KEYS), "strongroom://web.acme/keys/tls/" VERSION);
}

Test(uri_short, takes_a_kind_in_between)
{
	cr_assert_str_eq(shorthand("web/secrets/db", SR_URI_KEYS), "strongroom://web/secrets/db");
	cr_assert_str_eq(shorthand("web/keys/tls/" VERSION, SR_URI_SECRETS), "strongroom://web/keys/tls/" VERSION);
	cr_assert_str_eq(shorthand("web/keys/tls", SR_URI_VAULT), "strongroom://web/keys/tls");
	cr_assert_str_eq(shorthand("web/*/tls", SR_URI_KEYS), "strongroom://web/*/tls");
}

Test(uri_short, tells_a_name_from_a_kind)
{
	cr_assert_str_eq(shorthand("web/keys", SR_URI_KEYS), "strongroom://web/keys/keys");
	cr_assert_str_eq(shorthand("web/keys/" VERSION, SR_URI_SECRETS), "strongroom://web/keys/" VERSION);
	cr_assert_str_eq(shorthand("web/keys/keys", SR_URI_SECRETS), "strongroom://web/keys/keys");
}

Test(uri_short, takes_a_whole_uri_too)
{
	cr_assert_str_eq(shorthand("strongroom://web/secrets/db", SR_URI_KEYS), "strongroom://web/secrets/db");
	cr_assert_null(shorthand("strongroom://web/db", SR_URI_KEYS));
}

Test(uri_short, refuses_what_is_neither)
{
	static const char *const wrong[] = {
		"", "/", "web/", "/tls", "web//tls", "web/tls/", "web/tls/x", "web/tls/" VERSION "/x", "we", "web/t_s",
		"web/key/tls", "web/keys/tls/x", "web/*/tls/" VERSION, "web/*", "strongroom://", "http://web/keys/tls",
		"./web", "web/keys/tls/" VERSION "/",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_expect_null(shorthand(wrong[i], SR_URI_KEYS), "%s", wrong[i]);
	cr_expect_null(shorthand("web/tls", SR_URI_VAULT));
	cr_expect_null(shorthand("web/tls/" VERSION, SR_URI_ANY));
}
