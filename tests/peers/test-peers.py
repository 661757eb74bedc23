#!/usr/bin/env python3
"""The pytorch backend: without PyTorch, with one that breaks, and with a real one where it is installed; TAP on stdout.

usage: test-peers.py CIRCBENCH
"""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "recovery"))
import bench
from tap import Tap

POINT = ["-w", "fc:16x8", "-s", "circulant", "-k", "4", "-t", "1", "--variant", "rfft-bmm", "-q", "-o", "jsonl"]
QUICK = ["-r", "3", "--min-time", "0.03", "--max-noise", "1", "--timeout", "30"]

# What stands in for python3 when it must break: a shell that speaks through its standard input, as the worker does.
BROKEN = {
    "does not import": ("exit 1", "absent", "does not import PyTorch"),
    "says nothing that is an answer": ("read x; head -c 600 /dev/zero | tr '\\0' a >&0", "absent", "does not import"),
    "is killed": ("read x; echo ok PyTorch 0 >&0; read x; kill -9 $$", "device", "signal 9"),
    "ends": ("read x; echo ok PyTorch 0 >&0; read x; exit 7", "device", "exit code 7"),
    "has no memory": ("read x; echo ok PyTorch 0 >&0; while read x; do echo memory too large >&0; done", "unsup", "too large"),
    "raises": ("read x; echo ok PyTorch 0 >&0; while read x; do echo device RuntimeError: no >&0; done", "device", "no"),
}


def lines(process):
    return [json.loads(line) for line in process.stdout.splitlines()]


def one(tap, machine, what, status, words, code):
    """Checks one point, and what its row says."""
    done = machine.run("check", "-b", "pytorch", *POINT)
    rows = lines(done)
    good = len(rows) == 1 and rows[0]["status"] == status and words in rows[0]["reason"] and done.returncode == code
    if not tap.ok(good, f"a PyTorch that {what}: {status}, exit {code}"):
        tap.note(f"{done.returncode} {[(row['status'], row['reason']) for row in rows]} {done.stderr}")


def broken(tap, machine):
    folder = machine.path("peers")
    machine.environment["CIRCBENCH_PEERS"] = folder
    one(tap, machine, "is not there", "absent", "tests/peers/install.sh", 3)
    os.makedirs(os.path.join(folder, "bin"))
    program = os.path.join(folder, "bin", "python3")
    for what, (script, status, words) in BROKEN.items():
        with open(program, "w", encoding="ascii") as file:
            file.write("#!/bin/bash\n" + script + "\n")
        os.chmod(program, 0o755)
        one(tap, machine, what, status, words, 1 if status == "device" else 3)
    del machine.environment["CIRCBENCH_PEERS"]


def overlap(path, backends):
    """Whether the samples of the backends lie between one another's."""
    spans = [bench.rows(path, f"SELECT min(start_ns), max(start_ns) FROM sample JOIN trial ON trial.key = sample.trial "
                              f"JOIN point ON point.key = point WHERE backend = '{name}' AND NOT warmup")[0]
             for name in backends]
    return max(first for first, _ in spans) < min(last for _, last in spans)


