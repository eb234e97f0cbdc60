/* SPDX-License-Identifier: Apache-2.0 */
/* Private key files, as the openssl command writes them, and as nobody should. */
#include <fcntl.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <time.h>

#include "base/io.h"
#include "tests/unit/backend_rig.h"

#define FILE_MAX ((size_t)64 << 10)

static char dir[] = "/tmp/strongroom-import-XXXXXX";

static void start_dir(void)
{
	CHECK(mkdtemp(dir) != NULL && setenv("D", dir, 1) == 0);
	start();
}

static void stop_dir(void)
{
	CHECK(system("rm -rf \"$D\"") == 0);
}

/* Runs a line of shell in the directory; what it left in "out" is the file. */
static struct sr_secret shell(const char *line)
{
	char command[1024], *bytes;
	struct sr_secret file;
	size_t n;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(snprintf(command, sizeof(command), "cd \"$D\" && exec 2>err </dev/null && { %s; } || { cat err >&2; exit 1; }", line) < 1024);
	CHECK(system(command) == 0);
	CHECK(fd >= 0 && io_read_file(fd, "out", FILE_MAX, &bytes, &n) == SR_OK);
	close(fd);
	file = rig_secret(bytes, n);
	free(bytes);
	return file;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(io_replace_file(fd, name, bytes, n, 0600) == SR_OK);
	close(fd);
}

static bool same_key(const struct key_material *a, const struct key_material *b)
{
	return a->kind == b->kind && a->spki.n == b->spki.n && memcmp(a->spki.p, b->spki.p, a->spki.n) == 0 &&
		a->private_key.n == b->private_key.n && memcmp(a->private_key.p, b->private_key.p, a->private_key.n) == 0;
}

/* Forms.  k: the key in PKCS#8 PEM; each line writes out. */

static const struct form {
	const char *kty;                /* which keys have it; "" all */
	const char *line;
	bool encrypted;                 /* with "pw" */
} forms[] = {
	{ "", "cp k out", false },
	{ "", "openssl pkey -in k -outform DER -out out", false },
	{ "", "openssl pkcs8 -topk8 -nocrypt -in k -outform DER -out out", false },
	{ "", "{ echo '0 text before'; tr -d '\\r' <k | sed 's/$/\\r/'; echo text behind; } >out", false },
	{ "", "openssl req -x509 -new -key k -subj /CN=x -out c && cat c k >out", false },
	{ "", "openssl req -x509 -new -key k -subj /CN=x -out c && cat k c c >out", false },
	{ "", "printf %s \"$(cat k)\" >out", false },
	{ "RSA", "openssl rsa -traditional -in k -out out", false },
	{ "RSA", "openssl rsa -traditional -in k -outform DER -out out", false },
	{ "EC", "openssl ec -in k -out out", false },
	{ "EC", "openssl ec -in k -outform DER -out out", false },
	{ "EC", "openssl ec -in k -conv_form compressed -out out", false },
	{ "EC", "openssl pkey -in k -ec_conv_form compressed -outform DER -out out", false },
	{ "EC", "openssl ec -in k -no_public -out out", false },
	{ "EC", "openssl ecparam -name prime256v1 -out out && openssl ec -in k >>out", false },
	{ "", "openssl pkcs8 -topk8 -in k -passout pass:pw -out out", true },
	{ "", "openssl pkcs8 -topk8 -in k -passout pass:pw -outform DER -out out", true },
	{ "", "openssl pkcs8 -topk8 -in k -v2 aes-128-cbc -v2prf hmacWithSHA1 -passout pass:pw -out out", true },
	{ "", "openssl pkcs8 -topk8 -in k -v2 aes-192-cbc -v2prf hmacWithSHA512 -iter 5 -passout pass:pw -out out", true },
	{ "", "openssl pkcs8 -topk8 -in k -v2 des3 -passout pass:pw -out out", true },
	{ "", "openssl pkcs8 -topk8 -in k -scrypt -passout pass:pw -outform DER -out out", true },
	{ "RSA", "openssl rsa -traditional -in k -aes256 -passout pass:pw -out out", true },
	{ "RSA", "openssl rsa -traditional -in k -aes128 -passout pass:pw -out out", true },
	{ "RSA", "openssl rsa -traditional -in k -des3 -passout pass:pw -out out", true },
	{ "EC", "openssl ec -in k -aes192 -passout pass:pw -out out", true },
	{ "EC", "openssl ecparam -name prime256v1 -out out && openssl ec -in k -des3 -passout pass:pw >>out", true },
};

