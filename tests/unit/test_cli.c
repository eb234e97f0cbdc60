/* SPDX-License-Identifier: Apache-2.0 */
/* The command without a daemon: the command line, times, files, keys' numbers. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "cli/args.h"
#include "cli/crypto.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/secret.h"
#include "cli/when.h"

/* ---- the command line ---- */

static struct args args;
static struct args_problem problem;

#define PARSE(...) parse((const char *[]){ "strongroom", __VA_ARGS__, NULL })
static enum sr_err parse(const char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return args_parse(argc, (char **)(uintptr_t)argv, &args, &problem);
}

Test(args, options_may_stand_anywhere_and_take_values_both_ways)
{
	cr_assert_eq(PARSE("--socket=/s", "key", "-o", "json", "create", "--kty", "EC", "web/tls", "--curve=P-256"), SR_OK, "%s", problem.text);
	cr_assert_str_eq(args.command->noun, "key");
	cr_assert_str_eq(args.command->verb, "create");
	cr_assert_str_eq(args.operand[0], "web/tls");
	cr_assert_str_eq(ARGS_VALUE(&args, socket), "/s");
	cr_assert_str_eq(ARGS_VALUE(&args, kty), "EC");
	cr_assert_str_eq(ARGS_VALUE(&args, curve), "P-256");
	cr_assert_str_eq(ARGS_VALUE(&args, output), "json");
	cr_assert(!ARGS_HAS(&args, size));
}

Test(args, a_value_may_look_like_an_option_or_be_empty)
{
	cr_assert_eq(PARSE("key", "import", "web/a", "--in", "-"), SR_OK);
	cr_assert_str_eq(ARGS_VALUE(&args, in), "-");
	cr_assert_eq(PARSE("key", "import", "web/a", "--tag=", "--in", "--out"), SR_OK);
	cr_assert_str_eq(ARGS_VALUE(&args, in), "--out");
	cr_assert_str_eq(args.tag[0], "");
}

Test(args, behind_two_hyphens_there_are_no_options)
{
	cr_assert_eq(PARSE("vault", "show", "--", "--help"), SR_OK);
	cr_assert_str_eq(args.operand[0], "--help");
	cr_assert(!args.help);
}

Test(args, short_options_take_values_three_ways)
{
	cr_assert_eq(PARSE("audit", "tail", "-n", "3"), SR_OK);
	cr_assert_str_eq(ARGS_VALUE(&args, lines), "3");
	cr_assert_eq(PARSE("audit", "tail", "-n3", "-f"), SR_OK);
	cr_assert_str_eq(ARGS_VALUE(&args, lines), "3");
	cr_assert(ARGS_HAS(&args, follow));
	cr_assert_eq(PARSE("audit", "tail", "-n=3"), SR_OK);
	cr_assert_str_eq(ARGS_VALUE(&args, lines), "3");
}

Test(args, tags_are_collected_and_bounded)
{
	const char *argv[64] = { "strongroom", "key", "create", "web/a", "--kty", "EC" };
	size_t n = 6;

	for (size_t i = 0; i < ARGS_TAGS_MAX; i++)
		argv[n++] = "--tag=a=b";
	cr_assert_eq(parse(argv), SR_OK);
	cr_assert_eq(args.tags_n, ARGS_TAGS_MAX);
	argv[n++] = "--tag=a=b";
	cr_assert_eq(parse(argv), SR_BAD_PARAMETER);
}

#define REFUSED(words, ...) \
	do { \
		cr_assert_eq(PARSE(__VA_ARGS__), SR_BAD_PARAMETER); \
		cr_assert_not_null(strstr(problem.text, words), "says: %s", problem.text); \
	} while (0)

