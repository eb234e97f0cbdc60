/* SPDX-License-Identifier: Apache-2.0 */
/* Key references: every type there and back, and nothing else is one. */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <strongroom/reference.h>
#include <strongroom/strongroom.h>

#include "base/result.h"
#include "base/str.h"

#define URI "strongroom://web.acme/keys/tls/0123456789abcdef0123456789abcdef"

struct der { unsigned char *p; size_t n; };

static EVP_PKEY *generate(const char *type, const char *group)
{
	EVP_PKEY *key = strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048) :
		group[0] != '\0' ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", group) : EVP_PKEY_Q_keygen(NULL, NULL, type);

	cr_assert_not_null(key, "%s %s", type, group);
	return key;
}

static struct der spki_of(const char *type, const char *group)
{
	EVP_PKEY *key = generate(type, group);
	struct der der = { NULL, 0 };
	int n = i2d_PUBKEY(key, &der.p);

	cr_assert_gt(n, 0);
	der.n = (size_t)n;
	EVP_PKEY_free(key);
	return der;
}

static struct sr_reference reference_to(struct der spki)
{
	struct sr_reference reference = { .uri = URI, .spki = { spki.p, spki.n } };

	return reference;
}

static struct der encoded(struct der spki)
{
	struct sr_reference reference = reference_to(spki);
	struct der out;

	cr_assert_eq(sr_reference_encode(&reference, &out.p, &out.n), SR_OK);
	return out;
}

static bool decodes(const void *p, size_t n)
{
	struct sr_reference reference;

	return sr_reference_decode((struct sr_bytes){ p, n }, &reference) == SR_OK;
}

/* The OID that the reference stands under, in dots. */
static void oid_of(struct der der, char *out, size_t size)
{
	const unsigned char *at = der.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.n);
	const ASN1_OBJECT *object;
	const X509_ALGOR *algorithm;

	cr_assert_not_null(info);
	cr_assert_eq(PKCS8_pkey_get0(&object, NULL, NULL, &algorithm, info), 1);
	cr_assert_gt(OBJ_obj2txt(out, (int)size, object, 1), 0);
	PKCS8_PRIV_KEY_INFO_free(info);
}

/* Every kind of key that the list has, under the OID that the list gives it. */
Test(reference, goes_there_and_back_for_every_kind_of_key)
{
	static const struct { const char *type, *group; int arc; } kinds[] = {
#define KEY(id, kty, crv, size, type, group, arc) { type, group, arc },
#include <strongroom/keys.def>
#undef KEY
	};

	for (size_t i = 0; i < SR_COUNT(kinds); i++) {
		struct der spki = spki_of(kinds[i].type, kinds[i].group), der = encoded(spki);
		struct sr_reference back;
		char oid[128], expected[128];

		cr_assert_eq(sr_reference_decode((struct sr_bytes){ der.p, der.n }, &back), SR_OK, "%s", kinds[i].type);
		cr_assert_str_eq(back.uri, URI);
		cr_assert_eq(back.spki.n, spki.n);
		cr_assert_eq(memcmp(back.spki.p, spki.p, spki.n), 0);
		cr_assert(back.spki.p > der.p && back.spki.p + back.spki.n <= der.p + der.n);
		(void)snprintf(expected, sizeof expected, "%s.%d", SR_REFERENCE_OID_ROOT, kinds[i].arc);
		oid_of(der, oid, sizeof oid);
		cr_assert_str_eq(oid, expected);
		free(der.p);
		OPENSSL_free(spki.p);
	}
}

Test(reference, writes_the_uri_in_its_one_form)
{
	struct der spki = spki_of("ED25519", ""), der;
	struct sr_reference reference = reference_to(spki), back;

	cr_assert(str_copy(SR_STR("STRONGROOM://web.DEFAULT/keys/Tls/0123456789ABCDEF0123456789abcdef"), reference.uri,
		sizeof reference.uri));
	cr_assert_eq(sr_reference_encode(&reference, &der.p, &der.n), SR_OK);
	cr_assert_eq(sr_reference_decode((struct sr_bytes){ der.p, der.n }, &back), SR_OK);
	cr_assert_str_eq(back.uri, "strongroom://web/keys/tls/0123456789abcdef0123456789abcdef");
	free(der.p);
	OPENSSL_free(spki.p);
}