static void check_form(const struct form *form, const struct key_material *expected)
{
	size_t mark = arena.used;
	struct sr_secret file = shell(form->line);
	struct key_material got = { 0 };

	CHECK(rig_import(file, form->encrypted ? "pw" : "", &got) == SR_OK);
	CHECK(same_key(&got, expected));
	if (form->encrypted) {
		CHECK(rig_import(file, "", &got) == SR_CRYPTO && strstr(detail, "needs a passphrase") != NULL);
		CHECK(rig_import(file, "pW", &got) == SR_CRYPTO && strstr(detail, "wrong passphrase") != NULL);
		CHECK(rig_import(file, "pw\n", &got) == SR_CRYPTO);
	} else {
		CHECK(rig_import(file, "not needed", &got) == SR_OK);
	}
	arena.used = mark;
}

static void check_forms(enum key_kind kind)
{
	struct key_material expected;

	start_dir();
	/* With this, who asks the default context fails. */
	CHECK(OSSL_PROVIDER_load(NULL, "null") != NULL);
	expected = rig_material(kind);
	write_file("k.der", expected.private_key.p, expected.private_key.n);
	shell("openssl pkey -inform DER -in k.der -out k && cp k out");
	for (size_t i = 0; i < SR_COUNT(forms); i++)
		if (forms[i].kty[0] == '\0' || strcmp(forms[i].kty, key_kinds[kind].kty) == 0)
			check_form(&forms[i], &expected);
	stop_dir();
}

PRISTINE(rsa_is_read_in_every_form) { check_forms(KEY_rsa2048); }
PRISTINE(p256_is_read_in_every_form) { check_forms(KEY_p256); }
PRISTINE(p521_is_read_in_every_form) { check_forms(KEY_p521); }
PRISTINE(p256k_is_read_in_every_form) { check_forms(KEY_p256k); }
PRISTINE(ed25519_is_read_in_every_form) { check_forms(KEY_ed25519); }
PRISTINE(ed448_is_read_in_every_form) { check_forms(KEY_ed448); }

/* What is refused, and with which words. */

