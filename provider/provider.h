/* SPDX-License-Identifier: Apache-2.0 */
/* One instance of the provider.  A program that has several library contexts
 * has several; nothing is shared between them. */
#ifndef SR_PROVIDER_PROVIDER_H
#define SR_PROVIDER_PROVIDER_H

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <strongroom/strongroom.h>

#include "provider/core.h"

#define PROVIDER_DIGESTS    8   /* that are fetched only once */
#define PROVIDER_IDLE_CALLS 16  /* that are kept for the next operation */

struct provider {
	struct core core;
	struct sr_client *client;       /* NULL while trouble says why */
	char trouble[256];              /* what is wrong with our section of openssl.cnf; "" nothing */

	/* Public operations run here: it has the default provider and nothing else,
	 * so that neither the program's configuration nor we ourselves are in the way. */
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *software;
	_Atomic(EVP_MD *) digests[PROVIDER_DIGESTS];

	_Atomic(struct sr_call *) idle_calls[PROVIDER_IDLE_CALLS];
};

/* A digest by any of its names.  A reference of the caller's, to EVP_MD_free();
 * NULL, with libcrypto's error raised, if there is none. */
EVP_MD *provider_digest(struct provider *provider, const char *name);

/* A call to make one request with; NULL, and raised, when out of memory or where
 * the configuration does not let us reach the daemon.  Hand it back with
 * provider_call_end; answers live until then. */
struct sr_call *provider_call_begin(struct provider *provider);
void provider_call_end(struct provider *provider, struct sr_call *call);
/* The same, but what it held is wiped at once: for calls that answered a secret. */
void provider_call_wipe(struct sr_call *call);

/* Raises what a call failed with, in the daemon's or the client's words; returns 0. */
int provider_call_raise(struct provider *provider, const struct sr_call *call, enum sr_err err);

#endif
