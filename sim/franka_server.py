#!/usr/bin/env python3
"""A simulated Franka robot for the tests of crates/franka: one of two public servers of the Franka Control Interface.

    contact   franky-sim: MuJoCo with contact and the Franka Hand; a cube can be put in front of it. Lenient with packets.
    limits    franka-sim: the robot's motion limits and its rule about lost packets are enforced. No hand.

Prints one JSON object per line: first {"ready": true, "host", "port", "hand_port"}, then an answer to each line on standard
input; it ends when that closes. Lines:

    state          contact: joint positions, width of the hand, the cube's position; limits: joint positions, mode, violations
                   and reasons of reflexes so far
    mode NAME      limits: tell the client that the robot is idle, guiding, reflex, user_stopped or other; auto: the truth
    pause SECS     no states for so long, as when a cable is out
    push JOINT NM SECS   contact: a torque from outside on a joint
    lead SECS Q1 ... Q7  contact: as by hand, while nobody commands it: there, smoothly, in so long; answers when it is there
    hand METRES          contact: the fingers go so far apart
    show PORT            contact: fifty times a second, a datagram to this port of the loopback: joint positions, width of
                         the hand (tests/ros/follow_arm.py passes it on)

Each runs in its own virtual environment, made by `./neuraxis setup --peers`.
"""

import argparse
import json
import os
import queue
import socket
import struct
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

# Nothing is drawn: MuJoCo need not look for a window system.
os.environ["MUJOCO_GL"] = "disable"

FRICTION = "1.5 0.05 0.001"
# franky-sim's own name for the joint positions that a robot holds while nobody commands it.
HELD = "_FrankaRobotServer__holding_q"
SHOW_SECS = 0.02


def say(**message):
    print(json.dumps(message), flush=True)


def lines():
    """Lines of standard input as they come; None at its end."""
    inbox = queue.Queue()

    def read():
        for line in sys.stdin:
            inbox.put(line.split())
        inbox.put(None)

    threading.Thread(target=read, daemon=True).start()
    return inbox


def free_host(ports):
    """An address of this machine on which nobody listens at these ports."""
    for last in range(1, 255):
        host = f"127.0.62.{last}"
        taken = False
        for port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError:
                    taken = True
        if not taken:
            return host
    sys.exit("no address 127.0.62.x is free at ports " + ", ".join(map(str, ports)))


