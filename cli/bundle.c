/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle.h"

#include <time.h>

#include "cli/crypto.h"

/* ---- JSON ---- */

static json_t *attributes_json(const struct sr_key_attributes *a)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "enabled", json_boolean(a->enabled));
	if (SR_HAS(key_attributes, a, nbf))
		(void)json_object_set_new(json, "nbf", json_u64(a->nbf));
	if (SR_HAS(key_attributes, a, exp))
		(void)json_object_set_new(json, "exp", json_u64(a->exp));
	(void)json_object_set_new(json, "created", json_u64(a->created));
	(void)json_object_set_new(json, "updated", json_u64(a->updated));
	return json;
}

static json_t *tags_json(const struct sr_tag *tags, size_t n)
{
	json_t *json = json_object();

	for (size_t i = 0; i < n; i++) {
		json_t *name = json_text(tags[i].name);

		(void)json_object_set_new(json, json_string_value(name), json_text(tags[i].value));
		json_decref(name);
	}
	return json;
}

static void jwk_number(json_t *jwk, const char *name, const struct crypto_number *number)
{
	if (number->n > 0)
		(void)json_object_set_new(jwk, name, json_base64url((struct sr_bytes){ number->p, number->n }));
}

json_t *bundle_jwk(const struct sr_key_bundle *b)
{
	struct crypto_public key;
	json_t *jwk;

	if (crypto_public(b->spki, &key) != SR_OK || !str_is(b->kty, key.kty))
		return NULL;
	jwk = json_object();
	(void)json_object_set_new(jwk, "kid", json_text(b->kid));
	(void)json_object_set_new(jwk, "kty", json_text(b->kty));
	if (SR_HAS(key_bundle, b, crv))
		(void)json_object_set_new(jwk, "crv", json_text(b->crv));
	(void)json_object_set_new(jwk, "key_ops", json_texts(b->key_ops));
	jwk_number(jwk, "n", &key.modulus);
	jwk_number(jwk, "e", &key.exponent);
	jwk_number(jwk, "x", &key.x);
	jwk_number(jwk, "y", &key.y);
	return jwk;
}

static int bundle_print_json(const struct cli *cli, const struct sr_key_bundle *b)
{
	json_t *jwk = bundle_jwk(b), *json;

	if (jwk == NULL)
		return fail(cli, SR_CRYPTO, "the daemon sent a public key that cannot be read");
	json = json_object();
	(void)json_object_set_new(json, "key", jwk);
	(void)json_object_set_new(json, "attributes", attributes_json(&b->attributes));
	(void)json_object_set_new(json, "tags", tags_json(b->tags.v, b->tags.n));
	if (SR_HAS(key_bundle, b, rsa1_5))
		(void)json_object_set_new(json, "rsa1_5", json_boolean(b->rsa1_5));
	return json_print(json);
}

json_t *item_json(const struct sr_key_item *item)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "kid", json_text(item->kid));
	(void)json_object_set_new(json, "kty", json_text(item->kty));
	if (SR_HAS(key_item, item, crv))
		(void)json_object_set_new(json, "crv", json_text(item->crv));
	(void)json_object_set_new(json, "key_size", json_u64(item->size));
	(void)json_object_set_new(json, "attributes", attributes_json(&item->attributes));
	(void)json_object_set_new(json, "tags", tags_json(item->tags.v, item->tags.n));
	return json;
}

/* ---- tables ---- */

static const char *state(const struct sr_key_attributes *a)
{
	uint64_t now = (uint64_t)time(NULL);

	if (!a->enabled)
		return "disabled";
	if (SR_HAS(key_attributes, a, exp) && a->exp <= now)
		return "expired";
	if (SR_HAS(key_attributes, a, nbf) && a->nbf > now)
		return "not yet valid";
	return "enabled";
}

/* "EC P-256", "RSA 2048" */
static void type_text(struct sr_str kty, bool has_crv, struct sr_str crv, uint64_t size, char out[static 64])
{
	if (has_crv)
		(void)snprintf(out, 64, "%.*s %.*s", (int)kty.n, kty.p, (int)crv.n, crv.p);
	else
		(void)snprintf(out, 64, "%.*s %llu", (int)kty.n, kty.p, (unsigned long long)size);
}

static void pair_list(struct table *table, const char *name, struct sr_strs list)
{
	char text[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < list.n && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i == 0 ? "" : ",", (int)list.v[i].n, list.v[i].p);
	table_pairf(table, name, "%s", list.n == 0 ? "-" : text);
}

int bundle_print(const struct cli *cli, const struct sr_key_bundle *b)
{
	SR_AUTO(table) table = NULL;
	const struct sr_key_attributes *a = &b->attributes;
	char text[TIME_TEXT_MAX], type[64], hex[65];
	uint8_t digest[32];

	if (cli->json)
		return bundle_print_json(cli, b);
	if (crypto_sha256(b->spki, digest) != SR_OK)
		return fail(cli, SR_CRYPTO, "cannot hash the public key");
	hex_encode((struct sr_bytes){ digest, sizeof digest }, hex);
	type_text(b->kty, SR_HAS(key_bundle, b, crv), b->crv, b->size, type);
	table = table_new(NULL);
	table_pair(table, "Key", b->kid);
	table_pairf(table, "Type", "%s", type);
	table_pairf(table, "State", "%s", state(a));
	pair_list(table, "Operations", b->key_ops);
	if (SR_HAS(key_bundle, b, rsa1_5) && b->rsa1_5)
		table_pairf(table, "RSA1_5", "allowed");
	if (SR_HAS(key_attributes, a, nbf))
		table_pairf(table, "Not before", "%s", time_text(a->nbf, text));
	if (SR_HAS(key_attributes, a, exp))
		table_pairf(table, "Expires", "%s", time_text(a->exp, text));
	table_pairf(table, "Created", "%s", time_text(a->created, text));
	table_pairf(table, "Updated", "%s", time_text(a->updated, text));
	for (size_t i = 0; i < b->tags.n; i++)
		table_pairf(table, "Tag", "%.*s=%.*s", (int)b->tags.v[i].name.n, b->tags.v[i].name.p,
			(int)b->tags.v[i].value.n, b->tags.v[i].value.p);
	table_pairf(table, "Public key", "SHA-256 %s", hex);
	table_print(table);
	return 0;
}

void item_row(struct table *table, const struct sr_key_item *item, bool versions)
{
	const struct sr_key_attributes *a = &item->attributes;
	char text[TIME_TEXT_MAX], type[64];
	struct sr_uri uri;

	type_text(item->kty, SR_HAS(key_item, item, crv), item->crv, item->size, type);
	if (sr_uri_parse(item->kid, &uri) != SR_OK)
		table_cell(table, item->kid);
	else
		table_cellf(table, "%s", versions && uri.version[0] != '\0' ? uri.version : uri.name);
	table_cellf(table, "%s", type);
	table_cellf(table, "%s", state(a));
	table_cellf(table, "%s", time_text(SR_HAS(key_attributes, a, exp) ? a->exp : 0, text));
	table_cellf(table, "%s", time_text(versions ? a->created : a->updated, text));
}
