#!/usr/bin/env python3
"""OpenCL from end to end: every variant on every device against the oracle, and what happens where a driver, a cache or
memory is not what it should be; TAP on stdout.

usage: test-opencl.py CIRCBENCH
"""
import json
import os
import sys

import bench
from tap import Tap, skip_all

SMALL = ["check", "-b", "opencl", "-w", "fc:40x33", "-s", "circulant", "-k", "8", "-o", "json"]

# Each block size is a compilation of its own, seconds in a cold cache: these are a selection.
CHECKS = [
    ["-w", "fc:140x133,fc:5x7", "-k", "1,15,16", "-n", "1,33"],
    ["-w", "fc:2050x1500", "-k", "64", "-n", "16", "--variant", "fused,clfft"],
    ["-w", "fc:64x4096", "-k", "64", "-n", "1024", "--variant", "fused"], # a driver's choice of groups outgrew its stack
    ["-w", "conv:3x3x12x20@9x9,cifarnet", "-k", "8", "-n", "1,3", "--variant", "fused,clfft,tile"],
    ["-w", "conv:3x3x12x20@9x9,lenet", "-k", "16", "-n", "1,5", "--pass", "train", "--variant", "fused,clfft,tile,clblast"],
]
# Radices 2 to 8, primes, one block that is larger than the matrix: ./quickstart opencl-extra asks for them too.
MORE = [
    ["-w", "fc:140x133,fc:5x7", "-k", "2,3,121", "-n", "1,3,33"],
    ["-w", "fc:2050x1500", "-k", "1024", "-n", "16", "--variant", "fused,clfft"],
    ["-w", "lenet", "-k", "8", "-n", "1,3", "--variant", "fused,clfft,tile"],
    ["-w", "fc:140x133,lenet", "-k", "3,16", "-n", "1,5", "--pass", "train", "--variant", "fused,clfft,tile,clblast"],
]


def rows_of(done):
    return json.loads(done.stdout) if done.stdout.strip() else []


def reasons(rows):
    return "; ".join(sorted({f"{row['status']}: {row['reason']}" for row in rows if row["reason"]}))


def check_answers(tap, machine):
    # an instrumented build sees every path of ours in two of them
    checks = CHECKS + MORE if "CIRC_TEST_MORE" in os.environ else CHECKS
    for words in checks[2:] if "ASAN_OPTIONS" in machine.environment else checks:
        done = machine.run("check", "-b", "opencl", "-s", "circulant,dense", *words, "-o", "json")
        rows = rows_of(done)
        right = [row for row in rows if row["status"] == "ok"]
        # a library may not offer a size, training or itself; nothing may be wrong or break
        bad = [row for row in rows if row["status"] not in ("ok", "unsup", "absent")]
        tap.ok(done.returncode == 0 and not bad and len(right) >= 2,
               f"{' '.join(words)}: {len(right)} of {len(rows)} points right {reasons(bad)}")
        kinds = {(row["structure"], row["variant"]) for row in right}
        tap.ok(("circulant", "fused") in kinds, f"by {sorted(kinds)}")


def check_clock(tap, machine):
    db = machine.path("clock.db")
    done = machine.run("sweep", "-b", "opencl", "-w", "fc:256x256", "-s", "circulant", "-k", "16", *bench.QUICK[2:], "--db", db,
                       "-o", "json")
    rows = rows_of(done)
    tap.ok(done.returncode == 0 and rows and all(row["time_ns_median"] > 0 for row in rows), "a sweep has times")
    tap.ok(all(row["device_time_ns_median"] and row["upload_ns"] and row["download_ns"] for row in rows),
           "the device's clock and the transfers beside them")
    tap.ok(all(row["tuning"] for row in rows), "and the parameters that ran")


