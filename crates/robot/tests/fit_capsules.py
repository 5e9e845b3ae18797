"""Fits capsules to the FR3's collision meshes and prints the `capsules:` list of configs/fr3/robot.yaml.

    pip install numpy scipy; python crates/robot/tests/fit_capsules.py urdf/meshes/fr3

Each link gets one or two capsules that contain every vertex and points sampled on every triangle. Lloyd's scheme:
assign each point to the capsule that it is deepest in, shrink each capsule to the least volume that still contains
its points (Nelder-Mead over the two end points), repeat; the best of several random starts stays. The check that
counts is the Rust test `capsules_cover_the_meshes`, not this script.
"""
import struct
import sys

import numpy as np
from scipy.optimize import minimize

SEED, STARTS, ROUNDS, SAMPLE_M, SAMPLES = 7, 8, 8, 0.006, 40000
# Two capsules where one would be more than 1.12 times larger.
GAIN = 1.12


def triangles(path):
    data = open(path, "rb").read()
    (count,) = struct.unpack("<I", data[80:84])
    facet = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    rows = np.frombuffer(data[84:84 + 50 * count], dtype=facet)
    return rows["corners"].astype(float)


def surface(path):
    points = []
    for a, b, c in triangles(path):
        n = max(1, int(np.ceil(max(np.linalg.norm(b - a), np.linalg.norm(c - a), np.linalg.norm(c - b)) / SAMPLE_M)))
        for i in range(n + 1):
            for j in range(n + 1 - i):
                points.append(a + (b - a) * i / n + (c - a) * j / n)
    return np.unique(np.round(np.array(points), 6), axis=0)


def to_segment(points, ends):
    a, b = ends[:3], ends[3:]
    d = b - a
    s = np.clip((points - a) @ d / max(d @ d, 1e-12), 0, 1)
    return np.linalg.norm(points - a - s[:, None] * d, axis=1)


def volume(ends, radius):
    return np.pi * radius**2 * np.linalg.norm(ends[3:] - ends[:3]) + 4 / 3 * np.pi * radius**3


def union(capsules, random):
    """Volume of the union [m3], by sampling a box around it."""
    corners = np.array([p for e, _ in capsules for p in (e[:3], e[3:])])
    pad = max(r for _, r in capsules)
    low, size = corners.min(0) - pad, np.ptp(corners, axis=0) + 2 * pad
    inside = np.zeros(SAMPLES, bool)
    points = low + size * random.random((SAMPLES, 3))
    for ends, radius in capsules:
        inside |= to_segment(points, ends) < radius
    return inside.mean() * size.prod()


def shrink(points, ends, iterations):
    cost = lambda e: volume(e, to_segment(points, e).max())
    found = minimize(cost, ends, method="Nelder-Mead", options={"maxfev": iterations, "xatol": 1e-5, "fatol": 1e-9})
    return found.x, to_segment(points, found.x).max()


def principal(points):
    centre = points.mean(0)
    axis = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    along = (points - centre) @ axis
    half = max(0.25 * (along.max() - along.min()), 0.005)
    middle = centre + axis * (along.max() + along.min()) / 2
    return np.concatenate([middle - axis * half, middle + axis * half])


def fit(points, count, random):
    best = None
    for _ in range(STARTS if count > 1 else 2):
        normal = random.normal(size=3)
        side = (points - np.median(points, axis=0)) @ normal > 0
        labels = side.astype(int) if count == 2 else np.zeros(len(points), int)
        capsules = [(principal(points[labels == k]), 0) for k in range(count)]
        for turn in range(ROUNDS if count > 1 else 2):
            if any((labels == k).sum() < 10 for k in range(count)):
                break
            capsules = [shrink(points[labels == k], capsules[k][0], 250 if turn else 500) for k in range(count)]
            depth = np.array([to_segment(points, e) - r for e, r in capsules])
            labels = depth.argmin(0)
        else:
            capsules = [shrink(points[labels == k], capsules[k][0], 1500) for k in range(count)
                        if (labels == k).any()]
            total = union(capsules, random)
            if best is None or total < best[0]:
                best = (total, capsules)
    return best


def main(folder):
    random = np.random.default_rng(SEED)
    for link in [*(f"link{i}" for i in range(8)), "hand"]:
        points = surface(f"{folder}/{link}_coll.stl")
        one, two = fit(points, 1, random), fit(points, 2, random)
        total, capsules = two if two and one[0] > GAIN * two[0] else one
        print(f"  # {link}: {1e3 * total:.2f} l; one capsule {1e3 * one[0]:.2f} l", flush=True)
        for ends, radius in capsules:
            a, b = (", ".join(f"{v:.4f}" for v in e) for e in (ends[:3], ends[3:]))
            print(f"  - {{ link: fr3_{link}, from_xyz_m: [{a}], to_xyz_m: [{b}], "
                  f"radius_m: {np.ceil(radius * 1e4) / 1e4 + 1e-4:.4f} }}", flush=True)


main(sys.argv[1])
