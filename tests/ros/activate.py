"""Brings the Neuraxis node up as `ros2 lifecycle set /neuraxis configure` and `... activate` do, and says where the arm was.

  .deps/ros/bin/python tests/ros/activate.py [--node neuraxis] [--hold 3] [--still-active 8]

Exit code 0 only if the arm held still (0.01 rad) for --hold seconds before the node was activated, and, with --still-active, for
so long after that.
"""

import argparse
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import JointState

PATIENCE = 90


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", default="neuraxis")
    parser.add_argument("--hold", type=float, default=3.0, help="seconds of standing still before activation")
    parser.add_argument("--still-active", type=float, help="seconds of standing still after activation")
    args = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("activate")
    states = []
    node.create_subscription(JointState, "/joint_states", states.append, 10)
    change = node.create_client(ChangeState, f"/{args.node}/change_state")
    if not change.wait_for_service(PATIENCE):
        sys.exit(f"no service /{args.node}/change_state")

    def go(transition):
        answer = change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        rclpy.spin_until_future_complete(node, answer, timeout_sec=PATIENCE)
        if not answer.done() or not answer.result().success:
            sys.exit(f"transition {transition} was refused, or nobody answered")

    def spin(secs):
        end = time.monotonic() + secs
        while time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.05)

    def still(secs, otherwise):
        states.clear()
        # On a busy machine who publishes is found late.
        end = time.monotonic() + PATIENCE
        while not states and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.05)
        spin(secs)
        seen = [dict(zip(state.name, state.position)) for state in states]
        if len(seen) < 10:
            sys.exit(f"only {len(seen)} joint states came")
        moved = max(max(s[name] for s in seen) - min(s[name] for s in seen) for name in seen[0])
        print(f"held within {moved:.4f} rad", flush=True)
        if moved > 0.01:
            sys.exit(otherwise)

    go(Transition.TRANSITION_CONFIGURE)
    still(args.hold, "the arm moved before it was let")
    go(Transition.TRANSITION_ACTIVATE)
    print("active", flush=True)
    if args.still_active is not None:
        still(args.still_active, "the arm moved although nothing was to be sent to it")


main()
