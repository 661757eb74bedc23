#!/usr/bin/env python3
"""Compiles every header by itself, twice in one file, with the project's flags and warnings as errors; TAP on stdout.

usage: check-headers.py BUILD_FOLDER
"""
import concurrent.futures
import os
import subprocess
import sys

import tree
from tap import Tap

# Templates, which are to be included with macros set and have no guard: what comes before them, once.
TEMPLATES = {
    "backends/core/fft_passes.h": '#include "backends/core/fft.h"\n#define CIRC_FFT_V float\n'
                                  "#define CIRC_FFT_S float\n#define CIRC_FFT_NAME(x) alone_##x\n",
    "backends/core/fixed_fft_stages.h": '#include "backends/core/fixed_fft.h"\n#define NAME(x) alone_##x\n'
                                        "#define WORD double\n#define WIDE double\n#define STATE double *peak\n"
                                        "#define ROOTS (void)peak\n#define ROOT(e) const WIDE wr = (e), wi = (e)\n"
                                        "#define UP(v) (v)\n#define SUM(v, s, half) (v)\n#define PRODUCT(v, s, half) (v)\n"
                                        "static int reversed(int f, int n) { return f + n; }\n",
    "backends/core/slopes.h": '#include "backends/core/network.h"\n#include <math.h>\n'
                              "#define CIRC_SLOPES_T float\n#define CIRC_SLOPES_NAME(x) alone_##x\n",
}


def compiler_of(build, header):
    """The command that compiles the nearest source to the header, without its files and without output."""
    def distance(command):
        shared = os.path.commonpath(["x/" + header, "x/" + command["source"]]).count("/")
        return (command["generated"], -shared)

    words, kept = min(build.commands, key=distance)["words"], []
    takes = False
    for word in words[:-1]:
        if not takes and word not in ("-c", "-MD", "-MQ", "-MF", "-o"):
            kept.append(word)
        takes = word in ("-MQ", "-MF", "-o")
    return [word for word in kept if not word.endswith(".c")] + [
        "-fsyntax-only", "-Werror", "-fdiagnostics-color=never", "-x", "c", "-"]


def compile_alone(build, header):
    include = f'#include "{header}"\n'
    text = TEMPLATES[header] + include if header in TEMPLATES else include * 2
    done = subprocess.run(compiler_of(build, header), cwd=build.folder, input=text, capture_output=True, text=True,
                          check=False)
    return done.stderr if done.returncode else ""


def main():
    tap, build, headers = Tap(), tree.Build(sys.argv[1]), tree.files(".h")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, message in zip(headers, pool.map(lambda header: compile_alone(build, header), headers)):
            tap.ok(not message, header)
            tap.note(message)
    tap.none([name for name in TEMPLATES if name not in headers], "every template named here is there")
    return tap.done()


sys.exit(main())
