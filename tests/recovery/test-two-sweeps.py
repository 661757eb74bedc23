#!/usr/bin/env python3
"""Two sweeps write one file at once, which neither of them finds there; TAP on stdout.

usage: test-two-sweeps.py CIRCBENCH
"""
import sys

import bench
from tap import Tap


def run_both(machine, first, second):
    processes = [machine.start(*first), machine.start(*second)]
    messages = [process.communicate(timeout=bench.TIMEOUT_S)[1] for process in processes]
    return [process.returncode for process in processes], messages


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        words = [*bench.SWEEP, "--db", "both.db"]
        codes, messages = run_both(machine, words, words)
        if not tap.same(codes, [0, 0], "two sweeps of the same axes end with 0"):
            tap.note("\n".join(messages))
        tap.none(bench.complaints(machine.path("both.db"), campaigns=2), "both campaigns are whole")
        names = [name for name, in bench.rows(machine.path("both.db"), "SELECT name FROM campaign")]
        tap.ok(len(set(names)) == 2, f"each has a name of its own: {names}")

        # The second to commit a point finds it there, and must neither keep it twice nor break the campaign.
        words, path = [*bench.SWEEP, "--db", "joined.db", "--resume"], machine.path("joined.db")
        process = machine.start(*words)
        tap.ok(bench.wait_for_groups(path, 1), "a campaign has begun")
        process.kill()
        process.communicate()
        codes, messages = run_both(machine, words, words)
        sentences = [message.splitlines()[-1] for message, code in zip(messages, codes) if code]
        tap.ok(set(codes) <= {0, 2, 4} and all("another process" in sentence for sentence in sentences),
               f"two that resume one campaign end well or say why: {codes} {sentences}")
        last = machine.run(*words)
        tap.same(last.returncode, 0, "a third finishes")
        tap.none(bench.complaints(path), "one campaign, every point once")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
