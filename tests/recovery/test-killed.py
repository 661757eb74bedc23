#!/usr/bin/env python3
"""Kills a sweep outright, again and again, and resumes it: nothing committed is lost or changed, nothing comes twice.
TAP on stdout.

usage: test-killed.py CIRCBENCH
"""
import os
import random
import signal
import subprocess
import sys

import bench
from tap import Tap

# Seconds until the kill: while the file is being made, and while groups are measured.
SEEDS = {1: (0.001, 0.05, 8), 2: (0.1, 0.9, 6), 3: (0.2, 0.6, 6)}


def kill_after(machine, seconds, words):
    """Whether the sweep was still running when it was killed."""
    process = machine.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def check_after_kill(tap, path, before, what):
    """Looks at a copy: to recover the original is the next resume's."""
    path = bench.copy_of(path, path + "-copy")
    now = bench.trials(path)
    lost = [point for point in before if now.get(point) != before[point]]
    sizes = bench.group_sizes(path)
    whole = all(size == bench.IN_GROUP for size in sizes.values())
    sound = bench.rows(path, "PRAGMA integrity_check") in ([("ok",)], [])
    tap.ok(sound and whole and not lost, f"{what}: sound, {len(sizes)} whole groups, nothing lost"
           if whole and not lost else f"{what}: sound {sound}, groups {sizes}, lost or changed {lost}")
    return now


def check_seed(tap, machine, seed):
    draw = random.Random(seed)
    low, high, kills = SEEDS[seed]
    name = f"killed-{seed}.db"
    words, path, before = [*bench.SWEEP, "--seed", str(seed), "--db", name, "--resume"], machine.path(name), {}
    tap.note(f"seed {seed}: {kills} kills between {low} and {high} s")
    for number in range(1, kills + 1):
        seconds = draw.uniform(low, high)
        if not kill_after(machine, seconds, words):
            tap.note(f"seed {seed}: done before kill {number}")
            break
        before = check_after_kill(tap, path, before, f"seed {seed}, kill {number} after {seconds:.3f} s")
    final = machine.run(*words, "-q")
    tap.same(final.returncode, 0, f"seed {seed}: the last resume ends with 0")
    tap.note(final.stderr if final.returncode else "")
    tap.ok(all(bench.trials(path).get(point) == trial for point, trial in before.items()),
           f"seed {seed}: the {len(before)} points from before the last resume are as they were")
    tap.none(bench.complaints(path), f"seed {seed}: one campaign, every point once, integrity_check ok")
    again = machine.run(*words)
    tap.ok(again.returncode == 0 and "every point" in again.stderr,
           f"seed {seed}: another resume finds nothing to do")
    tap.none(bench.complaints(path), f"seed {seed}: and changes nothing")
    tap.ok(not os.path.exists(path + "-wal"), f"seed {seed}: no side file is left")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        for seed in SEEDS:
            check_seed(tap, machine, seed)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
