"""Watches the Neuraxis node from another process, instructs it, and stops the arm.

  .deps/ros/bin/python tests/ros/observe_and_stop.py [--cameras front,wrist] [--instruction TEXT]

Exit code 0 only if the arm was seen to move, every camera delivered pictures with calibration, the stop was answered
while the arm moved, and the arm then came to rest and stayed there. Says what it saw, or what it waited for in vain.
"""

import argparse
import collections
import faulthandler
import math
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger


class Failure(Exception):
    """What was expected and did not come."""


def seconds(stamp):
    return stamp.sec + 1e-9 * stamp.nanosec


def arm_joints(msg):
    """Position and velocity by name, without the fingers: holding an object is rest, too."""
    if len(msg.position) != len(msg.name) or len(msg.velocity) != len(msg.name):
        raise Failure(f"joint_states: {len(msg.name)} names, {len(msg.position)} positions, {len(msg.velocity)} velocities")
    joints = {n: (q, v) for n, q, v in zip(msg.name, msg.position, msg.velocity) if "finger" not in n}
    if not all(math.isfinite(x) for pair in joints.values() for x in pair):
        raise Failure(f"joint_states: a number is not finite: {joints}")
    return joints


def fastest(msg):
    return max(abs(v) for _, v in arm_joints(msg).values())


def farthest(msg, other):
    a, b = arm_joints(msg), arm_joints(other)
    return max(abs(a[n][0] - b[n][0]) for n in a)


