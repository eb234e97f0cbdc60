/* SPDX-License-Identifier: Apache-2.0 */
/* Full TLS handshakes against two servers on loopback, one with a key file and one
 * with a key that strongroomd holds.  No resumption and no tickets.  Prints one
 * line, see bench_print; fails if any handshake did. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

struct server {
	SSL_CTX *ctx;
	uint16_t port;
};

static bool handshake(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	char name[] = "localhost";      /* OpenSSL's macro takes its const away */
	bool ok = ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_connect(ssl) == 1;

	SSL_free(ssl);
	return ok;
}

static bool once(void *arg, unsigned round)
{
	const struct server *server = arg;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(server->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* closed by a reset, so that no port waits in TIME_WAIT */
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	bool ok;

	(void)round;
	if (fd < 0)
		return false;
	ok = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0 &&
		connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 && handshake(server->ctx, fd);
	close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct server reference = { .ctx = ctx }, candidate = { .ctx = ctx };
	struct bench_pair what = { .fn = once, .reference = &reference, .candidate = &candidate };
	struct bench_result of_reference, of_candidate;
	double ratio;

	if (argc != 8 || ctx == NULL) {
		fprintf(stderr, "usage: bench_tls LABEL tls1.2|tls1.3 THREADS MILLISECONDS PAIRS PORT PORT\n");
		return 2;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_max_proto_version(ctx, strcmp(argv[2], "tls1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	what.threads = bench_number(argv[3], BENCH_THREADS_MAX);
	what.seconds = bench_number(argv[4], 3600000) / 1e3;
	what.pairs = bench_number(argv[5], BENCH_PAIRS_MAX);
	reference.port = (uint16_t)bench_number(argv[6], UINT16_MAX);
	candidate.port = (uint16_t)bench_number(argv[7], UINT16_MAX);
	bench_compare(&what, &of_reference, &of_candidate, &ratio);
	bench_print(argv[1], what.threads, &of_reference, &of_candidate, ratio);
	SSL_CTX_free(ctx);
	return of_reference.errors != 0 || of_candidate.errors != 0;
}
