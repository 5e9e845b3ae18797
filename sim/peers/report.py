"""Results in the shape of `neuraxis eval --json`, so that `neuraxis merge` reads and prints them."""
import json
import math


def wilson95(successes, episodes):
    """Wilson's score interval (Wilson 1927), as crates/neuraxis/src/wilson.rs."""
    if episodes == 0:
        return [0.0, 1.0]
    z, p = 1.959963984540054, successes / episodes
    centre = (p + z * z / (2 * episodes)) / (1 + z * z / episodes)
    half = z / (1 + z * z / episodes) * math.sqrt(p * (1 - p) / episodes + z * z / (4 * episodes * episodes))
    return [max(centre - half, 0.0), min(centre + half, 1.0)]


def row(task, seed, first, last):
    """One episode, from what was seen first and last."""
    return {
        "task": task, "seed": seed, "told": first.sentence, "success": last.success,
        "failed": last.done and not last.success, "secs": round(last.secs, 3), "reached": 0, "first_error_m": None,
        "fault": last.error, "refused": None, "chance": None,
    }


def meta(about, policy, policy_hash, seed, hz, device, cameras, moving="still"):
    """What makes two tables comparable. Fields that say nothing here have the values of an undisturbed run."""
    return {
        "versions": dict(about, neuraxis=about["bridge"].split()[1]), "policy": policy, "policy_hash": policy_hash,
        "seed": seed, "clock": "bridge, dense actions, %g Hz; time stands still while the policy thinks" % hz,
        "repredict": True, "instruction": "Given", "perturbation": {}, "moving": moving, "disturbance": None,
        "planner": "off", "robot": "fr3", "policy_hz": hz, "policy_latency_secs": 0.0, "device": device,
        "cameras": ", ".join(cameras), "grasp": "friction",
        "judge": "neuraxis-sim success predicates, over the bridge",
    }


def tabulate(about, rows, incomplete=None):
    """Rows to tables by task; `incomplete`: why there are no more of them."""
    tasks = {}
    for name in sorted({row["task"] for row in rows}):
        of = sorted((row for row in rows if row["task"] == name), key=lambda row: row["seed"])
        good = [row["secs"] for row in of if row["success"]]
        tasks[name] = {
            "episodes": len(of), "successes": len(good), "wilson95": wilson95(len(good), len(of)),
            "mean_secs": sum(good) / len(good) if good else 0.0, "chance": None, "first_choice": None, "rows": of,
        }
    mean = sum(t["successes"] / t["episodes"] for t in tasks.values()) / max(len(tasks), 1)
    ended = {"incomplete": incomplete} if incomplete else {}
    return {"meta": about, "tasks": tasks, "mean": mean, **ended}


def show(report):
    """The table people read."""
    for name, t in report["tasks"].items():
        low, high = t["wilson95"]
        print("%-28s %3d/%-3d (%.0f-%.0f %%)  %.1f s" % (name, t["successes"], t["episodes"], 100 * low, 100 * high, t["mean_secs"]))
    print("mean success %.1f %%" % (100 * report["mean"]))


def write(path, report):
    """As a file for programs."""
    with open(path, "w") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
