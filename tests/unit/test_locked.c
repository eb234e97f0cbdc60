/* SPDX-License-Identifier: Apache-2.0 */
/* Locked memory: what the kernel says about it, what its allocator promises, and
 * that libcrypto lives in it. */
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/backend/locked_heap.h"
#include "tests/unit/pristine.h"

#define REGION ((size_t)1 << 20)
#define PAGE   ((size_t)4096)
#define STACK  ((size_t)64 << 10)

/* The whole thing: what libcrypto took at once is in the region. */
static void start(void)
{
	CHECK(locked_init(REGION) == SR_OK);
}

/* The allocator alone, over memory of the test's: nothing but the test's is in it. */
static void start_heap(void)
{
	void *p = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && locked_heap_init(p, REGION) == SR_OK);
}

static size_t used(void)
{
	size_t n, size;

	locked_usage(&n, &size);
	return n;
}

/* Freed memory is looked at on purpose. */
__attribute__((no_sanitize("address"))) static bool is_zero(const volatile uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* Runs fn in a child; how that ended, as waitpid says. */
static int status_of(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(0);
		fn();
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static bool dies(void (*fn)(void))
{
	return status_of(fn) != 0;
}

/* By our own check, not by luck. */
static bool aborts(void (*fn)(void))
{
	int status = status_of(fn);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* Does /proc/self/smaps give the mapping of p this VmFlags word? */
static bool has_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], word[8];
	unsigned long from, to;
	bool mine = false, found = false;

	CHECK(f != NULL);
	snprintf(word, sizeof(word), " %s ", flag);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			mine = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (mine && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, word) != NULL;
	}
	fclose(f);
	return found;
}

static void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed * 31 + i * 7 + 1);
}

static bool is_filled(const uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (uint8_t)(seed * 31 + i * 7 + 1))
			return false;
	return true;
}

/* The whole region can be had as one block: nothing is kept anywhere. */
static bool is_whole(void)
{
	void *all = locked_alloc(REGION);

	locked_free(all);
	return all != NULL;
}

PRISTINE(region_is_locked_not_dumped_and_wiped_on_fork)
{
	void *p;

	start();
	p = locked_alloc(100);
	CHECK(has_flag(p, "lo"));
	CHECK(has_flag(p, "dd"));
	CHECK(has_flag(p, "wf"));
	locked_free(p);
}

/* From a block outwards to the first page that is no longer the region's. */
static void touch_below(void)
{
	const uint8_t *p = locked_alloc(PAGE);

	while (locked_contains(p, 1))
		p -= PAGE;
	(void)*(const volatile uint8_t *)p;
}

static void touch_above(void)
{
	const uint8_t *p = locked_alloc(PAGE);

	while (locked_contains(p, 1))
		p += PAGE;
	(void)*(const volatile uint8_t *)p;
}

PRISTINE(guard_pages_stand_at_both_ends)
{
	start();
	CHECK(dies(touch_below));
	CHECK(dies(touch_above));
}

