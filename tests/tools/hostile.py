#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, or are broken.

    hostile.py WHAT [PID]

does WHAT to the daemon (whose pid some need) and prints what came of it in a word
or two.  WHAT is one of the functions below.
"""
import array
import ctypes
import os
import random
import resource
import signal
import socket
import struct
import sys
import threading
import time

import msgpack

import sr

SLOW = float(os.environ.get("SLOW", "1"))


def raw():
    while True:
        try:
            return sr.Client(hello=False)
        except BlockingIOError:         # more wait to be accepted than the kernel keeps
            time.sleep(0.01)


def frame(body):
    return struct.pack(">I", len(body)) + body


def answer_to(data, half_close=False):
    """The name of the failure that these bytes get, or "closed"; then the connection must end."""
    client = raw()
    try:
        client.socket.sendall(data)
        if half_close:
            client.socket.shutdown(socket.SHUT_WR)
        failure = client.receive()[2]
    except (OSError, EOFError):
        return "closed"
    try:
        return failure["name"] + (" closed" if client.socket.recv(1) == b"" else " more")
    except ConnectionResetError:
        return failure["name"] + " closed"
    except TimeoutError:
        return failure["name"] + " open"


def served():
    """Is an honest client served, and soon?"""
    begin = time.monotonic()
    with sr.Client() as client:
        client.call("whoami")
    return time.monotonic() - begin < 2 * SLOW


def status_kib(pid, what):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    raise KeyError(what)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settle(pid, before, seconds=5):
    """Until the daemon has let go of what it had for us."""
    end = time.monotonic() + seconds * SLOW
    while descriptors(pid) > before and time.monotonic() < end:
        time.sleep(0.05)
    return descriptors(pid) <= before


# ---- frames ----

def truncated(_):
    whole = frame(msgpack.packb([0, 1, "whoami", {}]))
    for n in range(1, len(whole)):
        if answer_to(whole[:n], half_close=True) != "closed":
            return f"answered after {n} bytes"
    return "closed"


def truncated_inside(_):
    """frames of the right length that end in the middle of a value"""
    body = msgpack.packb([0, 1, "key_sign", {"key": "strongroom://web/keys/tls", "alg": "ES256", "digest": bytes(32)}])
    for n in range(1, len(body)):
        if not answer_to(frame(body[:n])).startswith("BadMessage"):
            return f"not refused: the first {n} bytes"
    return "refused"


def oversized(_):
    return answer_to(struct.pack(">I", 0xffffffff) + bytes(100))


def empty(_):
    return answer_to(struct.pack(">I", 0))


def nested(_):
    for depth in (9, 100, 100000):
        if not answer_to(frame(b"\x91" * depth + b"\xc0")).startswith("BadMessage"):
            return f"not refused: depth {depth}"
    return answer_to(frame(b"\x94\x00\x01\xa6whoami" + b"\x81\xa1a" * 1000 + b"\xc0"))


def claims(pid):
    """a few bytes that claim 2^28 elements or bytes: refused, and no memory is taken"""
    before = status_kib(pid, "VmHWM")
    count = struct.pack(">I", 1 << 28)
    for kind in b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9":
        for body in kind + count, b"\x94\x00\x01\xa6whoami" + kind + count, b"\x94\x00\x01" + kind + count:
            if not answer_to(frame(body)).startswith("BadMessage"):
                return f"not refused: {body!r}"
    return "refused" if status_kib(pid, "VmHWM") - before < 4096 else "memory was taken"


def fields(_):
    """duplicated, unknown and wrong ones: each call is refused, and the connection goes on"""
    with sr.Client() as client:
        for body in (
            b"\x94\x00\x09\xa6whoami\x81\xa7nothing\x01",
            b"\x94\x00\x09\xa8key_list\x82\xa5vault\xa3web\xa5vault\xa3web",
            b"\x94\x00\x09\xa8key_list\x80",
            b"\x94\x00\x09\xa8key_list\x81\xa5vault\x05",
            b"\x94\x00\x09\xa8key_list\x81\x05\x05",
            b"\x94\x00\x09\xa8no_such!\x80",
        ):
            client.socket.sendall(frame(body))
            if client.receive()[2] is None:
                return f"not refused: {body!r}"
        client.call("whoami")
    return "refused"


def noise(pid):
    """random bytes, and good requests with random bytes changed, for three seconds"""
    rng = random.Random(4711)
    good = frame(msgpack.packb([0, 1, "key_sign", {"key": "strongroom://web/keys/tls", "alg": "ES256", "digest": bytes(32)}]))
    files = descriptors(pid)
    end = time.monotonic() + 3
    rounds = 0
    while time.monotonic() < end:
        client = raw()
        data = bytearray(good * rng.randint(1, 3) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 300)))
        for _ in range(rng.randint(0, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            while data:
                n = rng.randint(1, len(data))
                client.socket.send(data[:n])
                del data[:n]
        except OSError:
            pass
        client.close()
        rounds += 1
    if not settle(pid, files):
        return "some are still open"
    return "served" if served() and rounds > 100 else f"{rounds} rounds"


# ---- time ----

def until_closed(client, seconds):
    begin = time.monotonic()
    client.socket.settimeout(seconds)
    try:
        while client.socket.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return "open"
    return "closed" if time.monotonic() - begin < seconds else "late"


def silence(_):
    """half a request and then nothing; request_timeout is 1 s"""
    client = raw()
    client.socket.sendall(struct.pack(">I", 100) + b"\x94")
    return until_closed(client, 5)


def dribble(_):
    """a byte now and then does not make a request young again"""
    client = raw()
    client.socket.sendall(struct.pack(">I", 100))
    begin = time.monotonic()
    try:
        while time.monotonic() - begin < 5:
            client.socket.send(b"\x94")
            time.sleep(0.2)
    except OSError:
        return "closed"
    return "open"


def idle(_):
    """silence between requests is no harm"""
    with sr.Client() as client:
        time.sleep(3)
        client.call("whoami")
    return "open"


def never_reads(pid):
    """Many who ask and ask and read no answer: memory stays bounded, others are served,
    and after write_timeout (1 s) they are closed"""
    before, files = status_kib(pid, "VmRSS"), descriptors(pid)
    request = frame(msgpack.packb([0, 1, "status", {}])) * 1000
    clients = [raw() for _ in range(50)]
    for client in clients:
        client.socket.settimeout(0)
        try:
            while True:
                client.socket.send(request)
        except OSError:
            pass
    if not served():
        return "others are not served"
    grown = status_kib(pid, "VmRSS") - before
    if grown > 20000:
        return f"{grown} KiB were taken"
    time.sleep(4)
    if not settle(pid, files):
        return "some are still open"
    return "closed"


# ---- numbers ----

def wait_until_quiet(pid):
    """until what came is taken in; a process that is never quiet is not waited for"""
    for _ in range(20):
        before = cpu_seconds(pid)
        time.sleep(0.5)
        if cpu_seconds(pid) - before < 0.02:
            return


def many(pid):
    """10,000 connections: up to the cap they are kept, then refused in words; others are served"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 10100:
        return "skip: too few descriptors"
    before, files = status_kib(pid, "VmRSS"), descriptors(pid)
    kept, refused = [], 0
    for _ in range(10000):
        client = raw()
        client.socket.settimeout(10)
        kept.append(client)
    wait_until_quiet(pid)               # connect(2) returns before the daemon has taken the connection in
    cpu = cpu_seconds(pid)
    time.sleep(2)
    cpu = cpu_seconds(pid) - cpu
    for client in kept:
        client.socket.settimeout(0)
        try:
            failure = client.receive()[2]
            if failure["name"] != "LimitReached" or "connections_" not in failure["message"]:
                return f"refused with {failure}"
            refused += 1
        except OSError:
            pass
    grown = status_kib(pid, "VmRSS") - before
    for client in kept:
        client.close()
    if not settle(pid, files):
        return "some are still open"
    if not served():
        return "others are not served"
    if cpu > 0.1 * SLOW:
        return f"{cpu} s of processor time while all were idle"
    print(f"{grown} KiB for {10000 - refused} connections", file=sys.stderr)
    little = (10000 - refused + 2000) * SLOW
    return f"{10000 - refused} kept, {'little' if grown < little else 'much'} memory"


