/* SPDX-License-Identifier: Apache-2.0 */
/* Algorithm names and identifiers. */
#include "provider/algorithms.h"

#include <openssl/asn1t.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

enum padding { PADDING_PKCS1, PADDING_PKCS1_RAW, PADDING_PSS, PADDING_NONE, PADDING_MESSAGE, PADDING_OAEP };

struct algorithm {
	struct sr_str name;
	enum padding padding;
	const char *hash;
};

static const struct algorithm signing[] = {
#define SIGN(id, name, kty, padding, hash, digest_len) { { name, sizeof(name) - 1 }, PADDING_##padding, hash },
#include <strongroom/algorithms.def>
#undef SIGN
};

static const struct algorithm decrypting[] = {
#define DECRYPT(id, name, padding, hash) { { name, sizeof(name) - 1 }, PADDING_##padding, hash },
#include <strongroom/algorithms.def>
#undef DECRYPT
};

static const struct algorithm *find(const struct algorithm *list, size_t n, enum padding padding, const EVP_MD *md)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].padding == padding && list[i].hash[0] != '\0' && EVP_MD_is_a(md, list[i].hash))
			return &list[i];
	return NULL;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define FIND(list, padding, md) find(list, COUNT(list), padding, md)

static struct sr_str name_of(const struct algorithm *algorithm)
{
	return algorithm != NULL ? algorithm->name : (struct sr_str){ NULL, 0 };
}

struct sr_str algorithm_pkcs1(const EVP_MD *md)
{
	return name_of(FIND(signing, PADDING_PKCS1, md));
}

struct sr_str algorithm_pss(const EVP_MD *md)
{
	return name_of(FIND(signing, PADDING_PSS, md));
}

struct sr_str algorithm_oaep(const EVP_MD *md)
{
	return name_of(FIND(decrypting, PADDING_OAEP, md));
}

struct sr_str algorithm_hash(const EVP_MD *md)
{
	const struct algorithm *with_it = FIND(decrypting, PADDING_OAEP, md);

	return with_it != NULL ? (struct sr_str){ with_it->hash, strlen(with_it->hash) } : (struct sr_str){ NULL, 0 };
}

size_t algorithm_digest_info(const EVP_MD *md, const uint8_t *digest, size_t digest_len, uint8_t *out, size_t cap)
{
	X509_SIG *info = X509_SIG_new();
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *value;
	size_t length = 0;
	int n;

	if (info == NULL || EVP_MD_get_type(md) == NID_undef)
		goto end;
	X509_SIG_getm(info, &algorithm, &value);
	if (!X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL)
		|| !ASN1_OCTET_STRING_set(value, digest, (int)digest_len))
		goto end;
	n = i2d_X509_SIG(info, NULL);
	if (n > 0 && (size_t)n <= cap)
		length = (size_t)i2d_X509_SIG(info, &out);
end:
	X509_SIG_free(info);
	return length;
}

static size_t encode(X509_ALGOR *algorithm, unsigned char **out)
{
	unsigned char *der = NULL;
	int n = i2d_X509_ALGOR(algorithm, &der);

	if (n <= 0)
		return 0;
	*out = der;
	return (size_t)n;
}

size_t algorithm_id(const char *key_type, const EVP_MD *md, unsigned char **out)
{
	int key_nid = OBJ_sn2nid(key_type), signature_nid = key_nid;
	X509_ALGOR *algorithm = X509_ALGOR_new();
	size_t length = 0;

	if (strcmp(key_type, "RSA") == 0)
		key_nid = NID_rsaEncryption;
	else if (strcmp(key_type, "EC") == 0)
		key_nid = NID_X9_62_id_ecPublicKey;
	/* EdDSA's identifier is the key's own: the digest is part of it */
	if (algorithm == NULL || (md != NULL && !OBJ_find_sigid_by_algs(&signature_nid, EVP_MD_get_type(md), key_nid)))
		goto end;
	/* RFC 4055 has NULL parameters for RSA; RFC 5758 and 8410 have none for the others */
	if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(signature_nid),
		key_nid == NID_rsaEncryption ? V_ASN1_NULL : V_ASN1_UNDEF, NULL))
		length = encode(algorithm, out);
end:
	X509_ALGOR_free(algorithm);
	return length;
}

/* An AlgorithmIdentifier of a hash; for SHA-1, which is every default of RFC 4055
 * and must then be left out, *out stays NULL. */
static bool hash_identifier(const EVP_MD *md, X509_ALGOR **out)
{
	if (EVP_MD_get_type(md) == NID_sha1)
		return true;
	*out = X509_ALGOR_new();
	return *out != NULL
		&& X509_ALGOR_set0(*out, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL);
}

static bool mask_identifier(const EVP_MD *mgf1, X509_ALGOR **out)
{
	X509_ALGOR *hash = NULL;
	ASN1_STRING *packed = NULL;
	bool ok = false;

	if (!hash_identifier(mgf1, &hash))
		goto end;
	if (hash == NULL)
		return true;
	packed = ASN1_item_pack(hash, ASN1_ITEM_rptr(X509_ALGOR), NULL);
	*out = X509_ALGOR_new();
	if (packed == NULL || *out == NULL || !X509_ALGOR_set0(*out, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, packed))
		goto end;
	packed = NULL;
	ok = true;
end:
	ASN1_STRING_free(packed);
	X509_ALGOR_free(hash);
	return ok;
}

size_t algorithm_id_pss(const EVP_MD *md, const EVP_MD *mgf1, int salt_len, unsigned char **out)
{
	RSA_PSS_PARAMS *pss = RSA_PSS_PARAMS_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	ASN1_STRING *packed = NULL;
	size_t length = 0;

	if (pss == NULL || algorithm == NULL || !hash_identifier(md, &pss->hashAlgorithm)
		|| !mask_identifier(mgf1, &pss->maskGenAlgorithm))
		goto end;
	if (salt_len != 20) {   /* the default */
		pss->saltLength = ASN1_INTEGER_new();
		if (pss->saltLength == NULL || !ASN1_INTEGER_set(pss->saltLength, salt_len))
			goto end;
	}
	packed = ASN1_item_pack(pss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
	if (packed == NULL || !X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, packed))
		goto end;
	packed = NULL;
	length = encode(algorithm, out);
end:
	ASN1_STRING_free(packed);
	RSA_PSS_PARAMS_free(pss);
	X509_ALGOR_free(algorithm);
	return length;
}
