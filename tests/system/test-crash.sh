#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 under mixed load, again and again: no acknowledged key, change or record
# is lost, and the audit log verifies after each start.  ROUNDS=200.
. "$(dirname "$0")/../lib.sh"

rounds=${ROUNDS:-200}
check "$rounds rounds of kill -9 under mixed load lose nothing" \
	env PYTHONPATH="$top/tests/tools" "$PYTHON" "$top/tests/tools/crash_rounds.py" "$rounds" \
	--data "$DATA" --socket "$STRONGROOM_SOCKET" --config "$CONFIG"
says "what was done" 'keys.*grants.*signatures'
cat "$work/out"
start_daemon
check "the daemon starts after all this" strongroom audit verify
check "the log's key is printed" strongroom audit key
cp "$work/out" "$work/audit.pub"
stop_daemon
check "the log verifies offline too" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
finish
