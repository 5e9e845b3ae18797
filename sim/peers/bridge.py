"""A client of `neuraxis bridge serve` for policies that act densely: joint positions and the fingers' distance, many times a
second (`joints` of the contract, crates/bridge). NumPy and the frames of ../bridge_wire.py are all that it needs.

States and actions are those of `neuraxis rec export --lerobot`: seven joints [rad], then the distance of the fingers [m].
"""
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import bridge_wire as wire  # noqa: E402

DOF = 7
JOINT_4, JOINT_4_OFFSET_RAD = 3, np.radians(4.0)    # ours reads more than RLBench's: crates/bridge/src/conversions.rs
OPEN_M = 0.08                                       # configs/fr3/cerebellum.yaml
FINGER_MOST_M = 0.04                                # of each, from the middle


class BridgeError(Exception):
    """The server that was started does not listen."""


class Seen:
    """One observation: `state` [rad, m], `images` by camera (height, width, 3), and how the episode stands."""

    def __init__(self, header, arrays):
        q = np.array(arrays["joint_positions"])
        q[JOINT_4] += JOINT_4_OFFSET_RAD
        self.state = np.append(q, np.clip(arrays["gripper_joint_positions"], 0.0, FINGER_MOST_M).sum())
        self.images = {name[:-len("_rgb")]: array for name, array in arrays.items() if name.endswith("_rgb")}
        self.sentence, self.done, self.error = header["descriptions"][0], header["done"], header["error"]
        self.success, self.secs = header["reward"] > 0.0, header["secs"]


class Client(wire.Client):
    """The wire's client for dense actions; one episode at a time."""

    def reset(self, task, seed):
        """A new episode: what is seen at its beginning."""
        return Seen(*self.ask(op="reset", task=task, seed=int(seed), variation=None))

    def act(self, action, secs):
        """Where joints and fingers shall be `secs` from now: what is seen then.

        The fingers are told to open or to close, by the nearer of the two, as key-frames tell them: something held is
        squeezed only by fingers that shall close.
        """
        q = np.array(action[:DOF], float)
        q[JOINT_4] -= JOINT_4_OFFSET_RAD
        width = OPEN_M if action[DOF] > 0.5 * OPEN_M else 0.0
        return Seen(*self.ask(op="joints", positions=q.tolist(), width_m=width, secs=float(secs)))


def environment():
    """The environment for our program: without libraries that this Python's own packages put on its path, as ROS 2's do."""
    paths = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = os.path.realpath(sys.prefix) + os.sep
    kept = [path for path in paths if path and not (os.path.realpath(path) + os.sep).startswith(own)]
    return dict(os.environ, LD_LIBRARY_PATH=os.pathsep.join(kept))


class Server:
    """`neuraxis bridge serve` as a child process, for as long as the block lasts: host and port."""

    def __init__(self, program, tasks, moving):
        self.command = [program, "bridge", "serve", "--port", "0", "--moving", moving, "--tasks", ",".join(tasks)]

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, env=environment())
        line = self.child.stdout.readline()
        if not line.startswith("listening on "):
            self.__exit__()
            raise BridgeError("%s does not listen: %r" % (" ".join(self.command), line))
        host, port = line.split()[-1].rsplit(":", 1)
        return host, int(port)

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


class World:
    """A server of our own and a client of it, or a client of a server that runs."""

    def __init__(self, program, tasks, address=None, moving="still"):
        if address and moving != "still":
            raise BridgeError("the server at %s has been told already how its scenes move: leave --moving to it" % address)
        self.server = None if address else Server(program, tasks, moving)
        self.address = address

    def __enter__(self):
        if self.server:
            host, port = self.server.__enter__()
        else:
            host, port = self.address.rsplit(":", 1)
        try:
            self.client = Client(host, int(port))
        except BaseException:
            if self.server:
                self.server.__exit__()
            raise
        return self.client

    def __exit__(self, *_):
        try:
            self.client.close()
        except (OSError, wire.Refusal, wire.FrameError):
            pass    # what ended the block is told, not that nobody hears the goodbye
        if self.server:
            self.server.__exit__()
