"""Waits until somebody commands the arm, then commands it too: the rival that a loop must notice.

  .deps/ros/bin/python tests/ros/command_too.py [--only-watch]

Ends when its standard input does; with --only-watch as soon as somebody has been seen to command the arm.
"""

import argparse
import os
import select
import sys
import time

if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from std_msgs.msg import Float64MultiArray

TOPIC = "/forward_position_controller/commands"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-watch", action="store_true", help="command nothing")
    parser.add_argument("--timeout", type=float, default=120.0, help="for somebody to command the arm [s]")
    args = parser.parse_args()
    rclpy.init(args=[])
    node = rclpy.create_node("command_too")
    heard = []
    node.create_subscription(Float64MultiArray, TOPIC, heard.append, 10)
    deadline = time.monotonic() + args.timeout
    # Well after the first: the arm shall be in motion.
    while len(heard) < 300:
        if time.monotonic() > deadline:
            print(f"FAILED: waited {args.timeout:.0f} s in vain for commands on {TOPIC}: {len(heard)} came", flush=True)
            return 1
        rclpy.spin_once(node, timeout_sec=0.1)
    if not args.only_watch:
        publisher = node.create_publisher(Float64MultiArray, TOPIC, 1)
        print("commands too", flush=True)
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            # What the arm was told before anybody meddled: the place where it began.
            publisher.publish(heard[0])
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
