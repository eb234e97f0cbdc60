/* SPDX-License-Identifier: Apache-2.0 */
/* Key references: PKCS#8 around a URI and a public key (docs/REFERENCE.md).
 *
 * Files come from anywhere, so there is exactly one encoding of a reference: what
 * was read must encode to the same bytes again.  The public key stays as it is:
 * OpenSSL's own decoder would fetch algorithms, and so come back to a provider that
 * is just calling us.  The caller's error queue is left as it was. */
#include <strongroom/reference.h>
#include <strongroom/strongroom.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/result.h"
#include "base/str.h"

#define OID_TEXT_MAX 80

/* ---- the structures ---- */

struct spki {
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *key;
};
ASN1_SEQUENCE(spki) = {
	ASN1_SIMPLE(struct spki, algorithm, X509_ALGOR),
	ASN1_SIMPLE(struct spki, key, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END_name(struct spki, spki)

/* what the privateKey's octets are */
struct content {
	int32_t version;
	ASN1_UTF8STRING *uri;
	struct spki *spki;
};
ASN1_SEQUENCE(content) = {
	ASN1_EMBED(struct content, version, INT32),
	ASN1_SIMPLE(struct content, uri, ASN1_UTF8STRING),
	ASN1_SIMPLE(struct content, spki, spki),
} static_ASN1_SEQUENCE_END_name(struct content, content)

/* PrivateKeyInfo, without attributes */
struct pkcs8 {
	int32_t version;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *key;
};
ASN1_SEQUENCE(pkcs8) = {
	ASN1_EMBED(struct pkcs8, version, INT32),
	ASN1_SIMPLE(struct pkcs8, algorithm, X509_ALGOR),
	ASN1_SIMPLE(struct pkcs8, key, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END_name(struct pkcs8, pkcs8)

#define DEFINE_FREE(type) \
	static void type##_free(struct type *p) \
	{ \
		ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(type)); \
	} \
	SR_DEFINE_AUTO(type, type##_free)
DEFINE_FREE(spki)
DEFINE_FREE(content)
DEFINE_FREE(pkcs8)

#define OPENSSL_AUTO_FREE __attribute__((cleanup(openssl_auto_free)))
static void openssl_auto_free(unsigned char **p)
{
	OPENSSL_free(*p);
}

/* Decodes all of der, if it is the one encoding of what it says; NULL if not. */
static ASN1_VALUE *decode_exactly(struct sr_bytes der, const ASN1_ITEM *item)
{
	const unsigned char *at = der.p;
	OPENSSL_AUTO_FREE unsigned char *again = NULL;
	ASN1_VALUE *value;
	int n;

	if (der.n == 0 || der.n > SR_REFERENCE_MAX)
		return NULL;
	value = ASN1_item_d2i(NULL, &at, (long)der.n, item);
	if (value == NULL)
		return NULL;
	n = ASN1_item_i2d(value, &again, item);
	if (n >= 0 && (size_t)n == der.n && memcmp(again, der.p, der.n) == 0)
		return value;
	ASN1_item_free(value, item);
	return NULL;
}

/* ---- key types ---- */

static const struct key_type {
	const char *reference_oid, *algorithm_oid;
	int parameters;                 /* of the public key's algorithm: a V_ASN1_ type */
} key_types[] = {
	{ SR_REFERENCE_OID_RSA,     "1.2.840.113549.1.1.1", V_ASN1_NULL },
	{ SR_REFERENCE_OID_EC,      "1.2.840.10045.2.1",    V_ASN1_OBJECT },    /* a named curve */
	{ SR_REFERENCE_OID_ED25519, "1.3.101.112",          V_ASN1_UNDEF },
	{ SR_REFERENCE_OID_ED448,   "1.3.101.113",          V_ASN1_UNDEF },
};

static bool has_algorithm(const X509_ALGOR *algorithm, const char *oid, int parameters)
{
	const ASN1_OBJECT *object;
	char text[OID_TEXT_MAX];
	int type, n;

	X509_ALGOR_get0(&object, &type, /* ppval= */ NULL, algorithm);
	n = OBJ_obj2txt(text, sizeof text, object, /* no_name= */ 1);
	return n > 0 && (size_t)n < sizeof text && strcmp(text, oid) == 0 && type == parameters;
}

/* The type of this public key; NULL if it is none of ours. */
static const struct key_type *key_type_of(const struct spki *spki)
{
	for (size_t i = 0; i < SR_COUNT(key_types); i++)
		if (has_algorithm(spki->algorithm, key_types[i].algorithm_oid, key_types[i].parameters))
			return &key_types[i];
	return NULL;
}

/* ---- the URI ---- */

/* A key's URI with its version, in the one form that sr_uri_format writes. */
static bool normal_uri(struct sr_str text, char out[static SR_URI_MAX + 1])
{
	struct sr_uri uri;

	if (sr_uri_parse(text, &uri) != SR_OK || uri.kind != SR_URI_KEYS || uri.version[0] == '\0')
		return false;
	(void)sr_uri_format(&uri, out);
	return true;
}

/* ---- decode ---- */

static enum sr_err decode(struct sr_bytes der, struct sr_reference *out)
{
	SR_AUTO(pkcs8) outer = (struct pkcs8 *)decode_exactly(der, ASN1_ITEM_rptr(pkcs8));
	SR_AUTO(content) inner = NULL;
	struct sr_reference reference;
	const struct key_type *type;
	struct sr_str uri;
	int spki_len;

	if (outer == NULL || outer->version != 0)
		return SR_BAD_PARAMETER;
	inner = (struct content *)decode_exactly((struct sr_bytes){ ASN1_STRING_get0_data(outer->key),
		(size_t)ASN1_STRING_length(outer->key) }, ASN1_ITEM_rptr(content));
	if (inner == NULL || inner->version != 0)
		return SR_BAD_PARAMETER;

	type = key_type_of(inner->spki);
	if (type == NULL || !has_algorithm(outer->algorithm, type->reference_oid, V_ASN1_UNDEF))
		return SR_BAD_PARAMETER;
	uri = (struct sr_str){ (const char *)ASN1_STRING_get0_data(inner->uri), (size_t)ASN1_STRING_length(inner->uri) };
	if (!normal_uri(uri, reference.uri) || !str_is(uri, reference.uri))
		return SR_BAD_PARAMETER;

	/* It is the last part of the last part, and der is its one encoding. */
	spki_len = ASN1_item_i2d((ASN1_VALUE *)inner->spki, NULL, ASN1_ITEM_rptr(spki));
	if (spki_len <= 0 || (size_t)spki_len > der.n)
		return SR_BAD_PARAMETER;
	reference.spki = (struct sr_bytes){ der.p + der.n - (size_t)spki_len, (size_t)spki_len };
	*out = reference;
	return SR_OK;
}

enum sr_err sr_reference_decode(struct sr_bytes der, struct sr_reference *out)
{
	enum sr_err err;

	ERR_set_mark();
	err = decode(der, out);
	ERR_pop_to_mark();
	return err;
}

/* ---- encode ---- */

/* Encodes the content into octets. */
static enum sr_err fill_key(const struct content *content, ASN1_OCTET_STRING *octets)
{
	OPENSSL_AUTO_FREE unsigned char *der = NULL;
	int n = ASN1_item_i2d((const ASN1_VALUE *)content, &der, ASN1_ITEM_rptr(content));

	return n > 0 && ASN1_OCTET_STRING_set(octets, der, n) ? SR_OK : SR_NOMEM;
}

static enum sr_err copy_out(const struct pkcs8 *outer, unsigned char **out, size_t *out_len)
{
	OPENSSL_AUTO_FREE unsigned char *der = NULL;
	int n = ASN1_item_i2d((const ASN1_VALUE *)outer, &der, ASN1_ITEM_rptr(pkcs8));
	unsigned char *copy;

	if (n <= 0)
		return SR_NOMEM;
	if (n > SR_REFERENCE_MAX)
		return SR_BAD_PARAMETER;
	copy = malloc((size_t)n);
	if (copy == NULL)
		return SR_NOMEM;
	memcpy(copy, der, (size_t)n);
	*out = copy;
	*out_len = (size_t)n;
	return SR_OK;
}

static enum sr_err encode(const struct sr_reference *reference, unsigned char **out, size_t *out_len)
{
	SR_AUTO(spki) spki = (struct spki *)decode_exactly(reference->spki, ASN1_ITEM_rptr(spki));
	SR_AUTO(content) inner = NULL;
	SR_AUTO(pkcs8) outer = NULL;
	char uri[SR_URI_MAX + 1];
	const struct key_type *type;
	ASN1_OBJECT *oid;

	if (spki == NULL || (type = key_type_of(spki)) == NULL || !normal_uri(str_of(reference->uri), uri))
		return SR_BAD_PARAMETER;
	inner = (struct content *)ASN1_item_new(ASN1_ITEM_rptr(content));
	outer = (struct pkcs8 *)ASN1_item_new(ASN1_ITEM_rptr(pkcs8));
	if (inner == NULL || outer == NULL || !ASN1_STRING_set(inner->uri, uri, (int)strlen(uri)))
		return SR_NOMEM;
	spki_free(inner->spki);
	inner->spki = SR_TAKE(spki);
	SR_TRY(fill_key(inner, outer->key));
	oid = OBJ_txt2obj(type->reference_oid, /* no_name= */ 1);
	if (oid == NULL || !X509_ALGOR_set0(outer->algorithm, oid, V_ASN1_UNDEF, NULL)) {
		ASN1_OBJECT_free(oid);
		return SR_NOMEM;
	}
	return copy_out(outer, out, out_len);
}

enum sr_err sr_reference_encode(const struct sr_reference *reference, unsigned char **out, size_t *out_len)
{
	enum sr_err err;

	ERR_set_mark();
	err = encode(reference, out, out_len);
	ERR_pop_to_mark();
	return err;
}

/* ---- PEM ---- */

static void bio_auto_free(BIO **bio)
{
	BIO_free(*bio);
}

/* No line of it may begin as PEM or as a header of PEM does. */
static bool write_pem(BIO *bio, const char *uri, const char *label, const unsigned char *der, size_t n)
{
	return BIO_printf(bio,
		"Strongroom key %s\n"
		"This is a reference to a key held by strongroomd, not a key: it holds nothing secret.\n"
		"Programs load it like a private key file when OPENSSL_CONF names an openssl.cnf\n"
		"that activates the strongroom provider.  See strongroom-provider(7).\n", uri) > 0 &&
		PEM_write_bio(bio, label, "", der, (long)n) > 0;
}

static enum sr_err write_text(const char *uri, const char *label, const unsigned char *der, size_t n, char **out)
{
	__attribute__((cleanup(bio_auto_free))) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (bio == NULL || !write_pem(bio, uri, label, der, n))
		return SR_NOMEM;
	len = BIO_get_mem_data(bio, &text);
	if (len <= 0)
		return SR_NOMEM;
	*out = strndup(text, (size_t)len);
	return *out != NULL ? SR_OK : SR_NOMEM;
}

enum sr_err sr_reference_pem(const struct sr_reference *reference, bool own_label, char **out)
{
	SR_AUTO_FREE unsigned char *der = NULL;
	char uri[SR_URI_MAX + 1];
	enum sr_err err;
	size_t n;

	SR_TRY(sr_reference_encode(reference, &der, &n));
	if (!normal_uri(str_of(reference->uri), uri))
		return SR_BAD_PARAMETER;
	ERR_set_mark();
	err = write_text(uri, own_label ? SR_REFERENCE_LABEL_OWN : SR_REFERENCE_LABEL, der, n, out);
	ERR_pop_to_mark();
	return err;
}
