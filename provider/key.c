/* SPDX-License-Identifier: Apache-2.0 */
/* The key object. */
#include "provider/key.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strongroom/reference.h>

/* What an imported or daemon-made RSA key may be; more only costs time to load. */
#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 16384

static const char *const type_names[KEY_TYPES] = {
#define TYPE(id, name, aliases, oid) [KEY_##id] = name,
#include "provider/types.def"
#undef TYPE
};

static const char *const groups[] = {
#define KEY(id, kty, crv, size, type, group, ref_arc) group,
#include <strongroom/keys.def>
#undef KEY
};

const char *key_type_name(enum key_type type)
{
	return type_names[type];
}

/* Enters the SEQUENCE at *p, which must end by end; *end becomes its end. */
static bool enter_sequence(const unsigned char **p, const unsigned char **end)
{
	long length = 0;
	int tag = 0, class = 0;

	if (ASN1_get_object(p, &length, &tag, &class, *end - *p) != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE
		|| class != V_ASN1_UNIVERSAL)
		return false;
	*end = *p + length;
	return true;
}

static ASN1_OBJECT *next_object(const unsigned char **p, const unsigned char *end)
{
	return d2i_ASN1_OBJECT(NULL, p, end - *p);
}

bool key_type_of_spki(struct sr_bytes spki, enum key_type *out)
{
	static const struct { int nid; enum key_type type; } types[] = {
		{ NID_rsaEncryption, KEY_rsa },
		{ NID_X9_62_id_ecPublicKey, KEY_ec },
		{ NID_ED25519, KEY_ed25519 },
		{ NID_ED448, KEY_ed448 },
	};
	const unsigned char *p = spki.p, *end = spki.p + spki.n;
	ASN1_OBJECT *algorithm;
	int nid;

	/* SubjectPublicKeyInfo, in it AlgorithmIdentifier, in it first the OID */
	if (!enter_sequence(&p, &end) || !enter_sequence(&p, &end))
		return false;
	algorithm = next_object(&p, end);
	if (algorithm == NULL)
		return false;
	nid = OBJ_obj2nid(algorithm);
	ASN1_OBJECT_free(algorithm);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].nid == nid) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

bool key_type_of_reference(struct sr_bytes der, enum key_type *out)
{
	static const char *const oids[KEY_TYPES] = {
#define TYPE(id, name, aliases, oid) [KEY_##id] = oid,
#include "provider/types.def"
#undef TYPE
	};
	static const unsigned char version[] = { V_ASN1_INTEGER, 1, 0 };
	const unsigned char *p = der.p, *end = der.p + der.n;
	ASN1_OBJECT *algorithm;
	char text[80];
	int n;

	/* PrivateKeyInfo, in it the version, then AlgorithmIdentifier, in it first the OID */
	if (!enter_sequence(&p, &end) || (size_t)(end - p) < sizeof(version) || memcmp(p, version, sizeof(version)) != 0)
		return false;
	p += sizeof(version);
	if (!enter_sequence(&p, &end))
		return false;
	algorithm = next_object(&p, end);
	n = algorithm != NULL ? OBJ_obj2txt(text, sizeof(text), algorithm, /* no_name= */ 1) : 0;
	ASN1_OBJECT_free(algorithm);
	for (int type = 0; type < KEY_TYPES; type++) {
		if (n > 0 && (size_t)n < sizeof(text) && strcmp(text, oids[type]) == 0) {
			*out = (enum key_type)type;
			return true;
		}
	}
	return false;
}

struct key *key_new(struct provider *provider, enum key_type type)
{
	struct key *key = calloc(1, sizeof(*key));

	if (key == NULL)
		return NULL;
	atomic_init(&key->refs, 1);
	key->provider = provider;
	key->type = type;
	return key;
}

struct key *key_new_public(struct provider *provider, enum key_type type, EVP_PKEY *public_half)
{
	struct key *key = key_new(provider, type);

	if (key == NULL)
		return NULL;
	if (!EVP_PKEY_up_ref(public_half)) {
		key_unref(key);
		return NULL;
	}
	key->public = public_half;
	return key;
}

/* Its curve's name as keys.def has it; NULL if it is not one of ours. */
static const char *group_of(const EVP_PKEY *public_half)
{
	char name[64];
	size_t length;

	if (!EVP_PKEY_get_utf8_string_param(public_half, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), &length))
		return NULL;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i][0] != '\0' && strcmp(groups[i], name) == 0)
			return groups[i];
	return NULL;
}

/* Is it what its algorithm identifier said, and of a kind that we have? */
static bool acceptable(struct key *key)
{
	int bits = EVP_PKEY_get_bits(key->public);

	if (!EVP_PKEY_is_a(key->public, key_type_name(key->type)))
		return false;
	if (key->type == KEY_rsa)
		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	if (key->type == KEY_ec)
		key->group = group_of(key->public);
	return key->type != KEY_ec || key->group != NULL;
}

static bool keep_spki(struct key *key, struct sr_bytes spki)
{
	key->spki = malloc(spki.n);
	if (key->spki == NULL)
		return false;
	memcpy(key->spki, spki.p, spki.n);
	key->spki_len = spki.n;
	return true;
}

struct key *key_open(struct provider *provider, struct sr_str uri, struct sr_bytes spki)
{
	const unsigned char *p = spki.p;
	struct sr_uri parts;
	enum key_type type;
	struct key *key;

	if (sr_uri_parse(uri, &parts) != SR_OK || parts.kind != SR_URI_KEYS || parts.version[0] == '\0') {
		RAISE(provider, SR_BAD_PARAMETER, "this is not the URI of a key version: %.*s",
			(int)(uri.n < SR_URI_MAX ? uri.n : SR_URI_MAX), uri.p);
		return NULL;
	}
	if (!key_type_of_spki(spki, &type)) {
		RAISE(provider, SR_UNSUPPORTED, "the public key of %.*s is of an unknown type", (int)uri.n, uri.p);
		return NULL;
	}
	key = key_new(provider, type);
	if (key == NULL || !keep_spki(key, spki)) {
		key_unref(key);
		RAISE(provider, SR_NOMEM, "%s", sr_strerror(SR_NOMEM));
		return NULL;
	}
	sr_uri_format(&parts, key->uri);
	key->public = d2i_PUBKEY_ex(NULL, &p, (long)spki.n, provider->libctx, /* propq= */ NULL);
	if (key->public == NULL || p != spki.p + spki.n || !acceptable(key)) {
		RAISE(provider, SR_BAD_PARAMETER, "the public key of %s is damaged or not supported", key->uri);
		key_unref(key);
		return NULL;
	}
	return key;
}

struct key *key_ref(struct key *key)
{
	atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
	return key;
}

void key_unref(struct key *key)
{
	if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_PKEY_free(key->public);
	free(key->spki);
	free(key);
}

int key_give(struct key *key, OSSL_CALLBACK *callback, void *callback_arg)
{
	int object_type = OSSL_OBJECT_PKEY;
	char type_name[16];
	OSSL_PARAM params[4];
	int ok;

	OPENSSL_strlcpy(type_name, key_type_name(key->type), sizeof(type_name));
	params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object_type);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type_name, 0);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key));
	params[3] = OSSL_PARAM_construct_end();
	ok = callback(params, callback_arg);
	key_unref(key);         /* NULL by now if it was taken */
	return ok;
}

bool key_is_private(const struct key *key)
{
	return key != NULL && key->uri[0] != '\0';
}

bool key_has_public(const struct key *key)
{
	return key != NULL && key->public != NULL && !key->parameters_only;
}