Test(args, mistakes_are_refused_by_name)
{
	REFUSED("did you mean --kty", "key", "create", "web/a", "--ktyy", "EC");
	REFUSED("did you mean --expires", "key", "create", "web/a", "--exp=1");
	REFUSED("did you mean key sign", "key", "sgin", "web/a");
	REFUSED("did you mean key", "kye", "list");
	REFUSED("there is no option --zzzzzz", "key", "list", "web", "--zzzzzz");
	REFUSED("there is no option -z", "key", "list", "web", "-z");
	REFUSED("does not take --kty", "key", "list", "web", "--kty", "EC");
	REFUSED("takes no value", "key", "update", "web/a", "--enabled=yes");
	REFUSED("needs a value", "key", "list", "web", "--socket");
	REFUSED("--kty TYPE is missing", "key", "create", "web/a");
	REFUSED("NAME is missing", "key", "create", "--kty", "EC");
	REFUSED("one word too many", "key", "list", "web", "more");
	REFUSED("one word too many", "a", "b", "c", "d", "e", "f", "g", "h", "i");
	REFUSED("needs a verb", "key");
	REFUSED("a command is missing", "-o", "json");
}

Test(args, what_later_versions_have_is_said_not_to_be_there)
{
	REFUSED("does not have \"secret set\"", "secret", "set", "web/a");
	REFUSED("does not have \"secret\"", "secret", "--help");
	REFUSED("does not have \"key rotate\"", "key", "rotate", "web/a");
	REFUSED("does not have \"run\"", "run");
	cr_assert_null(command_later("key", "rota"));
	cr_assert_null(command_later("key", ""));
	cr_assert_null(command_later("key", NULL));
}

Test(args, help_is_found_at_every_level)
{
	cr_assert_eq(PARSE("help"), SR_OK);
	cr_assert(args.help && args.noun == NULL);
	cr_assert_eq(PARSE("--help"), SR_OK);
	cr_assert(args.help);
	cr_assert_eq(PARSE("key", "-h"), SR_OK);
	cr_assert(args.help && args.command == NULL);
	cr_assert_eq(PARSE("help", "key", "create"), SR_OK);
	cr_assert_str_eq(args.command->verb, "create");
	cr_assert_eq(PARSE("key", "create", "--help"), SR_OK);
	cr_assert_str_eq(args.command->verb, "create");
	REFUSED("no command key crate", "help", "key", "crate");
}

#define WANTS_JSON(...) wants_json((const char *[]){ "strongroom", __VA_ARGS__, NULL })
static bool wants_json(const char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return args_want_json(argc, (char **)(uintptr_t)argv);
}

Test(args, json_is_wanted_before_all_else_is_read)
{
	cr_assert(WANTS_JSON("nonsense", "-o", "json"));
	cr_assert(WANTS_JSON("--output=json", "--nonsense"));
	cr_assert(WANTS_JSON("-ojson"));
	cr_assert(!WANTS_JSON("-o", "json", "-otable"));
	cr_assert(!WANTS_JSON("--", "-ojson"));
	cr_assert(!WANTS_JSON("-o"));
}

Test(args, every_command_has_a_summary_and_an_example_of_itself)
{
	for (size_t i = 0; i < commands_n; i++) {
		const struct command *c = &commands[i];
		char begin[64];

		(void)snprintf(begin, sizeof begin, "strongroom %s%s%s", c->noun, c->verb[0] == '\0' ? "" : " ", c->verb);
		cr_assert(strncmp(c->example, begin, strlen(begin)) == 0, "%s", c->example);
		cr_assert_neq(c->summary[0], '\0');
		cr_assert_not_null(noun_find(c->noun));
		cr_assert_eq(command_find(c->noun, c->verb), c);
		cr_assert_null(command_later(c->noun, c->verb));
		cr_assert_eq((c->needs & c->takes), 0);
	}
}

Test(args, numbers_are_whole_decimal_and_bounded)
{
	uint64_t n;

	cr_assert(args_number("0", 0, &n) && n == 0);
	cr_assert(args_number("18446744073709551615", UINT64_MAX, &n) && n == UINT64_MAX);
	cr_assert(!args_number("18446744073709551616", UINT64_MAX, &n));
	cr_assert(args_number("10", 10, &n) && !args_number("11", 10, &n) && !args_number("5", 4, &n));
	cr_assert(!args_number("", 9, &n) && !args_number("-1", 9, &n) && !args_number("1x", 99, &n) && !args_number(" 1", 9, &n));
}

