/* SPDX-License-Identifier: Apache-2.0 */
/* The software backend: its library context, and keys opened from what is
 * stored.  The context is private and reads no configuration, so the strongroom
 * provider cannot be in it and ask ourselves. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/backend/private_key.h"
#include "daemon/backend/software.h"

static const char *const hash_names[HASHES] = {
	[HASH_SHA1] = "SHA1", [HASH_SHA224] = "SHA224", [HASH_SHA256] = "SHA256",
	[HASH_SHA384] = "SHA384", [HASH_SHA512] = "SHA512",
};

/* libcrypto makes the methods of an operation when one is asked for first, and if
 * memory is short just then, some 3.x never try again.  The same goes for random
 * numbers.  So all of that is done now, while there is room. */
static bool warm_up(OSSL_LIB_CTX *libctx)
{
	EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(libctx, "RSA", NULL);
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(libctx, "RSA", NULL);
	EVP_ASYM_CIPHER *asym_cipher = EVP_ASYM_CIPHER_fetch(libctx, "RSA", NULL);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-CBC", NULL);
	EVP_MAC *mac = EVP_MAC_fetch(libctx, "HMAC", NULL);
	EVP_KDF *kdf = EVP_KDF_fetch(libctx, "PBKDF2", NULL);
	OSSL_ENCODER *encoder = OSSL_ENCODER_fetch(libctx, "RSA", "output=der");
	uint8_t random[16];
	bool ok = keymgmt != NULL && signature != NULL && asym_cipher != NULL && cipher != NULL && mac != NULL &&
		kdf != NULL && encoder != NULL && RAND_bytes_ex(libctx, random, sizeof(random), 0) > 0 &&
		RAND_priv_bytes_ex(libctx, random, sizeof(random), 0) > 0;

	EVP_KEYMGMT_free(keymgmt);
	EVP_SIGNATURE_free(signature);
	EVP_ASYM_CIPHER_free(asym_cipher);
	EVP_CIPHER_free(cipher);
	EVP_MAC_free(mac);
	EVP_KDF_free(kdf);
	OSSL_ENCODER_free(encoder);
	return ok;
}

static SR_RESULT open_context(struct backend *backend)
{
	backend->libctx = OSSL_LIB_CTX_new();
	if (backend->libctx == NULL)
		return SR_NOMEM;
	backend->provider = OSSL_PROVIDER_load(backend->libctx, "default");
	if (backend->provider == NULL)
		return SR_CRYPTO;
	for (size_t i = 0; i < HASHES; i++) {
		backend->hashes[i] = EVP_MD_fetch(backend->libctx, hash_names[i], NULL);
		if (backend->hashes[i] == NULL)
			return SR_CRYPTO;
	}
	return warm_up(backend->libctx) ? SR_OK : SR_CRYPTO;
}

SR_RESULT backend_software_open(struct backend **out)
{
	SR_AUTO(backend) backend = locked_alloc(sizeof(*backend));
	enum sr_err err;

	software_begin();
	if (backend == NULL)
		return SR_NOMEM;
	err = software_finish(open_context(backend), NULL);
	if (err == SR_OK)
		*out = SR_TAKE(backend);
	return err;
}

void backend_close(struct backend *backend)
{
	if (backend == NULL)
		return;
	for (size_t i = 0; i < HASHES; i++)
		EVP_MD_free(backend->hashes[i]);
	if (backend->provider != NULL)
		OSSL_PROVIDER_unload(backend->provider);
	OSSL_LIB_CTX_free(backend->libctx);
	locked_free(backend);
}

const EVP_MD *software_hash(const struct backend *backend, struct sr_str name)
{
	char text[32];

	if (name.n == 0 || !str_copy(name, text, sizeof(text)))
		return NULL;
	for (size_t i = 0; i < HASHES; i++)
		if (EVP_MD_is_a(backend->hashes[i], text))
			return backend->hashes[i];
	return NULL;
}

void software_begin(void)
{
	(void)locked_was_full();
}

enum sr_err software_finish(enum sr_err err, const char **detail)
{
	ERR_clear_error();
	if (locked_was_full() && err != SR_OK)
		err = SR_NOMEM;
	if (detail != NULL && (err == SR_OK || err == SR_NOMEM))
		*detail = "";
	return err;
}

