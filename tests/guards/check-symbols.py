#!/usr/bin/env python3
"""Checks the names and the kinds of symbols in the program's objects: prefix, file of a function, no mutable global.
TAP on stdout.

usage: check-symbols.py BUILD_FOLDER
"""
import os
import re
import sys

import tree
from tap import Tap, skip_all

# Symbols that do not carry the name of the file that holds them, and why.
ELSEWHERE = {
    "circ_command_line": "only main.c has argv; its users know it by command.h",
    "circ_opencl_backend": "without OpenCL backends/devices/missing.c stands for both backends",
    "circ_fpga_backend": "the same",
    "circ_migrate_embedded": "generated from schema/*.sql for migrate.c, which alone declares it",
    "circ_migrate_embedded_count": "the same",
    "circ_query_embedded": "generated from queries/*.sql for query.c, which alone declares it",
    "circ_query_embedded_count": "the same",
}

# Objects that may change while the program runs, and why.
MUTABLE = {
    ("harness/interrupt.c", "requested"): "a signal handler reaches nothing but a global",
    ("backends/opencl/clfft.c", "users"): "clFFT's state is the process's, and so is the count of who uses it",
    ("backends/opencl/clblast.c", "users"): "the same of CLBlast's programs",
    ("harness/main.c", "command_line"): "written once, before any command runs",
}

# Constants with pointers in them lie in .data.rel.ro: the loader writes them, the program cannot.
CONSTANT = re.compile(r"\.(text|rodata|data\.rel\.ro|init|fini|eh_frame|tm_clone)")


def symbols(nm, command):
    """(name, is global, section) of what an object defines."""
    for line in tree.listing(nm, "--defined-only", "-f", "sysv", command["object"]):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 7 and parts[2] not in ("a", "N", "n"):
            yield re.sub(r"\.\d+$", "", parts[0]), parts[2].isupper(), parts[6]


def main():
    tap, build = Tap(), tree.Build(sys.argv[1])
    nm = build.tool("nm")
    if not nm:
        return skip_all("no nm here: install binutils")
    if build.options.get("b_lto"):
        return skip_all("b_lto is on: the objects hold no machine code, and no symbols that nm knows")
    unprefixed, misplaced, mutable, seen, count = [], [], [], set(), 0
    for command in build.product():
        source = command["source"]
        prefix = "circ_" + os.path.splitext(os.path.basename(source))[0]
        for name, is_global, section in symbols(nm, command):
            count += 1
            seen |= {name, (source, name)}
            where = f"{source}: {name}"
            if is_global and name != "main":
                if not name.startswith("circ_"):
                    unprefixed.append(f"{where} does not start with circ_")
                elif name != prefix and not name.startswith(prefix + "_") and name not in ELSEWHERE:
                    misplaced.append(f"{where} does not start with {prefix}_")
            if not CONSTANT.match(section) and (source, name) not in MUTABLE:
                mutable.append(f"{where} is in {section or 'common'}: make it const or a member of something")
    tap.note(f"{count} symbols of {len(build.product())} objects")
    tap.ok(count > 0, "there are symbols to look at")
    if build.instrumented():
        tap.skip(build.instrumented(), "every global symbol starts with circ_")
        tap.skip(build.instrumented(), "no mutable object but those allowed here")
    else:
        tap.none(unprefixed, "every global symbol starts with circ_")
        tap.none(mutable, "no mutable object but those allowed here")
    tap.none(misplaced, "every public name starts with the name of its file")
    sources = {command["source"] for command in build.product()}
    exceptions = [*ELSEWHERE, *(name for name in MUTABLE if name[0] in sources)] # a build may lack libraries
    tap.none([str(name) for name in exceptions if name not in seen], "every exception is still needed")
    return tap.done()


sys.exit(main())
