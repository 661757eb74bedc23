#!/usr/bin/env python3
"""Names that are code elsewhere (SQL, shell, HTML, Markdown, CSV, format strings, terminal escapes) go in and come out
as they were; TAP on stdout.

usage: test-hostile.py CIRCBENCH
"""
import csv
import glob
import io
import json
import os
import re
import sqlite3
import sys

import bench
from tap import Tap

NAMES = [
    "'; DROP TABLE trial; --",
    'o\'hara "quoted" `ticked` \\ $HOME $(id)',
    "two\nlines\r\n\tand a tab",
    "<script>alert(1)</script> &amp; <b>\n```\n<script>alert(2)</script>\n~~~",
    "%s %n %d {0} | a | b |\n|---|",
    "größe 测试 𝄞 \u202eright to left\u202c",
    "-o json",
    "x" * 300,
    "a,b;c:d/e",
]
RAW = b"not \xff\xfe utf-8 \xc3( \x1b[31mred"
ONE_POINT = ["-s", "circulant", "-k", "4", *bench.QUICK, "-q"]
NETWORK = "input 16x1x1\nfc 8\n"


def ask(machine, *words):
    """The rows of a command that prints JSON."""
    done = machine.run(*words, "-o", "json")
    return json.loads(done.stdout) if done.returncode == 0 else [{"failed": done.stderr}]


def check_name(tap, machine, name):
    what = f"campaign {ascii(name)[:40]}".replace("#", "hash")
    done = machine.run("sweep", "-w", "fc:8x16", *ONE_POINT, "--name=" + name, "-o", "json")
    if not tap.same(done.returncode, 0, f"{what}: swept"):
        tap.note(done.stderr)
        return
    tap.same([row["campaign"] for row in json.loads(done.stdout)], [name], f"{what}: the row has it")
    tap.same([row["campaign"] for row in ask(machine, "query", "all", "--campaign=" + name)], [name],
             f"{what}: query finds it, and only it")
    listed = machine.run("campaigns", "-o", "csv").stdout
    tap.ok(name in [row[0] for row in csv.reader(io.StringIO(listed, newline=""))], f"{what}: in a list as CSV")
    table = machine.run("campaigns").stdout.split("\n")
    tap.same(len(table), len(ask(machine, "campaigns")) + 2, f"{what}: a table has a line a campaign")


def check_sql(tap, machine):
    """The rows as SQL, run."""
    database = sqlite3.connect(":memory:")
    database.executescript(machine.run("campaigns", "-o", "sql").stdout)
    got = [name for name, in database.execute("SELECT campaign FROM result")]
    tap.same(sorted(got), sorted(row["campaign"] for row in ask(machine, "campaigns")),
             "the SQL that is printed makes the same names")


def outside_fences(markdown):
    """The lines of Markdown that are not in a fenced block, which a longer fence of the same kind ends."""
    fence, lines = None, []
    for line in markdown.split("\n"):
        found = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence and found:
            fence = found.group(1)
        elif fence:
            fence = None if re.fullmatch(rf" {{0,3}}{fence}{fence[0]}*\s*", line) else fence
        else:
            lines.append(line)
    return "\n".join(lines)


def check_report(tap, machine, name):
    for path in ("report.html", "report.md"):
        done = machine.run("report", "-q", "-o", path, "--campaign=" + name)
        with open(machine.path(path), encoding="utf-8") as file:
            text = file.read()
        text = outside_fences(text) if path.endswith(".md") else text
        tap.ok(done.returncode == 0 and "<script>alert" not in text, f"{path}: the name is text")
        tap.ok("alert(2)" in text and "method" in text.lower(), f"{path}: the name is there, and the rest")


def check_raw(tap, machine):
    done = machine.run("sweep", "-w", "fc:8x16", *ONE_POINT, b"--name=" + RAW, "-o", "json")
    tap.same((done.returncode, len(json.loads(done.stdout))), (0, 1), "bytes that are no UTF-8: JSON stays JSON")
    table = machine.run("campaigns", errors="surrogateescape").stdout
    tap.ok("\x1b" not in table, "no escape sequence reaches the terminal")
    removed = machine.run("campaigns", "delete", RAW)
    tap.same(removed.returncode, 0, "and the campaign can be deleted by them")


def check_files(tap, machine):
    for name in ("it's \"one\" net", "$HOME `id` ; | &", "größe", "line\nbreak", "[brackets]%s"):
        what = f"network file {ascii(name)}"
        with open(machine.path(name + ".net"), "w", encoding="utf-8") as file:
            file.write(NETWORK)
        words = ["-w", f"./{name}.net"]
        done = machine.run("sweep", *words, *ONE_POINT, "--db", "files.db", "-o", "json")
        if not tap.same(done.returncode, 0, f"{what}: swept"):
            tap.note(done.stderr)
            continue
        tap.same([row["workload"] for row in json.loads(done.stdout)], [name], f"{what}: the row has its name")
        again = machine.run("sweep", *words, *[word for word in ONE_POINT if word != "-q"], "--db", "files.db",
                            "--resume")
        tap.ok("every point" in again.stderr, f"{what}: resume finds it")
        dumped = machine.run("check", *words, "-b", "ref", "-s", "circulant", "-k", "4", "-q", "--dump", "dumped")
        tap.same(dumped.returncode, 0, f"{what}: dumped")
    folders = os.listdir(machine.path("dumped"))
    tap.ok(len(folders) == 5 and all(folder.isascii() and not set(folder) & set(" '\"\n$`|;&*") for folder in folders),
           "each dump has a folder of its own, with a plain name")
    tap.same(len(glob.glob(machine.path("dumped", "*", "output.npy"))), 5, "and files in it")


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        for name in NAMES:
            check_name(tap, machine, name)
        check_sql(tap, machine)
        check_report(tap, machine, NAMES[3])
        again = machine.run("sweep", "-w", "fc:8x16", *ONE_POINT, "--name=" + NAMES[0], "-o", "json")
        tap.same(json.loads(again.stdout)[0]["campaign"], NAMES[0] + "-2", "a name that is taken gets a number")
        for name in NAMES[1:]:
            removed = machine.run("campaigns", "delete", "--", name)
            tap.same(removed.returncode, 0, f"deleted {ascii(name)[:40]}")
        check_raw(tap, machine)
        tap.same(bench.rows(machine.path("circbench.db"), "PRAGMA integrity_check; "), [("ok",)], "integrity_check")
        tap.same(bench.rows(machine.path("circbench.db"), "SELECT count(*) FROM trial"), [(2,)],
                 "the other campaigns are there")
        check_files(tap, machine)
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
