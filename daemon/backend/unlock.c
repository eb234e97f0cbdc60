/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's own functions for this fetch from its default context, prompt, or
 * take scrypt's memory (16 MiB and more) from the locked region: so the steps are
 * taken here.  scrypt is libsodium's: its memory is not locked, and shows the
 * key to nobody who does not have the passphrase. */
#include "daemon/backend/unlock.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <sodium.h>

#include "base/str.h"
#include "daemon/backend/der.h"
#include "daemon/backend/locked.h"

#define KEY_MAX 32
#define IV_MAX  16

static const char wrong_passphrase[] = "wrong passphrase, or the file is damaged";
static const char no_passphrase[] = "the file is encrypted and needs a passphrase";

struct named_oid {
	struct sr_str oid;
	const char *name;
};

static const struct named_oid ciphers[] = {
	{ { "\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9 }, "AES-128-CBC" },
	{ { "\x60\x86\x48\x01\x65\x03\x04\x01\x16", 9 }, "AES-192-CBC" },
	{ { "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9 }, "AES-256-CBC" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x03\x07", 8 }, "DES-EDE3-CBC" },
};

static const struct named_oid prfs[] = {
	{ { "\x2a\x86\x48\x86\xf7\x0d\x02\x07", 8 }, "SHA1" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x02\x08", 8 }, "SHA224" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x02\x09", 8 }, "SHA256" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x02\x0a", 8 }, "SHA384" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x02\x0b", 8 }, "SHA512" },
};

static const struct sr_str oid_pbes2 = { "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", 9 };
static const struct sr_str oid_pbkdf2 = { "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", 9 };
static const struct sr_str oid_scrypt = { "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b", 9 };

static bool oid_is(struct sr_bytes oid, struct sr_str wanted)
{
	return str_eq((struct sr_str){ (const char *)oid.p, oid.n }, wanted);
}

static const char *oid_name(const struct named_oid *list, size_t n, struct sr_bytes oid)
{
	for (size_t i = 0; i < n; i++)
		if (oid_is(oid, list[i].oid))
			return list[i].name;
	return NULL;
}

/* Decryption, whatever the key came from. */

struct cbc {
	EVP_CIPHER *cipher;             /* owned */
	uint8_t key[KEY_MAX], iv[IV_MAX];
	size_t key_n, iv_n;
};

static SR_RESULT cbc_init(struct backend *backend, struct cbc *cbc, const char *name, const char **detail)
{
	cbc->cipher = EVP_CIPHER_fetch(backend->libctx, name, NULL);
	if (cbc->cipher == NULL)
		return SR_CRYPTO;
	cbc->key_n = (size_t)EVP_CIPHER_get_key_length(cbc->cipher);
	cbc->iv_n = (size_t)EVP_CIPHER_get_iv_length(cbc->cipher);
	if (cbc->key_n > KEY_MAX || cbc->iv_n > IV_MAX) {
		*detail = "the file is encrypted with a cipher that is not supported";
		return SR_UNSUPPORTED;
	}
	return SR_OK;
}

static void cbc_finish(struct cbc *cbc)
{
	EVP_CIPHER_free(cbc->cipher);
	explicit_bzero(cbc, sizeof(*cbc));
}

static bool cbc_run(const struct cbc *cbc, struct sr_bytes in, uint8_t *out, size_t *out_n)
{
	SR_AUTO(evp_cipher_ctx_st) ctx = EVP_CIPHER_CTX_new();
	int n, last;

	if (ctx == NULL || !EVP_DecryptInit_ex2(ctx, cbc->cipher, cbc->key, cbc->iv, NULL) ||
	    !EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.n) || !EVP_DecryptFinal_ex(ctx, out + n, &last))
		return false;
	*out_n = (size_t)(n + last);
	return true;
}

static SR_RESULT cbc_decrypt(const struct cbc *cbc, struct sr_bytes in, struct sr_secret *out, const char **detail)
{
	uint8_t *plain;
	size_t n;

	*detail = "the encrypted part of the file has a length that cannot be";
	if (in.n == 0 || in.n % cbc->iv_n != 0 || in.n > INT32_MAX)
		return SR_BAD_PARAMETER;
	plain = locked_alloc(in.n + IV_MAX);
	if (plain == NULL)
		return SR_NOMEM;
	if (!cbc_run(cbc, in, plain, &n)) {
		locked_free(plain);
		*detail = wrong_passphrase;
		return SR_CRYPTO;
	}
	*out = (struct sr_secret){ plain, n };
	return SR_OK;
}

/* PBES2, RFC 8018. */

/* An optional keyLength must be what the cipher takes. */
static bool key_length_fits(struct sr_bytes *params, size_t key_n)
{
	uint64_t n;

	return !der_is(*params, DER_INTEGER) || (der_number(params, &n) && n == key_n);
}

