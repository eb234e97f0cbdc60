/* SPDX-License-Identifier: Apache-2.0 */
/* locked_alloc and its kin.  Three layers: each thread has a cache of small
 * free blocks, so that workers in the middle of a signature do not meet at the
 * lock; below it, under the lock, slabs (a page cut into blocks of one class);
 * below these, runs of pages, coalesced when freed.  Threads fill their caches
 * from slabs of their own, while there is room: with numbers of two signatures in
 * one cache line, P-384 on two cores took up to a quarter longer.
 *
 * Each 16 bytes of the region (a granule) have a tag outside of it: what starts
 * there, and whether it is handed out.  So a foreign pointer, a pointer into the
 * middle and a second free are told at once; all three are our own bugs. */
#include "daemon/backend/locked_heap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "daemon/backend/locked.h"
#include "daemon/backend/locked_sanitize.h"

#define PAGE     LOCKED_HEAP_PAGE
#define GRANULE  ((size_t)16)
#define PER_PAGE (PAGE / GRANULE)
#define NONE     UINT32_MAX

/* Multiples of a granule, each chosen to leave little of a page unused. */
static const uint16_t class_size[] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 368, 448, 512, 672, 816, 1024, 1344, 2048,
};
#define CLASSES   SR_COUNT(class_size)
#define SMALL_MAX ((size_t)2048)

/* A thread keeps at most so many blocks of a class, and about so many bytes. */
#define CACHE_BLOCKS 64
#define CACHE_BYTES  4096

/* Tags: 0, nothing starts here; class + 1; or a run of pages. */
#define TAG_RUN  0x7f
#define TAG_FREE 0x80

struct shelf {
	uint32_t slabs[CLASSES];        /* those that have room */
};

struct page {
	uint32_t run;                   /* pages in the run: at both ends if free, at the first if handed out */
	bool is_free;                   /* an end of a free run */
	uint8_t class;                  /* a slab's */
	uint16_t room;                  /* free blocks in the slab */
	uint32_t prev, next;            /* heap.runs or shelf->slabs[class] */
	struct shelf *shelf;            /* a slab's; NULL if it is none */
	uint64_t map[4];                /* slab: its free blocks */
};

struct cache {
	bool open;                      /* in heap.caches; blocks may be kept */
	bool closed;                    /* the thread is ending */
	uint8_t n[CLASSES];
	uint32_t block[CLASSES][CACHE_BLOCKS];  /* granule numbers */
	struct shelf shelf;             /* guarded by heap.lock */
	_Atomic size_t used;            /* handed out less taken back by this thread; may wrap below 0 */
	struct cache *prev, *next;      /* heap.caches */
};

static struct {
	uint8_t *base;
	size_t size;
	_Atomic uint8_t *tags;
	struct page *pages;
	pthread_key_t key;              /* calls cache_close at thread exit */
	uint8_t class_of[SMALL_MAX / GRANULE + 1];
	uint8_t cap[CLASSES];

	pthread_mutex_t lock;           /* guards all below, pages, and tags of blocks in no cache */
	uint32_t runs;                  /* free runs */
	struct shelf shelf;             /* slabs of no thread */
	struct cache *caches;
	size_t used;                    /* counted by no cache */
} heap = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local struct cache cache;
static _Thread_local bool was_full;

static _Noreturn void heap_abort(const char *what)
{
	log_error("locked memory: %s", what);
	abort();
}

/* Each block has one owner at a time, so there is nothing to order. */
static void tag_set(uint32_t block, uint8_t tag)
{
	atomic_store_explicit(&heap.tags[block], tag, memory_order_relaxed);
}

/* Lists of pages. */

static void page_link(uint32_t *head, uint32_t at)
{
	heap.pages[at].prev = NONE;
	heap.pages[at].next = *head;
	if (*head != NONE)
		heap.pages[*head].prev = at;
	*head = at;
}

static void page_unlink(uint32_t *head, uint32_t at)
{
	struct page *page = &heap.pages[at];

	if (page->prev != NONE)
		heap.pages[page->prev].next = page->next;
	else
		*head = page->next;
	if (page->next != NONE)
		heap.pages[page->next].prev = page->prev;
}

/* Runs of pages. */

static uint32_t page_count(void)
{
	return (uint32_t)(heap.size / PAGE);
}

static void run_put(uint32_t at, uint32_t n)
{
	heap.pages[at].run = heap.pages[at + n - 1].run = n;
	heap.pages[at].is_free = heap.pages[at + n - 1].is_free = true;
	page_link(&heap.runs, at);
}

