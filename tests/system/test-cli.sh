#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command: every verb as a table and as JSON, every exit status, data in and
# out, mistakes, and that help and manual page know every command and option.
. "$(dirname "$0")/../lib.sh"

# json WHAT EXPRESSION CMD...: CMD -o json succeeds and prints one JSON document d,
# for which the Python expression is true.
json() {
	local what=$1 expression=$2
	shift 2
	check "$what" "$@" -o json || return 1
	is_json "$what: its members" "$expression" "$work/out"
}

is_json() {
	if "$PYTHON" - "$2" "$3" <<-'END' 2> "$work/why"
		import base64, json, os, sys, time
		d = json.load(open(sys.argv[2]))
		def b64(s): return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
		if not eval("(" + sys.argv[1] + ")"):
		    sys.exit(json.dumps(d))
	END
	then
		pass "$1"
	else
		fail "$1" "$work/why"
		echo "       | not true: $2"
	fi
}

# refuse_json STATUS CODE WHAT CMD...: the error is an object on stderr, and nothing else is printed
refuse_json() {
	local status=$1 code=$2 what=$3
	shift 3
	refuse_with "$status" "$what" "$@" -o json || return 1
	is_json "$what: $code" "d['error']['code'] == '$code' and d['error']['message']" "$work/err"
	same "$what: nothing on stdout" "$(cat "$work/out")" ""
}

# ---- the lists, help and the manual page ----

rows() {
	sed -nE 's/^COMMAND\(([a-z]+), ?([a-z]*),.*/\1 \2/p' "$top/cli/commands.def"
}

options() {
	sed -nE 's/^OPTION\([a-z0-9_]+, *"([^"]+)".*/\1/p' "$top/cli/options.def"
}

manual=$top/docs/man/strongroom.1
check "help" strongroom help
cp "$work/out" "$work/help"
rows > "$work/rows"
same "the list has commands" "$([ "$(wc -l < "$work/rows")" -gt 20 ] && echo many)" many
while read -r noun verb; do
	command=$noun${verb:+ $verb}
	grep -qE "^  $command +[A-Z]" "$work/help" || fail "help lists $command"
	# shellcheck disable=SC2086 # two words
	check "help for $command" strongroom $command --help
	says "$command: its usage" "^usage: strongroom $command( |\$)"
	cat "$work/out" >> "$work/help"
	# shellcheck disable=SC2086
	check "help for $command, the other way" strongroom help $command
	if grep -qE "^\.It Cm $command( |\$)" "$manual"; then
		pass "the manual page has $command"
	else
		fail "the manual page has $command"
	fi
done < "$work/rows"
# and nothing that is not there
while read -r noun verb; do
	if grep -qE "^$noun $verb ?\$" "$work/rows" || [ "$noun" = help ]; then
		pass "the manual page's $noun $verb exists"
	else
		fail "the manual page's $noun $verb exists"
	fi
done < <(sed -nE 's/^\.It Cm (vault|key|grant|audit|status|whoami|help)( ([a-z]+))?.*/\1 \3/p' "$manual")
options > "$work/options"
while read -r option; do
	if grep -qE "^\.It .*Fl -$option( |\$)" "$manual"; then
		pass "the manual page has --$option"
	else
		fail "the manual page has --$option"
	fi
	grep -qE -- " --$option( |\$)" "$work/help" || fail "help of some command has --$option"
done < "$work/options"
if command -v man > /dev/null; then
	man -l --warnings "$manual" > /dev/null 2> "$work/err"
	same "the manual page is well formed" "$(cat "$work/err")" ""
fi
check "the version" strongroom --version
says "is said" '^strongroom [0-9]+\.[0-9]+'

# ---- mistakes, without a daemon ----

refuse_with 2 "no command" strongroom
refuse_with 2 "a noun alone" strongroom key
refuse_with 2 "a noun that is not there" strongroom kye list
says "the nearest is said" 'did you mean key\?'
refuse_with 2 "a verb that is not there" strongroom key sgin web/tls
says "the nearest is said" 'did you mean key sign\?'
refuse_with 2 "an option that is not there" strongroom key create web/tls --kyt EC
says "the nearest is said" 'did you mean --kty\?'
says "and the usage" '^usage: strongroom key create'
refuse_with 2 "an operand is missing" strongroom key show
says "the usage is said" '^usage: strongroom key show VAULT'
refuse_with 2 "an option is missing" strongroom key create web/tls
says "which" '--kty TYPE is missing'
refuse_with 2 "an option of another command" strongroom vault list --kty EC
refuse_with 2 "a word too many" strongroom vault show web more
for command in "secret set web/x" "secret get web/x" "cert create web/x" "key rotate web/x" "key delete web/x" \
	"vault delete web" "event watch" "run" "doctor" "seal" "unseal" "tenant create x" "role list" "plan list" "backup create" "grant explain"; do
	# shellcheck disable=SC2086
	refuse_with 2 "not in this version: $command" strongroom $command
	says "said so: $command" 'this version does not have'