static const struct refusal {
	const char *line;
	enum sr_err err;
	const char *words;
} refusals[] = {
	{ "openssl genrsa -out out 1024", SR_UNSUPPORTED, "2048, 3072 or 4096" },
	{ "openssl genrsa -out out 2056", SR_UNSUPPORTED, "2048, 3072 or 4096" },
	{ "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3 -out out", SR_UNSUPPORTED, "more than two primes" },
	{ "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out out", SR_UNSUPPORTED, "RSA-PSS" },
	{ "openssl ecparam -name prime256v1 -genkey -noout -param_enc explicit -out out", SR_UNSUPPORTED, "explicit" },
	{ "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -out out", SR_UNSUPPORTED, "explicit" },
	{ "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 -out out", SR_UNSUPPORTED, "P-256K" },
	{ "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp224r1 -outform DER -out out", SR_UNSUPPORTED, "P-256K" },
	{ "openssl genpkey -algorithm X25519 -out out", SR_UNSUPPORTED, "X25519" },
	{ "openssl genpkey -algorithm X448 -out out", SR_UNSUPPORTED, "X448" },
	{ "openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048 -out out", SR_UNSUPPORTED, "not supported" },
	{ "openssl genpkey -algorithm ED25519 -out k && openssl pkey -in k -pubout -out out", SR_BAD_PARAMETER, "public key" },
	{ "openssl pkey -in k -pubout -outform DER -out out", SR_BAD_PARAMETER, "public key" },
	{ "openssl req -x509 -new -key k -subj /CN=x -out out", SR_BAD_PARAMETER, "certificate" },
	{ "openssl req -x509 -new -key k -subj /CN=x -outform DER -out out", SR_BAD_PARAMETER, "certificate" },
	{ "openssl req -new -key k -subj /CN=x -out out", SR_BAD_PARAMETER, "request" },
	{ "openssl req -new -key k -subj /CN=x -outform DER -out out", SR_BAD_PARAMETER, "request" },
	{ "openssl req -x509 -new -key k -subj /CN=x -out c && openssl pkcs12 -export -inkey k -in c -passout pass:pw -out out", SR_BAD_PARAMETER, "PKCS#12" },
	{ "cat k k >out", SR_BAD_PARAMETER, "more than one" },
	{ "openssl pkcs8 -topk8 -in k -v1 PBE-SHA1-3DES -passout pass:pw -out out", SR_UNSUPPORTED, "old way" },
	{ "openssl pkcs8 -topk8 -in k -v2 aria-128-cbc -passout pass:pw -out out", SR_UNSUPPORTED, "cipher" },
	{ ": >out", SR_BAD_PARAMETER, "empty" },
	{ "echo hello >out", SR_BAD_PARAMETER, "neither PEM nor DER" },
	{ "printf '\\060' >out", SR_BAD_PARAMETER, "cut short" },
	{ "printf '\\060\\200\\002\\001\\000\\000\\000' >out", SR_BAD_PARAMETER, "cut short" },
	{ "printf '\\060\\003\\002\\001\\005' >out", SR_BAD_PARAMETER, "not a well formed" },
	{ "{ cat k; echo -----BEGIN JUNK-----; } >out", SR_BAD_PARAMETER, "damaged" },
	{ "sed s/A/%/ k >out", SR_BAD_PARAMETER, "damaged" },
	{ "openssl ecparam -name prime256v1 -out out", SR_BAD_PARAMETER, "no private key" },
	{ "{ echo -----BEGIN OPENSSH PRIVATE KEY-----; echo AAAA; echo -----END OPENSSH PRIVATE KEY-----; } >out", SR_UNSUPPORTED, "ssh-keygen" },
	{ "{ echo -----BEGIN STRONGROOM KEY REFERENCE-----; echo AAAA; echo -----END STRONGROOM KEY REFERENCE-----; } >out", SR_BAD_PARAMETER, "reference" },
	/* PKCS#8 with the reference's OID, as the provider reads it. */
	{ "printf '\\060\\037\\002\\001\\000\\060\\027\\006\\025\\151\\201\\372\\214\\265\\307\\312\\252\\242\\260\\237\\233\\265\\217\\353\\350\\341\\207\\262\\112\\001\\004\\001\\000' >out", SR_BAD_PARAMETER, "reference" },
};

PRISTINE(other_files_are_refused_by_name)
{
	struct key_material got;

	start_dir();
	for (size_t i = 0; i < SR_COUNT(refusals); i++) {
		size_t mark = arena.used;
		struct sr_secret file = shell("openssl genpkey -algorithm ED25519 -out k; cp k out");

		file = shell(refusals[i].line);
		if (rig_import(file, "pw", &got) != refusals[i].err || strstr(detail, refusals[i].words) == NULL)
			fprintf(stderr, "%s: %s\n", refusals[i].line, detail);
		CHECK(rig_import(file, "pw", &got) == refusals[i].err);
		CHECK(strstr(detail, refusals[i].words) != NULL);
		arena.used = mark;
	}
	stop_dir();
}

PRISTINE(unusual_public_exponents)
{
	static const struct { const char *line; enum sr_err err; } cases[] = {
		{ "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out out", SR_OK },
		{ "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:4294967297 -out out", SR_OK },
		{ "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:18446744073709551629 -out out", SR_BAD_PARAMETER },
	};
	struct key_material got;
	uint8_t sig[SIGNATURE_MAX];
	static const uint8_t digest[32];
	size_t n;

	start_dir();
	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct backend_key *key;

		CHECK(rig_import(shell(cases[i].line), "", &got) == cases[i].err);
		if (cases[i].err != SR_OK)
			continue;
		key = rig_open(&got);
		CHECK(rig_sign(key, (struct sign_params){ SIGN_ALG_rs256, true, { digest, 32 }, -1, { NULL, 0 } }, sig, &n) == SR_OK);
		backend_key_close(key);
	}
	stop_dir();
}

/* Work and memory that a file asks for are bounded before they are spent. */

