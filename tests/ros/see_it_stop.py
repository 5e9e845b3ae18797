"""Sees the arm of `neuraxis ros plant` move, has something go wrong, and judges how the arm stops.

  .deps/ros/bin/python tests/ros/see_it_stop.py --trouble told
  .deps/ros/bin/python tests/ros/see_it_stop.py --activate --trouble asked --expect "arm" 2 "could not be read"

What goes wrong: `told`: prints `moving` and waits for a line on its standard input, by which whoever wrote it has done
something; `asked`: the plant misbehaves (`ros plant --misbehave KIND@asked`); `rival`: somebody else who could command the arm
appears; `flood`: requests at the node for three seconds, and then ~/stop, which must be answered.

Exit code 0 only if every status of --expect (end of its name, level, part of its text) came on /diagnostics after that, no
joint was faster or changed its speed faster than its limit from the trouble on, and the arm rests for a second.
"""

import argparse
import collections
import faulthandler
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

TOPIC = "/joint_trajectory_controller/joint_trajectory"
# An arm at rest: this slow and this near to where it is for a second.
REST_RAD_S, REST_RAD, REST_SECS = 0.02, 0.005, 1.0
FLOOD_SECS = 3.0
State = collections.namedtuple("State", "secs q qd")


class Failure(Exception):
    """What was expected and did not come."""


class Witness:
    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + args.timeout
        self.node = rclpy.create_node("see_it_stop")
        self.states, self.reports, self.told = [], [], []
        self.node.create_subscription(JointState, "/plant/truth", self.take, QoSProfile(depth=1000))
        self.node.create_subscription(JointTrajectory, TOPIC, self.told.append, QoSProfile(depth=100))
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.reports.append, 10)

    def take(self, msg):
        arm = sorted((n, q, v) for n, q, v in zip(msg.name, msg.position, msg.velocity) if "finger" not in n)
        secs = msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9
        self.states.append(State(secs, [q for _, q, _ in arm], [v for _, _, v in arm]))

    def spin(self, secs):
        until = time.monotonic() + secs
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)

    def wait_for(self, what, condition):
        while not (found := condition()):
            if time.monotonic() > self.deadline:
                raise Failure(f"waited {self.args.timeout:.0f} s in vain for {what}")
            self.spin(0.02)
        return found

    def call(self, kind, name, request=None):
        client = self.node.create_client(kind, name)
        self.wait_for(f"service {name}", client.service_is_ready)
        future = client.call_async(request or kind.Request())
        return self.wait_for(f"the answer of {name}", lambda: future.result() if future.done() else None)

    # ---- what is done

    def activate(self):
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=transition))
            if not self.call(ChangeState, "/neuraxis/change_state", request).success:
                raise Failure(f"transition {transition} was refused")

    def moves(self):
        return self.states and max(map(abs, self.states[-1].qd)) > self.args.moving

    def trouble(self):
        trouble = self.args.trouble
        if trouble == "told":
            print("moving", flush=True)
            sys.stdin.readline()
        elif trouble == "asked":
            answer = self.call(Trigger, "/plant/misbehave")
            if not answer.success:
                raise Failure(f"the plant does not misbehave: {answer.message}")
        elif trouble == "rival":
            # Who is there could speak at any time: that is enough.
            self.rival = self.node.create_publisher(JointTrajectory, TOPIC, 1)
        else:
            self.flood()
            if not self.call(Trigger, "/neuraxis/stop").success:
                raise Failure("the stop was refused")

    def flood(self):
        client = self.node.create_client(GetState, "/neuraxis/get_state")
        self.wait_for("the node's services", client.service_is_ready)
        until, futures = time.monotonic() + FLOOD_SECS, []
        while time.monotonic() < until:
            futures += [client.call_async(GetState.Request()) for _ in range(20)]
            self.spin(0.02)
        print(f"flood: {len(futures)} requests, {sum(f.done() for f in futures)} answered so far", flush=True)

    # ---- what is judged

    def said(self, name, level, text):
        for report in self.reports:
            for status in report.status:
                # rclpy has the level as one byte.
                if status.name.endswith(f": {name}") and ord(status.level) == level and text in status.message:
                    return status
        return None

    def rests(self):
        end = self.states[-1]
        last = [s for s in self.states[-600:] if end.secs - s.secs <= REST_SECS]
        still = all(max(map(abs, s.qd)) < REST_RAD_S and away(s, end) < REST_RAD for s in last)
        return len(last) > 20 and end.secs - last[0].secs > 0.9 * REST_SECS and still

    def run(self):
        if self.args.activate:
            self.activate()
        self.wait_for("the arm to move", self.moves)
        self.reports.clear()
        began = len(self.states) - 1
        self.told.clear()
        self.trouble()
        for name, level, text in self.args.expect or []:
            status = self.wait_for(f"{name} at level {level}: {text}; last came {self.newest(name)}",
                                   lambda: self.said(name, int(level), text))
            print(f"said: {status.name}, level {ord(status.level)}: {status.message}", flush=True)
        self.wait_for("a second of rest", self.rests)
        course = self.states[began:]
        fastest = [max(abs(s.qd[i]) for s in course) for i in range(len(course[0].qd))]
        hardest = hardest_told(self.told) if self.args.told else hardest_of(course, self.args.window)
        print(f"rests {away(course[0], course[-1]):.3f} rad from there; at most "
              f"{max(fastest):.3f} rad/s, {max(hardest):.2f} rad/s2{' told' if self.args.told else ''} in {len(course)} states", flush=True)
        for joint, (speed, limit) in enumerate(zip(fastest, self.args.velocities), 1):
            # Where a busy machine lets physics wait, an arm at its limit catches up.
            if speed > 1.1 * limit:
                raise Failure(f"joint {joint} had {speed:.3f} rad/s, its limit is {limit}")
        for joint, change in enumerate(hardest, 1):
            if change > self.args.acceleration:
                raise Failure(f"joint {joint} had {change:.2f} rad/s2, its limit is {self.args.acceleration}")

    def newest(self, name):
        found = [s.message for r in self.reports for s in r.status if s.name.endswith(f": {name}")]
        return found[-1] if found else "nothing"