done
refuse_with 2 "HSM keys are not in this version" strongroom key create web/x --kty RSA --hsm
says "said so" 'this version'
refuse_json 2 BadParameter "usage errors are JSON too" strongroom key create web/tls --kyt EC
for name in "" "we b" "web//x" "web/x/y/z/q" "web/x/123" "web/secrets/x" "strongroom://web" "web" "web/../x" \
	"web/x/0123456789abcdef0123456789abcdeg" "http://web/keys/x" "$(printf 'web/%0200d' 0)"; do
	refuse_with 2 "not a key's name: '$name'" strongroom key show -- "$name"
done
refuse_with 2 "a vault's name with a slash" strongroom vault show web/x
refuse_with 2 "a time that is none" strongroom key create web/x --kty EC --expires tomorrow
says "the forms are said" 'unix seconds'
refuse_with 2 "a size that is none" strongroom key create web/x --kty RSA --size big
refuse_with 2 "a tag without value" strongroom key create web/x --kty EC --tag t
refuse_with 2 "a create with a version" strongroom key create web/x/0123456789abcdef0123456789abcdef --kty EC
refuse_with 2 "an algorithm that is none" strongroom key sign web/x --alg ES257
says "those there are" 'ES256'
refuse_with 2 "an update of nothing" strongroom key update web/x
refuse_with 2 "an update both ways" strongroom key update web/x --enabled --disabled
refuse_with 2 "a grant with neither role nor permissions" strongroom grant add --to uid:1 --on web
refuse_with 2 "a grant with both" strongroom grant add --to uid:1 --on web --role Reader --allow keys/get
refuse_with 2 "a grant on a version" strongroom grant add --to uid:1 --role Reader --on web/x/0123456789abcdef0123456789abcdef
says "said so" 'version'
refuse_with 2 "the removal of no grant in particular" strongroom grant remove --on web
refuse_with 2 "a form of output that is none" strongroom status -o yaml
refuse_with 2 "a timeout that is none" strongroom status --timeout soon
refuse_with 2 "offline verification without a key" strongroom audit verify --log "$work"
refuse_with 2 "both from standard input" strongroom key import web/x --passphrase-file -

refuse_with 5 "no daemon" strongroom status
says "the socket is named" "$STRONGROOM_SOCKET"
says "and what to do" 'systemctl status strongroomd'
refuse_json 5 DaemonNotReachable "no daemon" strongroom whoami
refuse_with 5 "no daemon at --socket" strongroom status --socket "$work/none"
says "that socket is named" "$work/none"
refuse_with 2 "a socket's path that is too long" strongroom status --socket "/$(printf '%0200d' 0)"

# ---- vaults ----

start_daemon
check "status" strongroom status
says "of a daemon that works" '^State +ok'
json "status" "d['state'] == 'ok' and d['sealed'] is False and d['version']" strongroom status
check "whoami" strongroom whoami
says "the uid" "^User +$(id -u)( |\$)"
json "whoami" "d['uid'] == $(id -u) and d['gid'] == $(id -g) and d['operator'] is True and d['pid'] > 0" strongroom whoami

json "no vaults" "d == {'value': []}" strongroom vault list
check "a vault is created" strongroom vault create web
says "by its URI" '^Vault +strongroom://web$'
json "another" "d['id'] == 'strongroom://other' and d['name'] == 'other' and d['tenant'] == 'default' and abs(d['created'] - time.time()) < 60" \
	strongroom vault create other
refuse_with 1 "one that exists" strongroom vault create WEB
refuse_json 1 Conflict "one that exists" strongroom vault create web
refuse_with 2 "one whose name is wrong" strongroom vault create -- 'web_1'
check "vaults are listed" strongroom vault list
says "under headings" '^NAME +OWNER +CREATED$'
says "in columns" '^web +[^ ]+ +20[0-9-]+T[0-9:]+[+-][0-9:]+$'
json "vaults are listed" "[v['name'] for v in d['value']] == ['other', 'web']" strongroom vault list
check "a vault is shown" strongroom vault show WEB
json "a vault is shown" "d['id'] == 'strongroom://web'" strongroom vault show strongroom://web
refuse_with 3 "the operator is told that a vault is not there" strongroom vault show none
refuse_json 3 NotFound "a vault that is not there" strongroom vault show none

# ---- keys ----

json "a P-256 key" "d['key']['kty'] == 'EC' and d['key']['crv'] == 'P-256' and len(b64(d['key']['x'])) == len(b64(d['key']['y'])) == 32
	and d['key']['kid'].startswith('strongroom://web/keys/ec/') and len(d['key']['kid'].split('/')[-1]) == 32
	and d['attributes']['enabled'] is True and 'exp' not in d['attributes'] and abs(d['attributes']['created'] - time.time()) < 60
	and d['tags'] == {} and 'sign' in d['key']['key_ops'] and 'n' not in d['key']" \
	strongroom key create web/ec --kty EC --curve P-256
json "an RSA key" "d['key']['kty'] == 'RSA' and len(b64(d['key']['n'])) == 256 and b64(d['key']['e']) == b'\\1\\0\\1' and 'crv' not in d['key']" \
	strongroom key create web/rsa --kty RSA --size 2048
json "an Ed25519 key" "d['key']['kty'] == 'OKP' and d['key']['crv'] == 'Ed25519' and len(b64(d['key']['x'])) == 32 and 'y' not in d['key']" \
	strongroom key create web/ed --kty OKP --curve Ed25519