static struct sr_secret encrypted_with(X509_ALGOR *algorithm)
{
	static const uint8_t data[64];
	X509_SIG *sig = X509_SIG_new();
	X509_ALGOR *slot;
	ASN1_OCTET_STRING *octets;
	uint8_t *der = NULL;
	struct sr_secret file;
	int n;

	X509_SIG_getm(sig, &slot, &octets);
	CHECK(X509_ALGOR_copy(slot, algorithm) && ASN1_OCTET_STRING_set(octets, data, sizeof(data)));
	n = i2d_X509_SIG(sig, &der);
	CHECK(n > 0);
	file = rig_secret(der, (size_t)n);
	OPENSSL_free(der);
	X509_SIG_free(sig);
	X509_ALGOR_free(algorithm);
	return file;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

PRISTINE(pbkdf2_iterations_are_bounded)
{
	static uint8_t salt[300];
	struct key_material got;
	double before;

	start();
	for (int bits = 24; bits < 31; bits++) {
		struct sr_secret file = encrypted_with(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 1 << bits, salt, 8, NULL, NID_hmacWithSHA256));

		before = cpu_seconds();
		CHECK(rig_import(file, "pw", &got) == SR_UNSUPPORTED && strstr(detail, "iterations") != NULL);
		CHECK(cpu_seconds() - before < 0.1);
	}
	CHECK(rig_import(encrypted_with(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 10000001, salt, 8, NULL, NID_hmacWithSHA256)), "pw", &got) == SR_UNSUPPORTED);
	CHECK(rig_import(encrypted_with(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 100000, salt, 8, NULL, NID_hmacWithSHA256)), "pw", &got) == SR_CRYPTO);
	CHECK(rig_import(encrypted_with(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 1, salt, 300, NULL, NID_hmacWithSHA256)), "pw", &got) == SR_BAD_PARAMETER);
	CHECK(rig_import(encrypted_with(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 1, salt, 8, NULL, NID_hmac_md5)), "pw", &got) == SR_UNSUPPORTED);
}

/* DER by hand, for what no library writes. */

struct der {
	uint8_t p[2048];
	size_t n;
};

static struct der raw(const void *p, size_t n)
{
	struct der d = { .n = n };

	CHECK(n <= sizeof(d.p));
	memcpy(d.p, p, n);
	return d;
}

static struct der join(struct der a, struct der b)
{
	CHECK(a.n + b.n <= sizeof(a.p));
	memcpy(a.p + a.n, b.p, b.n);
	a.n += b.n;
	return a;
}

static struct der wrap(uint8_t tag, struct der in)
{
	const uint8_t head[] = { tag, 0x82, (uint8_t)(in.n >> 8), (uint8_t)in.n };

	if (in.n < 0x80)
		return join(raw((uint8_t[]){ tag, (uint8_t)in.n }, 2), in);
	if (in.n < 0x100)
		return join(raw((uint8_t[]){ tag, 0x81, (uint8_t)in.n }, 3), in);
	return join(raw(head, 4), in);
}

static struct der number(uint64_t v)
{
	uint8_t bytes[9] = { 0 };
	size_t skip = 0;

	for (size_t i = 0; i < 8; i++)
		bytes[8 - i] = (uint8_t)(v >> 8 * i);
	while (skip < 8 && bytes[skip] == 0 && !(bytes[skip + 1] & 0x80))
		skip++;
	return wrap(0x02, raw(bytes + skip, 9 - skip));
}

static struct der oid(const char *bytes)
{
	return wrap(0x06, raw(bytes, strlen(bytes)));
}

