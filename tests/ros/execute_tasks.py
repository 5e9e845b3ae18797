"""Gives the Neuraxis node tasks as goals of its action, from another process, and judges what comes back.

  .deps/ros/bin/python tests/ros/execute_tasks.py [--frames front,wrist] STEP...

Steps, in order; TEXT is a sentence:
  do=TEXT        goal; it must be taken, give feedback, and succeed
  fail=TEXT      goal; it must be taken and end aborted, with a reason
  cancel=TEXT    goal; cancelled as soon as the arm moves: it must end canceled, and the arm must hold still, unlatched
  grasp=TEXT     goal; cancelled while the fingers close: it must end canceled, the arm must hold still, and the fingers must
                 not let go
  stop=TEXT      goal; ~/stop is called as soon as the arm moves: it must end aborted, then ~/reset; the arm must stay
  refuse=TEXT    goal; it must be refused
  two=TEXT       goal; a second one must be refused while it runs; then it is cancelled
  replace=TEXT   goal; an instruction on the topic takes its place: it must end aborted

With --frames the transforms world -> CAMERA_optical_frame must come on /tf, and world -> the arm's base on /tf_static.
Exit code 0 only if all of it was so.
"""

import argparse
import faulthandler
import math
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from action_msgs.msg import GoalStatus, GoalStatusArray
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

try:
    from neuraxis_msgs.action import ExecuteTask
    from tf2_msgs.msg import TFMessage
except ImportError as missing:
    sys.exit(f"FAILED: {missing}. Remedy: ./neuraxis setup, which builds these messages; with a ROS 2 of your own also "
             "`source .deps/ros-msgs/share/neuraxis_msgs/local_setup.bash`")

MOVES_RAD_S, RESTS_RAD_S, STAYS_RAD = 0.05, 0.01, 0.005
# Fingers that are so much nearer to each other close; so much further apart, they let go.
CLOSES_M, LETS_GO_M = 0.005, 0.001


class Failure(Exception):
    """What was expected and did not come."""


