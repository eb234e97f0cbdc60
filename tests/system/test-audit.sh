#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit log never lies: whatever is done to its lines is found, by verify and at
# start; where it cannot be written nothing is signed; proofs hold for a program
# that shares no code with ours.
. "$(dirname "$0")/../lib.sh"

sign() {
	echo "to be signed" | strongroom key sign web/tls --alg ES256 --out "$work/signature"
}

# sign_many N: without a process for each
sign_many() {
	PYTHONPATH=$top/tests/tools "$PYTHON" - "$1" <<-'END'
		import sys, sr
		with sr.Client() as c:
		    for _ in range(int(sys.argv[1])):
		        c.call("key_sign", key="strongroom://web/keys/tls", alg="ES256", digest=bytes(32))
	END
}

segments() {
	find "$DATA/audit" -name '*.jsonl' | sort
}

# ---- a log of several segments ----
echo "audit_segment = 65536" > "$CONFIG"
start_daemon
check "a vault is created" strongroom vault create web
check "a key is created" strongroom key create web/tls --kty EC --curve P-256
check "the log's public key is printed" strongroom audit key
cp "$work/out" "$work/audit.pub"
check "600 signatures" sign_many 600
check "a signature by the command" sign
check "the newest line is that signature" strongroom audit tail -n 1
says "with what was done" 'KeySign'
says "and by whom" "$(id -u)"
check "the log verifies" strongroom audit verify
check "and with the public key that was kept elsewhere" strongroom audit verify --pubkey "$work/audit.pub"

# ---- proof of one line, by a program of its own ----
for index in 0 1 300; do
	check "line $index is proved" strongroom audit prove "$index" -o json
	cp "$work/out" "$work/proof.json"
	check "an independent program agrees, with the public key alone" \
		"$PYTHON" "$top/tests/tools/check_proof.py" "$work/proof.json" "$work/audit.pub"
done
"$PYTHON" - "$work/proof.json" "$work/forged.json" <<-'END'
	import json, sys
	proof = json.load(open(sys.argv[1]))
	line = next(k for k, v in proof.items() if isinstance(v, str) and "operationName" in v)
	proof[line] = proof[line].replace("KeySign", "KeyGet_")
	json.dump(proof, open(sys.argv[2], "w"))
END
refuse "and not with an altered line" "$PYTHON" "$top/tests/tools/check_proof.py" "$work/forged.json" "$work/audit.pub"
refuse "a line that does not exist has no proof" strongroom audit prove 100000

# An older state of the log, under a checkpoint of its own, for later.
stop_daemon
cp -a "$DATA/audit" "$work/older"
start_daemon
sign_many 50
stop_daemon
check "offline the log verifies" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
same "there are several segments" "$([ "$(segments | wc -l)" -ge 3 ] && echo yes)" yes

# ---- tampering ----
tar -C "$work" -cf "$work/data.tar" "$(basename "$DATA")"
restore() {
	rm -rf "$DATA"
	tar -C "$work" -xf "$work/data.tar"
}
nth_segment() {
	segments | sed -n "${1}p"
}
last_segment() {
	segments | tail -n 1
}

# found WHAT CMD...: CMD tampers; verify and the next start must notice.
found() {
	local what=$1 state
	shift
	restore
	"$@" || fail "$what: could not be done"
	refuse "$what: verify finds it" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
	launch_daemon
	until_ok 20 answers_or_gone
	refuse "$what: nothing is signed after the next start" sign
	refuse_with 1 "$what: status is not well" strongroom status
	says "$what: and tells what is wrong" '^PROBLEM: .*(line|jsonl|checkpoint)'
	refuse "$what: verify finds it online" strongroom audit verify
	stop_daemon
}

edit_line()      { sed -i '100s/KeySign/KeyTail/' "$(nth_segment 1)"; }
edit_uid()       { sed -i '100s/"uid":[0-9]*/"uid":7/' "$(nth_segment 1)"; }
drop_line()      { sed -i '100d' "$(nth_segment 1)"; }
drop_first()     { sed -i '1d' "$(nth_segment 1)"; }
swap_lines()     { sed -i '100{h;d};101{G}' "$(nth_segment 1)"; }
repeat_line()    { sed -i '100p' "$(nth_segment 1)"; }
edit_last()      { sed -i '$s/:/;/' "$(last_segment)"; }
drop_last()      { sed -i '$d' "$(last_segment)"; }
shorten()        { truncate -s -10 "$(last_segment)"; }
empty_segment()  { truncate -s 0 "$(last_segment)"; }
remove_last()    { rm "$(last_segment)"; }
remove_middle()  { rm "$(nth_segment 2)"; }
add_line()       { sed -i '100a {"seq":100,"forged":true}' "$(nth_segment 1)"; }
go_back()        { rm -r "$DATA/audit" && cp -a "$work/older" "$DATA/audit"; }
start_over()     { rm -r "$DATA/audit" && mkdir -m 0700 "$DATA/audit"; }
forge_checkpoint() { sed -i '2s/[0-9]/1/' "$DATA/audit/checkpoint" && drop_last; }