static SR_RESULT pbkdf2_run(struct backend *backend, struct sr_secret passphrase, struct sr_bytes salt,
	uint64_t iterations, const char *prf, uint8_t *key, size_t key_n)
{
	SR_AUTO(evp_kdf_st) kdf = EVP_KDF_fetch(backend->libctx, "PBKDF2", NULL);
	SR_AUTO(evp_kdf_ctx_st) ctx = EVP_KDF_CTX_new(kdf);
	uint8_t none[1] = { 0 }, salt_copy[256];
	char digest[16];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, passphrase.n > 0 ? passphrase.p : none, passphrase.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy, salt.n),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &iterations),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	/* Copies, since parameters point to what is not const. */
	memcpy(salt_copy, salt.p, salt.n);
	(void)str_copy(str_of(prf), digest, sizeof(digest));
	return ctx != NULL && EVP_KDF_derive(ctx, key, key_n, params) > 0 ? SR_OK : SR_CRYPTO;
}

static SR_RESULT pbkdf2(struct backend *backend, struct sr_bytes params, struct sr_secret passphrase,
	struct cbc *cbc, const char **detail)
{
	struct sr_bytes body, salt, oid, none;
	uint64_t iterations;
	const char *prf = "SHA1";

	if (!der_get_last(&params, DER_SEQUENCE, &body) || !der_get(&body, DER_OCTETS, &salt) || salt.n > 256 ||
	    !der_number(&body, &iterations) || iterations == 0 || !key_length_fits(&body, cbc->key_n))
		return SR_BAD_PARAMETER;
	if (iterations > UNLOCK_PBKDF2_ITERATIONS_MAX) {
		*detail = "the file asks for more than 10,000,000 iterations of PBKDF2";
		return SR_UNSUPPORTED;
	}
	if (body.n > 0) {
		if (!der_algorithm(&body, &oid, &none) || body.n > 0)
			return SR_BAD_PARAMETER;
		prf = oid_name(prfs, SR_COUNT(prfs), oid);
	}
	if (prf == NULL) {
		*detail = "the file is encrypted with a hash that is not supported";
		return SR_UNSUPPORTED;
	}
	return pbkdf2_run(backend, passphrase, salt, iterations, prf, cbc->key, cbc->key_n);
}

static bool scrypt_fits(uint64_t n, uint64_t r, uint64_t p)
{
	uint64_t blocks;                /* of 128 bytes: B, V and scratch */

	if (n > UINT32_MAX || r > UINT32_MAX || p > UINT32_MAX || n * r > UNLOCK_SCRYPT_WORK_MAX ||
	    n * r * p > UNLOCK_SCRYPT_WORK_MAX)
		return false;
	blocks = n * r + r * p + 2 * r;
	return blocks <= UNLOCK_SCRYPT_BYTES_MAX / 128;
}

static SR_RESULT scrypt(struct sr_bytes params, struct sr_secret passphrase, struct cbc *cbc, const char **detail)
{
	struct sr_bytes body, salt;
	uint64_t n, r, p;

	if (!der_get_last(&params, DER_SEQUENCE, &body) || !der_get(&body, DER_OCTETS, &salt) ||
	    !der_number(&body, &n) || !der_number(&body, &r) || !der_number(&body, &p) ||
	    n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0 || !key_length_fits(&body, cbc->key_n) || body.n > 0)
		return SR_BAD_PARAMETER;
	if (!scrypt_fits(n, r, p)) {
		*detail = "the file asks for too much work or memory (more than 32 MiB) of scrypt";
		return SR_UNSUPPORTED;
	}
	if (crypto_pwhash_scryptsalsa208sha256_ll(passphrase.p, passphrase.n, salt.p, salt.n,
	    n, (uint32_t)r, (uint32_t)p, cbc->key, cbc->key_n) != 0)
		return errno == ENOMEM ? SR_NOMEM : SR_CRYPTO;
	return SR_OK;
}

static SR_RESULT derive(struct backend *backend, struct sr_bytes oid, struct sr_bytes params, struct sr_secret passphrase,
	struct cbc *cbc, const char **detail)
{
	if (oid_is(oid, oid_pbkdf2))
		return pbkdf2(backend, params, passphrase, cbc, detail);
	if (oid_is(oid, oid_scrypt))
		return scrypt(params, passphrase, cbc, detail);
	*detail = "the file's key derivation is not supported; PBKDF2 and scrypt are";
	return SR_UNSUPPORTED;
}

struct pbes2 {
	struct sr_bytes kdf, kdf_params, cipher, iv, data;
};

static SR_RESULT pbes2_parse(struct sr_bytes der, struct pbes2 *out, const char **detail)
{
	struct sr_bytes body, oid, params, both, iv;

	if (!der_get_last(&der, DER_SEQUENCE, &body) || !der_algorithm(&body, &oid, &params) ||
	    !der_get_last(&body, DER_OCTETS, &out->data))
		return SR_BAD_PARAMETER;
	if (!oid_is(oid, oid_pbes2)) {
		*detail = "the file is encrypted in an old way; openssl pkcs8 -topk8 -v2 aes-256-cbc makes one that is read";
		return SR_UNSUPPORTED;
	}
	if (!der_get_last(&params, DER_SEQUENCE, &both) || !der_algorithm(&both, &out->kdf, &out->kdf_params) ||
	    !der_algorithm(&both, &out->cipher, &iv) || both.n > 0)
		return SR_BAD_PARAMETER;
	if (oid_name(ciphers, SR_COUNT(ciphers), out->cipher) == NULL) {
		*detail = "the file is encrypted with a cipher that is not supported; AES-CBC and 3DES are";
		return SR_UNSUPPORTED;
	}
	return der_get_last(&iv, DER_OCTETS, &out->iv) ? SR_OK : SR_BAD_PARAMETER;
}

