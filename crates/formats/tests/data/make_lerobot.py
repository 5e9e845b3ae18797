#!/usr/bin/env python3
"""Makes the LeRobot data set beside it, in version 3's layout, written by PyArrow and pandas as LeRobot writes it: Snappy,
dictionaries, two episodes in one file.

    pip install pyarrow pandas numpy pillow
    python make_lerobot.py
"""
import io
import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as Picture

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lerobot")
WIDTH, HEIGHT, LENGTHS, FPS = 10, 6, (5, 7), 10
MOTORS = ["shoulder.pos", "elbow.pos", "gripper.pos"]
TASKS = ["push the cube", "lift the cube"]


def colours(t):
    """The tests in Rust know the same formula."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([(9 * x + t) % 256, (11 * y) % 256, (x * y + 5 * t) % 256], axis=2).astype(np.uint8)


def png(pixels):
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write(path, table, **options):
    path = os.path.join(ROOT, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(table, path, **options)


def data():
    rows = [(e, i) for e, length in enumerate(LENGTHS) for i in range(length)]
    state = [[0.1 * i, -0.2 * i, 0.08 if i < 3 else 0.02] for _, i in rows]
    action = [[0.1 * i + 0.01, -0.2 * i, 0.08] for _, i in rows]
    vector = pa.list_(pa.float32(), 3)
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pictures = [{"bytes": png(colours(10 * e + i)), "path": "frame-%06d.png" % i} for e, i in rows]
    return pa.table({
        "observation.state": pa.array(state, vector), "action": pa.array(action, vector),
        "observation.images.top": pa.array(pictures, picture),
        "timestamp": pa.array([i / FPS for _, i in rows], pa.float32()),
        "frame_index": pa.array([i for _, i in rows], pa.int64()), "episode_index": pa.array([e for e, _ in rows], pa.int64()),
        "index": pa.array(range(len(rows)), pa.int64()), "task_index": pa.array([e for e, _ in rows], pa.int64()),
    })


def episodes():
    ends = np.cumsum(LENGTHS)
    columns = {
        "episode_index": [0, 1], "tasks": [[task] for task in TASKS], "length": list(LENGTHS),
        "data/chunk_index": [0, 0], "data/file_index": [0, 0],
        "dataset_from_index": [0, int(ends[0])], "dataset_to_index": ends.tolist(),
        # Statistics that a reader must be able to pass over: lists, and lists of lists.
        "stats/action/mean": [[0.1, 0.2, 0.3]] * 2, "stats/observation.images.top/mean": [[[[0.1]], [[0.2]], [[0.3]]]] * 2,
        "meta/episodes/chunk_index": [0, 0], "meta/episodes/file_index": [0, 0],
    }
    return pa.table(columns)


shutil.rmtree(ROOT, ignore_errors=True)
write("data/chunk-000/file-000.parquet", data(), compression="snappy", row_group_size=8)
write("meta/episodes/chunk-000/file-000.parquet", episodes(), compression="zstd", data_page_version="2.0")
pd.DataFrame({"task_index": [0, 1]}, index=pd.Index(TASKS, name="task")).to_parquet(os.path.join(ROOT, "meta/tasks.parquet"))
vector = {"dtype": "float32", "shape": [3], "names": {"motors": MOTORS}}
one = {"shape": [1], "names": None}
info = {
    "codebase_version": "v3.0", "robot_type": "so100", "total_episodes": 2, "total_frames": sum(LENGTHS), "total_tasks": 2,
    "chunks_size": 1000, "fps": FPS, "splits": {"train": "0:2"},
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "video_path": None,
    "features": {
        "observation.state": vector, "action": vector,
        "observation.images.top": {"dtype": "image", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]},
        "timestamp": {"dtype": "float32", **one}, "frame_index": {"dtype": "int64", **one},
        "episode_index": {"dtype": "int64", **one}, "index": {"dtype": "int64", **one}, "task_index": {"dtype": "int64", **one},
    },
}
with open(os.path.join(ROOT, "meta/info.json"), "w") as file:
    json.dump(info, file, indent=1)

# The same episodes for a data set whose pictures are in one video.
video = {"videos/observation.images.top/chunk_index": [0, 0], "videos/observation.images.top/file_index": [0, 0],
         "videos/observation.images.top/from_timestamp": [0.0, LENGTHS[0] / FPS],
         "videos/observation.images.top/to_timestamp": [LENGTHS[0] / FPS, sum(LENGTHS) / FPS]}
table = episodes()
for name, values in video.items():
    table = table.append_column(name, pa.array(values))
write("../video_episodes.parquet", table, compression="none")
