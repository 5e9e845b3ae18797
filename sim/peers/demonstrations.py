#!/usr/bin/env python3
"""Demonstrations of our experts as a data set of LeRobot, and their replay as the check of it.

    python demonstrations.py make --out DIR [--tasks T] [--episodes N] [--seed S] [--program P]     resumes
    python demonstrations.py join --out DIR                                                        needs lerobot
    python demonstrations.py replay --out DIR [--episodes N] [--json FILE] [--program P]

`make` runs `neuraxis demos --record` (the very episodes that `demos` of the same tasks, episodes and seed samples), and of each
success keeps DIR/episodes/TASK-SEED: the one-episode data set of `rec export --lerobot`, and the commands of `rec export
--csv`. `join` writes one data set, DIR/set, with LeRobot's own writer. An action there is what was commanded at the next
frame, 0.1 s later: what the arm shall do, not what it does. `replay` sends these actions over the bridge, in the same scenes:
nearly all must succeed, or frames, fingers or time are wrong somewhere.
"""
import argparse
import glob
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import bridge
import report

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir)
TASKS = "insert_onto_square_peg,light_bulb_in,open_drawer,stack_cups"    # configs/ablation
BATCH = 10                    # recordings on the disk at a time, 4 MB each
HOLD_SECS = 2.0               # a replay holds its last action so long: the judge wants to see the end for 0.3 s


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=bridge.environment())
    if done.returncode != 0:
        sys.exit("%s %s: %s" % (program, " ".join(arguments), done.stderr.strip()))
    return done.stdout


# ---------------------------------------------------------------- make


def make(options):
    folder = os.path.join(options.out, "episodes")
    os.makedirs(folder, exist_ok=True)
    for task in options.tasks.split(","):
        for first in range(options.seed, options.seed + options.episodes, BATCH):
            seeds = range(first, min(first + BATCH, options.seed + options.episodes))
            kept = [seed for seed in seeds if not os.path.exists(mark(folder, task, seed))]
            if not kept:
                continue
            with tempfile.TemporaryDirectory(dir=options.out) as work:
                recordings = os.path.join(work, "recordings")
                run(options.program, "demos", "--tasks", task, "--episodes", str(len(seeds)), "--seed", str(first),
                    "--jobs", "1", "--out", os.path.join(work, "samples"), "--record", recordings)
                for seed in seeds:
                    keep(options.program, os.path.join(recordings, "%s-%d" % (task, seed)), folder, task, seed)
            made = len(glob.glob(os.path.join(folder, task + "-*", "lerobot")))
            print("%s: seeds to %d, %d episodes" % (task, seeds[-1], made), flush=True)


def mark(folder, task, seed):
    """A file that is there once an episode is dealt with."""
    return os.path.join(folder, "%s-%d" % (task, seed), "outcome.json")


def keep(program, recording, folder, task, seed):
    """The exports of one recording; of a failure only that it was one."""
    target, recording = os.path.join(folder, "%s-%d" % (task, seed)), os.path.join(recording, "episode.mcap")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    outcome = json.loads(run(program, "rec", "info", recording, "--json"))["summary"]
    if outcome["success"]:
        run(program, "rec", "export", recording, "--lerobot", os.path.join(target, "lerobot"))
        with tempfile.TemporaryDirectory() as csv:
            run(program, "rec", "export", recording, "--csv", csv)
            np.save(os.path.join(target, "actions.npy"), actions(csv, info(target)))
    with open(mark(folder, task, seed), "w") as file:
        json.dump({"task": task, "seed": seed, "success": bool(outcome["success"])}, file)


def info(target):
    with open(os.path.join(target, "lerobot", "meta", "info.json")) as file:
        return json.load(file)


def actions(csv, info):
    """For each frame what was commanded at the next one (frames, 8): joints [rad], fingers [m]."""
    table = np.genfromtxt(os.path.join(csv, "joint_commands.csv"), delimiter=",", skip_header=1)
    with open(os.path.join(csv, "joint_commands.csv")) as file:
        names = file.readline().strip().split(",")
    joints = [name + ".q_rad" for name in info["features"]["action"]["names"][:-1]]
    columns = [names.index(name) for name in [*joints, "gripper_width_m"]]
    times = (np.arange(info["total_frames"]) + 1) / info["fps"]
    rows = np.searchsorted(table[:, names.index("time_s")], times).clip(max=len(table) - 1)
    return table[np.ix_(rows, columns)].astype(np.float32)


