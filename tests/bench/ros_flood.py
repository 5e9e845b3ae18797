#!/usr/bin/env python3
"""Sends instructions to the node in a namespace, at a rate, until its standard input closes: the flood of
`neuraxis bench loop`. Prints how many it sent.

    ros_flood.py NAMESPACE HZ
"""

import select
import sys
import time

import rclpy
from rclpy.qos import QoSProfile
from std_msgs.msg import String


def main():
    namespace, hz = sys.argv[1], float(sys.argv[2])
    rclpy.init()
    node = rclpy.create_node("flood", namespace=namespace)
    out = node.create_publisher(String, "instruction", QoSProfile(depth=10))
    sent, start = 0, time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        # As many as are due by now: sleeping is not exact, the rate over a second is.
        due = int((time.monotonic() - start) * hz)
        while sent < due:
            out.publish(String(data="push the blue button" + "." * (sent % 3)))
            sent += 1
        time.sleep(0.001)
    print(f"  flood: {sent} messages in {time.monotonic() - start:.1f} s", flush=True)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
