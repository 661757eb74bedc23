#!/usr/bin/env python3
"""How much of a sweep of trivial points is neither measurement, verification nor preparation; TAP on stdout.

usage: test-overhead.py CIRCBENCH

The number is a note: a busy machine can make it anything. Only what no busy machine explains fails.
"""
import re
import sys

import bench
from tap import Tap

ABSURD = 25.0 # percent
SENTENCE = re.compile(r"(\d+) points in ([\d.]+) s: ([\d.]+) % measuring, ([\d.]+) % verifying, ([\d.]+) % preparing, "
                      r"([\d.]+) % elsewhere")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        for count, what, words in ((60, "60 points in one group", ["-k", "1-60+1"]),
                                   (20, "20 groups of one point", ["-k", "4", "-n", "1-20+1"])):
            done = machine.run("sweep", "-w", "fc:16x16", "-s", "circulant", *words, *bench.QUICK)
            found = SENTENCE.search(done.stderr)
            if not tap.ok(done.returncode == 0 and found, f"{what}: a sentence says where the time went"):
                tap.note(done.stderr)
                continue
            points, _, *shares = map(float, found.groups())
            tap.note(found.group())
            tap.same(points, count, f"{what}: all of them")
            tap.ok(abs(sum(shares) - 100) < 0.5, f"{what}: the shares are a whole")
            tap.ok(shares[-1] <= ABSURD, f"{what}: under {ABSURD:g} % elsewhere")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
