#!/usr/bin/env python3
"""Lets the disk fill up under a sweep: it ends with 4 and a sentence, what was committed stays sound, and a resume
finishes when there is room again. TAP on stdout.

usage: test-full-disk.py CIRCBENCH

Twice: on a small file system in memory, which needs the right to mount (root, or user namespaces), and under a limit of
the file's size, which needs nothing.
"""
import os
import resource
import shutil
import signal
import subprocess
import sys

import bench
from tap import Tap

# Twelve groups of two points: what fills the disk is the journal, some 50 KiB a transaction.
WORDS = ["sweep", "-w", "fc:64x64,fc:48x96,fc:100x30", "-s", "circulant", "-k", "4,8", "-n", "1-4+1", *bench.QUICK,
         "--resume"]
GROUPS, IN_GROUP = 12, 2
DISK_KB = 8192
INSIDE = "CIRCBENCH_TEST_INSIDE"


def check_sound(tap, path, what):
    tap.same(bench.rows(path, "PRAGMA integrity_check"), [("ok",)], f"{what}: integrity_check")
    sizes = bench.group_sizes(path)
    tap.ok(set(sizes.values()) <= {IN_GROUP}, f"{what}: holds whole groups only ({len(sizes)})")
    return bench.trials(path)


def check_full(tap, machine, name, what, sentence, **options):
    """Fills up at once or later, wherever it may be; returns the points that were kept."""
    done = machine.run(*WORDS, "--db", name, **options)
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    if not tap.ok(done.returncode == 4 and sentence in last and name in last, f"{what}: ends with 4 and a sentence"):
        tap.note(f"exit code {done.returncode}: {last}")
    else:
        tap.note(last)
    path = bench.copy_of(machine.path(name), machine.path("copies")) # reading takes room too
    if not bench.rows(path, "SELECT name FROM sqlite_schema"):
        tap.ok(True, f"{what}: no table was made")
        return {}
    return check_sound(tap, path, what)


def check_room(tap, machine, name, kept, what):
    done = machine.run(*WORDS, "--db", name, "-q")
    path = machine.path(name)
    if not tap.same(done.returncode, 0, f"{what}: with room again the resume ends with 0"):
        tap.note(done.stderr)
    now = check_sound(tap, path, f"{what}, resumed")
    tap.same(len(now), GROUPS * IN_GROUP, f"{what}, resumed: every point")
    tap.ok(all(len(trial) == 1 for trial in now.values()), f"{what}, resumed: every point once")
    tap.ok(all(now[point] == trial for point, trial in kept.items()), f"{what}, resumed: what was kept is as it was")
    tap.same(bench.rows(path, "SELECT count(*) FROM campaign"), [(1,)], f"{what}, resumed: one campaign")


def limit_file(size):
    """In the child: writing past size fails instead of killing."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return limit


def mount(folder):
    os.makedirs(folder)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", folder], capture_output=True,
                          check=False).returncode == 0


def check_mounted(tap, machine):
    disk = machine.path("disk")
    try:
        for left, name in ((20, "at-once"), (540, "later")):
            ballast = os.path.join(disk, "ballast")
            with open(ballast, "wb") as file:
                file.write(bytes((DISK_KB - left) * 1024))
            kept = check_full(tap, machine, f"disk/{name}.db", name, "disk full")
            if name == "later":
                tap.ok(kept, "later: some groups were committed before")
            os.remove(ballast)
            check_room(tap, machine, f"disk/{name}.db", kept, name)
            for ending in ("", "-wal", "-shm"):
                if os.path.exists(os.path.join(disk, name + ".db" + ending)):
                    os.remove(os.path.join(disk, name + ".db" + ending))
    finally:
        subprocess.run(["umount", disk], check=False)


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    if not shutil.which("mount"):
        tap.skip("no mount here", "a full file system")
    elif mount(machine.path("disk")):
        check_mounted(tap, machine)
    elif INSIDE not in os.environ and shutil.which("unshare") and not subprocess.run(
            ["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        machine.close()
        os.execvpe("unshare", ["unshare", "-rm", sys.executable, "-B", *sys.argv], {**os.environ, INSIDE: "1"})
    else:
        tap.skip("mounting needs root or user namespaces", "a full file system")
    try:
        for kilobytes in (20, 200):
            what = f"limit of {kilobytes} KiB"
            kept = check_full(tap, machine, f"limit-{kilobytes}.db", what, "disk I/O error",
                              preexec_fn=limit_file(kilobytes * 1024))
            check_room(tap, machine, f"limit-{kilobytes}.db", kept, what)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
