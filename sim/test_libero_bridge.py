#!/usr/bin/env python3
"""Tests of libero_bridge.py; run by tests/tests/the_libero_bridge_speaks_our_contract.rs.

    python test_libero_bridge.py          the tests
    python test_libero_bridge.py serve    the bridge over the stand-in, for the tests in Rust

LIBERO itself is not here: the bridge runs over a stand-in with the parts of LIBERO and robosuite that it uses, in which a hand
takes a can to a plate on an empty floor. `README.md` says how to run it over LIBERO.
"""
import sys
import types
import unittest

import numpy as np

import libero_bridge as bridge
import libero_episode as episode
import bridge_wire as wire
from test_bridge_wire import serving

TASK = "put_the_can_on_the_plate"
# The stand-in's world: its floor, and the arm's base on it, turned by a quarter to the left.
FLOOR = 0.4
LIBERO_FROM_BASE = bridge.pose((-0.6, 0.1, FLOOR), [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
WORLD_FROM_LIBERO = bridge.pose(bridge.BASE_XYZ) @ bridge.inverse(LIBERO_FROM_BASE)
DOWN = [0.0, 1.0, 0.0, 0.0]


def in_libero(*in_base):
    return (LIBERO_FROM_BASE @ np.append(in_base, 1.0))[:3]


def in_world(in_libero):
    return (WORLD_FROM_LIBERO @ np.append(in_libero, 1.0))[:3]


def looking_at(eye, at):
    """A camera of MuJoCo's: x right, y up, z backward."""
    back = (eye - at) / np.linalg.norm(eye - at)
    right = np.cross((0, 0, 1), back)
    right /= np.linalg.norm(right)
    return bridge.pose(eye, np.stack([right, np.cross(back, right), back], axis=1))


class Sim:
    """robosuite's simulator: bodies 0 (base) and 1 (hand), cameras, and pictures of the floor, upside down as OpenGL's."""

    cameras = ("agentview", "frontview", "sideview", "galleryview", "robot0_eye_in_hand")

    def __init__(self):
        self.hand = LIBERO_FROM_BASE @ bridge.pose((0.45, 0.0, 0.4), np.diag([1.0, -1.0, -1.0]))
        # The first sees the horizon.
        start = [looking_at(in_libero(1.2, 0.1 * i, 0.8), in_libero(0.4, 0, 0 if i else 0.6)) for i in range(4)]
        start.append(bridge.pose((0.05, 0.0, 0.0), np.diag([1.0, -1.0, -1.0])))
        quats = [bridge.quaternion(camera[:3, :3]) for camera in start]
        near, far, extent = 0.001, 50.0, 10.0
        self.model = types.SimpleNamespace(
            body_name2id=("robot0_link0", "robot0_right_hand").index, camera_name2id=self.cameras.index,
            cam_fovy=np.array([45.0] * 4 + [75.0]), cam_pos=np.array([camera[:3, 3] for camera in start]),
            cam_quat=np.array([(w, x, y, z) for x, y, z, w in quats]), stat=types.SimpleNamespace(extent=extent),
            vis=types.SimpleNamespace(map=types.SimpleNamespace(znear=near, zfar=far),
                                      quality=types.SimpleNamespace(offsamples=4)))
        self.near, self.far, self.sizes = near * extent, far * extent, []
        self._render_context_offscreen = types.SimpleNamespace(update_offscreen_size=lambda *size: self.sizes.append(size))

    def camera(self, number):
        w, x, y, z = self.model.cam_quat[number]
        parent_from_camera = bridge.pose(self.model.cam_pos[number], bridge.rotation(x, y, z, w))
        return self.hand @ parent_from_camera if number == 4 else parent_from_camera

    @property
    def data(self):
        bodies, cameras = (LIBERO_FROM_BASE, self.hand), [self.camera(i) for i in range(5)]
        return types.SimpleNamespace(
            body_xpos=[body[:3, 3] for body in bodies], body_xmat=[body[:3, :3].reshape(-1) for body in bodies],
            cam_xpos=[camera[:3, 3] for camera in cameras], cam_xmat=[camera[:3, :3].reshape(-1) for camera in cameras])

    def render(self, width, height, camera_name, depth):
        number = self.cameras.index(camera_name)
        camera, half = self.camera(number), np.tan(np.deg2rad(self.model.cam_fovy[number]) / 2)
        # Centres of pixels, -1 to 1; the bottom row first.
        y, x = np.meshgrid((np.arange(height) + 0.5) / height * 2 - 1, (np.arange(width) + 0.5) / width * 2 - 1,
                           indexing="ij")
        rays = np.stack([x * half, y * half, -np.ones_like(x)], axis=2) @ camera[:3, :3].T
        with np.errstate(divide="ignore"):
            z = np.where(rays[:, :, 2] < 0, (FLOOR - camera[2, 3]) / rays[:, :, 2], self.far)
        hit = camera[:3, 3] + rays * z[:, :, None]
        coded = (1 - self.near / z) / (1 - self.near / self.far)
        return floor_colour(hit), np.where(z < self.far, coded, 1.0).astype(np.float32)


def floor_colour(points):
    """The floor says where it is, by 2 cm."""
    places = np.stack([np.full(points.shape[:-1], 7), points[..., 0] / 0.02, points[..., 1] / 0.02], axis=-1)
    return (np.clip(np.floor(places), -128, 127) % 256).astype(np.uint8)


class Environment:
    """LIBERO's environment: OSC_POSE moves a hand a fifth of the way that it is told, and a can goes with the fingers."""

    made = []
    # What the hand cannot pass, along x in the base's frame; and whether the simulator breaks.
    wall_m, is_broken = np.inf, False

    def __init__(self, bddl_file_name, use_camera_obs, ignore_done):
        assert bddl_file_name == "bddl/suite_a/" + TASK + ".bddl" and ignore_done and not use_camera_obs
        self.language_instruction, self.obj_of_interest, self.env = "put can on plate", ["can_1", "plate_1", "ghost"], self
        Environment.made.append(self)

    def seed(self, seed):
        self.random = np.random.RandomState(seed)

    def reset(self):
        self.sim, self.fingers, self.is_held, self.actions = Sim(), 0.02, False, []
        self.can = in_libero(0.5, self.random.uniform(-0.1, 0.1), 0.04)
        self.plate = in_libero(0.4, 0.25, 0.0)
        return self.felt()

    def set_init_state(self, state):
        self.can = in_libero(*state)
        return self.felt()

    @property
    def object_states_dict(self):
        def state(place):
            return types.SimpleNamespace(get_geom_state=lambda: {"pos": place})

        return {"can_1": state(self.can), "plate_1": state(self.plate)}

    def felt(self):
        return {"robot0_joint_pos": np.array([0, 0.1, 0, -2.4, 0, 2.2, 0.8]), "robot0_joint_vel": np.zeros(7),
                "robot0_gripper_qpos": np.array([self.fingers, -self.fingers])}

    def step(self, action):
        assert len(action) == 7 and np.abs(action).max() <= 1
        if self.is_broken:
            raise FloatingPointError("qacc")
        self.actions.append(action)
        hand, tip = self.sim.hand, self.sim.hand @ bridge.HAND_FROM_TIP
        angle = np.linalg.norm(action[3:6])
        axis = action[3:6] / angle if angle > 0 else np.zeros(3)
        half = 0.2 * bridge.MOST_TURN * angle / 2
        turned = bridge.rotation(*np.sin(half) * axis, np.cos(half)) @ hand[:3, :3]
        moved = tip[:3, 3] + 0.2 * bridge.MOST_SHIFT * action[:3]
        in_base = (bridge.inverse(LIBERO_FROM_BASE) @ np.append(moved, 1.0))[:3]
        moved = in_libero(min(in_base[0], self.wall_m), *in_base[1:])
        self.sim.hand = bridge.pose(moved, turned @ bridge.HAND_FROM_TIP[:3, :3]) @ bridge.inverse(bridge.HAND_FROM_TIP)
        # The can is 5 cm wide, and falls when it is let go.
        is_between = np.linalg.norm(moved - self.can) < 0.02
        closed = 0.025 if is_between else 0.0
        self.fingers = np.clip(self.fingers - 0.004 * action[6], closed, 0.04)
        self.is_held = action[6] > 0 and is_between and self.fingers == closed
        self.can = moved.copy() if self.is_held else np.array([*self.can[:2], FLOOR + 0.04])
        return self.felt(), 0.0, False, {}

    def check_success(self):
        return bool(not self.is_held and np.linalg.norm(self.can[:2] - self.plate[:2]) < 0.05)

    def close(self):
        pass


class Suite:
    states = [(0.5, -0.1, 0.04), (0.55, 0.0, 0.04)]

    def get_num_tasks(self):
        return 1

    def get_task(self, number):
        return types.SimpleNamespace(name=TASK, language="put the can on the plate", problem_folder="suite_a",
                                     bddl_file=TASK + ".bddl")

    def get_task_init_states(self, number):
        return self.states


def libero(cameras="libero"):
    parts = types.SimpleNamespace(suites={"suite_a": Suite}, path={"bddl_files": "bddl"}.get, Environment=Environment,
                                  versions="stand-in 1.0")
    return bridge.Libero("suite_a", 32, cameras, parts)


class Rotations(unittest.TestCase):
    def test_quaternions_and_turns_are_those_of_their_matrices(self):
        random = np.random.RandomState(1)
        for angle in (0.0, 1e-9, 0.3, 3.0, np.pi - 1e-9, np.pi):
            for _ in range(50):
                axis = random.normal(size=3)
                axis /= np.linalg.norm(axis)
                matrix = bridge.rotation(*np.sin(angle / 2) * axis, np.cos(angle / 2))
                np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
                np.testing.assert_allclose(bridge.rotation(*bridge.quaternion(matrix)), matrix, atol=1e-7)
                # Half a turn is the same either way round.
                turn = bridge.turn(matrix)
                self.assertAlmostEqual(min(np.linalg.norm(turn - angle * axis), np.linalg.norm(turn + angle * axis)
                                           if angle > 3.1 else np.inf), 0, delta=1e-6)


class Script(unittest.TestCase):
    def test_things_are_grasped_across_and_not_into_the_ground(self):
        random, floor = np.random.RandomState(2), 0.75
        ground = np.append(random.uniform(-1, 1, (4000, 2)), np.full((4000, 1), floor), axis=1)
        for angle, height, size, yaw in ((0.0, 0.14, (0.08, 0.03), 0.0), (0.5, 0.14, (0.08, 0.03), 0.5),
                                         (0.0, 0.018, (0.03, 0.08), np.pi / 2), (-1.2, 0.1, (0.08, 0.04), -1.2),
                                         (0.7, 0.08, (0.045, 0.045), 0.0)):
            flat = random.uniform(-0.5, 0.5, (500, 2)) * size
            turned = flat @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
            top = np.append(turned + (0.2, -0.1), np.full((500, 1), floor + height), axis=1)
            middle = np.array([0.2, -0.1, floor + height / 2])
            tip, turn = episode.grasp(middle, np.concatenate([ground, top]), floor)
            # Half a turn round is the same to two fingers.
            self.assertAlmostEqual(np.sin(turn - yaw), 0, delta=0.1)
            self.assertLess(abs(turn), np.pi / 2 + 1e-6)
            self.assertGreaterEqual(tip[2], floor + episode.CLEARANCE)
            self.assertGreaterEqual(tip[2], floor + height - episode.FINGER_LENGTH - 1e-9)
            # The fingers, opened to 8 cm, go beside it.
            quat = episode.keyframes(tip, turn, middle, False)[0][1][3:7]
            tip_y = bridge.rotation(*quat)[:2, 1]
            self.assertLess(np.ptp(turned @ tip_y), 0.07)


class Bridge(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, Environment, "wall_m", np.inf)
        self.addCleanup(setattr, Environment, "is_broken", False)
        Environment.made.clear()

    def test_a_can_goes_onto_the_plate_and_only_that_counts(self):
        for is_beside, score in ((False, 1.0), (True, 0.0)):
            with serving(libero()) as address:
                client = wire.Client(*address)
                self.assertIn("stand-in 1.0", client.hello["about"])
                self.assertEqual(client.ask(op="list_tasks")[0]["tasks"], [{"name": TASK, "variations": 1}])
                header, view = client.ask(op="reset", task=TASK, episode=0)
                self.assertEqual(header["descriptions"], ["put the can on the plate", "put can on plate"])
                can, plate = view["task_low_dim_state"].reshape(-1, 3)
                np.testing.assert_allclose(can, np.add(bridge.BASE_XYZ, (0.5, -0.1, 0.04)), atol=1e-9)
                secs = 0.0
                for name, action in episode.keyframes(can, 0.0, plate, is_beside):
                    header, view = client.ask(op="step", action=action)
                    self.assertIsNone(header["error"], name)
                    self.assertGreater(header["secs"], secs)
                    np.testing.assert_allclose(view["gripper_pose"][:3], action[:3], atol=bridge.ARRIVED[0])
                    self.assertEqual(header["gripper_open"], action[7], name)
                    secs = header["secs"]
                self.assertEqual((header["reward"], header["done"]), (score, score > 0))
                if score:
                    with self.assertRaises(wire.Refusal) as caught:
                        client.ask(op="step", action=action)
                    self.assertEqual(caught.exception.code, "no_episode")
                client.close()

    def test_clouds_lie_on_the_floor_where_its_colours_say(self):
        for cameras, names in (("libero", ["front", "wrist"]), ("rlbench", list(bridge.RLBENCH_CAMERAS))):
            header, arrays = libero(cameras).reset(TASK, None, None, 1)
            sim = Environment.made[-1].sim
            self.assertEqual((sim.model.vis.quality.offsamples, sim.sizes), (0, [(32, 32)]))
            self.assertEqual(list(header["cal"]), names)
            view = dict(arrays)
            for camera in names:
                points = episode.cloud(view, header, camera)
                self.assertGreater(len(points), 300)
                sees_nothing = (view[camera + "_depth_m"] == 0).any()
                self.assertEqual(sees_nothing, (cameras, camera) == ("libero", "front"), camera)
                close = np.linalg.norm(points[:, :2], axis=1) < 2
                np.testing.assert_allclose(points[close, 2], 0.750, atol=1e-4)
                self.assertAlmostEqual(episode.ground(points), 0.750, delta=1e-4)
                colours = view[camera + "_rgb"][view[camera + "_depth_m"] > 0]
                seen = np.array([(bridge.inverse(WORLD_FROM_LIBERO) @ np.append(point, 1))[:3] for point in points])
                # But for what falls onto the edge between two colours.
                agree = (floor_colour(seen) == colours).all(axis=1)
                self.assertGreater(agree[close].mean(), 0.95)

    def test_cameras_stand_where_those_of_rlbench_do(self):
        header, arrays = libero("rlbench").reset(TASK, None, 3, None)
        tip = dict(arrays)["gripper_pose"]
        world_from_tip = bridge.pose(tip[:3], bridge.rotation(*tip[3:]))
        for camera, (_, fovy, place, turned) in bridge.RLBENCH_CAMERAS.items():
            wanted = bridge.pose(place, turned)
            if camera == "wrist":
                wanted = world_from_tip @ wanted
            np.testing.assert_allclose(header["cal"][camera]["T_world_cam"], wanted, atol=2e-4)
            np.testing.assert_allclose(header["cal"][camera]["K"][0][0], -16 / np.tan(np.deg2rad(fovy) / 2))

    def test_scenes_are_chosen_by_seed_or_initial_state(self):
        backend = libero()
        cans = [dict(backend.reset(TASK, 0, *choice)[1])["task_low_dim_state"][:3].tolist()
                for choice in ((None, 0), (None, 1), (5, None), (5, None), (6, None))]
        self.assertEqual(cans[2], cans[3])
        self.assertEqual(len({tuple(np.round(can, 6)) for can in cans}), 4)
        self.assertEqual(len(Environment.made), 1)
        for arguments, said in (((TASK, None, None, 2), "has 2 initial states"), ((TASK, 1, 0, None), "no variations"),
                                (("fly", None, 0, None), "no task 'fly'")):
            with self.assertRaises(wire.Refusal) as caught:
                backend.reset(*arguments)
            self.assertEqual(caught.exception.code, "no_such_scene")
            self.assertIn(said, str(caught.exception))
        with self.assertRaises(SystemExit) as caught:
            bridge.Libero("suite_b", parts=backend.parts)
        self.assertIn("LIBERO has: suite_a", str(caught.exception))

    def test_moves_are_straight_and_the_hand_turns_on_the_way(self):
        backend = libero()
        backend.reset(TASK, None, None, 0)
        start = in_world((backend.hand() @ bridge.HAND_FROM_TIP)[:3, 3])
        half = np.deg2rad(-60) / 2
        # Down, and turned by 60 degrees about the vertical: half a turn about y, then about z.
        quat = [np.sin(half), np.cos(half), 0.0, 0.0]
        to = start + (0.1, -0.3, 0.02)
        way, tick = [], backend.tick

        def noted():
            tick()
            way.append(in_world((backend.hand() @ bridge.HAND_FROM_TIP)[:3, 3]))

        backend.tick = noted
        header, arrays = backend.step([*to, *quat, 1.0, 0.0])
        self.assertIsNone(header["error"])
        pose = dict(arrays)["gripper_pose"]
        self.assertGreater(abs(np.dot(pose[3:], quat)), np.cos(bridge.ARRIVED[1]))
        line = (to - start) / np.linalg.norm(to - start)
        beside = [np.linalg.norm(point - start - np.dot(point - start, line) * line) for point in way]
        self.assertLess(max(beside), 1e-3)
        self.assertGreater(len(way), 20)

    def test_what_cannot_be_done_ends_the_episode_by_name(self):
        good = [0.2, -0.1, 0.9]
        for wall, action, error in (
                (np.inf, good + [0.0, 1.0, 0.1, 0.0, 1.0, 0.0], "InvalidActionError"),
                (np.inf, good + [0.0, 0.0, 0.0, 0.0, 1.0, 0.0], "InvalidActionError"),
                (np.inf, [0.9, 0.0, 0.8] + DOWN + [1.0, 0.0], "IKError"),
                (0.3, [0.3, 0.0, 0.9] + DOWN + [1.0, 0.0], "ConfigurationPathError")):
            backend = libero()
            backend.reset(TASK, None, None, 0)
            Environment.wall_m = wall
            header, _ = backend.step(action)
            self.assertEqual((header["error"], header["reward"], header["done"]), (error, 0.0, True))
            with self.assertRaises(wire.Refusal) as caught:
                backend.step(action)
            self.assertEqual(caught.exception.code, "no_episode")
            self.assertLess(header["secs"], bridge.MOST_TICKS * bridge.TICK_SECS)

    def test_what_presses_against_something_has_arrived(self):
        backend = libero()
        backend.reset(TASK, None, None, 0)
        Environment.wall_m = 0.55
        x = bridge.BASE_XYZ[0] + Environment.wall_m
        header, arrays = backend.step([x + 0.02, -0.1, 0.9] + DOWN + [1.0, 0.0])
        self.assertEqual((header["error"], header["done"]), (None, False))
        self.assertAlmostEqual(dict(arrays)["gripper_pose"][0], x, delta=0.005)

    def test_nothing_is_done_before_a_reset_or_after_the_simulator_broke(self):
        backend = libero()
        action = [0.2, -0.1, 0.9] + DOWN + [1.0, 0.0]
        with serving(backend) as address:
            client = wire.Client(*address)

            def code(**request):
                with self.assertRaises(wire.Refusal) as caught:
                    client.ask(**request)
                return caught.exception.code

            self.assertEqual(code(op="step", action=action), "no_episode")
            client.ask(op="reset", task=TASK, seed=1)
            self.assertEqual(code(op="step", action=action[:8]), "bad_request")
            Environment.is_broken = True
            self.assertEqual(code(op="step", action=action), "internal")
            self.assertEqual(code(op="step", action=action), "no_episode")
            Environment.is_broken = False
            client.ask(op="reset", task=TASK, seed=1)
            self.assertIsNone(client.ask(op="step", action=action)[0]["error"])
            client.close()

    def test_the_episode_ends_where_the_goal_is_met(self):
        backend = libero()
        backend.reset(TASK, None, None, 0)
        start = in_world((backend.hand() @ bridge.HAND_FROM_TIP)[:3, 3])
        env = Environment.made[-1]
        env.check_success = lambda: in_world((backend.hand() @ bridge.HAND_FROM_TIP)[:3, 3])[1] > start[1] + 0.1
        header, arrays = backend.step([*(start + (0.0, 0.3, 0.0)), *DOWN, 0.0, 0.0])
        self.assertEqual((header["reward"], header["done"], header["error"]), (1.0, True, None))
        self.assertLess(dict(arrays)["gripper_pose"][1], start[1] + 0.15)
        self.assertEqual(header["gripper_open"], 1.0)

    def test_joints_and_tip_are_told_as_rlbench_does(self):
        header, arrays = libero().reset(TASK, None, None, 0)
        self.assertEqual(header["secs"], 0.0)
        # The hand points down, its x forward; the tip is 0.110 m before it, and half a turn round.
        tip = dict(arrays)["gripper_pose"]
        np.testing.assert_allclose(tip[:3], np.add(bridge.BASE_XYZ, (0.45, 0.0, 0.4 - 0.110)), atol=1e-9)
        self.assertAlmostEqual(abs(np.dot(tip[3:], DOWN)), 1.0)
        view = dict(arrays)
        self.assertAlmostEqual(view["joint_positions"][3], -2.4 - np.deg2rad(4))
        self.assertAlmostEqual(view["joint_positions"][5], 2.2)
        self.assertEqual((header["gripper_open"], view["gripper_joint_positions"].tolist()), (1.0, [0.04, 0.04]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        wire.serve(libero("rlbench"), "127.0.0.1", 0)
    else:
        unittest.main()
