#!/usr/bin/env python3
"""Disassembles the kernels: each ISA row uses its registers and no wider ones, nothing else uses any, and the inner
loops of the products keep their tiles in registers. TAP on stdout.

usage: check-registers.py BUILD_FOLDER
"""
import re
import sys

import tree
from tap import Tap, skip_all

# How each machine's disassembly shows a jump, a vector stored to the stack, and a register that only a row may use.
MACHINES = {
    "x86_64": {"jump": r"j\w+\s+([0-9a-f]+) <", "spill": r"v?mov[au]p[sd]\s+%[xyz]mm\d+,.*\(%r[sb]p",
               "vector": r"%[yz]mm"},
    "aarch64": {"jump": r"(?:b|b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+([0-9a-f]+) <",
                "spill": r"(?:st[rp]|stur|st1w)\s+\{?[sdqz]\d+.*\[(?:sp|x29)\b", "vector": r"\bz\d+\b"},
}

# What a row must contain and must not, how it adds vectors, and how many vectors an inner loop of a product may store
# to the stack in one turn; the loops that measure its ceilings store none. avx512, neon and sve256 have 32 registers
# for a tile of 24 accumulators; sve256 finishes a lone row's tiles within what looks like their loop, and its maximum
# goes through the stack (lanes.h); avx2 has 16 for one of 12: two inputs and a weight fit, but a stream of two vectors
# may store four, and six where it reads pairs. The scalar row is the machine's least: what gcc makes of it is its own affair.
ROWS = {
    "x86_64": {
        "scalar": {"must": None, "never": r"%[yz]mm", "spills": None},
        "avx2": {"must": r"vfn?m(add|sub)\w*\s.*%ymm", "add": r"vaddps\s.*%ymm", "never": r"%zmm", "spills": 0,
                 "stream_spills": 6},
        "avx512": {"must": r"vfn?m(add|sub)\w*\s.*%zmm", "add": r"vaddps\s.*%zmm", "never": None, "spills": 0},
    },
    "aarch64": {
        "scalar": {"must": None, "never": r"\bz\d+\b", "spills": None},
        "neon": {"must": r"fml[as]\s+v\d+\.4s", "add": r"fadd\s+v\d+\.4s", "never": r"\bz\d+\b", "spills": 0},
        "sve256": {"must": r"(fml[as]|fmad|fmsb)\s+z\d+\.s", "add": r"fadd\s+z\d+\.s", "never": None, "spills": 2},
    },
}

INSTRUCTION = re.compile(r"\s+([0-9a-f]+):\s+(.*)")


def disassemble(objdump, path):
    """{function: [(address, instruction)]}"""
    functions, now = {}, None
    for line in tree.listing(objdump, "-d", "--no-show-raw-insn", path):
        start, match = re.match(r"[0-9a-f]+ <(.*)>:", line), INSTRUCTION.match(line)
        if start:
            now = functions.setdefault(start.group(1), [])
        elif match and now is not None:
            now.append((int(match.group(1), 16), match.group(2)))
    return functions


def innermost(instructions, jump):
    """The loops of a function that hold no other: (first, last) addresses of backward jumps."""
    loops = set()
    for address, text in instructions:
        match = re.match(jump, text)
        if match and int(match.group(1), 16) <= address:
            loops.add((int(match.group(1), 16), address))
    return [loop for loop in loops
            if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops)]


def check_spills(tap, row, machine, functions, function, must, limit):
    """The inner loops of a function that hold an instruction like `must` store at most `limit` vectors to the stack."""
    found = [text for name, text in functions.items() if re.fullmatch(function + r"(\.\w+)*", name)]
    worst, loops = 0, 0
    for instructions in found:
        for first, last in innermost(instructions, machine["jump"]):
            body = [text for address, text in instructions if first <= address <= last]
            if any(re.match(must, text) for text in body):
                loops += 1
                worst = max(worst, sum(bool(re.match(machine["spill"], text)) for text in body))
    tap.ok(loops > 0, f"{row}: {function} has inner loops of its own width ({loops})")
    tap.ok(worst <= limit, f"{row}: the inner loops of {function} store at most {limit} vectors to the stack ({worst})")


def check_row(tap, row, rule, machine, functions, exact):
    lines = [text for body in functions.values() for _, text in body]
    if rule["must"]:
        found = sum(bool(re.match(rule["must"], text)) for text in lines)
        tap.ok(found > 0, f"{row}: has multiply-adds of its own width ({found})")
    if rule["never"]:
        found = [text for text in lines if re.search(rule["never"], text)]
        tap.none(found[:5], f"{row}: has no register wider than its own")
    if rule["spills"] is not None and exact:
        tap.skip(exact, f"{row}: the products keep their tiles in registers")
    elif rule["spills"] is not None:
        check_spills(tap, row, machine, functions, r"product_\d+", rule["must"], rule["spills"])
        for function in ("stream_rows", "stream_slots"):
            check_spills(tap, row, machine, functions, function, rule["must"], rule.get("stream_spills", 0))
        check_spills(tap, row, machine, functions, "peak_f32", rule["must"], 0)
        for streams in (2, 4, 8):
            check_spills(tap, row, machine, functions, f"read_{streams}", rule["add"], 0)


def check_others(tap, build, objdump, vector, rows):
    row_objects = {command["object"] for commands in rows.values() for command in commands}
    wide = []
    others = [command for command in build.product() if command["object"] not in row_objects]
    for command in others:
        for name, body in disassemble(objdump, command["object"]).items():
            lines = [text for _, text in body if re.search(vector, text)]
            if lines:
                wide.append(f"{command['source']}: {name}: {lines[0]}")
    tap.ok(len(others) > 0, f"there are objects outside the rows ({len(others)})")
    tap.none(wide, "nothing outside the rows uses vector registers of a row")


def main():
    build = tree.Build(sys.argv[1])
    rows, name = build.rows(), build.compiler("-dumpmachine").split("-")[0]
    if name not in ROWS:
        return skip_all(f"{name}: there is only the scalar row")
    objdump = build.tool("objdump")
    if not objdump:
        return skip_all("no objdump here: install binutils")
    tap, known, machine = Tap(), ROWS[name], MACHINES[name]
    tap.same(sorted(rows), sorted(known), "the rows that are built are the rows known here")
    exact = build.instrumented() or ("" if "Free Software Foundation" in build.compiler("--version") else
                                     "the limits were read from gcc's code")
    for row in sorted(set(rows) & set(known)):
        functions = {}
        for command in rows[row]:
            functions.update(disassemble(objdump, command["object"]))
        check_row(tap, row, known[row], machine, functions, exact)
    own = [word for word in build.options.get("c_args", []) if word.startswith("-m")]
    if own or build.options.get("b_lto"):
        tap.skip(f"c_args has {own[0]}" if own else "b_lto is on", "nothing outside the rows uses their registers")
    else:
        check_others(tap, build, objdump, machine["vector"], rows)
    return tap.done()


sys.exit(main())
