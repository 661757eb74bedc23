#!/usr/bin/env python3
"""Runs command lines and compares what they print with what their case file says. It judges no measurement.

usage: golden.py CIRCBENCH FIXTURE CASES.txt

A case file holds cases; each runs under bash in one scratch folder per file, where `circbench` is on the PATH and
`fixture.db` is the database that FIXTURE writes:

    # a comment
    $ circbench swep          the command; it starts a case
    exit 2                    its exit code, 0 when left out
    > a line of stdout        each expected line, in order; text between {{ and }} is a regular expression
    ! a line of stderr        the same for stderr
    > ...                     any number of lines
A stream without lines must be empty.
"""
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 120


class Case:
    def __init__(self, line, command):
        self.line, self.command = line, command
        self.code, self.stdout, self.stderr = 0, [], []


def read_cases(path):
    cases = []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if text.startswith("$ "):
                cases.append(Case(number, text[2:]))
            elif text.startswith("exit "):
                cases[-1].code = int(text[5:])
            elif text.startswith(">"):
                cases[-1].stdout.append(text[2:])
            elif text.startswith("!"):
                cases[-1].stderr.append(text[2:])
            elif text.strip() and not text.startswith("#"):
                sys.exit(f"{path}:{number}: neither a command, an exit code, nor a line of output")
    return cases


def pattern(lines):
    """One regular expression for a whole stream."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:[^\n]*\n)*?")
            continue
        pieces = re.split(r"\{\{(.*?)\}\}", line)
        parts.append("".join(f"(?:{piece})" if index % 2 else re.escape(piece)
                             for index, piece in enumerate(pieces)) + r"\n")
    return re.compile("".join(parts))


def show(name, text):
    for line in text.splitlines():
        print(f"# {name}: {line}")


def run(case, folder, environment):
    """Returns the complaints about a case: none when it passed."""
    try:
        done = subprocess.run(["bash", "-c", case.command], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return [f"no end after {TIMEOUT_S} s"]
    out = done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    err = done.stderr.decode("utf-8", "replace")
    complaints = []
    if done.returncode != case.code:
        complaints.append(f"exit code {done.returncode}, expected {case.code}")
    for name, lines, text in (("stdout", case.stdout, out), ("stderr", case.stderr, err)):
        if not pattern(lines).fullmatch(text):
            complaints.append(f"{name} differs")
    if complaints:
        show("stdout", out)
        show("stderr", err)
    return complaints


def main():
    circbench, fixture, path = (os.path.abspath(argument) for argument in sys.argv[1:4])
    cases = read_cases(path)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="circbench-golden-") as folder:
        binaries = os.path.join(folder, "bin")
        os.mkdir(binaries)
        os.symlink(circbench, os.path.join(binaries, "circbench"))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("CIRCBENCH_") and name not in ("NO_COLOR", "POSIXLY_CORRECT")}
        environment.update(PATH=binaries + os.pathsep + os.environ["PATH"], LC_ALL="C", TERM="xterm",
                           CIRCBENCH_PEERS=os.path.join(folder, "none"))
        work = os.path.join(folder, "work")
        os.mkdir(work)
        subprocess.run([fixture, os.path.join(work, "fixture.db")], check=True)
        for number, case in enumerate(cases, 1):
            complaints = run(case, work, environment)
            failed += bool(complaints)
            print(f"{'not ok' if complaints else 'ok'} {number} - line {case.line}: {case.command}",
                  flush=True)
            for complaint in complaints:
                print(f"# {complaint}")
    print(f"1..{len(cases)}")
    return 1 if failed or not cases else 0


sys.exit(main())
