#!/usr/bin/env python3
"""RLBench behind the wire of Neuraxis (crates/bridge): `neuraxis eval --bridge HOST:PORT` acts in it.

    python rlbench_bridge.py live [--root DATA]     RLBench itself, imported from the Python that runs this
    python rlbench_bridge.py stored --root DATA     recorded episodes; needs neither RLBench nor CoppeliaSim

Needs Python 3.8 or newer and NumPy, and bridge_wire.py beside it. One client at a time.

Recorded files are read without running anything that stands in them: pickles make arrays, plain values and two empty
classes, and nothing else.
"""
import argparse
import inspect
import math
import os
import pickle
import re
import struct
import types
import zlib

import numpy as np

from bridge_wire import CAMERAS, VECTORS, Refusal, View, add_address, observation, serve

MOST_PIXELS = 4096 * 4096


# ---------------------------------------------------------------- observations


def encode_obs(obs, descriptions, reward=0.0, done=False, error=None):
    """Header and arrays of an RLBench `Observation`, live or recorded; its depth is in metres."""
    misc = getattr(obs, "misc", None) or {}
    views = {}
    for camera in CAMERAS:
        rgb, depth = getattr(obs, camera + "_rgb", None), getattr(obs, camera + "_depth", None)
        if rgb is None or depth is None:
            continue
        intrinsics, extrinsics, near, far = (misc[camera + "_camera_" + name]
                                             for name in ("intrinsics", "extrinsics", "near", "far"))
        views[camera] = View(rgb, depth, intrinsics, extrinsics, near, far)
    vectors = {name: getattr(obs, name, None) for name in VECTORS}
    ignores = getattr(obs, "ignore_collisions", None)
    return observation(descriptions, views, vectors, obs.gripper_open, reward, done, error, ignores)


# ---------------------------------------------------------------- recorded episodes


class Recorded:
    """Stands for RLBench's classes in a recording: whatever was stored becomes its fields."""

    def __setstate__(self, fields):
        if type(fields) is not dict:
            raise pickle.UnpicklingError("fields are %s" % type(fields).__name__)
        self.__dict__.update(fields)


class Demo(Recorded):
    """rlbench.demo.Demo"""


class Observation(Recorded):
    """rlbench.backend.observation.Observation"""


class NdArray:
    """Stands for numpy.ndarray, which a recording may name and not call: it would make numbers, or objects, of any bytes."""

    __slots__ = ()

    def __call__(self, *_):
        raise pickle.UnpicklingError("numpy.ndarray is called")


class Numbers(np.ndarray):
    """An array of a recording; its state is believed only if it is plain numbers from as many bytes as they take."""

    def __setstate__(self, state):
        _, shape, kind, is_fortran, data = state
        dtype = plain(kind)
        if not (type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape) and type(data) is bytes
                and math.prod(shape) * dtype.itemsize == len(data)):
            raise pickle.UnpicklingError("an array of shape %r does not fit its bytes" % (shape,))
        super().__setstate__((1, shape, dtype, bool(is_fortran), data))


class Kind:
    """Stands for numpy.dtype: one of NumPy's plain numbers, and its byte order."""

    NAMES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")

    def __init__(self, name, *_):
        if name not in self.NAMES:
            raise pickle.UnpicklingError("numbers of type %r are not part of a recording" % (name,))
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        order, parts = state[1], state[2:5]
        if order not in ("<", ">", "=", "|") or parts != (None, None, None):
            raise pickle.UnpicklingError("numbers of order %r and parts %r" % (order, parts))
        self.dtype = self.dtype.newbyteorder(order)


def plain(kind):
    """NumPy's own dtype of plain numbers."""
    if type(kind) is not Kind:
        raise pickle.UnpicklingError("numbers of type %s" % type(kind).__name__)
    return kind.dtype


def reconstruct(kind, *_):
    """Stands for NumPy's `_reconstruct`: an array that waits for its state."""
    if type(kind) is not NdArray:
        raise pickle.UnpicklingError("an array of class %r" % (kind,))
    return np.ndarray.__new__(Numbers, 0, np.uint8)


def scalar(kind, data):
    """Stands for NumPy's `scalar`: one number from its bytes."""
    dtype = plain(kind)
    if type(data) is not bytes or len(data) != dtype.itemsize:
        raise pickle.UnpicklingError("a number that does not fit its bytes")
    return np.frombuffer(data, dtype)[0]


