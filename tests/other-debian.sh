#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests/run.sh in a fresh root of the other Debian: 13 on 12, 12 on 13.  The
# root is made by debootstrap in build-SUITE/, kept for the next time, and holds
# nothing but what tests/run.sh installs itself.
#
#     tests/other-debian.sh [ARGUMENTS OF run.sh]
#     SUITE=bookworm tests/other-debian.sh        another one
#
# Skipped (status 77) where such a root cannot be had: without root's rights, or
# without a mirror.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

skip() {
	echo "$*"
	exit 77
}

if [ -z "${SUITE:-}" ]; then
	. /etc/os-release
	case ${VERSION_ID:-} in
	12) SUITE=trixie ;;
	*)  SUITE=bookworm ;;
	esac
fi
root=$PWD/build-$SUITE/root
# from where this host gets its own packages, but not its security updates
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null | grep -v security | head -n 1)}

[ "$(id -u)" -eq 0 ] || skip "a root of Debian's $SUITE needs root's rights"
unshare --mount --pid --fork true 2> /dev/null || skip "namespaces are not permitted here"
if [ ! -e "$root.ready" ]; then
	[ -n "$mirror" ] || skip "apt names no mirror: set MIRROR"
	packaging/need.sh other-debian || skip "debootstrap cannot be installed"
	rm -rf "$root"
	mkdir -p "$root"
	debootstrap --variant=minbase "$SUITE" "$root" "$mirror" > "$root.log" 2>&1 || {
		tail -n 3 "$root.log"
		skip "debootstrap of $SUITE failed; its log is $root.log"
	}
	touch "$root.ready"
fi

rm -rf "$root/src"
mkdir "$root/src"
tar --exclude='./build*' --exclude=./.git -cf - . | tar -C "$root/src" -xf - || exit 1

# Its own processes and mounts, so that nothing is left of either.
exec unshare --mount --pid --fork --kill-child --propagation private bash -c '
	root=$1
	shift
	mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 1
	exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LC_ALL=C.UTF-8 bash /src/tests/run.sh "$@"' bash "$root" "$@"
