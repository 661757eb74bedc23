#!/usr/bin/env python3
"""Prints the Content-Security-Policy of the report: nothing is loaded, and only these files may run.

usage: csp.py STYLE.css SCRIPT.js...

The page holds each file between its tags byte for byte, so the hash of the file is the hash of the element.
"""
import base64
import hashlib
import sys


def source(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).digest()
    return "'sha256-" + base64.b64encode(digest).decode("ascii") + "'"


def main():
    style, scripts = sys.argv[1], sys.argv[2:]
    print("default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + source(style) +
          "; script-src " + " ".join(source(path) for path in scripts), end="")


main()
