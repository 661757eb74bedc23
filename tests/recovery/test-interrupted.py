#!/usr/bin/env python3
"""Interrupts a sweep (SIGINT, SIGTERM) and runs the command that it prints, word for word; TAP on stdout.

usage: test-interrupted.py CIRCBENCH
"""
import re
import signal
import subprocess
import sys
import time

import bench
from tap import Tap

SENTENCE = re.compile(r"interrupted: (\d+) points? (?:are|is) kept in (.*); to measure the rest: (.*)")


def interrupt(tap, machine, number, groups, words, path):
    """Interrupts once; the sentence's command line, or None."""
    what, before = signal.Signals(number).name, len(bench.trials(path))
    process = machine.start(*words)
    tap.ok(bench.wait_for_groups(path, groups), f"{what}: {groups} groups are committed")
    process.send_signal(number)
    _, messages = process.communicate(timeout=bench.TIMEOUT_S)
    tap.same(process.returncode, 130, f"{what}: exit code")
    found = SENTENCE.search(messages)
    if not tap.ok(found, f"{what}: a sentence says what is kept and how to go on"):
        tap.note(messages)
        return None
    kept = len(bench.trials(path))
    tap.same(int(found.group(1)), kept - before, f"{what}: it counts the points that this run kept")
    tap.ok(0 < kept < bench.GROUPS * bench.IN_GROUP, f"{what}: it was interrupted in the middle ({kept} points)")
    return found.group(3)


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    name = "it's \"one\" $HOME `x` \\ *.db" # all that a shell would take for something else
    path = machine.path(name)
    try:
        first = interrupt(tap, machine, signal.SIGINT, 1, [*bench.SWEEP, "--db", name], path)
        tap.ok(first and first.split()[-1] == "--resume", "the command ends in --resume")
        kept = bench.trials(path)
        again = interrupt(tap, machine, signal.SIGTERM, 3, [*bench.SWEEP, "--db", name, "--resume"], path)
        tap.ok(again and again.count("--resume") == 1, "and has it once when the command had it")
        for command in filter(None, (first, again)):
            done = subprocess.run(["sh", "-c", command], cwd=machine.folder, env=machine.environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=bench.TIMEOUT_S,
                                  check=False)
            if not tap.same(done.returncode, 0, "the command that was printed runs"):
                tap.note(command)
                tap.note(done.stderr)
        tap.none(bench.complaints(path), "the campaign is whole: every point once, integrity_check ok")
        tap.ok(all(bench.trials(path).get(point) == trial for point, trial in kept.items()),
               "what was kept is as it was")
        process = machine.start("check", "-w", "alexnet-fc7", "-b", "cpu", "-s", "circulant", "-k", "2-200+2")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rows, messages = process.communicate(timeout=bench.TIMEOUT_S)
        tap.ok(process.returncode == 130 and "interrupted" in messages, f"check: SIGINT ends it ({process.returncode})")
        tap.ok("worst_over_bound" in rows, "and what it had checked is printed")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
