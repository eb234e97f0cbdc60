/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of key kinds and algorithms as tables, and lookups by name. */
#include "base/str.h"
#include "daemon/backend/backend.h"

const struct key_kind_info key_kinds[KEY_KINDS] = {
#define KEY(id, kty, crv, size, type, group, arc) [KEY_##id] = { kty, crv, size, type, group },
#include <strongroom/keys.def>
#undef KEY
};

#define PKCS1     SIGN_PKCS1
#define PKCS1_RAW SIGN_PKCS1_RAW
#define PSS       SIGN_PSS
#define NONE      SIGN_NONE
#define MESSAGE   SIGN_MESSAGE
const struct sign_alg_info sign_algs[SIGN_ALGS] = {
#define SIGN(id, name, kty, padding, hash, len) [SIGN_ALG_##id] = { name, kty, padding, hash, len },
#include <strongroom/algorithms.def>
#undef SIGN
};
#undef PKCS1
#undef PKCS1_RAW
#undef PSS
#undef NONE
#undef MESSAGE

#define OAEP  true
#define PKCS1 false
const struct decrypt_alg_info decrypt_algs[DECRYPT_ALGS] = {
#define DECRYPT(id, name, padding, hash) [DECRYPT_ALG_##id] = { name, padding, hash },
#include <strongroom/algorithms.def>
#undef DECRYPT
};
#undef OAEP
#undef PKCS1

static SR_RESULT find_rsa(uint64_t size, enum key_kind *out, const char **detail)
{
	for (size_t i = 0; i < KEY_KINDS; i++) {
		if (strcmp(key_kinds[i].kty, "RSA") == 0 && key_kinds[i].size == (size == 0 ? 2048 : size)) {
			*out = (enum key_kind)i;
			return SR_OK;
		}
	}
	*detail = "RSA keys have 2048, 3072 or 4096 bits";
	return SR_BAD_PARAMETER;
}

static SR_RESULT find_curve(struct sr_str kty, struct sr_str crv, enum key_kind *out, const char **detail)
{
	for (size_t i = 0; i < KEY_KINDS; i++) {
		if (key_kinds[i].crv[0] == '\0' || !str_is(crv, key_kinds[i].crv))
			continue;
		if (!str_is(kty, key_kinds[i].kty)) {
			*detail = "this curve does not belong to this key type";
			return SR_BAD_PARAMETER;
		}
		*out = (enum key_kind)i;
		return SR_OK;
	}
	*detail = "the curve must be P-256, P-384, P-521 or P-256K (EC), Ed25519 or Ed448 (OKP)";
	return SR_BAD_PARAMETER;
}

SR_RESULT key_kind_find(struct sr_str kty, struct sr_str crv, uint64_t size, enum key_kind *out, const char **detail)
{
	enum key_kind kind;

	if (str_is(kty, "RSA")) {
		if (crv.n == 0)
			return find_rsa(size, out, detail);
		*detail = "an RSA key has no curve";
		return SR_BAD_PARAMETER;
	}
	if (!str_is(kty, "EC") && !str_is(kty, "OKP")) {
		*detail = "the key type must be RSA, EC or OKP";
		return SR_BAD_PARAMETER;
	}
	if (crv.n == 0)
		crv = str_is(kty, "EC") ? SR_STR("P-256") : SR_STR("Ed25519");
	SR_TRY(find_curve(kty, crv, &kind, detail));
	if (size != 0 && size != key_kinds[kind].size) {
		*detail = "the size does not belong to this curve; leave it out";
		return SR_BAD_PARAMETER;
	}
	*out = kind;
	return SR_OK;
}

SR_RESULT sign_alg_find(struct sr_str name, enum sign_alg *out)
{
	for (size_t i = 0; i < SIGN_ALGS; i++) {
		if (str_is(name, sign_algs[i].name)) {
			*out = (enum sign_alg)i;
			return SR_OK;
		}
	}
	return SR_UNSUPPORTED;
}

SR_RESULT decrypt_alg_find(struct sr_str name, enum decrypt_alg *out)
{
	for (size_t i = 0; i < DECRYPT_ALGS; i++) {
		if (str_is(name, decrypt_algs[i].name)) {
			*out = (enum decrypt_alg)i;
			return SR_OK;
		}
	}
	return SR_UNSUPPORTED;
}
