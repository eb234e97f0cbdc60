/* SPDX-License-Identifier: Apache-2.0 */
/* Key management that is the same for every type.
 *
 * The rule that all else follows from: an export that asks for the private half
 * fails before anything is handed over.  If it gave the public half instead,
 * OpenSSL would take that for the whole key and sign with it in the default
 * provider.  What is public, the default provider's own key (key->public)
 * answers, so that it is exactly what a program gets for a key of its own. */
#include "provider/keymgmt.h"

#include <string.h>

#define SELECT_PRIVATE OSSL_KEYMGMT_SELECT_PRIVATE_KEY
#define SELECT_PUBLIC  OSSL_KEYMGMT_SELECT_PUBLIC_KEY
#define SELECT_DOMAIN  OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS

void keymgmt_free(void *keydata)
{
	key_unref(keydata);
}

/* OpenSSL's store and decoders pass the address of our pointer; taking the key
 * from it is how they learn that it is taken. */
void *keymgmt_load(const void *reference, size_t reference_size)
{
	struct key **slot, *key;

	if (reference_size != sizeof(slot))
		return NULL;
	memcpy(&slot, &reference, sizeof(slot));
	key = *slot;
	*slot = NULL;
	return key;
}

/* A key of the same parameters with no point. */
static struct key *parameters_of(struct key *from)
{
	struct key *key = key_new(from->provider, from->type);
	OSSL_PARAM *params = NULL;

	if (key == NULL || from->public == NULL || from->type != KEY_ec)
		return key;
	if (!EVP_PKEY_todata(from->public, EVP_PKEY_KEY_PARAMETERS, &params)
		|| !keymgmt_import(key, EVP_PKEY_KEY_PARAMETERS, params)) {
		key_unref(key);
		key = NULL;
	}
	OSSL_PARAM_free(params);
	return key;
}

void *keymgmt_dup(const void *keydata_from, int selection)
{
	struct key *from;

	memcpy(&from, &keydata_from, sizeof(from));     /* keys are counted, not copied */
	if ((selection & SELECT_PRIVATE) != 0)
		return key_ref(from);
	if ((selection & SELECT_PUBLIC) != 0 && key_has_public(from))
		return key_new_public(from->provider, from->type, from->public);
	return parameters_of(from);
}

int keymgmt_has(const void *keydata, int selection)
{
	const struct key *key = keydata;

	if (key == NULL)
		return 0;
	if ((selection & SELECT_PRIVATE) != 0 && !key_is_private(key))
		return 0;
	if ((selection & SELECT_PUBLIC) != 0 && !key_has_public(key))
		return 0;
	if ((selection & SELECT_DOMAIN) != 0 && key->type == KEY_ec && key->public == NULL)
		return 0;
	return 1;
}

int keymgmt_match(const void *keydata1, const void *keydata2, int selection)
{
	const struct key *a = keydata1, *b = keydata2;

	if (a == NULL || b == NULL || a->public == NULL || b->public == NULL || a->type != b->type)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
		return key_has_public(a) && key_has_public(b) && EVP_PKEY_eq(a->public, b->public) == 1;
	if ((selection & SELECT_DOMAIN) != 0 && a->type == KEY_ec)
		return EVP_PKEY_parameters_eq(a->public, b->public) == 1;
	return 1;
}

/* The private half is the daemon's matter: it was checked when it came there. */
int keymgmt_validate(const void *keydata, int selection, int checktype)
{
	const struct key *key = keydata;
	EVP_PKEY_CTX *ctx;
	int ok;

	if (!keymgmt_has(key, selection))
		return 0;
	if ((selection & (SELECT_PUBLIC | SELECT_DOMAIN)) == 0)
		return 1;
	ctx = EVP_PKEY_CTX_new_from_pkey(key->provider->libctx, key->public, /* propquery= */ NULL);
	if (ctx == NULL)
		return 0;
	if (key->parameters_only || (selection & SELECT_PUBLIC) == 0)
		ok = key->type != KEY_ec || EVP_PKEY_param_check(ctx) == 1;
	else if (checktype == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK)
		ok = EVP_PKEY_public_check_quick(ctx) == 1;
	else
		ok = EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* OpenSSL selects a whole key pair also for public keys, so what counts is
 * whether a private value is there. */
static bool private_value_in(const OSSL_PARAM params[])
{
	static const char *const private_names[] = {
		OSSL_PKEY_PARAM_PRIV_KEY,
		OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,
	};

	for (size_t i = 0; i < sizeof(private_names) / sizeof(private_names[0]); i++)
		if (OSSL_PARAM_locate_const(params, private_names[i]) != NULL)
			return true;
	return false;
}

int keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct key *key = keydata;
	struct provider *provider = key->provider;
	bool with_public = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM *copy;
	int ok;

	if (key->public != NULL)
		return RAISE(provider, SR_CONFLICT, "this key has been imported before");
	if ((selection & SELECT_PRIVATE) != 0 && private_value_in(params))
		return RAISE(provider, SR_UNSUPPORTED, "private keys are not taken from a program; "
			"'strongroom key import' gives one to strongroomd");
	copy = OSSL_PARAM_dup(params);
	ctx = EVP_PKEY_CTX_new_from_name(provider->libctx, key_type_name(key->type), /* propquery= */ NULL);
	ok = copy != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1
		&& EVP_PKEY_fromdata(ctx, &key->public, with_public ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEY_PARAMETERS, copy) == 1;
	key->parameters_only = !with_public;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(copy);
	return ok;
}

int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *param_cb, void *cbarg)
{
	const struct key *key = keydata;

	if ((selection & SELECT_PRIVATE) != 0 && key_is_private(key))
		return RAISE(key->provider, SR_UNSUPPORTED, "the private key of %s is held by strongroomd and cannot be exported",
			key->uri);
	if ((selection & SELECT_PRIVATE) != 0 || key->public == NULL)
		return 0;
	return EVP_PKEY_export(key->public, selection, param_cb, cbarg);
}

int keymgmt_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct key *key = keydata;

	return key->public == NULL || EVP_PKEY_get_params(key->public, params);
}
