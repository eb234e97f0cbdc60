#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the provider promises to a program that uses OpenSSL: tests/provider/host.c
# is such a program.  And what it does in files, settings and errors.
. "$(dirname "$0")/../lib.sh"

# host PROMISE OPERANDS...
host() {
	with_provider "$BUILD/tests/provider/provider_host" "$@"
}

key_types="rsa p256 p384 p521 p256k ed25519 ed448"
uri() {
	echo "strongroom://web/keys/$1"
}

# signatures_of NAME: how many the audit log has for that key
signatures_of() {
	cat "$DATA"/audit/*.jsonl | grep -F '"KeySign"' | grep -cF "$(uri "$1")/"
}

start_daemon
check "a vault is created" strongroom vault create web
for suffix in "" -other; do
	check "rsa$suffix"     strongroom key create "web/rsa$suffix" --kty RSA --size 2048 --timeout 60000
	check "p256$suffix"    strongroom key create "web/p256$suffix" --kty EC --curve P-256
	check "p384$suffix"    strongroom key create "web/p384$suffix" --kty EC --curve P-384
	check "p521$suffix"    strongroom key create "web/p521$suffix" --kty EC --curve P-521
	check "p256k$suffix"   strongroom key create "web/p256k$suffix" --kty EC --curve P-256K
	check "ed25519$suffix" strongroom key create "web/ed25519$suffix" --kty OKP --curve Ed25519
	check "ed448$suffix"   strongroom key create "web/ed448$suffix" --kty OKP --curve Ed448
done
for k in $key_types; do
	strongroom key pem "web/$k" > "$work/$k.pem" || fail "$k: its reference is printed"
	strongroom key pem "web/$k" --format own > "$work/$k.own.pem" || fail "$k: its reference is printed with our own label"
done

# ---- every type of key ----
for k in $key_types; do
	check "$k: all ways of signing give signatures that anyone can verify" host sign "$(uri $k)"
	check "$k: from a PEM reference as well"                          host sign "$work/$k.pem"
	check "$k: from one with our own label as well"                   host sign "$work/$k.own.pem"
	check "$k: a copy signs, also after the original is gone"         host dup "$(uri $k)"
	check "$k: equal to its public half only, both ways round"        host eq "$(uri $k)" "$(uri $k-other)"
	check "$k: goes with its own certificate only"                    host certificate "$work/$k.pem" "$(uri $k-other)"
	check "$k: public parameters are just those of a software key"    host parameters "$(uri $k)"
	check "$k: the private half cannot be exported, the public can"   host export "$(uri $k)"
	check "$k: children and parent sign with one loaded key"          host fork "$(uri $k)"
	check "$k: threads sign with one key"                             host threads "$(uri $k)"
	check "$k: two library contexts, one ends first"                  host contexts "$(uri $k)"
	check "$k: not found by who looks for a public key"               host pem_public "$work/$k.pem"
	check "$k: not found with our own label either"                   host pem_public "$work/$k.own.pem"
done
for k in rsa p256 p384 p521 ed25519 ed448; do
	check "$k: TLS 1.3 and 1.2, server and client" host tls "$(uri $k)"
done
for k in rsa p256 p521; do
	check "$k: signs with any digest"                host digests "$(uri $k)"
	check "$k: a context copied half-way goes on"    host mid_hash "$(uri $k)"
done
check "rsa: a PSS salt is as long as was asked for"       host pss "$(uri rsa)"
check "rsa: OAEP with every hash, MGF1 hash and label"    host decrypt "$(uri rsa)"

# ---- one round trip a signature ----
for k in rsa p256 ed25519; do
	before=$(signatures_of $k)
	check "$k: 20 signatures, and initialisations that are none" host rounds "$work/$k.pem"
	same "$k: 20 signatures are 20 calls" 20 $(($(signatures_of $k) - before))
done

# ---- PKCS#1 v1.5 decryption is for keys that allow it ----
check "rsa: a key that allows RSA1_5" strongroom key create web/old --kty RSA --size 2048 --timeout 60000 --allow-rsa1_5
check "rsa: TLS 1.2 with the old key exchange"                host tls_rsa "$(uri old)"
refuse "rsa: not with a key that does not allow RSA1_5"       host tls_rsa "$(uri rsa)"

# ---- keys of others ----
openssl genpkey -quiet -algorithm RSA -out "$work/soft-rsa.pem" 2> /dev/null ||
	openssl genpkey -algorithm RSA -out "$work/soft-rsa.pem" 2> /dev/null
openssl ecparam -name P-256 -genkey -noout -out "$work/soft-ec.pem"
openssl genpkey -algorithm ED25519 -out "$work/soft-ed.pem"
check "rsa: algorithm identifiers are the default provider's"     host identifier "$(uri rsa)" "$work/soft-rsa.pem"
check "p256: algorithm identifiers are the default provider's"    host identifier "$(uri p256)" "$work/soft-ec.pem"
check "ed25519: algorithm identifiers are the default provider's" host identifier "$(uri ed25519)" "$work/soft-ed.pem"
check "keys that are not Strongroom's stay the default provider's" \
	host software "$work/soft-rsa.pem" "$work/soft-ec.pem" "$work/soft-ed.pem"
check "even where the program prefers ours" with_provider openssl dgst -sha256 -sign "$work/soft-ec.pem" \
	-propquery '?provider=strongroom' -out "$work/sig" "$work/p256.pem"

# ---- PEM files with more in them ----
for k in rsa p256 ed25519; do
	with_provider openssl req -x509 -new -key "$(uri $k)" -subj /CN=localhost -out "$work/$k.crt" 2> "$work/err" ||
		fail "$k: a certificate" "$work/err"
	for form in pem own.pem; do
		ref=$work/$k.$form crt=$work/$k.crt file=$work/combined.pem
		cat "$ref" "$crt" "$crt" > "$file"
		check "$k.$form: key, then chain"           host pem "$file" 1 2
		cat "$crt" "$crt" "$ref" > "$file"
		check "$k.$form: chain, then key"           host pem "$file" 1 2
		cat "$ref" "$ref" > "$file"
		check "$k.$form: the key twice"             host pem "$file" 2 0
		sed 's/$/\r/' "$ref" "$crt" > "$file"
		check "$k.$form: lines that end in CR LF"   host pem "$file" 1 1
		{ echo "some text"; echo; echo "----- not BEGIN"; cat "$ref"; echo "more"; } > "$file"
		check "$k.$form: with text around it"       host pem "$file" 1 0
		{ printf -- '-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n'; cat "$ref"; } > "$file"
		check "$k.$form: behind a block of another kind" host pem "$file" 1 0
		{ head -c 3000000 /dev/zero | base64; cat "$ref"; } > "$file"
		check "$k.$form: behind megabytes of text"  host pem "$file" 1 0
		{ head -c 3000000 /dev/zero | base64 -w 0; echo; cat "$ref"; } > "$file"
		check "$k.$form: behind one long line"      host pem "$file" 1 0
		head -n -3 "$ref" > "$file"
		check "$k.$form: cut off, there is no key"  host pem "$file" 0 0
	done
done
# libcrypto goes on from where the last decoder stopped, and which that is depends on its version
cat "$work/rsa.crt" "$work/p256.pem" > "$file"
check "the PEM decoder stops behind a certificate" host pem_position "$file" "$(stat -c %s "$work/rsa.crt")"
{ echo "text"; cat "$work/soft-ec.pem" "$work/p256.pem"; } > "$file"
check "and behind somebody else's key" host pem_position "$file" $(($(stat -c %s "$work/soft-ec.pem") + 5))
cat "$work/p256.own.pem" "$work/rsa.crt" > "$file"
check "and behind its own"             host pem_position "$file" "$(stat -c %s "$work/p256.own.pem")"
: > "$file"
check "an empty file has no key" host pem "$file" 0 0
head -c 3000000 /dev/urandom > "$file"
check "a file of noise has no key" host pem "$file" 0 0

# ---- a reference that is damaged ----
# with_other_uri FILE: the reference with something that is no URI in its place
with_other_uri() {
	"$PYTHON" - "$1" <<-'end'
		import base64, re, sys
		pem = open(sys.argv[1]).read()
		body = re.search(r'-----\n([^-]*)-----END', pem).group(1)
		der = base64.b64decode(body)
		assert der.count(b'strongroom://') == 1
		print(pem.replace(body, base64.encodebytes(der.replace(b'strongroom://', b'strongroom:/x')).decode()), end='')
	end
}
for form in pem own.pem; do
	with_other_uri "$work/p256.$form" > "$file"
	refuse "p256.$form: a damaged reference is not loaded" with_provider openssl pkey -in "$file" -noout
	check  "p256.$form: and it says so"                    host pem_error "$file" damaged
done
sed '/^-----BEGIN/a not Base64' "$work/p256.own.pem" > "$file"
refuse "nor one with something else in it" with_provider openssl pkey -in "$file" -noout
check  "and it says so"                    host pem_error "$file" damaged
for k in rsa p256 ed25519; do
	with_provider openssl pkey -in "$work/$k.pem" -outform DER -out "$work/$k.der"
	check "$k: a reference with any bit wrong, or cut off, does no harm" host damaged "$work/$k.der"
done

# ---- bound to a version ----
check "a new version is made" strongroom key create web/p256 --kty EC --curve P-256
check "a reference stays on its version, the URI is now of the new one" host certificate "$work/p256.pem" "$(uri p256)"

# ---- names and settings ----
with_conf() {
	local SR_CONF=$1
	shift
	with_provider "$@"
}
named() {
	sed "s/^strongroom = /$1 = /" "$SR_CONF" > "$work/named.cnf"
	with_conf "$work/named.cnf" openssl list -providers
}
with_setting() {
	local setting=$1
	shift
	sed "/^\[strongroom_sect\]/a $setting" "$SR_CONF" > "$work/setting.cnf"
	with_conf "$work/setting.cnf" "$BUILD/tests/provider/provider_host" "$@"
}
check "a provider by another name that sorts behind is loaded" named vault
says  "and is there"                             'Strongroom Provider'
run_quietly named a-strongroom
silent_on "one that sorts before default is not" 'Strongroom Provider'
cp "$BUILD/provider/strongroom.so" "$work/a-strongroom.so"
refuse "nor when a program asks for it" with_provider openssl list -providers -provider-path "$work" -provider a-strongroom
says   "and it says why"                "sorts before 'default'"
(
	unset STRONGROOM_SOCKET
	with_setting "socket = $work/run/strongroom.sock" sign "$work/p256.pem"
) && pass "socket = is where it connects to" || fail "socket = is where it connects to"
for setting in "timeout = 5s" "timeout = 0" "timeout = -1" "timeout = 99999999999999999999" "daemon_uid = root" \
	"daemon_uid = 4294967295"; do
	check "'$setting' is said to be wrong when a key is used" with_setting "$setting" error "$work/p256.pem" "${setting%% =*}"
done
check "and does not touch other keys" with_setting "timeout = 5s" software "$work/soft-ec.pem"
refuse "a URI that is none is refused" with_provider openssl pkey -noout -in "strongroom://web/keys"
says   "with what a URI is"            'strongroom://VAULT'
refuse "a URI of another kind is refused" with_provider openssl pkey -noout -in "strongroom://web/secrets/x"
says   "and says so"                      'only keys can be loaded'

# ---- refused ----
if is_root && id www-data > /dev/null 2>&1; then
	check "without a grant, signing says who, what and which right" \
		as_user www-data env OPENSSL_CONF="$SR_CONF" "$BUILD/tests/provider/provider_host" error "$work/p256.pem" "keys/sign"
	says "who"  "uid $(id -u www-data)"
	says "what" 'web/(keys/)?p256'
else
	skip "without a grant, signing says who, what and which right: not root"
fi

# ---- without the daemon ----
stop_daemon
for k in $key_types; do
	check "$k: loads while the daemon is down" host load_only "$work/$k.pem"
done
check "signing then says where the daemon is not" host error "$work/p256.pem" "$STRONGROOM_SOCKET"
refuse "a URI cannot be loaded then" with_provider openssl pkey -noout -in "$(uri p256)"
says   "and says where the daemon is not" "$STRONGROOM_SOCKET"
check "keys of others work" host software "$work/soft-rsa.pem" "$work/soft-ec.pem"
start_daemon
check "a daemon that is back is used" host sign "$work/p256.pem"
stop_daemon

# ---- a daemon that is somebody else's ----
# (a daemon with sanitizers needs more locked memory than nobody may have)
if is_root && [ -z "${PRELOAD:-}" ]; then
	DATA=$work/data-of-nobody DAEMON_USER=nobody launch_daemon
	until_ok 20 test -S "$STRONGROOM_SOCKET"
	check "a daemon of another user is not trusted" host error "$work/p256.pem" "nor daemon_uid"
	check "unless daemon_uid names that"            with_setting "daemon_uid = $(id -u nobody)" error "$work/p256.pem" "web"
else
	skip "a daemon of another user is not trusted: not root, or with sanitizers"
fi
finish
