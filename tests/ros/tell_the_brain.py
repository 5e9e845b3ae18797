"""Tells a brain one sentence after the other, from another process, and prints what it says.

  .deps/ros/bin/python tests/ros/tell_the_brain.py "open the top drawer" "put the purple block in it"

A sentence that is not the last is followed by the next as soon as a skill has been started for it. Exit code 0 only if
the last one ended with its goal observed.
"""

import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from rclpy.qos import QoSProfile
from std_msgs.msg import String

TIMEOUT_SECS = 100


def main():
    sentences = sys.argv[1:]
    if not sentences:
        sys.exit(__doc__)
    rclpy.init()
    node = rclpy.create_node("tell_the_brain")
    heard = []

    def hear(message):
        print(message.data, flush=True)
        heard.append(message.data)

    node.create_subscription(String, "brain/events", hear, QoSProfile(depth=100))
    tell = node.create_publisher(String, "instruction", 10)
    deadline = time.monotonic() + TIMEOUT_SECS

    def wait(what, happened):
        while not happened():
            if time.monotonic() > deadline:
                print(f"in vain for {what}")
                sys.exit(1)
            rclpy.spin_once(node, timeout_sec=0.1)

    wait("the node", lambda: tell.get_subscription_count() > 0 and node.count_publishers("brain/events") > 0)
    for number, sentence in enumerate(sentences):
        before = len(heard)
        print(f"tells: {sentence}", flush=True)
        tell.publish(String(data=sentence))
        wait(f"a plan for {sentence!r}", lambda: any("plan by" in line for line in heard[before:]))
        # What is heard about the sentence before comes earlier.
        of_plan = lambda: heard[max(i for i, line in enumerate(heard) if "plan by" in line) :]
        said = lambda part: next((line for line in of_plan() if part in line), None)
        if number + 1 < len(sentences):
            wait(f"a skill for {sentence!r}", lambda: said("started, try"))
        else:
            wait(f"the end of {sentence!r}", lambda: said("plan  ended"))
    sys.exit(0 if said("plan  ended").rstrip().endswith("ended") else 1)


if __name__ == "__main__":
    main()
