#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a service as systemd would: sockets from descriptor 3 on, a NOTIFY_SOCKET.

    like_systemd.py --listen PATH|@NAME... [--on-demand] -- COMMAND...

Prints each line that the service notifies.  --on-demand: the service is started
when a client comes.  SIGTERM is passed on; ends as the service does.
"""
import argparse
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading

FIRST = 3       # SD_LISTEN_FDS_START


def listeners(names):
    """Listening sockets on descriptors FIRST and following, inheritable."""
    sockets = []
    for name in names:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind("\0" + name[1:] if name.startswith("@") else name)
        if not name.startswith("@"):
            os.chmod(name, 0o666)
        s.listen(128)
        sockets.append(s)
    return sockets


def start(command, sockets, notify):
    # The service's pid is known only in it: a shell writes it and becomes the service.
    shell = 'LISTEN_PID=$$ exec "$@"'
    env = dict(os.environ, LISTEN_FDS=str(len(sockets)), NOTIFY_SOCKET=notify)

    def place():
        high = [os.dup2(s.fileno(), 100 + i, inheritable=False) for i, s in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST + i, inheritable=True)

    return subprocess.Popen(["/bin/sh", "-c", shell, "sh"] + command, env=env, close_fds=False, preexec_fn=place)


def print_notifications(receiver):
    while True:
        for line in receiver.recv(4096).decode().splitlines():
            print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", action="append", default=[])
    parser.add_argument("--on-demand", action="store_true")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        notify = os.path.join(directory, "notify")
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(notify)
        threading.Thread(target=print_notifications, args=(receiver,), daemon=True).start()
        sockets = listeners(args.listen)
        if args.on_demand:
            select.select(sockets, [], [])
        service = start(args.command, sockets, notify)
        signal.signal(signal.SIGTERM, lambda *_: service.terminate())
        return service.wait()


sys.exit(main())