/* ---- times ---- */

static uint64_t when(const char *text)
{
	uint64_t t;

	return when_parse(text, 1000, &t) ? t : UINT64_MAX;
}

Test(when, reads_every_form)
{
	cr_assert_eq(when("0"), 0);
	cr_assert_eq(when("1769882400"), 1769882400);
	cr_assert_eq(when("+30d"), 1000 + 30 * 86400);
	cr_assert_eq(when("+12h"), 1000 + 12 * 3600);
	cr_assert_eq(when("+15m"), 1000 + 15 * 60);
	cr_assert_eq(when("+2w"), 1000 + 14 * 86400);
	cr_assert_eq(when("+5s"), 1005);
	cr_assert_eq(when("2026-01-31T18:00:00Z"), 1769882400);
	cr_assert_eq(when("2026-01-31t18:00:00.123z"), 1769882400);
	cr_assert_eq(when("2026-01-31T19:00:00+01:00"), 1769882400);
	cr_assert_eq(when("2026-01-31 12:30:00-05:30"), 1769882400);
	cr_assert_eq(when("2024-02-29T00:00:00Z"), 1709164800);
	cr_assert_eq(when("9999-12-31T23:59:59Z"), 253402300799);
}

Test(when, refuses_everything_else)
{
	static const char *const wrong[] = {
		"", "x", "tomorrow", "-1", "+", "+d", "+1", "+1y", "+-1d", "+1dd", "+99999999999999999d", "1e9", "253402300800",
		"2026-01-31", "2026-01-31T18:00:00", "2026-01-31T18:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-31T24:00:00Z",
		"2026-01-31T18:60:00Z", "2026-01-31T18:00:61Z", "2026-01-31T18:00:00.Z", "2026-01-31T18:00:00+0100",
		"2026-01-31T18:00:00+24:00", "2026-01-31T18:00:00Zx", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
		"2026-01-31X18:00:00Z", "9999-12-31T23:59:59-00:01", "2026-1-31T18:00:00Z",
	};

	for (size_t i = 0; i < SR_COUNT(wrong); i++)
		cr_assert_eq(when(wrong[i]), UINT64_MAX, "\"%s\"", wrong[i]);
}

Test(when, what_is_shown_is_read_again)
{
	char text[TIME_TEXT_MAX];

	setenv("TZ", "Asia/Kolkata", 1);
	tzset();
	cr_assert_str_eq(time_text(1769882400, text), "2026-01-31T23:30:00+05:30");
	cr_assert_eq(when(text), 1769882400);
	setenv("TZ", "UTC", 1);
	tzset();
	cr_assert_eq(when(time_text(1709164800, text)), 1709164800);
	cr_assert_str_eq(time_text(0, text), "-");
	cr_assert_str_eq(time_text(UINT64_MAX, text), "18446744073709551615");
}

/* ---- output ---- */

static const char *cleaned(const char *text)
{
	static char out[256];
	FILE *to = fmemopen(out, sizeof out, "w");

	print_clean(to, str_of(text));
	(void)fclose(to);
	return out;
}

Test(output, nothing_that_others_wrote_drives_the_terminal)
{
	cr_assert_str_eq(cleaned("plain, \"quoted\" and \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"), "plain, \"quoted\" and \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91");
	cr_assert_str_eq(cleaned("a\x1b[31mb\nc\td\x7f"), "a?[31mb?c?d?");
	cr_assert_str_eq(cleaned("\xc2\x9b" "31m"), "??31m");           /* CSI as one C1 character */
	cr_assert_str_eq(cleaned("\xe2\x80\xae" "evil"), "???evil");    /* right-to-left override */
	cr_assert_str_eq(cleaned("\xff\xc3"), "??");
	cr_assert_str_eq(cleaned("\xc0\x8a"), "??");                    /* an overlong newline */
	cr_assert_str_eq(cleaned("\xe0\x80\x8a"), "???");
	cr_assert_str_eq(cleaned("\xed\xa0\x80"), "???");               /* a surrogate */
}

