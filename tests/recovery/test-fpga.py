#!/usr/bin/env python3
"""The FPGA backend from end to end: rows and their marks, the offline flow, and binaries that are not what they should be;
TAP on stdout. What needs the emulator is skipped where there is none.

usage: test-fpga.py CIRCBENCH [FAULTY]      FAULTY: circbench with a driver that fails as it is told (faulty_opencl.c)
"""
import json
import os
import shutil
import sys

import bench
from tap import Tap

SMALL = ["-w", "mnist-mlp-256", "-s", "circulant", "-k", "16", "-b", "fpga"]


def rows_of(done):
    return json.loads(done.stdout) if done.stdout.strip() else []


def check_emit(tap, machine):
    """No device is needed to write what a vendor's compiler needs."""
    done = machine.run("fpga", "emit", "-w", "lenet", "-k", "16", "--parallel", "8", "--depth", "2", "-o", "lenet16")
    if "built without" in done.stderr:
        tap.skip("built without OpenCL", "emit")
        return
    tap.ok(done.returncode == 0 and sorted(os.listdir(machine.path("lenet16"))) ==
           ["commands.txt", "pipeline.cl", "pipeline.json"], f"emit writes its files: {done.stderr.strip()}")
    with open(machine.path("lenet16", "pipeline.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    tap.ok([manifest[key] for key in ("workload", "block", "precision", "parallel", "depth", "multiply")] ==
           ["lenet", "16", "q16", 8, 2, 16],
           f"the manifest says what it is for: {manifest}")
    with open(machine.path("lenet16", "commands.txt"), encoding="utf-8") as file:
        commands = file.read()
    tap.ok(all(part in commands for part in ("aoc -board=", "aoc -march=emulator", "v++ -t hw")), "the compilers' commands")
    with open(machine.path("lenet16", "pipeline.cl"), encoding="utf-8") as file:
        source = file.read()
    tap.ok(all(f"#define {name} {value}\n" in source for name, value in
               (("BLOCK", 16), ("PARALLEL", 8), ("DEPTH", 2), ("LANES", 16), ("BITS", 16))), "the source has the parameters")
    for words, code, sentence in ((["-w", "lenet", "-k", "12"], 3, "power of two"), (["-w", "alexnet", "-k", "16"], 3, "lrn"),
                                  (["-w", "lenet", "-k", "16", "--parallel", "16"], 3, "side by side"),
                                  (["-w", "lenet", "-k", "16", "--depth", "5"], 3, "in flight"),
                                  (["-w", "lenet", "-k", "16", "--multiply", "3"], 3, "powers of two"),
                                  (["-w", "lenet,cifarnet"], 2, "one pipeline"), (["-w", "lenet", "-p", "f32"], 3, "q16"),
                                  (["-w", "lenet", "-k", "8", "-o", "none/such"], 4, "cannot be made")):
        done = machine.run("fpga", "emit", *words)
        tap.ok(done.returncode == code and sentence in done.stderr, f"{' '.join(words)}: {done.stderr.strip()}")
    done = machine.run("fpga")
    tap.ok(done.returncode == 2 and "emit" in done.stderr, "fpga alone says what it can do")


def check_rows(tap, machine):
    db = machine.path("rows.db")
    done = machine.run("sweep", *SMALL, "-p", "q16,q8", "--tuning", "p2 d2 m32", *bench.QUICK[2:], "--db", db, "-o", "json")
    rows = rows_of(done)
    tap.ok(done.returncode == 0 and len(rows) == 2 and all(row["status"] == "ok" for row in rows), "a sweep ends well")
    tap.ok(all(row["kind"] == "emulated" and row["device_kind"] == "fpga" and row["tuning"] == "p2 d2 m32" and
               row["variant"] == "pipeline" for row in rows), "its rows are marked")
    tap.ok(all(row["energy_uj_per_frame"] is None and row["energy_reason"] for row in rows), "and have no joules, with the reason")
    tap.ok(all(row["device_time_ns_median"] for row in rows), "the device's clock runs")


def check_binary(tap, machine, faulty):
    done = machine.run("fpga", "emit", "-w", "mnist-mlp-256", "-k", "16", "--parallel", "2", "--depth", "3", "--multiply", "8",
                       "--build", "-o", "mlp")
    binary = machine.path("mlp", "pipeline.bin")
    tap.ok(done.returncode == 0 and os.path.exists(binary), f"emit --build: {done.stderr.strip()}")
    rows = rows_of(machine.run("check", *SMALL, "--binary", binary, "-o", "json"))
    tap.ok(len(rows) == 1 and rows[0]["status"] == "ok" and rows[0]["tuning"] == "p2 d3 m8", "it is right when loaded")
    with open(binary, "rb") as file:
        whole = file.read()

    def refused(what, status, sentence, *words, path=binary, workload="mnist-mlp-256", **program):
        done = machine.run(*program.values(), "check", "-w", workload, "-s", "circulant", "-b", "fpga",
                           *(words or ["-k", "16"]), "--binary", path, "-o", "json", program=bool(program))
        rows = rows_of(done)
        tap.ok(done.returncode in (1, 3) and len(rows) == 1 and rows[0]["status"] == status and sentence in rows[0]["reason"],
               f"{what}: {rows[0]['reason'] if rows else done.stderr}")

    refused("another block", "unsup", "blocks of 16, not of 8", "-k", "8")
    refused("another precision", "unsup", "words of q16, not q12", "-k", "16", "-p", "q12")
    refused("another p and d", "unsup", "p2 d3 m8, not p4 d1 m8", "-k", "16", "--tuning", "p4 d1")
    refused("another m", "unsup", "p2 d3 m8, not p2 d3 m4", "-k", "16", "--tuning", "p2 d3")
    refused("another network", "unsup", "network mnist-mlp-256, not for mnist-mlp-121", workload="mnist-mlp-121")

    def beside(name, data, change=None):
        with open(machine.path("mlp", "pipeline.json"), encoding="utf-8") as file:
            manifest = file.read()
        for ending, text in ((".bin", data), (".json", (change or (lambda text: text))(manifest).encode())):
            with open(machine.path(name + ending), "wb") as file:
                file.write(text)
        return machine.path(name + ".bin")

    for part in (0, 7, len(whole) // 2, len(whole) - 1):
        refused(f"{part} bytes of it", "device", "compile it again", path=beside("part", whole[:part]))
    refused("another program's", "unsup", "other kernels", path=beside("older", whole, lambda text: text.replace(
        json.loads(text)["source"], "0123456789abcdef")))
    refused("a broken manifest", "unsup", "no manifest of a pipeline", path=beside("broken", whole, lambda text: text[:60]))
    shutil.copy(binary, machine.path("alone.bin"))
    refused("no manifest", "unsup", "has no manifest", path=machine.path("alone.bin"))
    refused("no file", "unsup", "has no manifest", path=machine.path("none.bin"))
    if faulty:
        machine.environment["CIRCBENCH_FAULT"] = "board"
        refused("a board that is too small", "unsup", "has not the resources", program=faulty)
        machine.environment["CIRCBENCH_FAULT"] = "compiler"
        rows = rows_of(machine.run(faulty, "check", *SMALL, "-o", "json", program=True))
        tap.ok(len(rows) == 1 and rows[0]["status"] == "absent" and "fpga emit" in rows[0]["reason"],
               f"a board without a compiler: {rows[0]['reason']}")
        rows = rows_of(machine.run(faulty, "check", *SMALL, "--binary", binary, "-o", "json", program=True))
        tap.ok(len(rows) == 1 and rows[0]["status"] == "ok", f"which takes a binary: {rows[0]['reason']}")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    machine.forgive_drivers()
    check_emit(tap, machine)
    found = [row for row in rows_of(machine.run("devices", "-o", "json")) if row["backend"] == "fpga"]
    if found and found[0]["status"] == "ok":
        check_rows(tap, machine)
        check_binary(tap, machine, os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None)
    elif "built without" in found[0]["description"]:
        tap.skip("built without OpenCL", "rows and binaries")
    else:
        tap.ok("./quickstart fpga" in found[0]["description"], f"no emulator, and how to get one: {found[0]['description']}")
        tap.skip("there is no emulator", "rows and binaries")
    machine.close()
    return tap.done()


sys.exit(main())
