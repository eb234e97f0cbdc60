#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The openssl command with keys that only strongroomd holds: what an administrator
# does with a key file works with a URI and with a reference.  What openssl
# verifies, it verifies without our provider.
. "$(dirname "$0")/../lib.sh"

ssl() {
	with_provider openssl "$@"
}
# plain: openssl as everybody has it
plain() {
	env -u OPENSSL_CONF openssl "$@"
}

server_pid=
# serve_and_connect KEY CERT ARGS...: s_server with the key, s_client with the same as client certificate
serve_and_connect() {
	local key=$1 cert=$2 port
	shift 2
	port=$(free_port)
	OPENSSL_CONF=$SR_CONF LD_PRELOAD=${PRELOAD:-} ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0:verify_asan_link_order=0 \
		background openssl s_server -accept "127.0.0.1:$port" -cert "$cert" -key "$key" -CAfile "$cert" -Verify 1 \
			-verify_return_error -www "$@" > "$work/server.out" 2>&1
	server_pid=$!
	until_ok 10 grep -q ACCEPT "$work/server.out"
	printf 'GET / HTTP/1.0\r\n\r\n' | ssl s_client -connect "127.0.0.1:$port" -cert "$cert" -key "$key" -CAfile "$cert" \
		-verify_return_error -quiet "$@" > "$work/client.out" 2> "$work/client.err"
	kill "$server_pid"
	grep -q 'HTTP/1.0 200' "$work/client.out" && return 0
	cat "$work/client.out" "$work/client.err" "$work/server.out"
	return 1
}
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# certificates KEY NAME: req, x509, by one who has no key file
certificates() {
	local key=$1 k=$2 crt=$work/$2.crt csr=$work/$2.csr leaf=$work/$2.leaf.crt
	check "$k: req makes a self-signed certificate" \
		ssl req -x509 -new -key "$key" -subj /CN=localhost -addext subjectAltName=DNS:localhost -out "$crt"
	check "$k: which verifies" plain verify -CAfile "$crt" "$crt"
	check "$k: req makes a CSR" ssl req -new -key "$key" -subj /CN=leaf -out "$csr"
	check "$k: which verifies" plain req -in "$csr" -verify -noout
	says  "$k: and is said to" 'verify OK'
	check "$k: x509 -req signs it as CA" ssl x509 -req -in "$csr" -CA "$crt" -CAkey "$key" -CAcreateserial -days 1 -out "$leaf"
	check "$k: which verifies" plain verify -CAfile "$crt" "$leaf"
}

# keys KEY NAME: pkey and storeutl
keys() {
	local key=$1 k=$2
	check "$k: pkey -pubout" ssl pkey -in "$key" -pubout -out "$work/$k.pub"
	strongroom key public "web/$k" > "$work/$k.daemon.pub"
	same "$k: gives what the daemon says" "$(cat "$work/$k.daemon.pub")" "$(cat "$work/$k.pub")"
	check "$k: pkey -text" ssl pkey -in "$key" -text -noout
	says  "$k: says who has the private half" 'held by strongroomd'
	says  "$k: and which it is" "strongroom://web/keys/$k/[0-9a-f]{32}"
	silent_on "$k: and shows no private value" '^(priv|privateExponent|prime1):|^ +(00:){8}'
	check "$k: pkey writes a reference" ssl pkey -in "$key" -out "$work/$k.again.pem"
	strongroom key pem "web/$k" > "$work/$k.daemon.pem"
	same "$k: the same that the daemon's command prints" "$(cat "$work/$k.daemon.pem")" "$(cat "$work/$k.again.pem")"
	check "$k: pkey writes one in DER" ssl pkey -in "$key" -outform DER -out "$work/$k.der"
	check "$k: and reads it" ssl pkey -in "$work/$k.der" -inform DER -pubout -out "$work/$k.again.pub"
	same  "$k: as the same key" "$(cat "$work/$k.pub")" "$(cat "$work/$k.again.pub")"
	check "$k: pkey -check" ssl pkey -in "$key" -noout -check
	check "$k: pkey -pubin" ssl pkey -pubin -in "strongroom://web/keys/$k" -noout -text_pub
	check "$k: storeutl finds the key" ssl storeutl -noout "strongroom://web/keys/$k"
	says  "$k: one, and nothing else" 'Total found: 1'
	check "$k: storeutl -text" ssl storeutl -noout -text "strongroom://web/keys/$k"
	silent_on "$k: shows no private value" '^(priv|privateExponent|prime1):|^ +(00:){8}'
	check "$k: storeutl -certs finds none" ssl storeutl -noout -certs "strongroom://web/keys/$k"
	silent_on "$k: that is, nothing" '^0: '
}

