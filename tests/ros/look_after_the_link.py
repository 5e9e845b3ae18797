"""An operator of an arm whose policy is in another process: does what the lines on its standard input say, one by one.

  .deps/ros/bin/python tests/ros/look_after_the_link.py [--node /namespace/neuraxis]

  configure          the transition must be accepted
  refused            `activate` must be refused, and the node stay inactive
  activate           `activate` must be accepted
  link LEVEL TEXT    waits for the status `link` of /diagnostics: OK, WARN or ERROR, with TEXT in its message
  say TEXT           an instruction on the topic
  goal TEXT          a goal of the action; it must succeed, at the fourth time at the latest
  moves              waits until the arm moves
  holds              waits until the arm has been at rest for a second, and looks that it stays so for another one
  troubles           prints what /diagnostics says that is not well, a line each
  stop, reset        ~/stop or ~/reset; it must say that it was done

Each is answered with a line "ok LINE", or the end: exit code 1 and what was missed. An arm that is faster than FR3 may be fails.
"""

import argparse
import os
import sys
import time

if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

try:
    from neuraxis_msgs.action import ExecuteTask
except ImportError as missing:
    sys.exit(f"FAILED: {missing}. Remedy: ./neuraxis setup, which builds these messages")

MOVES_RAD, RESTS_RAD_S, MOST_RAD_S = 0.02, 0.01, 5.26
LEVELS = {"OK": 0, "WARN": 1, "ERROR": 2}


class Failure(Exception):
    """What was expected and did not come."""


class Operator:
    def __init__(self, args):
        # Its topics are those of the node's namespace.
        self.timeout, (namespace, _, self.name) = args.timeout, args.node.rpartition("/")
        self.node = rclpy.create_node("look_after_the_link", namespace=namespace)
        self.stood, self.moved, self.rested_since, self.fastest = None, 0.0, None, 0.0
        self.link, self.troubles = None, {}
        self.change = self.node.create_client(ChangeState, f"{args.node}/change_state")
        self.state = self.node.create_client(GetState, f"{args.node}/get_state")
        self.triggers = {name: self.node.create_client(Trigger, f"{args.node}/{name}") for name in ("stop", "reset")}
        self.tasks = ActionClient(self.node, ExecuteTask, f"{args.node}/execute_task")
        self.instruction = self.node.create_publisher(String, "instruction", 10)
        self.node.create_subscription(JointState, "joint_states", self.on_state, 50)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.on_diagnostics, 10)

    def on_state(self, msg):
        arm = [i for i, name in enumerate(msg.name) if "finger" not in name]
        speed, positions = max(abs(msg.velocity[i]) for i in arm), [msg.position[i] for i in arm]
        now = time.monotonic()
        self.fastest = max(self.fastest, speed)
        # Not by speed: the last joint of a stiffly held arm trembles.
        self.stood = self.stood or positions
        self.moved = max(abs(a - b) for a, b in zip(positions, self.stood))
        self.rested_since = (self.rested_since or now) if speed < RESTS_RAD_S else None

    def on_diagnostics(self, msg):
        for status in msg.status:
            level = int.from_bytes(status.level, "little")
            self.troubles.pop(status.name, None)
            if level > LEVELS["OK"]:
                self.troubles[status.name] = status.message
            if status.name.endswith(": link"):
                self.link = (level, status.message)

    def wait_for(self, what, condition):
        end = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() > end:
                raise Failure(f"waited {self.timeout:.0f} s in vain for {what}; the link was {self.link}, {self.troubles}")
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def call(self, client, request):
        self.wait_for(f"service {client.srv_name}", client.service_is_ready)
        answer = client.call_async(request)
        self.wait_for(f"an answer of {client.srv_name}", answer.done)
        return answer.result()

    def go(self, transition):
        return self.call(self.change, ChangeState.Request(transition=Transition(id=transition))).success

    def must(self, what, is_so):
        if not is_so:
            raise Failure(what)

    def is_heard(self):
        """The node listens; a viewer may listen, too."""
        listeners = self.node.get_subscriptions_info_by_topic("instruction")
        is_there = any(each.node_name == self.name for each in listeners)
        return is_there and self.instruction.get_subscription_count() >= len(listeners)

    def succeeds(self, text, reasons):
        sent = self.tasks.send_goal_async(ExecuteTask.Goal(instruction=text))
        self.wait_for("an answer to the goal", sent.done)
        self.must("the goal was refused", sent.result().accepted)
        result = sent.result().get_result_async()
        self.wait_for("the goal's end", result.done)
        reasons.append(result.result().result.reason)
        return result.result().result.success

    def do(self, line):
        step, _, text = line.partition(" ")
        if step == "configure":
            self.must("configure was refused", self.go(Transition.TRANSITION_CONFIGURE))
        elif step == "refused":
            self.must("activate was accepted", not self.go(Transition.TRANSITION_ACTIVATE))
            state = self.call(self.state, GetState.Request()).current_state.id
            self.must(f"the node is in state {state}", state == State.PRIMARY_STATE_INACTIVE)
        elif step == "activate":
            self.must("activate was refused", self.go(Transition.TRANSITION_ACTIVATE))
        elif step == "link":
            level, _, part = text.partition(" ")
            self.link = None
            self.wait_for(line, lambda: self.link and self.link[0] == LEVELS[level] and part in self.link[1])
        elif step == "say":
            self.wait_for("the node's subscription", self.is_heard)
            self.instruction.publish(String(data=text))
        elif step == "goal":
            self.wait_for("the action", self.tasks.server_is_ready)
            # A slow machine may take longer than the task's own time: then again.
            reasons = []
            is_met = any(self.succeeds(text, reasons) for _ in range(4))
            print(*reasons, sep="\n", flush=True)
            self.must(f"the goal ended: {reasons[-1]}", is_met)
        elif step in self.triggers:
            answer = self.call(self.triggers[step], Trigger.Request())
            self.must(f"{step}: {answer.message}", answer.success)
        elif step == "moves":
            self.stood, self.moved = None, 0.0
            self.wait_for("the arm to move", lambda: self.moved > MOVES_RAD)
        elif step == "holds":
            self.rested_since = None
            at_rest = lambda: self.rested_since and time.monotonic() - self.rested_since
            self.wait_for("the arm to come to rest", lambda: (at_rest() or 0) > 1)
            self.wait_for("a second of rest", lambda: self.rested_since is None or at_rest() > 2)
            self.must("the arm did not stay at rest", self.rested_since is not None)
        elif step == "troubles":
            end = time.monotonic() + 2
            self.wait_for("two reports", lambda: time.monotonic() > end)
            print(*(f"{name}: {message}" for name, message in self.troubles.items()), sep="\n", flush=True)
        else:
            raise Failure(f"what is {step!r}?")
        self.must(f"the arm moved with {self.fastest} rad/s", self.fastest <= MOST_RAD_S)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", default="neuraxis", help="its name, /namespace/name (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=100.0, help="for each step [s]")
    args = parser.parse_args()
    rclpy.init(args=[])
    operator = Operator(args)
    for line in iter(sys.stdin.readline, ""):
        try:
            operator.do(line.strip())
        except Failure as failure:
            print(f"FAILED {line.strip()}: {failure}", flush=True)
            return 1
        print(f"ok {line.strip()}", flush=True)
    return 0


sys.exit(main())
