/* SPDX-License-Identifier: Apache-2.0 */
/* The settings: defaults, values, refusals, the file, and that the documents say
 * what the list says. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "daemon/settings.h"

static struct settings s;
static char why[SETTINGS_WHY_MAX];
static char path[] = "/tmp/test_settings.XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	(void)close(fd);
	cr_assert_eq(settings_init(&s), SR_OK);
	why[0] = '\0';
}

static void teardown(void)
{
	settings_finish(&s);
	(void)unlink(path);
}

TestSuite(settings, .init = setup, .fini = teardown);

static void write_config(const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	cr_assert(fputs(text, f) >= 0);
	cr_assert_eq(fclose(f), 0);
}

static void refuses(const char *name, const char *value)
{
	why[0] = '\0';
	cr_expect_eq(settings_set(&s, name, value, why), SR_BAD_PARAMETER, "%s = %s", name, value);
	cr_expect(strstr(why, name) != NULL, "%s = %s: \"%s\" does not name it", name, value, why);
}

static void refuses_file(const char *text, const char *says)
{
	write_config(text);
	why[0] = '\0';
	cr_expect_neq(settings_read(&s, path, true, why), SR_OK, "%s", text);
	cr_expect(strstr(why, path) != NULL, "\"%s\" does not name the file", why);
	cr_expect(strstr(why, says) != NULL, "\"%s\" does not say \"%s\"", why, says);
}

Test(settings, defaults_are_the_documented_ones)
{
	cr_assert_str_eq(s.data, "/var/lib/strongroom");
	cr_assert_eq(s.listen.n, 1);
	cr_assert_str_eq(s.listen.v[0], "/run/strongroom/strongroom.sock");
	cr_assert_eq(s.socket_mode, 0666);
	cr_assert_eq(s.frame_max, 1048576);
	cr_assert_eq(s.request_timeout, 10000);
	cr_assert_eq(s.idle_timeout, 0);
	cr_assert_eq(s.log_level, LOG_LEVEL_INFO);
	cr_assert_eq(s.audit_sync, AUDIT_SYNC_BATCH);
}

Test(settings, sizes_take_units)
{
	cr_assert_eq(settings_set(&s, "frame_max", "64K", why), SR_OK);
	cr_assert_eq(s.frame_max, 65536);
	cr_assert_eq(settings_set(&s, "store_map_size", "2G", why), SR_OK);
	cr_assert_eq(s.store_map_size, UINT64_C(2) << 30);
	refuses("frame_max", "64Q");
	refuses("frame_max", "64 K");
	refuses("frame_max", "64k");
	refuses("frame_max", "18014398509481985G");      /* 2^64 and more */
}

Test(settings, times_take_units_and_are_milliseconds)
{
	static const struct { const char *text; uint64_t ms; } times[] = {
		{ "1", 1000 }, { "250ms", 250 }, { "3s", 3000 }, { "2m", 120000 }, { "1h", 3600000 },
	};

	for (size_t i = 0; i < SR_COUNT(times); i++) {
		cr_assert_eq(settings_set(&s, "request_timeout", times[i].text, why), SR_OK, "%s", times[i].text);
		cr_assert_eq(s.request_timeout, times[i].ms);
	}
	refuses("request_timeout", "0");
	refuses("request_timeout", "1d");
	refuses("request_timeout", "99h");
}

Test(settings, numbers_are_refused_when_they_are_none_or_out_of_range)
{
	static const char *const wrong[] = { "", "-1", "+1", " 1", "1 ", "0x10", "many", "257", "99999999999999999999" };

	for (size_t i = 0; i < SR_COUNT(wrong); i++)
		refuses("workers", wrong[i]);
	cr_assert_eq(s.workers, 0, "a refused value must leave the old one");
	cr_assert_eq(settings_set(&s, "workers", "256", why), SR_OK);
	cr_assert_eq(s.workers, 256);
}

