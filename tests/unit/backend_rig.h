/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the software backend share: a backend over locked memory,
 * keys in it, and their public halves in OpenSSL's default context. */
#ifndef SR_TESTS_BACKEND_RIG_H
#define SR_TESTS_BACKEND_RIG_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/locked.h"
#include "tests/unit/pristine.h"
#include "tests/unit/test_keys.h"

#define RIG_REGION ((size_t)5 << 20)
#define RIG_ARENA  ((size_t)256 << 10)

static struct backend *backend;
static struct arena arena;
static const char *detail = "";

static inline void start(void)
{
	CHECK(locked_init(RIG_REGION) == SR_OK);
	CHECK(backend_software_open(&backend) == SR_OK);
	arena = (struct arena){ locked_alloc(RIG_ARENA), RIG_ARENA, 0 };
	CHECK(arena.base != NULL);
}

static inline size_t rig_used(void)
{
	size_t used, size;

	locked_usage(&used, &size);
	return used;
}

/* A copy in locked memory, which nobody frees. */
static inline struct sr_secret rig_secret(const void *p, size_t n)
{
	struct sr_secret s = { arena_get(&arena, n + 1), n };

	CHECK(s.p != NULL);
	memcpy(s.p, p, n);
	return s;
}

static inline struct sr_secret rig_text(const char *text)
{
	return rig_secret(text, strlen(text));
}

static inline enum sr_err rig_import(struct sr_secret file, const char *passphrase, struct key_material *out)
{
	enum sr_err err = backend_import(backend, file, rig_text(passphrase), &arena, out, &detail);

	CHECK(ERR_peek_error() == 0);
	CHECK((err == SR_OK || err == SR_NOMEM) == (detail[0] == '\0'));
	return err;
}

/* Material of a kind: RSA from the keys made for tests. */
static inline struct key_material rig_material(enum key_kind kind)
{
	struct key_material m = { 0 };
	const char *pem = kind == KEY_rsa2048 ? PEM_RSA2048 : kind == KEY_rsa3072 ? PEM_RSA3072 : PEM_RSA4096;

	if (strcmp(key_kinds[kind].kty, "RSA") == 0)
		CHECK(rig_import(rig_text(pem), "", &m) == SR_OK);
	else
		CHECK(backend_generate(backend, kind, &arena, &m) == SR_OK);
	CHECK(m.kind == kind);
	return m;
}

static inline struct backend_key *rig_open(const struct key_material *m)
{
	struct backend_key *key = NULL;
	size_t cost = 0;

	CHECK(backend_key_open(backend, m->kind, m->private_key, &key, &cost) == SR_OK);
	CHECK(key != NULL && cost > 0);
	return key;
}

/* As anybody else has it: from its SPKI, in the default context. */
static inline EVP_PKEY *rig_public(const struct key_material *m)
{
	const uint8_t *p = m->spki.p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)m->spki.n);

	CHECK(pkey != NULL && p == m->spki.p + m->spki.n);
	return pkey;
}

static inline EVP_PKEY *rig_private(const struct key_material *m)
{
	const uint8_t *p = m->private_key.p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)m->private_key.n);

	CHECK(pkey != NULL && p == m->private_key.p + m->private_key.n);
	return pkey;
}

static inline enum sr_err rig_sign(struct backend_key *key, struct sign_params params, uint8_t *sig, size_t *n)
{
	enum sr_err err = backend_sign(key, &params, sig, n, &detail);

	CHECK(ERR_peek_error() == 0);
	return err;
}

#endif
