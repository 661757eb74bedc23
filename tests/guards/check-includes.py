#!/usr/bin/env python3
"""Enforces who may include what, who may print, and who may end the process. Reads sources only; TAP on stdout.

usage: check-includes.py
"""
import os
import re
import sys

import tree
from tap import Tap

# The headers that a folder offers to the others; what is not named here is its own affair.
CORE = ["backends/core/"]
BACKENDS = ["backends/backend.h", "backends/registry.h"]
WORDS = ["backends/core/status.h", "backends/core/embed.h", "backends/core/nearest.h", "backends/core/ceiling.h"]
WORKLOADS = ["workloads/workload.h", "workloads/dataset.h"]
RESULTS = ["results/store.h", "results/query.h", "results/format.h", "results/trial.h"]
REPORTS = ["reports/report.h"]
CONFIG = ["circ_config.h"]

# The longest folder that holds a file decides: what it may include. A name ending in / stands for the folder's own
# headers, not for those of folders inside it.
MATRIX = {
    "backends/core/": CORE,
    "backends/ref/": ["backends/", "backends/ref/", *CORE],
    "backends/cpu/": ["backends/", "backends/cpu/", *CORE, *CONFIG],
    "backends/devices/": ["backends/", "backends/devices/", *CORE],
    "backends/opencl/": ["backends/", "backends/devices/", "backends/opencl/", *CORE, *CONFIG],
    "backends/fpga/": ["backends/", "backends/devices/", "backends/fpga/", *CORE, *CONFIG],
    "backends/pytorch/": ["backends/", "backends/pytorch/", *CORE],
    "backends/model/": ["backends/", "backends/model/", *CORE],
    "backends/": ["backends/", "backends/cpu/cpu.h", "backends/fpga/fpga.h", "backends/model/model.h", "backends/opencl/opencl.h", "backends/pytorch/pytorch.h", "backends/ref/ref.h", *CORE],
    "workloads/": ["workloads/", *CORE],
    "results/": ["results/", *WORDS],
    "reports/": ["reports/", *RESULTS, *WORDS, *CONFIG],
    "harness/meters/": ["harness/meters/", "backends/core/status.h", "backends/core/embed.h", "backends/core/nearest.h", *CONFIG],
    "harness/commands/": ["harness/commands/", "harness/", "harness/meters/", *CORE, *BACKENDS, *WORKLOADS, *RESULTS, *REPORTS, *CONFIG],
    "harness/": ["harness/", "harness/meters/", *CORE, *BACKENDS, *WORKLOADS, *RESULTS, *REPORTS, *CONFIG],
}

# One file alone.
ALONE = {"harness/main.c": ["harness/commands/command.h"],
         "harness/host.c": ["circ_commit.h", "backends/processor.h"],
         "backends/devices/missing.c": ["backends/fpga/fpga.h", "backends/opencl/opencl.h"]}

# Libraries: their headers, and the folders and files that may include them.
LIBRARIES = {
    r"sqlite3\.h": ["results/", "reports/", "harness/compare.c", "harness/host.c", "harness/meters/formula.c"],
    r"uuid.*\.h": ["results/keys.c"],
    r"zlib\.h": ["workloads/bytes.c", "harness/host.c"],
    r"papi\.h": ["harness/meters/hardware.c", "harness/meters/meter_papi_energy.c", "harness/host.c"],
    r"perfmon/.*": ["harness/host.c", "harness/meters/pmu.c"],
    r"(open|c)blas.*\.h": ["backends/cpu/dense.c", "backends/cpu/learn_dense.c", "backends/cpu/fftw.c", "backends/cpu/libraries.c"],
    r"dnnl.*\.h|omp\.h": ["backends/cpu/onednn.c", "backends/cpu/sequence.h", "backends/cpu/libraries.c"],
    r"fftw3\.h": ["backends/cpu/fftw_plan.h", "backends/cpu/libraries.c"],
    r"CL/.*": ["backends/devices/"],
    r"clFFT\.h": ["backends/opencl/clfft.c"],
    r"clblast.*\.h": ["backends/opencl/clblast.c"],
    r"pthread\.h|threads\.h": ["backends/cpu/team.c", "harness/meters/meter_exec.c", "harness/meters/watching.h"],
    r"(x86|imm|xmm)intrin\.h|arm_.*\.h|cpuid\.h": ["backends/cpu/", "harness/host.c"],
}