Test(settings, a_refusal_says_what_is_allowed)
{
	refuses("workers", "many");
	cr_assert(strstr(why, "a number from 0 to 256") != NULL, "%s", why);
	refuses("log_level", "loud");
	cr_assert(strstr(why, "error|warning|info|debug") != NULL, "%s", why);
	refuses("frame_max", "1");
	cr_assert(strstr(why, "a size from 4K to 16M") != NULL, "%s", why);
	refuses("write_timeout", "1ms");
	cr_assert(strstr(why, "a time from 100ms to 1h") != NULL, "%s", why);
}

Test(settings, modes_are_octal)
{
	cr_assert_eq(settings_set(&s, "socket_mode", "0660", why), SR_OK);
	cr_assert_eq(s.socket_mode, 0660);
	cr_assert_eq(settings_set(&s, "socket_mode", "600", why), SR_OK);
	cr_assert_eq(s.socket_mode, 0600);
	refuses("socket_mode", "0888");
	refuses("socket_mode", "4755");
}

Test(settings, choices_are_whole_words)
{
	cr_assert_eq(settings_set(&s, "log_level", "debug", why), SR_OK);
	cr_assert_eq(s.log_level, LOG_LEVEL_DEBUG);
	cr_assert_eq(settings_set(&s, "audit_sync", "always", why), SR_OK);
	cr_assert_eq(s.audit_sync, AUDIT_SYNC_ALWAYS);
	refuses("log_level", "deb");
	refuses("log_level", "info|debug");
	refuses("log_level", "");
}

Test(settings, log_levels_are_those_of_the_log)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; i < SR_COUNT(words); i++) {
		cr_assert_eq(settings_set(&s, "log_level", words[i], why), SR_OK);
		cr_assert_eq((int)s.log_level, log_level_parse(words[i]));
	}
}

