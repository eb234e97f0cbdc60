/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vault/keycache.h"

#include <pthread.h>
#include <string.h>

#define BUCKETS 4096

struct keycache {
	pthread_mutex_t lock;
	size_t limit, used;             /* bytes; guarded by lock */
	uint64_t generation;            /* guarded by lock */
	struct key_entry *newest, *oldest;      /* guarded by lock */
	struct key_entry *buckets[BUCKETS];     /* guarded by lock */
};

static size_t bucket_of(const struct sr_uri *uri)
{
	uint32_t h = 2166136261u;       /* FNV-1a */

	for (const char *p = uri->version; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return h % BUCKETS;
}

static bool same(const struct sr_uri *a, const struct sr_uri *b)
{
	return strcmp(a->version, b->version) == 0 && strcmp(a->name, b->name) == 0 &&
		strcmp(a->vault, b->vault) == 0 && strcmp(a->tenant, b->tenant) == 0;
}

SR_RESULT keycache_new(size_t limit, struct keycache **out)
{
	struct keycache *c = calloc(1, sizeof *c);

	if (c == NULL)
		return SR_NOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->limit = limit;
	*out = c;
	return SR_OK;
}

void keycache_release(struct key_entry *entry)
{
	if (entry == NULL || atomic_fetch_sub(&entry->refs, 1) != 1)
		return;
	backend_key_close(entry->key);
	free(entry);
}

/* ---- the order of last use, under the lock ---- */

static void order_take(struct keycache *c, struct key_entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void order_put(struct keycache *c, struct key_entry *e)
{
	e->older = c->newest;
	if (c->newest != NULL)
		c->newest->newer = e;
	c->newest = e;
	if (c->oldest == NULL)
		c->oldest = e;
}

/* Takes an entry off the lists; the caller then owns the cache's reference. */
static void unlist(struct keycache *c, struct key_entry *e)
{
	struct key_entry **at = &c->buckets[bucket_of(&e->uri)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->next = NULL;
	order_take(c, e);
	c->used -= e->cost;
}

static struct key_entry *find(struct keycache *c, const struct sr_uri *uri)
{
	struct key_entry *e = c->buckets[bucket_of(uri)];

	while (e != NULL && !same(&e->uri, uri))
		e = e->next;
	return e;
}

/* ---- for callers ---- */

void keycache_free(struct keycache *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL) {
		struct key_entry *e = cache->oldest;

		unlist(cache, e);
		keycache_release(e);
	}
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct key_entry *keycache_get(struct keycache *cache, const struct sr_uri *uri)
{
	struct key_entry *e;

	pthread_mutex_lock(&cache->lock);
	e = find(cache, uri);
	if (e != NULL) {
		atomic_fetch_add(&e->refs, 1);
		if (cache->newest != e) {
			order_take(cache, e);
			order_put(cache, e);
		}
	}
	pthread_mutex_unlock(&cache->lock);
	return e;
}

uint64_t keycache_generation(struct keycache *cache)
{
	uint64_t generation;

	pthread_mutex_lock(&cache->lock);
	generation = cache->generation;
	pthread_mutex_unlock(&cache->lock);
	return generation;
}

void keycache_add(struct keycache *cache, struct key_entry *entry, uint64_t generation)
{
	struct key_entry *gone = NULL;

	pthread_mutex_lock(&cache->lock);
	if (cache->generation == generation && entry->cost <= cache->limit && find(cache, &entry->uri) == NULL) {
		struct key_entry **bucket = &cache->buckets[bucket_of(&entry->uri)];

		atomic_fetch_add(&entry->refs, 1);
		entry->next = *bucket;
		*bucket = entry;
		order_put(cache, entry);
		cache->used += entry->cost;
	}
	while (cache->used > cache->limit) {
		struct key_entry *e = cache->oldest;

		unlist(cache, e);
		e->next = gone;         /* closed after the lock is given back */
		gone = e;
	}
	pthread_mutex_unlock(&cache->lock);
	while (gone != NULL) {
		struct key_entry *e = gone;

		gone = e->next;
		keycache_release(e);
	}
}

void keycache_drop(struct keycache *cache, const struct sr_uri *uri)
{
	struct key_entry *e;

	pthread_mutex_lock(&cache->lock);
	cache->generation++;
	e = find(cache, uri);
	if (e != NULL)
		unlist(cache, e);
	pthread_mutex_unlock(&cache->lock);
	keycache_release(e);
}