Test(reference, encodes_only_a_key_with_its_version)
{
	static const char *const wrong[] = {
		"", "strongroom://web", "strongroom://web/keys/tls", "web/tls",
		"strongroom://web/secrets/tls/0123456789abcdef0123456789abcdef",
		"strongroom://web/*/tls",
	};
	struct der spki = spki_of("ED25519", ""), der;

	for (size_t i = 0; i < SR_COUNT(wrong); i++) {
		struct sr_reference reference = reference_to(spki);

		cr_assert(str_copy(str_of(wrong[i]), reference.uri, sizeof reference.uri));
		cr_expect_eq(sr_reference_encode(&reference, &der.p, &der.n), SR_BAD_PARAMETER, "%s", wrong[i]);
	}
	OPENSSL_free(spki.p);
}

Test(reference, encodes_only_public_keys_of_our_types)
{
	struct der spki = spki_of("X25519", ""), der;
	struct sr_reference reference = reference_to(spki);

	cr_assert_eq(sr_reference_encode(&reference, &der.p, &der.n), SR_BAD_PARAMETER);
	OPENSSL_free(spki.p);

	spki = spki_of("ED25519", "");
	reference = reference_to(spki);
	reference.spki.n--;
	cr_assert_eq(sr_reference_encode(&reference, &der.p, &der.n), SR_BAD_PARAMETER, "cut");
	reference.spki.n = 0;
	cr_assert_eq(sr_reference_encode(&reference, &der.p, &der.n), SR_BAD_PARAMETER, "empty");
	OPENSSL_free(spki.p);
}

Test(reference, is_refused_when_cut_or_followed_by_anything)
{
	struct der spki = spki_of("EC", "prime256v1"), der = encoded(spki);
	unsigned char *longer = calloc(1, der.n + 1);

	for (size_t n = 0; n < der.n; n++)
		cr_expect_not(decodes(der.p, n), "%zu of %zu", n, der.n);
	memcpy(longer, der.p, der.n);
	cr_assert(decodes(longer, der.n));
	cr_assert_not(decodes(longer, der.n + 1));
	free(longer);
	free(der.p);
	OPENSSL_free(spki.p);
}

/* Any byte changed to any other: refused, or a whole reference that differs just
 * in a letter of its URI or in the bits of its public key.  Never anything that
 * would not encode to these bytes again. */
Test(reference, has_one_encoding)
{
	struct der spki = spki_of("EC", "prime256v1"), der = encoded(spki);
	unsigned taken = 0;

	for (size_t i = 0; i < der.n; i++) {
		unsigned char right = der.p[i];

		for (unsigned flip = 1; flip < 256; flip++) {
			struct sr_reference back;
			struct der again;

			der.p[i] = (unsigned char)(right ^ flip);
			if (sr_reference_decode((struct sr_bytes){ der.p, der.n }, &back) != SR_OK)
				continue;
			taken++;
			cr_assert_eq(sr_reference_encode(&back, &again.p, &again.n), SR_OK);
			cr_assert(again.n == der.n && memcmp(again.p, der.p, der.n) == 0, "byte %zu ^ %02x", i, flip);
			free(again.p);
		}
		der.p[i] = right;
	}
	cr_assert_gt(taken, 0);
	free(der.p);
	OPENSSL_free(spki.p);
}

/* The OID of one key type around the public key of another. */
Test(reference, is_refused_when_the_public_key_is_of_another_type)
{
	struct der spki = spki_of("EC", "prime256v1"), der = encoded(spki);
	static const char ec_oid[] = SR_REFERENCE_OID_EC;
	ASN1_OBJECT *object = OBJ_txt2obj(ec_oid, 1);
	size_t n = OBJ_length(object);
	unsigned char *at = memmem(der.p, der.n, OBJ_get0_data(object), n);

	cr_assert_not_null(at);
	cr_assert(decodes(der.p, der.n));
	at[n - 1] = 1;
	cr_assert_not(decodes(der.p, der.n), "RSA's OID");
	at[n - 1] = 3;
	cr_assert_not(decodes(der.p, der.n), "Ed25519's OID");
	at[n - 1] = 99;
	cr_assert_not(decodes(der.p, der.n), "nobody's OID");
	ASN1_OBJECT_free(object);
	free(der.p);
	OPENSSL_free(spki.p);
}

