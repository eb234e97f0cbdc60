#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs that load the provider, under valgrind: no leak, no access that is not theirs.
. "$(dirname "$0")/lib.sh"

# memcheck WHAT CMD...
memcheck() {
	local what=$1
	shift
	check "$what" with_provider valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect \
		--show-leak-kinds=definite,indirect --error-exitcode=99 --num-callers=40 "$@"
}

start_daemon
check "a vault is created" strongroom vault create val
check "an EC key is created" strongroom key create val/ec --kty EC --curve P-256
check "an RSA key is created" strongroom key create val/rsa --kty RSA --size 2048
check "an Ed25519 key is created" strongroom key create val/ed --kty OKP --curve Ed25519
echo message > "$work/message"
for name in ec rsa ed; do
	uri=strongroom://val/keys/$name
	strongroom key pem "val/$name" > "$work/$name.pem"
	memcheck "$name: pkey -pubout by URI" openssl pkey -in "$uri" -pubout -out "$work/$name.pub"
	memcheck "$name: pkey -text by reference" openssl pkey -in "$work/$name.pem" -noout -text
	memcheck "$name: req -x509" openssl req -x509 -new -key "$uri" -subj /CN=v -out "$work/$name.crt"
	memcheck "$name: storeutl" openssl storeutl -noout -text "$uri"
done
memcheck "ec: dgst -sign" openssl dgst -sha256 -sign strongroom://val/keys/ec -out "$work/sig" "$work/message"
memcheck "rsa: dgst -sign, PSS" openssl dgst -sha256 -sign strongroom://val/keys/rsa -sigopt rsa_padding_mode:pss -out "$work/sig" "$work/message"
memcheck "ed: pkeyutl -sign" openssl pkeyutl -sign -rawin -inkey strongroom://val/keys/ed -in "$work/message" -out "$work/sig"
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/message" -out "$work/cipher"
memcheck "rsa: pkeyutl -decrypt" openssl pkeyutl -decrypt -inkey strongroom://val/keys/rsa -pkeyopt rsa_padding_mode:oaep -in "$work/cipher"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/plain.pem"
memcheck "threads" "$BUILD/tests/bench/bench_sign" P-256 sign 4 300 1 "$work/plain.pem" strongroom://val/keys/ec
memcheck "the command" strongroom key show val/ec

# Failures have paths of their own.
stop_daemon
refuse "with the daemon down signing fails" with_provider valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect \
	--error-exitcode=99 openssl dgst -sha256 -sign "$work/ec.pem" -out "$work/sig" "$work/message"
silent_on "and leaks nothing" 'definitely lost|indirectly lost|Invalid (read|write)'
finish
