/* SPDX-License-Identifier: Apache-2.0 */
/* From a file that somebody brings to a key that may be stored.  The file is
 * hostile: what it may hold is a short list, and all else is named and refused. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/str.h"
#include "daemon/backend/der.h"
#include "daemon/backend/locked.h"
#include "daemon/backend/private_key.h"
#include "daemon/backend/unlock.h"

#define FILE_MAX ((size_t)64 << 10)

/* The private key that was found in the file. */
struct found {
	enum private_form form;
	bool encrypted;                 /* as PKCS#8 does it */
	struct sr_bytes der;
};

static SR_RESULT refuse(const char **detail, const char *what)
{
	*detail = what;
	return SR_BAD_PARAMETER;
}

/* What a DER file is, by its first elements. */
static SR_RESULT der_recognise(struct sr_bytes der, struct found *out, const char **detail)
{
	struct sr_bytes body, in = der, part, oid, params;
	uint64_t version;

	if (!der_get_last(&in, DER_SEQUENCE, &body))
		return refuse(detail, "the file is cut short, or is not DER");
	out->der = der;
	out->encrypted = false;
	part = body;
	if (der_number(&part, &version)) {
		out->form = der_is(part, DER_SEQUENCE) ? PRIVATE_PKCS8 : der_is(part, DER_INTEGER) ? PRIVATE_RSA : PRIVATE_EC;
		if (version == 3 && out->form == PRIVATE_PKCS8)
			return refuse(detail, "this is a PKCS#12 file; openssl pkcs12 -nocerts takes the key out");
		return SR_OK;
	}
	part = body;
	if (der_algorithm(&part, &oid, &params)) {
		if (der_is(part, DER_BIT_STRING))
			return refuse(detail, "this is a public key; a private key is needed");
		if (der_is(part, DER_OCTETS)) {
			out->encrypted = true;
			out->form = PRIVATE_PKCS8;
			return SR_OK;
		}
	}
	part = body;
	if (der_skip(&part) && der_algorithm(&part, &oid, &params) && der_is(part, DER_BIT_STRING))
		return refuse(detail, "this is a certificate or a request; a private key is needed");
	return refuse(detail, "not a private key in DER");
}

/* What the label of a PEM block means. */
static const struct label {
	const char *name;
	enum { LABEL_PKCS8, LABEL_ENCRYPTED, LABEL_RSA, LABEL_EC, LABEL_UNSUPPORTED, LABEL_NO_KEY } means;
	const char *detail;             /* the last two */
} labels[] = {
	{ "PRIVATE KEY", LABEL_PKCS8, NULL },
	{ "ENCRYPTED PRIVATE KEY", LABEL_ENCRYPTED, NULL },
	{ "RSA PRIVATE KEY", LABEL_RSA, NULL },
	{ "EC PRIVATE KEY", LABEL_EC, NULL },
	{ "DSA PRIVATE KEY", LABEL_UNSUPPORTED, "DSA keys are not supported" },
	{ "OPENSSH PRIVATE KEY", LABEL_UNSUPPORTED, "this is an OpenSSH key; ssh-keygen -p -m PKCS8 makes a file that is read" },
	{ "STRONGROOM KEY REFERENCE", LABEL_NO_KEY, "this is a reference to a key that strongroomd holds, not a key" },
	{ "PUBLIC KEY", LABEL_NO_KEY, "this is a public key; a private key is needed" },
	{ "RSA PUBLIC KEY", LABEL_NO_KEY, "this is a public key; a private key is needed" },
	{ "CERTIFICATE", LABEL_NO_KEY, "this is a certificate; a private key is needed" },
	{ "X509 CERTIFICATE", LABEL_NO_KEY, "this is a certificate; a private key is needed" },
	{ "TRUSTED CERTIFICATE", LABEL_NO_KEY, "this is a certificate; a private key is needed" },
	{ "CERTIFICATE REQUEST", LABEL_NO_KEY, "this is a certificate request; a private key is needed" },
};

static const struct label *label_find(const char *name)
{
	for (size_t i = 0; i < SR_COUNT(labels); i++)
		if (strcmp(labels[i].name, name) == 0)
			return &labels[i];
	return NULL;
}

struct block {
	char *name, *headers;
	unsigned char *body;
	long n;
};

static void block_free(struct block *block)
{
	OPENSSL_free(block->name);
	OPENSSL_free(block->headers);
	OPENSSL_clear_free(block->body, block->body != NULL ? (size_t)block->n : 0);
	*block = (struct block){ 0 };
}

/* The one private key among a file's blocks; certificates may stand beside it.
 * On success *out is the caller's to free. */