class Unpickler(pickle.Unpickler):
    """Makes arrays of plain numbers and the two classes above; every other name is refused before anything is called, and
    nothing of NumPy's is called with what a file says before that was looked at."""

    # The only names that a recording may call for; helpers of NumPy before and since version 2.
    KNOWN = {("rlbench.demo", "Demo"): Demo, ("rlbench.backend.observation", "Observation"): Observation,
             ("numpy", "ndarray"): NdArray(), ("numpy", "dtype"): Kind,
             ("numpy.core.multiarray", "_reconstruct"): reconstruct, ("numpy.core.multiarray", "scalar"): scalar,
             ("numpy._core.multiarray", "_reconstruct"): reconstruct, ("numpy._core.multiarray", "scalar"): scalar}

    def find_class(self, module, name):
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError("%s.%s is not part of a recording" % (module, name))
        return self.KNOWN[module, name]


def unpickled(path):
    """What a file of a recording holds."""
    try:
        with open(path, "rb") as file:
            return Unpickler(file).load()
    except FileNotFoundError:
        raise Refusal("no_such_scene", "%s is missing" % path)
    except Exception as error:  # Whatever hostile bytes can raise: the file is at fault, and named.
        raise Refusal("internal", "%s: %s: %s" % (path, type(error).__name__, error))


def png(path):
    """An 8-bit RGB image, (height, width, 3)."""
    def refuse(reason):
        return Refusal("internal", "%s: %s" % (path, reason))

    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise refuse(error.strerror)
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise refuse("not a PNG")
    at, packed, size = 8, [], None
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR" and len(body) == 13:
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            if (depth, colour, interlace) != (8, 2, 0):
                raise refuse("not 8-bit RGB without interlace")
            if not 0 < width * height <= MOST_PIXELS:
                raise refuse("%d x %d pixels" % (width, height))
            size = (height, width)
        elif kind == b"IDAT":
            packed.append(body)
        elif kind == b"IEND":
            break
        at += 12 + length
    if size is None:
        raise refuse("it has no size")
    height, stride = size[0], 3 * size[1]
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(b"".join(packed), height * (stride + 1))
    except zlib.error as error:
        raise refuse(error)
    if len(raw) != height * (stride + 1):
        raise refuse("%d bytes of pixels, wanted: %d" % (len(raw), height * (stride + 1)))
    rows = np.frombuffer(raw, np.uint8).reshape(height, stride + 1)
    out, before = np.empty((height, stride), np.uint8), np.zeros(stride, np.uint8)
    for y in range(height):
        before = out[y] = unfiltered(rows[y, 0], rows[y, 1:], before, refuse)
    return out.reshape(size + (3,))


