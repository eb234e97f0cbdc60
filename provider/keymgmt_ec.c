/* SPDX-License-Identifier: Apache-2.0 */
/* Key management of EC keys: their names and parameters. */
#include "provider/keymgmt.h"

static OSSL_FUNC_keymgmt_new_fn ec_new;
static OSSL_FUNC_keymgmt_query_operation_name_fn ec_query_operation_name;
static OSSL_FUNC_keymgmt_import_types_fn ec_types;
static OSSL_FUNC_keymgmt_gettable_params_fn ec_gettable_params;

/* A curve by name, or spelt out, as a program's own key may have it. */
#define EC_PARAMETERS \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0), \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0), \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, NULL, 0), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, NULL, 0), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, NULL, 0), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, NULL, 0), \
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, NULL, 0), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, NULL, 0), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, NULL, 0), \
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, NULL, 0), \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL)

static void *ec_new(void *provctx)
{
	return key_new(provctx, KEY_ec);
}

static const char *ec_query_operation_name(int operation_id)
{
	switch (operation_id) {
	case OSSL_OP_SIGNATURE:
		return "ECDSA";
	case OSSL_OP_KEYEXCH:
		return "ECDH";
	default:
		return NULL;
	}
}

static const OSSL_PARAM *ec_types(int selection)
{
	static const OSSL_PARAM parameters[] = { EC_PARAMETERS, OSSL_PARAM_END };
	static const OSSL_PARAM public_types[] = {
		EC_PARAMETERS,
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
		return public_types;
	return (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0 ? parameters : NULL;
}

static const OSSL_PARAM *ec_gettable_params(__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, NULL),
		EC_PARAMETERS,
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
		OSSL_PARAM_END
	};

	return gettable;
}

const OSSL_DISPATCH keymgmt_ec_functions[] = {
	KEYMGMT_COMMON,
	{ OSSL_FUNC_KEYMGMT_NEW,                  (void (*)(void))ec_new },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_query_operation_name },
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES,         (void (*)(void))ec_types },
	{ OSSL_FUNC_KEYMGMT_EXPORT_TYPES,         (void (*)(void))ec_types },
	{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,      (void (*)(void))ec_gettable_params },
	{ 0, NULL }
};