def episodes(out):
    """Folder, task and seed of each success, in order of task and seed."""
    found = []
    for path in glob.glob(os.path.join(out, "episodes", "*", "outcome.json")):
        with open(path) as file:
            outcome = json.load(file)
        if outcome["success"]:
            found.append((outcome["task"], outcome["seed"], os.path.dirname(path)))
    return sorted(found)


# ---------------------------------------------------------------- join


def join(options):
    import pyarrow.parquet
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from PIL import Image

    found, root = episodes(options.out), os.path.join(options.out, "set")
    if not found:
        sys.exit("%s: no episodes; `make` them first" % options.out)
    shutil.rmtree(root, ignore_errors=True)
    first = info(found[0][2])
    cameras = sorted(key for key, feature in first["features"].items() if feature["dtype"] == "image")
    wanted = ["observation.state", "action", *cameras]
    features = {key: dict(first["features"][key], shape=tuple(first["features"][key]["shape"])) for key in wanted}
    joined = LeRobotDataset.create("neuraxis/experts", first["fps"], features, root, first["robot_type"], use_videos=False)
    for number, (task, seed, folder) in enumerate(found):
        table = pyarrow.parquet.read_table(glob.glob(os.path.join(folder, "lerobot", "data", "*", "*.parquet"))[0])
        sentence = pyarrow.parquet.read_table(os.path.join(folder, "lerobot", "meta", "tasks.parquet"))["task"][0].as_py()
        for frame, action in zip(table.to_pylist(), np.load(os.path.join(folder, "actions.npy"))):
            images = {key: np.asarray(Image.open(io.BytesIO(frame[key]["bytes"]))) for key in cameras}
            state = np.asarray(frame["observation.state"], np.float32)
            joined.add_frame({"observation.state": state, "action": action, "task": sentence, **images})
        joined.save_episode()
        if number % 20 == 19 or number + 1 == len(found):
            print("%d of %d episodes" % (number + 1, len(found)), flush=True)
    joined.finalize()
    print("%s: %d episodes, %d frames" % (root, joined.meta.total_episodes, joined.meta.total_frames))


# ---------------------------------------------------------------- replay


def replay(options):
    found, rows = episodes(options.out), []
    tasks = sorted({task for task, _, _ in found})
    with bridge.World(options.program, tasks, options.bridge) as world:
        for task in tasks:
            for _, seed, folder in [episode for episode in found if episode[0] == task][:options.episodes]:
                rows.append(replay_one(world, task, seed, np.load(os.path.join(folder, "actions.npy")), info(folder)["fps"]))
                print("%s %d: %s, %.1f s" % (task, seed, "success" if rows[-1]["success"] else "no", rows[-1]["secs"]), flush=True)
        about = report.meta({"bridge": world.hello["about"]}, "the demonstrations' own actions", None, rows[0]["seed"] if rows else 0, 10.0, "none", [])
    result = report.tabulate(about, rows)
    report.show(result)
    if options.json:
        report.write(options.json, result)


def replay_one(world, task, seed, actions, fps):
    first = seen = world.reset(task, seed)
    held = np.repeat(actions[-1:], int(HOLD_SECS * fps), axis=0)
    for action in np.concatenate([actions, held]):
        if seen.done:
            break
        seen = world.act(action, 1.0 / fps)
    return report.row(task, seed, first, seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "join", "replay"])
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the demonstrations")
    parser.add_argument("--tasks", default=TASKS, help="comma-separated")
    parser.add_argument("--episodes", type=int, default=200, help="of each task")
    parser.add_argument("--seed", type=int, default=20000, help="first seed")
    parser.add_argument("--program", default=os.path.join(ROOT, "neuraxis"))
    parser.add_argument("--bridge", metavar="HOST:PORT", help="a server that runs; else one is started")
    parser.add_argument("--json", metavar="FILE", help="write the result of a replay here")
    options = parser.parse_args()
    {"make": make, "join": join, "replay": replay}[options.what](options)


if __name__ == "__main__":
    main()
