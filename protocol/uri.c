/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom:// URIs and the command's shorthand for them.  The text comes from
 * command lines, configuration files and hostile clients: every byte is checked
 * before it is copied, and a copy is never longer than its place. */
#include <strongroom/strongroom.h>

#include "base/str.h"

#define SCHEME   "strongroom://"
#define PARTS_MAX 4     /* authority, kind, name, version */

static const char *const kind_words[] = {
	[SR_URI_VAULT] = NULL,
	[SR_URI_KEYS] = "keys",
	[SR_URI_SECRETS] = "secrets",
	[SR_URI_CERTIFICATES] = "certificates",
	[SR_URI_ANY] = "*",
};

_Static_assert(sizeof SCHEME - 1 + SR_VAULT_MAX + 1 + SR_TENANT_MAX + sizeof "/certificates/" - 1 + SR_NAME_MAX + 1
	+ SR_VERSION_LEN <= SR_URI_MAX, "every URI fits");

/* ASCII only: the locale of the host program has no say in names. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_hex_char(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

/* Copies text of min to max bytes in lower case, if all of it passes. */
static bool copy_lower(struct sr_str text, size_t min, size_t max, bool (*passes)(char), char *out)
{
	if (text.n < min || text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		out[i] = lower(text.p[i]);
		if (!passes(out[i]))
			return false;
	}
	out[text.n] = '\0';
	return true;
}

/* A vault's or a tenant's name: no '-' first, last, or beside another. */
static bool parse_place(struct sr_str text, char *out)
{
	if (!copy_lower(text, 3, SR_VAULT_MAX, is_name_char, out))
		return false;
	return out[0] != '-' && out[text.n - 1] != '-' && strstr(out, "--") == NULL;
}

static bool parse_name(struct sr_str text, char *out)
{
	return copy_lower(text, 1, SR_NAME_MAX, is_name_char, out);
}

static bool parse_version(struct sr_str text, char *out)
{
	return copy_lower(text, SR_VERSION_LEN, SR_VERSION_LEN, is_hex_char, out);
}

static bool parse_kind(struct sr_str text, enum sr_uri_kind *out)
{
	for (size_t i = SR_URI_KEYS; i < sizeof kind_words / sizeof kind_words[0]; i++) {
		if (str_eq_nocase(text, str_of(kind_words[i]))) {
			*out = (enum sr_uri_kind)i;
			return true;
		}
	}
	return false;
}

static bool parse_authority(struct sr_str text, struct sr_uri *uri)
{
	const char *dot = memchr(text.p, '.', text.n);
	struct sr_str vault = text, tenant = SR_STR("default");

	if (dot != NULL) {
		vault.n = (size_t)(dot - text.p);
		tenant = (struct sr_str){ dot + 1, text.n - vault.n - 1 };
	}
	return parse_place(vault, uri->vault) && parse_place(tenant, uri->tenant);
}

/* Splits at '/'; 0 if there are more than PARTS_MAX parts. */
static size_t split(struct sr_str text, struct sr_str parts[static PARTS_MAX])
{
	size_t n = 0, start = 0;

	for (size_t i = 0; i <= text.n; i++) {
		if (i < text.n && text.p[i] != '/')
			continue;
		if (n == PARTS_MAX)
			return 0;
		parts[n++] = (struct sr_str){ text.p + start, i - start };
		start = i + 1;
	}
	return n;
}

/* NAME[/VERSION] of a known kind.  A version of "every kind" means nothing. */
static bool parse_object(const struct sr_str *parts, size_t n, struct sr_uri *uri)
{
	if (n == 0 || n > 2 || uri->kind == SR_URI_VAULT || !parse_name(parts[0], uri->name))
		return false;
	return n == 1 || (uri->kind != SR_URI_ANY && parse_version(parts[1], uri->version));
}

static bool has_scheme(struct sr_str text)
{
	size_t n = sizeof SCHEME - 1;

	return text.n > n && str_eq_nocase((struct sr_str){ text.p, n }, SR_STR(SCHEME));
}

enum sr_err sr_uri_parse(struct sr_str text, struct sr_uri *out)
{
	struct sr_uri uri = { .kind = SR_URI_VAULT };
	struct sr_str parts[PARTS_MAX];
	size_t n;

	if (text.n > SR_URI_MAX || !has_scheme(text))
		return SR_BAD_PARAMETER;
	text.p += sizeof SCHEME - 1;
	text.n -= sizeof SCHEME - 1;
	n = split(text, parts);
	if (n == 0 || !parse_authority(parts[0], &uri))
		return SR_BAD_PARAMETER;
	if (n > 1 && (!parse_kind(parts[1], &uri.kind) || !parse_object(parts + 2, n - 2, &uri)))
		return SR_BAD_PARAMETER;
	*out = uri;
	return SR_OK;
}

enum sr_err sr_uri_parse_short(struct sr_str text, enum sr_uri_kind kind, struct sr_uri *out)
{
	struct sr_uri uri = { .kind = kind };
	struct sr_str parts[PARTS_MAX];
	size_t n, at = 1;

	if (has_scheme(text))
		return sr_uri_parse(text, out);
	if (text.n == 0 || text.n > SR_URI_MAX)
		return SR_BAD_PARAMETER;
	n = split(text, parts);
	if (n == 0 || !parse_authority(parts[0], &uri))
		return SR_BAD_PARAMETER;
	/* One part alone is a name, be it "keys"; of two, the word for a kind wins. */
	if (n > 2 && parse_kind(parts[1], &uri.kind))
		at = 2;
	if (n == 1)
		uri.kind = SR_URI_VAULT;
	else if (!parse_object(parts + at, n - at, &uri))
		return SR_BAD_PARAMETER;
	*out = uri;
	return SR_OK;
}

static size_t append(char *out, size_t at, const char *text)
{
	size_t room = SR_URI_MAX - at, n = strlen(text);

	if (n > room)
		n = room;
	memcpy(out + at, text, n);
	out[at + n] = '\0';
	return at + n;
}

size_t sr_uri_format(const struct sr_uri *uri, char out[static SR_URI_MAX + 1])
{
	size_t n = append(out, 0, SCHEME);

	n = append(out, n, uri->vault);
	if (strcmp(uri->tenant, "default") != 0) {
		n = append(out, n, ".");
		n = append(out, n, uri->tenant);
	}
	if (uri->kind == SR_URI_VAULT)
		return n;
	n = append(out, n, "/");
	n = append(out, n, kind_words[uri->kind]);
	n = append(out, n, "/");
	n = append(out, n, uri->name);
	if (uri->version[0] != '\0') {
		n = append(out, n, "/");
		n = append(out, n, uri->version);
	}
	return n;
}