static struct sr_secret scrypt_file(uint64_t n, uint64_t r, uint64_t p)
{
	static const uint8_t zeros[64];
	struct der params = join(join(wrap(0x04, raw("saltsalt", 8)), number(n)), join(number(r), number(p)));
	struct der kdf = wrap(0x30, join(oid("\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"), wrap(0x30, params)));
	struct der cipher = wrap(0x30, join(oid("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), wrap(0x04, raw(zeros, 16))));
	struct der scheme = wrap(0x30, join(oid("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"), wrap(0x30, join(kdf, cipher))));
	struct der file = wrap(0x30, join(scheme, wrap(0x04, raw(zeros, 64))));

	return rig_secret(file.p, file.n);
}

PRISTINE(scrypt_costs_are_bounded)
{
	static const struct { uint64_t n, r, p; enum sr_err err; } cases[] = {
		{ 16384, 8, 1, SR_CRYPTO }, { 2, 1, 1, SR_CRYPTO }, { 16384, 8, 16, SR_CRYPTO },
		{ 16384, 8, 17, SR_UNSUPPORTED }, { 32768, 8, 1, SR_UNSUPPORTED }, { 1 << 20, 8, 1, SR_UNSUPPORTED },
		{ 2, 1, 1 << 30, SR_UNSUPPORTED }, { 2, 1 << 30, 1, SR_UNSUPPORTED }, { (uint64_t)1 << 63, 8, 1, SR_UNSUPPORTED },
		{ (uint64_t)1 << 33, (uint64_t)1 << 33, (uint64_t)1 << 33, SR_UNSUPPORTED }, { 2, UINT64_MAX, UINT64_MAX, SR_UNSUPPORTED },
		{ 0, 8, 1, SR_BAD_PARAMETER }, { 1, 8, 1, SR_BAD_PARAMETER }, { 3, 8, 1, SR_BAD_PARAMETER },
		{ 16, 0, 1, SR_BAD_PARAMETER }, { 16, 1, 0, SR_BAD_PARAMETER },
	};
	struct key_material got;

	start();
	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		double before = cpu_seconds();

		CHECK(rig_import(scrypt_file(cases[i].n, cases[i].r, cases[i].p), "pw", &got) == cases[i].err);
		CHECK(cases[i].err == SR_CRYPTO || cpu_seconds() - before < 0.1);
	}
}

/* Halves that do not belong together. */

PRISTINE(ec_halves_must_belong_together)
{
	struct key_material a, b, got;
	struct sr_secret mixed;

	start();
	for (enum key_kind kind = KEY_p256; kind <= KEY_p256k; kind++) {
		size_t point = 1 + 2 * ((key_kinds[kind].size + 7) / 8);

		a = rig_material(kind);
		b = rig_material(kind);
		mixed = rig_secret(a.private_key.p, a.private_key.n);
		memcpy(mixed.p + mixed.n - point, b.private_key.p + b.private_key.n - point, point);
		CHECK(rig_import(mixed, "", &got) == SR_BAD_PARAMETER && strstr(detail, "does not belong") != NULL);
		memset(mixed.p + mixed.n - point + 1, 0x11, point - 1);
		CHECK(rig_import(mixed, "", &got) == SR_BAD_PARAMETER);
	}
}

static struct sr_secret p256_with_scalar(const uint8_t *scalar, size_t n)
{
	struct der ec = wrap(0x30, join(join(number(1), wrap(0x04, raw(scalar, n))), wrap(0xa0, oid("\x2a\x86\x48\xce\x3d\x03\x01\x07"))));

	return rig_secret(ec.p, ec.n);
}

PRISTINE(ec_scalar_must_be_in_range)
{
	static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	uint8_t scalar[33] = { 0 };
	struct key_material got;

	start();
	CHECK(rig_import(p256_with_scalar(scalar, 32), "", &got) == SR_BAD_PARAMETER && strstr(detail, "between 1 and") != NULL);
	CHECK(rig_import(p256_with_scalar(scalar, 0), "", &got) == SR_BAD_PARAMETER);
	scalar[0] = 1;
	CHECK(rig_import(p256_with_scalar(scalar, 1), "", &got) == SR_OK && got.kind == KEY_p256);
	CHECK(rig_import(p256_with_scalar(scalar, 33), "", &got) == SR_BAD_PARAMETER);
	CHECK(hex_decode(str_of(order), scalar, 32));
	CHECK(rig_import(p256_with_scalar(scalar, 32), "", &got) == SR_BAD_PARAMETER && strstr(detail, "between 1 and") != NULL);
	scalar[31]--;
	CHECK(rig_import(p256_with_scalar(scalar, 32), "", &got) == SR_OK);
}

PRISTINE(ed25519_halves_must_belong_together)
{
	struct key_material m, got;
	struct der algorithm = wrap(0x30, oid("\x2b\x65\x70")), private, whole;
	uint8_t public[33] = { 0 };

	start();
	m = rig_material(KEY_ed25519);
	memcpy(public + 1, m.spki.p + m.spki.n - 32, 32);
	for (unsigned good = 0; good < 2; good++) {
		public[32] ^= 1;
		private = wrap(0x04, raw(m.private_key.p + m.private_key.n - 34, 34));
		whole = wrap(0x30, join(join(number(1), algorithm), join(private, wrap(0x81, raw(public, 33)))));
		CHECK(rig_import(rig_secret(whole.p, whole.n), "", &got) == (good ? SR_OK : SR_BAD_PARAMETER));
	}
}

static struct der big_number(const BIGNUM *n)
{
	uint8_t bytes[300] = { 0 };
	size_t len = (size_t)BN_bn2bin(n, bytes + 1);
	bool sign = (bytes[1] & 0x80) != 0;

	return wrap(0x02, raw(bytes + 1 - sign, len + sign));
}

/* RSAPrivateKey; bits of foreign choose which numbers are the second key's, and
 * have something added. */
static struct sr_secret rsa_with(EVP_PKEY *const keys[2], unsigned foreign, int add)
{
	static const char *const names[] = { "n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1" };
	struct der body = number(0), whole;

	for (unsigned i = 0; i < 8; i++) {
		BIGNUM *n = NULL;

		CHECK(EVP_PKEY_get_bn_param(keys[foreign >> i & 1], names[i], &n));
		if (foreign >> i & 1 && add != 0)
			CHECK(BN_add_word(n, (BN_ULONG)add));
		body = join(body, big_number(n));
		BN_free(n);
	}
	whole = wrap(0x30, body);
	return rig_secret(whole.p, whole.n);
}

PRISTINE(rsa_parts_must_belong_together)
{
	struct key_material a, b, got;
	EVP_PKEY *keys[2], *same[2];

	start();
	a = rig_material(KEY_rsa2048);
	CHECK(rig_import(rig_text(PEM_RSA2048B), "", &b) == SR_OK);
	keys[0] = rig_private(&a);
	keys[1] = rig_private(&b);
	same[0] = same[1] = keys[0];
	CHECK(rig_import(rsa_with(keys, 0, 0), "", &got) == SR_OK && same_key(&got, &a));
	for (unsigned i = 0; i < 8; i++) {
		/* e is 65537 in both. */
		if (i != 1)
			CHECK(rig_import(rsa_with(keys, 1u << i, 0), "", &got) == SR_BAD_PARAMETER);
		CHECK(rig_import(rsa_with(same, 1u << i, 2), "", &got) == SR_BAD_PARAMETER);
	}
	/* Both factors foreign, and everything but the modulus. */
	CHECK(rig_import(rsa_with(keys, 0x18, 0), "", &got) == SR_BAD_PARAMETER);
	CHECK(rig_import(rsa_with(keys, 0xfe, 0), "", &got) == SR_BAD_PARAMETER);
	/* An even exponent. */
	CHECK(rig_import(rsa_with(same, 0x02, 1), "", &got) == SR_BAD_PARAMETER);
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
}

/* Damage. */

/* Whatever is cut off: refused, or (line ends, dashes at the end) the same key. */
static void cut_everywhere(const struct key_material *m, struct sr_secret file, const char *passphrase)
{
	struct key_material got;

	for (size_t n = 0; n < file.n; n++) {
		size_t mark = arena.used;
		enum sr_err err = rig_import((struct sr_secret){ file.p, n }, passphrase, &got);

		CHECK(err == SR_OK ? same_key(&got, m) && n + 1 >= file.n : err == SR_BAD_PARAMETER || err == SR_CRYPTO);
		arena.used = mark;
	}
}

PRISTINE(truncated_files_are_refused)
{
	struct key_material m;

	start_dir();
	m = rig_material(KEY_p256);
	cut_everywhere(&m, m.private_key, "");
	write_file("k.der", m.private_key.p, m.private_key.n);
	cut_everywhere(&m, shell("openssl pkey -inform DER -in k.der -out out"), "");
	cut_everywhere(&m, shell("openssl ec -inform DER -in k.der -out out"), "");
	cut_everywhere(&m, shell("openssl ec -inform DER -in k.der -aes256 -passout pass:pw -out out"), "pw");
	cut_everywhere(&m, shell("openssl pkcs8 -topk8 -inform DER -in k.der -iter 1 -passout pass:pw -out out"), "pw");
	cut_everywhere(&m, shell("openssl pkcs8 -topk8 -inform DER -in k.der -iter 1 -passout pass:pw -outform DER -out out"), "pw");
	m = rig_material(KEY_rsa2048);
	cut_everywhere(&m, m.private_key, "");
	cut_everywhere(&m, rig_text(PEM_RSA2048), "");
	stop_dir();
}

/* Each bit turned: refused, or the same key (where nobody looks). */
static void turn_bits(const struct key_material *m, struct sr_secret file, const char *passphrase, size_t step)
{
	struct key_material got;

	for (size_t bit = 0; bit < file.n * 8; bit += step) {
		size_t mark = arena.used;

		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (rig_import(file, passphrase, &got) == SR_OK)
			CHECK(same_key(&got, m));
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		arena.used = mark;
	}
}

PRISTINE(damaged_files_are_refused)
{
	struct key_material m;

	start_dir();
	m = rig_material(KEY_p256);
	turn_bits(&m, rig_secret(m.private_key.p, m.private_key.n), "", 1);
	write_file("k.der", m.private_key.p, m.private_key.n);
	turn_bits(&m, shell("openssl pkey -inform DER -in k.der -out out"), "", 1);
	turn_bits(&m, shell("openssl ec -inform DER -in k.der -aes256 -passout pass:pw -out out"), "pw", 3);
	turn_bits(&m, shell("openssl pkcs8 -topk8 -inform DER -in k.der -iter 1 -passout pass:pw -outform DER -out out"), "pw", 1);
	m = rig_material(KEY_rsa2048);
	turn_bits(&m, rig_secret(m.private_key.p, m.private_key.n), "", 151);
	stop_dir();
}

PRISTINE(size_is_bounded)
{
	static char big[FILE_MAX + 1];
	struct key_material got;
	size_t pem = strlen(PEM_RSA2048);

	start();
	memset(big, '\n', sizeof(big));
	memcpy(big + FILE_MAX - pem, PEM_RSA2048, pem);
	CHECK(rig_import(rig_secret(big, FILE_MAX), "", &got) == SR_OK);
	CHECK(rig_import(rig_secret(big, FILE_MAX + 1), "", &got) == SR_BAD_PARAMETER && strstr(detail, "64 KiB") != NULL);
}

/* Imports leave nothing in the region, whatever comes of them. */
PRISTINE(imports_leave_nothing_behind)
{
	static uint8_t traditional[1024], pkcs8[1024];
	struct key_material m, got;
	struct sr_secret file;
	size_t before = 0, traditional_n, pkcs8_n;

	start_dir();
	m = rig_material(KEY_p256);
	write_file("k.der", m.private_key.p, m.private_key.n);
	file = shell("openssl ec -inform DER -in k.der -aes256 -passout pass:pw -out out");
	memcpy(traditional, file.p, traditional_n = file.n);
	file = shell("openssl pkcs8 -topk8 -inform DER -in k.der -passout pass:pw -out out");
	memcpy(pkcs8, file.p, pkcs8_n = file.n);
	for (unsigned round = 0; round < 4; round++) {
		m = rig_material(KEY_p384);
		for (size_t n = 0; n <= m.private_key.n; n += 5)
			(void)!rig_import((struct sr_secret){ m.private_key.p, n }, "", &got);
		CHECK(rig_import(rig_text(PEM_RSA2048 PEM_RSA2048B), "", &got) == SR_BAD_PARAMETER);
		CHECK(rig_import(rig_text(PEM_RSA2048), "", &got) == SR_OK);
		CHECK(rig_import(rig_secret(traditional, traditional_n), "pw", &got) == SR_OK);
		CHECK(rig_import(rig_secret(traditional, traditional_n), "", &got) == SR_CRYPTO);
		CHECK(rig_import(rig_secret(pkcs8, pkcs8_n), "pw", &got) == SR_OK);
		CHECK(rig_import(rig_secret(pkcs8, pkcs8_n), "PW", &got) == SR_CRYPTO);
		CHECK(rig_import(scrypt_file(1024, 8, 1), "pw", &got) == SR_CRYPTO);
		arena_reset(&arena);
		CHECK(round < 2 || rig_used() == before);
		before = rig_used();
	}
	stop_dir();
}