static void run_take(uint32_t at)
{
	page_unlink(&heap.runs, at);
	heap.pages[at].is_free = heap.pages[at + heap.pages[at].run - 1].is_free = false;
}

/* The smallest run that fits, so that slabs fill the gaps; NONE if there is none. */
static uint32_t run_get(uint32_t n)
{
	uint32_t best = NONE, rest;

	for (uint32_t at = heap.runs; at != NONE; at = heap.pages[at].next) {
		if (heap.pages[at].run < n || (best != NONE && heap.pages[at].run >= heap.pages[best].run))
			continue;
		best = at;
		if (heap.pages[at].run == n)
			break;
	}
	if (best == NONE)
		return NONE;
	rest = heap.pages[best].run - n;
	run_take(best);
	if (rest > 0)
		run_put(best + n, rest);
	heap.pages[best].run = n;
	return best;
}

/* Takes back pages that are zero again, together with free neighbours. */
static void run_release(uint32_t at, uint32_t n)
{
	uint32_t after = at + n;

	if (after < page_count() && heap.pages[after].is_free) {
		n += heap.pages[after].run;
		run_take(after);
	}
	if (at > 0 && heap.pages[at - 1].is_free) {
		uint32_t before = heap.pages[at - 1].run;

		at -= before;
		n += before;
		run_take(at);
	}
	run_put(at, n);
}

/* Slabs. */

static void shelf_init(struct shelf *shelf)
{
	for (size_t class = 0; class < CLASSES; class++)
		shelf->slabs[class] = NONE;
}

static uint32_t slab_blocks(size_t class)
{
	return (uint32_t)(PAGE / class_size[class]);
}

static bool slab_new(struct shelf *shelf, size_t class)
{
	uint32_t at = run_get(1), n = slab_blocks(class);
	struct page *page;

	if (at == NONE)
		return false;
	page = &heap.pages[at];
	page->shelf = shelf;
	page->class = (uint8_t)class;
	page->room = (uint16_t)n;
	for (uint32_t i = 0; i < n; i++)
		page->map[i / 64] |= (uint64_t)1 << i % 64;
	page_link(&shelf->slabs[class], at);
	return true;
}

/* Moves a slab of one shelf to another. */
static void slab_move(uint32_t at, struct shelf *to)
{
	struct page *page = &heap.pages[at];

	if (page->room > 0) {
		page_unlink(&page->shelf->slabs[page->class], at);
		page_link(&to->slabs[page->class], at);
	}
	page->shelf = to;
}

/* A slab with room, best one of shelf's; NONE when the region is full. */
static uint32_t slab_find(struct shelf *shelf, size_t class)
{
	if (shelf->slabs[class] == NONE && heap.shelf.slabs[class] != NONE)
		slab_move(heap.shelf.slabs[class], shelf);
	if (shelf->slabs[class] != NONE || slab_new(shelf, class))
		return shelf->slabs[class];
	for (struct cache *c = heap.caches; c != NULL; c = c->next)
		if (c->shelf.slabs[class] != NONE)
			return c->shelf.slabs[class];
	return NONE;
}

/* A block's granule number; NONE when the region is full. */
static uint32_t slab_get(struct shelf *shelf, size_t class)
{
	uint32_t at = slab_find(shelf, class), i;
	size_t word = 0;
	struct page *page;

	if (at == NONE)
		return NONE;
	page = &heap.pages[at];
	while (page->map[word] == 0)
		word++;
	i = (uint32_t)word * 64 + (uint32_t)__builtin_ctzll(page->map[word]);
	page->map[word] &= page->map[word] - 1;
	if (--page->room == 0)
		page_unlink(&page->shelf->slabs[class], at);
	return at * (uint32_t)PER_PAGE + i * (class_size[class] / (uint32_t)GRANULE);
}

static void slab_put(size_t class, uint32_t block)
{
	uint32_t at = block / (uint32_t)PER_PAGE;
	uint32_t i = block % (uint32_t)PER_PAGE / (class_size[class] / (uint32_t)GRANULE);
	struct page *page = &heap.pages[at];

	page->map[i / 64] |= (uint64_t)1 << i % 64;
	if (page->room++ == 0)
		page_link(&page->shelf->slabs[class], at);
	if (page->room < slab_blocks(class))
		return;
	page_unlink(&page->shelf->slabs[class], at);
	page->shelf = NULL;
	memset(page->map, 0, sizeof(page->map));
	for (uint32_t b = at * (uint32_t)PER_PAGE; b < (at + 1) * (uint32_t)PER_PAGE; b++)
		tag_set(b, 0);
	run_release(at, 1);
}

/* Caches. */

