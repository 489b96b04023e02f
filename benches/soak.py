#!/usr/bin/env python3
"""Random operations and random kills, for an hour, against a model of what must be there.

    benches/soak.py [--seconds N] [--seed N] [--pds target/debug/pds]

Workers set, delete, rename, get, run, lock and unlock, each on keys of its own; now and then
a launcher is killed in the middle, and now and then the daemon. After each kill and all along:

  - what was acknowledged is there, and what was in the air is there whole or not at all;
  - a run gets exactly the values that it asked for;
  - the audit trail verifies at the end;
  - the daemon's memory, locked memory and descriptors do not grow, and no file stays behind
    below its folders that was not there after the first lap.

Ends with 0, or says what went wrong and how to see it again.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

WORKERS = 4
KEYS_A_WORKER = 12
PASSWORD = b"correct horse battery staple\n"
# What may be held on top of the first lap: one message, and what allocators keep.
SLACK_KIB = 24 << 10
ABSENT = None


class Failed(Exception):
    """What should never be."""


class Soak:
    def __init__(self, pds, home, seed):
        self.pds, self.home = pds, home
        self.random = random.Random(seed)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": home, "PDS_HOME": home + "/p"}
        self.counts = collections.Counter()
        self.stop = threading.Event()
        self.failure = None
        # Since a kill or a lock, until everything is unlocked again.
        self.disturbed = threading.Event()
        self.gate = Gate()

    def start(self, *arguments, stdin=subprocess.DEVNULL):
        return subprocess.Popen([self.pds, *arguments], env=self.environment,
            cwd=self.home + "/w", stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def call(self, *arguments, value=None, kill_after=None):
        """Status, output, what was said; the status is None if it was killed in the middle."""
        child = self.start(*arguments, stdin=subprocess.PIPE if value is not None
                           else subprocess.DEVNULL)
        if kill_after is None:
            out, said = child.communicate(value, timeout=120)
            return child.returncode, out, said.decode()
        try:
            if value is not None:
                child.stdin.write(value)
                child.stdin.close()
        except BrokenPipeError:
            pass
        time.sleep(kill_after)
        child.kill()
        child.stdin = None
        out, said = child.communicate()
        status = None if child.returncode == -signal.SIGKILL else child.returncode
        return status, out, said.decode()

    def unlock(self):
        status, _, said = self.call("unlock", "--password-file", self.home + "/password")
        if status != 0:
            raise Failed(f"unlock: {status} {said}")

    def daemon(self):
        try:
            lines = subprocess.run([self.pds, "status", "--json"], env=self.environment,
                                   cwd=self.home + "/w", capture_output=True, timeout=60).stdout
            return json.loads(lines)["daemon"]["pid"]
        except (ValueError, KeyError, TypeError):
            return None

    def measure(self):
        """KiB resident, KiB locked, descriptors, files of the daemon now."""
        pid = self.daemon()
        fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
        kib = lambda name: int(fields[name].split()[0])
        try:
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        except PermissionError:
            descriptors = 0  # it is not dumpable; only root may count
        return pid, kib("VmRSS"), kib("VmLck"), descriptors


    def growth(self, daemons):
        """By how much the daemon has grown since the first lap that it saw the end of."""
        pid, *now = self.measure()
        grown = [b - a for a, b in zip(daemons.setdefault(pid, now), now)]
        if grown[0] > SLACK_KIB or grown[1] > SLACK_KIB or grown[2] > 2:
            raise Failed(f"the daemon grows: {daemons[pid]} to {now}")
        return grown


class Worker(threading.Thread):
    """Does things with its own keys, and knows of each what may be in it."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.number = soak, number
        self.random = random.Random(soak.random.random())
        # Each key to the set of what it may be: one thing, or two after a kill.
        self.model = {f"w{number}/k{n}": {ABSENT} for n in range(KEYS_A_WORKER)}
        # What was in the air when its launcher was killed: the daemon may come to it later than
        # to what is asked next, so until all is quiet each of these may still come.
        self.in_the_air = {key: set() for key in self.model}
        self.serial = 0

    def run(self):
        while not self.soak.stop.is_set() and self.soak.failure is None:
            try:
                with self.soak.gate:
                    self.one()
            except Exception as error:  # noqa: BLE001 - whatever it is, the soak has failed
                self.soak.failure = error
                return

    def one(self):
        key = self.random.choice(list(self.model))
        todo = self.random.choices(
            [self.set, self.get, self.delete, self.rename, self.run_all, self.list],
            [5, 6, 2, 1, 3, 1])[0]
        todo(key)
        self.soak.counts[todo.__name__] += 1

    def changed(self, status, said, after, may_fail=(0,)):
        """The model after a change that ended so. `after` is {key: value}."""
        if status == 0:
            for key, value in after.items():
                self.model[key] = {value} | self.in_the_air[key]
        elif status is None or self.was_cut_off(status):
            # Killed, or its daemon was: it was done or it was not.
            for key, value in after.items():
                self.in_the_air[key].add(value)
                self.model[key] = self.model[key] | {value}
            self.soak.counts["cut off"] += 1
        elif status not in may_fail:
            raise Failed(f"{self.number}: {status} {said}")

    def was_cut_off(self, status):
        return self.soak.disturbed.is_set() and status in (1, 3, 6, 125)

    def kill_after(self):
        return self.random.uniform(0, 0.06) if self.random.random() < 0.08 else None

    def set(self, key):
        self.serial += 1
        length = self.random.choice([0, 10, 1_000, 70_000])
        value = f"{key} {self.serial} ".encode() + self.random.randbytes(length)
        status, _, said = self.soak.call("set", key, "--stdin", "--no-prompt", value=value,
                                         kill_after=self.kill_after())
        # Killed before all was written, pds has not sent anything.
        self.changed(status, said, {key: value})

    def delete(self, key):
        status, _, said = self.soak.call("delete", key, "--no-prompt",
                                         kill_after=self.kill_after())
        if status == 4 and ABSENT not in self.model[key]:
            raise Failed(f"{key} was acknowledged and is not there to be deleted")
        if status == 4:
            self.saw(key, ABSENT)
        else:
            self.changed(status, said, {key: ABSENT})

    def rename(self, key):
        other = self.random.choice([k for k in self.model if k != key])
        if len(self.model[key]) != 1 or len(self.model[other]) != 1:
            return  # which of them it was could not be told afterwards
        (value,), (there,) = self.model[key], self.model[other]
        status, _, said = self.soak.call("rename", key, other, "--no-prompt")
        if status == 0 and (value is ABSENT or there is not ABSENT):
            raise Failed(f"{key} was renamed to {other}, which can't be")
        if status == 4 and value is not ABSENT and not self.soak.disturbed.is_set():
            raise Failed(f"{key} was acknowledged and is not there to be renamed")
        self.changed(status, said, {key: ABSENT, other: value}, may_fail=(1, 4))

    def get(self, key):
        status, out, said = self.soak.call("get", key, "--no-prompt")
        if status == 0:
            self.saw(key, out)
        elif status == 4:
            self.saw(key, ABSENT)
        elif not self.was_cut_off(status):
            raise Failed(f"get {key}: {status} {said}")

    def saw(self, key, value):
        if value not in self.model[key]:
            shown = [None if v is None else v[:30] for v in self.model[key]]
            raise Failed(f"{key} is {value if value is None else value[:30]}, not of {shown}")
        self.model[key] = {value} | self.in_the_air[key]

    def settle(self):
        """All is quiet: what is there now stays."""
        for key in self.model:
            self.in_the_air[key] = set()
            self.get(key)

    def run_all(self, _):
        known = [k for k, may in self.model.items()
                 if len(may) == 1 and (v := next(iter(may))) is not ABSENT
                 and len(v) < 100 and b"\0" not in v]
        arguments = [part for n, k in enumerate(known) for part in ("-e", f"S{n}={k}")]
        if not known:
            return
        status, out, said = self.soak.call("run", "--no-prompt", *arguments, "--", "printenv", "-0",
                                           *(f"S{n}" for n in range(len(known))),
                                           kill_after=self.kill_after())
        if status == 0:
            for key, value in zip(known, out.split(b"\0")):
                if value not in self.model[key]:
                    raise Failed(f"run got {value} for {key}, not one of {self.model[key]}")
            if out.count(b"\0") != len(known):
                raise Failed("run got another number of values than it asked for")
        elif status is not None and not self.was_cut_off(status):
            raise Failed(f"run: {status} {said}")

    def list(self, _):
        status, out, said = self.soak.call("list", "--no-prompt")
        if status != 0:
            if not self.was_cut_off(status):
                raise Failed(f"list: {status} {said}")
            return
        names = set(out.decode().split())
        for key, may in self.model.items():
            if key in names and may == {ABSENT} or key not in names and ABSENT not in may:
                raise Failed(f"list and model differ about {key}")


