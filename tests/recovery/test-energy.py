#!/usr/bin/env python3
"""Sweeps beside a copy of a recorded sysfs tree whose package counter is moved at a known power, wrap included: the
joules must be the difference of its readings. Then beside trees that give none: the rows must say why. TAP on stdout.

usage: test-energy.py CIRCBENCH SYSFS_TREE
"""
import os
import shutil
import statistics
import sys
import threading
import time

import bench
from tap import Tap

POWER_W = 20
TICK_S = 0.001
BEFORE_WRAP_UJ = 45_000_000 # it wraps 2.25 s after the start
WORDS = ["sweep", "-w", "fc:256x256", "-s", "dense,circulant", "-k", "16", "-t", "1", "-r", "5", "--min-time", "0.05",
         "--timeout", "40", # a busy machine delays the counter's ticks, and longer windows make up for it
         "--max-noise", "1", "-q", "-o", "csv"]


class Counter(threading.Thread):
    """Moves an energy counter at a constant power until stopped."""

    def __init__(self, zone):
        super().__init__()
        with open(os.path.join(zone, "max_energy_range_uj"), encoding="ascii") as file:
            self.range = int(file.read())
        self.file = os.open(os.path.join(zone, "energy_uj"), os.O_WRONLY | os.O_TRUNC)
        self.stopping, self.ticks, self.wraps = threading.Event(), 0, 0
        self.begun = time.monotonic()
        self.tick()

    def tick(self):
        raw = self.range - BEFORE_WRAP_UJ + int((time.monotonic() - self.begun) * POWER_W * 1e6)
        self.wraps = raw // self.range
        os.pwrite(self.file, b"%012d\n" % (raw % self.range), 0) # always as long: no reader sees half a number
        self.ticks += 1

    def run(self):
        while not self.stopping.wait(TICK_S):
            self.tick()

    def stop(self):
        self.stopping.set()
        self.join()
        os.close(self.file)
        return self.ticks / (time.monotonic() - self.begun)


def near(got, want, share):
    return got is not None and abs(got - want) <= share * want


def results(path):
    return bench.rows(path, """SELECT trial, structure, batch, time_ns_median, energy_uj_per_frame, energy_uj_ci_low,
        energy_uj_ci_high, energy_kind, energy_quality, energy_source, energy_scope, energy_reason, idle_power_uw,
        frames_per_j, energy_gain_vs_dense, kind, status FROM v_result ORDER BY structure DESC""")


def check_point(tap, path, row, dense, wrap):
    if row[-1] == "absent":
        tap.skip("this build has no BLAS", f"{row[1]}: joules")
        return
    (trial, structure, batch, time_ns, joules, low, high, kind, quality, source, scope, reason, idle, per_joule, gain,
     time_kind, status) = row
    tap.same((status, time_kind, kind, quality, scope), ("ok", "emulated", "emulated", "ok", "package"),
             f"{structure}: kinds, quality and scope")
    tap.ok(source.startswith("powercap") and not reason, f"{structure}: from {source}, with no excuse ({reason})")
    windows = bench.rows(path, f"SELECT duration_ns, frames, energy_uj FROM energy_window WHERE trial = '{trial}' "
                               "AND channel = 'package-0' AND NOT idle AND grade = 'ok' ORDER BY number")
    tap.ok(len(windows) >= 5 and all(ns >= 1e9 for ns, _, _ in windows), f"{structure}: {len(windows)} windows of 1 s")
    raw = bench.rows(path, f"SELECT energy_uj - (raw_end - raw_start + (raw_end < raw_start) * {wrap}) FROM energy_window "
                           f"WHERE trial = '{trial}' AND channel = 'package-0' AND grade = 'ok'")
    tap.ok(all(abs(difference) < 1 for difference, in raw), f"{structure}: each is the difference of its readings, wrap included")
    off = [uj / (ns * POWER_W / 1e3) - 1 for ns, _, uj in windows]
    tap.note(f"{structure}: worst {100 * max(map(abs, off)):.2f} % off {POWER_W} W, which a busy machine delays")
    tap.ok(near(joules, statistics.median(uj / frames for _, frames, uj in windows), 1e-6) and low <= joules <= high,
           f"{structure}: joules a frame are their median, inside the interval")
    ratio = joules / (POWER_W * time_ns / batch / 1e3)
    tap.note(f"{structure}: {joules:.4g} uJ a frame, {ratio:.3f} of power times the time pass's time")
    resting = bench.rows(path, f"SELECT energy_uj * 1e9 / duration_ns FROM energy_window WHERE trial = '{trial}' "
                               "AND channel = 'package-0' AND idle")
    tap.ok(len(resting) == 2 and near(idle, statistics.mean(uw for (uw,) in resting), 1e-6),
           f"{structure}: idle power is the mean of the windows before and after")
    tap.ok(near(per_joule, 1e6 / joules, 1e-6), f"{structure}: frames a joule")
    tap.ok((gain is not None) == dense, f"{structure}: energy against dense ({gain})")
    others = bench.rows(path, f"SELECT channel, grade, energy_uj FROM energy_window WHERE trial = '{trial}' "
                              "AND channel <> 'package-0'")
    tap.ok(others and all(grade == "no_tick" and uj is None for _, grade, uj in others),
           f"{structure}: the channels that stood still have no joules")


def check_moving(tap, machine, tree):
    root = machine.path("moving")
    shutil.copytree(tree, root, symlinks=True)
    zone = os.path.join(root, "class", "powercap", "intel-rapl", "intel-rapl:0")
    counter = Counter(zone)
    counter.start()
    machine.environment["CIRCBENCH_SYSFS"] = root
    done = machine.run(*WORDS, "--db", "moving.db")
    tap.note(f"{counter.stop():.0f} ticks a second, {counter.wraps} wrap")
    if not tap.same(done.returncode, 0, "a sweep beside a moving counter"):
        tap.note(done.stderr)
    rows = results(machine.path("moving.db"))
    tap.same(len(rows), 2, "two points")
    for row in rows:
        check_point(tap, machine.path("moving.db"), row, dense=rows[0][-1] == "ok", wrap=counter.range)
    tap.ok(counter.wraps >= 1, "the counter wrapped in between")


def check_none(tap, machine, name, root, words, sentence):
    """A sweep that gets no joules."""
    machine.environment["CIRCBENCH_SYSFS"] = root
    done = machine.run(*WORDS, *words, "--db", name + ".db")
    if not tap.same(done.returncode, 0, f"{name}: the sweep"):
        tap.note(done.stderr)
    rows = bench.rows(machine.path(name + ".db"), """SELECT status, time_ns_median IS NULL, energy_uj_per_frame,
        energy_kind, energy_quality, frames_per_j, energy_reason FROM v_result
        WHERE status <> 'absent' OR structure <> 'dense'""")
    tap.ok(rows and all(row[:6] == ("ok", 0, None, None, None, None) for row in rows),
           f"{name}: times, and NULL for joules")
    tap.ok(all(sentence in (row[6] or "") for row in rows), f"{name}: every row says why")
    tap.note(rows[0][6] if rows else "no rows")


def main():
    tap, machine, tree = Tap(), bench.Bench(sys.argv[1]), os.path.abspath(sys.argv[2])
    try:
        check_moving(tap, machine, tree)
        check_none(tap, machine, "still", tree, [], "package-0 did not move")
        os.mkdir(machine.path("empty"))
        check_none(tap, machine, "empty", machine.path("empty"), [], "no energy counter")
        check_none(tap, machine, "not-asked", tree, ["--meters", "none"], "not asked for")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