def unfiltered(kind, row, up, refuse):
    """A row of a PNG from its filtered bytes and the row above (PNG specification, section 9)."""
    if kind == 0:
        return row
    if kind == 1:
        return np.cumsum(row.reshape(-1, 3), axis=0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return row + up
    if kind not in (3, 4):
        raise refuse("row filter %d" % kind)
    values, above = row.tolist(), up.tolist()
    for i, value in enumerate(values):
        left, top = values[i - 3] if i >= 3 else 0, above[i]
        if kind == 3:
            guess = (left + top) // 2
        else:
            corner = above[i - 3] if i >= 3 else 0
            off = left + top - corner
            to_left, to_top, to_corner = abs(off - left), abs(off - top), abs(off - corner)
            guess = left if to_left <= to_top and to_left <= to_corner else top if to_top <= to_corner else corner
        values[i] = (value + guess) & 255
    return np.array(values, np.uint8)


def depth_m(coded, near, far):
    """Metres from the 24-bit fixed point in the colours of a depth image, red the highest byte."""
    whole = (coded.astype(np.float64) * (65536, 256, 1)).sum(axis=2)
    return (near + whole / (2 ** 24 - 1) * (far - near)).astype("<f4")


def numbered(word, names):
    """The numbers of names such as `variation3`."""
    return [int(name[len(word):]) for name in names if re.match(word + r"\d+\Z", name)]


class Recordings:
    """Episode folders as RLBench and PerAct write them: TASK/{variationK|all_variations}/episodes/episodeN. Without a variation
    episodes are those of `all_variations`, or else counted through the variations: the first of each, the second of each."""

    def __init__(self, root):
        self.root = root
        if not os.path.isdir(root):
            raise SystemExit("%s is no folder" % root)

    def tasks(self):
        names = sorted(name for name in os.listdir(self.root) if os.path.isdir(os.path.join(self.root, name)))
        kinds = {name: self.variations(name) for name in names}
        return [{"name": name, "variations": kinds[name]} for name in names if kinds[name] is not False]

    def variations(self, task):
        """How many there are; None if only `all_variations` is there, False if the folder holds no recordings."""
        inside = os.listdir(os.path.join(self.root, task))
        numbers = numbered("variation", inside)
        return 1 + max(numbers) if numbers else None if "all_variations" in inside else False

    def folder(self, task, variation, episode):
        """Where an episode lies, and its variation where the folder tells."""
        if task not in [known["name"] for known in self.tasks()]:
            raise Refusal("no_such_scene", "no task %r in %s" % (task, self.root))
        inside = os.listdir(os.path.join(self.root, task))
        if variation is None and "all_variations" not in inside:
            episode, variation = self.counted(task, numbered("variation", inside), episode)
        name = "all_variations" if variation is None else "variation%d" % variation
        folder = os.path.join(self.root, task, name, "episodes", "episode%d" % episode)
        if not os.path.isdir(folder):
            raise Refusal("no_such_scene", "%s is missing" % folder)
        return folder, variation

    def counted(self, task, variations, place):
        """Number and variation of an episode by its place among those of all variations."""
        def episodes(variation):
            folder = os.path.join(self.root, task, "variation%d" % variation, "episodes")
            return numbered("episode", os.listdir(folder) if os.path.isdir(folder) else ())

        found = sorted((episode, variation) for variation in variations for episode in episodes(variation))
        if place >= len(found):
            raise Refusal("no_such_scene", "%s has %d episodes in %d variations: episode%d is missing"
                          % (os.path.join(self.root, task), len(found), len(variations), place))
        return found[place]

    def load(self, task, variation, episode):
        """The folder, the demo, its sentences and its variation."""
        folder, variation = self.folder(task, variation, episode)
        demo = unpickled(os.path.join(folder, "low_dim_obs.pkl"))
        frames = getattr(demo, "_observations", None)
        if not (isinstance(demo, Demo) and isinstance(frames, list) and frames
                and all(isinstance(frame, Observation) for frame in frames)):
            raise Refusal("internal", "%s/low_dim_obs.pkl holds no demo" % folder)
        sentences = os.path.join(folder, "variation_descriptions.pkl")
        if not os.path.exists(sentences):
            sentences = os.path.join(folder, "..", "..", "variation_descriptions.pkl")
        descriptions = unpickled(sentences)
        number = os.path.join(folder, "variation_number.pkl")
        if os.path.exists(number):
            variation = unpickled(number)
        elif variation is None:
            variation = getattr(demo, "variation_number", None)
        return folder, demo, list(descriptions), variation

    def with_images(self, folder, obs, t):
        """The observation with its pictures in it."""
        misc = getattr(obs, "misc", None) or {}
        for camera in CAMERAS:
            rgb = os.path.join(folder, camera + "_rgb", "%d.png" % t)
            depth = os.path.join(folder, camera + "_depth", "%d.png" % t)
            if os.path.exists(rgb) and os.path.exists(depth):
                near, far = (float(misc["%s_camera_%s" % (camera, end)]) for end in ("near", "far"))
                setattr(obs, camera + "_rgb", png(rgb))
                setattr(obs, camera + "_depth", depth_m(png(depth), near, far))
        return obs


class Stored:
    """Shows how recorded episodes began."""

    can_step = False

    def __init__(self, root):
        self.recordings = Recordings(root)
        self.about = "recorded episodes in %s" % root

    def tasks(self):
        return self.recordings.tasks()

    def reset(self, task, variation, seed, episode):
        if episode is None:
            raise Refusal("no_such_scene", "recordings are chosen by `episode`, not by `seed`")
        folder, demo, descriptions, _ = self.recordings.load(task, variation, episode)
        return encode_obs(self.recordings.with_images(folder, demo._observations[0], 0), descriptions)

    def step(self, action):
        raise Refusal("not_steppable", "this server has recordings only")

    def close(self):
        pass


# ---------------------------------------------------------------- RLBench itself


def rlbench_parts():
    """What this needs of RLBench and PyRep, by name."""
    from pyrep.errors import ConfigurationPathError, IKError
    from rlbench.action_modes.action_mode import MoveArmThenGripper
    from rlbench.action_modes.arm_action_modes import EndEffectorPoseViaPlanning
    from rlbench.action_modes.gripper_action_modes import Discrete
    from rlbench.backend.exceptions import InvalidActionError
    from rlbench.backend.utils import task_file_to_task_class
    from rlbench.environment import Environment
    from rlbench.observation_config import ObservationConfig
    import rlbench.tasks
    return types.SimpleNamespace(**locals())


class Live:
    """RLBench's own environment. PerAct's fork takes the collision flag with each action; elsewhere it is a setting of
    the arm's mode, so there are two modes, and the flag chooses one."""

    can_step = True

    def __init__(self, root=None, image_px=128, headless=True, parts=None):
        self.parts = parts or rlbench_parts()
        mode = self.parts.EndEffectorPoseViaPlanning
        self.takes_flag = "ignore_collisions" in inspect.signature(mode.action).parameters
        if self.takes_flag:
            self.modes = None
            arm = mode()
        else:
            self.modes = {ignore: mode(collision_checking=not ignore) for ignore in (False, True)}
            arm = self.modes[False]
        self.action_mode = self.parts.MoveArmThenGripper(arm, self.parts.Discrete())
        config = self.parts.ObservationConfig()
        config.set_all(True)
        for camera in CAMERAS:
            settings = getattr(config, camera + "_camera")
            settings.image_size, settings.mask, settings.depth_in_meters = (image_px, image_px), False, True
        self.env = self.parts.Environment(self.action_mode, obs_config=config, headless=headless)
        self.env.launch()
        self.recordings = Recordings(root) if root else None
        self.about = "RLBench, actions of %d numbers" % (9 if self.takes_flag else 8)
        self.name = self.task = self.last = self.descriptions = None
        self.over = True

    def tasks(self):
        folder = os.path.dirname(self.parts.rlbench.tasks.__file__)
        names = sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py")
        return [{"name": name, "variations": None} for name in names]

    def reset(self, task, variation, seed, episode):
        if task != self.name:
            if task not in [known["name"] for known in self.tasks()]:
                raise Refusal("no_such_scene", "RLBench has no task %r" % task)
            self.task, self.name = self.env.get_task(self.parts.task_file_to_task_class(task + ".py")), task
        if episode is not None:
            if self.recordings is None:
                raise Refusal("no_such_scene", "start me with --root DATA to act in recorded scenes")
            _, demo, _, variation = self.recordings.load(task, variation, episode)
            # PerAct's protocol: the random numbers of the recording, then a reset.
            np.random.set_state(demo.random_seed)
            variation = variation or 0
        else:
            np.random.seed(seed % 2 ** 32)
            if variation is None:
                variation = seed % self.task.variation_count()
        if variation >= self.task.variation_count():
            raise Refusal("no_such_scene", "%s has %d variations" % (task, self.task.variation_count()))
        self.task.set_variation(variation)
        self.descriptions, self.last = self.task.reset()
        self.over = False
        return encode_obs(self.last, self.descriptions)

    def step(self, action):
        if self.over:
            raise Refusal("no_episode", "no episode is under way: reset first")
        parts, ignore = self.parts, action[8] >= 0.5
        if self.takes_flag:
            action = action[:7] + [float(action[7] > 0.5), float(ignore)]
        else:
            self.action_mode.arm_action_mode = self.modes[ignore]
            action = action[:7] + [float(action[7] > 0.5)]
        try:
            self.last, reward, done = self.task.step(np.array(action))
            error = None
        except (parts.InvalidActionError, parts.IKError, parts.ConfigurationPathError) as failure:
            # PerAct's protocol: the episode is over and lost.
            kinds = ("InvalidActionError", "IKError", "ConfigurationPathError")
            error = next(kind for kind in kinds if isinstance(failure, getattr(parts, kind)))
            reward, done = 0.0, True
        self.over = bool(done)
        return encode_obs(self.last, self.descriptions, reward, done, error)

    def close(self):
        self.over = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backend", choices=("live", "stored"))
    parser.add_argument("--root", metavar="DATA", help="folder with recorded episodes, TASK/VARIATION/episodes/episodeN")
    add_address(parser)
    parser.add_argument("--image-px", type=int, default=128, help="side of the live cameras' images")
    parser.add_argument("--window", action="store_true", help="show CoppeliaSim's window")
    args = parser.parse_args()
    if args.backend == "stored":
        if not args.root:
            parser.error("stored needs --root DATA")
        backend = Stored(args.root)
    else:
        backend = Live(args.root, args.image_px, not args.window)
    serve(backend, args.host, args.port)


if __name__ == "__main__":
    main()