# digests KEY NAME: dgst and pkeyutl on a digest
digests() {
	local key=$1 k=$2 md
	for md in sha1 sha256 sha384 sha512; do
		check "$k: dgst -$md -sign" ssl dgst -$md -sign "$key" -out "$work/sig" "$work/message"
		check "$k: which verifies" plain dgst -$md -verify "$work/$k.pub" -signature "$work/sig" "$work/message"
		check "$k: also with the key itself" ssl dgst -$md -prverify "$key" -signature "$work/sig" "$work/message"
		plain dgst -$md -binary -out "$work/digest" "$work/message"
		check "$k: pkeyutl -sign a $md digest" ssl pkeyutl -sign -inkey "$key" -in "$work/digest" -out "$work/sig" -pkeyopt digest:$md
		check "$k: which verifies" plain pkeyutl -verify -pubin -inkey "$work/$k.pub" -in "$work/digest" -sigfile "$work/sig" -pkeyopt digest:$md
		check "$k: also with the key itself" ssl pkeyutl -verify -inkey "$key" -in "$work/digest" -sigfile "$work/sig" -pkeyopt digest:$md
	done
	plain dgst -sha256 -binary -out "$work/digest" "$work/message"
	check "$k: pkeyutl -sign, no digest named" ssl pkeyutl -sign -inkey "$key" -in "$work/digest" -out "$work/sig"
	check "$k: which verifies" plain pkeyutl -verify -pubin -inkey "$work/$k.pub" -in "$work/digest" -sigfile "$work/sig"
	printf 'another message' > "$work/other"
	refuse "$k: not over another message" ssl dgst -sha256 -prverify "$key" -signature "$work/sig" "$work/other"
	check "$k: cms -sign" ssl cms -sign -in "$work/message" -signer "$work/$k.crt" -inkey "$key" -nodetach -outform PEM -out "$work/cms"
	check "$k: which verifies" plain cms -verify -in "$work/cms" -inform PEM -CAfile "$work/$k.crt" -purpose any -out "$work/plain"
	check "$k: and has the message" diff -q --strip-trailing-cr "$work/message" "$work/plain"
}

messages() {
	local key=$1 k=$2
	check "$k: pkeyutl -sign -rawin" ssl pkeyutl -sign -rawin -inkey "$key" -in "$work/message" -out "$work/sig"
	check "$k: which verifies" plain pkeyutl -verify -rawin -pubin -inkey "$work/$k.pub" -in "$work/message" -sigfile "$work/sig"
	check "$k: also with the key itself" ssl pkeyutl -verify -rawin -inkey "$key" -in "$work/message" -sigfile "$work/sig"
	printf 'another message' > "$work/other"
	refuse "$k: not over another message" ssl pkeyutl -verify -rawin -inkey "$key" -in "$work/other" -sigfile "$work/sig"
	head -c 900000 /dev/zero > "$work/long"
	check "$k: a long message" ssl pkeyutl -sign -rawin -inkey "$key" -in "$work/long" -out "$work/sig"
	check "$k: which verifies" plain pkeyutl -verify -rawin -pubin -inkey "$work/$k.pub" -in "$work/long" -sigfile "$work/sig"
	head -c 2000000 /dev/zero > "$work/long"
	refuse "$k: not one that no frame can hold" ssl pkeyutl -sign -rawin -inkey "$key" -in "$work/long" -out "$work/sig"
	says   "$k: and says so" 'strongroom:.*(large|long)'
}

# encrypted WHAT PKEYOPTS...: decrypts with the key what was encrypted without us
encrypted() {
	local what=$1 opts=() o
	shift
	for o; do opts+=(-pkeyopt "$o"); done
	check "rsa: encrypted with $what" plain pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -in "$work/message" -out "$work/cipher" "${opts[@]}"
	check "rsa: is decrypted" ssl pkeyutl -decrypt -inkey strongroom://web/keys/rsa -in "$work/cipher" -out "$work/plain" "${opts[@]}"
	check "rsa: to the message" cmp "$work/message" "$work/plain"
	check "rsa: the key itself encrypts so, too" ssl pkeyutl -encrypt -inkey strongroom://web/keys/rsa -in "$work/message" -out "$work/cipher" "${opts[@]}"
	check "rsa: and is decrypted" ssl pkeyutl -decrypt -inkey strongroom://web/keys/rsa -in "$work/cipher" -out "$work/plain" "${opts[@]}"
}

# signed_so WHAT PKEYOPTS...
signed_so() {
	local what=$1 opts=() o
	shift
	for o; do opts+=(-pkeyopt "$o"); done
	plain dgst -sha256 -binary -out "$work/digest" "$work/message"
	check "rsa: pkeyutl -sign with $what" ssl pkeyutl -sign -inkey strongroom://web/keys/rsa -in "$work/digest" -out "$work/sig" "${opts[@]}"
	check "rsa: which verifies" plain pkeyutl -verify -pubin -inkey "$work/rsa.pub" -in "$work/digest" -sigfile "$work/sig" "${opts[@]}"
}

printf 'a message that is signed and encrypted\n' > "$work/message"
start_daemon
check "a vault is created" strongroom vault create web
check "an RSA key" strongroom key create web/rsa --kty RSA --size 2048 --timeout 60000 --allow-rsa1_5
check "a P-256 key" strongroom key create web/p256 --kty EC --curve P-256
check "an Ed25519 key" strongroom key create web/ed25519 --kty OKP --curve Ed25519
check "an RSA key that does not allow RSA1_5" strongroom key create web/strict --kty RSA --size 2048 --timeout 60000

