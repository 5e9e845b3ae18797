#!/usr/bin/env python3
"""Times the libraries that others would use, for `neuraxis bench` to print beside its own numbers.

    peers.py kinematics URDF TOOL_LINK JOINT...      Pinocchio (PyPI: pin); JOINT...: those of the arm
    peers.py motion                                  ruckig, the C++ original (PyPI: ruckig)

Prints one JSON object a line: {"name", "unit", "samples": [...]}; the name carries the version. Pinocchio is called from
a C++ loop where it can be compiled (a C++ compiler; PyPI: cmeel-eigen, cmeel-urdfdom-headers), which takes a minute once;
else from Python, and the name says that the call itself, about a microsecond, is in the time. ruckig measures itself, in
C++. NEURAXIS_BENCH_PYTHON names the Python that has these packages.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BATCH, SAMPLES = 100, 2000


def tell(name, unit, samples):
    print(json.dumps({"name": name, "unit": unit, "samples": samples}), flush=True)


def kinematics(urdf, tool, arm_joints):
    import pinocchio as pin

    whole = pin.buildModelFromUrdf(urdf)
    locked = [name for name in whole.names if name != "universe" and name not in arm_joints]
    binary, why = compiled(pin)
    if binary:
        ran = subprocess.run([binary, urdf, tool, *locked], capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{binary}: {ran.stderr.strip()}")
        for line in ran.stdout.splitlines():
            name, *samples = line.split()
            tell(f"{name}: Pinocchio {pin.__version__}, C++", "ns", [float(s) for s in samples])
        return
    print(f"no C++ loop ({why}): the time of a call from Python is included", file=sys.stderr)
    # Nothing to lock, nothing to reduce: that function stumbles over a joint and a link of one name.
    ids = [whole.getJointId(name) for name in locked]
    model = pin.buildReducedModel(whole, ids, pin.neutral(whole)) if ids else whole
    data, frame = model.createData(), model.getFrameId(tool, pin.BODY)
    poses = [pin.randomConfiguration(model) for _ in range(1024)]
    v, a = 0.5 + 0.0 * poses[0], 1.0 + 0.0 * poses[0]
    calls = {
        "fk": lambda q: (pin.forwardKinematics(model, data, q), pin.updateFramePlacement(model, data, frame)),
        "jacobian": lambda q: pin.computeFrameJacobian(model, data, q, frame, pin.LOCAL_WORLD_ALIGNED),
        "gravity": lambda q: pin.computeGeneralizedGravity(model, data, q),
        "inverse_dynamics": lambda q: pin.rnea(model, data, q, v, a),
    }
    for name, call in calls.items():
        samples = []
        for sample in range(SAMPLES // 4):
            begin = time.perf_counter_ns()
            for i in range(BATCH):
                call(poses[(sample * BATCH + i) % 1024])
            samples.append((time.perf_counter_ns() - begin) / BATCH)
        tell(f"{name}: Pinocchio {pin.__version__}, from Python", "ns", samples[50:])


def compiled(pin):
    """The C++ loop, built once per version into the user's cache; or None, and why not."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        return None, "no C++ compiler"
    prefix = Path(pin.__file__).resolve().parents[4]
    include = prefix / "include"
    for header in ("eigen3/Eigen/Core", "urdfdom_headers/urdf_model/model.h"):
        if not (include / header).exists():
            return None, f"{header} missing: pip install cmeel-eigen cmeel-urdfdom-headers"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "neuraxis-bench"
    cache.mkdir(parents=True, exist_ok=True)
    source = HERE / "pinocchio_calls.cpp"
    binary = cache / f"pinocchio_calls-{pin.__version__}"
    if binary.exists() and binary.stat().st_mtime >= source.stat().st_mtime:
        return str(binary), ""
    # The library in the wheel is built for any x86-64, and so is our own code: no -march here.
    command = [compiler, "-O3", "-DNDEBUG", "-std=c++17", "-DPINOCCHIO_ENABLE_TEMPLATE_INSTANTIATION"]
    command += ["-DBOOST_MPL_LIMIT_LIST_SIZE=30", "-DBOOST_MPL_CFG_NO_PREPROCESSED_HEADERS"]
    for folder in (include, include / "eigen3", include / "urdfdom_headers"):
        command.append(f"-I{folder}")
    for folder in (prefix / "lib", prefix / "lib64"):
        command += [f"-L{folder}", f"-Wl,-rpath,{folder}"]
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        fresh = Path(scratch) / "calls"
        command += [str(source), "-o", str(fresh), "-lpinocchio_default", "-lpinocchio_parsers"]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode != 0:
            return None, "it does not compile: " + built.stderr.strip().splitlines()[0]
        fresh.rename(binary)
    return str(binary), ""


def motion():
    from importlib.metadata import version

    import ruckig

    # The limits, goals and period of `bare_rsruckig` in crates/neuraxis/src/bench/motion.rs.
    otg = ruckig.Ruckig(7, 0.005)
    wanted, reached = ruckig.InputParameter(7), ruckig.OutputParameter(7)
    wanted.current_position = wanted.current_velocity = wanted.current_acceleration = [0.0] * 7
    wanted.max_velocity, wanted.max_acceleration, wanted.max_jerk = [1.5] * 7, [6.0] * 7, [120.0] * 7
    samples = []
    for goal in range(20_000):
        wanted.target_position = [0.3 * math.sin(goal + i) for i in range(7)]
        result = otg.update(wanted, reached)
        if result < 0:
            sys.exit(f"ruckig: {result}")
        samples.append(reached.calculation_duration)
        reached.pass_to_input(wanted)
    tell(f"ruckig {version('ruckig')}, new goal", "us", samples)


def main():
    try:
        match sys.argv[1:]:
            case ["kinematics", urdf, tool, *arm_joints]:
                kinematics(urdf, tool, arm_joints)
            case ["motion"]:
                motion()
            case _:
                sys.exit(__doc__)
    except ImportError as error:
        sys.exit(f"{error}; pip install pin cmeel-eigen cmeel-urdfdom-headers ruckig")


if __name__ == "__main__":
    main()