def together(tap, machine):
    """On one CPU all CPU backends are alike by default, so their points are one group."""
    path = machine.path("together.db")
    cpu = min(os.sched_getaffinity(0))
    done = machine.run("sweep", "-b", "cpu,ref", "-w", "fc:64x64", "-s", "circulant", "-k", "8", *QUICK, "-q", "--db", path,
                       preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    tap.ok(done.returncode == 0 and overlap(path, ("cpu", "ref")), "points of two backends on one processor interleave")


def answers(tap, machine):
    """Every variant, on layers and networks of all kinds."""
    for workloads, blocks, batches, threads, variants in (
            ("fc:64x48,fc:30x17,fc:7x5", "1,2,3,5,8,64", "1,3", "1", "rfft-bmm,c3a,linear"),
            ("fc:700x300", "4,100", "1,17", "2", "rfft-bmm,c3a,linear"),
            ("conv:3x3x16x24@9x7,conv:5x5x3x10@6x6,conv:1x1x8x8@4x4", "4,5", "2", "1", "rfft-bmm,linear"),
            ("lenet,cifarnet", "8", "2", "2", "rfft-bmm,linear")):
        done = machine.run("check", "-b", "pytorch", "-w", workloads, "-s", "dense,circulant", "-k", blocks, "-n", batches,
                           "-t", threads, "--variant", variants, "-q", "-o", "jsonl")
        rows = lines(done)
        bad = [row for row in rows if row["status"] != "ok" and
               not (row["status"] == "unsup" and ("C3A" in row["reason"] or row["threads"] > os.cpu_count()))]
        ran = {row["variant"] for row in rows if row["status"] == "ok"}
        tap.ok(not bad and (ran == set(variants.split(",")) or int(threads) > os.cpu_count()), f"{workloads}: {len(rows)} points as the oracle says")
        for row in bad[:5]:
            tap.note(f"{row['workload']} {row['variant']} block {row['block']}: {row['status']} {row['reason']}")


def measured(tap, machine):
    path = machine.path("measured.db")
    done = machine.run("sweep", "-b", "cpu,pytorch", "-w", "fc:256x256", "-s", "dense,circulant", "-k", "16", "--variant",
                       "fused,openblas,rfft-bmm,c3a,linear", *QUICK, "-q", "--db", path)
    tap.same(done.returncode, 0, "a sweep of ours and PyTorch: exit code")
    tap.ok(overlap(path, ("cpu", "pytorch")), "ours and PyTorch's samples interleave")
    rows = bench.rows(path, "SELECT variant, kind, device_kind, library, samples, cycles, speedup_vs_dense, device_time_ns_median,"
                            " time_ns_median FROM v_result WHERE backend = 'pytorch' AND status = 'ok' ORDER BY variant")
    tap.same([row[0] for row in rows], ["c3a", "linear", "rfft-bmm"], "its variants are rows")
    for variant, kind, device_kind, library, samples, cycles, speedup, inside, outside in rows:
        tap.ok(kind == "measured" and device_kind == "cpu" and library.startswith("PyTorch ") and
               ("PEFT" in library) == (variant == "c3a") and samples >= 3 and speedup, f"{variant}: measured by {library}")
        tap.ok(cycles is None and 0 < inside <= outside, f"{variant}: no counters of ours, the clock inside agrees")
    tap.same(bench.rows(path, "SELECT count(*) FROM counter JOIN trial ON trial.key = trial JOIN point ON point.key = point "
                              "WHERE backend = 'pytorch'"), [(0,)], "nothing of ours is counted as PyTorch's")
    query = machine.run("query", "peers", "--db", path, "-o", "jsonl")
    found = {(row["peer_backend"], row["peer_variant"]) for row in lines(query)}
    tap.ok({("pytorch", "rfft-bmm"), ("pytorch", "c3a"), ("pytorch", "linear")} <= found, "query peers sets them beside ours")


def children(parent):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(name))
    return found


def await_child(parent):
    give_up = time.monotonic() + bench.TIMEOUT_S
    while time.monotonic() < give_up:
        if found := children(parent):
            return found[0]
        time.sleep(0.01)
    return None


def ended(process):
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            with open(f"/proc/{process}/stat", encoding="utf-8") as file:
                if ") Z " in file.read():
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def endings(tap, machine):
    """Neither process outlives the other to no end."""
    path = machine.path("endings.db")
    words = ["sweep", "-b", "pytorch", "-w", "fc:64x64,fc:48x48", "-s", "circulant", "-k", "4,8", "-r", "3", "--min-time", "3",
             "-q", "--db", path]
    process = machine.start(*words)
    worker = await_child(process.pid)
    time.sleep(6)
    os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=bench.TIMEOUT_S)
    results = bench.rows(path, "SELECT workload, status, coalesce(reason, '') FROM v_result ORDER BY 1, 2")
    broken_ones = {workload for workload, status, reason in results if (status, "signal 9" in reason) == ("device", True)}
    fine = {workload for workload, status, _ in results if status == "ok"}
    if not tap.ok(process.returncode == 1 and broken_ones and fine,
                  "a worker that is killed breaks the points that it held; the next group gets a new one"):
        tap.note(results)
    process = machine.start(*words)
    worker = await_child(process.pid)
    time.sleep(1)
    process.kill()
    process.communicate()
    tap.ok(ended(worker), "a worker ends with the program that started it")
    process = machine.start(*words)
    worker = await_child(process.pid)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=bench.TIMEOUT_S)
    tap.ok(process.returncode == 130 and ended(worker), f"Ctrl-C ends both ({process.returncode})")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        broken(tap, machine)
        together(tap, machine)
        here = [row for row in lines(machine.run("devices", "-o", "jsonl")) if row["backend"] == "pytorch"]
        if here[0]["status"] != "ok":
            tap.skip(here[0]["description"], "a real PyTorch")
        else:
            for test in (answers, measured, endings):
                test(tap, machine)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