bool software_is_rsa(const struct backend_key *key)
{
	return strcmp(key_kinds[key->kind].kty, "RSA") == 0;
}

size_t software_rsa_size(const struct backend_key *key)
{
	return key_kinds[key->kind].size / 8;
}

static SR_RESULT generate(struct backend *backend, enum key_kind kind, struct arena *arena, struct key_material *out)
{
	const struct key_kind_info *info = &key_kinds[kind];
	SR_AUTO(evp_pkey_ctx_st) ctx = EVP_PKEY_CTX_new_from_name(backend->libctx, info->type, NULL);
	SR_AUTO(evp_pkey_st) pkey = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0)
		return SR_CRYPTO;
	if (strcmp(info->kty, "RSA") == 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)info->size) <= 0)
		return SR_CRYPTO;
	if (info->group[0] != '\0' && EVP_PKEY_CTX_set_group_name(ctx, info->group) <= 0)
		return SR_CRYPTO;
	if (EVP_PKEY_generate(ctx, &pkey) <= 0)
		return SR_CRYPTO;
	return private_key_encode(pkey, kind, arena, out);
}

SR_RESULT backend_generate(struct backend *backend, enum key_kind kind, struct arena *arena, struct key_material *out)
{
	software_begin();
	return software_finish(generate(backend, kind, arena, out), NULL);
}

/* What decryption that must not tell of bad padding is keyed with: the hash of
 * the private exponent, as long as the modulus. */
static SR_RESULT reject_base(struct backend_key *key)
{
	SR_AUTO(bignum_st) d = NULL;
	size_t size = software_rsa_size(key);
	uint8_t *bytes;
	bool ok;

	if (!EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_D, &d))
		return SR_CRYPTO;
	bytes = locked_alloc(size);
	if (bytes == NULL)
		return SR_NOMEM;
	ok = BN_bn2binpad(d, bytes, (int)size) == (int)size &&
		EVP_Digest(bytes, size, key->reject_base, NULL, key->backend->hashes[HASH_SHA256], NULL);
	locked_free(bytes);
	return ok ? SR_OK : SR_CRYPTO;
}

static SR_RESULT key_open(struct backend *backend, enum key_kind kind, struct sr_bytes pkcs8, struct backend_key **out)
{
	SR_AUTO(backend_key) key = locked_alloc(sizeof(*key));
	enum sr_err err;
	const char *detail;

	if (key == NULL)
		return SR_NOMEM;
	key->backend = backend;
	err = private_key_read(backend, PRIVATE_PKCS8, pkcs8, &key->kind, &key->pkey, &detail);
	if (err == SR_BAD_PARAMETER || err == SR_UNSUPPORTED || (err == SR_OK && key->kind != kind))
		return SR_CORRUPT;
	SR_TRY(err);
	if (software_is_rsa(key))
		SR_TRY(reject_base(key));
	*out = SR_TAKE(key);
	return SR_OK;
}

/* As measured with a context for each algorithm: what libcrypto keeps of an RSA
 * key, its blinding and its Montgomery forms grows with it. */
static size_t key_cost(enum key_kind kind)
{
	if (strcmp(key_kinds[kind].kty, "RSA") == 0)
		return 8192 + 2 * key_kinds[kind].size;
	return strcmp(key_kinds[kind].kty, "EC") == 0 ? 4096 : 2048;
}

SR_RESULT backend_key_open(struct backend *backend, enum key_kind kind, struct sr_secret private_key,
	struct backend_key **out, size_t *cost)
{
	enum sr_err err;

	software_begin();
	err = software_finish(key_open(backend, kind, (struct sr_bytes){ private_key.p, private_key.n }, out), NULL);
	if (err == SR_CRYPTO)
		return SR_CORRUPT;      /* numbers that libcrypto does not take */
	if (err == SR_OK)
		*cost = key_cost(kind);
	return err;
}

void backend_key_close(struct backend_key *key)
{
	if (key == NULL)
		return;
	for (size_t i = 0; i < SIGN_ALGS; i++)
		EVP_PKEY_CTX_free(atomic_load(&key->sign[i]));
	for (size_t i = 0; i < DECRYPT_ALGS; i++)
		EVP_PKEY_CTX_free(atomic_load(&key->decrypt[i]));
	EVP_MD_CTX_free(atomic_load(&key->sign_message));
	EVP_PKEY_free(key->pkey);
	locked_free(key);
}
