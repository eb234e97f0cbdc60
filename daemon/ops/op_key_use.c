/* SPDX-License-Identifier: Apache-2.0 */
/* Using a private key: sign, decrypt. */
#include <time.h>

#include "base/str.h"
#include "daemon/ops/call.h"

static SR_RESULT explain(struct call *call, const struct key_entry *e, enum sr_err err)
{
	switch (err) {
	case SR_DISABLED:
		return call_fail(call, err, "%s is disabled", e->kid);
	case SR_KEY_OP:
		return call_fail(call, err, "%s does not permit this: key_ops", e->kid);
	case SR_NOT_YET_VALID:
		return call_fail(call, err, "%s is not valid before %llu (nbf)", e->kid, (unsigned long long)e->nbf);
	case SR_EXPIRED:
		return call_fail(call, err, "%s has expired at %llu (exp)", e->kid, (unsigned long long)e->exp);
	default:
		return err;
	}
}

/* Opens the key that the call is about, and sees to it that it may do op. */
static SR_RESULT open_for(struct call *call, enum key_op op, struct sr_str alg, struct key_entry **out, struct sr_str *kid)
{
	struct key_entry *e;
	enum sr_err err;

	SR_TRY(call_need_kind(call, SR_URI_KEYS));
	call->facts.algorithm = alg;
	err = keys_open(call->d->keys, &call->subject, call->arena, &e);
	if (err == SR_NOT_FOUND)
		return call_fail(call, err, "vault %s has no key %s%s%s", call->subject.vault, call->subject.name,
			call->subject.version[0] != '\0' ? " version " : "", call->subject.version);
	SR_TRY(err);
	*kid = arena_str(call->arena, (struct sr_str){ e->kid, e->kid_len });
	call->facts.object = *kid;
	err = kid->p == NULL ? SR_NOMEM : explain(call, e, key_entry_check(e, op, (uint64_t)time(NULL)));
	if (err != SR_OK) {
		keycache_release(e);
		return err;
	}
	*out = e;
	return SR_OK;
}

static SR_RESULT sign(struct call *call, const struct key_entry *e, const struct sr_key_sign_req *q, struct sr_key_sign_rep *r)
{
	struct sign_params p = { .has_digest = SR_HAS(key_sign_req, q, digest), .salt = -1, .mgf = q->mgf };
	uint8_t *signature = arena_get(call->arena, SIGNATURE_MAX);
	const char *detail = NULL;
	size_t n;
	enum sr_err err;

	if (signature == NULL)
		return SR_NOMEM;
	if (p.has_digest == SR_HAS(key_sign_req, q, message))
		return call_fail(call, SR_BAD_PARAMETER, "give a digest or a message, and not both");
	p.input = p.has_digest ? q->digest : q->message;
	if (SR_HAS(key_sign_req, q, salt))
		p.salt = (int64_t)q->salt;
	if (sign_alg_find(q->alg, &p.alg) != SR_OK)
		return call_fail(call, SR_UNSUPPORTED, "alg: there is no such signature algorithm");
	err = backend_sign(e->key, &p, signature, &n, &detail);
	if (err != SR_OK)
		return call_fail(call, err, "%s", detail != NULL ? detail : sr_strerror(err));
	r->signature = (struct sr_bytes){ signature, n };
	return SR_OK;
}

enum sr_err op_key_sign(struct call *call, const struct sr_key_sign_req *q, struct sr_key_sign_rep *r)
{
	struct key_entry *e;
	enum sr_err err;

	SR_TRY(open_for(call, KEY_OP_sign, q->alg, &e, &r->kid));
	err = sign(call, e, q, r);
	keycache_release(e);
	return err;
}

static SR_RESULT decrypt(struct call *call, const struct key_entry *e, const struct sr_key_decrypt_req *q, struct sr_key_decrypt_rep *r)
{
	struct decrypt_params p = { .ciphertext = q->ciphertext, .mgf = q->mgf, .label = q->label,
		.length = SR_HAS(key_decrypt_req, q, length) ? q->length : 0 };
	uint8_t *plaintext = arena_get(call->arena, PLAINTEXT_MAX);
	const char *detail = NULL;
	size_t n;
	enum sr_err err;

	if (plaintext == NULL)
		return SR_NOMEM;
	if (decrypt_alg_find(q->alg, &p.alg) != SR_OK)
		return call_fail(call, SR_UNSUPPORTED, "alg: there is no such encryption algorithm");
	if (!decrypt_algs[p.alg].oaep && !e->rsa1_5)
		return call_fail(call, SR_KEY_OP, "%s does not allow PKCS#1 v1.5 decryption (rsa1_5)", e->kid);
	err = backend_decrypt(e->key, &p, plaintext, &n, &detail);
	if (err != SR_OK)
		return call_fail(call, err, "%s", detail != NULL ? detail : sr_strerror(err));
	r->plaintext = (struct sr_secret){ plaintext, n };
	return SR_OK;
}

enum sr_err op_key_decrypt(struct call *call, const struct sr_key_decrypt_req *q, struct sr_key_decrypt_rep *r)
{
	struct key_entry *e;
	enum sr_err err;

	SR_TRY(open_for(call, KEY_OP_decrypt, q->alg, &e, &r->kid));
	err = decrypt(call, e, q, r);
	keycache_release(e);
	return err;
}
