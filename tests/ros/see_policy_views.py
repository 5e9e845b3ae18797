"""Waits for what the policy's networks saw and where they put their heat, as the Neuraxis node publishes it.

  .deps/ros/bin/python tests/ros/see_policy_views.py [--views coarse_top,fine_right] [--timeout 120]

Exit code 0 only if of each view a picture and a heatmap of one moment came, of one size, the picture not of one colour and the
heat a probability.
"""

import argparse
import array
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image


def wrong(image, heat):
    """What is wrong with a picture and a heatmap of one moment; None: nothing."""
    size = (image.width, image.height)
    if size != (heat.width, heat.height) or 0 in size:
        return f"sizes {size} and {(heat.width, heat.height)}"
    if (image.encoding, heat.encoding) != ("rgb8", "32FC1"):
        return f"encodings {image.encoding} and {heat.encoding}"
    if len(image.data) != 3 * size[0] * size[1] or len(set(image.data)) < 10:
        return f"a picture of {len(image.data)} bytes, {len(set(image.data))} values among them"
    values = array.array("f", bytes(heat.data))
    if abs(sum(values) - 1.0) > 1e-3 or min(values) < 0.0:
        return f"heat from {min(values)} that sums to {sum(values)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", default="coarse_top,fine_right")
    parser.add_argument("--timeout", type=float, default=120.0)
    args = parser.parse_args()
    rclpy.init(args=[])
    node = rclpy.create_node("see_policy_views")
    seen = {}

    def keeper(view, kind):
        def keep(msg):
            moment = (msg.header.stamp.sec, msg.header.stamp.nanosec)
            seen.setdefault(view, {}).setdefault(moment, {})[kind] = msg
        return keep

    views = args.views.split(",")
    for view in views:
        for kind in ("image", "heat"):
            node.create_subscription(Image, f"policy/{view}/{kind}", keeper(view, kind), qos_profile_sensor_data)
    deadline = time.monotonic() + args.timeout
    left = set(views)
    while left:
        if time.monotonic() > deadline:
            print(f"FAILED: waited {args.timeout:.0f} s in vain for views {sorted(left)}", flush=True)
            return 1
        rclpy.spin_once(node, timeout_sec=0.1)
        for view in list(left):
            for both in seen.get(view, {}).values():
                if len(both) == 2:
                    if trouble := wrong(both["image"], both["heat"]):
                        print(f"FAILED: {view}: {trouble}", flush=True)
                        return 1
                    left.remove(view)
                    break
    print(f"saw {', '.join(views)}", flush=True)
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
