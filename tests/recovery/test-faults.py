#!/usr/bin/env python3
"""A device that fails: no compiler, kernels that do not build, no memory, a lost device, clocks that lie. Each must be a
row with its sentence, while the other backends of the sweep go on; TAP on stdout.

usage: test-faults.py CIRCBENCH_WITH_A_FAULTY_OPENCL SYSFS_TREE FAKE_NVML
"""
import json
import os
import sys

import bench
from tap import Tap, skip_all

WORDS = ["sweep", "-b", "opencl,ref", "-w", "fc:40x33", "-s", "circulant", "-k", "8", "--variant", "fused,plain", *bench.QUICK,
         "-q", "-o", "json"]

# The fault, the status of its row, what its reason says, and the sweep's exit code.
REFUSED = [
    ("compiler", "absent", "no compiler for OpenCL C", 0),
    ("build", "device", "error: a broken word", 1),
    ("memory", "unsup", "CL_MEM_OBJECT_ALLOCATION_FAILURE", 0),
    ("resources", "device", "CL_OUT_OF_RESOURCES", 1),
    ("lost", "device", "CL_DEVICE_NOT_AVAILABLE", 1),
    ("kernel", "device", "a kernel ended with an error", 1),
]
REMARKED = [
    ("backwards", "told nothing of use", False),
    ("slow", "more than the host's", True),
]


def sweep(machine, fault, *words):
    machine.environment["CIRCBENCH_FAULT"] = fault
    done = machine.run(*WORDS, *words, "--db", machine.path(fault + ".db"))
    rows = {row["backend"]: row for row in json.loads(done.stdout)} if done.stdout.strip() else {}
    return done, rows.get("opencl", {}), rows.get("ref", {})


def check_refused(tap, machine, fault, status, sentence, code):
    done, own, other = sweep(machine, fault)
    tap.same((own.get("status"), done.returncode), (status, code), f"{fault}: status and exit code")
    tap.ok(sentence in (own.get("reason") or ""), f"{fault}: {own.get('reason')}")
    tap.ok(own.get("time_ns_median") is None and other.get("status") == "ok" and other["time_ns_median"] > 0,
           f"{fault}: no time, and the other backend has its own")


def check_remarked(tap, machine, fault, sentence, told):
    done, own, _ = sweep(machine, fault)
    tap.same((own.get("status"), done.returncode), ("ok", 0), f"{fault}: status and exit code")
    tap.ok(sentence in (own.get("reason") or "") and own.get("time_ns_median"), f"{fault}: {own.get('reason')}")
    tap.same(own.get("device_time_ns_median") is not None, told, f"{fault}: whether the device's clock is stored")


def check_gpu(tap, machine, tree):
    """What a device of its own uses, the host's meters and counters do not see."""
    machine.environment["CIRCBENCH_SYSFS"] = tree
    words = [word for word in WORDS if word not in ("--meters", "none")]
    machine.environment["CIRCBENCH_FAULT"] = "gpu"
    done = machine.run(*words, "--db", machine.path("gpu.db"))
    rows = {row["backend"]: row for row in json.loads(done.stdout)}
    own, other = rows["opencl"], rows["ref"]
    tap.same((own["status"], own["device_kind"], done.returncode), ("ok", "gpu", 0), "gpu: status, kind and exit code")
    tap.ok(own["energy_uj_per_frame"] is None and "no channel measures the card at PCI 0000:c3:00.0" in own["energy_reason"],
           f"gpu: {own['energy_reason']}")
    tap.ok("no channel measures" not in other["energy_reason"], f"the host beside it: {other['energy_reason']}")
    tap.ok(not bench.rows(machine.path("gpu.db"), """SELECT 1 FROM counter JOIN trial ON trial = trial.key
        JOIN point ON point = point.key WHERE backend = 'opencl'"""), "gpu: no counter of the host's")


def check_card(tap, machine, library):
    """A card's joules come from the card at its PCI place, though another stands before it in the vendor's list."""
    machine.environment.update(CIRCBENCH_NVML=library, FAKE_NVML="uneven")
    words = [word for word in WORDS if word not in ("--meters", "none")]
    done = machine.run(*words, "--meters", "nvml", "--db", machine.path("card.db"))
    own = {row["backend"]: row for row in json.loads(done.stdout)}["opencl"]
    tap.same((own["status"], own["energy_scope"], own["energy_kind"], own["energy_quality"]), ("ok", "board", "emulated", "ok"),
             f"card: energy {own['energy_reason']}")
    tap.ok(own["power_uw"] and abs(own["power_uw"] - 25e6) < 1e6, f"card: {own['power_uw']} uW, the second card's")
    tap.same(bench.rows(machine.path("card.db"), "SELECT pci, chosen FROM energy_window WHERE NOT idle GROUP BY pci ORDER BY pci"),
             [("0000:65:00.0", 0), ("0000:c3:00.0", 1)], "card: both are kept, the right one is chosen")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    machine.forgive_drivers()
    machine.environment.pop("OCL_ICD_VENDORS", None) # one device is enough, and rows are told apart by their backend
    machine.environment["XDG_CACHE_HOME"] = machine.path("cache")
    done = machine.run("devices", "-o", "json")
    devices = [row for row in json.loads(done.stdout) if row["backend"] == "opencl"]
    if not any(row["status"] == "ok" for row in devices):
        machine.close()
        return skip_all("; ".join(row["description"] for row in devices))
    for case in REFUSED:
        check_refused(tap, machine, *case)
    for case in REMARKED:
        check_remarked(tap, machine, *case)
    check_gpu(tap, machine, os.path.abspath(sys.argv[2]))
    check_card(tap, machine, os.path.abspath(sys.argv[3]))
    machine.close()
    return tap.done()


sys.exit(main())
