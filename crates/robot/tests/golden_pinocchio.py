"""Writes tests/data/golden_<robot>.json: kinematics and dynamics of our URDFs by Pinocchio.

    python -m venv venv && venv/bin/pip install pin==4.1.0 && venv/bin/python crates/robot/tests/golden_pinocchio.py

Links on prismatic joints (fingers) are taken out first: Neuraxis leaves them out too.
"""
import json
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pinocchio as pin

SEED, SAMPLES = 20261124, 50
ROOT = Path(__file__).resolve().parents[3]
# Robot: tool link, tool point along its z axis [m], as in configs/<robot>/robot.yaml.
ROBOTS = {"fr3": ("fr3_hand", 0.1034), "ur5e": ("ur5e_tool0", 0.15)}


def model_of(robot):
    tree = xml.parse(ROOT / "urdf" / f"{robot}.urdf").getroot()
    for joint in [j for j in tree.findall("joint") if j.get("type") == "prismatic"]:
        child = joint.find("child").get("link")
        tree.remove(joint)
        tree.remove(next(l for l in tree.findall("link") if l.get("name") == child))
    for link in tree.findall("link"):
        for shape in link.findall("visual") + link.findall("collision"):
            link.remove(shape)
    return pin.buildModelFromXML(xml.tostring(tree, encoding="unicode"))


def sample(model, data, frame, tool_z_m, random):
    low, high, fastest = model.lowerPositionLimit, model.upperPositionLimit, model.upperVelocityLimit
    q = low + (high - low) * random.random(model.nq)
    qd = fastest * (2 * random.random(model.nv) - 1)
    qdd = 10 * (2 * random.random(model.nv) - 1)
    pin.forwardKinematics(model, data, q)
    pin.updateFramePlacements(model, data)
    base_from_tool = data.oMf[frame] * pin.SE3(np.eye(3), np.array([0, 0, tool_z_m]))
    jacobian = pin.computeFrameJacobian(model, data, q, frame, pin.LOCAL_WORLD_ALIGNED)
    # From the link's origin to the tool point.
    lever = base_from_tool.translation - data.oMf[frame].translation
    jacobian[:3] += np.cross(jacobian[3:].T, lever).T
    x, y, z, w = pin.Quaternion(base_from_tool.rotation).coeffs()
    return {
        "q_rad": q.tolist(),
        "qd_rad_s": qd.tolist(),
        "qdd_rad_s2": qdd.tolist(),
        "tool_xyz_m": base_from_tool.translation.tolist(),
        "tool_wxyz": [w, x, y, z],
        "jacobian_by_joint": jacobian.T.tolist(),
        "gravity_nm": pin.computeGeneralizedGravity(model, data, q).tolist(),
        "torque_nm": pin.rnea(model, data, q, qd, qdd).tolist(),
    }


def main():
    for robot, (tool_link, tool_z_m) in ROBOTS.items():
        model, random = model_of(robot), np.random.default_rng(SEED)
        data, frame = model.createData(), model.getFrameId(tool_link)
        head = {
            "written_by": "crates/robot/tests/golden_pinocchio.py",
            "pinocchio": pin.__version__,
            "numpy": np.__version__,
            "python": sys.version.split()[0],
            "seed": SEED,
            "gravity_m_s2": model.gravity.linear.tolist(),
        }
        samples = [json.dumps(sample(model, data, frame, tool_z_m, random)) for _ in range(SAMPLES)]
        path = ROOT / "crates/robot/tests/data" / f"golden_{robot}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(head)[:-1] + ',\n"samples": [\n' + ",\n".join(samples) + "\n]}\n")
        print(path, model.nq, "joints", SAMPLES, "samples")


main()
