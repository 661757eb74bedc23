#!/usr/bin/env python3
"""Our OpenCL kernels, and with them the libraries', under oclgrind, which sees every access and every race of work-items: once as a CPU runs them, once
with work-groups that share transforms and sums as on a GPU; TAP on stdout.

usage: test-oclgrind.py CIRCBENCH
"""
import json
import os
import shutil
import sys

import bench
from tap import Tap, skip_all

POINTS = ["-w", "fc:70x45,conv:3x3x6x10@5x5", "-s", "circulant,dense", "-n", "3", "--pass", "infer,train", "--variant",
          "fused,tile,clfft,clblast", "-k"]
PANELS = ["-w", "fc:70x45", "-s", "circulant", "-k", "8", "-n", "6", "--variant", "fused"]
SHARED = "v1 r4 c2 g32 p8 s8 h8 l32 m4"
# What it says of the program's questions for a device's place, which only newer devices know.
KNOWN = ("Oclgrind - OpenCL runtime error detected", "Function: clGetDeviceInfo", "Error:    CL_INVALID_VALUE",
         "For argument 'param_name'", "")


def check(tap, machine, oclgrind, what, points, *words):
    log = machine.path("log")
    done = machine.run(oclgrind, "--data-races", "--check-api", "--log", log, machine.circbench, "check", "-b", "opencl", "-d",
                       "oclgrind", *points, *words, "-q", "-o", "json", program=True)
    rows = json.loads(done.stdout) if done.stdout.strip() else []
    tap.ok(done.returncode == 0 and rows and all(row["status"] in ("ok", "absent") for row in rows), f"{what}: {len(rows)} points right")
    found = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            found = [line for line in file.read().splitlines() if line.strip() not in KNOWN]
    tap.none(found[:20], f"{what}: no error and no race")
    return rows


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    oclgrind = shutil.which("oclgrind")
    if not oclgrind or "ASAN_OPTIONS" in os.environ:
        machine.close()
        return skip_all("oclgrind is not installed" if not oclgrind else "oclgrind and AddressSanitizer do not go together")
    machine.environment["XDG_CACHE_HOME"] = machine.path("cache")
    rows = check(tap, machine, oclgrind, "one work-item a vector", POINTS, "8")
    tap.ok(all(row["device_kind"] and row["kind"] != "measured" for row in rows), "no time of it would be called measured")
    check(tap, machine, oclgrind, "panels", PANELS)
    db, tunings = machine.path("tuned.db"), machine.path("tunings.jsonl")
    with open(tunings, "w", encoding="utf-8") as file:
        for op in ("fc", "conv"):
            for step in ("infer", "train"):
                row = {"backend": "opencl", "device": "Oclgrind Simulator", "variant": "fused", "op": op, "pass": step, "block": 8,
                       "batch": 1, "tuning": SHARED, "kind": "emulated", "time_ns": 1, "default_time_ns": 1, "samples": 1,
                       "workload": "fc:8x8", "description": "oclgrind", "version": "0", "created_ns": 1}
                file.write(json.dumps(row) + "\n")
    done = machine.run("tune", "--import", tunings, "--db", db)
    tap.ok(done.returncode == 0, f"a tuning of shared work is read {done.stderr}")
    rows = check(tap, machine, oclgrind, "work shared", POINTS, "64", "--db", db)
    tap.ok(all(row["tuning"] == SHARED for row in rows if row["variant"] == "fused"), "with that tuning")
    machine.close()
    return tap.done()


sys.exit(main())