json "an Ed448 key" "len(b64(d['key']['x'])) == 57" strongroom key create web/ed448 --kty OKP --curve Ed448
for curve in P-384:48 P-521:66 P-256K:32; do
	json "a ${curve%:*} key" "d['key']['crv'] == '${curve%:*}' and len(b64(d['key']['x'])) == len(b64(d['key']['y'])) == ${curve#*:}" \
		strongroom key create "web/${curve%:*}" --kty EC --curve "${curve%:*}"
done
json "a key with everything" "d['key']['key_ops'] == ['sign', 'verify'] and d['attributes']['enabled'] is False
	and d['attributes']['exp'] == 1893456000 and abs(d['attributes']['nbf'] - time.time() - 3600) < 60 and d['tags'] == {'a': 'b', 'c': 'd=e'}" \
	strongroom key create web/all --kty EC --ops sign,verify --not-before +1h --expires 2030-01-01T00:00:00Z --tag a=b --tag c=d=e --disabled
check "it is shown" strongroom key show web/all
says "disabled" '^State +disabled'
says "with its tags" '^Tag +c=d=e'
says "and its operations" '^Operations +sign,verify'
refuse_with 2 "a curve that is none" strongroom key create web/x --kty EC --curve P-255
refuse_with 2 "a type that is none" strongroom key create web/x --kty DSA
refuse_with 2 "a size that is too small" strongroom key create web/x --kty RSA --size 1024
refuse_with 2 "an operation that is none" strongroom key create web/x --kty EC --ops fly
refuse_with 3 "a key in no vault" strongroom key create none/x --kty EC
refuse_with 3 "a key that is not there" strongroom key show web/none
says "what to do" 'strongroom key list web'
refuse_json 3 NotFound "a key that is not there" strongroom key show web/none
refuse_with 3 "a version that is not there" strongroom key show web/ec/0123456789abcdef0123456789abcdef

check "keys are listed" strongroom key list web
says "in columns" '^ec +EC P-256 +enabled +- '
says "in columns" '^all +EC P-256 +disabled +2030-01-01T'
json "keys are listed" "len(d['value']) == 8 and all(k['kid'].startswith('strongroom://web/keys/') and k['attributes']['created'] for k in d['value'])" \
	strongroom key list web
json "of a vault without keys" "d == {'value': []}" strongroom key list other

first=$(strongroom key show web/ec -o json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["key"]["kid"].split("/")[-1])')
check "a new version" strongroom key create web/ec --kty EC
check "the old one is still there" strongroom key show "web/ec/$first"
check "versions are listed" strongroom key versions web/ec
says "the old one too" "^$first +EC P-256 +enabled"
json "versions are listed, newest first" "len(d['value']) == 2 and d['value'][1]['kid'] == 'strongroom://web/keys/ec/$first'" \
	strongroom key versions web/ec

# more than a page of both
PYTHONPATH=$top/tests/tools "$PYTHON" - <<-'END' > "$work/out" 2> "$work/err" || fail "250 keys are made" "$work/err"
	import sr
	with sr.Client() as c:
	    for i in range(250):
	        c.call("key_create", key="strongroom://other/keys/k%03d" % i, kty="EC", crv="P-256")
END
json "a long list comes whole" "[k['kid'].split('/')[4] for k in d['value']] == ['k%03d' % i for i in range(250)]" strongroom key list other

# ---- public halves and references ----

check "a public key" strongroom key public web/rsa --out "$work/rsa.pub"
check "is what openssl reads" openssl pkey -pubin -in "$work/rsa.pub" -noout
check "in DER" strongroom key public web/rsa --format der --out "$work/rsa.der"
check "the same" sh -c "openssl pkey -pubin -in '$work/rsa.pub' -outform DER | cmp - '$work/rsa.der'"
check "as a JWK" strongroom key public web/rsa --format jwk
is_json "has kid, kty, n, e" "{'kid', 'kty', 'n', 'e'} <= set(d)" "$work/out"
n=$(openssl rsa -pubin -in "$work/rsa.pub" -noout -modulus | cut -d= -f2)
is_json "and the modulus that openssl sees" "b64(d['n']).hex().upper() == '$n'" "$work/out"
refuse_with 2 "a form that is none" strongroom key public web/rsa --format xml
for name in ec rsa ed; do
	check "a reference to $name" strongroom key pem "web/$name"
	says "is PEM" '^-----BEGIN PRIVATE KEY-----'
	check "and in our own form" strongroom key pem "web/$name" --format own
	says "has our label" '^-----BEGIN STRONGROOM KEY REFERENCE-----'
done
json "a reference names its version" "d['kid'].startswith('strongroom://web/keys/ec/') and 'PRIVATE KEY' in d['value']" strongroom key pem web/ec

# ---- import ----

openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.pem" 2> /dev/null ||
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.pem"
openssl pkey -in "$work/ec.pem" -pubout -out "$work/ec.pub"
openssl pkey -in "$work/ec.pem" -aes256 -passout pass:tree -out "$work/enc.pem"
openssl pkcs8 -topk8 -in "$work/ec.pem" -v2 aes-256-cbc -passout pass:tree -outform DER -out "$work/enc.der"
openssl ec -in "$work/ec.pem" -aes256 -passout pass:tree -out "$work/trad.pem" 2> /dev/null
printf 'tree\nsecond line\n' > "$work/pass"
printf 'tree\r\n' > "$work/pass.crlf"
printf 'bush\n' > "$work/pass.wrong"
check "a key is imported" strongroom key import web/imp --in "$work/ec.pem" --tag from=file
check "with its public half" sh -c "strongroom key public web/imp | cmp - '$work/ec.pub'"
STDIN=$work/ec.pem check "from standard input" strongroom key import web/imp2
STDIN=$work/ec.pem check "also as -" strongroom key import web/imp2 --in -
for form in enc.pem enc.der trad.pem; do
	check "encrypted: $form" strongroom key import "web/imp3" --in "$work/$form" --passphrase-file "$work/pass"
	check "with its public half" sh -c "strongroom key public web/imp3 | cmp - '$work/ec.pub'"
	refuse_with 2 "without a passphrase, and no terminal: $form" strongroom key import web/imp4 --in "$work/$form"
	says "what to do is said" '--passphrase-file'
	refuse "with a wrong one: $form" strongroom key import web/imp4 --in "$work/$form" --passphrase-file "$work/pass.wrong"
done
check "a passphrase file with DOS line ends" strongroom key import web/imp3 --in "$work/enc.pem" --passphrase-file "$work/pass.crlf"
refuse_with 1 "a file that is not there" strongroom key import web/imp4 --in "$work/none"
refuse_with 1 "a file that is too large" strongroom key import web/imp4 --in /dev/zero
refuse "a file that is no key" strongroom key import web/imp4 --in "$work/ec.pub"
refuse_with 3 "and nothing was made" strongroom key show web/imp4

# a terminal: the passphrase is asked for, not shown, and an interrupt leaves all as it was
cat > "$work/ask.py" <<-'END'
	import os, pty, sys, termios
	work = sys.argv[1]
	def run(keys):
	    pid, fd = pty.fork()
	    if pid == 0:
	        os.execvp("strongroom", ["strongroom", "key", "import", "web/pty", "--in", work + "/enc.pem"])
	    seen = b""
	    while b"Passphrase" not in seen:
	        seen += os.read(fd, 1024)
	    os.write(fd, keys)
	    try:
	        while True:
	            part = os.read(fd, 1024)
	            if not part:
	                break
	            seen += part
	    except OSError:
	        pass
	    echo = termios.tcgetattr(fd)[3] & termios.ECHO
	    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen, echo
	status, seen, echo = run(b"wrong\x15trxx\x7f\x7fee\r")
	assert status == 0, seen
	assert b"tree" not in seen and b"wrong" not in seen, seen
	status, seen, echo = run(b"tr\x03")
	assert status == 1 and echo, (status, seen)
END
check "a passphrase is asked for on a terminal, without echo" timeout 60 "$PYTHON" "$work/ask.py" "$work"

# ---- sign ----

printf 'a message' > "$work/msg"
openssl dgst -sha256 -binary -out "$work/digest" "$work/msg"
head -c 3000000 /dev/urandom > "$work/large"
strongroom key public web/ec > "$work/ec.pub"
strongroom key public web/ed > "$work/ed.pub"
verify_ec() {
	openssl dgst "-$1" -verify "$2" -signature "$3" "$4"
}
check "ES256" strongroom key sign web/ec --alg ES256 --in "$work/msg" --out "$work/sig"
check "verifies" verify_ec sha256 "$work/ec.pub" "$work/sig" "$work/msg"
check "of the digest" strongroom key sign web/ec --alg ES256 --digest --in "$work/digest" --out "$work/sig"
check "verifies" verify_ec sha256 "$work/ec.pub" "$work/sig" "$work/msg"
STDIN=$work/msg check "through pipes" strongroom key sign web/ec --alg es256
cp "$work/out" "$work/sig"
check "verifies" verify_ec sha256 "$work/ec.pub" "$work/sig" "$work/msg"
check "of a large file" strongroom key sign web/ec --alg ES256 --in "$work/large" --out "$work/sig"
check "verifies" verify_ec sha256 "$work/ec.pub" "$work/sig" "$work/large"
check "ECDSA of any digest" sh -c "openssl dgst -sha512 -binary '$work/msg' | strongroom key sign web/ec --alg ECDSA --digest --out '$work/sig'"
check "verifies" verify_ec sha512 "$work/ec.pub" "$work/sig" "$work/msg"
refuse_with 2 "ECDSA of a message" strongroom key sign web/ec --alg ECDSA --in "$work/msg"
refuse_with 2 "a digest of the wrong length" strongroom key sign web/ec --alg ES256 --digest --in "$work/msg"
refuse_with 1 "an input longer than a digest" strongroom key sign web/ec --alg ES256 --digest --in "$work/large"
for alg in ES384:P-384:sha384:96 ES512:P-521:sha512:132 ES256K:P-256K:sha256:64; do
	IFS=: read -r name key hash length <<< "$alg"
	strongroom key public "web/$key" > "$work/pub"
	check "$name" strongroom key sign "web/$key" --alg "$name" --in "$work/msg" --out "$work/sig"
	check "$name verifies" verify_ec "$hash" "$work/pub" "$work/sig" "$work/msg"
	check "$name raw" strongroom key sign "web/$key" --alg "$name" --in "$work/msg" --format raw --out "$work/sig"
	same "$name raw is r and s" "$(stat -c %s "$work/sig")" "$length"
