#!/usr/bin/env python3
"""Takes the guards of tests/guards.txt out of the code one by one; a test must notice each. Writes tests/guards.md.

usage: tests/remove_guards.py [--scratch DIR] [--rev COMMIT] [--only TEXT]

Works in a git worktree of HEAD under DIR (default /tmp/neuraxis-guards) with a target folder of its own (DIR-target), so
that neither the working tree nor its builds are touched. There every guard gets a switch, and all of it is built once;
a guard is switched off by its number in GUARD_OFF. With all switches on the tests pass, or they do not count. The test
named beside a guard runs first; if it passes, all tests of the crates above run before the guard counts as survived.
"""

import argparse
import json
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


def switched(text, number, guard):
    """A file's text with the guard's switch in it."""
    lines, find, removed = text.splitlines(), guard["find"], guard["with"]
    at = [i for i, line in enumerate(lines) if find in line and guard.get("near", "") in line]
    if len(at) != 1 or lines[at[0]].count(find) != 1:
        sys.exit(f"{guard['file']}: {find!r} stands in {len(at)} lines")
    switch = f"if crate::guard_switch::is_off({number}) {{ {removed} }} else {{ {find} }}"
    lines[at[0]] = lines[at[0]].replace(find, switch if find.endswith(";") else f"({switch})")
    return "\n".join(lines) + "\n"


def prepare(scratch, head, numbered):
    """HEAD with a switch at every guard. What is there already stays, so that nothing is built twice."""
    def git(*arguments, where=scratch):
        done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=True)
        return done.stdout

    if not scratch.exists():
        git("worktree", "add", "-q", "--detach", str(scratch), head, where=ROOT)
    if git("rev-parse", "HEAD").strip() != head:
        git("checkout", "-q", "-f", "--detach", head)
    texts = {}
    for number, guard in numbered:
        file = guard["file"]
        texts[file] = switched(texts.get(file) or git("show", f"{head}:{file}"), number, guard)
    for crate in ABOVE:
        file = f"crates/{crate}/src/lib.rs"
        texts[file] = (texts.get(file) or git("show", f"{head}:{file}")) + SWITCH
    for file, text in texts.items():
        if (scratch / file).read_text() != text:
            (scratch / file).write_text(text)


def build(scratch):
    """The test programs as (crate, test file or `lib`): (path, folder to run in)."""
    environment = dict(
        os.environ,
        CARGO_TARGET_DIR=str(scratch) + "-target",
        CARGO_PROFILE_DEV_OPT_LEVEL="1",
        CARGO_PROFILE_DEV_DEBUG="0",
    )
    packages = [word for name in [*ABOVE, "faults"] for word in ("-p", f"neuraxis-{name}")]
    command = ["nice", "-n", "10", "cargo", "test", "--offline", "-j1", "--no-run", "--message-format=json", *packages]
    built = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if built.returncode:
        sys.exit(built.stderr)
    programs = {}
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            folder = pathlib.Path(message["manifest_path"]).parent
            target = message["target"]
            kind = "lib" if "lib" in target["kind"] else target["name"]
            if "lib" in target["kind"] or "test" in target["kind"]:
                programs[folder.name, kind] = (message["executable"], folder)
    return programs


def failures(program, off=0, name=None, skip=(), timeout_secs=TIMEOUT_SECS):
    """The tests that fail, or in words why none ran; empty if all pass."""
    path, folder = program
    command = ["nice", "-n", "10", path, *([name] if name else []), *(word for test in skip for word in ("--skip", test))]
    environment = dict(os.environ, GUARD_OFF=str(off), RUST_BACKTRACE="0")
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_secs
        )
    except subprocess.TimeoutExpired:
        return ["a test that hangs"]
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.M)
    if done.returncode and not failed:
        return ["a test that aborts"]
    return failed if not name or re.search(r"^test \S+", done.stdout, re.M) else ["NO SUCH TEST"]


def killer(programs, number, guard, skip):
    """The test that notices the guard's absence, or None."""
    package, target, name = guard["test"].split("/")
    found = failures(programs[package, target], off=number, name=name, skip=skip)
    if found:
        return f"{package}::{found[0]}"
    for above in ABOVE[guard["file"].split("/")[1]]:
        for (crate, _), program in programs.items():
            found = failures(program, off=number, skip=skip) if crate == above else []
            if found:
                return f"{above}::{found[0]}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scratch", default="/tmp/neuraxis-guards", type=pathlib.Path)
    arguments.add_argument("--only", default="", help="guards whose name contains this")
    arguments.add_argument("--rev", default="HEAD", help="commit to work on")
    arguments = arguments.parse_args()
    scratch, started = arguments.scratch, time.time()
    head = subprocess.run(
        ["git", "rev-parse", arguments.rev], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    numbered = list(enumerate(guards(), start=1))
    prepare(scratch, head, numbered)
    programs = build(scratch)
    print(f"{time.time() - started:6.0f} s  built", flush=True)

    # A test that fails with every guard in place says nothing about any.
    skip = [test for program in programs.values() for test in failures(program, timeout_secs=None)]
    print(f"{time.time() - started:6.0f} s  with every guard in place these fail, and do not count: {skip}", flush=True)

    rows, survivors = [], 0
    for number, guard in numbered:
        if arguments.only not in guard["guard"]:
            continue
        found = killer(programs, number, guard, skip)
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
