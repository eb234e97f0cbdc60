/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the parsers of strongroom:// URIs and of their shorthand: what is accepted
 * has one spelling, which is accepted and means the same. */
#include <string.h>
#include <strongroom/strongroom.h>

#include "tests/fuzz/promise.h"

static bool same(const struct sr_uri *a, const struct sr_uri *b)
{
	return a->kind == b->kind && strcmp(a->tenant, b->tenant) == 0 && strcmp(a->vault, b->vault) == 0 &&
		strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0;
}

static void has_one_spelling(const struct sr_uri *uri)
{
	char text[SR_URI_MAX + 1], text_again[SR_URI_MAX + 1];
	size_t len = sr_uri_format(uri, text);
	struct sr_uri again;

	promise(len <= SR_URI_MAX && text[len] == '\0' && strlen(text) == len, "a URI's length");
	promise(sr_uri_parse((struct sr_str){ text, len }, &again) == SR_OK, "what we write is a URI");
	promise(same(uri, &again), "it means the same");
	promise(sr_uri_format(&again, text_again) == len && strcmp(text, text_again) == 0, "and is written the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sr_uri_kind kinds[] = { SR_URI_VAULT, SR_URI_KEYS, SR_URI_SECRETS, SR_URI_CERTIFICATES, SR_URI_ANY };
	struct sr_str text = { (const char *)data, size };
	struct sr_uri uri;

	if (sr_uri_parse(text, &uri) == SR_OK)
		has_one_spelling(&uri);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (sr_uri_parse_short(text, kinds[i], &uri) == SR_OK)
			has_one_spelling(&uri);
	return 0;
}
