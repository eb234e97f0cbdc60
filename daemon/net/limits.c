/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/limits.h"

#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#include "base/log.h"

#define BUCKETS 256             /* users at once are few */
#define LOG_LINES_PER_SECOND 5
#define RESERVED 16             /* connections that only the operator gets, who may set things right */

struct account {
	struct account *next;   /* in its bucket */
	uid_t uid;
	size_t lane;
	uint64_t connections, calls, buffered;  /* guarded by limits.lock */
};

struct limits {
	struct limits_options options;
	pthread_mutex_t lock;
	struct account *buckets[BUCKETS];       /* the rest is guarded by lock */
	uint64_t connections, buffered;
	unsigned users[LIMITS_LANES];           /* accounts in each lane */
	time_t log_second;
	unsigned log_lines, log_unsaid;
};

SR_RESULT limits_new(const struct limits_options *options, struct limits **out)
{
	struct limits *limits = calloc(1, sizeof *limits);

	if (limits == NULL)
		return SR_NOMEM;
	limits->options = *options;
	pthread_mutex_init(&limits->lock, NULL);
	*out = limits;
	return SR_OK;
}

void limits_free(struct limits *limits)
{
	if (limits == NULL)
		return;
	SR_ASSERT(limits->connections == 0 && limits->buffered == 0);
	pthread_mutex_destroy(&limits->lock);
	free(limits);
}

/* Where the account of this uid hangs, or would. */
static struct account **account_at(struct limits *limits, uid_t uid)
{
	struct account **at = &limits->buckets[uid % BUCKETS];

	while (*at != NULL && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

/* How many connections are not for this uid. */
static uint64_t reserved_from(const struct limits *limits, uid_t uid)
{
	if (uid == 0 || uid == geteuid() || limits->options.connections_max <= 2 * RESERVED)
		return 0;
	return RESERVED;
}

static size_t emptiest_lane(const struct limits *limits)
{
	size_t best = 0;

	for (size_t i = 1; i < LIMITS_LANES; i++)
		if (limits->users[i] < limits->users[best])
			best = i;
	return best;
}

static SR_RESULT connect_locked(struct limits *limits, uid_t uid, struct account **out, char why[static LIMITS_WHY_MAX])
{
	const struct limits_options *options = &limits->options;
	struct account **at = account_at(limits, uid);

	if (limits->connections >= options->connections_max - reserved_from(limits, uid)) {
		(void)snprintf(why, LIMITS_WHY_MAX, "too many connections (limit %" PRIu64 ": connections_max)",
			options->connections_max);
		return SR_LIMIT;
	}
	if (*at != NULL && (*at)->connections >= options->connections_per_uid) {
		(void)snprintf(why, LIMITS_WHY_MAX, "too many connections of uid %u (limit %" PRIu64 ": connections_per_uid)",
			(unsigned)uid, options->connections_per_uid);
		return SR_LIMIT;
	}
	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at == NULL) {
			(void)snprintf(why, LIMITS_WHY_MAX, "out of memory");
			return SR_NOMEM;
		}
		(*at)->uid = uid;
		(*at)->lane = emptiest_lane(limits);
		limits->users[(*at)->lane]++;
	}
	limits->connections++;
	(*at)->connections++;
	*out = *at;
	return SR_OK;
}

SR_RESULT limits_connect(struct limits *limits, uid_t uid, struct account **out, char why[static LIMITS_WHY_MAX])
{
	enum sr_err err;

	pthread_mutex_lock(&limits->lock);
	err = connect_locked(limits, uid, out, why);
	pthread_mutex_unlock(&limits->lock);
	return err;
}

void limits_disconnect(struct limits *limits, struct account *account)
{
	pthread_mutex_lock(&limits->lock);
	limits->connections--;
	if (--account->connections == 0) {
		SR_ASSERT(account->calls == 0 && account->buffered == 0);
		*account_at(limits, account->uid) = account->next;
		limits->users[account->lane]--;
		free(account);
	}
	pthread_mutex_unlock(&limits->lock);
}

size_t limits_lane(const struct account *account)
{
	return account->lane;
}

uint64_t limits_connections(struct limits *limits)
{
	uint64_t n;

	pthread_mutex_lock(&limits->lock);
	n = limits->connections;
	pthread_mutex_unlock(&limits->lock);
	return n;
}

bool limits_crowded(struct limits *limits)
{
	uint64_t max = limits->options.connections_max;

	return max > 2 * RESERVED && limits_connections(limits) > max / 2;
}

bool limits_call_begin(struct limits *limits, struct account *account, char why[static LIMITS_WHY_MAX])
{
	bool ok;

	pthread_mutex_lock(&limits->lock);
	ok = account->calls < limits->options.calls_per_uid;
	if (ok)
		account->calls++;
	pthread_mutex_unlock(&limits->lock);
	if (!ok)
		(void)snprintf(why, LIMITS_WHY_MAX, "too many slow calls at once of uid %u (limit %" PRIu64 ": calls_per_uid)",
			(unsigned)account->uid, limits->options.calls_per_uid);
	return ok;
}

void limits_call_end(struct limits *limits, struct account *account)
{
	pthread_mutex_lock(&limits->lock);
	account->calls--;
	pthread_mutex_unlock(&limits->lock);
}

bool limits_buffer_take(struct limits *limits, struct account *account, size_t n)
{
	const struct limits_options *options = &limits->options;
	bool ok;

	pthread_mutex_lock(&limits->lock);
	ok = n <= options->buffer_per_uid - account->buffered && n <= options->buffer_total - limits->buffered;
	if (ok) {
		account->buffered += n;
		limits->buffered += n;
	}
	pthread_mutex_unlock(&limits->lock);
	return ok;
}

void limits_buffer_give(struct limits *limits, struct account *account, size_t n)
{
	pthread_mutex_lock(&limits->lock);
	account->buffered -= n;
	limits->buffered -= n;
	pthread_mutex_unlock(&limits->lock);
}

bool limits_may_log(struct limits *limits)
{
	struct timespec now;
	unsigned unsaid = 0;
	bool ok;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&limits->lock);
	if (now.tv_sec != limits->log_second) {
		limits->log_second = now.tv_sec;
		limits->log_lines = 0;
		unsaid = limits->log_unsaid;
		limits->log_unsaid = 0;
	}
	ok = limits->log_lines < LOG_LINES_PER_SECOND;
	if (ok)
		limits->log_lines++;
	else
		limits->log_unsaid++;
	pthread_mutex_unlock(&limits->lock);
	if (unsaid > 0)
		log_info("%u lines about connections were left out", unsaid);
	return ok;
}
