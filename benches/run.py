#!/usr/bin/env python3
"""What `pds run -- true` costs here, as a ratio to `/usr/bin/env true`.

    cargo ship && benches/run.py
    benches/run.py --pds PATH --secrets 1,10,100,1000 --pairs 200

Both programs are started in turn, in an order drawn anew for each pair, and what
is printed is the median of the ratios of the pairs: whatever else the machine does
meanwhile meets both halves of a pair. The daemon is warm and the profile unlocked.
`noise` is the same for `env true` against itself, and says how far from 1.00 a
ratio is without any reason. Each measured run stands between `posix_spawn` and
`wait4`, so the ratios hold everything from the loader to the exit of `true`.

`peak` is the most memory that the launcher itself had in RAM. `ru_maxrss` would
not tell it: it goes on over `execve`, so it holds the peak of the process that was
forked (this one) and of the command. VmHWM of /proc/PID/status belongs to one
address space, and `execve` makes a new one. So a traced launcher is stopped at
each system call and its VmHWM read, the last time at the `execve` that makes it
`true`. Only that one run is traced, and none that is timed.
"""

import argparse
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENV_TRUE = ["/usr/bin/env", "true"]
WARM_UP_PAIRS = 20
PAIRS_MIN = 200

# ptrace(2), linux/ptrace.h
PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 24, 0x4200
PTRACE_O_TRACEEXEC, PTRACE_O_EXITKILL, PTRACE_EVENT_EXEC = 0x10, 0x100000, 4


class Room:
    """A throwaway home with one unlocked vault and a project that asks for all of it."""

    def __init__(self, pds: str, secrets: int):
        self.pds = pds
        self.folder = Path(tempfile.mkdtemp(prefix="pdsbench"))
        self.project = self.folder / "project"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "PDS_HOME": str(self.folder / "home"),
            "LANG": "C",
            "TERM": "dumb",
        }
        self.secrets = secrets

    def __enter__(self) -> "Room":
        try:
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            subprocess.run([self.pds, "stop"], env=self.environment, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self) -> None:
        self.project.mkdir()
        password = self.folder / "password"
        password.write_text(os.urandom(16).hex())
        values = {f"k{i}": os.urandom(32).hex() for i in range(self.secrets)}
        (self.folder / "values.json").write_text(json.dumps(values))
        self.do("init", "--password-file", str(password))
        self.do("import", str(self.folder / "values.json"))
        rows = "".join(f'K{i} = "k{i}"\n' for i in range(self.secrets))
        (self.project / "pds.toml").write_text(f"pds = 1\n[secrets]\n{rows}")
        self.do("allow")

    def do(self, *arguments: str) -> None:
        done = subprocess.run(
            [self.pds, *arguments], cwd=self.project, env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"bench: `pds {' '.join(arguments)}` failed:\n{done.stderr}")


def seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment)
    _, status = os.waitpid(child, 0)
    taken = time.perf_counter() - begun
    if status:
        sys.exit(f"bench: {command} ended with wait status {status}")
    return taken


def ratios(first: list[str], second: list[str], environment: dict[str, str], pairs: int):
    """The ratio of `second` to `first` for each pair, and what each of them took."""
    found = []
    for number in range(-WARM_UP_PAIRS, pairs):
        if random.random() < 0.5:
            a = seconds(first, environment)
            b = seconds(second, environment)
        else:
            b = seconds(second, environment)
            a = seconds(first, environment)
        if number >= 0:
            found.append((b / a, a, b))
    return found


def peak_kib(command: list[str], environment: dict[str, str]) -> int:
    """VmHWM of `command` at the moment it becomes another program."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long

    def trace(request: int, child: int, data: int = 0) -> None:
        if libc.ptrace(request, child, None, data):
            raise OSError(ctypes.get_errno(), "ptrace")

    child = os.fork()
    if child == 0:
        try:
            trace(PTRACE_TRACEME, 0)
            os.execve(command[0], command, environment)
        finally:
            os._exit(125)
    os.waitpid(child, 0)  # stopped in its first execve, which makes it `command`
    trace(PTRACE_SETOPTIONS, child, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
    peak, deliver = 0, 0
    while True:
        trace(PTRACE_SYSCALL, child, deliver)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            raise OSError(f"it never became another program: wait status {status}")
        if status >> 8 == signal.SIGTRAP | PTRACE_EVENT_EXEC << 8:
            break
        stopped_by = os.WSTOPSIG(status)
        deliver = 0 if stopped_by == signal.SIGTRAP else stopped_by
        text = Path(f"/proc/{child}/status").read_text()
        peak = int(text.split("VmHWM:")[1].split()[0])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return peak


def shipped() -> str:
    """The program that `cargo ship` makes."""
    root = Path(__file__).resolve().parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    built = sorted(target.glob("*/release/pds"), key=lambda path: path.stat().st_mtime)
    if not built:
        sys.exit("bench: no program is built\nbench: hint: cargo ship")
    return str(built[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pds", help="the program; what `cargo ship` made if not given")
    parser.add_argument("--secrets", default="1,10,100,1000", help="how many, with commas between")
    parser.add_argument("--pairs", type=int, default=PAIRS_MIN, help=f"at least {PAIRS_MIN}")
    options = parser.parse_args()
    pds = os.path.abspath(options.pds or shipped())
    pairs = max(options.pairs, PAIRS_MIN)
    run_true = [pds, "run", "--", "true"]
    print(f"{pds}, {pairs} pairs each")
    print(f"{'secrets':>7}  {'ratio':>6}  {'p90':>6}  {'noise':>6}  {'env µs':>7}  {'pds µs':>7}  {'peak KiB':>8}")
    for secrets in map(int, options.secrets.split(",")):
        with Room(pds, secrets) as room:
            os.chdir(room.project)
            measured = ratios(ENV_TRUE, run_true, room.environment, pairs)
            noise = ratios(ENV_TRUE, ENV_TRUE, room.environment, pairs)
            try:
                peak = str(peak_kib(run_true, room.environment))
            except OSError as error:
                peak = f"? ({error})"
            os.chdir("/")
        ratio, env, own = (statistics.median(column) for column in zip(*measured))
        tail = statistics.quantiles([pair[0] for pair in measured], n=10)[-1]
        even = statistics.median(pair[0] for pair in noise)
        print(
            f"{secrets:>7}  {ratio:6.3f}  {tail:6.3f}  {even:6.3f}  {env * 1e6:7.0f}  {own * 1e6:7.0f}  {peak:>8}",
            flush=True,
        )


if __name__ == "__main__":
    main()
