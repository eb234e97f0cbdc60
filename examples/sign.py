#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signs what stands on standard input with a key that strongroomd holds.

    examples/sign.py [--socket PATH] strongroom://web/keys/tls ES256 < message > signature.der

A client of strongroomd in few lines, after docs/PROTOCOL.md; it needs nothing but
msgpack (Debian: python3-msgpack).
"""
import argparse
import hashlib
import os
import socket
import struct
import sys

import msgpack

PROTOCOL_VERSION = 1
HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}
ANSWER_MAX = 4 << 20


class Failure(Exception):
    """What the daemon answers instead of a result."""


class Client:
    """One connection: requests go out and are answered one after the other."""

    def __init__(self, path, timeout=5.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect("\0" + path[1:] if path.startswith("@") else path)
        self.check_peer()
        self.last_id = 0
        self.call("hello", version=PROTOCOL_VERSION, client="sign.py")

    def check_peer(self):
        """Whoever listens is to be root or ourselves: the kernel says who it is."""
        credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _pid, uid, _gid = struct.unpack("3i", credentials)
        if uid not in (0, os.geteuid()):
            raise Failure(f"uid {uid} listens there, which is not trusted")

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Failure("the daemon closed the connection")
            data += part
        return data

    def call(self, operation, **fields):
        self.last_id += 1
        request = msgpack.packb([0, self.last_id, operation, fields])
        self.socket.sendall(struct.pack(">I", len(request)) + request)
        (size,) = struct.unpack(">I", self.receive(4))
        if size > ANSWER_MAX:
            raise Failure("an answer of an impossible length")
        kind, answered, failure, answer = msgpack.unpackb(self.receive(size))
        if failure is not None:
            raise Failure(f"{failure['name']}: {failure['message']}")
        if (kind, answered) != (1, self.last_id):
            raise Failure("an answer to something else")
        return answer


def sign(client, key, alg, message):
    """EdDSA takes the message itself, every other algorithm its digest."""
    if alg == "EdDSA":
        return client.call("key_sign", key=key, alg=alg, message=message)["signature"]
    digest = hashlib.new(HASHES[alg.rstrip("K")[-3:]], message).digest()
    return client.call("key_sign", key=key, alg=alg, digest=digest)["signature"]


def main():
    parser = argparse.ArgumentParser(description="Sign standard input with a key that strongroomd holds.")
    parser.add_argument("--socket", default=os.environ.get("STRONGROOM_SOCKET", "/run/strongroom/strongroom.sock"))
    parser.add_argument("key", help="strongroom://VAULT/keys/NAME")
    parser.add_argument("alg", choices=["ES256", "ES384", "ES512", "ES256K", "EdDSA",
                                        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
    args = parser.parse_args()
    try:
        signature = sign(Client(args.socket), args.key, args.alg, sys.stdin.buffer.read())
    except (Failure, OSError) as error:
        sys.exit(f"sign.py: {args.socket}: {error}")
    sys.stdout.buffer.write(signature)


if __name__ == "__main__":
    main()