static void cache_count(size_t n)
{
	size_t used = atomic_load_explicit(&cache.used, memory_order_relaxed);

	/* Only this thread writes it, so this need not be one step. */
	atomic_store_explicit(&cache.used, used + n, memory_order_relaxed);
}

/* Under the lock. */
static void cache_flush(struct cache *c, size_t class, unsigned keep)
{
	while (c->n[class] > keep)
		slab_put(class, c->block[class][--c->n[class]]);
}

/* At thread exit: what the thread kept is everyone's again.  Destructors that
 * run later (libcrypto's) find the cache closed and go to the slabs. */
static void cache_close(void *p)
{
	struct cache *c = p;

	pthread_mutex_lock(&heap.lock);
	for (size_t class = 0; class < CLASSES; class++)
		cache_flush(c, class, 0);
	for (uint32_t at = 0; at < page_count(); at++)
		if (heap.pages[at].shelf == &c->shelf)
			slab_move(at, &heap.shelf);
	heap.used += atomic_load_explicit(&c->used, memory_order_relaxed);
	atomic_store_explicit(&c->used, 0, memory_order_relaxed);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		heap.caches = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->open = false;
	c->closed = true;
	pthread_mutex_unlock(&heap.lock);
}

/* Under the lock.  False if this thread is to have no cache. */
static bool cache_open(void)
{
	if (cache.open || cache.closed)
		return cache.open;
	if (pthread_setspecific(heap.key, &cache) != 0)
		return false;
	cache.open = true;
	shelf_init(&cache.shelf);
	cache.prev = NULL;
	cache.next = heap.caches;
	if (heap.caches != NULL)
		heap.caches->prev = &cache;
	heap.caches = &cache;
	return true;
}

/* Small blocks. */

static uint32_t small_get_locked(size_t class)
{
	uint32_t block;

	pthread_mutex_lock(&heap.lock);
	block = slab_get(cache_open() ? &cache.shelf : &heap.shelf, class);
	if (cache.open) {
		/* Half a cache at once, so that gets and puts can follow without the lock. */
		for (unsigned i = 0; i < heap.cap[class] / 2 && block != NONE; i++) {
			uint32_t more = slab_get(&cache.shelf, class);

			if (more == NONE)
				break;
			tag_set(more, (uint8_t)(class + 1) | TAG_FREE);
			cache.block[class][cache.n[class]++] = more;
		}
		if (block != NONE)
			cache_count(class_size[class]);
	} else if (block != NONE) {
		heap.used += class_size[class];
	}
	pthread_mutex_unlock(&heap.lock);
	return block;
}

static void *small_get(size_t class)
{
	uint32_t block;
	uint8_t *p;

	if (cache.n[class] > 0) {
		block = cache.block[class][--cache.n[class]];
		cache_count(class_size[class]);
	} else {
		block = small_get_locked(class);
	}
	if (block == NONE)
		return NULL;
	tag_set(block, (uint8_t)(class + 1));
	p = heap.base + block * GRANULE;
	locked_unpoison(p, class_size[class]);
	return p;
}

static void small_put_locked(size_t class, uint32_t block)
{
	pthread_mutex_lock(&heap.lock);
	if (cache_open()) {
		cache_flush(&cache, class, heap.cap[class] / 2);
		cache.block[class][cache.n[class]++] = block;
		cache_count(-(size_t)class_size[class]);
	} else {
		slab_put(class, block);
		heap.used -= class_size[class];
	}
	pthread_mutex_unlock(&heap.lock);
}

static void small_put(size_t class, uint32_t block)
{
	void *p = heap.base + block * GRANULE;

	explicit_bzero(p, class_size[class]);
	locked_poison(p, class_size[class]);
	if (!cache.open || cache.n[class] == heap.cap[class]) {
		small_put_locked(class, block);
		return;
	}
	cache.block[class][cache.n[class]++] = block;
	cache_count(-(size_t)class_size[class]);
}

/* Large blocks. */

static void *large_get(size_t n)
{
	uint32_t pages, at;

	if (n > heap.size)
		return NULL;
	pages = (uint32_t)((n + PAGE - 1) / PAGE);
	pthread_mutex_lock(&heap.lock);
	at = run_get(pages);
	if (at != NONE) {
		tag_set(at * (uint32_t)PER_PAGE, TAG_RUN);
		heap.used += pages * PAGE;
	}
	pthread_mutex_unlock(&heap.lock);
	if (at == NONE)
		return NULL;
	locked_unpoison(heap.base + at * PAGE, pages * PAGE);
	return heap.base + at * PAGE;
}

