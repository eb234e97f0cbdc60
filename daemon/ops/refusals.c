/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ops/refusals.h"

#include <pthread.h>

#define SLOTS  256
#define OTHERS SLOTS    /* the slot that those without one share */
#define CROWD  16       /* so many users may each have their rate, and their sum; one person can have many uids */

struct slot {
	uid_t uid;
	bool taken;
	uint64_t tokens;        /* billionths of a line */
	uint64_t last_ns;
	uint64_t counted;
};

struct refusals {
	pthread_mutex_t lock;
	uint32_t rate;
	struct slot slots[SLOTS + 1];   /* guarded by lock */
	struct slot all;                /* what all together have; guarded by lock */
};

#define TOKEN UINT64_C(1000000000)

SR_RESULT refusals_new(uint32_t rate, struct refusals **out)
{
	struct refusals *r = calloc(1, sizeof *r);

	if (r == NULL)
		return SR_NOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->rate = rate;
	r->slots[OTHERS] = (struct slot){ .uid = (uid_t)-1, .taken = true };
	*out = r;
	return SR_OK;
}

void refusals_free(struct refusals *refusals)
{
	if (refusals == NULL)
		return;
	pthread_mutex_destroy(&refusals->lock);
	free(refusals);
}

static struct slot *slot_of(struct refusals *r, uid_t uid, uint64_t now_ns)
{
	struct slot *idle = NULL;

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &r->slots[i];

		if (s->taken && s->uid == uid)
			return s;
		/* quiet for two seconds and with nothing to say: as good as empty */
		if (!s->taken || (s->counted == 0 && now_ns > s->last_ns + 2 * TOKEN))
			idle = s;
	}
	if (idle == NULL)
		return &r->slots[OTHERS];
	*idle = (struct slot){ .uid = uid, .taken = true, .tokens = 2 * r->rate * TOKEN, .last_ns = now_ns };
	return idle;
}

/* Takes a token, of which there are rate new ones a second. */
static bool take(struct slot *s, uint64_t rate, uint64_t now_ns)
{
	if (now_ns > s->last_ns) {
		uint64_t most = 2 * rate * TOKEN, passed = now_ns - s->last_ns;

		s->tokens += passed > 2 * TOKEN ? most : passed * rate;
		if (s->tokens > most)
			s->tokens = most;
		s->last_ns = now_ns;
	}
	if (s->tokens < TOKEN)
		return false;
	s->tokens -= TOKEN;
	return true;
}

bool refusals_admit(struct refusals *refusals, uid_t uid, uint64_t now_ns)
{
	struct slot *s;
	bool admitted;

	pthread_mutex_lock(&refusals->lock);
	s = slot_of(refusals, uid, now_ns);
	admitted = take(s, refusals->rate, now_ns) && take(&refusals->all, (uint64_t)CROWD * refusals->rate, now_ns);
	if (!admitted)
		s->counted++;
	pthread_mutex_unlock(&refusals->lock);
	return admitted;
}

static uint64_t take_count(struct refusals *r, struct slot *s, uid_t *uid)
{
	uint64_t count;

	pthread_mutex_lock(&r->lock);
	count = s->counted;
	*uid = s->uid;
	s->counted = 0;
	pthread_mutex_unlock(&r->lock);
	return count;
}

/* The slot may be another's by now. */
static void put_count(struct refusals *r, struct slot *s, uid_t uid, uint64_t count)
{
	pthread_mutex_lock(&r->lock);
	if (s->uid != uid)
		s = &r->slots[OTHERS];
	s->counted += count;
	pthread_mutex_unlock(&r->lock);
}

void refusals_flush(struct refusals *refusals, bool (*fn)(uid_t uid, uint64_t count, void *arg), void *arg)
{
	unsigned written = 0;

	for (size_t i = 0; i <= SLOTS; i++) {
		struct slot *s = &refusals->slots[i], *others = &refusals->slots[OTHERS];
		uid_t uid;
		uint64_t count = take_count(refusals, s, &uid);

		if (count == 0)
			continue;
		if (s != others && written++ >= CROWD)
			put_count(refusals, others, others->uid, count);
		else if (!fn(uid, count, arg))
			put_count(refusals, s, uid, count);
	}
}