static SR_RESULT pem_find(struct sr_secret file, struct block *out, const struct label **label, const char **detail)
{
	SR_AUTO(bio_st) bio = BIO_new_mem_buf(file.p, (int)file.n);
	struct block block = { 0 };
	const struct label *other = NULL;

	if (bio == NULL)
		return SR_NOMEM;
	*label = NULL;
	while (PEM_read_bio(bio, &block.name, &block.headers, &block.body, &block.n)) {
		const struct label *this = label_find(block.name);

		if (this == NULL || this->means == LABEL_NO_KEY) {
			other = other != NULL ? other : this;
			block_free(&block);
			continue;
		}
		if (*label != NULL) {
			block_free(&block);
			return refuse(detail, "the file holds more than one private key");
		}
		*label = this;
		*out = block;
		block = (struct block){ 0 };
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return refuse(detail, "the PEM file is damaged");
	if (*label == NULL)
		return refuse(detail, other != NULL ? other->detail : "there is no private key in the file");
	return SR_OK;
}

static SR_RESULT load(struct backend *backend, enum private_form form, struct sr_bytes der,
	struct arena *arena, struct key_material *out, const char **detail)
{
	SR_AUTO(evp_pkey_st) pkey = NULL;
	enum key_kind kind;

	SR_TRY(private_key_read(backend, form, der, &kind, &pkey, detail));
	SR_TRY(private_key_check(backend, pkey, detail));
	return private_key_encode(pkey, kind, arena, out);
}

/* After decryption.  Wrong passphrases give bytes that decrypt by chance one
 * time in 256: what is no DER at all is more likely that than a bad key. */
static SR_RESULT load_unlocked(struct backend *backend, enum private_form form, struct sr_secret plain,
	struct arena *arena, struct key_material *out, const char **detail)
{
	struct sr_bytes der = { plain.p, plain.n }, in = der, body;

	if (!der_get_last(&in, DER_SEQUENCE, &body)) {
		*detail = "wrong passphrase, or the file is damaged";
		return SR_CRYPTO;
	}
	return load(backend, form, der, arena, out, detail);
}

static SR_RESULT import_der(struct backend *backend, const struct found *found, struct sr_secret passphrase,
	struct arena *arena, struct key_material *out, const char **detail)
{
	struct sr_secret plain;
	enum sr_err err;

	if (!found->encrypted)
		return load(backend, found->form, found->der, arena, out, detail);
	SR_TRY(unlock_pkcs8(backend, found->der, passphrase, &plain, detail));
	err = load_unlocked(backend, PRIVATE_PKCS8, plain, arena, out, detail);
	locked_free(plain.p);
	return err;
}

static SR_RESULT import_block(struct backend *backend, const struct block *block, const struct label *label,
	struct sr_secret passphrase, struct arena *arena, struct key_material *out, const char **detail)
{
	struct found found = { PRIVATE_PKCS8, false, { block->body, (size_t)block->n } };
	struct sr_secret plain;
	enum sr_err err;

	if (label->means == LABEL_UNSUPPORTED) {
		*detail = label->detail;
		return SR_UNSUPPORTED;
	}
	if (label->means == LABEL_RSA || label->means == LABEL_EC)
		found.form = label->means == LABEL_RSA ? PRIVATE_RSA : PRIVATE_EC;
	found.encrypted = label->means == LABEL_ENCRYPTED;
	if (strstr(block->headers, "ENCRYPTED") == NULL)
		return import_der(backend, &found, passphrase, arena, out, detail);
	if (found.encrypted)
		return refuse(detail, "the file is encrypted in two ways at once");
	SR_TRY(unlock_pem(backend, block->headers, found.der, passphrase, &plain, detail));
	err = load_unlocked(backend, found.form, plain, arena, out, detail);
	locked_free(plain.p);
	return err;
}

static SR_RESULT import_pem(struct backend *backend, struct sr_secret file, struct sr_secret passphrase,
	struct arena *arena, struct key_material *out, const char **detail)
{
	struct block block = { 0 };
	const struct label *label;
	enum sr_err err = pem_find(file, &block, &label, detail);

	if (err == SR_OK)
		err = import_block(backend, &block, label, passphrase, arena, out, detail);
	block_free(&block);
	return err;
}

static SR_RESULT import(struct backend *backend, struct sr_secret file, struct sr_secret passphrase,
	struct arena *arena, struct key_material *out, const char **detail)
{
	static const char begin[] = "-----BEGIN ";
	struct sr_bytes in = { file.p, file.n }, body;
	struct found found;

	if (file.n == 0)
		return refuse(detail, "the file is empty");
	if (file.n > FILE_MAX)
		return refuse(detail, "the file is larger than 64 KiB");
	/* Text before PEM may begin with a 0, which is DER's first byte. */
	if (!der_get_last(&in, DER_SEQUENCE, &body) && memmem(file.p, file.n, begin, sizeof(begin) - 1) != NULL)
		return import_pem(backend, file, passphrase, arena, out, detail);
	if (file.p[0] != DER_SEQUENCE)
		return refuse(detail, "the file is neither PEM nor DER");
	SR_TRY(der_recognise((struct sr_bytes){ file.p, file.n }, &found, detail));
	return import_der(backend, &found, passphrase, arena, out, detail);
}

SR_RESULT backend_import(struct backend *backend, struct sr_secret file, struct sr_secret passphrase,
	struct arena *arena, struct key_material *out, const char **detail)
{
	*detail = "";
	software_begin();
	ERR_clear_error();
	return software_finish(import(backend, file, passphrase, arena, out, detail), detail);
}
