#!/usr/bin/env python3
"""Removes the guards of tests/guards.txt one by one; a test must notice each. Writes tests/guards.md.

usage: tests/remove_guards.py [--scratch DIR] [--only TEXT]

Works in a git worktree of HEAD under DIR (default /tmp/neuraxis-guards) with a target folder of its own, so that
neither the working tree nor its builds are touched. The test named beside a guard runs first; if it passes, all tests
of the crates that stand on the guard run before the guard counts as survived.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Crates whose tests may notice, from the bottom up.
ABOVE = {
    "channel": ["channel", "brainstem", "faults"],
    "robot": ["robot", "brainstem", "faults"],
    "motion": ["motion", "cerebellum", "brainstem", "faults"],
    "brainstem": ["brainstem", "cerebellum", "faults"],
    "cerebellum": ["cerebellum", "faults"],
}
# A test that takes longer hangs, and a hang is noticed too.
TIMEOUT_SECS = 300


def guards():
    """Blocks of `key: value` lines, separated by empty lines; `#` begins a comment."""
    guard = {}
    for line in (ROOT / "tests/guards.txt").read_text().splitlines() + [""]:
        if line.startswith("#"):
            continue
        if line.strip():
            key, _, value = line.partition(":")
            guard[key] = value[1:]
        elif guard:
            missing = {"guard", "file", "find", "with", "test"} - guard.keys()
            if missing:
                sys.exit(f"tests/guards.txt: {guard} lacks {missing}")
            yield guard
            guard = {}


def cargo(scratch, *arguments):
    """None if the tests pass, else the name of the first that fails, or how it ended."""
    environment = dict(
        os.environ,
        CARGO_TARGET_DIR=str(scratch) + "-target",
        CARGO_PROFILE_DEV_OPT_LEVEL="1",
        CARGO_PROFILE_DEV_DEBUG="0",
        RUST_BACKTRACE="0",
    )
    command = ["nice", "-n", "10", "cargo", "test", "--offline", "-j1", "-q", *arguments]
    try:
        done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECS)
    except subprocess.TimeoutExpired:
        return "a test that hangs"
    if done.returncode == 0:
        ran = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("running ")]
        return None if sum(ran) else "NO SUCH TEST"
    if "error: could not compile" in done.stderr:
        print(done.stderr, file=sys.stderr)
        return "DOES NOT COMPILE"
    failed = [line.split("'")[1] for line in (done.stdout + done.stderr).splitlines() if line.startswith("thread '")]
    named = [name for name in failed if name.split("::")[-1] != "<unnamed>"]
    return (named or failed or ["?"])[0]


def killer(scratch, guard):
    """The test that notices the guard's absence, or None."""
    package, target, name = guard["test"].split("/")
    where = ["--lib"] if target == "lib" else ["--test", target]
    found = cargo(scratch, "-p", f"neuraxis-{package}", *where, name)
    if found:
        return f"{package}::{found}" if " " not in found else found
    crate = guard["file"].split("/")[1]
    for above in ABOVE[crate]:
        found = cargo(scratch, "-p", f"neuraxis-{above}", "--no-fail-fast")
        if found:
            return f"{above}::{found}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scratch", default="/tmp/neuraxis-guards", type=pathlib.Path)
    arguments.add_argument("--only", default="", help="guards whose name contains this")
    arguments = arguments.parse_args()
    scratch, started = arguments.scratch, time.time()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    if not scratch.exists():
        subprocess.run(["git", "worktree", "add", "-q", "--detach", scratch, head], cwd=ROOT, check=True)
    subprocess.run(["git", "checkout", "-q", "-f", "--detach", head], cwd=scratch, check=True)

    rows, survivors = [], 0
    for guard in guards():
        if arguments.only not in guard["guard"]:
            continue
        path = scratch / guard["file"]
        text = path.read_text()
        if text.count(guard["find"]) != 1:
            sys.exit(f"{guard['file']}: {guard['find']!r} occurs {text.count(guard['find'])} times")
        path.write_text(text.replace(guard["find"], guard["with"]))
        try:
            found = killer(scratch, guard)
        finally:
            path.write_text(text)
        note = guard.get("survives")
        survivors += found is None and note is None
        outcome = f"`{found}`" if found else f"survives: {note}" if note else "SURVIVED"
        rows.append(f"| {guard['guard']} | `{guard['file']}` | {outcome} |")
        print(f"{time.time() - started:6.0f} s  {guard['guard']}: {outcome}", flush=True)

    if not arguments.only:
        table = [
            "# Guards, and the tests that miss them",
            "",
            f"Made by `tests/remove_guards.py` from `tests/guards.txt` at {head[:12]}: each guard was taken out of the code,",
            "and the test beside it failed.",
            "",
            "| guard | file | noticed by |",
            "|---|---|---|",
            *rows,
        ]
        (ROOT / "tests/guards.md").write_text("\n".join(table) + "\n")
    print(f"{len(rows)} guards, {survivors} survived unexplained, {time.time() - started:.0f} s")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
