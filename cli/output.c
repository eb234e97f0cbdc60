/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <sodium.h>
#include <stdarg.h>
#include <time.h>

#include "cli/cli.h"

/* The command prints little and cannot go on without memory. */
static void *must(void *p)
{
	if (p != NULL)
		return p;
	fputs("strongroom: out of memory\n", stderr);
	exit(sr_error_exit(SR_NOMEM));
}

/* ---- text ---- */

/* Bytes that the UTF-8 character at u takes, by its first two; 0: none begins so. */
static size_t utf8_length(const uint8_t *u, size_t n)
{
	static const struct { uint8_t from, to, second_from, second_to, len; } forms[] = {
		{ 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
		{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
		{ 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
	};

	if (u[0] < 0x80)
		return 1;
	for (size_t i = 0; n > 1 && i < SR_COUNT(forms); i++)
		if (u[0] >= forms[i].from && u[0] <= forms[i].to && u[1] >= forms[i].second_from && u[1] <= forms[i].second_to)
			return forms[i].len;
	return 0;
}

/* Likewise, but 0 also for control characters and those that turn the direction of text. */
static size_t char_length(const char *p, size_t n)
{
	const uint8_t *u = (const uint8_t *)p;
	size_t len = utf8_length(u, n);

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((u[i] & 0xC0) != 0x80)
			return 0;
	if (u[0] < 0x20 || u[0] == 0x7F || (u[0] == 0xC2 && u[1] < 0xA0))
		return 0;
	if (u[0] == 0xE2 && ((u[1] == 0x80 && u[2] >= 0xA8 && u[2] <= 0xAE) || (u[1] == 0x81 && u[2] >= 0xA6 && u[2] <= 0xA9)))
		return 0;
	return len;
}

void print_clean(FILE *to, struct sr_str text)
{
	for (size_t i = 0; i < text.n; ) {
		size_t len = char_length(text.p + i, text.n - i);

		if (len == 0)
			(void)fputc('?', to);
		else
			(void)fwrite(text.p + i, 1, len, to);
		i += len == 0 ? 1 : len;
	}
}

/* Characters that print_clean prints: columns, but for wide and combining ones. */
static size_t width(struct sr_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; n++) {
		size_t len = char_length(text.p + i, text.n - i);

		i += len == 0 ? 1 : len;
	}
	return n;
}

const char *time_text(uint64_t unix_seconds, char out[static TIME_TEXT_MAX])
{
	time_t t = (time_t)unix_seconds;
	struct tm tm;
	char zone[8];

	(void)snprintf(out, TIME_TEXT_MAX, "-");
	if (unix_seconds == 0)
		return out;
	if (unix_seconds > INT64_MAX || localtime_r(&t, &tm) == NULL || tm.tm_year > 9999 - 1900) {
		(void)snprintf(out, TIME_TEXT_MAX, "%llu", (unsigned long long)unix_seconds);
		return out;
	}
	/* RFC 3339 wants a colon in the zone, so that --expires reads it again */
	(void)strftime(zone, sizeof zone, "%z", &tm);
	(void)strftime(out, TIME_TEXT_MAX - 8, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + strlen(out), 8, "%.3s:%.2s", zone, zone + 3);
	return out;
}

/* ---- tables ---- */

struct table {
	size_t columns;
	bool headings;
	char **cells;
	size_t cells_n, cells_cap;
};

static void table_put(struct table *table, char *cell)
{
	if (table->cells_n == table->cells_cap) {
		table->cells_cap = table->cells_cap == 0 ? 64 : table->cells_cap * 2;
		table->cells = must(reallocarray(table->cells, table->cells_cap, sizeof *table->cells));
	}
	table->cells[table->cells_n++] = cell;
}

struct table *table_new(const char *headings)
{
	struct table *table = must(calloc(1, sizeof *table));

	table->columns = 2;
	if (headings == NULL)
		return table;
	table->headings = true;
	table->columns = 0;
	for (const char *at = headings; at != NULL; table->columns++) {
		const char *end = strchr(at, '|');

		table_cell(table, (struct sr_str){ at, end == NULL ? strlen(at) : (size_t)(end - at) });
		at = end == NULL ? NULL : end + 1;
	}
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->cells_n; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

void table_cell(struct table *table, struct sr_str text)
{
	char *cell = must(malloc(text.n + 1));

	if (text.n > 0)
		memcpy(cell, text.p, text.n);
	cell[text.n] = '\0';
	table_put(table, cell);
}

static void table_cellv(struct table *table, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
static void table_cellv(struct table *table, const char *format, va_list ap)
{
	char *cell = NULL;

	table_put(table, vasprintf(&cell, format, ap) < 0 ? must(NULL) : cell);
}

void table_cellf(struct table *table, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	table_cellv(table, format, ap);
	va_end(ap);
}

void table_pair(struct table *table, const char *name, struct sr_str value)
{
	table_cell(table, str_of(name));
	table_cell(table, value);
}

void table_pairf(struct table *table, const char *name, const char *format, ...)
{
	va_list ap;

	table_cell(table, str_of(name));
	va_start(ap, format);
	table_cellv(table, format, ap);
	va_end(ap);
}

void table_print(const struct table *table)
{
	size_t wide[16] = { 0 };

	SR_ASSERT(table->columns <= SR_COUNT(wide) && table->cells_n % table->columns == 0);
	for (size_t i = 0; i < table->cells_n; i++) {
		size_t w = width(str_of(table->cells[i]));

		if (w > wide[i % table->columns])
			wide[i % table->columns] = w;
	}
	for (size_t i = 0; i < table->cells_n; i++) {
		struct sr_str cell = str_of(table->cells[i]);
		bool last = (i + 1) % table->columns == 0;

		print_clean(stdout, cell);
		if (last)
			(void)putchar('\n');
		else
			(void)printf("%*s", (int)(wide[i % table->columns] - width(cell)) + 2, "");
	}
}

/* ---- JSON ---- */

json_t *json_text(struct sr_str text)
{
	json_t *json = json_stringn(text.p == NULL ? "" : text.p, text.n);
	char *copy;

	if (json != NULL)
		return json;
	copy = must(malloc(text.n + 1));
	for (size_t i = 0; i < text.n; i++)
		copy[i] = text.p[i] > 0 && text.p[i] < 0x7F ? text.p[i] : '?';
	json = must(json_stringn(copy, text.n));
	free(copy);
	return json;
}

json_t *json_texts(struct sr_strs texts)
{
	json_t *array = must(json_array());

	for (size_t i = 0; i < texts.n; i++)
		(void)json_array_append_new(array, json_text(texts.v[i]));
	return array;
}

json_t *json_base64url(struct sr_bytes bytes)
{
	size_t cap = sodium_base64_ENCODED_LEN(bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = must(malloc(cap));
	json_t *json;

	(void)sodium_bin2base64(text, cap, bytes.p, bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	json = must(json_string(text));
	free(text);
	return json;
}

json_t *json_u64(uint64_t n)
{
	return must(json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

int json_print(json_t *document)
{
	int failed = json_dumpf(must(document), stdout, JSON_INDENT(2));

	(void)putchar('\n');
	json_decref(document);
	return failed == 0 ? 0 : sr_error_exit(SR_IO);
}

/* ---- lists ---- */

bool page_next(bool has_next, struct sr_str next, char after[static 256])
{
	return has_next && next.n > 0 && str_copy(next, after, 256);
}

int list_print(const struct cli *cli, const struct table *table, json_t *array)
{
	if (cli->json)
		return json_print(json_pack("{s:o}", "value", array));
	json_decref(array);
	table_print(table);
	return 0;
}

bool output_finish(void)
{
	return fflush(stdout) == 0 && !ferror(stdout);
}
