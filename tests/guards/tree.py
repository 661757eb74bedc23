"""What the guards look at: the source files, the C text without comments and strings, and how the build compiles. It
judges nothing.
"""
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*endings):
    """Paths from the root of the project's files, tracked or new, in order; all of them without endings."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True,
                            check=False) if os.path.exists(os.path.join(ROOT, ".git")) else None
    if listed and listed.returncode == 0:
        names = listed.stdout.decode().split("\0")[:-1]
        names = [name for name in names if os.path.isfile(os.path.join(ROOT, name))]
    else:
        names = walk()
    return sorted(name for name in set(names) if not endings or name.endswith(endings))


def walk():
    """The same of a tree without git, less what .gitignore names at the root, hidden folders and build folders."""
    ignored = [line.strip("/\n") for line in read(".gitignore").splitlines()]
    names = []
    for folder, inner, here in os.walk(ROOT):
        inner[:] = [name for name in inner if (name[0] != "." or name == ".ci") and name != "__pycache__" and
                    not os.path.isdir(os.path.join(folder, name, "meson-info"))]
        names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in here]
    return [name for name in names if not any(fnmatch.fnmatch(name.split("/")[0], pattern) for pattern in ignored)]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def code(path):
    """The text of a C file with comments, strings and characters blanked, its lines where they were."""
    return LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), read(path))


def find(path, text, pattern):
    """"path:line: the line" for every match of the pattern in a file's text, whole or blanked."""
    lines = read(path).splitlines()
    numbers = sorted({text.count("\n", 0, match.start()) + 1 for match in re.finditer(pattern, text)})
    return [f"{path}:{number}: {lines[number - 1].strip()}" for number in numbers]


def listing(*words):
    """The lines that a binary tool prints about an object, the last word."""
    if not os.path.exists(words[-1]):
        sys.exit(f"{words[-1]} is not built: run ninja first")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


class Build:
    """A meson build folder: its options, and the command that compiles each object."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        with open(os.path.join(folder, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
            self.options = {option["name"]: option["value"] for option in json.load(file)}
        with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
            self.commands = [self.command(entry) for entry in json.load(file) if entry["file"].endswith(".c")]

    def command(self, entry):
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        inside = not os.path.relpath(source, ROOT).startswith("..")
        generated = source.startswith(self.folder + os.sep) or not inside
        return {"source": os.path.basename(source) if generated else os.path.relpath(source, ROOT),
                "generated": generated, "words": shlex.split(entry["command"]),
                "object": os.path.join(self.folder, entry["output"])}

    def compiler(self, question):
        """What the compiler answers to a question about itself: -dumpmachine, -print-prog-name=nm, --version."""
        words = [self.commands[0]["words"][0], question]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    def tool(self, name):
        """The binary tool of that name that reads what this build's compiler writes; "" if there is none."""
        return shutil.which(self.compiler("-print-prog-name=" + name)) or ""

    def product(self):
        """The commands of the program itself, without the tests'."""
        tests = os.path.join(self.folder, "tests") + os.sep
        return [command for command in self.commands if not command["object"].startswith(tests)]

    def rows(self):
        """{ISA row: its commands}: the templates, compiled once a row."""
        rows = {}
        for command in self.product():
            for word in command["words"]:
                if word.startswith("-DCIRC_TABLE_NAME="):
                    rows.setdefault(word.split('"')[1], []).append(command)
        return rows

    def instrumented(self):
        """Why objects hold more than the source says; "" when they do not."""
        if self.options.get("b_sanitize", "none") not in ("none", []):
            return f"sanitizers ({self.options['b_sanitize']}) add code and data of their own"
        if self.options.get("b_coverage"):
            return "coverage adds counters of its own"
        return ""
