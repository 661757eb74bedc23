"""Runs the real circbench in a scratch folder, and reads its databases. What must hold is the tests' to say."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

TIMEOUT_S = 170

# Points that measure in a moment: one thread, two samples, whatever the noise, no counters.
QUICK = ["-t", "1", "-r", "2", "--min-time", "0.02", "--max-noise", "1", "--meters", "none"]

# Six groups of four points each: two batches of three layers, two structures of two blocks. Every build has these.
GROUPS, IN_GROUP = 6, 4
SWEEP = ["sweep", "-w", "fc:64x64,fc:48x96,fc:100x30", "-s", "circulant,pruned", "-k", "4,8", "-n", "1,2", *QUICK]


class Bench:
    """A scratch folder in which circbench runs, without this user's settings."""

    def __init__(self, circbench):
        self.circbench = os.path.abspath(circbench)
        self.scratch = tempfile.TemporaryDirectory(prefix="circbench-recovery-", ignore_cleanup_errors=True)
        self.folder = self.scratch.name
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CIRCBENCH_")}
        self.environment.update(LC_ALL="C.UTF-8", TMPDIR=self.folder)

    def forgive_drivers(self):
        """OpenCL's drivers and clFFT leak by themselves, and clFFT deletes a base class: sanitizers look past both."""
        if "ASAN_OPTIONS" in self.environment:
            self.environment["ASAN_OPTIONS"] += ":detect_leaks=0:new_delete_type_mismatch=0"

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start(self, *words, program=False, **options):
        """program: the first word is the program, in place of circbench."""
        options = {"cwd": self.folder, "env": self.environment, "stdin": subprocess.DEVNULL,
                   "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen([*([] if program else [self.circbench]), *words], **options)

    def run(self, *words, errors="strict", **options):
        """Runs to the end; the process with .stdout, .stderr, .returncode. Line ends are left as they are."""
        process = self.start(*words, text=False, **options)
        try:
            out, messages = process.communicate(timeout=TIMEOUT_S)
            process.stdout, process.stderr = (text.decode("utf-8", errors) for text in (out, messages))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process

    def close(self):
        self.scratch.cleanup()


def copy_of(path, folder):
    """A copy of a database that nobody has open, with its journal: looking at it leaves the original as it is."""
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(path))
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(target + ending):
            os.remove(target + ending)
        if os.path.exists(path + ending):
            shutil.copy(path + ending, target + ending)
    return target


def rows(path, sql):
    """What a query answers, [] when the file or its tables are not there yet."""
    if not os.path.exists(path):
        return []
    database = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)
    try:
        return database.execute(sql).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        database.close()


def trials(path):
    """{point: everything stored about its trial}, a list a point so that a second one shows."""
    found = {}
    for key, *row in rows(path, """SELECT point, t.*, (SELECT group_concat(number || ':' || time_ns || ':' || start_ns)
            FROM (SELECT * FROM sample WHERE trial = t.key ORDER BY number)) FROM trial AS t ORDER BY point"""):
        found.setdefault(key, []).append(row)
    return found


def group_sizes(path):
    """How many trials each group has: {(workload, batch): count}."""
    return {(workload, batch): count for workload, batch, count in
            rows(path, "SELECT workload, batch, count(*) FROM trial JOIN point ON point.key = point GROUP BY 1, 2")}


def wait_for_groups(path, count):
    """Waits until a sweep has committed so many groups."""
    give_up = time.monotonic() + TIMEOUT_S
    while time.monotonic() < give_up:
        if len(group_sizes(path)) >= count:
            return True
        time.sleep(0.01)
    return False


def complaints(path, campaigns=1):
    """What is wrong with a database whose campaigns have all run SWEEP to its end."""
    wrong = []
    for sql, want in (("PRAGMA integrity_check", [("ok",)]), ("PRAGMA foreign_key_check", []),
                      ("SELECT count(*) FROM campaign", [(campaigns,)]),
                      ("SELECT count(*) FROM trial", [(campaigns * GROUPS * IN_GROUP,)]),
                      ("SELECT campaign, point FROM trial GROUP BY 1, 2 HAVING count(*) > 1", []),
                      ("SELECT status, count(*) FROM trial WHERE status <> 'ok' GROUP BY 1", []),
                      ("SELECT key FROM trial WHERE time_ns_median IS NULL OR samples < 2", []),
                      ("SELECT key FROM trial WHERE key NOT IN (SELECT trial FROM sample)", [])):
        got = rows(path, sql)
        if got != want:
            wrong.append(f"{sql}: {got[:5]}, expected {want}")
    return wrong