static void large_put(uint32_t at)
{
	uint32_t pages = heap.pages[at].run;

	/* The wipe is the slow part, and nobody else knows the block. */
	explicit_bzero(heap.base + at * PAGE, pages * PAGE);
	locked_poison(heap.base + at * PAGE, pages * PAGE);
	pthread_mutex_lock(&heap.lock);
	heap.used -= pages * PAGE;
	run_release(at, pages);
	pthread_mutex_unlock(&heap.lock);
}

/* Blocks by address. */

/* The tag of a block that is handed out. */
static uint8_t block_tag(const void *p, uint32_t *block)
{
	size_t at = (uintptr_t)p - (uintptr_t)heap.base;
	uint8_t tag;

	if (heap.base == NULL || at >= heap.size || at % GRANULE != 0)
		heap_abort("freed what is not its own");
	*block = (uint32_t)(at / GRANULE);
	tag = atomic_load_explicit(&heap.tags[*block], memory_order_relaxed);
	if (tag & TAG_FREE)
		heap_abort("freed twice");
	if (tag == 0)
		heap_abort("freed what is not the start of a block");
	return tag;
}

static size_t block_size(uint8_t tag, uint32_t block)
{
	return tag == TAG_RUN ? heap.pages[block / PER_PAGE].run * PAGE : class_size[tag - 1];
}

/* What a request for n bytes would get. */
static size_t rounded_size(size_t n)
{
	return n <= SMALL_MAX ? class_size[heap.class_of[(n + GRANULE - 1) / GRANULE]] : (n + PAGE - 1) / PAGE * PAGE;
}

void *locked_alloc(size_t n)
{
	void *p;

	if (n == 0 || heap.base == NULL)
		return NULL;
	p = n <= SMALL_MAX ? small_get(heap.class_of[(n + GRANULE - 1) / GRANULE]) : large_get(n);
	was_full |= p == NULL;
	return p;
}

bool locked_was_full(void)
{
	bool full = was_full;

	was_full = false;
	return full;
}

void locked_free(void *p)
{
	uint32_t block;
	uint8_t tag;

	if (p == NULL)
		return;
	tag = block_tag(p, &block);
	/* One step, so that two threads that free the same block cannot both pass. */
	if (atomic_exchange_explicit(&heap.tags[block], tag | TAG_FREE, memory_order_relaxed) != tag)
		heap_abort("freed twice");
	if (tag == TAG_RUN)
		large_put(block / (uint32_t)PER_PAGE);
	else
		small_put(tag - 1, block);
}

void *locked_realloc(void *p, size_t n)
{
	uint32_t block;
	uint8_t tag;
	size_t size;
	void *moved;

	if (p == NULL)
		return locked_alloc(n);
	if (n == 0) {
		locked_free(p);
		return NULL;
	}
	if (n > heap.size) {
		was_full = true;
		return NULL;
	}
	tag = block_tag(p, &block);
	size = block_size(tag, block);
	if (rounded_size(n) == size)
		return p;
	moved = locked_alloc(n);
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, n < size ? n : size);
	locked_free(p);
	return moved;
}

void locked_usage(size_t *used, size_t *size)
{
	pthread_mutex_lock(&heap.lock);
	*used = heap.used;
	for (struct cache *c = heap.caches; c != NULL; c = c->next)
		*used += atomic_load_explicit(&c->used, memory_order_relaxed);
	*size = heap.size;
	pthread_mutex_unlock(&heap.lock);
}

SR_RESULT locked_heap_init(void *base, size_t size)
{
	size_t tags_size = size / GRANULE, pages_size = size / PAGE * sizeof(struct page);
	uint8_t *side;

	SR_ASSERT(heap.base == NULL && size >= PAGE && size <= LOCKED_HEAP_MAX && size % PAGE == 0);
	side = mmap(NULL, tags_size + pages_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (side == MAP_FAILED)
		return SR_NOMEM;
	if (pthread_key_create(&heap.key, cache_close) != 0) {
		munmap(side, tags_size + pages_size);
		return SR_NOMEM;
	}
	heap.pages = (struct page *)side;
	heap.tags = (_Atomic uint8_t *)(side + pages_size);
	heap.base = base;
	heap.size = size;
	for (size_t class = 0, n = 0; class < CLASSES; class++) {
		size_t cap = CACHE_BYTES / class_size[class];

		for (; n * GRANULE <= class_size[class]; n++)
			heap.class_of[n] = (uint8_t)class;
		heap.cap[class] = (uint8_t)(cap > CACHE_BLOCKS ? CACHE_BLOCKS : cap < 2 ? 2 : cap);
	}
	shelf_init(&heap.shelf);
	heap.runs = NONE;
	run_put(0, page_count());
	locked_poison(base, size);
	return SR_OK;
}