Test(output, json_takes_any_bytes)
{
	json_t *json = json_text((struct sr_str){ "a\xff\0b", 4 });

	cr_assert_str_eq(json_string_value(json), "a??b");
	json_decref(json);
	json = json_base64url((struct sr_bytes){ (const uint8_t *)"\xfb\xff", 2 });
	cr_assert_str_eq(json_string_value(json), "-_8");
	json_decref(json);
}

/* ---- files ---- */

static const struct cli quiet = { .json = false };

static void in_new_directory(void)
{
	char dir[] = "/tmp/test_cli.XXXXXX";

	cr_assert_geq(sodium_init(), 0);
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	(void)umask(022);
}

static void leave_directory(void)
{
	char dir[64];

	cr_assert_not_null(getcwd(dir, sizeof dir));
	(void)unlink("f");
	(void)unlink("link");
	(void)rmdir("d");
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
}

static void assert_file(const char *path, const char *content, mode_t mode)
{
	char text[64] = "";
	struct stat st;
	int fd = open(path, O_RDONLY);

	cr_assert_geq(fd, 0);
	cr_assert_geq(read(fd, text, sizeof text - 1), 0);
	cr_assert_str_eq(text, content);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(st.st_mode & 0777, mode, "%o", st.st_mode);
	(void)close(fd);
}

TestSuite(file, .init = in_new_directory, .fini = leave_directory);

Test(file, is_made_for_all_or_for_its_owner_alone)
{
	cr_assert_eq(file_write(&quiet, "f", FILE_PUBLIC, "one", 3), 0);
	assert_file("f", "one", 0644);
	cr_assert_eq(file_write(&quiet, "f", FILE_PLAINTEXT, "two", 3), 0);
	assert_file("f", "two", 0600);
}

Test(file, that_is_replaced_keeps_its_mode)
{
	cr_assert_eq(file_write(&quiet, "f", FILE_PUBLIC, "one", 3), 0);
	cr_assert_eq(chmod("f", 0640), 0);
	cr_assert_eq(file_write(&quiet, "./f", FILE_PUBLIC, "", 0), 0);
	assert_file("f", "", 0640);
}

