"""The simulated arm of `neuraxis ros plant` goes where another arm is: its cameras then see what that arm does.

  .deps/ros/bin/python tests/ros/follow_arm.py

Prints the port at which it listens; each datagram there is {"q": [rad], "width": metres between the fingers}, as
sim/franka_server.py sends them when told to `show`. Ends when its standard input does.
"""

import json
import os
import select
import socket
import sys

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from std_msgs.msg import Float64MultiArray


def main():
    rclpy.init()
    node = rclpy.create_node("follow_arm")
    arm = node.create_publisher(Float64MultiArray, "/forward_position_controller/commands", 1)
    hand = node.create_publisher(Float64MultiArray, "/gripper_controller/commands", 1)
    inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.bind(("127.0.0.1", 0))
    print(f"port {inbox.getsockname()[1]}", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, inbox], [], [])
        if sys.stdin in ready:
            break
        state = json.loads(inbox.recv(4096))
        arm.publish(Float64MultiArray(data=state["q"]))
        hand.publish(Float64MultiArray(data=[state["width"]]))
    node.destroy_node()
    rclpy.shutdown()


main()
