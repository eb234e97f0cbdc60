/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom.so: the entry point, the tables of what it offers, its settings.
 *
 * It is loaded into programs that know nothing of it.  Loading does no I/O and
 * works with the daemon down; the tables are constant, since OpenSSL remembers
 * what it once asked for; it offers no digest, cipher or random, so that
 * nothing but Strongroom's own keys ever comes here. */
#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strongroom/reference.h>

#include "provider/asymcipher.h"
#include "provider/decoder.h"
#include "provider/encoder.h"
#include "provider/keymgmt.h"
#include "provider/signature.h"
#include "provider/store.h"

#define TIMEOUT_MAX_MS 600000
#define PROPERTIES "provider=strongroom"

OSSL_provider_init_fn OSSL_provider_init;
static OSSL_FUNC_provider_teardown_fn provider_teardown;
static OSSL_FUNC_provider_gettable_params_fn provider_gettable_params;
static OSSL_FUNC_provider_get_params_fn provider_get_params;
static OSSL_FUNC_provider_query_operation_fn provider_query_operation;
static OSSL_FUNC_provider_get_reason_strings_fn provider_get_reason_strings;

/* ---- what it offers ---- */

static const OSSL_ALGORITHM keymgmts[] = {
#define TYPE(id, name, aliases, oid) \
	{ name ":" aliases ":" oid, PROPERTIES, keymgmt_##id##_functions, name " keys held by strongroomd" },
#include "provider/types.def"
#undef TYPE
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signature_rsa_functions, "RSA signatures by strongroomd" },
	{ "ECDSA", PROPERTIES, signature_ecdsa_functions, "ECDSA signatures by strongroomd" },
	{ "ED25519:1.3.101.112", PROPERTIES, signature_ed25519_functions, "Ed25519 signatures by strongroomd" },
	{ "ED448:1.3.101.113", PROPERTIES, signature_ed448_functions, "Ed448 signatures by strongroomd" },
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM asymciphers[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, asymcipher_rsa_functions, "RSA decryption by strongroomd" },
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM stores[] = {
	{ "strongroom", PROPERTIES, store_functions, "strongroom:// URIs" },
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM decoders[] = {
	{ "DER", PROPERTIES ",input=pem", decoder_pem_functions, "PEM with Strongroom's own label" },
#define TYPE(id, name, aliases, oid) \
	{ name ":" aliases ":" oid, PROPERTIES ",input=der,structure=PrivateKeyInfo", decoder_##id##_functions, \
		"references to " name " keys held by strongroomd" },
#include "provider/types.def"
#undef TYPE
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM encoders[] = {
#define TYPE(id, name, aliases, oid) \
	{ name ":" aliases ":" oid, PROPERTIES ",output=text", encoder_text_functions, "what is public of a " name " key" }, \
	{ name ":" aliases ":" oid, PROPERTIES ",output=pem,structure=PrivateKeyInfo", encoder_pem_functions, \
		"a reference to a " name " key" }, \
	{ name ":" aliases ":" oid, PROPERTIES ",output=der,structure=PrivateKeyInfo", encoder_der_functions, \
		"a reference to a " name " key" },
#include "provider/types.def"
#undef TYPE
	{ NULL, NULL, NULL, NULL }
};

static const OSSL_ALGORITHM *provider_query_operation(__attribute__((unused)) void *provctx, int operation_id,
	int *no_cache)
{
	*no_cache = 0;
	switch (operation_id) {
	case OSSL_OP_KEYMGMT:
		return keymgmts;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_ASYM_CIPHER:
		return asymciphers;
	case OSSL_OP_STORE:
		return stores;
	case OSSL_OP_DECODER:
		return decoders;
	case OSSL_OP_ENCODER:
		return encoders;
	default:
		return NULL;
	}
}

static const OSSL_PARAM *provider_gettable_params(__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END
	};

	return gettable;
}

static int provider_get_params(__attribute__((unused)) void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *p;

	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, "Strongroom Provider"))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, SR_VERSION))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, SR_VERSION))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return p == NULL || OSSL_PARAM_set_int(p, 1);
}

static const OSSL_ITEM *provider_get_reason_strings(__attribute__((unused)) void *provctx)
{
	return core_reasons;
}

/* ---- its settings ---- */

struct settings {
	char *name, *socket, *timeout, *daemon_uid;     /* the program's; NULL when not given */
};

static bool read_settings(const struct core *core, struct settings *out)
{
	OSSL_PARAM params[5];

	params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_CORE_PROV_NAME, &out->name, 0);
	params[1] = OSSL_PARAM_construct_utf8_ptr("socket", &out->socket, 0);
	params[2] = OSSL_PARAM_construct_utf8_ptr("timeout", &out->timeout, 0);
	params[3] = OSSL_PARAM_construct_utf8_ptr("daemon_uid", &out->daemon_uid, 0);
	params[4] = OSSL_PARAM_construct_end();
	return core->get_params(core->handle, params) == 1;
}