done
check "raw of any digest" strongroom key sign web/P-521 --alg ECDSA --digest --in "$work/digest" --format raw --out "$work/sig"
same "is as long as the curve" "$(stat -c %s "$work/sig")" 132
json "a raw signature as JSON" "d['kid'].startswith('strongroom://web/keys/ec/') and len(b64(d['value'])) == 64" \
	strongroom key sign web/ec --alg ES256 --format raw --in "$work/msg"
"$PYTHON" - "$work/out" "$work/sig" <<-'END'
	import base64, json, sys
	v = json.load(open(sys.argv[1]))["value"]
	raw = base64.urlsafe_b64decode(v + "=" * (-len(v) % 4))
	def integer(b):
	    b = b.lstrip(b"\0") or b"\0"
	    b = b"\0" + b if b[0] & 0x80 else b
	    return b"\2" + bytes([len(b)]) + b
	body = integer(raw[:32]) + integer(raw[32:])
	open(sys.argv[2], "wb").write(b"\x30" + bytes([len(body)]) + body)
END
check "verifies in DER" verify_ec sha256 "$work/ec.pub" "$work/sig" "$work/msg"
for alg in RS256:sha256 RS384:sha384 RS512:sha512 RS1:sha1; do
	check "${alg%:*}" strongroom key sign web/rsa --alg "${alg%:*}" --in "$work/msg" --out "$work/sig"
	check "${alg%:*} verifies" verify_ec "${alg#*:}" "$work/rsa.pub" "$work/sig" "$work/msg"
done
for alg in PS256:sha256 PS384:sha384 PS512:sha512; do
	check "${alg%:*}" strongroom key sign web/rsa --alg "${alg%:*}" --in "$work/msg" --out "$work/sig"
	check "${alg%:*} verifies" openssl dgst "-${alg#*:}" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
		-verify "$work/rsa.pub" -signature "$work/sig" "$work/msg"
done
refuse_with 2 "RSA has no DER form" strongroom key sign web/rsa --alg RS256 --format der --in "$work/msg"
check "raw is what RSA is" strongroom key sign web/rsa --alg RS256 --format raw --in "$work/msg"
check "EdDSA" strongroom key sign web/ed --alg EdDSA --in "$work/msg" --out "$work/sig"
check "verifies" openssl pkeyutl -verify -pubin -inkey "$work/ed.pub" -rawin -in "$work/msg" -sigfile "$work/sig"
head -c 1044480 /dev/zero > "$work/most"
if is_root; then
	check "EdDSA of the longest message" strongroom key sign web/ed --alg EdDSA --in "$work/most" --out "$work/sig"
	check "verifies" openssl pkeyutl -verify -pubin -inkey "$work/ed.pub" -rawin -in "$work/most" -sigfile "$work/sig"
else
	skip "EdDSA of the longest message: an ordinary user may not lock memory for that"
fi
refuse_with 1 "EdDSA of a longer one" strongroom key sign web/ed --alg EdDSA --in "$work/large"
says "the limit is said" '1044480'
refuse_with 2 "EdDSA of a digest" strongroom key sign web/ed --alg EdDSA --digest --in "$work/digest"
refuse "an algorithm of another type of key" strongroom key sign web/ec --alg RS256 --in "$work/msg"
refuse_with 1 "a file that is not there" strongroom key sign web/ec --alg ES256 --in "$work/none"

# ---- decrypt ----

openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -in "$work/msg" -out "$work/enc"
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/msg" -out "$work/enc1"
check "decrypt" strongroom key decrypt web/rsa --alg RSA-OAEP-256 --in "$work/enc" --out "$work/plain"
check "is the message" cmp "$work/msg" "$work/plain"
same "for its owner alone" "$(stat -c %a "$work/plain")" 600
STDIN=$work/enc1 check "through pipes, with SHA-1" strongroom key decrypt web/rsa --alg RSA-OAEP
cp "$work/out" "$work/plain"
check "is the message" cmp "$work/msg" "$work/plain"
json "decrypt as JSON" "b64(d['value']) == b'a message' and d['kid'].startswith('strongroom://web/keys/rsa/')" \
	strongroom key decrypt web/rsa --alg RSA-OAEP-256 --in "$work/enc"
echo keep > "$work/plain"
refuse "what does not decrypt" strongroom key decrypt web/rsa --alg RSA-OAEP-512 --in "$work/enc" --out "$work/plain"
same "leaves the file as it was" "$(cat "$work/plain")" keep
refuse "PKCS#1 v1.5 where the key does not allow it" strongroom key decrypt web/rsa --alg RSA1_5 --in "$work/enc"
check "it can be allowed" strongroom key update web/rsa --allow-rsa1_5
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -in "$work/msg" -out "$work/enc15"
check "and then decrypts" strongroom key decrypt web/rsa --alg RSA1_5 --in "$work/enc15"
cp "$work/out" "$work/plain"
check "the message" cmp "$work/msg" "$work/plain"
check "and denied again" strongroom key update web/rsa --deny-rsa1_5
refuse "and then it does not" strongroom key decrypt web/rsa --alg RSA1_5 --in "$work/enc15"
refuse_with 1 "an input that is too long" strongroom key decrypt web/rsa --alg RSA-OAEP --in "$work/large"

