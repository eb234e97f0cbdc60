# SPDX-License-Identifier: Apache-2.0
# What every test in tests/system/ starts with:
#
#     #!/usr/bin/env bash
#     . "$(dirname "$0")/../lib.sh"
#     start_daemon
#     check  "a vault can be created" strongroom vault create web
#     refuse "its name is taken"      strongroom vault create web
#     finish
#
# A test is run by hand as it stands: tests/system/test-NAME.sh.  It works in a
# directory of its own, $work, and ends what it started, however it ends.
#
#   BUILD   the build that is tested (../build)      KEEP=1  leave $work behind
#   SLOW    multiplies waits, for sanitizers (1)     V=1     show commands' output
#   PRELOAD a sanitizer's library, for programs that load the provider

set -u -o pipefail
umask 022
export LC_ALL=C.UTF-8
unset STRONGROOM_SOCKET OPENSSL_CONF OPENSSL_MODULES

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(cd "${BUILD:-$top/build}" && pwd) || exit 1
SLOW=${SLOW:-1}
PYTHON=/usr/bin/python3                 # the one that has Debian's python3-msgpack
PATH=$BUILD/cli:$BUILD/daemon:$PATH:/usr/sbin:/sbin
SR_CONF=$BUILD/openssl-strongroom.cnf   # for OPENSSL_CONF; set it only where it is meant
test_name=$(basename "$0" .sh)

# Others than the one who runs the test have to reach the socket and some files
# in it, so it is open; what must be private (DATA) is made so by the daemon.
work=$(mktemp -d "${TMPDIR:-/tmp}/strongroom-$test_name.XXXXXX") || exit 1
chmod 0755 "$work"
mkdir "$work/run" "$work/home"
export HOME=$work/home
DATA=$work/data
CONFIG=$work/strongroomd.cnf            # append to it before start_daemon
: > "$CONFIG"
export STRONGROOM_SOCKET=$work/run/strongroom.sock
DAEMON_PID=
DAEMON_LOG=$work/daemon.log

passed=0 failed=0 skipped=0 finished=
started_pids=()

cleanup() {
	local status=$? pid
	end_all TERM
	until_ok 3 all_gone || end_all KILL
	for pid in "${started_pids[@]}"; do
		wait "$pid" 2>/dev/null
	done
	if type -t on_exit >/dev/null; then
		on_exit
	fi
	if [ -n "${KEEP:-}" ]; then
		echo "left behind: $work"
	else
		rm -rf -- "$work"
	fi
	if [ -z "$finished" ]; then
		echo "FAIL - $test_name ended before its end (status $status)"
		exit 1
	fi
	exit "$status"
}
end_all() {
	local pid
	for pid in "${started_pids[@]}"; do
		kill "-$1" -- "$pid" 2>/dev/null
	done
}

