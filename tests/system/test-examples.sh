#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example clients against the daemon: one made after docs/PROTOCOL.md alone, one
# with libstrongroom.  Their signatures are checked by openssl.
. "$(dirname "$0")/../lib.sh"
start_daemon

# verify WHAT PUBLIC SIGNATURE [OPTIONS]: openssl takes it for a signature of $work/message
verify() {
	local what=$1 public=$2 signature=$3
	shift 3
	check "$what" openssl dgst -sha256 -verify "$public" -signature "$signature" "$@" "$work/message"
}

key() {
	check "a key: $1" strongroom key create "web/$1" "${@:2}"
	strongroom key public "web/$1" > "$work/$1.pem"
}

printf 'sign me' > "$work/message"
openssl dgst -sha256 -binary "$work/message" > "$work/digest"
check "a vault" strongroom vault create web
key ec --kty EC --curve P-256
key rsa --kty RSA --size 2048
key ed --kty OKP --curve Ed25519

sign_py=$top/examples/sign.py
STDIN=$work/message check "sign.py, ES256" "$PYTHON" "$sign_py" strongroom://web/keys/ec ES256
cp "$work/out" "$work/signature"
verify "its signature" "$work/ec.pem" "$work/signature"
STDIN=$work/message check "sign.py, PS256" "$PYTHON" "$sign_py" --socket "$STRONGROOM_SOCKET" strongroom://web/keys/rsa PS256
cp "$work/out" "$work/signature"
verify "its signature" "$work/rsa.pem" "$work/signature" -sigopt rsa_padding_mode:pss
STDIN=$work/message check "sign.py, EdDSA" "$PYTHON" "$sign_py" strongroom://web/keys/ed EdDSA
cp "$work/out" "$work/signature"
check "its signature" openssl pkeyutl -verify -pubin -inkey "$work/ed.pem" -rawin -in "$work/message" -sigfile "$work/signature"
STDIN=$work/message refuse "sign.py without such a key" "$PYTHON" "$sign_py" strongroom://web/keys/none ES256
says "it says what the daemon says" "NotFound: .*none"

sign=$BUILD/examples/sign
STDIN=$work/digest check "sign, ES256" "$sign" strongroom://web/keys/ec ES256
cp "$work/out" "$work/signature"
verify "its signature" "$work/ec.pem" "$work/signature"
STDIN=$work/message check "sign, EdDSA" "$sign" strongroom://web/keys/ed EdDSA
cp "$work/out" "$work/signature"
check "its signature" openssl pkeyutl -verify -pubin -inkey "$work/ed.pem" -rawin -in "$work/message" -sigfile "$work/signature"
STDIN=$work/message refuse_with 3 "sign without such a key" "$sign" strongroom://web/keys/none EdDSA
STRONGROOM_SOCKET=$work/nowhere refuse_with 5 "sign without a daemon" "$sign" strongroom://web/keys/ed EdDSA
says "it says where it looked" "$work/nowhere.*is it running"

finish