Test(reference, is_not_an_ordinary_private_key)
{
	EVP_PKEY *key = generate("EC", "prime256v1");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	struct der der = { NULL, 0 };

	der.n = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &der.p);
	cr_assert_not(decodes(der.p, der.n));
	OPENSSL_free(der.p);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
}

/* An own encoder of PKCS#8 may add attributes or parameters; there is no room for them. */
Test(reference, has_no_parameters_and_no_attributes)
{
	struct der spki = spki_of("ED25519", ""), der = encoded(spki), with = { NULL, 0 };
	const unsigned char *at = der.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.n);

	cr_assert_eq(PKCS8_pkey_add1_attr_by_NID(info, NID_friendlyName, MBSTRING_ASC, (const unsigned char *)"x", 1), 1);
	with.n = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &with.p);
	cr_assert_not(decodes(with.p, with.n), "attributes");
	OPENSSL_free(with.p);
	PKCS8_PRIV_KEY_INFO_free(info);

	at = der.p;
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.n);
	{
		const X509_ALGOR *algorithm;
		const unsigned char *key;
		int key_len;
		const ASN1_OBJECT *oid;

		cr_assert_eq(PKCS8_pkey_get0(&oid, &key, &key_len, &algorithm, info), 1);
		cr_assert_eq(PKCS8_pkey_set0(info, OBJ_dup(oid), 0, V_ASN1_NULL, NULL, OPENSSL_memdup(key, (size_t)key_len),
			key_len), 1);
	}
	with.p = NULL;
	with.n = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &with.p);
	cr_assert_not(decodes(with.p, with.n), "parameters");
	OPENSSL_free(with.p);
	PKCS8_PRIV_KEY_INFO_free(info);
	free(der.p);
	OPENSSL_free(spki.p);
}

Test(reference, is_of_bounded_size)
{
	static const unsigned char big[SR_REFERENCE_MAX + 16] = { 0x30, 0x82, 0x40, 0x0c };

	cr_assert_not(decodes(big, sizeof big));
	cr_assert_not(decodes(big, 0));
}

Test(reference, leaves_the_callers_errors_alone)
{
	struct sr_reference reference;

	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_NULL_PARAMETER);
	cr_assert_eq(sr_reference_decode((struct sr_bytes){ (const uint8_t *)"\x30\x80garbage", 9 }, &reference),
		SR_BAD_PARAMETER);
	cr_assert_eq(ERR_GET_LIB(ERR_get_error()), ERR_LIB_USER);
	cr_assert_eq(ERR_get_error(), 0);
}

static void check_pem(bool own_label, const char *label)
{
	struct der spki = spki_of("RSA", ""), der = encoded(spki);
	struct sr_reference reference = reference_to(spki);
	char *text, *name, *header;
	unsigned char *data;
	long n;
	BIO *bio;

	cr_assert_eq(sr_reference_pem(&reference, own_label, &text), SR_OK);
	cr_assert(strstr(text, URI) != NULL && strstr(text, URI) < strstr(text, "-----BEGIN"));
	cr_assert_not_null(strstr(text, "a reference to a key held by strongroomd, not a key"));
	bio = BIO_new_mem_buf(text, -1);
	cr_assert_eq(PEM_read_bio(bio, &name, &header, &data, &n), 1);
	cr_assert_str_eq(name, label);
	cr_assert_str_eq(header, "");
	cr_assert((size_t)n == der.n && memcmp(data, der.p, der.n) == 0);
	BIO_free(bio);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	free(text);
	free(der.p);
	OPENSSL_free(spki.p);
}

Test(reference, is_a_pem_file_that_says_what_it_is)
{
	check_pem(/* own_label= */ false, "PRIVATE KEY");
	check_pem(/* own_label= */ true, "STRONGROOM KEY REFERENCE");
}
