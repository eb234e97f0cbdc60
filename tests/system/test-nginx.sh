#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's nginx with keys that only strongroomd holds: handshakes, reloads, a
# daemon that is killed under load, and a worker without the grant.
. "$(dirname "$0")/../lib.sh"
need_root
. "$top/tests/nginx.sh"

timeout_s=2
sed "/^\[strongroom[^]]*\]/a timeout = ${timeout_s}000" "$SR_CONF" > "$work/openssl.cnf"
SR_CONF=$work/openssl.cnf
grep -q "^timeout = ${timeout_s}000" "$SR_CONF" || fail "the provider's section is found in openssl-strongroom.cnf"

# site NAME CREATE-ARGUMENTS...: a key with its certificate and reference
site() {
	local name=$1
	shift
	check "$name: a key is created" strongroom key create "web/$name" "$@"
	check "$name: openssl req makes its certificate" with_provider openssl req -x509 -new \
		-key "strongroom://web/keys/$name" -subj /CN=localhost -addext subjectAltName=DNS:localhost -out "$work/$name.crt"
	check "$name: its PEM reference is printed" strongroom key pem "web/$name"
	cp "$work/out" "$work/$name.key"
	port[$name]=$(free_port)
	nginx_server "${port[$name]}" "$work/$name.crt" "$work/$name.key"
}

# many NAME TLS COUNT
many() {
	check "$1: $3 full handshakes with TLS $2, none failed" \
		handshakes "${port[$1]}" --count "$3" --tls "$2" --ca "$work/$1.crt"
}

served() {
	handshakes "${port[ec]}" --count 1 --threads 1 --ca "$work/ec.crt"
}

declare -A port
start_daemon
check "a vault is created" strongroom vault create web
site ec --kty EC --curve P-256
site rsa --kty RSA --size 2048
site ed --kty OKP --curve Ed25519

nginx_configure
check "nginx -t accepts the references" nginx_run -t
stop_daemon
check "nginx -t accepts them with the daemon down" nginx_run -t
start_daemon

# ---- without a grant ----
nginx_start
refuse "without a grant the handshake fails" handshakes "${port[ec]}" --count 1
cp "$NGINX_LOG" "$work/out"
says "nginx's log names the uid, www-data's"        "uid[ =]*$(id -u www-data)"
says "nginx's log names the key"                    'strongroom://web/keys/ec|web/ec'
says "nginx's log names the missing permission"     'keys/sign'
strongroom audit tail -o json > "$work/tail"
grep KeySign "$work/tail" | grep Failure | tail -n 1 > "$work/out"
says "the audit log has the refusal, with the uid"  "\"uid\": *$(id -u www-data)[,}]"
says "the audit log has the key"                    'strongroom://web/keys/ec'
says "the audit log has the missing permission"     'keys/sign'
kill -HUP "$NGINX_PID"
sleep 0.3
refuse "a new worker does not get root's identity from its master either" handshakes "${port[rsa]}" --count 1

for name in ec rsa ed; do
	check "$name: www-data is granted Crypto User" strongroom grant add --to user:www-data --role "Crypto User" --on "web/$name"
done
check "the next handshake succeeds; nginx was not touched" served

# ---- many ----
many ec 1.3 1000
many ec 1.2 1000
many rsa 1.3 1000
many rsa 1.2 1000
many ed 1.3 1000
check "curl gets the page" curl -sS --cacert "$work/ec.crt" "https://localhost:${port[ec]}/"
says "and it is the page" '^it works$'

# ---- reload under load ----
# load NAME: handshakes in the background until load_ends, which leaves their count
# in $work/load.out
load() {
	rm -f "$work/stop"
	handshakes "${port[$1]}" --until "$work/stop" --threads 3 --ca "$work/$1.crt" > "$work/load.out" 2> "$work/load.err" &
	load_pid=$!
}
load_ends() {
	touch "$work/stop"
	wait "$load_pid"
}

load ec
for _ in 1 2 3 4 5; do
	sleep 0.4
	nginx_run -s reload
done
sleep 0.5
check "nginx is reloaded 5 times under load, and no handshake fails" load_ends
cp "$work/load.out" "$work/out"
says "there was a load" 'ok=[0-9]{2,}'

# ---- the daemon is killed under load ----
load rsa
sleep 0.5
kill_daemon
sleep 1
while_down=$(now_ms)
refuse "while the daemon is down a handshake fails" served
while_down=$(($(now_ms) - while_down))
check "and within the deadline ($while_down ms)" test "$while_down" -lt $(((timeout_s + 2) * 1000 * SLOW))
cp "$NGINX_LOG" "$work/out"
says "nginx's log names the daemon" 'strongroomd.*(reach|connect)|strongroomd cannot be reached'
start_daemon
check "after a restart handshakes succeed again; nginx was not touched" served
load_ends
cp "$work/load.out" "$work/out"
says "handshakes under load failed while it was down, and succeeded before or after" 'ok=[1-9][0-9]* failed=[1-9]'
many rsa 1.3 100

for round in 1 2 3 4 5; do
	kill_daemon
	start_daemon
done
check "five more kills and restarts: the first handshake after them succeeds" served

# ---- a daemon that hangs ----
kill -STOP "$DAEMON_PID"
while_down=$(now_ms)
refuse "while the daemon hangs a handshake fails" served
while_down=$(($(now_ms) - while_down))
check "and within the deadline, but not before ($while_down ms)" \
	test "$while_down" -ge $((timeout_s * 900)) -a "$while_down" -lt $(((timeout_s + 3) * 1000 * SLOW))
kill -CONT "$DAEMON_PID"
check "when it goes on, so do handshakes" until_ok 5 served

# ---- revocation ----
check "the grant is removed" strongroom grant remove --to user:www-data --role "Crypto User" --on web/ec
refuse "from then on handshakes fail" handshakes "${port[ec]}" --count 1
many rsa 1.3 10

grep -E '\[(alert|emerg|crit)\]' "$NGINX_LOG" | grep -E 'signal (6|7|11)|exited on' > "$work/crashes"
check "no nginx process crashed" test ! -s "$work/crashes"
nginx_stop
check "the audit log verifies" strongroom audit verify
stop_daemon
finish
