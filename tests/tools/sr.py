# SPDX-License-Identifier: Apache-2.0
"""Strongroom's protocol for the tests, in as few lines as can be; see docs/PROTOCOL.md.

    with sr.Client() as c:
        c.call("key_sign", key="strongroom://web/keys/tls", alg="ES256", digest=bytes(32))
"""
import os
import socket
import struct

import msgpack


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, failure):
        super().__init__(failure["message"])
        self.code = failure["code"]
        self.name = failure["name"]


class Client:
    def __init__(self, path=None, hello=True):
        path = path or os.environ["STRONGROOM_SOCKET"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect("\0" + path[1:] if path.startswith("@") else path)
        self.id = 0
        if hello:
            self.call("hello", version=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, value):
        body = msgpack.packb(value, use_bin_type=True)
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def exactly(self, n):
        parts = []
        while n:
            part = self.socket.recv(n)
            if not part:
                raise ConnectionResetError("strongroomd closed the connection")
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def receive(self):
        (length,) = struct.unpack(">I", self.exactly(4))
        return msgpack.unpackb(self.exactly(length), raw=False)

    def call(self, op, **fields):
        self.id += 1
        self.send([0, self.id, op, fields])
        kind, answered, failure, reply = self.receive()
        assert (kind, answered) == (1, self.id), "an answer to something else"
        if failure is not None:
            raise Refused(failure)
        return reply
