#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for the private parts of known keys in processes and files.

    find_key.py --key FILE.pem... [--process PID...] [--daemon PID...] [--files DIR...]

--process: nowhere in its memory.  --daemon: only in locked memory (VmFlags lo).
--files: in no file below DIR.  Prints each place found and where it was allowed;
status 0 if nothing is where it must not be, 1 otherwise.

What is looked for: d, p, q, dp, dq and qinv of RSA keys, the private value of EC
keys and the seed of Ed25519 keys, in pieces of 16 bytes, big-endian and
little-endian (on a little-endian machine, what libcrypto's limbs look like), the
hexadecimal of both, and the lines of the PEM file.
"""
import argparse
import os
import re
import sys

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives import serialization

PIECE = 16
WINDOW = 8 << 20


def private_values(key):
    """(name, big-endian bytes) of what must stay private."""
    if isinstance(key, rsa.RSAPrivateKey):
        n = key.private_numbers()
        for name, value in (("d", n.d), ("p", n.p), ("q", n.q), ("dp", n.dmp1), ("dq", n.dmq1), ("qinv", n.iqmp)):
            yield name, value.to_bytes((value.bit_length() + 7) // 8, "big")
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        yield "d", key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        raw, none = serialization.Encoding.Raw, serialization.NoEncryption()
        yield "seed", key.private_bytes(raw, serialization.PrivateFormat.Raw, none)
    else:
        raise SystemExit("a kind of key that this program does not know")


def pieces(data):
    """Pieces of PIECE bytes; the first ones too, since a freed block loses its head."""
    for at in range(0, len(data) - PIECE + 1, PIECE):
        yield data[at:at + PIECE]


def needles(path):
    """A dict from bytes to what they are."""
    found = {}
    with open(path, "rb") as f:
        pem = f.read()
    key = serialization.load_pem_private_key(pem, None)
    label = os.path.basename(path)
    for name, value in private_values(key):
        for order, data in (("big-endian", value), ("little-endian", value[::-1])):
            for piece in pieces(data):
                found[piece] = f"{label}: {name}, {order}"
            for piece in pieces(data.hex().encode()):
                found[piece] = f"{label}: {name}, {order}, in hexadecimal"
    # The first and last lines hold public parts and little else.
    lines = [line for line in pem.splitlines() if not line.startswith(b"-----")]
    for line in lines[len(lines) // 3:-1] or lines[1:2]:
        found[line] = f"{label}: a line of the PEM file"
    return found


class Finder:
    def __init__(self, keys):
        self.names = {}
        for path in keys:
            self.names.update(needles(path))
        self.pattern = re.compile(b"|".join(re.escape(n) for n in self.names))
        self.overlap = max(len(n) for n in self.names) - 1

    def in_stream(self, read, size):
        """What is found in size bytes that read(offset, n) gives."""
        offset = 0
        while offset < size:
            chunk = read(offset, min(WINDOW + self.overlap, size - offset))
            for match in self.pattern.finditer(chunk):
                yield offset + match.start(), self.names[match.group()]
            offset += WINDOW


def regions(pid):
    """(start, end, what, locked) of each readable mapping."""
    current = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            if head:
                current = (int(head[1], 16), int(head[2], 16), head[3], head[4] or "anonymous")
            elif line.startswith("VmFlags:") and current and current[2].startswith("r"):
                yield current[0], current[1], current[3], "lo" in line.split()[1:]


def search_process(finder, pid, locked_is_fine):
    bad = scanned = allowed = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, what, locked in regions(pid):
            if what in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue

            def read(offset, n):
                memory.seek(start + offset)
                return memory.read(n)

            try:
                for offset, name in finder.in_stream(read, end - start):
                    if locked and locked_is_fine:
                        allowed += 1
                        continue
                    bad += 1
                    print(f"process {pid}: {name} at {start + offset:#x} in {what} ({'' if locked else 'not '}locked)")
                scanned += end - start
            except (OSError, ValueError):
                continue        # a guard page, a device: what nobody can read holds nothing
    print(f"process {pid}: {scanned >> 10} KiB searched, {allowed} places in locked memory")
    if scanned == 0:
        print(f"process {pid}: nothing could be read")
        return 1
    return bad


def search_files(finder, top):
    bad = 0
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                def read(offset, n):
                    f.seek(offset)
                    return f.read(n)

                for offset, what in finder.in_stream(read, os.path.getsize(path)):
                    bad += 1
                    print(f"{path}: {what} at {offset}")
    return bad


def main():
    parser = argparse.ArgumentParser()
    for option in ("--key", "--process", "--daemon", "--files"):
        parser.add_argument(option, nargs="+", action="extend", default=[])
    args = parser.parse_args()
    finder = Finder(args.key)
    bad = 0
    for pid in args.process:
        bad += search_process(finder, pid, locked_is_fine=False)
    for pid in args.daemon:
        bad += search_process(finder, pid, locked_is_fine=True)
    for top in args.files:
        bad += search_files(finder, top)
    return 1 if bad else 0


sys.exit(main())