Test(file, behind_a_link_is_replaced_and_the_link_stays)
{
	struct stat st;

	cr_assert_eq(file_write(&quiet, "f", FILE_PUBLIC, "one", 3), 0);
	cr_assert_eq(symlink("f", "link"), 0);
	cr_assert_eq(file_write(&quiet, "link", FILE_PUBLIC, "two", 3), 0);
	assert_file("f", "two", 0644);
	cr_assert_eq(lstat("link", &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
}

Test(file, that_cannot_be_written_is_an_error)
{
	cr_assert_eq(mkdir("d", 0755), 0);
	cr_assert_neq(file_write(&quiet, "d", FILE_PUBLIC, "x", 1), 0);
	cr_assert_neq(file_write(&quiet, "no/f", FILE_PUBLIC, "x", 1), 0);
	cr_assert_neq(file_write(&quiet, "/dev/full", FILE_PUBLIC, "x", 1), 0);
	cr_assert_eq(file_write(&quiet, "/dev/null", FILE_PUBLIC, "x", 1), 0);
}

Test(file, is_read_up_to_its_limit_and_not_beyond)
{
	SR_AUTO_SECRET secret = { 0 };
	uint8_t *data;
	size_t n;
	char large[9000];
	int fd;

	memset(large, 'x', sizeof large);
	cr_assert_eq(file_write(&quiet, "f", FILE_PUBLIC, large, sizeof large), 0);
	fd = open("f", O_RDONLY);
	cr_assert_eq(file_read(fd, sizeof large, &data, &n), SR_OK);
	cr_assert_eq(n, sizeof large);
	free(data);
	(void)lseek(fd, 0, SEEK_SET);
	cr_assert_eq(file_read(fd, sizeof large - 1, &data, &n), SR_TOO_LARGE);
	(void)lseek(fd, 0, SEEK_SET);
	cr_assert_eq(secret_read(fd, sizeof large - 1, &secret), SR_TOO_LARGE);
	(void)lseek(fd, 0, SEEK_SET);
	cr_assert_eq(secret_read(fd, sizeof large, &secret), SR_OK);
	cr_assert_eq(secret.n, sizeof large);
	cr_assert_eq(memcmp(secret.p, large, sizeof large), 0);
	(void)close(fd);
}

/* ---- numbers of keys ---- */

static struct sr_bytes spki_of(EVP_PKEY *pkey, unsigned char **der)
{
	int n;

	*der = NULL;
	n = i2d_PUBKEY(pkey, der);
	cr_assert_gt(n, 0);
	return (struct sr_bytes){ *der, (size_t)n };
}

static void assert_public(EVP_PKEY *pkey, const char *kty, size_t modulus, size_t x, size_t y)
{
	struct crypto_public key;
	unsigned char *der;
	struct sr_bytes spki = spki_of(pkey, &der);

	cr_assert_eq(crypto_public(spki, &key), SR_OK);
	cr_assert_str_eq(key.kty, kty);
	cr_assert_eq(key.modulus.n, modulus);
	cr_assert_eq(key.x.n, x);
	cr_assert_eq(key.y.n, y);
	cr_assert_neq(crypto_public((struct sr_bytes){ spki.p, spki.n - 1 }, &key), SR_OK);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

Test(crypto, takes_public_keys_of_every_type_apart)
{
	assert_public(EVP_RSA_gen(2048), "RSA", 256, 0, 0);
	assert_public(EVP_EC_gen("P-256"), "EC", 0, 32, 32);
	assert_public(EVP_EC_gen("P-384"), "EC", 0, 48, 48);
	assert_public(EVP_EC_gen("P-521"), "EC", 0, 66, 66);
	assert_public(EVP_EC_gen("secp256k1"), "EC", 0, 32, 32);
	assert_public(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "OKP", 0, 32, 0);
	assert_public(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), "OKP", 0, 57, 0);
}

Test(crypto, refuses_keys_of_other_types)
{
	struct crypto_public key;
	unsigned char *der;
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

	cr_assert_eq(crypto_public(spki_of(pkey, &der), &key), SR_UNSUPPORTED);
	cr_assert_neq(crypto_public((struct sr_bytes){ (const uint8_t *)"\x30\x00", 2 }, &key), SR_OK);
	cr_assert_neq(crypto_public((struct sr_bytes){ 0 }, &key), SR_OK);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

Test(crypto, raw_signatures_are_padded_to_the_curve)
{
	static const uint8_t der[] = { 0x30, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x00, 0x80 };
	uint8_t raw[8];

	cr_assert_eq(crypto_ecdsa_raw((struct sr_bytes){ der, sizeof der }, 4, raw), SR_OK);
	cr_assert_eq(memcmp(raw, "\0\0\0\5\0\0\0\x80", 8), 0);
	cr_assert_neq(crypto_ecdsa_raw((struct sr_bytes){ der, sizeof der - 1 }, 4, raw), SR_OK);
	cr_assert_neq(crypto_ecdsa_raw((struct sr_bytes){ der, sizeof der }, 0, raw), SR_OK);
}

Test(crypto, hashes_a_file_whole)
{
	char path[] = "/tmp/test_cli.XXXXXX", large[40000], hex[129];
	uint8_t digest[CRYPTO_DIGEST_MAX];
	int fd = mkstemp(path);
	size_t n;

	(void)unlink(path);
	memset(large, 'a', sizeof large);
	cr_assert_eq(write(fd, large, sizeof large), (ssize_t)sizeof large);
	(void)lseek(fd, 0, SEEK_SET);
	cr_assert_eq(crypto_hash_file("SHA256", fd, digest, &n), SR_OK);
	hex_encode((struct sr_bytes){ digest, n }, hex);
	/* printf %40000s | tr ' ' a | sha256sum */
	cr_assert_str_eq(hex, "72a2f8d2643328a2e03dcb1b66fdc6610b95ba3019d88d8849ce060d0be634ce");
	cr_assert_eq(crypto_hash_file("NOHASH", fd, digest, &n), SR_UNSUPPORTED);
	(void)close(fd);
}
