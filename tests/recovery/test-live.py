#!/usr/bin/env python3
"""Lists and watches meters beside a copy of a recorded sysfs tree whose package counter is moved at a known power: the
watts must be that power, what stands still or vanishes must say so and never read 0, and every way to end must be an
orderly one. TAP on stdout.

usage: test-live.py CIRCBENCH SYSFS_TREE
"""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time

import bench
from tap import Tap

POWER_W = 20
TICK_S = 0.001
SHARE = 0.3 # a busy machine delays ticks


class Counter(threading.Thread):
    """Moves an energy counter at a constant power until stopped."""

    def __init__(self, zone, tick_s=TICK_S):
        super().__init__(daemon=True)
        self.tick_s = tick_s
        self.path = os.path.join(zone, "energy_uj")
        self.file = os.open(self.path, os.O_WRONLY | os.O_TRUNC)
        self.stopping, self.begun = threading.Event(), time.monotonic()
        self.tick()

    def tick(self):
        raw = int((time.monotonic() - self.begun) * POWER_W * 1e6)
        os.pwrite(self.file, b"%012d\n" % raw, 0) # always as long: no reader sees half a number

    def run(self):
        while not self.stopping.wait(self.tick_s):
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


def read_all(leader):
    """What a terminal shows until its program has ended."""
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError: # how it says so
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    return text.decode()


def check_screen(tap, machine):
    """A terminal: drawn in place."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([machine.circbench, "meters", "--watch", "--interval", "0.1", "--count", "3"],
                               cwd=machine.folder, env={**machine.environment, "TERM": "xterm"}, stdin=subprocess.DEVNULL,
                               stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    text = read_all(leader)
    process.wait(timeout=bench.TIMEOUT_S)
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


def check_slow(tap, machine, root):
    """A counter that ticks more slowly than somebody looks: an interval with a tick holds far more than its share."""
    counter = Counter(os.path.join(root, "class", "powercap", "intel-rapl", "intel-rapl:0"), 0.5)
    counter.start()
    done = machine.run("meters", "--watch", "--interval", "0.15", "--count", "24", "-o", "jsonl")
    rows = [row for row in map(json.loads, done.stdout.splitlines()) if row["channel"] == "package-0"]
    known = [row for row in rows if row["power_uw"] is not None]
    tap.ok(len(known) > 5 and all(row["bound_uw"] is not None and row["grade"] != "ok" for row in known),
           f"slow ticks: {len(known)} of {len(rows)} intervals have a power, each with a bound and marked")
    tap.ok(all(abs(row["power_uw"] / 1e6 - POWER_W) < 0.6 * POWER_W and row["bound_uw"] <= 0.51 * row["power_uw"]
               for row in known), f"near the truth: {[round(row['power_uw'] / 1e6, 1) for row in known]}")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    environment = {name: value for name, value in machine.environment.items() if name != "COLUMNS"}
    process = subprocess.Popen([machine.circbench, "meters", "--watch", "--interval", "0.15", "--count", "24"],
                               cwd=machine.folder, env={**environment, "TERM": "xterm"}, stdin=subprocess.DEVNULL,
                               stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    lines = re.sub("\033\\[[0-9]*[A-Z]", "", read_all(leader)).splitlines()
    process.wait(timeout=bench.TIMEOUT_S)
    last = ([line for line in lines if line.startswith("package-0 ") and " W" in line] or ["none"])[-1]
    watts = [float(value) for value in re.findall(r"([0-9.]+) W", last)]
    tap.ok(all(len(line) < 40 for line in lines), "40 columns hold every line")
    tap.ok(len(watts) >= 2 and all(abs(value - POWER_W) < 0.6 * POWER_W for value in watts),
           f"and the watts of now, the mean and the most: {last}")
    tap.ok(any("~" in line and "uncore" in line for line in lines), "names that are cut can be told apart")
    tap.ok(watts and abs(watts[-2] - POWER_W) < SHARE * POWER_W, "the mean counts the intervals without a tick")
    counter.stop()


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
        check_slow(tap, machine, root)
        check_absent(tap, machine)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
