#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks an inclusion proof of Strongroom's audit log with the public key alone.

usage: check_proof.py PROOF.json PUBLIC_KEY

PROOF.json is what `strongroom audit prove N -o json` prints, PUBLIC_KEY what
`strongroom audit key` prints.  Written from RFC 9162, RFC 8032 and C2SP's signed-note and
tlog-checkpoint, and from nothing of Strongroom's, so that an auditor need not trust it.
"""
import base64
import hashlib
import json
import sys


class Refused(Exception):
    pass


# ---- Ed25519 verification (RFC 8032, 5.1.7 and 6) ----

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    w = (a[1] - a[0]) * (b[1] - b[0]) % P
    x = (a[1] + a[0]) * (b[1] + b[0]) % P
    y = 2 * a[3] * b[3] * D % P
    z = 2 * a[2] * b[2] % P
    e, f, g, h = x - w, z - y, z + y, x + w
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(s, a):
    result = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            result = point_add(result, a)
        a = point_add(a, a)
        s >>= 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decode(data):
    y = int.from_bytes(data, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        raise Refused("not a point of the curve")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0 or (x == 0 and sign):
        raise Refused("not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_decode(BASE_Y.to_bytes(32, "little"))


def ed25519_verify(public_key, message, signature):
    a = point_decode(public_key)
    r = point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % Q
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# ---- signed notes and checkpoints (C2SP) ----

def read_key(text):
    try:
        name, key_hash, key = text.strip().split("+", 2)
        key = base64.b64decode(key, validate=True)
        key_hash = bytes.fromhex(key_hash)
    except ValueError as error:
        raise Refused(f"not a verifier key: {error}")
    if len(key) != 33 or key[0] != 1:
        raise Refused("not an Ed25519 verifier key")
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4] != key_hash:
        raise Refused("the verifier key is damaged: name, hash and key do not fit")
    return name, key_hash, key[1:]


def open_note(note, key):
    name, key_hash, public_key = key
    text, found, signatures = note.rpartition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise Refused("the checkpoint is not a signed note")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash != "\u2014" or signer != name or blob[:4] != key_hash:
            continue
        if len(blob) != 68 or not ed25519_verify(public_key, text.encode(), blob[4:]):
            raise Refused("the checkpoint's signature is wrong")
        return text
    raise Refused(f"the checkpoint is not signed by {name}")


def read_checkpoint(note, key):
    lines = open_note(note, key).split("\n")
    if len(lines) < 4 or lines[0] != key[0]:
        raise Refused("the checkpoint is of another log")
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


# ---- inclusion proofs (RFC 9162, 2.1.3.2) ----

def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(line, index, size, proof):
    if not 0 <= index < size:
        raise Refused("the line is not below the checkpoint")
    at, last = index, size - 1
    result = hashlib.sha256(b"\x00" + line).digest()
    for sibling in proof:
        if last == 0:
            raise Refused("the proof is too long")
        if at & 1 or at == last:
            result = node(sibling, result)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            result = node(result, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise Refused("the proof is too short")
    return result


def check(proof, key_text):
    size, root = read_checkpoint(proof["checkpoint"], read_key(key_text))
    index, line = proof["index"], proof["line"].encode()
    hashes = [base64.b64decode(h, validate=True) for h in proof["proof"]]
    if json.loads(line)["seq"] != index:
        raise Refused("the line has another number")
    if any(len(h) != 32 for h in hashes) or root_of(line, index, size, hashes) != root:
        raise Refused("the proof does not lead to the checkpoint: the line is not the one that was logged")
    return index, size


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as f:
        proof = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        key_text = f.read()
    try:
        index, size = check(proof, key_text)
    except (Refused, ValueError, KeyError, TypeError) as error:
        print(f"REFUSED: {error}", file=sys.stderr)
        return 1
    print(f"line {index} is in the log of {size} lines that {key_text.split('+')[0]} signed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
