"""A node that says which joints a forward controller takes, as those of ros2_controllers do.

  .deps/ros/bin/python tests/ros/be_a_controller.py forward_position_controller fr3_joint2 fr3_joint1

Prints `says` when it can be asked. Ends when its standard input does.
"""

import os
import select
import sys

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy


def main():
    name, *joints = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node(name)
    node.declare_parameter("joints", joints)
    print("says", flush=True)
    while not select.select([sys.stdin], [], [], 0.0)[0]:
        rclpy.spin_once(node, timeout_sec=0.05)
    node.destroy_node()
    rclpy.shutdown()


main()
