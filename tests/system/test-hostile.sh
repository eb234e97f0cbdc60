#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients that mean harm: nothing crashes, memory and log stay bounded, others are
# served.  What they do is in tests/tools/hostile.py.
. "$(dirname "$0")/../lib.sh"
need_root       # to look at the descriptors of a process that is not dumpable
# other users run them too, who may not enter a checkout in somebody's home
tools=$work/tools
cp -r "$top/tests/tools" "$tools"

hostile() {
	PYTHONPATH=$tools timeout $((120 * SLOW)) "$PYTHON" "$tools/hostile.py" "$@"
}
hostile_as() {
	local user=$1
	shift
	PYTHONPATH=$tools as_user "$user" "$PYTHON" "$tools/hostile.py" "$@"
}

printf 'request_timeout = 1\nwrite_timeout = 1\n' > "$CONFIG"
start_daemon
first=$DAEMON_PID
check "a vault is created" strongroom vault create web
check "a key is created" strongroom key create web/tls --kty EC --curve P-256

# ---- frames ----
same "a request that breaks off is dropped" "$(hostile truncated)" closed
same "a request whose value breaks off is refused" "$(hostile truncated_inside)" refused
same "a length of 4 GiB is refused" "$(hostile oversized)" "TooLarge closed"
same "so is one of nothing" "$(hostile empty)" "TooLarge closed"
same "deep nesting is refused" "$(hostile nested)" "BadMessage closed"
same "bytes that claim 2^28 elements are refused without taking memory" "$(hostile claims "$DAEMON_PID")" refused
same "unknown, duplicated and wrong fields are refused" "$(hostile fields)" refused
same "noise does not disturb it" "$(hostile noise "$DAEMON_PID")" served
same "many requests at once are answered in order" "$(hostile pipelined)" "in order"

# ---- time ----
same "half a request and silence is closed" "$(hostile silence)" closed
same "so is one that comes byte by byte" "$(hostile dribble)" closed
same "silence between requests is not" "$(hostile idle)" open
same "who never reads answers is closed, and takes little" "$(hostile never_reads "$DAEMON_PID")" closed

# ---- numbers ----
same "descriptors that are sent along are not kept" "$(hostile descriptors_sent "$DAEMON_PID")" closed
same "one user's slow calls leave room for others" "$(hostile slow_calls)" throttled
connections=$(hostile many "$DAEMON_PID")
case $connections in
skip*) skip "10,000 connections: $connections" ;;
*) same "of 10,000 idle connections of one user as many as may be are kept" "$connections" "1024 kept, little memory" ;;
esac
if is_root; then
	same "without descriptors clients are told so, and it recovers" "$(hostile no_descriptors "$DAEMON_PID")" "told, recovers"
	PYTHONPATH=$tools background setpriv --reuid nobody --clear-groups -- "$PYTHON" "$tools/hostile.py" hold > "$work/hold"
	until_ok 20 grep -q holding "$work/hold"
	check "a user who has all connections he may have keeps nobody else out" strongroom key list web
	refuse "but himself" as_user nobody strongroom status
	says "and is told why" connections_per_uid
	kill "${started_pids[-1]}"
	PYTHONPATH=$tools background "$PYTHON" "$tools/hostile.py" crowd > "$work/crowd"
	until_ok 60 eval 'test "$(grep -c holding "$work/crowd")" = 10'
	refuse "many users without a right do not get all connections" as_user nobody strongroom status
	says "and are told why" connections_max
	check "so that one who has a right is served" strongroom grant add --to user:nobody --role Reader --on web
	check "whoever that is" as_user nobody strongroom key list web
	check "until it is taken back" strongroom grant remove --to user:nobody --on web
	kill "${started_pids[-1]}"

	check "a large key is created" strongroom key create web/large --kty RSA --size 4096 --timeout 60000
	check "and may be used by nobody" strongroom grant add --to user:nobody --role "Crypto User" --on web/large
	PYTHONPATH=$tools background setpriv --reuid nobody --clear-groups -- "$PYTHON" "$tools/hostile.py" flood > "$work/flood"
	until_ok 20 grep -q flooding "$work/flood"
	sleep 1
	same "one user's flood of signatures does not hold up another" "$(hostile among_others)" served
	kill "${started_pids[-1]}"

	before=$(du -sk --apparent-size "$DATA/audit" | cut -f1)
	same "20,000 refused calls are refused" "$(hostile_as nobody refusals)" refused
	after=$(du -sk --apparent-size "$DATA/audit" | cut -f1)
	check "and do not fill the audit log" test $((after - before)) -lt 512
	check "which verifies" strongroom audit verify
fi

same "the daemon is the one that was started" "$DAEMON_PID" "$first"
check "and works" strongroom key show web/tls
stop_daemon

# ---- 10,000 at once, where they are allowed ----
printf 'connections_per_uid = 20000\nconnections_max = 20000\n' > "$CONFIG"
start_daemon
connections=$(hostile many "$DAEMON_PID")
case $connections in
skip*) skip "10,000 connections: $connections" ;;
*)
	check "where it is allowed, thousands of idle connections are kept" test "${connections%% *}" -gt 9000
	same "and take about a KiB each" "${connections#* kept, }" "little memory"
	;;
esac
stop_daemon
finish
