"""Teleoperates the arm of `neuraxis ros plant`: its first joint goes to and fro, its fingers close and open.

  .deps/ros/bin/python tests/ros/teleoperate.py

Prints `teleoperates` when it commands. Ends when its standard input does.
"""

import math
import os
import select
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

SWING_RAD, PERIOD_SECS = 1.0, 8.0


def main():
    rclpy.init()
    node = rclpy.create_node("teleoperate")
    states = []
    node.create_subscription(JointState, "/joint_states", states.append, 10)
    arm = node.create_publisher(Float64MultiArray, "/forward_position_controller/commands", 1)
    hand = node.create_publisher(Float64MultiArray, "/gripper_controller/commands", 1)
    while not states:
        rclpy.spin_once(node, timeout_sec=0.1)
    joints = sorted((n, q) for n, q in zip(states[0].name, states[0].position) if "finger" not in n)
    home = [q for _, q in joints]
    began = time.monotonic()
    print("teleoperates", flush=True)
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        phase = 2.0 * math.pi * (time.monotonic() - began) / PERIOD_SECS
        arm.publish(Float64MultiArray(data=[home[0] + SWING_RAD * (1.0 - math.cos(phase)) / 2.0, *home[1:]]))
        hand.publish(Float64MultiArray(data=[0.08 if math.sin(phase) > 0.0 else 0.03]))
    node.destroy_node()
    rclpy.shutdown()


main()
