#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills strongroomd again and again under mixed load, and counts what survived.

    crash_rounds.py ROUNDS --data DIR --socket PATH --config FILE

In each round some processes create and update keys, grant and sign, until the
daemon is killed (SIGKILL) at a random moment.  After each start the audit log
must verify and every acknowledged key must be there as it was acknowledged; at
the end the log itself is read: each acknowledged change is recorded exactly
once, no recorded change is missing from the store, and each acknowledged
signature is recorded.
"""
import argparse
import collections
import glob
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import sr

VAULT = "strongroom://crash"
WRITERS, SIGNERS = 3, 2


def grants_vault(number):
    """Where grants are added in this round: a vault can have only so many."""
    return f"strongroom://grants{number // 10}"


def worker(seed, signs, keys, results):
    """Works until the daemon is gone; tells what was acknowledged."""
    choose = random.Random(seed)
    done = {"created": [], "granted": [], "updated": {}, "signed": collections.Counter()}
    keys = list(keys)
    try:
        with sr.Client() as client:
            while True:
                if signs and keys:
                    kid = choose.choice(keys)
                    client.call("key_sign", key=kid, alg="ES256", digest=os.urandom(32))
                    done["signed"][kid] += 1
                    # The log is verified in each round: more lines would make that slow and show no more.
                    time.sleep(choose.random() / 500)
                    continue
                what = choose.random()
                if what < 0.5 or not keys:
                    name = f"{VAULT}/keys/k{choose.randrange(40)}"
                    kid = client.call("key_create", key=name, kty="EC", crv="P-256")["key"]["kid"]
                    done["created"].append(kid)
                    keys.append(kid)
                elif what < 0.75:
                    kid = choose.choice(keys)
                    tag = f"{seed}-{choose.randrange(1 << 30)}"
                    done["updated"].pop(kid, None)      # in doubt until it is acknowledged
                    done.setdefault("doubt", set()).add(kid)
                    client.call("key_update", key=kid, set_tags=True, tags=[{"name": "t", "value": tag}])
                    done["updated"][kid] = tag
                    done["doubt"].discard(kid)
                else:
                    grant = client.call("grant_add", scope=f"{grants_vault(seed // 100)}/keys/k{choose.randrange(40)}",
                                        principal=f"uid:{choose.randrange(100000, 200000)}", role="Crypto User")
                    done["granted"].append(grant["grant"]["id"])
    except (OSError, sr.Refused) as e:
        # A refusal is no crash: it must not happen, but while the daemon stops.
        if isinstance(e, sr.Refused) and e.name not in ("Stopping", "Throttled"):
            done["refused"] = f"{e.name}: {e}"
    results.put(done)


class Rounds:
    def __init__(self, args):
        self.args = args
        self.created, self.granted = set(), set()
        self.signed = collections.Counter()
        self.log = open(args.data + ".rounds.log", "ab")

    def start(self):
        command = ["strongroomd", "--data", self.args.data, "--socket", self.args.socket, "--config", self.args.config]
        daemon = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                with sr.Client() as client:
                    status = client.call("status")
                if status["state"] != "ok":
                    raise SystemExit(f"the daemon is not well: {status}")
                return daemon
            except (OSError, ConnectionError):
                if daemon.poll() is not None:
                    raise SystemExit(f"strongroomd does not start, status {daemon.returncode}; see {self.log.name}")
                time.sleep(0.01)
        raise SystemExit("strongroomd does not answer")

    def verify(self):
        done = subprocess.run(["strongroom", "audit", "verify"], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise SystemExit(f"the audit log does not verify: {done.stdout}{done.stderr}")

    def has(self, kids):
        with sr.Client() as client:
            for kid in kids:
                try:
                    client.call("key_get", key=kid)
                except sr.Refused as e:
                    raise SystemExit(f"acknowledged, but lost: {kid}: {e}") from e

    def tags_are(self, expected):
        with sr.Client() as client:
            for kid, tag in expected.items():
                tags = client.call("key_get", key=kid)["key"].get("tags", [])
                if {"name": "t", "value": tag} not in tags:
                    raise SystemExit(f"acknowledged, but lost: tag {tag} of {kid}, which has {tags}")

    def one(self, number, daemon):
        """Load, a kill, a new start, and what must be there; returns the new daemon."""
        results = multiprocessing.Queue()
        choose = random.Random(number)
        if number % 10 == 0:
            with sr.Client() as client:
                client.call("vault_create", vault=grants_vault(number))
        recent = list(self.created)[-50:]
        workers = [multiprocessing.Process(target=worker, args=(number * 100 + i, i < SIGNERS, recent, results))
                   for i in range(SIGNERS + WRITERS)]
        for w in workers:
            w.start()
        time.sleep(choose.uniform(0.02, 0.15))
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        done = [results.get(timeout=60) for _ in workers]
        for w in workers:
            w.join()

        doubtful, tagged = set(), collections.Counter()
        for d in done:
            if "refused" in d:
                raise SystemExit(f"refused under load: {d['refused']}")
            doubtful |= d.get("doubt", set())
            tagged.update(d["updated"].keys())
            self.signed.update(d["signed"])
        daemon = self.start()
        created = [kid for d in done for kid in d["created"]]
        self.has(created)
        # Of two writers to one key nobody knows who was last.
        self.tags_are({kid: tag for d in done for kid, tag in d["updated"].items()
                       if tagged[kid] == 1 and kid not in doubtful})
        self.created.update(created)
        self.granted.update(grant for d in done for grant in d["granted"])
        self.verify()
        return daemon

    def records(self):
        for name in sorted(glob.glob(self.args.data + "/audit/*.jsonl")):
            with open(name, "rb") as f:
                for line in f:
                    yield json.loads(line)

    def all_grants(self):
        grants = set()
        with sr.Client() as client:
            for vault in {grants_vault(number) for number in range(self.args.rounds)}:
                after = {}
                while after is not None:
                    page = client.call("grant_list", scope=vault, max=200, **after)
                    grants.update(g["id"] for g in page.get("grants", []))
                    after = {"after": page["next"]} if "next" in page else None
        return grants

    def settle(self, daemon):
        """The whole log against all that was acknowledged."""
        self.has(self.created)
        grants = self.all_grants()
        lost = self.granted - grants
        if lost:
            raise SystemExit(f"acknowledged, but lost: {len(lost)} grants")
        self.verify()
        daemon.terminate()
        daemon.wait()

        changes, signed = collections.Counter(), collections.Counter()
        for index, record in enumerate(self.records()):
            if record["seq"] != index:
                raise SystemExit(f"line {index} of the log says seq {record['seq']}")
            if record["resultType"] != "Success":
                continue
            kid = record["properties"].get("id", "")
            if record["operationName"] == "KeyCreate":
                changes[kid] += 1
            elif record["operationName"] == "KeySign":
                signed[kid] += 1
        missing = [kid for kid in self.created if changes[kid] == 0]
        twice = [kid for kid, n in changes.items() if n > 1]
        unsigned = [kid for kid, n in self.signed.items() if signed[kid] < n]
        if missing or twice or unsigned:
            raise SystemExit(f"{len(missing)} changes without a record, {len(twice)} recorded twice, "
                             f"{len(unsigned)} keys with signatures that are not recorded: "
                             f"{(missing + twice + unsigned)[:3]}")
        daemon = self.start()
        self.has(kid for kid in changes if kid)
        daemon.terminate()
        daemon.wait()
        return sum(signed.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int)
    for option in ("--data", "--socket", "--config"):
        parser.add_argument(option, required=True)
    args = parser.parse_args()
    os.environ["STRONGROOM_SOCKET"] = args.socket

    rounds = Rounds(args)
    daemon = rounds.start()
    with sr.Client() as client:
        client.call("vault_create", vault=VAULT)
    for number in range(args.rounds):
        daemon = rounds.one(number, daemon)
    recorded = rounds.settle(daemon)
    print(f"{args.rounds} rounds: {len(rounds.created)} keys, {len(rounds.granted)} grants and "
          f"{sum(rounds.signed.values())} signatures acknowledged, {recorded} signatures recorded")
    return 0


sys.exit(main())
