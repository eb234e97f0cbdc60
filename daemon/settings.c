/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/settings_file.h"

enum kind { KIND_TEXT, KIND_LIST, KIND_NUMBER, KIND_SIZE, KIND_TIME, KIND_MODE, KIND_CHOICE };

static const struct setting {
	const char *name;
	enum kind kind;
	const char *def;
	uint64_t min, max;
	const char *words;              /* CHOICE */
	const char *doc;
	size_t offset;                  /* in struct settings */
} table[] = {
#define SETTING(name, kind, def, min, max, doc) \
	{ #name, KIND_##kind, def, UINT64_C(min), UINT64_C(max), NULL, doc, offsetof(struct settings, name) },
#define CHOICE(name, def, words, doc) \
	{ #name, KIND_CHOICE, def, 0, 0, words, doc, offsetof(struct settings, name) },
#include "daemon/settings.def"
#undef SETTING
#undef CHOICE
};

struct unit { const char *name; uint64_t factor; };
static const struct unit no_units[]   = { { "", 1 }, { NULL, 0 } };
static const struct unit size_units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 } };
static const struct unit time_units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { NULL, 0 } };

static void *field(struct settings *s, const struct setting *row)
{
	return (char *)s + row->offset;
}

/* Digits and a unit; no sign, no blanks, no overflow. */
static bool parse_number(const char *text, int base, const struct unit *units, uint64_t *out)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	n = strtoull(text, &end, base);
	if (errno != 0)
		return false;
	for (; units->name != NULL; units++)
		if (strcmp(end, units->name) == 0)
			return !__builtin_mul_overflow(n, units->factor, out);
	return false;
}

static bool parse_choice(const char *words, const char *value, unsigned *out)
{
	size_t len = strlen(value);
	unsigned at = 0;

	for (const char *word = words; word != NULL; at++) {
		const char *bar = strchr(word, '|');
		size_t n = bar != NULL ? (size_t)(bar - word) : strlen(word);

		if (n == len && memcmp(word, value, n) == 0) {
			*out = at;
			return true;
		}
		word = bar != NULL ? bar + 1 : NULL;
	}
	return false;
}

static void list_finish(struct settings_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct settings_list){ NULL, 0 };
}

/* The text up to the next comma, without blanks around it; steps behind it. */
static struct sr_str next_element(const char **at)
{
	const char *p = *at + strspn(*at, " \t");
	size_t n = strcspn(p, ",");

	*at = p[n] == ',' ? p + n + 1 : NULL;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	return (struct sr_str){ p, n };
}

static SR_RESULT parse_list(const char *value, uint64_t min, uint64_t max, struct settings_list *out)
{
	struct settings_list list = { calloc(max, sizeof *list.v), 0 };

	if (list.v == NULL)
		return SR_NOMEM;
	for (const char *at = value; at != NULL;) {
		struct sr_str element = next_element(&at);

		if (element.n == 0 || list.n == max)
			goto bad;
		list.v[list.n] = strndup(element.p, element.n);
		if (list.v[list.n] == NULL) {
			list_finish(&list);
			return SR_NOMEM;
		}
		list.n++;
	}
	if (list.n < min)
		goto bad;
	list_finish(out);
	*out = list;
	return SR_OK;
bad:
	list_finish(&list);
	return SR_BAD_PARAMETER;
}

static SR_RESULT parse_text(const char *value, uint64_t min, uint64_t max, char **out)
{
	size_t n = strlen(value);
	char *copy;

	if (n < min || n > max)
		return SR_BAD_PARAMETER;
	copy = strdup(value);
	if (copy == NULL)
		return SR_NOMEM;
	free(*out);
	*out = copy;
	return SR_OK;
}

static SR_RESULT parse(struct settings *s, const struct setting *row, const char *value)
{
	uint64_t n = 0;
	bool ok = false;

	switch (row->kind) {
	case KIND_TEXT:
		return parse_text(value, row->min, row->max, field(s, row));
	case KIND_LIST:
		return parse_list(value, row->min, row->max, field(s, row));
	case KIND_CHOICE:
		return parse_choice(row->words, value, field(s, row)) ? SR_OK : SR_BAD_PARAMETER;
	case KIND_NUMBER:
		ok = parse_number(value, 10, no_units, &n);
		break;
	case KIND_SIZE:
		ok = parse_number(value, 10, size_units, &n);
		break;
	case KIND_TIME:
		ok = parse_number(value, 10, time_units, &n);
		break;
	case KIND_MODE:
		ok = parse_number(value, 8, no_units, &n);
		break;
	}
	if (!ok || n < row->min || n > row->max)
		return SR_BAD_PARAMETER;
	*(uint64_t *)field(s, row) = n;
	return SR_OK;
}

static void print_size(char out[static 32], uint64_t n)
{
	unsigned unit = 0;

	while (unit < 3 && n != 0 && n % 1024 == 0) {
		n /= 1024;
		unit++;
	}
	(void)snprintf(out, 32, "%" PRIu64 "%s", n, size_units[unit].name);
}