def check_drivers(tap, machine):
    """The loader says nothing of a driver that it cannot load: we do."""
    folder = machine.path("vendors")
    os.mkdir(folder)
    machine.environment["OCL_ICD_VENDORS"] = folder
    done = machine.run(*SMALL)
    tap.ok(done.returncode == 3 and "no OpenCL platform is installed" in done.stdout + done.stderr,
           f"no driver at all: exit code {done.returncode}")
    for name, text in (("missing.icd", "libno-such-driver.so\n"), ("rubbish.icd", "\1\2 what is this?\n"), ("empty.icd", ""),
                       ("useless.icd", "libm.so.6\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    done = machine.run("devices", "-o", "json")
    found = {row["device"]: row["description"] for row in json.loads(done.stdout) if row["backend"] == "opencl"}
    tap.ok({"missing.icd", "rubbish.icd", "empty.icd", "useless.icd"} <= set(found), "each broken driver is a line")
    tap.ok("cannot be loaded" in found.get("missing.icd", "") and "offers no platform" in found.get("useless.icd", "")
           and "names no driver" in found.get("empty.icd", ""), "with its reason")
    with open(os.path.join(folder, "zero.icd"), "wb") as file:
        file.write(b"\0\0")
    done = machine.run("devices", "-o", "json")
    tap.ok(done.returncode == 0 and "remove the file" in done.stdout, "one that would crash the loader is named")
    done = machine.run("check", "-b", "opencl,ref", *SMALL[3:])
    tap.ok(done.returncode == 0 and any(row["backend"] == "ref" and row["status"] == "ok" for row in rows_of(done)),
           "and other backends go on")
    del machine.environment["OCL_ICD_VENDORS"]


def check_cache(tap, machine):
    """Whatever lies in the cache, answers are right."""
    cache = machine.path("cache")
    machine.environment["XDG_CACHE_HOME"] = cache
    own = os.path.join(cache, "circbench", "opencl")

    def files():
        return sorted(os.path.join(own, name) for name in os.listdir(own)) if os.path.isdir(own) else []

    def right():
        done = machine.run(*SMALL)
        rows = rows_of(done)
        return done.returncode == 0 and rows and all(row["status"] in ("ok", "absent", "unsup") for row in rows)

    tap.ok(right(), "with an empty cache")
    kept = files()
    if not kept:
        tap.skip("binaries of this driver are not kept", "a cache of rubbish")
        return
    with open(kept[0], "rb") as file:
        whole = file.read()
    for what, text in (("rubbish", b"rubbish" * 100), ("the half of it", whole[:len(whole) // 2]), ("nothing", b""),
                       ("one byte changed", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])):
        for path in kept:
            with open(path, "wb") as file:
                file.write(text)
        tap.ok(right(), f"with {what} in every file of it")
    with open(kept[0], "rb") as file:
        tap.ok(file.read() != text, "which is then built anew")
    machine.environment["POCL_CACHE_DIR"] = machine.path("pocl")  # a driver may need one of its own
    machine.environment["XDG_CACHE_HOME"] = "/proc/no-such-folder"
    tap.ok(right(), "with no place for it")


def check_memory(tap, machine):
    done = machine.run("check", "-b", "opencl", "-w", "vgg16", "-s", "circulant", "-k", "16", "-n", "100000", "--variant", "fused",
                       "-o", "json")
    rows = rows_of(done)
    tap.ok(rows and all(row["status"] == "unsup" for row in rows), f"a batch that fits nowhere is refused: {reasons(rows)}")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    machine.forgive_drivers()
    machine.environment.setdefault("HOME", machine.folder)
    done = machine.run("devices", "-o", "json")
    devices = [row for row in json.loads(done.stdout) if row["backend"] == "opencl"]
    if not any(row["status"] == "ok" for row in devices):
        machine.close()
        return skip_all("; ".join(row["description"] for row in devices))
    check_answers(tap, machine)
    check_clock(tap, machine)
    check_memory(tap, machine)
    check_drivers(tap, machine)
    check_cache(tap, machine)
    machine.close()
    return tap.done()


sys.exit(main())