Test(settings, lists_are_split_at_commas)
{
	cr_assert_eq(settings_set(&s, "listen", " /run/a ,@b,/srv/c d ", why), SR_OK);
	cr_assert_eq(s.listen.n, 3);
	cr_assert_str_eq(s.listen.v[0], "/run/a");
	cr_assert_str_eq(s.listen.v[1], "@b");
	cr_assert_str_eq(s.listen.v[2], "/srv/c d");
	refuses("listen", "");
	refuses("listen", "/a,,/b");
	refuses("listen", "/a,");
	refuses("listen", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17");
	cr_assert_eq(s.listen.n, 3, "a refused value must leave the old one");
}

Test(settings, texts_have_an_end)
{
	char text[4002];

	memset(text, 'x', sizeof text);
	text[4001] = '\0';
	refuses("data", text);
	refuses("data", "");
	text[4000] = '\0';
	cr_assert_eq(settings_set(&s, "data", text, why), SR_OK);
}

Test(settings, unknown_ones_are_refused)
{
	refuses("no_such_setting", "1");
	refuses("Workers", "1");
	refuses("", "1");
}

Test(settings, a_file_is_read_in_opensslcnfs_syntax)
{
	write_config("workers = 3  # a comment\ndata = \"/srv/with space\"\nlisten = /a, \\\n  @b\naudit_checkpoint_command =\n");
	cr_assert_eq(settings_read(&s, path, true, why), SR_OK, "%s", why);
	cr_assert_eq(s.workers, 3);
	cr_assert_str_eq(s.data, "/srv/with space");
	cr_assert_eq(s.listen.n, 2);
	cr_assert_str_eq(s.audit_checkpoint_command, "");
	write_config("data = /srv/strongroom\nseal = file:$data.key\n");
	cr_assert_eq(settings_read(&s, path, true, why), SR_OK, "%s", why);
	cr_assert_str_eq(s.seal, "file:/srv/strongroom.key");
}

Test(settings, a_wrong_file_is_refused_and_named)
{
	refuses_file("workers = many\n", "workers");
	refuses_file("no_such_setting = 1\n", "no_such_setting");
	refuses_file("workers = 1\n[what]\nworkers = 2\n", "[what]");
	refuses_file("workers = 1\nwhat is this\n", ":2:");
	refuses_file("workers = $nothing\n", ":1:");
}

Test(settings, a_file_may_be_missing_unless_it_was_asked_for)
{
	cr_assert_eq(settings_read(&s, "/nonexistent/strongroomd.cnf", false, why), SR_OK);
	cr_assert_eq(settings_read(&s, "/nonexistent/strongroomd.cnf", true, why), SR_NOT_FOUND);
	cr_assert(strstr(why, "/nonexistent/strongroomd.cnf") != NULL);
	cr_assert_neq(settings_read(&s, "/tmp", true, why), SR_OK);
}

Test(settings, a_file_that_everybody_can_write_is_refused)
{
	write_config("workers = 2\n");
	cr_assert_eq(chmod(path, 0666), 0);
	cr_assert_neq(settings_read(&s, path, true, why), SR_OK);
	cr_assert_eq(chmod(path, 0644), 0);
	cr_assert_eq(settings_read(&s, path, true, why), SR_OK, "%s", why);
}

/* ---- documents ---- */

static char *source_file(const char *name)
{
	char file[4096];
	const char *end = strstr(__FILE__, "tests/unit/");
	char *text = NULL;
	size_t len;

	cr_assert_not_null(end);
	(void)snprintf(file, sizeof file, "%.*s%s", (int)(end - __FILE__), __FILE__, name);
	cr_assert_eq(io_read_file(AT_FDCWD, file, 1 << 20, &text, &len), SR_OK, "%s", file);
	return text;
}

Test(settings, the_packaged_file_is_what_help_settings_prints)
{
	SR_AUTO_FREE char *packaged = source_file("packaging/strongroomd.cnf");
	SR_AUTO_FREE char *printed = NULL;
	size_t len;
	FILE *f = open_memstream(&printed, &len);

	cr_assert_not_null(f);
	settings_help(f);
	cr_assert_eq(fclose(f), 0);
	cr_assert_str_eq(printed, packaged, "packaging/strongroomd.cnf: write it anew with strongroomd --help-settings");
}

Test(settings, every_default_may_be_written_into_the_file)
{
	SR_AUTO_FREE char *packaged = source_file("packaging/strongroomd.cnf");

	for (char *at = packaged; (at = strstr(at, "\n#")) != NULL; at++)
		if (at[2] != ' ')
			at[1] = ' ';
	write_config(packaged);
	cr_assert_eq(settings_read(&s, path, true, why), SR_OK, "%s", why);
}

static const struct { const char *name, *def, *doc; } listed[] = {
#define SETTING(name, kind, def, min, max, doc) { #name, def, doc },
#define CHOICE(name, def, words, doc)           { #name, def, doc },
#include "daemon/settings.def"
#undef SETTING
#undef CHOICE
};

Test(settings, the_manual_describes_each_and_no_other)
{
	SR_AUTO_FREE char *manual = source_file("docs/man/strongroomd.8");
	char expected[512], *section = strstr(manual, ".Sh SETTINGS\n"), *end;
	size_t described = 0;

	cr_assert_not_null(section);
	end = strstr(section + 1, "\n.Sh ");
	cr_assert_not_null(end);
	*end = '\0';
	for (size_t i = 0; i < SR_COUNT(listed); i++) {
		(void)snprintf(expected, sizeof expected, ".It Va %s Li = %s\n%s\n", listed[i].name, listed[i].def, listed[i].doc);
		if (listed[i].def[0] == '\0')
			(void)snprintf(expected, sizeof expected, ".It Va %s Li =\n%s\n", listed[i].name, listed[i].doc);
		cr_expect(strstr(section, expected) != NULL, "the manual lacks:\n%s", expected);
	}
	for (char *at = section; (at = strstr(at, "\n.It Va ")) != NULL; at++)
		described++;
	cr_assert_eq(described, SR_COUNT(listed));
}
