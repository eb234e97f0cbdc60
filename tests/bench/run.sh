#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How fast is a key that strongroomd holds, against the same key in the process?
#
#     BUILD=build-release tests/bench/run.sh           about 4 minutes
#     BUILD=build-release tests/bench/run.sh smoke     do the programs work? (half a minute)
#
# Both sides are measured in turn and in pairs, by one process; what counts is the
# ratio, since machines are noisy and shared.  With nginx if we are root.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/nginx.sh"
test_name=bench

ms=500 pairs=5 threads="1 2 4 8" tls_ms=1500 tls_pairs=3
if [ "${1:-}" = smoke ]; then
	ms=100 pairs=1 threads="1 4" tls_ms=300 tls_pairs=1
fi

# Without the sanitizers and debugging aids of other builds.
grep -q 'CMAKE_BUILD_TYPE:STRING=\(RelWithDebInfo\|Release\)' "$BUILD/CMakeCache.txt" ||
	echo "# $BUILD is not a release build: its figures mean little"

key() {
	local name=$1
	shift
	openssl genpkey -quiet "$@" -out "$work/$name.pem" || fail "openssl makes the $name key"
	run_quietly strongroom key import "bench/$name" --in "$work/$name.pem" ||
		fail "the $name key is imported" "$work/out" "$work/err"
}

# A line of the table is its own report: measured only counts it.
measured() {
	passed=$((passed + 1))
}

# sign LABEL OPERATION NAME
sign() {
	local n
	for n in $threads; do
		with_provider "$BUILD/tests/bench/bench_sign" "$1" "$2" "$n" "$ms" "$pairs" "$work/$3.pem" "strongroom://bench/keys/$3" ||
			{ fail "$1 with $n threads, without an error"; continue; }
		measured
	done
}

# handshake LABEL TLS NAME
handshake() {
	local plain held
	plain=$(free_port)
	nginx_server "$plain" "$work/$3.crt" "$work/$3.pem"
	held=$(free_port)
	nginx_server "$held" "$work/$3.crt" "$work/$3.ref"
	nginx_start || return
	"$BUILD/tests/bench/bench_tls" "$1" "$2" 4 "$tls_ms" "$tls_pairs" "$plain" "$held" &&
		measured || fail "$1, without an error"
	nginx_stop
	rm "$NGINX"/servers/*
}

start_daemon
strongroom vault create bench > /dev/null
key P-256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
key Ed25519 -algorithm ED25519
key RSA-2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048

echo "                         |       in the process          |       held by strongroomd     |"
echo "operation        threads |     per s    p50 us    p99 us |     per s    p50 us    p99 us | ratio  errors"
sign "P-256 sign" sign P-256
sign "Ed25519 sign" sign-message Ed25519
sign "RSA-2048 sign" sign RSA-2048
sign "RSA-2048 PSS" sign-pss RSA-2048
sign "RSA-2048 OAEP" decrypt-oaep RSA-2048

if is_root; then
	echo "                         |       nginx with key files    |       nginx with references   |"
	for name in P-256 RSA-2048; do
		openssl req -x509 -new -key "$work/$name.pem" -subj /CN=localhost -out "$work/$name.crt"
		strongroom key pem "bench/$name" > "$work/$name.ref"
		strongroom grant add --to user:www-data --role "Crypto User" --on "bench/$name" > /dev/null
		handshake "$name TLS 1.3" tls1.3 "$name"
		handshake "$name TLS 1.2" tls1.2 "$name"
	done
else
	skip "nginx needs root"
fi
stop_daemon
finish
