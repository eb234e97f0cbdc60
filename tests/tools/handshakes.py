#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Full TLS handshakes against a server on loopback, from several threads.

    handshakes.py PORT --count N | --until FILE  [--tls 1.2|1.3] [--threads N] [--ca FILE]

Prints one line, such as "ok=1000 failed=0 slowest_ms=41", where slowest counts
failures too; the first failures go to stderr.  Status 0 if none failed.
--until: goes on until FILE exists.  No session is ever resumed.
"""
import argparse
import os
import socket
import ssl
import sys
import threading
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--until")
    parser.add_argument("--tls", choices=["1.2", "1.3"], default="1.3")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--ca")
    parser.add_argument("--timeout", type=float, default=60)
    return parser.parse_args()


class Load:
    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.left = args.count
        self.ok = self.failed = 0
        self.slowest = 0.0
        self.errors = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        version = ssl.TLSVersion.TLSv1_2 if args.tls == "1.2" else ssl.TLSVersion.TLSv1_3
        self.context.minimum_version = self.context.maximum_version = version
        if args.ca:
            self.context.load_verify_locations(args.ca)
        else:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def more(self):
        if self.args.until:
            # the second: whoever would make the file is gone
            return not os.path.exists(self.args.until) and os.path.isdir(os.path.dirname(self.args.until))
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def handshake(self):
        with socket.create_connection(("127.0.0.1", self.args.port), timeout=self.args.timeout) as tcp:
            with self.context.wrap_socket(tcp, server_hostname="localhost"):
                pass

    def run(self):
        while self.more():
            start = time.monotonic()
            error = None
            try:
                self.handshake()
            except OSError as e:
                error = e
            took = time.monotonic() - start
            with self.lock:
                self.slowest = max(self.slowest, took)
                if error is None:
                    self.ok += 1
                    continue
                self.failed += 1
                if len(self.errors) < 5:
                    self.errors.append(f"after {took * 1000:.0f} ms: {error}")
            time.sleep(0.02)


def main():
    args = arguments()
    load = Load(args)
    threads = [threading.Thread(target=load.run) for _ in range(args.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in load.errors:
        print(error, file=sys.stderr)
    print(f"ok={load.ok} failed={load.failed} slowest_ms={load.slowest * 1000:.0f}")
    return 0 if load.ok and not load.failed else 1


sys.exit(main())
