#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Strongroom and tests it, from a bare checkout on Debian 12 or 13, as root
# or as a user (who may sudo, if something has to be installed):
#
#     tests/run.sh             unit tests, documents, system tests
#     tests/run.sh quick       unit tests and documents
#     tests/run.sh all         also sanitizers, clang, valgrind, fuzzing, speed, the other Debian
#     tests/run.sh NAME...     tests/system/test-NAME.sh or a unit test, test_NAME
#
# Logs are kept in build/test-logs; those of what failed are printed.  The last
# line is the count.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD
umask 022
export LC_ALL=C.UTF-8
unset STRONGROOM_SOCKET OPENSSL_CONF OPENSSL_MODULES

passed=0 failed=0 skipped=0
failures=()
logs=$top/build/test-logs
jobs=$(nproc)
system_limit=600        # seconds that a system test may take

finish() {
	local name
	if [ "${#failures[@]}" -gt 0 ]; then
		echo
		echo "failed:"
		for name in "${failures[@]}"; do
			echo "    $name    $logs/$name.log"
		done
	fi
	echo
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

# step NAME SECONDS CMD...: runs it, under a deadline and with a log.  What counts
# is what its last line says ("N passed, N failed, N skipped"), else it is one.
step() {
	local name=$1 limit=$2 log=$logs/$1.log start=$SECONDS status counts
	shift 2
	timeout --kill-after=20 "$limit" "$@" > "$log" 2>&1 < /dev/null
	status=$?
	counts=$(tail -n 1 "$log" | grep -oE '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$')
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		echo "$name took longer than $limit seconds" >> "$log"
		counts=
	fi
	if [ -n "$counts" ]; then
		read -r p f s <<< "$(echo "$counts" | tr -dc '0-9 ')"
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
		[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || failed=$((failed + 1))
		grep '^skip - ' "$log" | sed "s/^skip - /skip $name: /"
	elif [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
	elif [ "$status" -eq 77 ]; then
		skipped=$((skipped + 1))
		echo "skip $name: $(tail -n 1 "$log")"
		return 0
	else
		failed=$((failed + 1))
	fi
	if [ "$status" -eq 0 ]; then
		echo "ok   $name  ($((SECONDS - start)) s)  $counts"
		return 0
	fi
	failures+=("$name")
	echo "FAIL $name  ($((SECONDS - start)) s, status $status)  $counts"
	if [ -n "$counts" ]; then
		grep -A 12 '^FAIL' "$log" | head -n 120
	else
		tail -n 60 "$log"
	fi | sed 's/^/     | /'
	return 1
}

# Without what a later step needs, there is nothing to test.
must() {
	step "$@" || finish
}

build() {
	local name=$1 dir=$2
	shift 2
	step "$name-configure" 300 cmake -S "$top" -B "$dir" "$@" &&
		step "$name-build" 1200 cmake --build "$dir" -j "$jobs"
}

# unit NAME DIR: all that ctest knows
unit() {
	step "$1" 900 env SLOW="${SLOW:-1}" bash -c '
		cd "$1" && ctest --output-on-failure --timeout 300 -j "$2" > ctest.out 2>&1
		status=$?
		grep -vE "^ +(Start|[0-9]+/[0-9]+ Test)" ctest.out
		read -r f t <<< "$(sed -nE "s/.*tests passed, ([0-9]+) tests failed out of ([0-9]+)/\1 \2/p" ctest.out)"
		[ -n "$t" ] || { cat ctest.out; exit 1; }
		[ "$f" -eq 0 ] || { grep -A 40 "FAILED\|Failed" ctest.out; }
		echo "$((t - f)) passed, $f failed"
		exit "$status"' unit "$2" "$jobs"
}

may_be_root() {
	[ "$(id -u)" -eq 0 ] || sudo -n true 2> /dev/null
}

# system LABEL DIR SCRIPT: one of tests/system, as root where it wants that and we can
system() {
	local label=$1 dir=$2 script=$3
	if [ "$(id -u)" -ne 0 ] && grep -q '^need_root' "$script" && may_be_root; then
		step "$label" "$((system_limit * ${SLOW:-1}))" sudo -n env BUILD="$dir" SLOW="${SLOW:-1}" PRELOAD="${PRELOAD:-}" bash "$script"
	else
		step "$label" "$((system_limit * ${SLOW:-1}))" env BUILD="$dir" SLOW="${SLOW:-1}" PRELOAD="${PRELOAD:-}" bash "$script"
	fi
}

dev() {
	must packages 1200 packaging/need.sh build test nginx
	must configure 300 cmake --preset dev -DSR_TESTS=ON
	must build 1200 cmake --build build -j "$jobs"
}

quick() {
	dev
	unit unit build
	step docs 120 env BUILD="$top/build" bash tests/check-docs.sh
}

usual() {
	local script name
	quick
	for script in tests/system/test-*.sh; do
		name=$(basename "$script" .sh)
		system "${name#test-}" "$top/build" "$script"
	done
}

# sanitized KIND LIBRARY SCRIPT...: the unit tests, and these system tests, with a build
# in which the daemon, the command and the provider look for mistakes.  A host program
# of Debian's that loads such a provider needs the sanitizer's library first.
sanitized() {
	local kind=$1 library=$2 name
	shift 2
	build "$kind" "build-$kind" --preset "$kind" || return
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1 \
		LSAN_OPTIONS=suppressions=$top/tests/lsan.supp:print_suppressions=0 \
		UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	unit "$kind-unit" "build-$kind"
	for name in "$@"; do
		SLOW=4 PRELOAD=$(gcc -print-file-name="$library") system "$kind-$name" "$top/build-$kind" "tests/system/test-$name.sh"
	done
	unset ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
}

more() {
	must more-packages 1200 packaging/need.sh clang valgrind
	build clang build-clang -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang
	ROUNDS=10 sanitized asan libasan.so cli provider openssl hostile identity start systemd audit crash nginx
	ROUNDS=10 sanitized tsan libtsan.so cli provider openssl hostile start audit crash nginx
	step valgrind 600 env BUILD="$top/build" bash tests/valgrind.sh
	fuzz
	build release build-release --preset release &&
		step bench 600 env BUILD="$top/build-release" bash tests/bench/run.sh smoke
	step other-debian 2400 bash tests/other-debian.sh
}

fuzz() {
	local harness name
	build fuzz build-fuzz --preset fuzz || return
	for harness in build-fuzz/tests/fuzz/fuzz_*; do
		name=$(basename "$harness")
		[ -x "$harness" ] && [ -f "$harness" ] || continue
		step "$name" 120 bash tests/fuzz/run.sh "$harness" "${FUZZ_SECONDS:-20}"
	done
}

some() {
	local name
	dev
	for name in "$@"; do
		if [ -e "tests/system/test-$name.sh" ]; then
			system "$name" "$top/build" "tests/system/test-$name.sh"
		else
			step "$name" 300 ctest --test-dir build --output-on-failure --no-tests=error -R "^test_${name#test_}\$"
		fi
	done
}

mkdir -p "$logs" || exit 1
case ${1:-} in
"")     usual ;;
quick)  quick ;;
all)    usual; more ;;
-*)     sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
*)      some "$@" ;;
esac
finish