static SR_RESULT pbes2_decrypt(struct backend *backend, const struct pbes2 *pbes2, struct sr_secret passphrase,
	struct cbc *cbc, struct sr_secret *out, const char **detail)
{
	SR_TRY(cbc_init(backend, cbc, oid_name(ciphers, SR_COUNT(ciphers), pbes2->cipher), detail));
	if (pbes2->iv.n != cbc->iv_n)
		return SR_BAD_PARAMETER;
	memcpy(cbc->iv, pbes2->iv.p, cbc->iv_n);
	SR_TRY(derive(backend, pbes2->kdf, pbes2->kdf_params, passphrase, cbc, detail));
	return cbc_decrypt(cbc, pbes2->data, out, detail);
}

SR_RESULT unlock_pkcs8(struct backend *backend, struct sr_bytes der, struct sr_secret passphrase,
	struct sr_secret *out, const char **detail)
{
	struct pbes2 pbes2;
	struct cbc cbc = { 0 };
	enum sr_err err;

	*detail = "not a well formed encrypted private key";
	SR_TRY(pbes2_parse(der, &pbes2, detail));
	if (passphrase.n == 0) {
		*detail = no_passphrase;
		return SR_CRYPTO;
	}
	err = pbes2_decrypt(backend, &pbes2, passphrase, &cbc, out, detail);
	cbc_finish(&cbc);
	return err;
}

/* Traditional PEM, RFC 1421 as OpenSSL writes it. */

/* "DEK-Info: NAME,HEX" among the headers: one of our ciphers, and its IV. */
static SR_RESULT dek_info(struct backend *backend, const char *headers, struct cbc *cbc, const char **detail)
{
	static const char label[] = "DEK-Info: ";
	const char *at = strstr(headers, label), *comma, *end;
	const char *name = NULL;

	if (at == NULL)
		return SR_BAD_PARAMETER;
	at += sizeof(label) - 1;
	end = at + strcspn(at, "\r\n");
	comma = memchr(at, ',', (size_t)(end - at));
	if (comma == NULL)
		return SR_BAD_PARAMETER;
	for (size_t i = 0; i < SR_COUNT(ciphers); i++)
		if (str_eq_nocase((struct sr_str){ at, (size_t)(comma - at) }, str_of(ciphers[i].name)))
			name = ciphers[i].name;
	if (name == NULL) {
		*detail = "the file is encrypted with a cipher that is not supported; AES-CBC and 3DES are";
		return SR_UNSUPPORTED;
	}
	SR_TRY(cbc_init(backend, cbc, name, detail));
	return hex_decode((struct sr_str){ comma + 1, (size_t)(end - comma - 1) }, cbc->iv, cbc->iv_n) ?
		SR_OK : SR_BAD_PARAMETER;
}

/* One round of MD5 over passphrase and salt, chained until the key is long
 * enough: weak, and what these files are made with. */
static SR_RESULT pem_derive(struct backend *backend, struct sr_secret passphrase, struct cbc *cbc)
{
	SR_AUTO(evp_md_st) md5 = EVP_MD_fetch(backend->libctx, "MD5", NULL);

	if (md5 == NULL || passphrase.n > INT32_MAX)
		return SR_CRYPTO;
	return EVP_BytesToKey(cbc->cipher, md5, cbc->iv, passphrase.p, (int)passphrase.n, 1, cbc->key, NULL) ==
		(int)cbc->key_n ? SR_OK : SR_CRYPTO;
}

static SR_RESULT pem_decrypt(struct backend *backend, const char *headers, struct sr_bytes body,
	struct sr_secret passphrase, struct cbc *cbc, struct sr_secret *out, const char **detail)
{
	SR_TRY(dek_info(backend, headers, cbc, detail));
	if (passphrase.n == 0) {
		*detail = no_passphrase;
		return SR_CRYPTO;
	}
	SR_TRY(pem_derive(backend, passphrase, cbc));
	return cbc_decrypt(cbc, body, out, detail);
}

SR_RESULT unlock_pem(struct backend *backend, const char *headers, struct sr_bytes body, struct sr_secret passphrase,
	struct sr_secret *out, const char **detail)
{
	struct cbc cbc = { 0 };
	enum sr_err err;

	*detail = "the headers of the encrypted key cannot be read";
	err = pem_decrypt(backend, headers, body, passphrase, &cbc, out, detail);
	cbc_finish(&cbc);
	return err;
}
