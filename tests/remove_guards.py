#!/usr/bin/env python3
"""Takes the guards of tests/guards.txt out of the code one by one; a test must notice each. Writes tests/guards.md.

usage: tests/remove_guards.py [--scratch DIR] [--only TEXT]

Works in a git worktree of HEAD under DIR (default /tmp/neuraxis-guards) with a target folder of its own (DIR-target), so
that neither the working tree nor its builds are touched. There every guard gets a switch, and all of it is built once;
a guard is switched off by its number in GUARD_OFF. With all switches on the tests pass, or they do not count. The test
named beside a guard runs first; if it passes, all tests of the crates above run before the guard counts as survived.
"""

import argparse
import os
import pathlib
import re
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
TIMEOUT_SECS = 600

# The switch. No heap, no system call: tests of the tick forbid both.
SWITCH = """
mod guard_switch {
    unsafe extern "C" {
        fn getenv(name: *const core::ffi::c_char) -> *const core::ffi::c_char;
    }
    pub(crate) fn is_off(number: u32) -> bool {
        static OFF: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(u32::MAX);
        let mut off = OFF.load(std::sync::atomic::Ordering::Relaxed);
        if off == u32::MAX {
            // SAFETY: nobody changes the environment of these tests.
            let value = unsafe { getenv(c"GUARD_OFF".as_ptr()) };
            // SAFETY: a value of the environment is a C string.
            let text = if value.is_null() { "" } else { unsafe { core::ffi::CStr::from_ptr(value) }.to_str().unwrap_or("") };
            off = text.parse().unwrap_or(0);
            OFF.store(off, std::sync::atomic::Ordering::Relaxed);
        }
        off == number
    }
}
"""


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


def install(scratch, number, guard):
    """Puts the guard's switch into the scratch copy."""
    path = scratch / guard["file"]
    lines = path.read_text().splitlines()
    find, removed = guard["find"], guard["with"]
    at = [i for i, line in enumerate(lines) if find in line and guard.get("near", "") in line]
    if len(at) != 1 or lines[at[0]].count(find) != 1:
        sys.exit(f"{guard['file']}: {find!r} stands in {len(at)} lines")
    switch = f"if crate::guard_switch::is_off({number}) {{ {removed} }} else {{ {find} }}"
    lines[at[0]] = lines[at[0]].replace(find, switch if find.endswith(";") else f"({switch})")
    path.write_text("\n".join(lines) + "\n")


def cargo(scratch, off, *arguments, timeout_secs=None):
    """Runs the tests of the scratch copy with one guard off."""
    environment = dict(
        os.environ,
        CARGO_TARGET_DIR=str(scratch) + "-target",
        CARGO_PROFILE_DEV_OPT_LEVEL="1",
        CARGO_PROFILE_DEV_DEBUG="0",
        GUARD_OFF=str(off),
        RUST_BACKTRACE="0",
    )
    command = ["nice", "-n", "10", "cargo", "test", "--offline", "-j1", *arguments]
    return subprocess.run(
        command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=timeout_secs
    )


def failures(scratch, *arguments, off=0, skip=()):
    """The tests that fail, or in a word why none ran; empty if all pass."""
    skipped = [word for name in skip for word in ("--skip", name)]
    try:
        done = cargo(scratch, off, *arguments, "--", *skipped, timeout_secs=TIMEOUT_SECS)
    except subprocess.TimeoutExpired:
        return ["a test that hangs"]
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.M)
    if done.returncode and not failed:
        return ["a test that aborts"]
    return failed if re.search(r"^test \S+ \.\.\. ", done.stdout, re.M) else ["NO SUCH TEST"]


def killer(scratch, number, guard, skip):
    """The test that notices the guard's absence, or None."""
    package, target, name = guard["test"].split("/")
    where = ["--lib"] if target == "lib" else ["--test", target]
    found = failures(scratch, "-p", f"neuraxis-{package}", *where, name, off=number, skip=skip)
    if found:
        return f"{package}::{found[0]}"
    for above in ABOVE[guard["file"].split("/")[1]]:
        found = failures(scratch, "-p", f"neuraxis-{above}", "--no-fail-fast", off=number, skip=skip)
        if found:
            return f"{above}::{found[0]}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scratch", default="/tmp/neuraxis-guards", type=pathlib.Path)
    arguments.add_argument("--only", default="", help="guards whose name contains this")
    arguments = arguments.parse_args()
    scratch, started = arguments.scratch, time.time()
    head = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    if not scratch.exists():
        subprocess.run(["git", "worktree", "add", "-q", "--detach", scratch, head], cwd=ROOT, check=True)
    subprocess.run(["git", "checkout", "-q", "-f", "--detach", head], cwd=scratch, check=True)

    numbered = list(enumerate(guards(), start=1))
    for number, guard in numbered:
        install(scratch, number, guard)
    for crate in ABOVE:
        lib = scratch / "crates" / crate / "src/lib.rs"
        lib.write_text(lib.read_text() + SWITCH)

    # A test that fails with every guard in place says nothing about any.
    packages = [word for name in [*ABOVE, "faults"] for word in ("-p", f"neuraxis-{name}")]
    built = cargo(scratch, 0, *packages, "--no-run")
    if built.returncode:
        sys.exit(built.stderr)
    print(f"{time.time() - started:6.0f} s  built", flush=True)
    skip = failures(scratch, *packages, "--no-fail-fast")
    print(f"{time.time() - started:6.0f} s  with every guard in place these fail, and do not count: {skip}", flush=True)

    rows, survivors = [], 0
    for number, guard in numbered:
        if arguments.only not in guard["guard"]:
            continue
        found = killer(scratch, number, guard, skip)
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
            *([f"Not counted, as they fail with every guard in place: {', '.join(skip)}."] if skip else []),
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
