#!/usr/bin/env python3
"""Disassembles the kernels: each ISA row uses its registers and no wider ones, nothing else uses any, and the inner
loops of the product keep their tile in registers. TAP on stdout.

usage: check-registers.py BUILD_FOLDER
"""
import os
import re
import shutil
import subprocess
import sys

import tree
from tap import Tap, skip_all

# What a row must contain and must not, and how many vectors an inner loop of `product` may store to the stack in one
# turn; the loops that measure its ceilings store none. avx512 has 32 registers for a tile of 24 accumulators, avx2 has
# 16 for one of 12: two inputs and a weight fit.
ROWS = {
    "scalar": {"must": None, "never": r"%[yz]mm", "spills": None},
    "avx2": {"width": "%ymm", "must": r"vfn?m(add|sub)\w*\s.*%ymm", "never": r"%zmm", "spills": 0},
    "avx512": {"width": "%zmm", "must": r"vfn?m(add|sub)\w*\s.*%zmm", "never": None, "spills": 0},
}

INSTRUCTION = re.compile(r"\s+([0-9a-f]+):\s+(.*)")
JUMP = re.compile(r"j\w+\s+([0-9a-f]+) <")
SPILL = re.compile(r"v?mov[au]p[sd]\s+%[xyz]mm\d+,.*\(%r[sb]p")


def disassemble(path):
    """{function: [(address, instruction)]}"""
    functions, now = {}, None
    for line in tree.listing("objdump", "-d", "--no-show-raw-insn", path):
        start, match = re.match(r"[0-9a-f]+ <(.*)>:", line), INSTRUCTION.match(line)
        if start:
            now = functions.setdefault(start.group(1), [])
        elif match and now is not None:
            now.append((int(match.group(1), 16), match.group(2)))
    return functions


def innermost(instructions):
    """The loops of a function that hold no other: (first, last) addresses of backward jumps."""
    loops = set()
    for address, text in instructions:
        match = JUMP.match(text)
        if match and int(match.group(1), 16) <= address:
            loops.add((int(match.group(1), 16), address))
    return [loop for loop in loops
            if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops)]


def check_spills(tap, row, functions, function, must, limit):
    """The inner loops of a function that hold an instruction like `must` store at most `limit` vectors to the stack."""
    found = [text for name, text in functions.items() if re.fullmatch(function + r"(\.\w+)*", name)]
    worst, loops = 0, 0
    for instructions in found:
        for first, last in innermost(instructions):
            body = [text for address, text in instructions if first <= address <= last]
            if any(re.match(must, text) for text in body):
                loops += 1
                worst = max(worst, sum(bool(SPILL.match(text)) for text in body))
    tap.ok(loops > 0, f"{row}: {function} has inner loops of its own width ({loops})")
    tap.ok(worst <= limit, f"{row}: the inner loops of {function} store at most {limit} vectors to the stack ({worst})")


def check_row(tap, row, functions, exact):
    rule = ROWS[row]
    lines = [text for body in functions.values() for _, text in body]
    if rule["must"]:
        found = sum(bool(re.match(rule["must"], text)) for text in lines)
        tap.ok(found > 0, f"{row}: has multiply-adds of its own width ({found})")
    if rule["never"]:
        found = [text for text in lines if re.search(rule["never"], text)]
        tap.none(found[:5], f"{row}: has no register wider than its own")
    if rule["spills"] is not None and exact:
        tap.skip(exact, f"{row}: product keeps its tile in registers")
    elif rule["spills"] is not None:
        check_spills(tap, row, functions, r"product_\d+", rule["must"], rule["spills"])
        check_spills(tap, row, functions, "peak_f32", rule["must"], 0)
        for streams in (2, 4, 8):
            check_spills(tap, row, functions, f"read_{streams}", r"vaddps\s.*" + rule["width"], 0)


def check_others(tap, build, rows):
    row_objects = {command["object"] for commands in rows.values() for command in commands}
    wide = []
    others = [command for command in build.product() if command["object"] not in row_objects]
    for command in others:
        for name, body in disassemble(command["object"]).items():
            lines = [text for _, text in body if re.search(r"%[yz]mm", text)]
            if lines:
                wide.append(f"{command['source']}: {name}: {lines[0]}")
    tap.ok(len(others) > 0, f"there are objects outside the rows ({len(others)})")
    tap.none(wide, "nothing outside the rows uses vector registers of a row")


def main():
    build = tree.Build(sys.argv[1])
    rows = build.rows()
    if os.uname().machine != "x86_64" or set(rows) == {"scalar"}:
        return skip_all("not x86-64: there is only the scalar row")
    if not shutil.which("objdump"):
        return skip_all("no objdump here: install binutils")
    tap = Tap()
    tap.same(sorted(rows), sorted(ROWS), "the rows that are built are the rows known here")
    compiler = subprocess.run([next(iter(rows.values()))[0]["words"][0], "--version"], capture_output=True, text=True,
                              check=False).stdout
    exact = build.instrumented() or ("" if re.search(r"Free Software Foundation", compiler) else
                                     "the limits were read from gcc's code")
    for row in sorted(set(rows) & set(ROWS)):
        functions = {}
        for command in rows[row]:
            functions.update(disassemble(command["object"]))
        check_row(tap, row, functions, exact)
    own = [word for word in build.options.get("c_args", []) if word.startswith("-m")]
    if own or build.options.get("b_lto"):
        tap.skip(f"c_args has {own[0]}" if own else "b_lto is on", "nothing outside the rows uses their registers")
    else:
        check_others(tap, build, rows)
    return tap.done()


sys.exit(main())