all_gone() {
	local pid
	for pid in "${started_pids[@]}"; do
		gone "$pid" || return 1
	done
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- verdicts ----

pass() {
	passed=$((passed + 1))
	echo "ok   - $1"
}

# fail WHAT [FILE...]: the files are shown
fail() {
	local what=$1 file
	shift
	failed=$((failed + 1))
	echo "FAIL - $what"
	for file in "$@"; do
		if [ -s "$file" ]; then
			sed 's/^/       | /' "$file" | tail -n 25
		fi
	done
}

# run_quietly CMD...: its output goes to $work/out and $work/err
run_quietly() {
	"$@" > "$work/out" 2> "$work/err" < "${STDIN:-/dev/null}"
	local status=$?
	if [ -n "${V:-}" ]; then
		echo "       \$ $* (status $status)"
		cat "$work/out" "$work/err"
	fi
	return "$status"
}

# check WHAT CMD...: CMD must succeed.  STDIN=file gives it an input.
check() {
	local what=$1 status
	shift
	if run_quietly "$@"; then
		pass "$what"
		return 0
	else
		status=$?
	fi
	fail "$what" "$work/out" "$work/err"
	echo "       | status $status of: $*"
	return 1
}

# refuse WHAT CMD...: CMD must fail, of its own will and not by a signal.
refuse() {
	local what=$1 status
	shift
	run_quietly "$@"
	status=$?
	if [ "$status" -ne 0 ] && [ "$status" -lt 124 ]; then
		pass "$what"
		return 0
	fi
	fail "$what" "$work/out" "$work/err"
	echo "       | status $status of: $*"
	return 1
}

# refuse_with STATUS WHAT CMD...: CMD must end with just this status.
refuse_with() {
	local wanted=$1 what=$2 status
	shift 2
	run_quietly "$@"
	status=$?
	if [ "$status" -eq "$wanted" ]; then
		pass "$what"
		return 0
	fi
	fail "$what" "$work/out" "$work/err"
	echo "       | status $status instead of $wanted of: $*"
	return 1
}

# says WHAT REGEX: the command of the last verdict wrote a line that matches.
says() {
	if grep -qE -e "$2" "$work/out" "$work/err"; then
		pass "$1"
		return 0
	fi
	fail "$1" "$work/out" "$work/err"
	echo "       | nothing matches: $2"
	return 1
}

# silent_on WHAT REGEX: it wrote none.
silent_on() {
	if ! grep -qE -e "$2" "$work/out" "$work/err"; then
		pass "$1"
		return 0
	fi
	fail "$1" "$work/out" "$work/err"
	return 1
}

# same WHAT A B
same() {
	if [ "$2" = "$3" ]; then
		pass "$1"
		return 0
	fi
	fail "$1"
	echo "       | '$2' is not '$3'"
	return 1
}

skip() {
	skipped=$((skipped + 1))
	echo "skip - $1"
}

# The whole test cannot be run here; why.
skip_all() {
	skip "$1"
	finish
}

finish() {
	finished=1
	if [ "$failed" -ne 0 ] && [ -s "$DAEMON_LOG" ]; then
		echo "       the daemon's last words:"
		tail -n 15 "$DAEMON_LOG" | sed 's/^/       | /'
	fi
	echo "$test_name: $passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

# ---- time ----

# until_ok SECONDS CMD...: tries until it succeeds.
until_ok() {
	local end=$((SECONDS + $1 * SLOW))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

now_ms() {
	date +%s%3N
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# ---- processes ----

# background CMD...: started, and ended with the test; its pid is in $!.  CMD is a program,
# since of a function it would be the pid of a shell.
background() {
	"$@" &
	started_pids+=("$!")
}

# start_daemon [ARGS...]: strongroomd on $DATA (kept from one start to the next; set
# DATA for another one), with $CONFIG and $STRONGROOM_SOCKET; returns when it answers.
start_daemon() {
	launch_daemon "$@"
	if until_ok 20 answers_or_gone && strongroom status > /dev/null 2>&1; then
		return 0
	fi
	echo "FAIL - strongroomd does not start: $*"
	tail -n 15 "$DAEMON_LOG" | sed 's/^/       | /'
	exit 1
}

# The same, without waiting for anything.  DAEMON_USER starts it as that user, who
# then owns the directories it needs.
launch_daemon() {
	local prefix=(env)
	if [ -n "${DAEMON_USER:-}" ]; then
		stage_build "$DAEMON_USER"
		chown -R "$DAEMON_USER" "$work/run"
		[ -e "$DATA" ] || install -d -m 0700 -o "$DAEMON_USER" "$DATA"
		# under a sanitizer the stacks of more threads are larger than a user may lock
		[ -z "${PRELOAD:-}" ] || grep -q '^workers' "$CONFIG" ||
			printf 'workers = 1\npool_threads = 1\nlocked_memory = 4505600\n' >> "$CONFIG"
		prefix=(setpriv --reuid "$DAEMON_USER" --regid "$(id -g "$DAEMON_USER")" --init-groups --)
	fi
	"${prefix[@]}" strongroomd --data "$DATA" --socket "$STRONGROOM_SOCKET" --config "$CONFIG" "$@" \
		>> "$DAEMON_LOG" 2>&1 < /dev/null &
	DAEMON_PID=$!
	started_pids+=("$DAEMON_PID")
}

# Does it answer, be it with bad news (status 1)?  5: it cannot be reached.
answers_or_gone() {
	strongroom status
	[ $? -ne 5 ] || gone "$DAEMON_PID"
}

# stop_daemon: SIGTERM; a clean end is part of what is tested.
stop_daemon() {
	local status
	kill -TERM "$DAEMON_PID" 2>/dev/null
	if ! until_ok 15 gone "$DAEMON_PID"; then
		fail "strongroomd ends on SIGTERM" "$DAEMON_LOG"
		kill -ABRT "$DAEMON_PID"
		wait "$DAEMON_PID" 2>/dev/null
		DAEMON_PID=
		return 1
	fi
	wait "$DAEMON_PID"
	status=$?
	DAEMON_PID=
	if [ "$status" -ne 0 ]; then
		fail "strongroomd ends on SIGTERM with status 0, not $status" "$DAEMON_LOG"
		return 1
	fi
}

# kill_daemon: as a crash would end it.
kill_daemon() {
	kill -KILL "$DAEMON_PID"
	wait "$DAEMON_PID" 2>/dev/null
	DAEMON_PID=
}

# ---- users ----

is_root() {
	[ "$(id -u)" -eq 0 ]
}

need_root() {
	is_root || skip_all "$test_name needs root"
}

# as_user NAME CMD...: with that user's ids and groups, and our environment.  Where the
# checkout cannot be reached by others, they are given a copy of the build.
as_user() {
	local user=$1
	shift
	stage_build "$user"
	setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
}

staged=
stage_build() {
	[ -z "$staged" ] || return 0
	staged=1
	setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups -- test -x "$BUILD/cli/strongroom" && return 0
	mkdir -p "$work/build/cli" "$work/build/provider" "$work/build/daemon"
	cp "$BUILD/cli/strongroom" "$work/build/cli/"
	cp "$BUILD/daemon/strongroomd" "$work/build/daemon/"
	cp "$BUILD/provider/strongroom.so" "$work/build/provider/"
	sed "s|$BUILD|$work/build|g" "$BUILD/openssl-strongroom.cnf" > "$work/build/openssl-strongroom.cnf"
	PATH=$work/build/cli:$work/build/daemon:$PATH
	SR_CONF=$work/build/openssl-strongroom.cnf
}

# ---- keys and certificates ----

# with_provider CMD...: CMD with OpenSSL's configuration that loads strongroom.so.  Under
# a sanitizer its library comes first; what Debian's program itself leaks is no matter.
with_provider() {
	OPENSSL_CONF=$SR_CONF LD_PRELOAD=${PRELOAD:-} \
		ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0:verify_asan_link_order=0 "$@"
}