# Who writes to stdout and stderr, and why; the others take a FILE or write none.
PRINTERS = {
    "harness/main.c": "help, version",
    "harness/log.c": "messages",
    "harness/progress.c": "the bar",
    "harness/commands/listing.c": "lists for people",
    "harness/commands/findings.c": "doctor's page for people",
    "harness/commands/live.c": "watts as they come",
    "harness/commands/cmd_report.c": "the verdict's lines",
    "harness/commands/cmd_check.c": "the blank line between two tables",
}
PRINT = (r"\b(v?printf|puts|putchar|perror)\s*\(|"
         r"\b(fputs|fputc|putc|fwrite|v?fprintf)\s*\([^;]*\bstd(out|err)\b")
# Who hands stdout to a renderer.
STREAMS = re.compile(r"harness/(commands/\w+|log|main|progress)\.c|reports/report\.c")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]*)"|<([^>]*)>)', re.MULTILINE)


def includes(path):
    """(line, own header or "", system header or "") of each #include."""
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), tree.read(path), flags=re.DOTALL)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) or "", match.group(2) or ""


def allowed(header, rules):
    return any(header == rule or (rule.endswith("/") and os.path.dirname(header) + "/" == rule) for rule in rules)


def folder_of(path):
    return max((folder for folder in MATRIX if path.startswith(folder)), key=len, default=None)


def own(path):
    """Complaints about the project's own headers in a file."""
    folder, complaints = folder_of(path), []
    for line, header, _ in includes(path):
        if not header:
            continue
        exists = os.path.exists(os.path.join(tree.ROOT, header)) or header in ("circ_config.h", "circ_commit.h")
        if not exists:
            complaints.append(f'{path}:{line}: #include "{header}": no such file from the root')
        elif folder and not allowed(header, MATRIX[folder] + ALONE.get(path, [])):
            complaints.append(f'{path}:{line}: #include "{header}": {folder} may not')
    return complaints


def foreign(path):
    """Complaints about the libraries' headers in a file."""
    return [f"{path}:{line}: #include <{header}>: only {', '.join(places)} may"
            for line, _, header in includes(path) for pattern, places in LIBRARIES.items()
            if header and re.fullmatch(pattern, header) and
            not any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)]


def main():
    tap = Tap()
    sources = tree.files(".c", ".h")
    product = [path for path in sources if not path.startswith("tests/")]
    tap.note(f"{len(sources)} files, {sum(1 for path in sources for _ in includes(path))} includes")
    tap.ok(len(product) > 0, "there are files to look at")
    for folder in MATRIX:
        mine = [path for path in product if folder_of(path) == folder]
        tap.ok(mine, f"{folder} has files")
        tap.none([complaint for path in mine for complaint in own(path)], f"{folder} includes what it may")
    tap.none([path for path in product if not folder_of(path)], "every file is in a folder of the matrix")
    tap.none([complaint for path in sources if path.startswith("tests/") for complaint in own(path)],
             "tests include headers that exist")
    tap.none([complaint for path in product for complaint in foreign(path)],
             "libraries are included in their one place")
    tap.none([place for places in LIBRARIES.values() for place in places
              if not os.path.exists(os.path.join(tree.ROOT, place))], "every place named here exists")

    text = {path: tree.code(path) for path in product}
    ends = r"\b(exit|_exit|_Exit|quick_exit|abort|assert|longjmp)\s*\("
    tap.none([line for path in product if path != "harness/main.c" for line in tree.find(path, text[path], ends)],
             "only main.c ends the process")
    tap.none([line for path in product if path not in PRINTERS for line in tree.find(path, text[path], PRINT)],
             "only main.c, the log and the renderers print")
    tap.none([line for path in product if not STREAMS.fullmatch(path)
              for line in tree.find(path, text[path], r"\bstd(out|err)\b|\bSTD(OUT|ERR)_FILENO\b")],
             "only commands and renderers know stdout and stderr")
    tap.none([path for path in PRINTERS if not tree.find(path, text.get(path, ""), PRINT)],
             "every printer named here prints")
    return tap.done()


sys.exit(main())