class Client:
    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + args.timeout
        self.node = rclpy.create_node("execute_tasks")
        self.joints, self.speed, self.states, self.feedback, self.transforms, self.statuses = [], None, 0, [], {}, {}
        self.width_m = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        action = f"{args.node}/execute_task"
        self.tasks = ActionClient(self.node, ExecuteTask, action)
        self.stop = self.node.create_client(Trigger, f"{args.node}/stop")
        self.reset = self.node.create_client(Trigger, f"{args.node}/reset")
        self.instruction = self.node.create_publisher(String, "instruction", 10)
        self.node.create_subscription(JointState, "joint_states", self.on_state, 50)
        self.node.create_subscription(TFMessage, "/tf", self.on_transforms, 100)
        self.node.create_subscription(TFMessage, "/tf_static", self.on_transforms, latched)
        self.node.create_subscription(GoalStatusArray, f"{action}/_action/status", self.on_status, latched)

    def on_state(self, msg):
        self.states += 1
        self.joints = [q for n, q in zip(msg.name, msg.position) if "finger" not in n]
        self.speed = max(abs(v) for n, v in zip(msg.name, msg.velocity) if "finger" not in n)
        self.width_m = sum(q for n, q in zip(msg.name, msg.position) if "finger" in n)

    def on_transforms(self, msg):
        for each in msg.transforms:
            self.transforms[each.header.frame_id, each.child_frame_id] = each

    def on_status(self, msg):
        self.statuses.update({bytes(each.goal_info.goal_id.uuid): each.status for each in msg.status_list})

    def wait_for(self, what, condition):
        """Spins until the condition is true and returns what it gave."""
        while not (found := condition()):
            if time.monotonic() > self.deadline:
                raise Failure(f"waited in vain for {what}")
            rclpy.spin_once(self.node, timeout_sec=0.05)
        return found

    def wait(self, what, future):
        self.wait_for(what, future.done)
        return future.result()

    # ---- goals

    def send(self, text):
        self.feedback = []
        goal = ExecuteTask.Goal(instruction=text)
        sent = self.tasks.send_goal_async(goal, feedback_callback=lambda msg: self.feedback.append(msg.feedback))
        return self.wait(f"an answer to the goal {text!r}", sent)

    def begin(self, text):
        handle = self.send(text)
        if not handle.accepted:
            raise Failure(f"the goal {text!r} was refused")
        print(f"taken: {text!r}", flush=True)
        return handle

    def end(self, handle, text, wanted):
        answer = self.wait(f"the end of {text!r}", handle.get_result_async())
        result = answer.result
        print(f"{text!r}: status {answer.status}, success {result.success}, {result.secs:.2f} s: {result.reason}", flush=True)
        if answer.status != wanted or result.success != (wanted == GoalStatus.STATUS_SUCCEEDED) or not result.reason:
            raise Failure(f"the goal {text!r} ended with status {answer.status} and {result}, expected was status {wanted}")
        identity = bytes(handle.goal_id.uuid)
        self.wait_for(f"status {wanted} of {text!r} on its topic", lambda: self.statuses.get(identity) == wanted)
        return result

    def fed_back(self, text):
        """Feedback at about 5 Hz, in order of time."""
        self.wait_for(f"feedback on {text!r}", lambda: len(self.feedback) >= 4)
        times = [each.elapsed_secs for each in self.feedback]
        gaps = [b - a for a, b in zip(times, times[1:])]
        if not all(gap > 0.1 for gap in gaps) or not all(each.doing for each in self.feedback):
            raise Failure(f"feedback on {text!r}: {self.feedback}")
        if not all(0.0 <= each.progress <= 1.0 for each in self.feedback):
            raise Failure(f"progress on {text!r} is not within 0 and 1: {self.feedback}")
        print(f"feedback on {text!r}: {self.feedback[-1].doing}, {self.feedback[-1].progress:.2f}", flush=True)

    def call(self, service, name):
        answer = self.wait(f"an answer of {name}", service.call_async(Trigger.Request()))
        if not answer.success:
            raise Failure(f"{name}: {answer.message}")

    def moving(self):
        self.wait_for("the arm to move", lambda: self.speed is not None and self.speed > MOVES_RAD_S)

    def resting(self):
        """Waits until it has been still for half a second: an arm that was stopped swings back a little."""
        since = time.monotonic()

        def is_still():
            nonlocal since
            since = since if self.speed < RESTS_RAD_S else time.monotonic()
            return time.monotonic() - since > 0.5
        self.wait_for("the arm to rest", is_still)

    def staying(self, secs):
        """Where it is, for so long."""
        joints, until, most = self.joints, time.monotonic() + secs, 0.0
        while time.monotonic() < until:
            rclpy.spin_once(self.node, timeout_sec=0.05)
            most = max(most, *(abs(a - b) for a, b in zip(joints, self.joints)))
        print(f"stays within {most:.4f} rad for {secs:.0f} s", flush=True)
        if most > STAYS_RAD:
            raise Failure(f"the arm does not stay where it is: {most:.3f} rad away after less than {secs:.0f} s")

    def cancel(self, handle, text):
        answer = self.wait(f"an answer to the cancelling of {text!r}", handle.cancel_goal_async())
        if len(answer.goals_canceling) != 1:
            raise Failure(f"the goal {text!r} could not be cancelled: {answer}")

    # ---- steps

    def do(self, text):
        handle = self.begin(text)
        self.fed_back(text)
        self.end(handle, text, GoalStatus.STATUS_SUCCEEDED)

    def fail(self, text):
        self.end(self.begin(text), text, GoalStatus.STATUS_ABORTED)

    def cancel_mid_way(self, text):
        handle = self.begin(text)
        self.moving()
        self.cancelled(handle, text)

    def cancel_mid_grasp(self, text):
        open_m = self.width_m
        handle = self.begin(text)
        self.wait_for("the fingers to close", lambda: self.width_m < open_m - CLOSES_M)
        begun_m = self.width_m
        self.cancelled(handle, text)
        print(f"cancelled with the fingers {begun_m:.4f} m apart, at rest {self.width_m:.4f} m", flush=True)
        if self.width_m > begun_m + LETS_GO_M:
            raise Failure("the fingers let go of what they had")

    def cancelled(self, handle, text):
        self.cancel(handle, text)
        self.end(handle, text, GoalStatus.STATUS_CANCELED)
        if self.speed > MOVES_RAD_S:
            raise Failure(f"the goal {text!r} is said to be over, and the arm moves with {self.speed:.3f} rad/s")
        self.resting()
        self.staying(1.0)
        again = self.wait("an answer to a second wish", handle.cancel_goal_async())
        if again.goals_canceling:
            raise Failure(f"a goal that is over was cancelled: {again}")

    def stop_mid_way(self, text):
        handle = self.begin(text)
        self.moving()
        self.call(self.stop, "~/stop")
        self.end(handle, text, GoalStatus.STATUS_ABORTED)
        self.resting()
        self.call(self.reset, "~/reset")
        # What the goal wanted is over: a reset alone must not set the arm going.
        self.staying(2.0)

    def refuse(self, text):
        if self.send(text).accepted:
            raise Failure(f"the goal {text[:40]!r} was taken")
        print(f"refused: {text[:40]!r}", flush=True)

    def two(self, text):
        handle = self.begin(text)
        self.refuse("push the other button")
        self.cancel(handle, text)
        self.end(handle, text, GoalStatus.STATUS_CANCELED)

    def replace(self, text):
        handle = self.begin(text)
        self.moving()
        self.instruction.publish(String(data="push the blue button"))
        result = self.end(handle, text, GoalStatus.STATUS_ABORTED)
        if "topic" not in result.reason:
            raise Failure(f"the reason does not name the topic: {result.reason}")

    def frames(self, cameras):
        wanted = [("world", f"{camera}_optical_frame") for camera in cameras]
        self.wait_for(f"transforms {wanted}", lambda: all(pair in self.transforms for pair in wanted))
        fixed = lambda: [b for (a, b) in self.transforms if a == "world" and not b.endswith("_optical_frame")]
        self.wait_for("the transform of the arm's base", fixed)
        for (parent, child), each in self.transforms.items():
            q, p = each.transform.rotation, each.transform.translation
            if abs(math.hypot(q.x, q.y, q.z, q.w) - 1) > 1e-6 or not all(math.isfinite(x) for x in (p.x, p.y, p.z)):
                raise Failure(f"{parent} -> {child} is no transform: {each}")
            print(f"frame {parent} -> {child}: ({p.x:.3f}, {p.y:.3f}, {p.z:.3f})", flush=True)

    def run(self):
        self.wait_for("the action server", lambda: self.tasks.server_is_ready())
        self.wait_for("joint states", lambda: self.states)
        self.wait_for("the node's subscription", lambda: self.instruction.get_subscription_count())
        steps = {
            "do": self.do, "fail": self.fail, "cancel": self.cancel_mid_way, "grasp": self.cancel_mid_grasp,
            "stop": self.stop_mid_way, "refuse": self.refuse, "two": self.two, "replace": self.replace,
        }
        for step in self.args.steps:
            name, _, text = step.partition("=")
            if name not in steps:
                raise Failure(f"no step {name!r}; there are {', '.join(steps)}")
            steps[name](text)
        if self.args.frames:
            self.frames(self.args.frames.split(","))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP")
    parser.add_argument("--node", default="neuraxis", help="name of the node (default: %(default)s)")
    parser.add_argument("--frames", default="", help="cameras whose frames must come, comma-separated")
    parser.add_argument("--timeout", type=float, default=100.0, help="for all of it [s] (default: %(default)s)")
    args = parser.parse_args()
    # Should the middleware itself hang, the process ends with the stack of every thread.
    faulthandler.dump_traceback_later(args.timeout + 15, exit=True)
    rclpy.init(args=[])
    client = Client(args)
    try:
        client.run()
    except Failure as failure:
        print(f"FAILED: {failure}", flush=True)
        return 1
    finally:
        client.node.destroy_node()
        rclpy.shutdown()
    print("OK: all goals went as they should", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
