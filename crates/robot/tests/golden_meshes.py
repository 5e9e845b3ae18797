"""Writes tests/data/golden_fr3_meshes.json: how near the FR3's meshes come to each other, by Pinocchio and Coal.

    python -m venv venv && venv/bin/pip install pin==4.1.0 pyyaml && venv/bin/python crates/robot/tests/golden_meshes.py

Of DRAWN random positions all that touch are kept and FREE of the others. The distance is the least over the pairs of
links that configs/fr3/robot.yaml has checked; `kept_apart_m` is the least over all DRAWN positions of each pair in its
`may_touch`.
"""
import json
from pathlib import Path

import coal
import numpy as np
import pinocchio as pin
import yaml

SEED, DRAWN, FREE = 20261124, 3000, 100
ROOT = Path(__file__).resolve().parents[3]
LINKS = [*(f"fr3_link{i}" for i in range(8)), "fr3_hand"]


def main():
    urdf = str(ROOT / "urdf/fr3.urdf")
    model = pin.buildModelFromUrdf(urdf)
    shapes = pin.buildGeomFromUrdf(model, urdf, pin.GeometryType.COLLISION, package_dirs=[str(ROOT / "urdf")])
    spared = yaml.safe_load((ROOT / "configs/fr3/robot.yaml").read_text())["may_touch"]
    moving = {link: min(i, 7) for i, link in enumerate(LINKS)}
    pairs = [(a, b) for i, a in enumerate(LINKS) for b in LINKS[i + 1:] if moving[b] - moving[a] > 1]
    for a, b in pairs:
        shapes.addCollisionPair(pin.CollisionPair(shapes.getGeometryId(f"{a}_0"), shapes.getGeometryId(f"{b}_0")))
    checked = [i for i, pair in enumerate(pairs) if list(pair) not in spared and list(pair)[::-1] not in spared]
    data, shape_data, random = model.createData(), shapes.createData(), np.random.default_rng(SEED)
    apart_m, touching, free = np.full(len(pairs), np.inf), [], []
    for _ in range(DRAWN):
        q = model.lowerPositionLimit + (model.upperPositionLimit - model.lowerPositionLimit) * random.random(model.nq)
        q[7:] = 0
        pin.computeDistances(model, data, shapes, shape_data, q)
        metres = np.array([max(r.min_distance, 0.0) for r in shape_data.distanceResults])
        apart_m = np.minimum(apart_m, metres)
        sample = {"q_rad": q[:7].tolist(), "distance_m": metres[checked].min()}
        if sample["distance_m"] == 0:
            touching.append(sample)
        elif len(free) < FREE:
            free.append(sample)
    head = {
        "written_by": "crates/robot/tests/golden_meshes.py",
        "pinocchio": pin.__version__,
        "coal": coal.__version__,
        "seed": SEED,
        "drawn": DRAWN,
        "kept_apart_m": {" ".join(p): round(float(apart_m[i]), 4) for i, p in enumerate(pairs) if i not in checked},
    }
    lines = ",\n".join(json.dumps(s) for s in touching + free)
    path = ROOT / "crates/robot/tests/data/golden_fr3_meshes.json"
    path.write_text(json.dumps(head)[:-1] + ',\n"samples": [\n' + lines + "\n]}\n")
    print(path, len(touching), "touch,", len(free), "do not;", head["kept_apart_m"])


main()
