#!/usr/bin/env python3
"""Sweeps into places where nothing can be written, as a user who is not root, and reads from them; TAP on stdout.

usage: test-read-only.py CIRCBENCH
"""
import os
import shutil
import sys

import bench
from tap import Tap

NOBODY = 65534
ONE_POINT = ["sweep", "-w", "fc:16x16", "-s", "circulant", "-k", "4", *bench.QUICK]


class Other:
    """circbench as another user when this is root, for whom nothing is read-only; as this user when it is not."""

    def __init__(self, machine):
        self.machine = machine
        self.options = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        # The build folder may be closed to others: the program is copied to where they can run it.
        os.chmod(machine.folder, 0o755)
        machine.circbench = shutil.copy(machine.circbench, machine.path("circbench"))
        os.chmod(machine.circbench, 0o755)

    def run(self, *words):
        return self.machine.run(*words, **self.options)


def check(tap, done, code, parts, what):
    """The exit code, and one last sentence with all of the parts."""
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    if tap.ok(done.returncode == code and all(part in last for part in parts), f"{what}: exit {code} and a sentence"):
        tap.note(last)
    else:
        tap.note(f"exit code {done.returncode}: {done.stderr}")


def check_places(tap, machine, other):
    for folder, mode in (("open", 0o777), ("closed", 0o555), ("hidden", 0o000)):
        os.mkdir(machine.path(folder))
        os.chmod(machine.path(folder), mode)
    check(tap, other.run(*ONE_POINT, "--db", "missing/x.db"), 2, ["missing/x.db", "no such folder"], "missing folder")
    check(tap, other.run(*ONE_POINT, "--db", "closed/x.db"), 4, ["closed/x.db", "closed"], "closed folder")
    check(tap, other.run(*ONE_POINT, "--db", "hidden/x.db"), 4, ["hidden/x.db"], "hidden folder")
    check(tap, other.run(*ONE_POINT, "--db", "open"), 2, ["open", "directory"], "a folder for a file")
    check(tap, other.run(*ONE_POINT, "--db", "circbench/x.db"), 2, ["circbench/x.db"], "a file for a folder")
    check(tap, other.run(*ONE_POINT, "--db", "/dev/null"), 2, ["/dev/null"], "a device for a file")
    check(tap, other.run("check", "-w", "fc:8x8", "-k", "4", "-b", "ref", "--dump", "closed/dump"), 2,
          ["closed/dump"], "check --dump into a closed folder")
    tap.same(sorted(os.listdir(machine.path("closed"))), [], "nothing was left in the closed folder")


def check_reading(tap, machine, other):
    made = other.run(*ONE_POINT, "--db", "open/x.db")
    tap.same(made.returncode, 0, "a sweep into an open folder")
    path, count = machine.path("open", "x.db"), "SELECT count(*) AS n FROM trial"
    os.chmod(path, 0o444)
    os.chmod(machine.path("open"), 0o555)
    before = (os.stat(path).st_mtime_ns, os.listdir(machine.path("open")))
    check(tap, other.run(*ONE_POINT, "--db", "open/x.db"), 4, ["open/x.db", "read-only"], "sweep into a closed file")
    check(tap, other.run("campaigns", "delete", "latest", "--db", "open/x.db"), 4, ["open/x.db", "read-only"],
          "delete from a closed file")
    asked = other.run("query", "--sql", count, "-o", "csv", "--db", "open/x.db")
    tap.same((asked.returncode, asked.stdout.split()), (0, ["n", "1"]), "query reads a closed file in a closed folder")
    listed = other.run("campaigns", "-o", "csv", "--db", "open/x.db")
    tap.ok(listed.returncode == 0 and len(listed.stdout.splitlines()) == 2, "campaigns lists it")
    report = other.run("report", "-o", "-", "--db", "open/x.db", "-q")
    tap.ok(report.returncode == 0 and "fc:16x16" in report.stdout, "report reads it too")
    tap.same((os.stat(path).st_mtime_ns, os.listdir(machine.path("open"))), before, "and nothing changed")
    os.chmod(path, 0o000)
    check(tap, other.run("query", "summary", "--db", "open/x.db"), 4, ["open/x.db", "readable"],
          "query of a hidden file")
    os.chmod(path, 0o644)
    os.chmod(machine.path("open"), 0o755)


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    other = Other(machine)
    try:
        started = other.run("--version")
        if not tap.same(started.returncode, 0, f"circbench runs as user {NOBODY if other.options else os.geteuid()}"):
            tap.note(started.stderr)
            return tap.done()
        check_places(tap, machine, other)
        check_reading(tap, machine, other)
        for folder in ("open", "closed", "hidden"):
            os.chmod(machine.path(folder), 0o755)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