PRISTINE(child_finds_nothing)
{
	uint8_t *p;
	pid_t pid;
	int status;

	start();
	p = locked_alloc(1000);
	fill(p, 1000, 1);
	pid = fork();
	if (pid == 0)
		_exit(is_zero(p, 1000) ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(is_filled(p, 1000, 1));
	locked_free(p);
}

PRISTINE(memory_is_zeroed_aligned_and_wiped_when_freed)
{
	start_heap();
	for (size_t n = 1; n < 20000; n += n < 3000 ? 1 : 97) {
		uint8_t *p = locked_alloc(n);

		CHECK(p != NULL && (uintptr_t)p % 16 == 0 && is_zero(p, n));
		memset(p, 0xa5, n);
		locked_free(p);
		CHECK(is_zero(p, n));
	}
	CHECK(used() == 0);
}

PRISTINE(nothing_and_too_much_are_null)
{
	start_heap();
	CHECK(locked_alloc(0) == NULL);
	CHECK(locked_alloc(REGION + 1) == NULL);
	CHECK(locked_alloc(SIZE_MAX) == NULL);
	CHECK(locked_alloc(SIZE_MAX - 4000) == NULL);
	locked_free(NULL);
	CHECK(is_whole());
}

PRISTINE(full_region_says_so_and_recovers)
{
	static const size_t sizes[] = { 16, 33, 100, 700, 2048, 2049, 9000 };
	static void *blocks[REGION / 16 + 1];

	start_heap();
	for (size_t s = 0; s < SR_COUNT(sizes); s++) {
		size_t n = 0, rounded = used();

		while (n < SR_COUNT(blocks) && (blocks[n] = locked_alloc(sizes[s])) != NULL)
			memset(blocks[n++], 0xff, sizes[s]);
		CHECK(n * sizes[s] > REGION / 3);
		CHECK(locked_was_full() && !locked_was_full());
		CHECK(used() > rounded && used() <= REGION);
		while (n > 0)
			locked_free(blocks[--n]);
		CHECK(used() == 0);
	}
}

/* Against a model: random blocks, each with its own pattern, none touched by others. */
PRISTINE(blocks_do_not_overlap_whatever_the_order)
{
	static struct { uint8_t *p; size_t n; } blocks[400];
	unsigned seed = 7;

	start_heap();
	for (unsigned round = 0; round < 200000; round++) {
		size_t i = (size_t)rand_r(&seed) % SR_COUNT(blocks), n = 1 + (size_t)rand_r(&seed) % 300;
		uint8_t *p = blocks[i].p;

		if (rand_r(&seed) % 10 == 0)
			n *= 20;
		CHECK(p == NULL || is_filled(p, blocks[i].n, (unsigned)i));
		if (p != NULL && rand_r(&seed) % 2 == 0) {
			locked_free(p);
			blocks[i].p = NULL;
			continue;
		}
		p = locked_realloc(p, n);
		if (p == NULL)
			continue;
		CHECK(blocks[i].p == NULL || is_filled(p, n < blocks[i].n ? n : blocks[i].n, (unsigned)i));
		fill(p, n, (unsigned)i);
		blocks[i].p = p;
		blocks[i].n = n;
	}
	for (size_t i = 0; i < SR_COUNT(blocks); i++)
		locked_free(blocks[i].p);
	CHECK(used() == 0);
}

PRISTINE(freed_runs_grow_together_in_any_order)
{
	void *p[16];

	start_heap();
	for (size_t step = 1; step < 16; step += 2) {
		for (size_t i = 0; i < 16; i++)
			CHECK((p[i] = locked_alloc(REGION / 16)) != NULL);
		CHECK(locked_alloc(16) == NULL);
		for (size_t i = 0; i < 16; i++)
			locked_free(p[i * step % 16]);
		CHECK(is_whole());
	}
}

PRISTINE(realloc_keeps_contents_and_wipes_the_old_block)
{
	uint8_t *p, *old;

	start_heap();
	p = locked_realloc(NULL, 40);
	fill(p, 40, 3);
	old = p;
	p = locked_realloc(p, 5000);
	CHECK(p != NULL && p != old && is_filled(p, 40, 3) && is_zero(old, 40));
	CHECK(is_zero(p + 48, 5000 - 48));
	fill(p, 5000, 4);
	old = p;
	p = locked_realloc(p, 100);
	CHECK(p != NULL && is_filled(p, 100, 4) && is_zero(old, 5000));
	CHECK(locked_realloc(p, REGION + 1) == NULL);
	CHECK(locked_realloc(p, SIZE_MAX) == NULL);
	CHECK(is_filled(p, 100, 4));
	CHECK(locked_realloc(p, 0) == NULL);
	CHECK(used() == 0);
}

static void free_twice(void)
{
	void *p = locked_alloc(40), *other = locked_alloc(40);

	locked_free(p);
	locked_free(other);
	locked_free(p);
}

static void free_twice_large(void)
{
	void *p = locked_alloc(40000);

	locked_free(p);
	locked_free(p);
}

static void free_inside(void)
{
	locked_free((uint8_t *)locked_alloc(64) + 16);
}

static void free_inside_large(void)
{
	locked_free((uint8_t *)locked_alloc(3 * PAGE) + PAGE);
}

static void free_foreign(void)
{
	static uint8_t foreign[64];

	locked_free(foreign);
}

static void realloc_freed(void)
{
	void *p = locked_alloc(40);

	locked_free(p);
	locked_free(locked_realloc(p, 80));
}

static void free_right(void)
{
	locked_free(locked_alloc(40));
	locked_free(locked_alloc(40000));
}

PRISTINE(double_and_foreign_free_abort)
{
	start_heap();
	CHECK(aborts(free_twice));
	CHECK(aborts(free_twice_large));
	CHECK(aborts(free_inside));
	CHECK(aborts(free_inside_large));
	CHECK(aborts(free_foreign));
	CHECK(aborts(realloc_freed));
	CHECK(!dies(free_right));
}

static void *churn(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	uint8_t *p[50] = { NULL };
	size_t n[50];

	for (unsigned round = 0; round < 20000; round++) {
		size_t i = (size_t)rand_r(&seed) % 50;

		if (p[i] != NULL) {
			CHECK(is_filled(p[i], n[i], (unsigned)i));
			locked_free(p[i]);
		}
		n[i] = 1 + (size_t)rand_r(&seed) % (round % 50 == 0 ? 9000 : 400);
		p[i] = locked_alloc(n[i]);
		if (p[i] != NULL)
			fill(p[i], n[i], (unsigned)i);
	}
	for (size_t i = 0; i < 50; i++)
		locked_free(p[i]);
	return NULL;
}

PRISTINE(threads_share_it_and_give_back_what_they_kept)
{
	pthread_t threads[4];

	start_heap();
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(used() == 0);
	CHECK(is_whole());
}

static void *free_all(void *arg)
{
	void **p = arg;

	for (size_t i = 0; i < 500; i++)
		locked_free(p[i]);
	return NULL;
}

PRISTINE(blocks_may_be_freed_by_another_thread)
{
	void *p[500];
	pthread_t thread;

	start_heap();
	for (size_t i = 0; i < 500; i++)
		p[i] = locked_alloc(i + 1);
	CHECK(pthread_create(&thread, NULL, free_all, p) == 0);
	pthread_join(thread, NULL);
	CHECK(used() == 0);
}

/* What one thread may keep is bounded, so that others are not starved. */
PRISTINE(caches_are_bounded)
{
	static void *p[4000];
	size_t n = 0, pages = 0;

	start_heap();
	for (size_t size = 16; size <= 2048; size += 16)
		for (size_t i = 0; i < 30; i++)
			if ((p[n] = locked_alloc(size)) != NULL)
				n++;
	CHECK(n > 1000);
	while (n > 0)
		locked_free(p[--n]);
	while ((p[n] = locked_alloc(PAGE)) != NULL)
		n++;
	pages = n;
	while (n > 0)
		locked_free(p[--n]);
	CHECK(pages * PAGE > REGION * 3 / 4);
}

PRISTINE(libcrypto_allocates_here)
{
	void *p;
	BIGNUM *n;

	start();
	p = OPENSSL_malloc(100);
	CHECK(locked_contains(p, 100));
	p = OPENSSL_realloc(p, 3000);
	CHECK(locked_contains(p, 3000));
	OPENSSL_free(p);
	n = BN_new();
	CHECK(locked_contains(n, 1));
	BN_free(n);
}

PRISTINE(init_is_refused_after_libcrypto_was_used)
{
	OPENSSL_free(OPENSSL_malloc(1));
	CHECK(locked_init(REGION) == SR_INTERNAL);
}

PRISTINE(init_works_once)
{
	start();
	CHECK(locked_init(REGION) == SR_INTERNAL);
}

/* Root may lock what it likes: become somebody else. */
static void drop_to_limit(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	if (geteuid() == 0)
		CHECK(setresuid(65534, 65534, 65534) == 0);
}

PRISTINE(init_needs_the_memlock_limit)
{
	drop_to_limit(REGION / 2);
	CHECK(locked_init(REGION) == SR_LIMIT);
	CHECK(locked_init(0) == SR_LIMIT);
	CHECK(locked_init(SIZE_MAX) == SR_LIMIT);
	CHECK(locked_init(REGION / 4) == SR_OK);
}

struct probe {
	void *here;
	bool contained, locked, dumped, worked;
};

static void *probe_stack(void *arg)
{
	struct probe *probe = arg;
	uint8_t local[64] = { 1 };
	BIGNUM *n = NULL;

	probe->here = __builtin_frame_address(0);
	probe->contained = locked_contains(probe->here, 1);
	probe->locked = has_flag(probe->here, "lo");
	probe->dumped = !has_flag(probe->here, "dd");
	probe->worked = local[0] == 1 && BN_dec2bn(&n, "12345678901234567890") == 20;
	BN_free(n);
	return arg;
}

PRISTINE(thread_runs_on_a_locked_stack)
{
	struct probe probe = { 0 };
	pthread_t thread;
	void *got;

	start();
	CHECK(locked_thread(&thread, STACK, probe_stack, &probe) == SR_OK);
	CHECK(pthread_join(thread, &got) == 0);
	CHECK(got == &probe);
	CHECK(probe.contained && probe.locked && !probe.dumped && probe.worked);
	CHECK(locked_contains(probe.here, 1));
	CHECK(!locked_contains(&probe, 1));
}

PRISTINE(joined_thread_gives_its_stack_back)
{
	struct probe probe = { 0 };
	pthread_t thread;

	start();
	/* in all more than an ordinary user may lock */
	for (int i = 0; i < 200; i++) {
		CHECK(locked_thread(&thread, STACK, probe_stack, &probe) == SR_OK);
		locked_join(thread);
		CHECK(probe.contained && !locked_contains(probe.here, 1));
	}
}

static void *overrun_stack(void *arg)
{
	/* The first page below the mapping that holds this frame. */
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned long from, to;

	(void)arg;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && (uintptr_t)line >= from && (uintptr_t)line < to)
			*(volatile uint8_t *)(from - 1) = 1;
	return NULL;
}

