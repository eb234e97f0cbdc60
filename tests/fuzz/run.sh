#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes for a while, from the corpus in the tree:
#
#     tests/fuzz/run.sh build-fuzz/tests/fuzz/fuzz_frame 20
#     tests/fuzz/run.sh --keep build-fuzz/tests/fuzz/fuzz_frame     # take over what was found
#
# Finds go to the build directory, so that a run leaves the tree as it was;
# --keep adds those of them that cover something new to tests/fuzz/corpus/.
# A crash is left in the build directory as well, and the run fails.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)

keep=
if [ "${1:-}" = --keep ]; then
	keep=1
	shift
fi
harness=$(realpath "$1")
name=$(basename "$harness")
name=${name#fuzz_}
kept=$here/corpus/$name
found=$(dirname "$harness")/found/$name
mkdir -p "$found" "$kept"

if [ -n "$keep" ]; then
	exec "$harness" -merge=1 "$kept" "$found"
fi

# malloc_limit_mb: no input makes us ask for much at once.
"$harness" -runs=0 -malloc_limit_mb=64 "$kept"
"$harness" -max_total_time="${2:-20}" -max_len=8192 -malloc_limit_mb=64 -rss_limit_mb=2048 -timeout=10 \
	-print_final_stats=1 -artifact_prefix="$(dirname "$harness")/crash-$name-" "$found" "$kept"
