#!/usr/bin/env python3
"""Sweeps while another machine, whose clock is 2.5 s ahead, records a wall meter, and sets the recording beside the
campaign afterwards: by the marker, by the stated offset, again, and wrongly. Then sources that go wrong in the middle of
a sweep: two that disagree, a command that dies, a zone that vanishes. TAP on stdout.

usage: test-recording.py CIRCBENCH SIMULATED_MACHINE
"""
import os
import shutil
import sys
import threading
import time

import bench
from tap import Tap

AHEAD_NS = 2_500_000_000
WATTS = 50
WORDS = ["sweep", "-w", "fc:256x256", "-s", "circulant", "-k", "16", "-t", "1", "-r", "3", "--min-time", "0.02",
         "--max-noise", "1", "-q"]


class Recorder(threading.Thread):
    """The other machine: a reading every 20 ms, and the marker's line as soon as it sees the marker."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.file = open(os.path.join(folder, "wall.csv"), "w", encoding="ascii")
        self.marker, self.stopping = os.path.join(folder, "mark"), threading.Event()

    def line(self, channel, value):
        self.file.write(f"{time.time_ns() + AHEAD_NS},{channel},{value}\n")
        self.file.flush() # somebody may read it meanwhile

    def run(self):
        self.file.write("t_ns,channel,value\n# channel wall_w error 1%\n")
        turns = 0
        while not self.stopping.wait(0.002):
            if os.path.exists(self.marker):
                os.remove(self.marker)
                self.line("mark", 1)
            if turns % 10 == 0:
                self.line("wall_w", WATTS)
            turns += 1

    def stop(self):
        self.stopping.wait(0.1)
        self.stopping.set()
        self.join()
        self.file.close()


def energy(path):
    return bench.rows(path, """SELECT energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high, energy_quality, energy_source,
        energy_scope, energy_kind, power_uw, idle_power_uw, energy_windows, energy_reason, energy_remark FROM v_result""")[0]


def check_recording(tap, machine):
    path, wall = machine.path("wall.db"), machine.path("wall.csv")
    recorder = Recorder(machine.folder)
    recorder.start()
    done = machine.run(*WORDS, "--db", path, "--meters", "trace", "--marker-command", "touch mark")
    recorder.stop()
    tap.same(done.returncode, 0, "a sweep that lays windows for a recording")
    row = energy(path)
    tap.ok(row[0] is None and "--attach" in row[10], f"no joules yet, and how they come: {row[10]}")
    done = machine.run("meters", "--attach", wall, "--trace-marker", "mark", "--db", path)
    tap.same(done.returncode, 0, f"the recording is set beside it by its marker: {done.stderr.strip()}")
    row = energy(path)
    tap.ok(row[0] and abs(row[7] - WATTS * 1e6) < 1e3 and row[1] <= row[0] <= row[2],
           f"{row[0]} uJ a frame, {row[7]} uW")
    tap.same((row[3], row[5], row[6], row[9]), ("ok", "board", "measured", 5), "of five good windows of the whole machine")
    tap.ok(row[4].startswith("trace:wall.csv offset +2.5"), f"the source says how the clocks stood: {row[4]}")
    tap.ok(row[8] and abs(row[8] - WATTS * 1e6) < 1e3, "idle power comes with it")
    before = bench.rows(path, "SELECT count(*) FROM energy_window")
    done = machine.run("meters", "--attach", wall, "--trace-offset", "2.5", "--db", path)
    tap.ok(done.returncode == 0 and energy(path)[4] == "trace:wall.csv offset +2.500 s", "again, by a stated offset")
    tap.same(bench.rows(path, "SELECT count(*) FROM energy_window"), before, "in place of what was there")
    done = machine.run("meters", "--attach", wall, "--db", path, "--trace-offset", "900")
    tap.ok(done.returncode == 3 and "covers none" in done.stderr, f"a clock far off: {done.stderr.strip()}")
    tap.ok(energy(path)[0] is not None, "leaves what was there")
    done = machine.run("meters", "--attach", machine.path("none.csv"), "--db", path)
    tap.ok(done.returncode == 3 and "none.csv" in done.stderr, f"no such file: {done.stderr.strip()}")
    done = machine.run(*WORDS, "--db", machine.path("x.db"), "--meters", "trace", "--marker-command", "false")
    tap.ok(done.returncode == 2 and "marker" in done.stderr, f"a marker that fails: {done.stderr.strip()}")
    done = machine.run(*WORDS, "--db", machine.path("x.db"), "--meters", "trace", "--marker-command", "sleep 1000; true")
    tap.ok(done.returncode == 2 and "was ended" in done.stderr, f"a marker that does not end: {done.stderr.strip()}")


def check_live(tap, machine):
    """A trace that was read while it was written laid the windows; another recording is set beside them, twice."""
    path, wall = machine.path("live.db"), machine.path("wall.csv")
    recorder = Recorder(machine.folder)
    recorder.start()
    time.sleep(0.2)
    done = machine.run(*WORDS, "--db", path, "--meters", "trace", "--meter-trace", wall, "--trace-offset", "2.5")
    recorder.stop()
    row, laid = energy(path), bench.rows(path, "SELECT count(*) FROM energy_window")[0][0]
    tap.ok(done.returncode == 0 and row[0] and laid, f"a sweep beside a live trace: {laid} windows, {row[4]}")
    shutil.copy(wall, machine.path("other.csv"))
    for time_of in ("once", "again"):
        done = machine.run("meters", "--attach", machine.path("other.csv"), "--trace-offset", "2.5", "--db", path)
        tap.ok(done.returncode == 0, f"another recording is set beside it {time_of}: {done.stderr.strip()}")
        tap.same(bench.rows(path, "SELECT count(*), sum(source LIKE '%other%') FROM energy_window"), [(2 * laid, laid)],
                 "in windows of its own")
    tap.same(energy(path), row, "the row keeps the joules that the sweep read")


def zone(root, name):
    folder = os.path.join(root, "class", "powercap", "intel-rapl", name)
    return os.path.join(folder, "energy_uj")


def check_sources(tap, machine, simulated):
    root, path = machine.path("tree"), machine.path("sources.db")
    process = machine.start(simulated, root, "constant", "30", "30", program=True)
    machine.environment["CIRCBENCH_SYSFS"] = root
    while not os.path.exists(zone(root, "intel-rapl:0")):
        time.sleep(0.01)
    command = ("echo '# channel package-0_w scope package package 0 error 1%'; "
               "while :; do echo \"- package-0_w 60\"; sleep 0.05; done")
    done = machine.run(*WORDS, "--db", path, "--meters", "powercap,exec", "--meter-exec", command)
    row = energy(path)
    tap.same((done.returncode, row[3], row[6]), (0, "ok", "emulated"), "two sources of one package")
    tap.ok(row[4].startswith("powercap") and "disagree" in (row[11] or ""), f"that disagree: {row[11]}")
    tap.same(bench.rows(path, "SELECT count(DISTINCT source) FROM energy_window"), [(2,)], "both are kept")
    path = machine.path("dies.db")
    command = ("echo '# channel wall_w error 1%'; for i in 1 2 3 4 5 6 7 8; do echo \"- wall_w 60\"; sleep 0.05; done; "
               "echo out of battery >&2; exit 7")
    done = machine.run(*WORDS, "--db", path, "--meters", "exec", "--meter-exec", command)
    row = energy(path)
    tap.ok(done.returncode == 0 and row[0] is None and "status 7" in row[10], f"a command that dies: {row[10]}")
    path = machine.path("vanishes.db")
    timer = threading.Timer(2, shutil.rmtree, [os.path.dirname(zone(root, "intel-rapl:0"))])
    timer.start()
    done = machine.run(*WORDS, "--db", path, "--meters", "powercap")
    timer.cancel()
    row = energy(path)
    tap.ok(done.returncode == 0 and row[0] is None and row[10], f"a zone that vanishes: {row[10]}")
    process.kill()
    process.communicate()


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    check_recording(tap, machine)
    check_live(tap, machine)
    check_sources(tap, machine, os.path.abspath(sys.argv[2]))
    machine.close()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
