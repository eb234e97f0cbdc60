#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Strongroom's main job, end to end, on a fresh Debian 12 or 13: nginx serves TLS
# with a private key that only strongroomd holds.
#
# Installs what is missing, builds into build/, then runs the commands that you
# would type, showing each one.  All of it happens in a temporary directory and is
# gone afterwards; nothing of the system's own nginx is touched.
#
#   PORT=N   where nginx listens on 127.0.0.1 (the first free one from 8443 on)
#   KEEP=1   leave the directory behind
set -eu -o pipefail
cd "$(dirname "$0")/.."
umask 022

bold='' grey='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' grey=$'\e[2m' plain=$'\e[0m'
fi

say() {
	printf '\n%s# %s%s\n' "$grey" "$*" "$plain"
}

# Shows a command as one would type it, and runs it.
run() {
	local word line=
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./:=,@%+-]*) line="$line '$word'" ;;
		*)                        line="$line $word" ;;
		esac
	done
	printf '%s$%s%s\n' "$bold" "$line" "$plain"
	"$@"
}

# The same for one that writes to a file: run_to FILE CMD...
run_to() {
	local file=$1
	shift
	printf '%s$ %s > %s%s\n' "$bold" "$*" "$file" "$plain"
	"$@" > "$file" 2> "$work/err" || { tail -n 40 "$file" "$work/err"; return 1; }
}

pids=()
work=
cleanup() {
	local status=$? pid
	if [ "$status" -ne 0 ] && [ -n "$work" ]; then
		tail -n 20 "$work/daemon.log" "$work/error.log" 2> /dev/null || true
		echo "the quickstart failed (status $status)" >&2
	fi
	for pid in "${pids[@]}"; do
		kill "$pid" 2> /dev/null || true
		wait "$pid" 2> /dev/null || true
	done
	if [ -n "${KEEP:-}" ]; then
		echo "left behind: $work"
	elif [ -n "$work" ]; then
		rm -rf "$work"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until_ok WHAT CMD...: it takes a moment
until_ok() {
	local what=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		"$@" > /dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "$what does not come up" >&2
	return 1
}

# The first port from $1 on that nothing answers on.
free_port() {
	local port=$1
	while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
		port=$((port + 1))
	done
	echo "$port"
}

say "What is needed, and the build"
work=$(mktemp -d)
chmod 0755 "$work"
packaging/need.sh build nginx
mkdir -p build
run_to build/configure.log cmake -S . -B build -DSR_TESTS=OFF
run_to build/build.log cmake --build build -j "$(nproc)"

build=$PWD/build
port=${PORT:-$(free_port 8443)}
nginx_conf=$PWD/examples/nginx/nginx.conf
export PATH=$build/daemon:$build/cli:$PATH:/usr/sbin
unset OPENSSL_CONF
cd "$work"
mkdir run tmp
export STRONGROOM_SOCKET=$work/run/strongroom.sock
me=$(id -un)
worker=$me
if [ "$me" = root ]; then
	worker=www-data
fi

say "The daemon: it alone has the keys, sealed in its data directory"
printf '%s$ strongroomd --data %s --socket %s &%s\n' "$bold" "$work/data" "$STRONGROOM_SOCKET" "$plain"
strongroomd --data "$work/data" --socket "$STRONGROOM_SOCKET" > daemon.log 2>&1 &
pids+=("$!")
until_ok strongroomd strongroom status
run strongroom status

say "A vault, and in it a key that was never outside the daemon"
run strongroom vault create web
run strongroom key create web/tls --kty EC --curve P-256

say "Any OpenSSL program can name it, once the provider is configured"
run export OPENSSL_CONF="$build/openssl-strongroom.cnf"
run openssl req -x509 -new -key strongroom://web/keys/tls -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -days 30 -out site.crt

say "For programs that want a key file: a reference, not a key"
run_to site.key strongroom key pem web/tls
run cat site.key

if [ "$worker" = www-data ]; then
	say "nginx's workers run as www-data, and the kernel says so: grant them the key"
	run strongroom grant add --to user:www-data --role "Crypto User" --on web/tls
	{ echo "user www-data;"; cat "$nginx_conf"; } > nginx.conf
else
	say "nginx's workers run as you, who created the vault (as root they would be www-data's, and get a grant)"
	run strongroom grant add --to "user:$me" --role "Crypto User" --on web/tls
	cp "$nginx_conf" nginx.conf
fi
sed -i "s/127.0.0.1:8443/127.0.0.1:$port/" nginx.conf

say "nginx, as Debian ships it"
run nginx -t -q -p "$work" -c nginx.conf -e error.log
printf '%s$ nginx -p %s -c nginx.conf &%s\n' "$bold" "$work" "$plain"
nginx -p "$work" -c nginx.conf -e error.log &
pids+=("$!")
until_ok nginx curl -s --cacert site.crt "https://localhost:$port/"
run curl -sS --cacert site.crt --tls-max 1.2 "https://localhost:$port/"
run curl -sS --cacert site.crt --tlsv1.3 "https://localhost:$port/"

say "Every use of the key is in the audit log, under signed checkpoints"
run strongroom audit tail
run strongroom audit verify

say "Done.  The same on a real host: README.md, under 'Common tasks'"
