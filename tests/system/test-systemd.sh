#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a systemd unit needs: sockets handed over, readiness told.  systemd itself is
# played by tests/tools/like_systemd.py, so that it runs in a container too.
. "$(dirname "$0")/../lib.sh"

like_systemd() {
	background "$PYTHON" "$top/tests/tools/like_systemd.py" "$@" -- \
		strongroomd --data "$DATA" --config "$CONFIG" > "$work/notified" 2>> "$DAEMON_LOG"
	DAEMON_PID=$!
}

notified() {
	grep -q "$1" "$work/notified"
}

like_systemd --listen "$STRONGROOM_SOCKET"
check "the daemon serves a socket that it was handed" until_ok 20 strongroom status
check "it tells that it is ready" until_ok 5 notified '^READY=1'
check "it tells its status in words" until_ok 5 notified '^STATUS=.'
check "vaults can be created over it" strongroom vault create web
inode=$(stat -c %i "$STRONGROOM_SOCKET")
kill -TERM "$DAEMON_PID"
check "it tells that it is stopping" until_ok 15 notified '^STOPPING=1'
check "it ends" until_ok 15 gone "$DAEMON_PID"
same "and leaves the socket, which is systemd's" "$(stat -c %i "$STRONGROOM_SOCKET" 2>&1)" "$inode"

# A client that comes first waits for the daemon, as in a boot.
rm -f "$STRONGROOM_SOCKET"
like_systemd --listen "$STRONGROOM_SOCKET" --on-demand
until_ok 5 test -S "$STRONGROOM_SOCKET"
check "a client that comes before the daemon is served by it" strongroom vault list
says "and sees what was there" web
kill -TERM "$DAEMON_PID"
until_ok 15 gone "$DAEMON_PID"

# Several sockets, one of them abstract, which reaches into chroots.
rm -f "$STRONGROOM_SOCKET"
abstract=@strongroom-test-$$
like_systemd --listen "$STRONGROOM_SOCKET" --listen "$abstract"
check "a path among several sockets is served" until_ok 20 strongroom status
check "so is an abstract one" strongroom --socket "$abstract" status
kill -TERM "$DAEMON_PID"
until_ok 15 gone "$DAEMON_PID"

if command -v systemd-socket-activate > /dev/null; then
	rm -f "$STRONGROOM_SOCKET"
	background systemd-socket-activate -l "$STRONGROOM_SOCKET" \
		strongroomd --data "$DATA" --config "$CONFIG" >> "$DAEMON_LOG" 2>&1
	DAEMON_PID=$!
	until_ok 5 test -S "$STRONGROOM_SOCKET"
	check "systemd-socket-activate starts it as well" strongroom vault show web
	kill -TERM "$DAEMON_PID"
	until_ok 15 gone "$DAEMON_PID"
else
	skip "systemd-socket-activate is not installed"
fi

# Descriptors that are not meant for it must not be taken for sockets.
rm -f "$STRONGROOM_SOCKET"
LISTEN_PID=1 LISTEN_FDS=3 start_daemon
check "sockets that were handed to another process are not used" strongroom status
stop_daemon
finish
