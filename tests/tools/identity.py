#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who does strongroomd take us for?  As root, for most of it:

    identity.py WHAT UID GID

does WHAT and prints "uid=N" for the identity that the daemon saw, or "closed" if it
ended the connection.  WHAT is one of the functions below.
"""
import array
import os
import socket
import struct
import sys

import msgpack

import sr


def seen(client):
    try:
        return f"uid={client.call('whoami')['uid']}"
    except (OSError, sr.Refused):
        return "closed"


def in_child(fn):
    """What fn returns in a forked child."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(into, fn().encode())
        os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    with os.fdopen(out) as f:
        return f.read()


def drop(uid, gid):
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def plain(uid, gid):
    """as it stands"""
    return seen(sr.Client())


def may_create(uid, gid):
    """may one create a vault?"""
    try:
        sr.Client().call("vault_create", vault="strongroom://mine")
    except sr.Refused as e:
        return e.name
    return "yes"


def before_setuid(uid, gid):
    """connects, then becomes another"""
    client = sr.Client()
    drop(uid, gid)
    return seen(client)


def after_setuid(uid, gid):
    """becomes another, then connects"""
    drop(uid, gid)
    return seen(sr.Client())


def seteuid(uid, gid):
    """changes the effective uid only, then connects"""
    os.setegid(gid)
    os.seteuid(uid)
    return seen(sr.Client())


def inherited(uid, gid):
    """a master connects and asks; its worker, forked and setuid, asks on the same connection"""
    client = sr.Client()
    client.call("whoami")

    def worker():
        drop(uid, gid)
        return seen(client)

    return in_child(worker)


def inherited_unused(uid, gid):
    """a master connects and is silent; its worker speaks first"""
    client = sr.Client(hello=False)

    def worker():
        drop(uid, gid)
        try:
            client.call("hello", version=1)
        except (OSError, sr.Refused):
            return "closed"
        return seen(client)

    return in_child(worker)


def inherited_root(uid, gid):
    """the same uid, but another process than the one that connected"""
    client = sr.Client()
    return in_child(lambda: seen(client))


def passed(uid, gid):
    """a connected descriptor is passed to a process of another user"""
    ours, theirs = socket.socketpair()

    def receiver():
        drop(uid, gid)
        _, control, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        fd = array.array("i", control[0][2])[0]
        client = sr.Client.__new__(sr.Client)
        client.socket, client.id = socket.socket(fileno=fd), 100
        client.socket.settimeout(30)
        return seen(client)

    client = sr.Client()
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", client.socket.fileno()))])
    return in_child(receiver)


def split_frame(uid, gid):
    """root sends the length, another process of another user the request"""
    client = sr.Client()
    body = msgpack.packb([0, 7, "whoami", {}])
    client.socket.sendall(struct.pack(">I", len(body)))

    def other():
        drop(uid, gid)
        client.socket.sendall(body)
        return ""

    in_child(other)
    try:
        return f"uid={client.receive()[3]['uid']}"
    except OSError:
        return "closed"


def main():
    what, uid, gid = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    print(what(uid, gid))


main()
