/* SPDX-License-Identifier: Apache-2.0 */
/* The store loader (provider-storemgmt(7)): a strongroom:// URI is one key.  The
 * daemon is asked for its public half, and a key that is loaded stays on the
 * version that was the newest then. */
#include "provider/store.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

#include "provider/key.h"

struct store {
	struct provider *provider;      /* borrowed */
	char uri[SR_URI_MAX + 1];       /* as it was given; its version may be left out */
	int expect;                     /* OSSL_STORE_INFO_*; 0: anything */
	bool done;
};

static OSSL_FUNC_store_open_fn store_open;
static OSSL_FUNC_store_settable_ctx_params_fn store_settable_ctx_params;
static OSSL_FUNC_store_set_ctx_params_fn store_set_ctx_params;
static OSSL_FUNC_store_load_fn store_load;
static OSSL_FUNC_store_eof_fn store_eof;
static OSSL_FUNC_store_close_fn store_close;

static void *store_open(void *provctx, const char *uri)
{
	struct provider *provider = provctx;
	struct sr_uri parts;
	struct store *store;

	if (sr_uri_parse((struct sr_str){ uri, strlen(uri) }, &parts) != SR_OK) {
		RAISE(provider, SR_BAD_PARAMETER, "a key's URI is strongroom://VAULT[.TENANT]/keys/NAME[/VERSION], not %.300s", uri);
		return NULL;
	}
	if (parts.kind != SR_URI_KEYS) {
		RAISE(provider, SR_UNSUPPORTED, "only keys can be loaded, and this does not name one: %s", uri);
		return NULL;
	}
	store = calloc(1, sizeof(*store));
	if (store == NULL) {
		RAISE(provider, SR_NOMEM, "%s", sr_strerror(SR_NOMEM));
		return NULL;
	}
	store->provider = provider;
	sr_uri_format(&parts, store->uri);
	return store;
}

static const OSSL_PARAM *store_settable_ctx_params(__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END
	};

	return settable;
}

static int store_set_ctx_params(void *loaderctx, const OSSL_PARAM params[])
{
	struct store *store = loaderctx;
	const OSSL_PARAM *p;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
	return p == NULL || OSSL_PARAM_get_int(p, &store->expect);
}

/* The public key: bytes, so that it becomes a key of the default provider's and
 * has no more to do with us. */
static int give_public_key(const struct key *key, OSSL_CALLBACK *object_cb, void *object_cbarg)
{
	int object_type = OSSL_OBJECT_PKEY;
	char structure[] = "SubjectPublicKeyInfo";
	OSSL_PARAM params[4];

	params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object_type);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, key->spki, key->spki_len);
	params[3] = OSSL_PARAM_construct_end();
	return object_cb(params, object_cbarg);
}

static struct key *fetch(struct store *store)
{
	struct provider *provider = store->provider;
	struct sr_key_get_req q = { .key = { store->uri, strlen(store->uri) } };
	struct sr_key_get_rep r;
	struct sr_call *call = provider_call_begin(provider);
	struct key *key = NULL;
	enum sr_err err;

	if (call == NULL)
		return NULL;
	err = sr_key_get(provider->client, call, &q, &r);
	if (err == SR_OK)
		key = key_open(provider, r.key.kid, r.key.spki);
	else
		provider_call_raise(provider, call, err);
	provider_call_end(provider, call);
	return key;
}

static int store_load(void *loaderctx, OSSL_CALLBACK *object_cb, void *object_cbarg,
	__attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *pw_cb, __attribute__((unused)) void *pw_cbarg)
{
	struct store *store = loaderctx;
	struct key *key;
	int ok;

	if (store_eof(store))
		return 0;
	store->done = true;
	key = fetch(store);
	if (key == NULL)
		return 0;
	if (store->expect != OSSL_STORE_INFO_PUBKEY)
		return key_give(key, object_cb, object_cbarg);
	ok = give_public_key(key, object_cb, object_cbarg);
	key_unref(key);
	return ok;
}

/* Whoever wants a certificate need not make the daemon look for a key. */
static int store_eof(void *loaderctx)
{
	const struct store *store = loaderctx;

	return store->done
		|| (store->expect != 0 && store->expect != OSSL_STORE_INFO_PKEY && store->expect != OSSL_STORE_INFO_PUBKEY);
}

static int store_close(void *loaderctx)
{
	free(loaderctx);
	return 1;
}

const OSSL_DISPATCH store_functions[] = {
	{ OSSL_FUNC_STORE_OPEN,                (void (*)(void))store_open },
	{ OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))store_settable_ctx_params },
	{ OSSL_FUNC_STORE_SET_CTX_PARAMS,      (void (*)(void))store_set_ctx_params },
	{ OSSL_FUNC_STORE_LOAD,                (void (*)(void))store_load },
	{ OSSL_FUNC_STORE_EOF,                 (void (*)(void))store_eof },
	{ OSSL_FUNC_STORE_CLOSE,               (void (*)(void))store_close },
	{ 0, NULL }
};
