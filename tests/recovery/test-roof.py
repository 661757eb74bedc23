#!/usr/bin/env python3
"""Ceilings and roofs from end to end: measured once, kept, used by a sweep, and a row above its roof says so; TAP on
stdout. No figure of this machine decides: the roofs that matter are made by hand in the database.

usage: test-roof.py CIRCBENCH
"""
import json
import sqlite3
import sys

import bench
from tap import Tap

SWEEP = ["sweep", "-w", "fc:256x256", "-s", "dense,circulant,pruned", "-k", "4,8", *bench.QUICK]
MEASURING = "measuring the ceilings"
ROOFED = ("SELECT count(*) FROM v_result WHERE status = 'ok' AND roof_time_ns > 0 AND flop_roof > 0 AND roof_bytes > 0"
          " AND roof_bound IN ('flop', 'L1', 'L2', 'L3', 'dram', 'memory')")


def change(path, sql):
    with sqlite3.connect(path) as database:
        database.execute(sql)
    database.close()


def one(path, sql):
    return bench.rows(path, sql)[0][0]


def check_sweep(tap, machine, db):
    done = machine.run(*SWEEP, "--db", db, "-o", "json")
    tap.ok(done.returncode == 0 and done.stderr.count(MEASURING) == 1, "a sweep measures the ceilings that it lacks")
    rows = [row for row in json.loads(done.stdout) if row["status"] == "ok"]
    tap.ok(len(rows) >= 4 and all(row["roof_time_ns"] > 0 for row in rows), f"its {len(rows)} rows have a roof")
    tap.ok(all(abs(row["roof_fraction"] * row["time_ns_median"] / row["roof_time_ns"] - 1) < 1e-9 for row in rows),
           "which is a share of their time")
    tap.same(len({row["flop_roof"] for row in rows if row["structure"] == "circulant"}), 2, "each block has its own")
    inference = {(row["structure"], row["block"]): row["flop_roof"] for row in rows}
    done = machine.run(*SWEEP, "--pass", "train", "--db", db, "-o", "json")
    rows = [row for row in json.loads(done.stdout) if row["status"] == "ok"]
    more = [row["flop_roof"] > inference[row["structure"], row["block"]] for row in rows if row["roof_time_ns"] > 0]
    tap.ok(len(more) == len(rows) >= 2 and all(more), f"{len(rows)} rows of training have one of their own")
    count = one(db, "SELECT count(*) FROM ceiling")
    done = machine.run(*SWEEP, "--db", db, "-o", "json")
    tap.ok(done.returncode == 0 and MEASURING not in done.stderr, "a second one finds them")
    tap.same(one(db, "SELECT count(*) FROM ceiling"), count, "and adds none")
    return count


def remarks(machine, db):
    """A sweep, and the remarks on its rows that have a time."""
    done = machine.run(*SWEEP, "--db", db, "-o", "json")
    return done, [row["reason"] or "" for row in json.loads(done.stdout) if row["status"] == "ok"]


def check_broken(tap, machine, db):
    """Ceilings so low that every row is above its roof, then so high that none is."""
    change(db, "UPDATE ceiling SET value = value / 1e6 WHERE unit <> 'ns'")
    change(db, "CREATE TRIGGER low AFTER INSERT ON ceiling WHEN NEW.unit <> 'ns' BEGIN UPDATE ceiling SET value ="
               " NEW.value / 1e6 WHERE metric = NEW.metric AND bytes = NEW.bytes; END")
    done, reasons = remarks(machine, db)
    tap.same(done.stderr.count(MEASURING), 2, "above a roof the ceilings are measured again, twice")
    tap.ok(done.returncode == 0 and reasons and all("faster than its roof" in reason for reason in reasons),
           f"a row that stays above its roof says so: {reasons[:1]}")
    tap.ok("faster than the roof" in done.stderr, "and so does the sweep")
    change(db, "DROP TRIGGER low")
    change(db, "UPDATE ceiling SET value = value * 1e9 WHERE unit <> 'ns'")
    done, reasons = remarks(machine, db)
    tap.ok(reasons and not any(reasons) and "faster than the roof" not in done.stderr and MEASURING not in done.stderr,
           "a row under it says nothing")


def check_command(tap, machine, db, known):
    before = one(db, "SELECT count(*) FROM ceiling")
    done = machine.run("roof", "--db", db, "-t", "1", "-o", "json")
    rows = json.loads(done.stdout)
    tap.ok(done.returncode == 0 and len(rows) == known, f"circbench roof prints {len(rows)} ceilings")
    tap.same(one(db, "SELECT count(*) FROM ceiling"), before + known, "it measures again, and keeps what was known")
    tap.ok(all(row["value"] == one(db, "SELECT max(value) FROM ceiling WHERE metric = 'read' AND bytes = "
                                   f"{row['bytes']}") for row in rows if row["metric"] == "read"), "the best counts")
    tap.ok(all((row["level"] is not None) == (row["metric"] == "read") for row in rows), "reads have their level")
    for words, code, what in ((["-t", "9999"], 3, "9999 threads"), (["--isa", "avx3"], 2, "unknown isa 'avx3'"),
                              (["-b", "ref"], 3, "no ceilings"), (["-b", "cpux"], 2, "unknown backend"),
                              (["-d", "nonsense"], 2, "no device")):
        done = machine.run("roof", "--db", db, *words)
        tap.ok(done.returncode == code and what in done.stderr, f"roof {' '.join(words)}: {code}, {what}")


def check_without(tap, machine):
    """Where there is nothing to set a row beside: the reference, and a recorded machine."""
    db = machine.path("without.db")
    done = machine.run(*SWEEP, "--db", db, "-b", "ref")
    tap.ok(done.returncode == 0 and MEASURING not in done.stderr, "the reference has no ceilings")
    machine.environment["CIRCBENCH_SYSFS"] = machine.folder
    done = machine.run(*SWEEP, "--db", db)
    tap.ok(MEASURING not in done.stderr, "a recorded machine has none that could be measured")
    tap.same((one(db, ROOFED), one(db, "SELECT count(*) FROM ceiling")), (0, 0), "no row has a roof")
    done = machine.run("roof", "--db", db)
    tap.ok(done.returncode == 2 and "CIRCBENCH_SYSFS" in done.stderr, "circbench roof refuses it")
    del machine.environment["CIRCBENCH_SYSFS"]


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        db = machine.path("roof.db")
        dry = machine.run(*SWEEP, "--db", db, "--dry-run")
        tap.ok(dry.returncode == 0 and MEASURING not in dry.stderr and not bench.rows(db, "SELECT 1 FROM ceiling"),
               "a dry run measures nothing")
        known = check_sweep(tap, machine, db)
        tap.ok(one(db, ROOFED) > 0, "the database has the parts of each roof")
        check_broken(tap, machine, db)
        check_command(tap, machine, db, known)
        check_without(tap, machine)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