for k in rsa p256 ed25519; do
	certificates "strongroom://web/keys/$k" $k
	keys "strongroom://web/keys/$k" $k
done
for k in rsa p256 ed25519; do
	strongroom key pem "web/$k" > "$work/$k.pem"
	certificates "$work/$k.pem" $k
	keys "$work/$k.pem" $k
	for tls in -tls1_3 -tls1_2; do
		check "$k: s_server, and s_client with a client certificate, $tls" \
			serve_and_connect "strongroom://web/keys/$k" "$work/$k.crt" $tls
		check "$k: likewise with the reference, $tls" serve_and_connect "$work/$k.pem" "$work/$k.crt" $tls
	done
done
digests strongroom://web/keys/rsa rsa
digests "$work/p256.pem" p256
messages strongroom://web/keys/ed25519 ed25519

signed_so "PSS, salt as the digest"    digest:sha256 rsa_padding_mode:pss rsa_pss_saltlen:digest
signed_so "PSS, the longest salt"      digest:sha256 rsa_padding_mode:pss rsa_pss_saltlen:max
signed_so "PSS, salt unsaid"           digest:sha256 rsa_padding_mode:pss
signed_so "PSS, salt -1"               digest:sha256 rsa_padding_mode:pss rsa_pss_saltlen:-1
signed_so "PSS, salt 20, MGF1 SHA-1"   digest:sha256 rsa_padding_mode:pss rsa_pss_saltlen:20 rsa_mgf1_md:sha1
signed_so "PKCS#1 v1.5"                digest:sha256 rsa_padding_mode:pkcs1
refuse "rsa: nothing is signed without padding" \
	ssl pkeyutl -sign -inkey strongroom://web/keys/rsa -in "$work/digest" -out "$work/sig" -pkeyopt rsa_padding_mode:none
check "rsa: pkeyutl -verifyrecover" ssl pkeyutl -sign -inkey strongroom://web/keys/rsa -in "$work/digest" -out "$work/sig"
check "rsa: pkeyutl -verifyrecover" ssl pkeyutl -verifyrecover -inkey strongroom://web/keys/rsa -in "$work/sig" -out "$work/plain"
check "rsa: gives the digest" cmp "$work/digest" "$work/plain"
check "rsa: a certificate signed with PSS" ssl req -x509 -new -key strongroom://web/keys/rsa -subj /CN=pss \
	-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -out "$work/pss.crt"
check "rsa: which verifies" plain verify -CAfile "$work/pss.crt" "$work/pss.crt"
check "rsa: cms -sign with PSS" ssl cms -sign -in "$work/message" -signer "$work/rsa.crt" -inkey strongroom://web/keys/rsa \
	-keyopt rsa_padding_mode:pss -nodetach -outform PEM -out "$work/cms"
check "rsa: which verifies" plain cms -verify -in "$work/cms" -inform PEM -CAfile "$work/rsa.crt" -purpose any -out "$work/plain"

encrypted "OAEP"                            rsa_padding_mode:oaep
encrypted "OAEP, SHA-256"                   rsa_padding_mode:oaep rsa_oaep_md:sha256
encrypted "OAEP, SHA-384 and MGF1 SHA-1"    rsa_padding_mode:oaep rsa_oaep_md:sha384 rsa_mgf1_md:sha1
encrypted "OAEP, SHA-512 and a label"       rsa_padding_mode:oaep rsa_oaep_md:sha512 rsa_oaep_label:616263
encrypted "PKCS#1 v1.5"                     rsa_padding_mode:pkcs1
refuse "rsa: a key that does not allow RSA1_5 does not decrypt it" \
	ssl pkeyutl -decrypt -inkey strongroom://web/keys/strict -in "$work/cipher" -out "$work/plain" -pkeyopt rsa_padding_mode:pkcs1
says   "rsa: and says why" 'strongroom:.*(RSA1_5|rsa1_5|PKCS#1)'
for opt in rsa_padding_mode:oaep rsa_padding_mode:pkcs1; do
	check "rsa: cms -encrypt, $opt" plain cms -encrypt -in "$work/message" -recip "$work/rsa.crt" -keyopt $opt -outform PEM -out "$work/cms"
	check "rsa: cms -decrypt, $opt" ssl cms -decrypt -in "$work/cms" -inform PEM -recip "$work/rsa.crt" -inkey "$work/rsa.pem" -out "$work/plain"
	check "rsa: gives the message" diff -q --strip-trailing-cr "$work/message" "$work/plain"
done

# what is not Strongroom's is as without it
plain genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/soft.pem"
check "a software key of openssl's own" ssl pkey -in "$work/soft.pem" -text -noout
says  "shows its private half as ever" '^priv:'
check "openssl generates keys as ever" ssl genpkey -algorithm ED25519 -out "$work/soft2.pem"
check "and digests" ssl dgst -sha256 "$work/message"
finish
