/* SPDX-License-Identifier: Apache-2.0 */
/* A key as OpenSSL's objects hold it: the name of a private key that strongroomd
 * holds, and its public half; or a public half alone.  Never a private value.
 * Complete once made (keymgmt_import aside), then never changed, so threads
 * share it and nothing in it dies at fork. */
#ifndef SR_PROVIDER_KEY_H
#define SR_PROVIDER_KEY_H

#include "provider/provider.h"

enum key_type {
#define TYPE(id, name, aliases, oid) KEY_##id,
#include "provider/types.def"
#undef TYPE
	KEY_TYPES
};

struct key {
	atomic_uint refs;
	struct provider *provider;      /* borrowed: OpenSSL ends a provider after its keys */
	enum key_type type;
	EVP_PKEY *public;               /* of provider->libctx; NULL while nothing is imported */
	bool parameters_only;           /* public has a curve and no point */
	const char *group;              /* EC: OpenSSL's name of the curve; static; NULL in an imported key */
	uint8_t *spki;                  /* malloc'ed, spki_len bytes; NULL in an imported key */
	size_t spki_len;
	char uri[SR_URI_MAX + 1];       /* with its version; "" when there is no private half */
};

/* OpenSSL's name of the type. */
const char *key_type_name(enum key_type type);
/* Whose SubjectPublicKeyInfo this is, from its algorithm identifier alone; false
 * if it is not of a type in types.def or not a SubjectPublicKeyInfo at all. */
bool key_type_of_spki(struct sr_bytes spki, enum key_type *out);

/* Whose reference this is, from the OID alone, so that it may still be damaged; false
 * if it is not PKCS#8 with an OID of ours.  Cheap: every private key that the program
 * loads is asked. */
bool key_type_of_reference(struct sr_bytes der, enum key_type *out);

/* A key with nothing in it.  NULL when out of memory. */
struct key *key_new(struct provider *provider, enum key_type type);
/* The key of that URI (with version) and SubjectPublicKeyInfo; both are checked, since
 * they may come from any file.  NULL, and raised, if they are not right. */
struct key *key_open(struct provider *provider, struct sr_str uri, struct sr_bytes spki);
/* A key with only what public_half has; takes a reference of its own of that. */
struct key *key_new_public(struct provider *provider, enum key_type type, EVP_PKEY *public_half);

struct key *key_ref(struct key *key);
/* NULL is fine. */
void key_unref(struct key *key);

/* Hands the key to OpenSSL, which waits for it in a store's or decoder's callback, as a
 * reference for keymgmt_load; takes over the caller's.  Returns what the callback does. */
int key_give(struct key *key, OSSL_CALLBACK *callback, void *callback_arg);

/* Is there a private half, with strongroomd? */
bool key_is_private(const struct key *key);
bool key_has_public(const struct key *key);

#endif
