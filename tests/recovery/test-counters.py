#!/usr/bin/env python3
"""Sweeps that count groups: software events and a user's own group with its metrics, whose numbers must agree with each
other and with the sweep's times. TAP on stdout.

usage: test-counters.py CIRCBENCH
"""
import os
import sys

import bench
from tap import Tap

WORDS = ["sweep", "-w", "fc:256x256", "-s", "circulant", "-k", "8,16", "-b", "cpu", "-t", "1", "-n", "4", "-r", "5",
         "--min-time", "0.05", "--max-noise", "1", "-q", "-o", "csv"]
MINE = """about Mine.
event clock task-clock no-such-event
event none no-such-event nor-this-one
metric share 1 clock / (threads * time_ns)
metric share 1 0 * none
metric each ns clock / batch
metric work flop flop_executed / batch
metric lost 1 none / clock
metric nought 1 clock / (clock - clock)
"""


def counters(path, k):
    """{(source, name): (value, unit, reason)} of the point of block k."""
    return {(source, name): (value, unit, reason) for source, name, value, unit, reason in bench.rows(
        path, f"""SELECT source, name, value, unit, n.reason FROM counter AS n JOIN trial AS t ON t.key = n.trial
                  JOIN point AS p ON p.key = t.point WHERE p.block = {k}""")}


def value(found, source, name):
    return found.get((source, name), (None, None, None))[0]


def check_point(tap, path, k):
    found = counters(path, k)
    kernel = next((source for source, name in found if name == "clock"), None)
    clock = value(found, kernel, "clock")
    tap.ok(kernel in ("perf_event", "perf_event:user") and clock and clock > 0, f"k = {k}: a clock of {clock} ns from {kernel}")
    tap.same(found[kernel, "clock"][1:], ("ns", "counted as task-clock"), "its unit, and by which name")
    tap.ok(value(found, kernel + " pass 2", "task-clock"), "the built-in group is a second pass")
    share, each = value(found, "group:mine", "share"), value(found, "group:mine", "each")
    tap.ok(share and 0 < share < 1.5, f"the share of the time that the thread ran is {share}")
    tap.ok(each and abs(each * 4 - clock) <= 1e-6 * clock, "a metric of frames is that of the batch by 4")
    flop, = bench.rows(path, f"SELECT flop_executed FROM v_result WHERE block = {k}")[0]
    tap.same(value(found, "group:mine", "work"), float(flop), "flop_executed is known to formulas, of a batch")
    tap.ok(value(found, "group:software", "cpu-utilisation"), "metrics of the built-in group")
    tap.ok(value(found, "group:software", "fault-rate") is not None, "a rate of 0 is one")
    for name in ("lost", "nought", "none"):
        got = found.get(("group:mine", name))
        tap.ok(got and got[0] is None and got[2], f"{name} has no value, but a reason: {got and got[2]}")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        os.mkdir(machine.path("own"))
        with open(machine.path("own", "mine.group"), "w", encoding="ascii") as file:
            file.write(MINE)
        machine.environment["CIRCBENCH_GROUPS"] = machine.path("own")
        done = machine.run(*WORDS, "--events", "mine,software", "--db", "counters.db")
        if not tap.same(done.returncode, 0, "a sweep that counts two groups"):
            tap.note(done.stderr)
        path = machine.path("counters.db")
        refused = bench.rows(path, "SELECT reason FROM counter WHERE name = 'task-clock' AND value IS NULL")
        if refused:
            tap.skip(refused[0][0], "what is counted")
        else:
            for k in (8, 16):
                check_point(tap, path, k)
        done = machine.run(*WORDS, "--events", "mine,page-faults,perf::PAGE-FAULTS", "--db", "single.db")
        singles = bench.rows(machine.path("single.db"), "SELECT count(*) FROM counter WHERE name = 'page-faults'")
        if refused:
            tap.same(done.returncode, 3, "a single event must be countable")
        else:
            tap.same((done.returncode, singles), (0, [(2,)]), "an event by its two names beside a group is one row a point")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
