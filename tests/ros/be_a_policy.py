"""A policy in another process, written against Neuraxis's messages alone: it leads the arm up and down, or misbehaves.

  .deps/ros/bin/python tests/ros/be_a_policy.py --hash HASH [--slow]

Lines on its standard input change what it does, and each is answered with a line:
  honest   answers each observation with a key-frame
  slow     answers one in 0.8 s, each in time
  bad      between honest answers three of each kind of KINDS; then "all kinds sent", and honest again
Ends when its standard input does.
"""

import argparse
import copy
import math
import os
import random
import select
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile

try:
    from neuraxis_msgs.msg import Observation, PolicyDescription, Prediction
except ImportError as missing:
    sys.exit(f"FAILED: {missing}. Remedy: ./neuraxis setup, which builds these messages")

DOWN_M, TIMES, SLOW_SECS = 0.12, 3, 0.8
KINDS = ["nan", "no_rotation", "far", "unsure", "other_run", "other_task", "other_weights", "never_asked", "refusing",
         "repeated", "reordered", "late", "second", "unannounced", "unsuited"]


class Policy:
    def __init__(self, args):
        self.args = args
        self.mode = "slow" if args.slow else "honest"
        self.node = rclpy.create_node("be_a_policy")
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.descriptions = self.node.create_publisher(PolicyDescription, "policy/description", latched)
        self.predictions = self.node.create_publisher(Prediction, "policy/prediction", 10)
        self.node.create_subscription(Observation, "policy/observation", self.see, 1)
        self.session = self.announce(args.hash)
        self.start, self.held_back, self.answered_at = None, None, 0.0
        self.plan = []

    def announce(self, weights):
        msg = PolicyDescription(policy_session=random.getrandbits(64), embodiment="fr3", weights_hash=weights,
                                cameras=["front", "left_shoulder", "right_shoulder", "wrist"],
                                bounds=[-0.3, -0.5, 0.6, 0.7, 0.5, 1.6], text_encoder="none", device="python")
        self.descriptions.publish(msg)
        return msg.policy_session

    def answer(self, seen):
        self.start = self.start or copy.deepcopy(seen.tool)
        msg = Prediction(header=seen.header, policy_session=self.session, robot_session=seen.robot_session,
                         epoch=seen.epoch, seq=seen.seq, weights_hash=self.args.hash, confidence=1.0, tool=seen.tool,
                         ignore_collisions=True)
        msg.ttl.sec = 10
        # A copy: what is spoilt below is spoilt once.
        place, start = msg.tool.position, copy.deepcopy(self.start)
        place.x, place.y, msg.tool.orientation = start.position.x, start.position.y, start.orientation
        place.z = start.position.z - (DOWN_M if seen.reached_count % 2 == 0 else 0.0)
        return msg

    def see(self, seen):
        now = time.monotonic()
        if self.mode == "slow" and now - self.answered_at < SLOW_SECS:
            return
        self.answered_at = now
        if self.mode == "bad" and not self.plan:
            self.mode = "honest"
            print("all kinds sent", flush=True)
        kind = self.plan.pop(0) if self.mode == "bad" else "honest"
        msg = self.answer(seen)
        if self.held_back:
            held_back, self.held_back = self.held_back, None
            self.predictions.publish(msg)
            self.predictions.publish(held_back)
        elif kind == "reordered":
            self.held_back = msg
        else:
            for each in self.spoil(kind, msg):
                self.predictions.publish(each)

    def spoil(self, kind, msg):
        if kind == "nan":
            msg.tool.position.y = math.nan
        elif kind == "no_rotation":
            msg.tool.orientation.x = 3.0
        elif kind == "far":
            msg.tool.position.x = 4.0
        elif kind == "unsure":
            msg.confidence = math.inf
        elif kind == "other_run":
            msg.robot_session ^= 1
        elif kind == "other_task":
            msg.epoch += 1
        elif kind == "other_weights":
            msg.weights_hash = "0123456789abcdef"
        elif kind == "never_asked":
            msg.seq += 1000
        elif kind == "refusing":
            msg.refused = "nothing to be seen"
        elif kind == "repeated":
            return [msg, msg]
        elif kind == "late":
            time.sleep(0.7)
        elif kind == "second":
            msg.policy_session = self.second
        elif kind == "unannounced":
            msg.policy_session = 7
        elif kind == "unsuited":
            msg.policy_session = self.unsuited
        return [msg]

    def obey(self, mode):
        self.mode = mode
        if mode == "bad":
            self.second, self.unsuited = self.announce(self.args.hash), self.announce("fedcba9876543210")
            honest = ["honest"] * 3
            self.plan = honest + [each for kind in KINDS * TIMES for each in [kind, *honest]]
        print(f"is {mode}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hash", required=True, help="of the weights that it says it has")
    parser.add_argument("--slow", action="store_true", help="from the start")
    args = parser.parse_args()
    rclpy.init(args=[])
    policy = Policy(args)
    print("policy is up", flush=True)
    while True:
        rclpy.spin_once(policy.node, timeout_sec=0.02)
        if select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline().strip()
            if not line:
                return 0
            policy.obey(line)


sys.exit(main())