def contact(arguments):
    import franky_sim
    import franky_sim.franka_server as wire
    from franky_sim.mujoco_simulator import MujocoSimulator

    # The version-10 robot answers a connection with one byte of status and two of version; franky-sim 1.0.4 sends two and
    # two, which official clients do not notice. The hand's answer has two and two in truth.
    def handle(self, server, command_type_struct="I"):
        if server.udp_connected:
            return
        layout = "<BH5x" if command_type_struct == "I" else "<HH4x"
        header = wire.MessageHeader(self.command_type, self.command_id, 8)
        answer = struct.pack(layout, wire.ConnectStatus.kSuccess.value, server.library_version)
        self.client_socket.sendall(header.to_bytes(command_type_struct=command_type_struct) + answer)
        server._setup_udp_connection(self.network_udp_port)

    wire.ConnectCommand.handle = handle

    host = arguments.host or free_host([1337, 1338])
    inbox = lines()
    with MujocoSimulator() as simulator:
        robot = simulator.add_robot(initial_q=arguments.start, initial_hand_width=0.08)
        if arguments.cube:
            x, y, z, edge = arguments.cube
            body = ElementTree.SubElement(simulator.worldbody, "body", name="cube", pos=f"{x} {y} {z}")
            ElementTree.SubElement(body, "freejoint", name="cube")
            ElementTree.SubElement(
                body, "geom", type="box", size=" ".join([str(edge / 2)] * 3), mass="0.05",
                friction=FRICTION, condim="4", solimp="0.95 0.99 0.001", solref="0.004 1",
            )
        with franky_sim.SimulationServer(simulator, hostname_candidates=[host]) as server:
            simulator.model.opt.noslip_iterations = 4
            say(ready=True, host=host, port=1337, hand_port=1338)
            pushed = (0, 0.0, 0.0)
            led = None
            shown = (None, 0.0)
            outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            due = time.perf_counter()
            while True:
                joint, torque, until = pushed
                if time.perf_counter() < until:
                    push(robot, simulator, joint, torque)
                if led:
                    # What it holds while nobody commands it is moved: it follows as it follows commands.
                    share = lead(server.robot_servers[0], *led)
                    if share >= 1.0:
                        led = None
                        say(led=True)
                server.run_once(False)
                port, when = shown
                if port and time.perf_counter() >= when:
                    shown = (port, time.perf_counter() + SHOW_SECS)
                    q = joints(robot, simulator)
                    outbox.sendto(json.dumps({"q": q, "width": robot.hand_width}).encode(), ("127.0.0.1", port))
                while not inbox.empty():
                    words = inbox.get()
                    if words is None:
                        return
                    if words[0] == "state":
                        place = [float(c) for c in simulator.data.body("cube").xpos] if arguments.cube else None
                        say(q=joints(robot, simulator), width=robot.hand_width, cube=place)
                    elif words[0] == "pause":
                        time.sleep(float(words[1]))
                        say(paused=True)
                    elif words[0] == "push":
                        pushed = (int(words[1]), float(words[2]), time.perf_counter() + float(words[3]))
                        say(pushing=True)
                    elif words[0] == "lead":
                        start = getattr(server.robot_servers[0], HELD)
                        led = (start, [float(q) for q in words[2:9]], time.perf_counter(), float(words[1]))
                    elif words[0] == "hand":
                        robot.set_hand_goal(float(words[1]), 0.1, 70.0)
                        say(hand=True)
                    elif words[0] == "show":
                        shown = (int(words[1]), 0.0)
                        say(showing=True)
                    else:
                        say(error=f"unknown: {words}")
                due += 0.001
                late = time.perf_counter() - due
                if late > 0:
                    # A late millisecond is late for good: the client's clock follows ours.
                    due += late
                else:
                    # Sleeping ends up to a millisecond late; what is left is spent looking at the clock.
                    if late < -0.0004:
                        time.sleep(-late - 0.0003)
                    while time.perf_counter() < due:
                        pass


def joints(robot, simulator):
    return [float(simulator.data.qpos[address]) for address in robot._qpos_addrs]


def lead(robot_server, start, end, began, secs):
    """Moves what an idle robot holds along the way of least jerk; the share of the time that is over."""
    x = min((time.perf_counter() - began) / secs, 1.0)
    s = x**3 * (10 + x * (6 * x - 15))
    setattr(robot_server, HELD, tuple(a + s * (b - a) for a, b in zip(start, end)))
    return x


def push(robot, simulator, joint, torque):
    """A torque from outside beside the motors': applied on the body that the joint moves."""
    axis = simulator.data.xaxis[simulator.model.joint(f"robot0_fr3_joint{joint}").id]
    body = simulator.model.joint(f"robot0_fr3_joint{joint}").bodyid[0]
    simulator.data.xfrc_applied[body, 3:] = axis * torque


def without_hand(source):
    """The arm of a model with a hand, as a file of its own; its meshes stay where they are."""
    tree = ElementTree.parse(source)
    root = tree.getroot()
    root.find("compiler").set("meshdir", os.path.join(os.path.dirname(os.path.abspath(source)), "meshes"))
    for name in ("tendon", "equality", "keyframe", "contact"):
        for element in root.findall(name):
            root.remove(element)
    for parent in root.iter():
        for child in list(parent):
            is_hand = child.tag == "body" and child.get("name") == "hand"
            is_its_motor = child.tag == "general" and child.get("name") == "hand"
            if is_hand or is_its_motor:
                parent.remove(child)
    file = tempfile.NamedTemporaryFile(suffix=".xml", prefix="fr3_arm_", delete=False)
    tree.write(file)
    file.close()
    return file.name


