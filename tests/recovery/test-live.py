#!/usr/bin/env python3
"""Lists and watches meters beside a copy of a recorded sysfs tree whose package counter is moved at a known power: the
watts must be that power, what stands still or vanishes must say so and never read 0, and every way to end must be an
orderly one. TAP on stdout.

usage: test-live.py CIRCBENCH SYSFS_TREE
"""
import json
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import bench
from tap import Tap

POWER_W = 20
TICK_S = 0.001
SHARE = 0.3 # a busy machine delays ticks


class Counter(threading.Thread):
    """Moves an energy counter at a constant power until stopped."""

    def __init__(self, zone):
        super().__init__(daemon=True)
        self.path = os.path.join(zone, "energy_uj")
        self.file = os.open(self.path, os.O_WRONLY | os.O_TRUNC)
        self.stopping, self.begun = threading.Event(), time.monotonic()
        self.tick()

    def tick(self):
        raw = int((time.monotonic() - self.begun) * POWER_W * 1e6)
        os.pwrite(self.file, b"%012d\n" % raw, 0) # always as long: no reader sees half a number

    def run(self):
        while not self.stopping.wait(TICK_S):
            self.tick()

    def stop(self):
        self.stopping.set()
        self.join()
        os.close(self.file)


def check_rows(tap, machine):
    """The rows of a script."""
    done = machine.run("meters", "--watch", "--interval", "0.1", "--count", "12", "-o", "jsonl")
    tap.same(done.returncode, 0, "--watch --count ends by itself")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    moving = [row for row in rows if row["channel"] == "package-0"]
    tap.same(len(moving), 12, "a row an interval")
    watts = [row["power_uw"] / 1e6 for row in moving if row["power_uw"] is not None]
    median = statistics.median(watts) if watts else 0
    tap.ok(abs(median - POWER_W) < SHARE * POWER_W, f"package-0: {median:.2f} W where {POWER_W} W is true")
    still = [row for row in rows if row["channel"] != "package-0"]
    tap.ok(still and all(row["power_uw"] is None and row["grade"] == "no_tick" and row["reason"] for row in still),
           "a counter that stands still has no power, and says why")
    tap.ok(all(row["kind"] == "emulated" for row in rows), "every row says that it is emulated")
    steps = [b["t_ns"] - a["t_ns"] for a, b in zip(moving, moving[1:])]
    tap.ok(all(step > 0 for step in steps) and abs(moving[0]["t_ns"] / 1e9 - time.time()) < 60,
           "times are of the epoch, and rise")
    tap.ok("emulated" in done.stderr, "a warning says it too")


def check_lines(tap, machine):
    """The lines of a person whose output goes into a file."""
    done = machine.run("meters", "--watch", "--interval", "0.1", "--count", "3")
    lines = done.stdout.splitlines()
    tap.ok(done.returncode == 0 and len(lines) == 3 and all("package-0 " in line and " W" in line for line in lines) and
           "\033" not in done.stdout, f"a plain line an interval: {lines[-1:]}")
    tap.ok(all("(emulated)" in line and " 0 W" not in line for line in lines), "marked, and nothing reads 0 W")


def check_interrupt(tap, machine):
    process = machine.start("meters", "--watch", "--interval", "0.05", "-o", "json")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=bench.TIMEOUT_S)
    tap.same(process.returncode, 0, "Ctrl-C ends it in order")
    try:
        tap.ok(json.loads(out), "and what was printed is whole JSON")
    except ValueError as error:
        tap.ok(False, f"and what was printed is whole JSON: {error}")
    process = machine.start("meters", "--watch", "--interval", "3600")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=bench.TIMEOUT_S)
    tap.same(process.returncode, 0, "also in the middle of a long interval")


def check_closed(tap, machine):
    """Somebody who reads a line and goes."""
    line = f"'{machine.circbench}' meters --watch --interval 0.05 | head -1; exit ${{PIPESTATUS[0]}}"
    done = machine.run("bash", "-c", line, program=True)
    tap.ok(done.returncode == 0 and done.stdout.count("\n") == 1, "a reader that goes ends it")


def check_screen(tap, machine):
    """A terminal: drawn in place."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([machine.circbench, "meters", "--watch", "--interval", "0.1", "--count", "3"],
                               cwd=machine.folder, env={**machine.environment, "TERM": "xterm"}, stdin=subprocess.DEVNULL,
                               stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError: # how a terminal says that its program has ended
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    process.wait(timeout=bench.TIMEOUT_S)
    text = text.decode()
    tap.ok(process.returncode == 0 and text.count("channel") == 3 and "\033[" in text, "a terminal is drawn anew in place")
    tap.ok("package-0" in text and "no_tick" in text and "emulated" in text, "with every channel, marked")


def check_vanished(tap, machine, counter):
    """A zone whose file is gone, or holds no number, while it is watched."""
    process = machine.start("meters", "--watch", "--interval", "0.1", "-o", "jsonl", "--count", "20")
    time.sleep(1)
    counter.stop()
    os.truncate(counter.path, 0)
    out, _ = process.communicate(timeout=bench.TIMEOUT_S)
    rows = [row for row in map(json.loads, out.splitlines()) if row["channel"] == "package-0"]
    tap.same((process.returncode, len(rows)), (0, 20), "it goes on when a reading fails")
    tap.ok(rows[-1]["grade"] == "lost" and rows[-1]["power_uw"] is None and rows[-1]["reason"],
           f"and the row says so: {rows[-1]['reason']}")


def check_absent(tap, machine):
    os.mkdir(machine.path("empty"))
    machine.environment["CIRCBENCH_SYSFS"] = machine.path("empty")
    done = machine.run("meters", "--watch", "--count", "1")
    tap.ok(done.returncode == 3 and not done.stdout and "no energy counter" in done.stderr,
           f"without a meter there is nothing to watch: {done.stderr.strip()}")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    root = machine.path("moving")
    try:
        shutil.copytree(os.path.abspath(sys.argv[2]), root, symlinks=True)
        counter = Counter(os.path.join(root, "class", "powercap", "intel-rapl", "intel-rapl:0"))
        counter.start()
        machine.environment["CIRCBENCH_SYSFS"] = root
        check_rows(tap, machine)
        check_lines(tap, machine)
        check_interrupt(tap, machine)
        check_closed(tap, machine)
        check_screen(tap, machine)
        check_vanished(tap, machine, counter)
        check_absent(tap, machine)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