# ---- output files ----

echo keep > "$work/kept"
refuse "a failure" strongroom key sign web/none --alg ES256 --in "$work/msg" --out "$work/kept"
same "leaves the file as it was" "$(cat "$work/kept")" keep
refuse_with 1 "a directory that is not there" strongroom key public web/ec --out "$work/none/x"
refuse_with 1 "a full disk" strongroom key public web/ec --out /dev/full
refuse_with 1 "a full standard output" sh -c 'strongroom key public web/ec > /dev/full'
refuse_with 1 "also for tables" sh -c 'strongroom key list web > /dev/full'
refuse_with 1 "also for JSON" sh -c 'strongroom key list web -o json > /dev/full'
chmod 0640 "$work/kept"
check "a file that is replaced" strongroom key pem web/ec --out "$work/kept"
same "keeps its mode" "$(stat -c %a "$work/kept")" 640
check "no standard output at all is no crash" sh -c 'strongroom key list web >&- 2>&- <&-; test $? -lt 124'

# ---- update, and what it does ----

json "disabled" "d['attributes']['enabled'] is False" strongroom key update web/ec --disabled
refuse_with 1 "a disabled key does not sign" strongroom key sign web/ec --alg ES256 --in "$work/msg"
says "what to do is said" 'strongroom key update web/ec --enabled'
refuse_json 1 KeyDisabled "a disabled key does not sign" strongroom key sign web/ec --alg ES256 --in "$work/msg"
check "its other version does" strongroom key sign "web/ec/$first" --alg ES256 --in "$work/msg"
check "enabled again" strongroom key update web/ec --enabled
check "it signs" strongroom key sign web/ec --alg ES256 --in "$work/msg"
json "expired" "d['attributes']['exp'] == 1000" strongroom key update web/ec --expires 1000
refuse_json 1 KeyExpired "an expired key does not sign" strongroom key sign web/ec --alg ES256 --in "$work/msg"
check "it is shown so" strongroom key show web/ec
says "expired" '^State +expired'
json "never" "'exp' not in d['attributes']" strongroom key update web/ec --expires never
json "not yet valid" "d['attributes']['nbf'] > time.time()" strongroom key update web/ec --not-before +2d
refuse_json 1 KeyNotYetValid "a key that is not yet valid does not sign" strongroom key sign web/ec --alg ES256 --in "$work/msg"
json "always" "'nbf' not in d['attributes']" strongroom key update web/ec --not-before always
json "its operations" "d['key']['key_ops'] == ['verify']" strongroom key update web/ec --ops verify
refuse_json 1 KeyOperationForbidden "a key that may not sign does not" strongroom key sign web/ec --alg ES256 --in "$work/msg"
json "its operations again" "set(d['key']['key_ops']) == {'sign', 'verify'}" strongroom key update web/ec --ops sign,verify
json "tags" "d['tags'] == {'x': '1', 'y': ''}" strongroom key update web/ec --tag x=1 --tag y=
json "tags stay" "d['tags'] == {'x': '1', 'y': ''}" strongroom key update web/ec --enabled
json "no tags" "d['tags'] == {}" strongroom key update web/ec --no-tags
check "a tag that would drive a terminal" strongroom key update web/ec --tag "t=$(printf '\033[2Jx')"
check "is shown" strongroom key show web/ec
says "harmlessly" '^Tag +t=\?\[2Jx'

# ---- grants ----

check "a grant" strongroom grant add --to uid:12345 --role "Crypto User" --on web/ec
says "on every kind of object of that name" '^On +strongroom://web/\*/ec'
json "on a key" "d['scope'] == 'strongroom://web/keys/ec' and d['principal'] == 'uid:12345' and d['role'] == 'Reader' and 'keys/get' in d['permissions']" \
	strongroom grant add --to uid:12345 --role "key vault reader" --on web/keys/ec
json "of permissions" "set(d['permissions']) == {'keys/sign', 'keys/get'} and d['scope'] == 'strongroom://web' and d['role'] == 'custom'" \
	strongroom grant add --to gid:12345 --allow keys/sign,keys/get --on web
id=$(strongroom grant list --on web -o json | "$PYTHON" -c 'import json, sys; print([g["id"] for g in json.load(sys.stdin)["value"] if g["principal"] == "gid:12345"][0])')
refuse "a role that is none" strongroom grant add --to uid:12345 --role "Chief Cook" --on web
says "those there are" 'Crypto User'
refuse "a permission that is none" strongroom grant add --to uid:12345 --allow keys/cook --on web
says "those there are" 'keys/sign'
refuse_with 2 "a principal that is none" strongroom grant add --to someone --role Reader --on web
refuse "a user who is not there" strongroom grant add --to user:no-such-user --role Reader --on web
check "grants are listed" strongroom grant list --on web
says "in columns" '^[0-9a-f]{32} +uid:12345 +Crypto User +web/ec$'
json "a vault's creator has its roles" "{g['role'] for g in d['value']} >= {'Administrator', 'Data Access Administrator'}" strongroom grant list --on web
check "removed by id" strongroom grant remove "$id" --on web
refuse_with 3 "once" strongroom grant remove "$id" --on web
json "removed by whom" "d == {'removed': 1}" strongroom grant remove --to uid:12345 --role "Crypto User" --on web/ec
json "the others are still there" "[g['principal'] for g in d['value']].count('uid:12345') == 1" strongroom grant list --on web

