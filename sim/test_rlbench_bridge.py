#!/usr/bin/env python3
"""Tests of rlbench_bridge.py; run by tests/tests/the_rlbench_bridge_speaks_our_contract.rs.

    python test_rlbench_bridge.py                  the tests
    python test_rlbench_bridge.py write FOLDER [PROTOCOL]
                                                   an episode in RLBench's layout, for the tests in Rust

RLBench itself is not here: its `live` back-end runs against stand-ins with the signatures of both forks.
"""
import io
import os
import pickle
import struct
import sys
import tempfile
import types
import unittest
import zlib

import numpy as np

import bridge_wire as wire
import rlbench_bridge as bridge
from test_bridge_wire import golden

SIDE, FRAMES, NEAR, FAR = 16, 3, 0.01, 3.5
HOME = [0.0, 0.1752, 0.0, -0.8732, 0.0, 1.2216, 0.785]


# ---------------------------------------------------------------- an episode in RLBench's layout


def rlbench_modules():
    """Modules with RLBench's names, so that pickles call for RLBench's classes."""
    demo, observation = types.ModuleType("rlbench.demo"), types.ModuleType("rlbench.backend.observation")
    for module, name in ((demo, "Demo"), (observation, "Observation")):
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    modules = {"rlbench": types.ModuleType("rlbench"), "rlbench.backend": types.ModuleType("rlbench.backend"),
               "rlbench.demo": demo, "rlbench.backend.observation": observation}
    return modules, demo.Demo, observation.Observation