def limits(arguments):
    os.environ["FR3_MJCF"] = without_hand(arguments.model)
    import logging

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    from franka_sim import FrankaSimServer
    from franka_sim.franka_protocol import RobotMode
    from franka_sim.limits.checker import MotionLimitChecker
    from franka_sim.robot_state import RobotState

    violations = []
    report = MotionLimitChecker.report

    def noted(self, violation, *, enforced):
        violations.append(violation.describe())
        report(self, violation, enforced=enforced)

    MotionLimitChecker.report = noted

    # A client that leaves takes its error with it; here it stays.
    reflexes = []
    abort = FrankaSimServer._abort_with_error

    def remembered(self, error_index, reason, motion_id=0):
        abort(self, error_index, reason, motion_id)
        if self.robot_state.state["robot_mode"] == RobotMode.kReflex:
            reflexes.append(reason)

    FrankaSimServer._abort_with_error = remembered

    forced = []
    pack = RobotState.pack_state

    def packed(self):
        if not forced:
            return pack(self)
        truth = self.state["robot_mode"]
        self.state["robot_mode"] = forced[0]
        try:
            return pack(self)
        finally:
            self.state["robot_mode"] = truth

    RobotState.pack_state = packed

    port = arguments.port
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    server = FrankaSimServer(
        host="127.0.0.1",
        port=port,
        enable_gripper=False,
        enforce_comm_constraints=True,
        enforce_motion_limits=True,
    )
    running = threading.Thread(target=server.start, daemon=True)
    running.start()
    deadline = time.monotonic() + 60
    # It listens before it has read the model, and then steps it in this thread.
    while server.physics_sim.data is None:
        if time.monotonic() > deadline or not running.is_alive():
            sys.exit("franka-sim does not start")
        time.sleep(0.02)
    os.unlink(os.environ["FR3_MJCF"])
    inbox = lines()
    say(ready=True, host="127.0.0.1", port=port, hand_port=0)
    modes = {
        "idle": RobotMode.kIdle,
        "guiding": RobotMode.kGuiding,
        "reflex": RobotMode.kReflex,
        "user_stopped": RobotMode.kUserStopped,
        "other": RobotMode.kOther,
    }
    while True:
        words = inbox.get()
        if words is None:
            os._exit(0)
        if words[0] == "state":
            # What it tells its client begins anew with each of them; the arm's joints do not.
            q = [float(q) for q in server.physics_sim.get_robot_state()["q"]]
            mode = RobotMode(server.robot_state.state["robot_mode"]).name
            say(q=q, mode=mode, violations=violations, reflexes=reflexes)
        elif words[0] == "mode":
            forced[:] = [] if words[1] == "auto" else [modes[words[1]]]
            say(mode=words[1])
        else:
            say(error=f"unknown: {words}")


def hurry():
    """Ahead of the machine's other work, where that is allowed: a late robot is no robot."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("contact", help="franky-sim")
    one.add_argument("--cube", type=float, nargs=4, metavar=("X", "Y", "Z", "EDGE"), help="a cube [m], base frame")
    one.add_argument("--start", type=float, nargs=7, default=[0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, 0.7853981633974483],
                     metavar="Q", help="joint positions at the start [rad]; default: home in configs/fr3")
    two = kinds.add_parser("limits", help="franka-sim")
    one.add_argument("--host", help="address of this machine to listen at; default: a free 127.0.62.x")
    two.add_argument("--port", type=int, help="default: a free one")
    two.add_argument("--model", required=True, metavar="FR3_XML", help="franky-sim's assets/fr3.xml, for its meshes")
    arguments = parser.parse_args()
    hurry()
    {"contact": contact, "limits": limits}[arguments.kind](arguments)


if __name__ == "__main__":
    main()