def away(a, b):
    return max(abs(x - y) for x, y in zip(a.q, b.q))


def hardest_of(course, window):
    """Of each joint the greatest change of its speed over a window [rad/s2]."""
    hardest, behind = [0.0] * len(course[0].qd), 0
    for state in course:
        # The newest that is a window old, or the first.
        while course[behind + 1 : behind + 2] and state.secs - course[behind + 1].secs >= window:
            behind += 1
        before = course[behind]
        if (secs := state.secs - before.secs) >= window:
            hardest = [max(h, abs(a - b) / secs) for h, a, b in zip(hardest, state.qd, before.qd)]
    return hardest


def hardest_told(messages):
    """Of each joint the greatest acceleration in the trajectories that it was sent, from how its speed changes along its way:
    d(v^2) / 2 dq, whatever the messages' delays on a busy machine [rad/s2]."""
    hardest = [0.0] * 7
    firsts = [message.points[0] for message in messages]
    for before, after in zip(firsts, firsts[3:]):
        for i, (v0, v1) in enumerate(zip(before.velocities, after.velocities)):
            if min(abs(v0), abs(v1)) > 0.2 and v0 * v1 > 0:
                # Each point leads by the same time.
                lead = before.time_from_start.nanosec * 1e-9
                way = abs((after.positions[i] - lead * v1) - (before.positions[i] - lead * v0))
                hardest[i] = max(hardest[i], abs(v1 * v1 - v0 * v0) / (2.0 * max(way, 1e-6)))
    return hardest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--activate", action="store_true", help="configure and activate the node first")
    parser.add_argument("--trouble", choices=("told", "asked", "rival", "flood"), required=True)
    parser.add_argument("--expect", nargs=3, action="append", metavar=("NAME", "LEVEL", "TEXT"))
    parser.add_argument("--velocities", type=lambda text: [float(v) for v in text.split(",")], required=True, help="[rad/s]")
    parser.add_argument("--acceleration", type=float, required=True, help="[rad/s2]")
    parser.add_argument("--moving", type=float, default=0.08, help="a joint this fast moves [rad/s]")
    parser.add_argument("--told", action="store_true", help="judge the accelerations that the arm was told (trajectories)")
    parser.add_argument("--window", type=float, default=0.02, help="accelerations are differences over so long [s]")
    parser.add_argument("--timeout", type=float, default=150.0, help="for all of it [s]")
    args = parser.parse_args()
    faulthandler.dump_traceback_later(args.timeout + 15, exit=True)
    rclpy.init(args=[])
    witness = Witness(args)
    try:
        witness.run()
    except Failure as failure:
        print(f"FAILED: {failure}", flush=True)
        return 1
    finally:
        witness.node.destroy_node()
        rclpy.shutdown()
    print("OK: the arm stopped within its limits and rests", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