/* OpenSSL sorts providers by name, and the first that has a type wins.  One that
 * comes before the providers of software keys shadows their EC keys, and every
 * handshake of some programs fails; better not to be loaded at all. */
static bool name_is_safe(const struct core *core, const char *name)
{
	static const char *const others[] = { "default", "fips" };

	for (size_t i = 0; name != NULL && i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(name, others[i]) < 0) {
			core_raise(core, __FILE__, __LINE__, __func__, SR_BAD_PARAMETER,
				"strongroom: a provider must not be named '%s', which sorts before '%s' and would shadow its keys; "
				"name it 'strongroom' in openssl.cnf", name, others[i]);
			return false;
		}
	}
	return true;
}

/* Decimal digits and nothing else. */
static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || value > max)
			return false;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (*text == '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* Wrong settings do not keep the provider from loading, since that would take down
 * programs that have no key of ours: each use of a key says what is wrong. */
static void make_client(struct provider *provider, const struct settings *settings)
{
	struct sr_client_options options = { .socket = settings->socket, .daemon_uid = -1, .name = "strongroom.so" };
	uint64_t number;
	enum sr_err err;

	if (settings->timeout != NULL) {
		if (!read_number(settings->timeout, 1, TIMEOUT_MAX_MS, &number)) {
			snprintf(provider->trouble, sizeof(provider->trouble),
				"timeout = %.60s in openssl.cnf is not a number of milliseconds from 1 to %d",
				settings->timeout, TIMEOUT_MAX_MS);
			return;
		}
		options.timeout_ms = (uint32_t)number;
	}
	if (settings->daemon_uid != NULL) {
		if (!read_number(settings->daemon_uid, 0, UINT32_MAX - 1, &number)) {
			snprintf(provider->trouble, sizeof(provider->trouble),
				"daemon_uid = %.60s in openssl.cnf is not the number of a user", settings->daemon_uid);
			return;
		}
		options.daemon_uid = (int64_t)number;
	}
	err = sr_client_new(&options, &provider->client);
	if (err != SR_OK)
		snprintf(provider->trouble, sizeof(provider->trouble), "socket = %.120s in openssl.cnf: %s",
			settings->socket != NULL ? settings->socket : "", sr_strerror(err));
}

/* ---- what is shared by all operations ---- */

/* Fetching a digest can cost as much as a signature, so the first few that are used are
 * kept; not before, since a program that has no key of ours should not pay for it. */
EVP_MD *provider_digest(struct provider *provider, const char *name)
{
	EVP_MD *md = NULL, *none;

	for (size_t i = 0; i < PROVIDER_DIGESTS; i++) {
		md = atomic_load(&provider->digests[i]);
		if (md == NULL)
			break;
		if (EVP_MD_is_a(md, name))
			return EVP_MD_up_ref(md) ? md : NULL;
	}
	md = EVP_MD_fetch(provider->libctx, name, /* properties= */ NULL);
	if (md == NULL || !EVP_MD_up_ref(md))
		return md;
	for (size_t i = 0; i < PROVIDER_DIGESTS; i++) {
		none = NULL;
		if (atomic_compare_exchange_strong(&provider->digests[i], &none, md))
			return md;
	}
	EVP_MD_free(md);
	return md;
}

static bool load_software(struct provider *provider)
{
	provider->libctx = OSSL_LIB_CTX_new();
	if (provider->libctx == NULL)
		return false;
	provider->software = OSSL_PROVIDER_load(provider->libctx, "default");
	return provider->software != NULL;
}

static void provider_teardown(void *provctx)
{
	struct provider *provider = provctx;

	for (size_t i = 0; i < PROVIDER_IDLE_CALLS; i++)
		sr_call_free(atomic_load(&provider->idle_calls[i]));
	sr_client_free(provider->client);
	for (size_t i = 0; i < PROVIDER_DIGESTS; i++)
		EVP_MD_free(atomic_load(&provider->digests[i]));
	if (provider->software != NULL)
		OSSL_PROVIDER_unload(provider->software);
	OSSL_LIB_CTX_free(provider->libctx);
	free(provider);
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN,           (void (*)(void))provider_teardown },
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,    (void (*)(void))provider_gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS,         (void (*)(void))provider_get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION,    (void (*)(void))provider_query_operation },
	{ OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))provider_get_reason_strings },
	{ 0, NULL }
};

__attribute__((visibility("default")))
int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	void **provctx)
{
	struct provider *provider;
	struct settings settings = { 0 };
	struct core core;

	if (!core_init(&core, handle, in) || !read_settings(&core, &settings) || !name_is_safe(&core, settings.name))
		return 0;
	provider = calloc(1, sizeof(*provider));
	if (provider == NULL)
		return 0;
	provider->core = core;
	if (!load_software(provider)) {
		provider_teardown(provider);
		return 0;
	}
	make_client(provider, &settings);
	*provctx = provider;
	*out = functions;
	return 1;
}