class Gate:
    """Many readers, and a writer that waits for them. In Python's library there is none."""

    def __init__(self):
        self.condition = threading.Condition()
        self.inside, self.closed = 0, False

    def __enter__(self):
        with self.condition:
            self.condition.wait_for(lambda: not self.closed)
            self.inside += 1

    def __exit__(self, *_):
        with self.condition:
            self.inside -= 1
            self.condition.notify_all()

    def close(self):
        with self.condition:
            self.closed = True
            self.condition.wait_for(lambda: self.inside == 0)

    def open(self):
        with self.condition:
            self.closed = False
            self.condition.notify_all()


def lap(soak, gate, workers, seconds, kills):
    """Lets them work, with a lock or a kill in between; ends with everybody outside."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and soak.failure is None:
        time.sleep(min(soak.random.uniform(0.3, 2.0), max(0, until - time.monotonic())))
        what = soak.random.choices(["kill the daemon", "lock", "nothing"], [2 * kills, 2, 3])[0]
        if what == "kill the daemon":
            pid = soak.daemon()
            soak.disturbed.set()
            if pid:
                os.kill(pid, signal.SIGKILL)
        elif what == "lock":
            soak.disturbed.set()
            soak.call("lock")
        else:
            continue
        soak.counts[what] += 1
        gate.close()
        soak.unlock()
        soak.disturbed.clear()
        gate.open()
    gate.close()
    if soak.failure is not None:
        raise soak.failure
    # Whatever a killed launcher has sent, the daemon has come to by the time of this.
    for _ in range(2):
        soak.call("set", "last", "--stdin", value=b"of this lap")
    for worker in workers:
        worker.settle()


def files_below(folder):
    """Every file but those of the audit trail and the log, which grow in number by design."""
    return {os.path.join(root, name) for root, _, names in os.walk(folder) for name in names
            if "/audit" not in root and not name.startswith("log")}


def soak_for(soak, seconds):
    os.mkdir(soak.home + "/w")
    os.mkdir(soak.home + "/p", 0o700)
    with open(soak.home + "/password", "wb") as file:
        file.write(PASSWORD)
    status, _, said = soak.call("init", "--password-file", soak.home + "/password")
    if status != 0:
        raise Failed(said)
    os.remove(soak.home + "/w/pds.toml")
    gate = soak.gate
    workers = [Worker(soak, number) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    # Half of the time nobody kills the daemon, so that one lives long enough to leak.
    block = max(3, seconds // 120)
    end, laps, files, daemons, growth = time.monotonic() + seconds, 0, None, {}, [(0, 0, 0)]
    while time.monotonic() < end:
        lap(soak, gate, workers, min(10, max(1, seconds / 6)), laps // block % 2)
        now = files_below(soak.home + "/p")
        if files is not None and now - files:
            raise Failed(f"files stay behind: {sorted(now - files)}")
        files = files or now
        growth.append(soak.growth(daemons))
        laps += 1
        gate.open()
    soak.stop.set()
    for worker in workers:
        worker.join(60)
    status, out, said = soak.call("audit", "verify")
    if status != 0:
        raise Failed(f"audit verify: {status} {out.decode()} {said}")
    print(f"{laps} laps, {dict(soak.counts)}")
    print("the most that a daemon grew by after its first lap: "
          "{} KiB resident, {} KiB locked, {} descriptors".format(*map(max, zip(*growth))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--pds", default="target/debug/pds")
    options = parser.parse_args()
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pds-soak.") as home:
        soak = Soak(os.path.abspath(options.pds), home, options.seed)
        try:
            soak_for(soak, options.seconds)
        except Failed as error:
            print(f"failed: {error}\nagain: {sys.argv[0]} --seed {options.seed} "
                  f"--seconds {options.seconds}", file=sys.stderr)
            return 1
        finally:
            soak.stop.set()
            soak.call("stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
