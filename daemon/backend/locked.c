/* SPDX-License-Identifier: Apache-2.0 */
/* The locked region, libcrypto's way into it, and threads with locked stacks.
 * What hands out the region is locked_heap.c. */
#include "daemon/backend/locked.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/backend/locked_heap.h"
#include "daemon/backend/locked_sanitize.h"

struct stack {
	uint8_t *base;
	size_t size;
	pthread_t thread;               /* guarded by lock, as is: */
	bool has_thread;
	struct stack *next;             /* stacks */
};

static struct {
	uint8_t *base;
	size_t size;
	pthread_mutex_t lock;           /* guards stacks */
	struct stack *stacks;
} locked = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t system_page(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return page < LOCKED_HEAP_PAGE ? LOCKED_HEAP_PAGE : page;
}

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Reserves size bytes between two pages that cannot be touched. */
static uint8_t *guarded_map(size_t size, int flags)
{
	size_t page = system_page();
	uint8_t *p = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p + page, size, PROT_READ | PROT_WRITE) != 0) {
		munmap(p, size + 2 * page);
		return NULL;
	}
	return p + page;
}

static void guarded_unmap(uint8_t *p, size_t size)
{
	size_t page = system_page();

	munmap(p - page, size + 2 * page);
}

/* Not swapped, not dumped, and zeros in a child. */
static SR_RESULT keep_secret(void *p, size_t size)
{
	/* Not mlock: the sanitizers replace that by nothing. */
	if (mlock2(p, size, 0) != 0)
		return SR_LIMIT;
	if (madvise(p, size, MADV_DONTDUMP) != 0 || madvise(p, size, MADV_WIPEONFORK) != 0)
		return SR_INTERNAL;
	return SR_OK;
}

static void *crypto_alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return locked_alloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return locked_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	locked_free(p);
}

/* Not swapped, not dumped, the only memory that libcrypto gets. */
static SR_RESULT region_init(uint8_t *base, size_t size)
{
	SR_TRY(keep_secret(base, size));
	if (!CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free))
		return SR_INTERNAL;
	return locked_heap_init(base, size);
}

SR_RESULT locked_init(size_t size)
{
	uint8_t *base;
	enum sr_err err;

	if (locked.base != NULL)
		return SR_INTERNAL;
	if (size == 0 || size > LOCKED_HEAP_MAX)
		return SR_LIMIT;
	size = round_up(size, system_page());
	base = guarded_map(size, 0);
	if (base == NULL)
		return SR_LIMIT;
	err = region_init(base, size);
	if (err != SR_OK) {
		guarded_unmap(base, size);
		return err;
	}
	locked_leak_roots(base, size);
	locked.base = base;
	locked.size = size;
	/* No openssl.cnf in this process: it could load the very provider that
	 * asks us, into libcrypto's default context. */
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) ? SR_OK : SR_INTERNAL;
}

static bool span_contains(const uint8_t *base, size_t size, const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)base;

	return base != NULL && at < size && n <= size - at;
}

bool locked_contains(const void *p, size_t n)
{
	bool found = span_contains(locked.base, locked.size, p, n);

	pthread_mutex_lock(&locked.lock);
	for (struct stack *s = locked.stacks; s != NULL && !found; s = s->next)
		found = span_contains(s->base, s->size, p, n);
	pthread_mutex_unlock(&locked.lock);
	return found;
}

static void stack_free(struct stack *stack)
{
	explicit_bzero(stack->base, stack->size);
	guarded_unmap(stack->base, stack->size);
	free(stack);
}

/* Listed before the thread runs, which may ask locked_contains about itself. */
static void stack_add(struct stack *stack)
{
	pthread_mutex_lock(&locked.lock);
	stack->next = locked.stacks;
	locked.stacks = stack;
	pthread_mutex_unlock(&locked.lock);
}

static void stack_remove(struct stack *stack)
{
	struct stack **link = &locked.stacks;

	pthread_mutex_lock(&locked.lock);
	while (*link != stack)
		link = &(*link)->next;
	*link = stack->next;
	pthread_mutex_unlock(&locked.lock);
	stack_free(stack);
}

static void stack_owned(struct stack *stack, pthread_t thread)
{
	pthread_mutex_lock(&locked.lock);
	stack->thread = thread;
	stack->has_thread = true;
	pthread_mutex_unlock(&locked.lock);
}

static struct stack *stack_of(pthread_t thread)
{
	struct stack *s;

	pthread_mutex_lock(&locked.lock);
	s = locked.stacks;
	while (s != NULL && !(s->has_thread && pthread_equal(s->thread, thread)))
		s = s->next;
	pthread_mutex_unlock(&locked.lock);
	return s;
}

static SR_RESULT thread_start(pthread_t *thread, struct stack *stack, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int failed;

	if (pthread_attr_init(&attr) != 0)
		return SR_NOMEM;
	failed = pthread_attr_setstack(&attr, stack->base, stack->size);
	if (!failed)
		failed = pthread_create(thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	if (!failed)
		stack_owned(stack, *thread);
	return !failed ? SR_OK : failed == EAGAIN ? SR_LIMIT : SR_INTERNAL;
}

SR_RESULT locked_thread(pthread_t *thread, size_t stack_size, void *(*fn)(void *), void *arg)
{
	size_t min = (size_t)sysconf(_SC_THREAD_STACK_MIN);
	struct stack *stack;
	enum sr_err err;

	if (stack_size > LOCKED_HEAP_MAX)
		return SR_LIMIT;
	stack = calloc(1, sizeof(*stack));
	if (stack == NULL)
		return SR_NOMEM;
	stack->size = round_up((stack_size < min ? min : stack_size) + LOCKED_STACK_EXTRA, system_page());
	stack->base = guarded_map(stack->size, MAP_STACK);
	if (stack->base == NULL) {
		free(stack);
		return SR_NOMEM;
	}
	err = keep_secret(stack->base, stack->size);
	if (err != SR_OK) {
		stack_free(stack);
		return err;
	}
	stack_add(stack);
	err = thread_start(thread, stack, fn, arg);
	if (err != SR_OK)
		stack_remove(stack);
	return err;
}

void locked_join(pthread_t thread)
{
	struct stack *stack = stack_of(thread);

	SR_ASSERT(stack != NULL && pthread_join(thread, NULL) == 0);
	stack_remove(stack);
}
