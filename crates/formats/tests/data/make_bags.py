#!/usr/bin/env python3
"""Makes the bags and pictures beside it: one episode in both storages of rosbag2, written by PyPI's `rosbags` (0.11.0).

    pip install rosbags==0.11.0 numpy==2.* pillow
    python make_bags.py
"""
import io
import os
import shutil

import numpy as np
from PIL import Image as Picture
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

HERE = os.path.dirname(os.path.abspath(__file__))
STORE = get_typestore(Stores.ROS2_JAZZY)
WIDTH, HEIGHT, FRAMES = 16, 10, 6
START = 1_700_000_000_000_000_000
JOINTS = ["arm_1", "arm_2", "arm_3", "arm_4", "arm_5", "arm_6", "left_finger", "right_finger"]


def kind(name):
    return STORE.types[name]


def header(nanos, frame):
    time = kind("builtin_interfaces/msg/Time")(sec=nanos // 10**9, nanosec=nanos % 10**9)
    return kind("std_msgs/msg/Header")(stamp=time, frame_id=frame)


def colours(t):
    """The tests in Rust know the same formula."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([(7 * x + t) % 256, (5 * y) % 256, (x * y + 3 * t) % 256], axis=2).astype(np.uint8)


def millimetres(t):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (500 + 10 * x + 7 * y + t).astype(np.uint16)


def image(nanos, frame, encoding, pixels):
    data = np.ascontiguousarray(pixels)
    step = data.nbytes // HEIGHT
    return kind("sensor_msgs/msg/Image")(header=header(nanos, frame), height=HEIGHT, width=WIDTH, encoding=encoding,
                                         is_bigendian=0, step=step, data=data.view(np.uint8).reshape(-1))


def compressed(nanos, frame, pixels):
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    data = np.frombuffer(out.getvalue(), np.uint8)
    return kind("sensor_msgs/msg/CompressedImage")(header=header(nanos, frame), format="rgb8; png compressed rgb8", data=data)


def camera_info(nanos, frame):
    region = kind("sensor_msgs/msg/RegionOfInterest")(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    k = np.array([20.0, 0, 5.5, 0, 21.0, 3.5, 0, 0, 1])
    p = np.array([20.0, 0, 5.5, 0, 0, 21.0, 3.5, 0, 0, 0, 1, 0])
    return kind("sensor_msgs/msg/CameraInfo")(header=header(nanos, frame), height=HEIGHT, width=WIDTH,
                                              distortion_model="plumb_bob", d=np.zeros(5), k=k, r=np.eye(3).reshape(-1),
                                              p=p, binning_x=0, binning_y=0, roi=region)


def transforms(nanos, *edges):
    stamped, transform = kind("geometry_msgs/msg/TransformStamped"), kind("geometry_msgs/msg/Transform")
    vector, quaternion = kind("geometry_msgs/msg/Vector3"), kind("geometry_msgs/msg/Quaternion")
    made = [stamped(header=header(nanos, parent), child_frame_id=child,
                    transform=transform(translation=vector(*map(float, xyz)), rotation=quaternion(x=1.0, y=0.0, z=0.0, w=0.0)))
            for parent, child, xyz in edges]
    return kind("tf2_msgs/msg/TFMessage")(transforms=made)


def joints(nanos, t):
    width = 0.04 if t < 4 else 0.01
    position = np.array([0.1 * i + 0.01 * t for i in range(6)] + [width, width])
    return kind("sensor_msgs/msg/JointState")(header=header(nanos, ""), name=JOINTS, position=position,
                                              velocity=np.full(8, 0.2), effort=np.zeros(0))


def messages():
    """Topic, log time, message: log times are a little later than stamps, as on a real robot."""
    yield "/tf_static", START, transforms(START, ("world", "base", (0, 0, 1)), ("world", "front_optical", (0.3, 0, 1.4)))
    yield "/instruction", START, kind("std_msgs/msg/String")(data="lift the cup")
    for t in range(FRAMES):
        now = START + t * 50_000_000
        yield "/joint_states", now + 1_000_000, joints(now, t)
        yield "/tf", now + 1_000_000, transforms(now, ("base", "tool", (0.4, 0.01 * t, 0.2)), ("tool", "hand_optical", (0, 0, -0.1)))
        yield "/front/image", now + 3_000_000, image(now, "front_optical", "bgr8", colours(t)[:, :, ::-1])
        yield "/front/depth", now + 4_000_000, image(now + 2_000_000, "front_optical", "16UC1", millimetres(t))
        yield "/front/camera_info", now + 4_000_000, camera_info(now, "front_optical")
        yield "/hand/rgb/compressed", now + 5_000_000, compressed(now + 5_000_000, "hand_optical", colours(t + 100))
        yield "/hand/aligned_depth", now + 5_000_000, image(now, "hand_optical", "32FC1", millimetres(t).astype(np.float32) / 1000)


def write(name, plugin):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for topic, log_time, message in messages():
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            writer.write(connections[topic], log_time, STORE.serialize_cdr(message, message.__msgtype__))


write("bag_mcap", StoragePlugin.MCAP)
write("bag_sqlite3", StoragePlugin.SQLITE3)

# Pictures for the tests of hostile ones.
y, x = np.mgrid[0:24, 0:32]
Picture.fromarray(np.stack([8 * x, 10 * y, x * y % 256], axis=2).astype(np.uint8)).save(os.path.join(HERE, "picture.jpg"), quality=80)
Picture.fromarray((500 + 10 * x + 7 * y).astype(np.uint16)).save(os.path.join(HERE, "grey.png"))
