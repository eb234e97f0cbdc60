#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who one is, on the kernel's word: connections that change hands, setuid programs,
# groups, namespaces.  Nobody gets somebody else's rights.
. "$(dirname "$0")/../lib.sh"
need_root

uid=$(id -u www-data)
gid=$(id -g www-data)
identity() {
	PYTHONPATH=$top/tests/tools "$PYTHON" "$top/tests/tools/identity.py" "$1" "$uid" "$gid"
}
sign_as() {
	echo text | as_user "$1" strongroom key sign web/tls --alg ES256 --out /dev/null
}

start_daemon
check "a vault is created" strongroom vault create web
check "a key is created" strongroom key create web/tls --kty EC --curve P-256

same "who becomes www-data and then connects is www-data" "$(identity after_setuid)" "uid=$uid"
same "seteuid counts: the effective uid is it" "$(identity seteuid)" "uid=$uid"
same "who connects and then becomes www-data is not served as root" "$(identity before_setuid)" closed
same "a worker on its master's connection does not get root's identity" "$(identity inherited)" closed
same "nor if it is the first to speak" "$(identity inherited_unused)" closed
same "nor does another process of the same user" "$(identity inherited_root)" closed
same "a connection that is passed to another user is closed" "$(identity passed)" closed
same "a request whose length and body come from two users is not served" "$(identity split_frame)" closed

# A setuid program acts as its owner: that is what setuid means.
stage_build www-data
cp "$(command -v strongroom)" "$work/setuid-strongroom"
chown www-data "$work/setuid-strongroom"
chmod 4755 "$work/setuid-strongroom"
if [ -n "${PRELOAD:-}" ]; then
	skip "a sanitizer does not work in setuid programs"
else
	check "a setuid program runs" as_user nobody "$work/setuid-strongroom" --socket "$STRONGROOM_SOCKET" whoami -o json
	says "and is identified by its effective uid" "\"uid\": *$uid[,} ]?"
	check "in a setuid program STRONGROOM_SOCKET is not listened to" env STRONGROOM_SOCKET="$work/nowhere.sock" \
		setpriv --reuid nobody --clear-groups -- "$work/setuid-strongroom" --socket "$STRONGROOM_SOCKET" whoami
fi

# ---- rights ----
refuse_with 4 "without a grant www-data may not sign" sign_as www-data
check "a grant to the group" strongroom grant add --to group:www-data --role "Crypto User" --on web/tls
check "serves whose group that is" sign_as www-data
refuse_with 4 "and nobody else" sign_as nobody
in_group() {
	echo text | setpriv --reuid nobody --regid nogroup --groups "$gid" -- strongroom key sign web/tls --alg ES256 --out /dev/null
}
check "a supplementary group counts" in_group
check "the grant is removed" strongroom grant remove --to group:www-data --role "Crypto User" --on web/tls
refuse_with 4 "and is gone at once" sign_as www-data
check "a grant by uid" strongroom grant add --to "uid:$uid" --allow keys/sign --on web/tls
check "is as good" sign_as www-data
refuse_with 4 "keys/sign does not let one read" as_user www-data strongroom key show web/tls
refuse_with 4 "nor list" as_user www-data strongroom key list web
refuse_with 4 "absent and forbidden sound the same" as_user www-data strongroom key show web/none
refuse_with 4 "www-data may not grant" as_user www-data strongroom grant add --to user:nobody --role "Crypto User" --on web/tls
refuse_with 4 "nor create a vault" as_user www-data strongroom vault create mine
refuse_with 4 "nor read the audit log" as_user www-data strongroom audit tail
check "but see whether the daemon works" as_user www-data strongroom status
silent_on "and not where it keeps its data" "$DATA"

# A root that is made in a namespace is none.
# (By the bare protocol: our own clients do not trust a daemon whose user they cannot see.)
in_namespace() {
	PYTHONPATH=$top/tests/tools as_user www-data unshare --user --map-root-user "$PYTHON" "$top/tests/tools/identity.py" "$1" 0 0
}
if as_user www-data unshare --user --map-root-user true 2> /dev/null; then
	same "root of a user namespace is the user that it is" "$(in_namespace plain)" "uid=$uid"
	same "and may not create a vault" "$(in_namespace may_create)" Forbidden
else
	skip "user namespaces are not permitted here"
fi
stop_daemon
finish