static void overrun(void)
{
	pthread_t thread;

	if (locked_thread(&thread, STACK, overrun_stack, NULL) == SR_OK)
		pthread_join(thread, NULL);
}

PRISTINE(guard_page_stands_below_a_stack)
{
	start();
	CHECK(dies(overrun));
}

PRISTINE(thread_needs_the_memlock_limit)
{
	pthread_t thread;

	drop_to_limit(REGION + PAGE);
	start();
	CHECK(locked_thread(&thread, STACK, probe_stack, NULL) == SR_LIMIT);
	CHECK(locked_thread(&thread, SIZE_MAX, probe_stack, NULL) == SR_LIMIT);
}

PRISTINE(tells_its_own_memory_from_other)
{
	uint8_t *p, local;
	size_t before, n, size;

	start();
	locked_usage(&before, &size);
	CHECK(size == REGION);
	p = locked_alloc(REGION / 2);
	CHECK(locked_contains(p, REGION / 2));
	CHECK(!locked_contains(p, REGION + 1) && !locked_contains(p - REGION, 1) && !locked_contains(p + REGION, 1));
	CHECK(!locked_contains(p + 1, SIZE_MAX) && !locked_contains(&local, 1) && !locked_contains(NULL, 1));
	locked_usage(&n, &size);
	CHECK(n == before + REGION / 2);
	locked_free(p);
}
