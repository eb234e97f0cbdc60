#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing on Debian 12 or 13, and nothing else:
#
#     packaging/need.sh build nginx        # any of the sets below
#
# As root, or as a user who may sudo.  Asks nothing.  Services that come with a
# package are neither started nor enabled.  With everything there, it needs no
# rights and no network.
set -u -o pipefail

# One set a line; a|b is whichever this Debian has.
packages() {
	case $1 in
	build)   echo gcc libc6-dev make cmake pkg-config libssl-dev libsodium-dev 'libmsgpack-c-dev|libmsgpack-dev' \
			liblmdb-dev libjansson-dev ;;
	nginx)   echo nginx openssl curl ;;
	test)    echo libcriterion-dev openssl curl python3 python3-msgpack python3-cryptography procps util-linux ;;
	clang)   echo clang llvm 'libclang-rt-dev|libclang-rt-14-dev' ;;
	valgrind) echo valgrind libc6-dbg ;;
	other-debian) echo debootstrap ;;
	*)       echo "$0: there is no set '$1'" >&2; return 2 ;;
	esac
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c 1-2)" = ii ]
}

# missing SET...: the alternatives of which none is installed
missing() {
	local set choice name found
	for set in "$@"; do
		for choice in $(packages "$set"); do
			found=
			for name in ${choice//|/ }; do
				installed "$name" && found=1
			done
			[ -n "$found" ] || echo "$choice"
		done
	done | sort -u
}

# Runs a command with root's rights; asks for a password only where one sits there.
rooted() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo -- "$@"
	else
		sudo -n -- "$@"
	fi
}

apt() {
	rooted env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" < /dev/null
}

available() {
	apt-cache policy "$1" 2>/dev/null | grep 'Candidate: [^(]' > /dev/null
}

# invoke-rc.d and deb-systemd-invoke ask this file whether they may start something.
policy=/usr/sbin/policy-rc.d
policy_made=
forbid_services() {
	[ -e "$policy" ] && return 0
	printf '#!/bin/sh\nexit 101\n' | rooted tee "$policy" > /dev/null && rooted chmod 0755 "$policy" && policy_made=1
}
allow_services() {
	[ -z "$policy_made" ] || rooted rm -f "$policy"
}

# Not at the next boot either.
disable_service() {
	if command -v systemctl > /dev/null; then
		rooted systemctl disable "$1" > /dev/null 2>&1
	else
		rooted update-rc.d "$1" disable > /dev/null 2>&1
	fi
	return 0
}

main() {
	local wanted choice name names=()
	for name in "$@"; do
		packages "$name" > /dev/null || return
	done
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	echo "installing: ${wanted//$'\n'/ }"
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo > /dev/null; then
		echo "$0: not root, and no sudo; install them and try again" >&2
		return 1
	fi
	apt update || return
	for choice in $wanted; do
		for name in ${choice//|/ }; do
			if available "$name"; then
				names+=("$name")
				break
			fi
		done
	done
	trap allow_services EXIT
	forbid_services || return
	apt install --no-install-recommends "${names[@]}" || return
	for name in "${names[@]}"; do
		case $name in
		nginx*) disable_service nginx ;;
		esac
	done
	wanted=$(missing "$@")
	[ -z "$wanted" ] || { echo "$0: could not install ${wanted//$'\n'/ }" >&2; return 1; }
}

main "$@"