def write_png(path, pixels, filters):
    """An RGB image whose rows use these filters in turn."""
    height, width, _ = pixels.shape
    rows, raw = pixels.reshape(height, -1).astype(int), b""
    for y in range(height):
        kind, row = filters[y % len(filters)], rows[y]
        up = rows[y - 1] if y else np.zeros_like(row)
        left, corner = (np.concatenate([[0, 0, 0], line[:-3]]) for line in (row, up))
        if kind == 4:
            off = left + up - corner
            a, b, c = abs(off - left), abs(off - up), abs(off - corner)
            guess = np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
        else:
            guess = [0, left, up, (left + up) // 2][kind]
        raw += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def picture(camera, t):
    """Colours of a camera at a time; the tests in Rust know the same formula."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    number = bridge.CAMERAS.index(camera)
    return np.stack([(7 * x + t) % 256, (5 * y + number) % 256, (x * y) % 256], axis=2).astype(np.uint8)


def depths(camera):
    """Fixed-point depth of a camera, 0 to 2^24 - 1."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return 4000000 + 10000 * x + 700 * y + 13 * bridge.CAMERAS.index(camera)


def write_episode(root, task="push_buttons", variation="all_variations", episode=0, protocol=4):
    """An episode in the published layout, its pickles with RLBench's own names for classes."""
    folder = os.path.join(root, task, variation, "episodes", "episode%d" % episode)
    modules, demo_class, observation_class = rlbench_modules()
    frames = []
    for t in range(FRAMES):
        obs = observation_class()
        obs.joint_positions, obs.joint_velocities = np.array(HOME) + 0.01 * t, np.full(7, 0.01 * t)
        obs.joint_forces, obs.gripper_open = np.arange(7.0), 1.0 if t < 2 else 0.0
        obs.gripper_pose = np.array([0.2785 + 0.01 * t, -0.0082, 1.4719, 0.0, 1.0, 0.0, 0.0])
        obs.gripper_matrix, obs.gripper_joint_positions = np.eye(4), np.array([0.04, 0.04])
        obs.gripper_touch_forces, obs.task_low_dim_state = np.zeros(6), np.arange(5.0)
        obs.ignore_collisions = True
        obs.misc = {}
        for number, camera in enumerate(bridge.CAMERAS):
            pose = np.diag([-1.0, 1.0, -1.0, 1.0])
            pose[:3, 3] = 0.1 * number, 0.2, 1.5
            prefix = camera + "_camera_"
            obs.misc.update({prefix + "extrinsics": pose, prefix + "near": NEAR, prefix + "far": FAR,
                             prefix + "intrinsics": np.array([[-20.0, 0, SIDE / 2], [0, -20.0, SIDE / 2], [0, 0, 1]])})
            fixed = depths(camera)
            coded = np.stack([fixed >> 16, fixed >> 8 & 255, fixed & 255], axis=2).astype(np.uint8)
            for kind, pixels in (("rgb", picture(camera, t)), ("depth", coded)):
                os.makedirs(os.path.join(folder, camera + "_" + kind), exist_ok=True)
                write_png(os.path.join(folder, camera + "_" + kind, "%d.png" % t), pixels, (0, 1, 2, 3, 4))
        for name in ("rgb", "depth", "mask", "point_cloud"):
            for camera in bridge.CAMERAS:
                setattr(obs, camera + "_" + name, None)
        frames.append(obs)
    demo = demo_class()
    demo._observations, demo.random_seed, demo.variation_number = frames, np.random.RandomState(7).get_state(), 2
    sys.modules.update(modules)
    try:
        texts = ["push the maroon button", "press the button"]
        for name, value in (("low_dim_obs", demo), ("variation_number", 2), ("variation_descriptions", texts)):
            with open(os.path.join(folder, name + ".pkl"), "wb") as file:
                pickle.dump(value, file, protocol=protocol)
    finally:
        for name in modules:
            del sys.modules[name]
    return folder


# ---------------------------------------------------------------- tests


class Observations(unittest.TestCase):
    def test_an_observation_is_the_golden_frame_of_the_rust_side(self):
        pose = np.eye(4)
        pose[:3, 3] = 1.35, 0.0, 1.58
        obs = types.SimpleNamespace(
            front_rgb=np.arange(6, dtype=np.uint8).reshape(1, 2, 3), front_depth=np.array([[0.5, 1.25]]),
            gripper_open=1.0, ignore_collisions=None, joint_positions=HOME, gripper_pose=[0.25, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
            gripper_joint_positions=[0.04, 0.04],
            misc={"front_camera_intrinsics": [[-175.5, 0, 1], [0, -175.5, 0.5], [0, 0, 1]], "front_camera_extrinsics": pose,
                  "front_camera_near": 0.01, "front_camera_far": 4.5})
        encoded = wire.encode(*bridge.encode_obs(obs, ["push the red button"], 1, True, "IKError"))
        self.assertEqual(encoded.hex(), golden("obs.hex").hex())
        fields, arrays = wire.decode(encoded)
        self.assertEqual(fields["cal"]["front"]["far"], 4.5)
        self.assertEqual(arrays["front_depth_m"].tolist(), [[0.5, 1.25]])


class Recordings(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = self.scratch.name

    def test_a_recorded_episode_is_read_as_it_was_written(self):
        for protocol, variation in ((3, "variation0"), (4, "all_variations")):
            write_episode(self.root, variation=variation, protocol=protocol)
        stored = bridge.Stored(self.root)
        self.assertEqual(stored.tasks(), [{"name": "push_buttons", "variations": 1}])
        header, arrays = stored.reset("push_buttons", None, None, 0)
        arrays = dict(arrays)
        self.assertEqual(header["descriptions"], ["push the maroon button", "press the button"])
        self.assertEqual((header["gripper_open"], header["ignore_collisions"], header["done"]), (1.0, True, False))
        for camera in bridge.CAMERAS:
            np.testing.assert_array_equal(arrays[camera + "_rgb"], picture(camera, 0))
            metres = NEAR + depths(camera) / (2 ** 24 - 1) * (FAR - NEAR)
            np.testing.assert_allclose(arrays[camera + "_depth_m"], metres, rtol=1e-6)
        np.testing.assert_array_equal(arrays["joint_positions"], HOME)
        again, _ = stored.reset("push_buttons", 0, None, 0)
        self.assertEqual(again, header)

    def test_what_is_not_there_is_named(self):
        write_episode(self.root)
        stored = bridge.Stored(self.root)
        for arguments, said in ((("slide", None, None, 0), "no task 'slide'"), (("push_buttons", None, None, 9), "episode9"),
                                (("push_buttons", 4, None, 0), "variation4"), (("push_buttons", None, 3, None), "not by `seed`")):
            with self.assertRaises(bridge.Refusal) as caught:
                stored.reset(*arguments)
            self.assertIn(said, str(caught.exception))
        with self.assertRaises(bridge.Refusal) as caught:
            stored.step([0.0] * 9)
        self.assertEqual(caught.exception.code, "not_steppable")

    def test_a_pickle_that_calls_for_anything_else_runs_nothing(self):
        folder = write_episode(self.root)
        marker = os.path.join(self.root, "ran")

        class Hostile:
            def __reduce__(self):
                return os.mkdir, (marker,)

        class Loader:
            def __reduce__(self):
                return np.load, (io.BytesIO(),)

        for evil in (Hostile(), Loader(), [Hostile()]):
            with open(os.path.join(folder, "low_dim_obs.pkl"), "wb") as file:
                pickle.dump(evil, file)
            with self.assertRaises(bridge.Refusal) as caught:
                bridge.Stored(self.root).reset("push_buttons", None, None, 0)
            self.assertIn("is not part of a recording", str(caught.exception))
        self.assertFalse(os.path.exists(marker))

    def test_numbers_of_every_plain_kind_are_read_and_nothing_else_of_numpy_is_called(self):
        def unpickled(value):
            return bridge.Unpickler(io.BytesIO(pickle.dumps(value, protocol=4))).load()

        for good in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array([1.5], ">f4"),
                     np.array(1.5), np.zeros((0, 4)), np.array([True, False]), np.array([1, 2 ** 32 - 1], "u4"),
                     np.float32(0.1), np.int64(-3)):
            read = unpickled(good)
            # NumPy itself turns bytes round.
            self.assertEqual((read.dtype.name, read.shape), (good.dtype.name, good.shape))
            np.testing.assert_array_equal(read, good)

        class Call:
            def __init__(self, *reduced):
                self.reduced = reduced

            def __reduce__(self):
                return self.reduced

        array, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
        f8, fields = np.dtype("f8"), {"a": (np.dtype("f8"), 0)}

        def state(shape, kind, data):
            return Call(array, (np.ndarray, (0,), b"b"), (1, shape, kind, False, data))

        for evil in (Call(np.ndarray, ((1,), "O", b"AAAAAAAA")), Call(np.ndarray, ((1,), "f8", b"AAAAAAAA")),
                     np.array([None]), np.zeros(1, [("a", "O")]), np.array(["text"]), np.array([0], "M8[s]"), np.dtype("O"),
                     Call(np.dtype, ("f8", False, True), (3, "|", None, ("a",), fields, 8, 8, 63)),
                     Call(np.dtype, ("f8", False, True), (3, "|", (f8, (2,)), None, None, 16, 8, 0)),
                     Call(array, (1, (0,), b"b")), Call(scalar, (f8, b"AAAA")), Call(scalar, ("O", b"AAAAAAAA")),
                     state((2,), f8, b"AAAAAAAA"), state((-1, -1), f8, b"AAAAAAAA"), state((1,), f8, [None]),
                     state((1,), "O", b"AAAAAAAA"), state((2 ** 32, 2 ** 32), f8, b"")):
            with self.assertRaises(pickle.UnpicklingError):
                unpickled(evil)

    def test_damaged_files_are_refused_by_name(self):
        folder = write_episode(self.root)
        random = np.random.RandomState(3)
        files = [os.path.join(folder, "low_dim_obs.pkl"), os.path.join(folder, "front_rgb", "0.png"),
                 os.path.join(folder, "wrist_depth", "0.png")]
        refused = 0
        for i in range(600):
            path = files[i % len(files)]
            with open(path, "rb") as file:
                good = file.read()
            bad = bytearray(good[:random.randint(len(good))] if i % 5 == 0 else good)
            for _ in range(random.randint(1, 5)):
                if bad:
                    bad[random.randint(len(bad))] = random.randint(256)
            with open(path, "wb") as file:
                file.write(bad)
            try:
                wire.answer(bridge.Stored(self.root), {"op": "reset", "task": "push_buttons", "episode": 0})
            except bridge.Refusal as refusal:
                refused += 1
                self.assertTrue(str(refusal))
            except (ValueError, TypeError, KeyError, AttributeError):
                refused += 1  # The server answers these with `internal` and the error's own words.
            finally:
                with open(path, "wb") as file:
                    file.write(good)
        self.assertGreater(refused, 200)


def stand_ins(takes_flag, fails=None):
    """What `Live` needs of RLBench, keeping the actions that reach it."""
    done = []

    class Task:
        def variation_count(self):
            return 3

        def set_variation(self, variation):
            self.variation = variation

        def observation(self):
            return types.SimpleNamespace(gripper_open=1.0, misc={}, joint_positions=HOME, gripper_pose=[0.0] * 7,
                                         gripper_joint_positions=[0.04, 0.04])

        def reset(self):
            return ["variation %d" % self.variation, "seed %d" % np.random.randint(1000)], self.observation()

        def step(self, action):
            if fails:
                raise fails("no")
            done.append((len(action), list(action), getattr(mode.arm_action_mode, "checking", None)))
            return self.observation(), 1.0, True

    class WithFlag:
        def action(self, scene, action, ignore_collisions=True):
            raise AssertionError

    class WithSetting:
        def __init__(self, absolute_mode=True, frame="world", collision_checking=False):
            self.checking = collision_checking

        def action(self, scene, action):
            raise AssertionError

    class Mode:
        def __init__(self, arm, gripper):
            nonlocal mode
            self.arm_action_mode, mode = arm, self

    class Environment:
        def __init__(self, action_mode, obs_config, headless):
            self.config = obs_config

        def launch(self):
            pass

        def get_task(self, task_class):
            return Task()

    class Config:
        def __init__(self):
            for camera in bridge.CAMERAS:
                setattr(self, camera + "_camera", types.SimpleNamespace())

        def set_all(self, value):
            pass

    mode = None
    errors = {name: type(name, (Exception,), {}) for name in ("InvalidActionError", "IKError", "ConfigurationPathError")}
    tasks = types.SimpleNamespace(__file__=os.path.join(tempfile.mkdtemp(), "__init__.py"))
    for name in ("__init__", "push_buttons"):
        open(os.path.join(os.path.dirname(tasks.__file__), name + ".py"), "w").close()
    parts = types.SimpleNamespace(
        EndEffectorPoseViaPlanning=WithFlag if takes_flag else WithSetting, MoveArmThenGripper=Mode, Discrete=object,
        Environment=Environment, ObservationConfig=Config, rlbench=types.SimpleNamespace(tasks=tasks),
        task_file_to_task_class=lambda name: name, **errors)
    return parts, done


class Live(unittest.TestCase):
    def test_both_forks_get_the_action_that_they_take(self):
        action = [0.1, 0.2, 0.9, 0.0, 1.0, 0.0, 0.0, 0.7]
        for takes_flag in (True, False):
            parts, done = stand_ins(takes_flag)
            live = bridge.Live(parts=parts)
            for ignore in (0.0, 1.0):
                live.reset("push_buttons", None, 5, None)
                header, _ = live.step(action + [ignore])
                self.assertEqual((header["reward"], header["done"], header["error"]), (1.0, True, None))
            sent = action[:7] + [1.0]
            if takes_flag:
                self.assertEqual(done, [(9, sent + [0.0], None), (9, sent + [1.0], None)])
            else:
                self.assertEqual(done, [(8, sent, True), (8, sent, False)])

    def test_a_seed_chooses_variation_and_random_numbers(self):
        live = bridge.Live(parts=stand_ins(True)[0])
        first, again = (live.reset("push_buttons", None, 4, None)[0]["descriptions"] for _ in range(2))
        self.assertEqual(first, again)
        self.assertEqual(first[0], "variation 1")
        self.assertNotEqual(first[1], live.reset("push_buttons", None, 7, None)[0]["descriptions"][1])
        with self.assertRaises(bridge.Refusal):
            live.reset("push_buttons", 3, 4, None)
        with self.assertRaises(bridge.Refusal):
            live.reset("no_task", None, 4, None)

    def test_a_recorded_scene_restores_its_random_numbers(self):
        with tempfile.TemporaryDirectory() as root:
            write_episode(root)
            live = bridge.Live(root, parts=stand_ins(True)[0])
            header, _ = live.reset("push_buttons", None, None, 0)
            self.assertEqual(header["descriptions"], ["variation 2", "seed %d" % np.random.RandomState(7).randint(1000)])

    def test_recorded_episodes_are_counted_through_the_variations(self):
        with tempfile.TemporaryDirectory() as root:
            for variation, episode in ((0, 0), (1, 0), (2, 0), (1, 1)):
                folder = write_episode(root, variation="variation%d" % variation, episode=episode)
                # As RLBench's own generator leaves them: the folder alone tells the variation.
                os.remove(os.path.join(folder, "variation_number.pkl"))
            live = bridge.Live(root, parts=stand_ins(True)[0])
            said = [live.reset("push_buttons", None, None, place)[0]["descriptions"][0] for place in range(4)]
            self.assertEqual(said, ["variation 0", "variation 1", "variation 2", "variation 1"])
            self.assertEqual(live.reset("push_buttons", 2, None, 0)[0]["descriptions"][0], "variation 2")
            with self.assertRaises(bridge.Refusal) as caught:
                live.reset("push_buttons", None, None, 4)
            self.assertIn("4 episodes in 3 variations", str(caught.exception))

    def test_motion_errors_end_the_episode_with_nothing_won(self):
        for name in ("InvalidActionError", "IKError", "ConfigurationPathError"):
            parts, _ = stand_ins(True)
            live = bridge.Live(parts=parts)
            live.reset("push_buttons", None, 1, None)

            def fail(action, kind=getattr(parts, name)):
                raise kind("no")

            live.task.step = fail
            header, _ = live.step([0.0] * 9)
            self.assertEqual((header["reward"], header["done"], header["error"]), (0.0, True, name))
            with self.assertRaises(bridge.Refusal) as caught:
                live.step([0.0] * 9)
            self.assertEqual(caught.exception.code, "no_episode")


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write_episode(sys.argv[2], protocol=int(sys.argv[3]) if len(sys.argv) > 3 else 4)
    else:
        unittest.main()