def hold(_):
    """takes all connections that it may have and keeps them until it is killed"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = []
    try:
        while True:
            clients.append(sr.Client())
    except (OSError, AssertionError):   # refused: that answer has no id
        pass
    os.write(1, b"holding\n")           # in one piece: there may be many of us
    time.sleep(600)


def crowd(_):
    """takes what connections there are for strangers, from many uids, and keeps them until it is killed"""
    for uid in range(700000, 700010):
        if os.fork() == 0:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG
            hold(_)
    time.sleep(600)


def flood(_):
    """500 connections, each full of signatures with a large key"""
    clients = [sr.Client() for _ in range(500)]
    request = frame(msgpack.packb([0, 5, "key_sign", {"key": "strongroom://web/keys/large", "alg": "RS256", "digest": bytes(32)}]))
    print("flooding", flush=True)
    for client in clients:
        client.socket.sendall(request * 20)
    time.sleep(600)


def among_others(_):
    """is one who comes while others flood it served soon?"""
    return "served" if all(served() for _ in range(5)) else "late"


def slow_calls(_):
    """one user asks for 200 RSA keys at once: some are told to come later, others are served meanwhile"""
    busy = done = 0
    clients = [sr.Client() for _ in range(100)]
    for i, client in enumerate(clients):
        client.send([0, 7, "key_create", {"key": f"strongroom://web/keys/slow{i}", "kty": "RSA", "size": 2048}])
    fair = served()
    for client in clients:
        failure = client.receive()[2]
        if failure is None:
            done += 1
        elif failure["name"] == "Throttled" and "calls_per_uid" in failure["message"]:
            busy += 1
        else:
            return f"{failure}"
    return "throttled" if busy > 0 and done > 0 and fair else f"{done} done, {busy} busy, others served: {fair}"


def pipelined(_):
    """a thousand requests at once are answered, each once and in order"""
    with sr.Client() as client:
        sender = threading.Thread(target=lambda: client.socket.sendall(
            b"".join(frame(msgpack.packb([0, 1000 + i, "whoami", {}])) for i in range(1000))))
        sender.start()
        ids = [client.receive()[1] for _ in range(1000)]
        sender.join()
    return "in order" if ids == list(range(1000, 2000)) else "not in order"


def descriptors_sent(pid):
    """descriptors that clients send along do not pile up in the daemon"""
    files = descriptors(pid)
    null = os.open("/dev/null", os.O_RDONLY)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 200))]
    body = frame(msgpack.packb([0, 1, "whoami", {}]))
    most, clients, outcome = 0, [], set()
    for _ in range(50):
        client = sr.Client()
        client.socket.sendmsg([body], control)
        clients.append(client)
        try:
            client.receive()
            outcome.add("served")
        except OSError:
            outcome.add("closed")
        most = max(most, descriptors(pid))
    if most > files + 2 * len(clients):
        return f"{most} descriptors, of {files} before"
    for client in clients:
        client.close()
    return " ".join(sorted(outcome)) if settle(pid, files) else "descriptors are left behind"


def no_descriptors(pid):
    """the daemon runs out of descriptors: who comes is told so, it does not spin, and it recovers"""
    files = descriptors(pid)
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files + 20, old[1]))
    clients, told = [], False
    for _ in range(30):
        client = raw()
        client.socket.settimeout(0.5)
        try:
            told = client.receive()[2]["name"] == "Throttled"
        except OSError:
            pass
        clients.append(client)
    cpu = cpu_seconds(pid)
    time.sleep(1)
    cpu = cpu_seconds(pid) - cpu
    for client in clients:
        client.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    if cpu > 0.2 * SLOW:
        return f"{cpu} s of processor time"
    return ("told" if told else "not told") + (", recovers" if settle(pid, files) and served() else ", does not recover")


def refusals(_):
    """20,000 calls that are not permitted; to be run as somebody without rights"""
    clients = [sr.Client() for _ in range(10)]
    for _ in range(200):
        for client in clients:
            client.socket.sendall(frame(msgpack.packb(
                [0, 5, "key_sign", {"key": "strongroom://web/keys/tls", "alg": "ES256", "digest": bytes(32)}])) * 10)
        for client in clients:
            for _ in range(10):
                failure = client.receive()[2]
                if failure["name"] not in ("Forbidden", "Throttled"):
                    return f"{failure}"
    return "refused"


def main():
    what = globals()[sys.argv[1]]
    print(what(int(sys.argv[2]) if len(sys.argv) > 2 else None))


main()