static void print_time(char out[static 32], uint64_t ms)
{
	if (ms % 1000 != 0)
		(void)snprintf(out, 32, "%" PRIu64 "ms", ms);
	else if (ms == 0 || ms % 3600000 != 0)
		(void)snprintf(out, 32, "%" PRIu64 "s", ms / 1000);
	else
		(void)snprintf(out, 32, "%" PRIu64 "h", ms / 3600000);
}

/* What is allowed, in words. */
static void print_allowed(const struct setting *row, char *out, size_t size)
{
	char min[32], max[32];

	switch (row->kind) {
	case KIND_TEXT:
		(void)snprintf(out, size, "a text of %" PRIu64 " to %" PRIu64 " bytes", row->min, row->max);
		return;
	case KIND_LIST:
		(void)snprintf(out, size, "%" PRIu64 " to %" PRIu64 " texts, with commas between them", row->min, row->max);
		return;
	case KIND_CHOICE:
		(void)snprintf(out, size, "one of %s", row->words);
		return;
	case KIND_NUMBER:
		(void)snprintf(out, size, "a number from %" PRIu64 " to %" PRIu64, row->min, row->max);
		return;
	case KIND_MODE:
		(void)snprintf(out, size, "an octal number from %" PRIo64 " to %" PRIo64, row->min, row->max);
		return;
	case KIND_SIZE:
		print_size(min, row->min);
		print_size(max, row->max);
		(void)snprintf(out, size, "a size from %s to %s", min, max);
		return;
	case KIND_TIME:
		print_time(min, row->min);
		print_time(max, row->max);
		(void)snprintf(out, size, "a time from %s to %s", min, max);
		return;
	}
}

static const struct setting *find(const char *name)
{
	for (size_t i = 0; i < SR_COUNT(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

SR_RESULT settings_set(struct settings *s, const char *name, const char *value, char why[static SETTINGS_WHY_MAX])
{
	const struct setting *row = find(name);
	char allowed[128];
	enum sr_err err;

	if (row == NULL) {
		(void)snprintf(why, SETTINGS_WHY_MAX,
			"there is no setting \"%.64s\"; strongroomd --help-settings lists them", name);
		return SR_BAD_PARAMETER;
	}
	err = parse(s, row, value);
	if (err == SR_BAD_PARAMETER) {
		print_allowed(row, allowed, sizeof allowed);
		(void)snprintf(why, SETTINGS_WHY_MAX, "%s = %.128s: it takes %s", name, value, allowed);
	} else if (err != SR_OK) {
		(void)snprintf(why, SETTINGS_WHY_MAX, "%s: out of memory", name);
	}
	return err;
}

SR_RESULT settings_init(struct settings *s)
{
	*s = (struct settings){ 0 };
	for (size_t i = 0; i < SR_COUNT(table); i++) {
		enum sr_err err = parse(s, &table[i], table[i].def);

		SR_ASSERT(err == SR_OK || err == SR_NOMEM);
		if (err != SR_OK) {
			settings_finish(s);
			return err;
		}
	}
	return SR_OK;
}

void settings_finish(struct settings *s)
{
	for (size_t i = 0; i < SR_COUNT(table); i++) {
		if (table[i].kind == KIND_TEXT)
			free(*(char **)field(s, &table[i]));
		else if (table[i].kind == KIND_LIST)
			list_finish(field(s, &table[i]));
	}
	*s = (struct settings){ 0 };
}

struct taker {
	struct settings *settings;
	const char *path;
	char *why;
};

static enum sr_err take(void *arg, const char *name, const char *value)
{
	struct taker *taker = arg;
	char problem[SETTINGS_WHY_MAX];
	enum sr_err err = settings_set(taker->settings, name, value, problem);

	if (err != SR_OK)
		(void)snprintf(taker->why, SETTINGS_WHY_MAX, "%.200s: %.300s", taker->path, problem);
	return err;
}

SR_RESULT settings_read(struct settings *s, const char *path, bool must_exist, char why[static SETTINGS_WHY_MAX])
{
	struct taker taker = { s, path, why };

	if (!must_exist && access(path, F_OK) != 0 && errno == ENOENT)
		return SR_OK;
	return settings_file_read(path, take, &taker, why, SETTINGS_WHY_MAX);
}

void settings_help(FILE *out)
{
	char allowed[128];

	fputs("# Settings of strongroomd, each with its default.  The syntax is that of openssl.cnf;\n"
	      "# strongroomd --check tells whether a file is right.  They take effect at start.\n", out);
	for (size_t i = 0; i < SR_COUNT(table); i++) {
		print_allowed(&table[i], allowed, sizeof allowed);
		fprintf(out, "\n# %s\n# (%s)\n#%s =%s%s\n", table[i].doc, allowed, table[i].name,
			table[i].def[0] != '\0' ? " " : "", table[i].def);
	}
}
