#!/usr/bin/env python3
"""Checks names and texts of the tree: base names, sizes, notes to oneself, and what belongs to one person's machine. It
needs no build; TAP on stdout.

usage: check-words.py
"""
import os
import re
import sys

import tree
from tap import Tap

MOST_LINES = 800
CODE = (".c", ".h", ".cl", ".py", ".js", ".css", ".sql", ".net")

# Written so that no pattern matches its own line. A reason goes with each.
FORBIDDEN = {
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b": "an issue says it better",
    r"(?<![\w.])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers)/": "a path of one machine",
    r"\b(py" r"pi\.org|python" r"hosted\.org|registry\.npm" r"js\.org|crates\.i" r"o|proxy\.golang\.or" r"g)\b":
        "a registry's host: packages are the system's",
}

# Licence and data are others' words.
FOREIGN = re.compile(r"LICENSE|.*/ATTRIBUTION|.*\.gz|.*\.png")


def text_of(path):
    try:
        return tree.read(path)
    except UnicodeDecodeError:
        return None


def duplicates(paths):
    """Base names that two files of a language have; a .c and its .h lie in one folder."""
    complaints, seen = [], {}
    for path in paths:
        base, ending = os.path.splitext(os.path.basename(path))
        folder = os.path.dirname(path)
        language = "C" if ending in (".c", ".h") else ending
        for other_folder, other_ending, other in seen.setdefault((language, base), []):
            if other_folder != folder or other_ending == ending:
                complaints.append(f"{path} has the base name of {other}")
        seen[language, base].append((folder, ending, path))
    return complaints


def main():
    tap, every = Tap(), tree.files()
    code = [path for path in every if path.endswith((".c", ".h", ".py", ".cl", ".js"))]
    texts = {path: text_of(path) for path in every if not FOREIGN.fullmatch(path)}
    tap.note(f"{len(every)} files, {len(code)} of code")
    tap.ok(len(code) > 0, "there are files to look at")
    tap.none([path for path, text in texts.items() if text is None], "every file is UTF-8 text, the data apart")
    tap.none(duplicates(code), "base names of code are unique in the tree")
    tap.none([f"{path}: {text.count(chr(10))} lines" for path, text in texts.items()
              if text and path.endswith(CODE) and text.count("\n") > MOST_LINES],
             f"no file is longer than {MOST_LINES} lines")
    for pattern, reason in FORBIDDEN.items():
        tap.none([line for path, text in texts.items() if text for line in tree.find(path, text, pattern)],
                 f"nothing says {pattern}: {reason}")
    opening = [path for path in code if path.endswith((".c", ".h")) and not re.match(r"\s*/[*/]", texts[path] or "")]
    tap.none(opening, "every C file opens with a sentence")
    tap.none([f"{path}: a tab" for path in code if "\t" in (texts[path] or "")], "no tab in code")
    return tap.done()


sys.exit(main())
