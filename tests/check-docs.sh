#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Are the documents that are made from the lists up to date?
#
#     tests/check-docs.sh [BUILD]      the build directory; left out: $BUILD, else build
set -euo pipefail
build=$(realpath "${1:-${BUILD:-$(dirname "$0")/../build}}")
cd "$(dirname "$0")/.."

failed=0

# fresh FILE CMD...: what CMD prints is FILE
fresh() {
	local file=$1
	shift
	"$@" | diff -u "$file" - && return
	echo "$file is stale: $* > $file" >&2
	failed=1
}

# every name of the list stands in the document
# named FILE NAME...
named() {
	local file=$1 name
	shift
	for name in "$@"; do
		grep -qF -- "$name" "$file" && continue
		echo "$file does not mention $name" >&2
		failed=1
	done
}

fresh docs/PROTOCOL.md "$build/protocol/protocol-doc" include/strongroom/messages.def
root=$(sed -n 's/^#define SR_REFERENCE_OID_ROOT *"\(.*\)"$/\1/p' include/strongroom/reference.h)
mapfile -t arcs < <(sed -n 's/^#define SR_REFERENCE_OID_.* SR_REFERENCE_OID_ROOT "\(.*\)"$/\1/p' include/strongroom/reference.h)
[ "${#arcs[@]}" -gt 0 ]
named docs/REFERENCE.md "${arcs[@]/#/$root}"

exit "$failed"