if is_root; then
	chmod 0644 "$work/msg"
	refuse_with 4 "another user may not sign" as_user www-data strongroom key sign web/ec --alg ES256 --in "$work/msg"
	says "the permission is named" 'keys/sign'
	says "and the uid" "$(id -u www-data)"
	says "and what to do" 'strongroom grant add --to user:www-data --role "Crypto User" --on web/ec'
	refuse_with 4 "nor learn whether a key is there" as_user www-data strongroom key show web/none
	sed 's/none/ec/g' "$work/err" > "$work/absent"
	refuse_with 4 "nor whether it is not" as_user www-data strongroom key show web/ec
	same "the words are the same" "$(cat "$work/err")" "$(cat "$work/absent")"
	refuse_with 4 "nor create a vault" as_user www-data strongroom vault create mine
	refuse_with 4 "nor read the audit log" as_user www-data strongroom audit tail
	says "who may is said" 'root'
	json "nor see any vault" "d == {'value': []}" as_user www-data strongroom vault list
	check "but whether the daemon works" as_user www-data strongroom status
	silent_on "and not where its data is" "$DATA"
	json "and who it is" "d['uid'] == $(id -u www-data) and d['operator'] is False" as_user www-data strongroom whoami
	check "a grant" strongroom grant add --to user:www-data --role "Crypto User" --on web/ec
	check "and it signs" as_user www-data strongroom key sign web/ec --alg ES256 --in "$work/msg"
	check "the right to import" strongroom grant add --to user:www-data --allow keys/import --on web/theirs
	chmod 0644 "$work/enc.pem"
	# shellcheck disable=SC2016 # sh expands it
	check "with a passphrase from a pipe" as_user www-data bash -c 'strongroom key import web/theirs --in "$1" --passphrase-file <(echo tree)' - "$work/enc.pem"
	if grep -qE '__(asan|tsan)_init' "$BUILD/cli/strongroom"; then
		skip "memory that cannot be locked: a sanitizer makes mlock do nothing"
	else
		refuse_with 1 "without memory to lock" as_user www-data prlimit --memlock=0 -- strongroom key import web/theirs --in "$work/enc.pem"
		says "what to raise is said" 'ulimit -l'
	fi
	check "what was granted is taken" strongroom grant remove --to user:www-data --role "Crypto User" --on web/ec
	refuse_with 4 "and it does not" as_user www-data strongroom key sign web/ec --alg ES256 --in "$work/msg"
	refuse_json 4 Forbidden "and it does not" as_user www-data strongroom key sign web/ec --alg ES256 --in "$work/msg"
else
	skip "what another user may: needs root"
fi

# ---- the audit log ----

check "its key" strongroom audit key
cp "$work/out" "$work/audit.pub"
says "is a verifier key" '^[^ +]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$'
json "as JSON" "d['vkey'] == open('$work/audit.pub').read().strip()" strongroom audit key
check "a signature" strongroom key sign web/ec --alg ES256 --in "$work/msg"
check "is the last line" strongroom audit tail -n 1
says "for people" "uid $(id -u) .*KeySign  web/ec.*Success\$"
refuse "a failure" strongroom key show web/none
check "is a line too" strongroom audit tail -n 1
says "for people" 'KeyGet  web/none.*Failure NotFound'
check "as it is in the log" strongroom audit tail --lines=3 -o json
same "three lines" "$(wc -l < "$work/out")" 3
same "the very lines" "$(cat "$work/out")" "$(cat "$DATA"/audit/*.jsonl | tail -n 3)"
check "the whole log" strongroom audit tail -n 1000000 -o json
cp "$work/out" "$work/whole"
check "is the files" sh -c "cat '$DATA'/audit/*.jsonl | cmp - '$work/whole'"
check "no lines" strongroom audit tail -n 0
same "are none" "$(cat "$work/out")" ""
refuse_with 2 "how many is not a number" strongroom audit tail -n many
background strongroom audit tail -n 0 --follow -o json > "$work/followed"
follower=$!
sleep 0.5
strongroom key sign web/ec --alg ES256 --in "$work/msg" > /dev/null
until_ok 5 grep -q KeySign "$work/followed"
check "a line is followed" grep -q KeySign "$work/followed"
kill "$follower"

