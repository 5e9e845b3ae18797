#!/usr/bin/env python3
"""One episode of libero_bridge.py's over the wire: key-frames by a script, no policy. Needs NumPy and bridge_wire.py.

    python libero_episode.py [--port 5005] [--task T] [--episode N] [--beside] [--pictures FOLDER]

Takes what LIBERO names first (the thing) over what it names second (the basket) and lets go; with --beside it lets go a
quarter of a metre away from there, which LIBERO must not take for success. For libero_object, in which things are grasped
from above: the cameras say how high the thing is, and which way it is narrow. Prints each key-frame, and how high each
camera's cloud says the ground is: LIBERO's floor is the wire's 0.750 m.
"""
import argparse
import os
import struct
import sys
import zlib

import numpy as np

from bridge_wire import CAMERAS, Client

OPEN, CLOSED = 1.0, 0.0
# What is seen of a thing lies so near its middle; the palm is a little more than this above the tip; and the tip keeps off the
# ground [m].
THING_RADIUS, FINGER_LENGTH, CLEARANCE = 0.06, 0.04, 0.015


def cloud(view, header, camera):
    """Points that a camera sees, in the world, (points, 3)."""
    depth = view[camera + "_depth_m"].astype(float)
    calibration = header["cal"][camera]
    matrix, world_from_camera = np.array(calibration["K"]), np.array(calibration["T_world_cam"])
    v, u = np.indices(depth.shape)
    rays = np.stack([(u - matrix[0, 2]) / matrix[0, 0], (v - matrix[1, 2]) / matrix[1, 1], np.ones_like(depth)], axis=2)
    points = (rays * depth[:, :, None])[depth > 0]
    return points @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]


def ground(points):
    """The commonest height, to the median of its centimetre [m]."""
    heights = points[:, 2]
    counts, edges = np.histogram(heights, np.arange(0.5, 1.5, 0.01))
    common = edges[counts.argmax()] + 0.005
    return np.median(heights[abs(heights - common) < 0.01])


def write_png(path, rgb):
    """An image (height, width, 3) as a file."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def grasp(thing, points, floor):
    """Where the tip grasps a thing from above, and the fingers' turn about the vertical, from points that cameras see."""
    beside = np.linalg.norm(points[:, :2] - thing[:2], axis=1)
    seen = points[(beside < THING_RADIUS) & (points[:, 2] > floor + 0.008)]
    top = np.percentile(seen[:, 2], 98)
    spread, axes = np.linalg.eigh(np.cov(seen[seen[:, 2] > top - 0.01, :2].T))
    # The fingers close along the tip's y. Of what is as wide as it is long it does not matter.
    across = axes[:, 0] if spread[1] > 1.5 * spread[0] else (0, 1)
    yaw = np.arctan2(-across[0], across[1])
    yaw -= np.pi * np.round(yaw / np.pi)
    return np.array([thing[0], thing[1], max(thing[2] - 0.01, top - FINGER_LENGTH, floor + CLEARANCE)]), yaw


def keyframes(grasp, yaw, place, is_beside):
    """Names and actions: over the thing, down to it, grasp, up, over its place, let go. All straight moves."""
    # Half a turn about y looks down, then the turn about the vertical.
    turned, up = (-np.sin(yaw / 2), np.cos(yaw / 2), 0.0, 0.0), grasp[2] + 0.28
    drop = np.array(place) + (0, 0, 0.18) + (np.array([0, -0.25, 0]) if is_beside else 0)
    return [(name, [*where, *turned, hand, 0.0]) for name, where, hand in (
        ("above", grasp + (0, 0, 0.12), OPEN), ("down", grasp, OPEN), ("grasp", grasp, CLOSED),
        ("lift", np.array([*grasp[:2], up]), CLOSED), ("carry", np.array([*drop[:2], up]), CLOSED),
        ("lower", drop, CLOSED), ("let go", drop, OPEN))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5005)
    parser.add_argument("--task", default="pick_up_the_alphabet_soup_and_place_it_in_the_basket")
    parser.add_argument("--episode", type=int, default=0, help="LIBERO's initial state")
    parser.add_argument("--beside", action="store_true", help="let go where it does not count")
    parser.add_argument("--pictures", metavar="FOLDER", help="what each camera sees after each key-frame, as PNG")
    args = parser.parse_args()
    client = Client(args.host, args.port)
    print(client.hello["about"])
    header, view = client.ask(op="reset", task=args.task, episode=args.episode)
    print("%s, initial state %d: %s" % (args.task, args.episode, header["descriptions"][0]))

    def look(number, name):
        for camera in (camera for camera in CAMERAS if args.pictures and camera in header["cal"]):
            os.makedirs(args.pictures, exist_ok=True)
            write_png(os.path.join(args.pictures, "%d_%s_%s.png" % (number, name.replace(" ", "_"), camera)),
                      view[camera + "_rgb"])

    clouds = {camera: cloud(view, header, camera) for camera in header["cal"]}
    for camera, points in clouds.items():
        print("%-14s the ground is at %.4f m" % (camera, ground(points)))
    look(0, "reset")
    places = view["task_low_dim_state"].reshape(-1, 3)
    if len(places) < 2:
        sys.exit("LIBERO names %d things here, wanted: what is taken, and where to" % len(places))
    points = np.concatenate(list(clouds.values()))
    where, yaw = grasp(places[0], points, ground(points))
    print("grasped at %s turned by %.0f degrees, taken to %s"
          % (np.round(where, 3).tolist(), np.rad2deg(yaw), np.round(places[1], 3).tolist()))
    for number, (name, action) in enumerate(keyframes(where, yaw, places[1], args.beside), 1):
        header, view = client.ask(op="step", action=action)
        off_mm = 1e3 * np.linalg.norm(view["gripper_pose"][:3] - action[:3])
        print("%5.2f s  %-7s tip off by %4.1f mm, fingers %.3f m apart, reward %g%s"
              % (header["secs"], name, off_mm, view["gripper_joint_positions"].sum(), header["reward"],
                 "" if header["error"] is None else ", " + header["error"]))
        look(number, name)
        if header["done"]:
            break
    client.close()
    print("score %g" % header["reward"])


if __name__ == "__main__":
    main()
