/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that operations make.  A call owns a buffer, so it is worth keeping
 * from one operation to the next; a handful wait in slots that threads take
 * from without a lock, which also makes it safe to fork at any moment. */
#include "provider/provider.h"

struct sr_call *provider_call_begin(struct provider *provider)
{
	struct sr_call *call = NULL;

	if (provider->client == NULL) {
		RAISE(provider, SR_BAD_PARAMETER, "%s", provider->trouble);
		return NULL;
	}
	for (size_t i = 0; i < PROVIDER_IDLE_CALLS; i++) {
		if (atomic_load_explicit(&provider->idle_calls[i], memory_order_relaxed) == NULL)
			continue;
		call = atomic_exchange(&provider->idle_calls[i], NULL);
		if (call != NULL)
			return call;
	}
	if (sr_call_new(&call) != SR_OK) {
		RAISE(provider, SR_NOMEM, "%s", sr_strerror(SR_NOMEM));
		return NULL;
	}
	return call;
}

void provider_call_end(struct provider *provider, struct sr_call *call)
{
	for (size_t i = 0; i < PROVIDER_IDLE_CALLS; i++) {
		struct sr_call *none = NULL;

		if (atomic_compare_exchange_strong(&provider->idle_calls[i], &none, call))
			return;
	}
	sr_call_free(call);
}

void provider_call_wipe(struct sr_call *call)
{
	sr_call_free(call);
}

int provider_call_raise(struct provider *provider, const struct sr_call *call, enum sr_err err)
{
	const char *detail = sr_call_detail(call);

	return RAISE(provider, err, "%s", detail[0] != '\0' ? detail : sr_strerror(err));
}
