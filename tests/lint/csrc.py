# SPDX-License-Identifier: GPL-2.0-or-later
"""What the C lints share: which files there are, and C text without comments and strings."""
import os
import re
import subprocess
import sys

TOP = os.getcwd()


def files(*suffixes, under=("libvz", "vzctl", "tests", "templates", "man")):
    """Files of the tree by suffix: what git tracks or would track, or everything in a tree without git."""
    if os.path.isdir(".git") or os.path.isfile(".git"):
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
                             check=True, capture_output=True, text=True).stdout.split("\n")
    else:
        out = [os.path.relpath(os.path.join(d, f), TOP) for d, _, fs in os.walk(TOP) for f in fs]
        out = [f for f in out if not f.startswith("build")]
    return sorted({f for f in out if f and f.endswith(tuple(suffixes)) and os.path.isfile(f)
                   and (not under or f.split("/")[0] in under)})


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(text, keep_strings=False):
    """C text with comments and the contents of strings blanked; line numbers stay."""
    def blank(m):
        t = m.group(0)
        if t[0] == "/":
            return re.sub(r"[^\n]", " ", t)
        return t if keep_strings else t[0] + " " * (len(t) - 2) + t[-1]
    return _TOKENS.sub(blank, text)


def split_params(text):
    """Parameters of "a, b(c, d), e", split at the outer commas."""
    out, depth, cur = [], 0, ""
    for ch in text:
        if ch == "," and depth == 0:
            out.append(cur.strip())
            cur = ""
            continue
        depth += (ch in "([{") - (ch in ")]}")
        cur += ch
    if cur.strip():
        out.append(cur.strip())
    return [p for p in out if p != "void"]


class Findings:
    """Collects "file:line: what"; done() prints them and ends with the status make wants."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, text):
        self.lines.append(f"{path}:{line}: {text}")

    def done(self):
        for line in self.lines:
            print(line)
        sys.exit(1 if self.lines else 0)