class Observer:
    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + args.timeout
        self.node = rclpy.create_node("observe_and_stop")
        self.states = collections.deque()  # of the last three seconds
        self.count = 0
        self.cameras = {name: {} for name in args.cameras.split(",") if name}
        self.node.create_subscription(JointState, "joint_states", self.on_state, 50)
        for name in self.cameras:
            for topic, kind in (("image", Image), ("depth", Image), ("camera_info", CameraInfo), ("pose", PoseStamped)):
                self.node.create_subscription(kind, f"{name}/{topic}", self.keeper(name, topic), qos_profile_sensor_data)
        self.instruction = self.node.create_publisher(String, "instruction", 10)
        self.stop = self.node.create_client(Trigger, f"{args.node}/stop")

    def on_state(self, msg):
        self.states.append(msg)
        self.count += 1
        while seconds(msg.header.stamp) - seconds(self.states[0].header.stamp) > 3.0:
            self.states.popleft()

    def keeper(self, camera, topic):
        # By stamp, so that the four messages of one moment find each other.
        def keep(msg):
            messages = self.cameras[camera].setdefault(topic, {})
            messages[seconds(msg.header.stamp)] = msg
            if len(messages) > 50:
                del messages[min(messages)]
        return keep

    def wait_for(self, what, condition):
        """Spins until the condition is not None and returns it."""
        while True:
            found = condition()
            if found is not None:
                return found
            if time.monotonic() > self.deadline:
                raise Failure(f"waited {self.args.timeout:.0f} s in vain for {what}")
            # One spin takes one message; looking at all of them after each would not keep up.
            until = time.monotonic() + 0.05
            while (left := until - time.monotonic()) > 0:
                rclpy.spin_once(self.node, timeout_sec=left)

    # ---- what is to be seen

    def first_state(self):
        return self.wait_for("the first joint state", lambda: self.states[0] if self.states else None)

    def moving(self):
        """A state of an arm that moves: by its own word, and by its positions half a second apart."""
        def is_moving():
            if not self.states or fastest(self.states[-1]) < self.args.moving_rad_s:
                return None
            newest = self.states[-1]
            recent = [s for s in self.states if seconds(newest.header.stamp) - seconds(s.header.stamp) <= 0.5]
            return newest if farthest(newest, recent[0]) > 0.1 * self.args.moving_rad_s else None
        return self.wait_for("the arm to move", is_moving)

    def complete_view(self, name):
        """Image, depth, calibration and pose of one moment."""
        def complete():
            messages = self.cameras[name]
            if len(messages) < 4:
                return None
            stamps = set.intersection(*(set(by_stamp) for by_stamp in messages.values()))
            return tuple(messages[t][max(stamps)] for t in ("image", "depth", "camera_info", "pose")) if stamps else None
        image, depth, info, pose = self.wait_for(f"image, depth, camera_info and pose of camera {name}", complete)
        size = (info.width, info.height)
        for picture, encoding, bytes_per_pixel in ((image, "rgb8", 3), (depth, "32FC1", 4)):
            if picture.encoding != encoding or (picture.width, picture.height) != size:
                raise Failure(f"{name}: {picture.encoding} {picture.width}x{picture.height}, expected {encoding} {size}")
            if len(picture.data) != size[0] * size[1] * bytes_per_pixel:
                raise Failure(f"{name}: {len(picture.data)} bytes of {encoding} do not make {size}")
        if len(set(image.data)) < 2:
            raise Failure(f"{name}: the picture has one colour")
        if not (info.k[0] > 0 and info.k[4] > 0 and 0 < info.k[2] < size[0] and 0 < info.k[5] < size[1]):
            raise Failure(f"{name}: camera_info is not that of a camera: {list(info.k)}")
        q = pose.pose.orientation
        if abs(math.hypot(q.x, q.y, q.z, q.w) - 1) > 1e-6:
            raise Failure(f"{name}: the pose's quaternion is not of length 1: {q}")
        self.check_clock(name, image.header.stamp)
        print(f"camera {name}: {size[0]}x{size[1]}, frame {image.header.frame_id}, fx {info.k[0]:.1f}", flush=True)

    def check_clock(self, what, stamp):
        # A monotonic or simulated clock that leaked into a stamp is years away.
        away = abs(self.node.get_clock().now().nanoseconds * 1e-9 - seconds(stamp))
        if away > 3600:
            raise Failure(f"{what}: the stamp is {away:.0f} s away from ROS time")

    # ---- what is to be done

    def instruct(self, text):
        self.wait_for("somebody to listen to instructions", lambda: self.instruction.get_subscription_count() or None)
        self.instruction.publish(String(data=text))
        print(f"instruction sent: {text}", flush=True)

    def stop_arm(self):
        self.wait_for("the stop service", lambda: self.stop.service_is_ready() or None)
        moving = self.moving()
        future = self.stop.call_async(Trigger.Request())
        answer = self.wait_for("the answer to the stop", lambda: future.result() if future.done() else None)
        if not answer.success:
            raise Failure(f"the stop was refused: {answer.message}")
        print(f"stop answered at {fastest(moving):.3f} rad/s: {answer.message}", flush=True)
        return moving

    def rest(self, moving):
        """Rest lasts a second, seen in messages that go on: a topic that falls silent is no arm at rest."""
        def is_at_rest():
            end = seconds(self.states[-1].header.stamp)
            last = [s for s in self.states if end - seconds(s.header.stamp) <= 1.0]
            is_long = end - seconds(last[0].header.stamp) > 0.9 and len(last) >= 20
            is_after = seconds(last[0].header.stamp) > seconds(moving.header.stamp)
            is_still = all(fastest(s) < self.args.rest_rad_s and farthest(s, last[-1]) < 0.002 for s in last)
            return last[-1] if is_long and is_after and is_still else None
        state = self.wait_for("a second of rest after the stop", is_at_rest)
        # And it stays there: nothing may set it going again by itself.
        count = self.count
        self.wait_for("joint states at rest", lambda: True if self.count >= count + 50 else None)
        for later in list(self.states)[-(self.count - count):]:
            if fastest(later) > self.args.rest_rad_s or farthest(later, state) > 0.005:
                raise Failure(f"after the stop the arm moved on: {fastest(later):.3f} rad/s")
        print(f"at rest {farthest(state, moving):.3f} rad after the stop was called", flush=True)

    def run(self):
        first = self.first_state()
        self.check_clock("joint_states", first.header.stamp)
        print(f"joints: {', '.join(first.name)}", flush=True)
        if self.args.instruct_first:
            self.instruct(self.args.instruction)
        self.moving()
        for name in self.cameras:
            self.complete_view(name)
        if not self.args.instruct_first:
            self.instruct(self.args.instruction)
        self.rest(self.stop_arm())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", default="neuraxis", help="name of the node (default: %(default)s)")
    parser.add_argument("--cameras", default="front", help="cameras to see, comma-separated (default: %(default)s)")
    parser.add_argument("--instruction", default="push the red button", help="sentence to send (default: %(default)s)")
    parser.add_argument("--instruct-first", action="store_true", help="the arm waits for an instruction before it moves")
    parser.add_argument("--timeout", type=float, default=60.0, help="for all of it [s] (default: %(default)s)")
    parser.add_argument("--moving-rad-s", type=float, default=0.05, help="a joint this fast moves (default: %(default)s)")
    parser.add_argument("--rest-rad-s", type=float, default=0.01, help="joints slower than this rest (default: %(default)s)")
    args = parser.parse_args()
    # Should the middleware itself hang, the process ends with the stack of every thread.
    faulthandler.dump_traceback_later(args.timeout + 15, exit=True)
    rclpy.init(args=[])
    observer = Observer(args)
    try:
        observer.run()
    except Failure as failure:
        print(f"FAILED: {failure}", flush=True)
        return 1
    finally:
        observer.node.destroy_node()
        rclpy.shutdown()
    print("OK: the arm was seen to move, was instructed, stopped, and rests", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
