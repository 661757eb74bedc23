#!/usr/bin/env python3
"""Tuning from end to end: a search on a device that is here, its row used by sweep and check, files to and fro; TAP on
stdout. No time of this machine decides: the tuning that must be used is put into the database by hand.

usage: test-tune.py CIRCBENCH
"""
import json
import sys

import bench
from tap import Tap

LAYER = ["-w", "fc:40x40", "-k", "4"]
NEXT = {"block": 64, "batch": 64, "created_ns": 2}


def row_of(device, tuning, **others):
    return {"backend": "opencl", "device": device, "variant": "fused", "op": "fc", "pass": "infer", "block": 4, "batch": 1,
            "tuning": tuning, "kind": "measured", "time_ns": 1, "default_time_ns": 2, "samples": 5, "workload": "w",
            "created_ns": 1, **others}


def write(path, *rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def check_files(tap, machine):
    """Import needs no device. False in a build without OpenCL."""
    path, db = machine.path("in.jsonl"), machine.path("files.db")
    rows = [row_of("card", "v1 r4 c2 g32 p8 s4 h1 l32 m4"), row_of("card", "v2 r4 c2 g32 p8 s4 h1 l32 m4", **NEXT)]
    write(path, *rows)
    done = machine.run("tune", "--import", path, "--db", db)
    if "no parameters" in done.stderr:
        return False
    tap.ok(done.returncode == 0 and "2 tunings" in done.stderr, "tunings of a device that is not here are imported")
    write(path, row_of("card", "v8 r4 c2 g32 p8 s4 h1 l32 m4", created_ns=3), row_of("card", "v3 r4 c2 g1 p8 s4 h1 l1 m4"))
    done = machine.run("tune", "--import", path, "--db", db)
    tap.ok(done.returncode == 2 and "in.jsonl:2: opencl does not read the tuning" in done.stderr, "a bad line is named")
    out = machine.path("out.jsonl")
    done = machine.run("tune", "--export", out, "--db", db)
    with open(out, encoding="utf-8") as file:
        exported = [json.loads(line) for line in file]
    tap.ok(done.returncode == 0 and [row["tuning"] for row in exported] == [row["tuning"] for row in rows],
           "and nothing before it was imported; the export holds what was")
    tap.same([(row["blocks"], row["batches"]) for row in exported], [("1-16", "1-"), ("17-", "1-")], "with its ranges")
    done = machine.run("tune", "--import", out, "--db", machine.path("copy.db"))
    again = machine.run("tune", "--list", "-o", "jsonl", "--db", machine.path("copy.db"))
    with open(out, encoding="utf-8") as file:
        tap.same(again.stdout, file.read(), "what was exported is imported whole")
    return True


def check_search(tap, machine, device):
    db = machine.path("tune.db")
    done = machine.run("tune", *LAYER, "-n", "1", "-b", "opencl", "-d", device, "--timeout", "4", "--db", db, "-o", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    tap.ok(done.returncode == 0 and len(rows) == 1, f"a point is tuned: {done.stderr[-300:] if not rows else ''}")
    row = rows[0] if rows else {}
    tap.ok(row and row["tuning"].startswith("v") and row["samples"] >= 1 and 0 < row["time_ns"] <= row["default_time_ns"] and
           (row["gain"] == 1 or row["gain"] > 1.02), f"the winner and its evidence: {row}")
    tap.same((row.get("op"), row.get("block"), row.get("batch"), row.get("device")), ("fc", 4, 1, device), "what it is for")
    return db


def check_use(tap, machine, db, device):
    """Sweep and check run with what is stored, also where it fits no device."""
    mine, path = "v2 r3 c1 g1 p0 s4 h1 l1 m4", machine.path("mine.jsonl")
    late = 2 ** 62
    sweep = ["sweep", *LAYER, "-s", "circulant", "-b", "opencl", "-d", device, *bench.QUICK, "--db", db, "-o", "jsonl"]
    check = ["check", *LAYER, "-s", "circulant", "-b", "opencl", "-d", device, "--variant", "fused", "-o", "jsonl", "--db"]
    write(path, row_of(device, mine, created_ns=late))
    tap.ok(machine.run("tune", "--import", path, "--db", db).returncode == 0, "another tuning is imported over it")
    for words in (sweep, [*check, db]):
        done = machine.run(*words)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        tap.ok(rows and all(row["status"] == "ok" and row["tuning"] == mine for row in rows),
               f"{words[0]} runs with it: {[row['tuning'] for row in rows]}")
    own = [json.loads(line)["tuning"] for line in machine.run(*check, machine.path("none.db")).stdout.splitlines()]
    tap.ok(own and own[0] != mine, "without that database the backend chooses")
    write(path, row_of(device, "v2 r3 c1 g1 p0 s4 h64 l256 m4", created_ns=late + 1))
    machine.run("tune", "--import", path, "--db", db)
    done = machine.run(*check, db)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    tap.ok(rows and rows[0]["status"] == "unsup" and "tune this device" in rows[0]["reason"],
           f"one that the device cannot take is refused: {rows and rows[0]['reason']}")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    machine.forgive_drivers()
    machine.environment["XDG_CACHE_HOME"] = machine.path("cache")
    try:
        if not check_files(tap, machine):
            tap.skip("built without OpenCL", "tuning")
            return tap.done()
        devices = [json.loads(line) for line in machine.run("devices", "-o", "jsonl").stdout.splitlines()]
        usable = [row["device"] for row in devices if row["backend"] == "opencl" and row["status"] == "ok"]
        if usable:
            check_use(tap, machine, check_search(tap, machine, usable[0]), usable[0])
        else:
            tap.skip("no usable OpenCL device", "a search, and what runs with it")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