found "an edited line" edit_line
found "an edited uid" edit_uid
found "a dropped line" drop_line
found "a dropped first line" drop_first
found "two lines that changed places" swap_lines
found "a line that stands twice" repeat_line
found "a forged line" add_line
found "an edited last line" edit_last
found "a log without its last line" drop_last
found "a log that lost 10 bytes" shorten
found "an emptied segment" empty_segment
found "a missing last segment" remove_last
found "a missing segment in the middle" remove_middle
found "a log that was started over" start_over
found "a forged checkpoint" forge_checkpoint

# The older log has a valid checkpoint: only the store, or who kept a later
# checkpoint, can know that there was more.
restore
go_back
launch_daemon
until_ok 20 answers_or_gone
refuse "an older log put back: nothing is signed after the next start" sign
kill_daemon

restore
start_daemon
check "the untouched log is fine" sign
check "and verifies" strongroom audit verify

# ---- tampering while the daemon runs ----
sign_many 10
sed -i '50s/KeySign/KeyTail/' "$(nth_segment 1)"
refuse "a line that is edited while the daemon runs is found by verify" strongroom audit verify
kill_daemon
restore

# ---- a full disk ----
if is_root && mkdir "$work/small" && mount -t tmpfs -o size=24m,mode=0755 tmpfs "$work/small" 2> /dev/null; then
	on_exit() {
		umount "$work/small"
	}
	keep=$DATA
	DATA=$work/small/data
	printf 'audit_reserve = 65536\naudit_segment = 1M\nstore_map_size = 4M\n' > "$CONFIG"
	start_daemon
	check "full disk: a vault" strongroom vault create web
	check "full disk: a key" strongroom key create web/tls --kty EC --curve P-256
	dd if=/dev/zero of="$work/small/filler" bs=64K > /dev/null 2>&1
	refuse "with the disk full, signing is refused in the end" sign_many 5000
	says "and the error says that it is the audit log" '[Aa]udit'
	refuse_with 1 "the command is told so as well" sign
	says "with the reason" 'No space|full|audit'
	refuse_with 1 "status still answers" strongroom status
	says "and says what is wrong" '^PROBLEM: .*(space|full)'
	refuse "nothing can be created either" strongroom key create web/other --kty EC --curve P-256
	rm "$work/small/filler"
	check "with room again, signing works again, without a restart" until_ok 10 sign
	check "nothing is half made" strongroom key list web
	silent_on "and what was refused is not there" other
	check "the log verifies" strongroom audit verify
	check "a key can be created" strongroom key create web/other --kty EC --curve P-256
	dd if=/dev/zero of="$work/small/filler" bs=4K > /dev/null 2>&1
	kill_daemon
	rm "$work/small/filler"
	start_daemon
	check "after a crash with a full disk the log verifies" strongroom audit verify
	check "and signing works" sign
	stop_daemon
	DATA=$keep
	: > "$CONFIG"
else
	skip "a full disk needs root and a tmpfs"
fi

# ---- a log that cannot be written ----
# RLIMIT_FSIZE stands for any reason that a write may fail for.
start_daemon
size=$(stat -c %s "$(last_segment)")
prlimit --pid "$DAEMON_PID" --fsize=$((size + 2000)):unlimited
refuse "with the log not writable, signing is refused" sign_many 1000
says "and the error says that it is the audit log" '[Aa]udit'
refuse_with 1 "the daemon goes on" strongroom status
says "and says what is wrong" '^PROBLEM: '
prlimit --pid "$DAEMON_PID" --fsize=unlimited:unlimited
check "when it is writable again, signing works again" until_ok 10 sign
check "the log verifies" strongroom audit verify

# ---- a log that is taken away ----
rm "$(last_segment)"
sleep 1.5
refuse "with its file removed under it, signing is refused" sign_many 2000
kill_daemon
restore
start_daemon
truncate -s 0 "$(last_segment)"
sleep 1.5
refuse "with its file emptied under it, signing is refused" sign_many 2000
kill_daemon
restore

# ---- half a line, as a power loss leaves it ----
start_daemon
sign_many 10
kill_daemon
printf '{"seq":99999,"time":"2026-01' >> "$(last_segment)"
start_daemon
check "a half line at the end is cut at start, and signing works" sign
check "the log verifies" strongroom audit verify
stop_daemon
check "every line is JSON" "$PYTHON" -c 'import json, sys; [json.loads(l) for f in sys.argv[1:] for l in open(f)]' $(segments)
finish
