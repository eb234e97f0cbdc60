#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The private key is nowhere but in strongroomd's locked memory: known keys are
# imported and used for TLS, and then looked for in every byte of nginx, of the
# daemon, and of the data directory.
. "$(dirname "$0")/../lib.sh"
need_root
. "$top/tests/nginx.sh"

find_key() {
	"$PYTHON" "$top/tests/tools/find_key.py" --key "$work/rsa.pem" "$work/ec.pem" "$work/ed.pem" "$@"
}

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/rsa.pem"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.pem"
openssl genpkey -quiet -algorithm ED25519 -out "$work/ed.pem"
for name in rsa ec ed; do
	openssl req -x509 -new -key "$work/$name.pem" -subj /CN=localhost -out "$work/$name.crt"
done

# ---- can it be found at all? ----
# As an ordinary server holds them: if nothing were found here, nothing found
# below would mean nothing.
for name in rsa ec ed; do
	port=$(free_port)
	nginx_server "$port" "$work/$name.crt" "$work/$name.pem"
done
WORKERS=1 nginx_start
refuse "an nginx with key files does hold the keys" find_key --process "$NGINX_PID"
for name in rsa ec ed; do
	says "the $name key was found in it" "$name.pem: "
done
nginx_stop
rm "$NGINX"/servers/*
mkdir "$work/plain"
cp "$work/rsa.pem" "$work/plain/"
refuse "a file with a key is found" find_key --files "$work/plain"

# ---- imported, and used ----
start_daemon
check "a vault is created" strongroom vault create web
declare -A port
for name in rsa ec ed; do
	check "the $name key is imported" strongroom key import "web/$name" --in "$work/$name.pem"
	strongroom key pem "web/$name" > "$work/$name.ref"
	strongroom grant add --to user:www-data --role "Crypto User" --on "web/$name" > /dev/null
	port[$name]=$(free_port)
	nginx_server "${port[$name]}" "$work/$name.crt" "$work/$name.ref"
done
nginx_start
for name in rsa ec ed; do
	check "100 handshakes with the $name key" handshakes "${port[$name]}" --count 100
done
check "50 handshakes with the rsa key in TLS 1.2" handshakes "${port[rsa]}" --count 50 --tls 1.2

search() {
	# shellcheck disable=SC2046
	check "no private value and no factor in any nginx process, $1" find_key --process "$NGINX_PID" $(nginx_workers)
	check "none outside locked memory in the daemon, $1" find_key --daemon "$DAEMON_PID"
	says "but in locked memory there are some" ' [1-9][0-9]* places in locked memory'
	check "none in the data directory, $1" find_key --files "$DATA"
}
search "after handshakes"

# ---- from every way in and out ----
openssl pkcs8 -topk8 -in "$work/rsa.pem" -passout pass:tree -out "$work/rsa.enc"
check "an encrypted file of the same key is imported" env STRONGROOM_PASSPHRASE=tree \
	strongroom key import web/rsa2 --in "$work/rsa.enc" --passphrase-file <(echo tree)
openssl rsa -in "$work/rsa.pem" -traditional -out "$work/rsa.trad" 2> /dev/null
check "the traditional form is imported" strongroom key import web/rsa3 --in "$work/rsa.trad"
echo text > "$work/text"
openssl pkeyutl -encrypt -inkey "$work/rsa.pem" -pkeyopt rsa_padding_mode:oaep -in "$work/text" -out "$work/cipher" 2> /dev/null
check "the provider decrypts with it" with_provider openssl pkeyutl -decrypt -inkey strongroom://web/keys/rsa \
	-pkeyopt rsa_padding_mode:oaep -in "$work/cipher"
says "rightly" '^text$'
refuse "a damaged key is refused" strongroom key import web/bad --in <(sed '5d' "$work/rsa.pem")
old=$(nginx_workers)
nginx_run -s reload
check "the workers of before the reload end" until_ok 20 nginx_workers_gone $old
check "handshakes after a reload" until_ok 5 handshakes "${port[rsa]}" --count 20
search "after imports, decryption and a reload"

stop_daemon
start_daemon
check "handshakes after a restart" handshakes "${port[ec]}" --count 20
search "after a restart"
check "the log that the daemon wrote has nothing" find_key --files "$work/run"
mkdir "$work/logs"
cp "$DAEMON_LOG" "$NGINX_LOG" "$work/logs/"
check "nor do the logs" find_key --files "$work/logs"
check "strongroomd makes no core dump" grep -Eq '^Max core file size +0 +0 ' "/proc/$DAEMON_PID/limits"
stop_daemon
finish