check "the log verifies" strongroom audit verify
says "how many lines" '^[0-9]+ lines verified'
json "the log verifies" "d['verified'] is True and d['lines'] == d['size'] > 250 and d['uncovered'] == 0" strongroom audit verify
check "against the kept key" strongroom audit verify --pubkey "$work/audit.pub"
sed 's/+[0-9a-f]*+.*/+00000000+AXRoaXMga2V5IGlzIG5vdCB0aGUgb25lIHdlIHdhbnQ=/' "$work/audit.pub" > "$work/wrong.pub"
refuse "but not against another" strongroom audit verify --pubkey "$work/wrong.pub"
refuse_with 1 "nor a key file that is not there" strongroom audit verify --pubkey "$work/none"
check "offline too" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
says "how many are not covered" 'under no checkpoint'
json "offline too" "d['verified'] is True and d['lines'] >= d['uncovered']" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
refuse_with 3 "where no log is" strongroom audit verify --log "$work/run" --pubkey "$work/audit.pub"

check "line 1 is proved" strongroom audit prove 1
says "what that means is said" 'This is line 1 of'
json "line 1 is proved" "set(d) == {'index', 'line', 'proof', 'checkpoint', 'vkey'} and d['index'] == 1 and json.loads(d['line'])['seq'] == 1
	and all(len(base64.b64decode(h)) == 32 for h in d['proof']) and d['proof'] and d['vkey'] == open('$work/audit.pub').read().strip()" strongroom audit prove 1
check "against the kept key" strongroom audit prove 1 --pubkey "$work/audit.pub"
refuse_with 3 "a line that is not there" strongroom audit prove 1000000
refuse_with 2 "not a number" strongroom audit prove first

# an edited line: it is named
check "line 100 is KeyCreate" sh -c "strongroom audit prove 100 -o json | grep -q KeyCreate"
segment=$(grep -l '"seq":100,' "$DATA"/audit/*.jsonl)
# edit FROM TO: in line 100, of the same length
edit() {
	"$PYTHON" - "$segment" "$1" "$2" <<-'END'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    data = f.read()
		    f.seek(data.index(sys.argv[2].encode(), data.index(b'{"seq":100,')))
		    f.write(sys.argv[3].encode())
	END
}
edit KeyCreate KeyGetGet
refuse_with 1 "an edited line is found" strongroom audit verify
says "and named" 'line 100'
refuse_json 1 Corrupt "an edited line is found" strongroom audit verify
refuse_with 1 "offline as well" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
says "and named" 'line 100|lines? [0-9]+'
refuse_with 1 "it cannot be proved" strongroom audit prove 100
edit KeyGetGet KeyCreate
check "as it was it verifies" strongroom audit verify

# ---- what openssl.cnf says is no matter ----

if [ -e "$SR_CONF" ]; then
	check "the command does not load its own provider" env OPENSSL_CONF="$SR_CONF" strongroom key sign web/ec --alg ES256 --in "$work/msg"
fi
echo "openssl_conf = [" > "$work/broken.cnf"
check "nor a broken configuration" env OPENSSL_CONF="$work/broken.cnf" strongroom key show web/ec -o json
check "it leaves no core" sh -c 'ulimit -c unlimited; strongroom audit tail -n 0 --follow & p=$!; sleep 0.5; grep -q "^Max core file size *0 *0" /proc/$p/limits; s=$?; kill $p; exit $s'

# ---- a log whose oldest lines are no longer kept ----

stop_daemon
refuse_with 5 "without the daemon" strongroom key list web
printf 'audit_segment = 65536\naudit_keep = 131072\n' > "$CONFIG"
start_daemon
PYTHONPATH=$top/tests/tools "$PYTHON" - <<-'END' > "$work/out" 2> "$work/err" || fail "2000 lines are made" "$work/err"
	import sr
	with sr.Client() as c:
	    for i in range(2000):
	        c.call("key_get", key="strongroom://web/keys/ec")
END
check "the first lines go" until_ok 10 test ! -e "$DATA/audit/0000000000.jsonl"
json "what is left verifies" "d['verified'] is True and d['first'] > 0 and d['lines'] == d['size'] - d['first'] > 100" \
	strongroom audit verify --pubkey "$work/audit.pub"
check "as a table" strongroom audit verify
says "what is gone is said" 'no longer kept'
check "offline too" strongroom audit verify --log "$DATA/audit" --pubkey "$work/audit.pub"
check "all lines there are" strongroom audit tail -n 1000000 -o json
cp "$work/out" "$work/whole"
check "are the files" sh -c "cat '$DATA'/audit/*.jsonl | cmp - '$work/whole'"
refuse_with 3 "a line that is gone has no proof" strongroom audit prove 0
stop_daemon

# ---- a daemon that is not root ----

if is_root && [[ ${PRELOAD:-} != *tsan* ]]; then
	# few threads: under a sanitizer the stacks of more are larger than a user may lock
	printf 'workers = 1\npool_threads = 1\nlocked_memory = 4505600\n' > "$CONFIG"
	DATA=$work/data-of-nobody DAEMON_USER=nobody launch_daemon
	check "a daemon of another user answers" until_ok 20 strongroom status --daemon-uid "$(id -u nobody)"
	refuse_with 5 "but is not trusted unless it is named" strongroom status
	says "how is said" '--daemon-uid'
	refuse_json 5 UntrustedDaemon "but is not trusted" strongroom status
	refuse_with 5 "nor when another is" strongroom status --daemon-uid 1
	refuse_with 2 "a uid is a number" strongroom status --daemon-uid nobody
	stop_daemon
else
	skip "a daemon of another user: needs root, and smaller stacks than ThreadSanitizer's"
fi
finish
