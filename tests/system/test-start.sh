#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts that must be refused, each with a clear reason and nothing lost, and
# starts that must be clean whatever happened before.
. "$(dirname "$0")/../lib.sh"

# try [ARGS...]: a start that is expected to end by itself; SOCKET is another socket
try() {
	timeout 30 strongroomd --data "$DATA" --socket "${SOCKET:-$STRONGROOM_SOCKET}" --config "$CONFIG" "$@"
}

mode_of() {
	stat -c %a "$1"
}

has_key() {
	strongroom key show web/tls
}

# ---- the data directory ----
start_daemon
same "a missing data directory is made, 0700" "$(mode_of "$DATA")" 700
check "a vault is created" strongroom vault create web
check "a key is created" strongroom key create web/tls --kty EC --curve P-256
check "status warns that the seal lies beside what it seals" strongroom status
says "and says so" '[Ss]eal'

# ---- twice ----
SOCKET=$work/run/other.sock refuse "a second daemon on the same directory is refused" try
says "and names the directory" "$DATA"
check "the first one goes on" has_key
refuse "a second daemon on the same socket is refused" try --data "$work/other"
says "and names the socket" "$STRONGROOM_SOCKET"
check "the first one still goes on" has_key

kill_daemon
check "the socket of a killed daemon is in nobody's way" start_daemon
check "the key is there" has_key
stop_daemon
check "a stopped daemon leaves no socket" test ! -e "$STRONGROOM_SOCKET"

# ---- permissions ----
chmod 0750 "$DATA"
refuse "a data directory that others can enter is refused" try
says "and named" "$DATA"
chmod 0700 "$DATA"
mkdir -m 0755 "$work/empty"
keep=$DATA
DATA=$work/empty
start_daemon
same "an empty one of our own is made 0700" "$(mode_of "$DATA")" 700
stop_daemon
DATA=$keep

# ---- the seal ----
seal=$DATA/seal.key
check "the seal is a file" test -f "$seal"
same "that nobody else reads" "$(mode_of "$seal")" 600
cp -p "$seal" "$work/seal.kept"
with_seal_refused() {
	refuse "$1 is refused" try
	says "and the message names the seal" '[Ss]eal'
	rm -f "$seal"
	cp -p "$work/seal.kept" "$seal"
}
chmod 0644 "$seal"
with_seal_refused "a world-readable seal"
chmod 0640 "$seal"
with_seal_refused "a seal that its group may read"
rm "$seal"
with_seal_refused "a missing seal"
check "no new seal was made" cmp "$seal" "$work/seal.kept"
head -c "$(stat -c %s "$work/seal.kept")" /dev/urandom > "$seal"
with_seal_refused "a wrong seal"
keep=$DATA
DATA=$work/other-seal
start_daemon
stop_daemon
DATA=$keep
cp "$work/other-seal/seal.key" "$seal"
with_seal_refused "the seal of another store"
head -c 10 "$work/seal.kept" > "$seal"
with_seal_refused "half a seal"
: > "$seal"
with_seal_refused "an empty seal"
start_daemon
check "with the right seal the key is there" has_key
stop_daemon

mkdir "$work/elsewhere"
mv "$seal" "$work/elsewhere/seal.key"
echo "seal = file:$work/elsewhere/seal.key" >> "$CONFIG"
start_daemon
check "a seal can be kept elsewhere" has_key
stop_daemon
mv "$work/elsewhere/seal.key" "$seal"
: > "$CONFIG"

# ---- another version, or a part missing ----
tar -C "$work" -cf "$work/data.tar" "$(basename "$DATA")"
restore_data() {
	rm -rf "$DATA"
	tar -C "$work" -xf "$work/data.tar"
}
check "there is a FORMAT file" test -s "$DATA/FORMAT"
sed -i 's/[0-9][0-9]*/999/' "$DATA/FORMAT"
refuse "a data directory of another version is refused" try
says "and the message says so" '[Ff]ormat|[Vv]ersion|FORMAT'
echo "something else" > "$DATA/FORMAT"
refuse "a FORMAT file of another kind is refused" try
restore_data
rm "$DATA/FORMAT"
refuse "a data directory without FORMAT is refused" try
check "and no new one was made" test ! -e "$DATA/FORMAT"
restore_data
for part in "$DATA"/*; do
	case $(basename "$part") in
	FORMAT|seal.key|*lock*|*LOCK*) continue ;;
	esac
	restore_data
	rm -rf "$part"
	refuse "a data directory without $(basename "$part") is refused" try
done
restore_data
start_daemon
check "what is put back is whole" has_key
stop_daemon
mkdir -m 0700 "$work/foreign"
echo hello > "$work/foreign/diary"
refuse "a directory with something else in it is refused" try --data "$work/foreign"
same "and left alone" "$(ls -A "$work/foreign")" diary

# ---- killed during the very first start ----
keep=$DATA
broken=0
for round in $(seq 40); do
	DATA=$work/first-$round
	launch_daemon
	sleep "0.$(printf %03d $((round * 2 - 2)))"
	kill_daemon 2> /dev/null
	launch_daemon
	until_ok 20 answers_or_gone
	if ! strongroom vault create web > "$work/out" 2>&1; then
		broken=$((broken + 1))
		fail "a start after a kill -9 within $((round * 2 - 2)) ms of the first one" "$work/out" "$DAEMON_LOG"
	fi
	kill_daemon 2> /dev/null
	rm -rf "$DATA"
done
same "40 first starts killed within 0 to 78 ms: the next start is clean" "$broken" 0
DATA=$keep

# ---- settings ----
echo "no_such_setting = 1" > "$CONFIG"
refuse "an unknown setting is refused" try
says "and named" no_such_setting
echo "workers = many" > "$CONFIG"
refuse "a wrong value is refused" try
says "and named" workers
: > "$CONFIG"
refuse "a configuration that is asked for and missing is refused" try --config "$work/nowhere.cnf"
says "and named" nowhere.cnf
refuse "an unknown option is refused" try --no-such-option
refuse "a directory that cannot be made is refused" try --data /proc/strongroom
says "and named" /proc/strongroom

# ---- locked memory ----
if is_root; then
	without_locking() {
		timeout 30 setpriv --bounding-set=-ipc_lock,-sys_resource -- prlimit --memlock="$1:$1" -- \
			strongroomd --data "$work/small" --socket "$STRONGROOM_SOCKET" --config "$CONFIG"
	}
else
	without_locking() {
		timeout 30 prlimit --memlock="$1:$1" -- \
			strongroomd --data "$work/small" --socket "$STRONGROOM_SOCKET" --config "$CONFIG"
	}
fi
for limit in 0 65536; do
	refuse "RLIMIT_MEMLOCK of $limit is refused" without_locking "$limit"
	says "and named, with what to do" 'RLIMIT_MEMLOCK|LimitMEMLOCK|locked_memory'
done
if [ -n "${PRELOAD:-}" ]; then
	skip "a sanitizer needs more locked memory than users have"
else
	without_locking 8388608 > "$work/small.log" 2>&1 &
	small=$!
	if until_ok 20 strongroom status; then
		pass "8 MiB, which is what users have, are enough"
		pkill -TERM -P "$small"
	else
		fail "8 MiB, which is what users have, are enough" "$work/small.log"
	fi
	wait "$small"
fi

start_daemon
check "after all this the key is there" has_key
check "and the audit log verifies" strongroom audit verify
stop_daemon
finish
