#!/usr/bin/env python3
"""Reads what `neuraxis rec export` wrote, as the formats' own users do.

    python read_exports.py rlbench FOLDER      every episode below FOLDER: NumPy and an unpickler that knows RLBench's two
                                               classes by name and nothing else; needs numpy and pillow
    python read_exports.py lerobot FOLDER      LeRobot's own LeRobotDataset, or, where it is not installed, what it is made
                                               of: `datasets` and pandas
"""
import glob
import json
import os
import pickle
import sys

import numpy as np
from PIL import Image

CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")


class Observation:
    pass


class Demo:
    """As in rlbench/demo.py: a list of observations."""

    def __len__(self):
        return len(self._observations)


class Known(pickle.Unpickler):
    ALLOWED = {("rlbench.demo", "Demo"): Demo, ("rlbench.backend.observation", "Observation"): Observation}

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED:
            return self.ALLOWED[module, name]
        if (module, name) in {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError("%s.%s has no place in a demonstration" % (module, name))


def load(folder, name):
    with open(os.path.join(folder, name + ".pkl"), "rb") as file:
        return Known(file).load()


def rlbench(root):
    files = glob.glob(os.path.join(root, "**", "low_dim_obs.pkl"), recursive=True)
    assert files, "no low_dim_obs.pkl below " + root
    for file in sorted(files):
        folder = os.path.dirname(file)
        demo, texts = load(folder, "low_dim_obs"), load(folder, "variation_descriptions")
        assert len(demo) > 1 and isinstance(texts[0], str) and load(folder, "variation_number") == 0
        cameras = [camera for camera in CAMERAS if os.path.isdir(os.path.join(folder, camera + "_rgb"))]
        for t, obs in enumerate(demo._observations):
            shapes = {"joint_positions": 7, "joint_velocities": 7, "gripper_pose": 7, "gripper_joint_positions": 2}
            for name, length in shapes.items():
                value = getattr(obs, name)
                assert value.shape == (length,) and value.dtype == np.float64 and np.isfinite(value).all(), (t, name)
            assert abs(np.linalg.norm(obs.gripper_pose[3:]) - 1) < 1e-9 and obs.gripper_open in (0.0, 1.0)
            assert obs.gripper_matrix.shape == (4, 4) and np.allclose(obs.gripper_matrix[:3, 3], obs.gripper_pose[:3])
            turn = obs.gripper_matrix[:3, :3]
            assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) > 0
            for camera in cameras:
                rgb, depth = (np.asarray(Image.open(os.path.join(folder, camera + "_" + kind, "%d.png" % t)))
                              for kind in ("rgb", "depth"))
                assert rgb.shape == depth.shape and rgb.shape[2] == 3 and rgb.dtype == np.uint8
                near, far = obs.misc[camera + "_camera_near"], obs.misc[camera + "_camera_far"]
                # rlbench/backend/utils.py: image_to_float_array with 2^24 - 1 steps.
                coded = (depth.astype(np.float64) * [65536, 256, 1]).sum(axis=2) / (2 ** 24 - 1)
                metres = near + coded * (far - near)
                assert (metres >= near).all() and (metres <= far).all()
                k, pose = obs.misc[camera + "_camera_intrinsics"], obs.misc[camera + "_camera_extrinsics"]
                assert k.shape == (3, 3) and k[0, 0] < 0 and pose.shape == (4, 4) and np.allclose(pose[3], [0, 0, 0, 1])
        print("%s: %d frames of %s, %r: sound" % (folder, len(demo), ", ".join(cameras), texts[0]))


def lerobot(root):
    with open(os.path.join(root, "meta", "info.json")) as file:
        info = json.load(file)
    cameras = [key for key, feature in info["features"].items() if feature["dtype"] == "image"]
    try:
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
        data_set = LeRobotDataset("neuraxis/export", root=root)
        how, length, first, last = "LeRobotDataset", len(data_set), data_set[0], data_set[len(data_set) - 1]
        assert data_set.meta.total_episodes == 1 and data_set.fps == info["fps"]
        task, picture = first["task"], lambda item, key: np.asarray(item[key]).transpose(1, 2, 0) * 255
        assert set(data_set.meta.stats) >= {"observation.state", "action", *cameras}
    except ImportError as error:
        print("LeRobot is not here (%s): `datasets` and pandas read its files" % error)
        import datasets
        import pandas
        table = datasets.Dataset.from_parquet(glob.glob(os.path.join(root, "data", "*", "*.parquet")))
        how, length, first, last = "datasets", len(table), table[0], table[len(table) - 1]
        task = pandas.read_parquet(os.path.join(root, "meta", "tasks.parquet")).iloc[first["task_index"]].name
        episodes = datasets.Dataset.from_parquet(glob.glob(os.path.join(root, "meta", "episodes", "*", "*.parquet")))
        assert episodes[0]["length"] == length and episodes[0]["tasks"] == [task]
        picture = lambda item, key: np.asarray(item[key])
    assert length == info["total_frames"] and int(last["frame_index"]) == length - 1
    assert abs(float(last["timestamp"]) - (length - 1) / info["fps"]) < 1e-4
    for item in (first, last):
        for key in ("observation.state", "action"):
            assert len(item[key]) == info["features"][key]["shape"][0] and np.isfinite(np.asarray(item[key])).all()
        for key in cameras:
            assert list(picture(item, key).shape) == info["features"][key]["shape"], (key, picture(item, key).shape)
    print("%s by %s: %d frames of %s, %r: sound" % (root, how, length, ", ".join(cameras), task))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("rlbench", "lerobot"):
        sys.exit(__doc__)
    {"rlbench": rlbench, "lerobot": lerobot}[sys.argv[1]](sys.argv[2])
