/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, threads and library contexts. */
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/provider/host.h"

#define CHILDREN 4
#define THREADS 8
#define ROUNDS 25

static int wait_for(pid_t pid)
{
	int status;

	EXPECT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* fork KEY: children and parent go on signing at once, with one loaded key */
int promise_fork(int argc, char **argv)
{
	pid_t children[CHILDREN];
	EVP_PKEY *key;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	host_sign_and_verify(NULL, key, "a connection that the children inherit");
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		EXPECT(children[i] >= 0);
		if (children[i] == 0) {
			for (int round = 0; round < ROUNDS; round++)
				host_sign_and_verify(NULL, key, "in a child");
			EVP_PKEY_free(key);
			exit(0);
		}
	}
	for (int round = 0; round < ROUNDS; round++)
		host_sign_and_verify(NULL, key, "in the parent");
	for (int i = 0; i < CHILDREN; i++)
		EXPECT(wait_for(children[i]) == 0);
	host_sign_and_verify(NULL, key, "in the parent, later");
	EVP_PKEY_free(key);
	return 0;
}

static void *sign_many(void *arg)
{
	EVP_PKEY *key = arg;

	for (int round = 0; round < ROUNDS; round++)
		host_sign_and_verify(NULL, key, "in a thread");
	return NULL;
}

/* threads KEY: one key in many threads, also while the process forks */
int promise_threads(int argc, char **argv)
{
	pthread_t threads[THREADS];
	EVP_PKEY *key;
	pid_t pid;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&threads[i], NULL, sign_many, key) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid = fork();
		EXPECT(pid >= 0);
		/* only what is safe after a fork of threads: libcrypto itself may hold locks */
		if (pid == 0)
			_exit(0);
		EXPECT(wait_for(pid) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	EVP_PKEY_free(key);
	return 0;
}

static OSSL_LIB_CTX *context(void)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();

	EXPECT(libctx != NULL && OSSL_LIB_CTX_load_config(libctx, getenv("OPENSSL_CONF")) == 1);
	return libctx;
}

/* contexts KEY: two library contexts, with a provider each; one ends before the other */
int promise_contexts(int argc, char **argv)
{
	OSSL_LIB_CTX *first = context(), *second = context();
	EVP_PKEY *first_key, *second_key;

	EXPECT(argc == 1);
	first_key = host_load(first, argv[0]);
	second_key = host_load(second, argv[0]);
	host_sign_and_verify(first, first_key, "in the first");
	host_sign_and_verify(second, second_key, "in the second");
	EXPECT(EVP_PKEY_eq(first_key, second_key) == 1 && EVP_PKEY_eq(second_key, first_key) == 1);
	EVP_PKEY_free(first_key);
	OSSL_LIB_CTX_free(first);
	host_sign_and_verify(second, second_key, "in the second alone");
	EVP_PKEY_free(second_key);
	OSSL_LIB_CTX_free(second);
	EXPECT(host_queue_clean());
	return 0;
}

/* error KEY WORDS: signing fails, and the last error on the queue has these words */
int promise_error(int argc, char **argv)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key;
	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);
	const char *data = NULL;
	int flags = 0;

	EXPECT(argc == 2);
	key = host_load(NULL, argv[0]);
	EXPECT(EVP_DigestSignInit_ex(ctx, NULL, host_digest(key), NULL, NULL, key, NULL) == 1);
	EXPECT(EVP_DigestSign(ctx, sig, &sig_len, (const unsigned char *)"m", 1) != 1);
	EXPECT(ERR_peek_last_error_data(&data, &flags) != 0);
	EXPECT((flags & ERR_TXT_STRING) != 0);
	fprintf(stderr, "%s\n", data);
	EXPECT(strncmp(data, "strongroom: ", 12) == 0 && strstr(data, argv[1]) != NULL);
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return 0;
}

/* load_only FILE: the key is there, its certificate would be found to match, no daemon is asked */
int promise_load_only(int argc, char **argv)
{
	EVP_PKEY *key, *public_half;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	EXPECT(EVP_PKEY_eq(key, public_half) == 1);
	EXPECT(EVP_DigestSignInit_ex(ctx, NULL, host_digest(key), NULL, NULL, key, NULL) == 1);
	EXPECT(host_queue_clean());
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}
