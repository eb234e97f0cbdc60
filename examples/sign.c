/* SPDX-License-Identifier: Apache-2.0 */
/* Signs what stands on standard input with an Ed25519 or Ed448 key that strongroomd
 * holds, or, with another algorithm, a digest that stands there:
 *
 *     sign strongroom://web/keys/ed EdDSA < message > signature
 *     openssl dgst -sha256 -binary < message | sign strongroom://web/keys/tls ES256 > signature.der
 *
 *     cc sign.c -o sign $(pkg-config --cflags --libs strongroom) */
#include <stdio.h>
#include <string.h>
#include <strongroom/strongroom.h>

#define INPUT_MAX 1000000

static enum sr_err sign(struct sr_client *client, struct sr_call *call, const char *key, const char *alg,
	struct sr_bytes input, struct sr_key_sign_rep *reply)
{
	struct sr_key_sign_req request = { .key = { key, strlen(key) }, .alg = { alg, strlen(alg) } };

	if (strcmp(alg, "EdDSA") == 0)
		SR_SET(key_sign_req, &request, message, input);
	else
		SR_SET(key_sign_req, &request, digest, input);
	return sr_key_sign(client, call, &request, reply);
}

static int run(struct sr_client *client, struct sr_call *call, const char *key, const char *alg)
{
	static uint8_t input[INPUT_MAX];
	struct sr_key_sign_rep reply;
	size_t n = fread(input, 1, sizeof input, stdin);
	enum sr_err err;

	if (ferror(stdin) || !feof(stdin)) {
		fprintf(stderr, "sign: standard input cannot be read, or is too long\n");
		return 1;
	}
	err = sign(client, call, key, alg, (struct sr_bytes){ input, n }, &reply);
	if (err != SR_OK) {
		fprintf(stderr, "sign: %s: %s\n", sr_error_code(err), sr_call_detail(call));
		return sr_error_exit(err);
	}
	if (fwrite(reply.signature.p, 1, reply.signature.n, stdout) != reply.signature.n || fflush(stdout) != 0) {
		perror("sign");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sr_client *client = NULL;
	struct sr_call *call = NULL;
	int status = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: sign URI ALGORITHM < INPUT > SIGNATURE\n");
		return 2;
	}
	/* no I/O yet: the daemon is asked when there is something to ask */
	if (sr_client_new(/* options= */ NULL, &client) == SR_OK && sr_call_new(&call) == SR_OK)
		status = run(client, call, argv[1], argv[2]);
	else
		fprintf(stderr, "sign: no client for $STRONGROOM_SOCKET\n");
	sr_call_free(call);
	sr_client_free(client);
	return status;
}
