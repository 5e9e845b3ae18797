"""Looks after the Neuraxis node as an operator's tools do: lifecycle, parameters, diagnostics, description, markers.

  .deps/ros/bin/python tests/ros/look_after_the_node.py [--node neuraxis] [--flood 1000] [--expect-inactive] [--stop]
      [--say SENTENCE] [--states-of-others] [--drivers ros2_control]

Exit code 0 only if every transition led where the standard says, forbidden ones left the state as it was, the arm stood
still while the node was inactive, parameters were listed, read, described, set and refused, diagnostics came with finite
numbers under the names expected, late comers got description and markers, and a flood of requests left the node alive in
a state it has. Ends with the node shut down. A node that waits for an instruction is given one with --say whenever it was
activated; with --stop its services ~/stop and ~/reset are called. Where the joint states are a driver's (--states-of-others),
how often the node publishes them is not looked at.
"""

import argparse
import faulthandler
import math
import os
import sys
import time

# Like the node: this machine only, unless the user says otherwise.
if not os.environ.get("ROS_LOCALHOST_ONLY"):
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rcl_interfaces.msg import ParameterEvent, ParameterType
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Failure(Exception):
    """What was expected and did not come."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


class Keeper:
    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + args.timeout
        # Its topics are those of the node's namespace.
        self.node = rclpy.create_node("look_after_the_node", namespace=args.node.rpartition("/")[0])
        self.name = args.node.strip("/")
        self.events, self.states, self.reports, self.parameter_events = [], [], [], []
        listen = self.node.create_subscription
        listen(TransitionEvent, f"{args.node}/transition_event", self.events.append, 50)
        listen(JointState, "joint_states", self.states.append, 50)
        listen(DiagnosticArray, "/diagnostics", self.reports.append, 10)
        listen(ParameterEvent, "/parameter_events", self.parameter_events.append, 10)
        self.say = self.node.create_publisher(String, "instruction", 10)
        service = lambda kind, name: self.node.create_client(kind, f"{args.node}/{name}")
        self.change = service(ChangeState, "change_state")
        self.get = service(GetState, "get_state")
        self.available_states = service(GetAvailableStates, "get_available_states")
        self.ways = service(GetAvailableTransitions, "get_available_transitions")
        self.graph = service(GetAvailableTransitions, "get_transition_graph")
        self.atomic = service(SetParametersAtomically, "set_parameters_atomically")
        self.stop, self.reset = service(Trigger, "stop"), service(Trigger, "reset")
        self.parameters = AsyncParameterClient(self.node, args.node)

    def wait_for(self, what, condition):
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > self.deadline:
                raise Failure(f"waited {self.args.timeout:.0f} s in vain for {what}")
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def spin(self, secs):
        until = time.monotonic() + secs
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)

    def answer(self, what, future):
        return self.wait_for(f"the answer to {what}", lambda: future.result() if future.done() else None)

    def call(self, client, request=None):
        self.wait_for(f"service {client.srv_name}", client.service_is_ready)
        return self.answer(client.srv_name, client.call_async(request or client.srv_type.Request()))

    # ---- lifecycle

    def state(self):
        return self.call(self.get).current_state.label

    def ask(self, label="", id=0):
        return self.call(self.change, ChangeState.Request(transition=Transition(id=id, label=label))).success

    def go(self, label, state, id=0):
        self.events.clear()
        expect(self.ask(label if not id else "", id), f"{label} was refused")
        expect(self.state() == state, f"after {label} the node is {self.state()}, not {state}")
        self.wait_for(f"the events of {label}", lambda: len(self.events) >= 2)
        begin, end = self.events[:2]
        expect(begin.transition.label == label and end.transition.label == "transition_success", f"events {self.events}")
        expect(begin.goal_state == end.start_state and end.goal_state.label == state, f"events {self.events}")
        print(f"{label}: {begin.start_state.label} > {end.start_state.label} > {state}", flush=True)

    def refuse(self, state, *labels):
        for label in labels:
            expect(not self.ask(label), f"{label} was allowed in {state}")
            expect(self.state() == state, f"after a refused {label} the node is {self.state()}, not {state}")

    def fastest(self):
        self.states.clear()
        self.wait_for("a joint state", lambda: self.states)
        return max(abs(v) for v in self.states[-1].velocity)

    def moves(self):
        if self.args.say:
            self.wait_for("a subscription", self.say.get_subscription_count)
            self.say.publish(String(data=self.args.say))
        self.wait_for("the arm to move", lambda: self.fastest() > 0.05)

    def stopped(self):
        """Stopped as it moves; what is said then moves nothing, until the reset."""
        expect(self.call(self.stop).success, "~/stop was refused")
        self.wait_for("the arm to rest", lambda: self.fastest() < 0.01)
        self.rests()
        self.say.publish(String(data=self.args.say or "an instruction to an arm that was stopped"))
        self.spin(1.0)
        self.rests()
        expect(self.state() == "active", f"after ~/stop the node is {self.state()}")
        expect(self.call(self.reset).success, "~/reset was refused")
        self.moves()
        print("stopped, at rest, reset, in motion", flush=True)

    def rests(self):
        self.wait_for("the arm to rest", lambda: self.fastest() < 0.01)
        before = self.states[-1].position
        self.spin(0.5)
        away = max(abs(a - b) for a, b in zip(before, self.states[-1].position))
        expect(away < 0.005, f"an arm that holds moved by {away:.3f} rad")

    def lifecycle(self):
        if self.args.expect_inactive:
            expect(self.state() == "unconfigured", f"without autostart the node is {self.state()}")
            self.refuse("unconfigured", "activate", "deactivate", "cleanup")
            self.go("configure", "inactive")
            self.rests()
            self.go("activate", "active", id=Transition.TRANSITION_ACTIVATE)
        expect(self.state() == "active", f"the node is {self.state()}")
        labels = {s.label for s in self.call(self.available_states).available_states}
        expect({"unconfigured", "inactive", "active", "finalized", "activating"} <= labels, f"states {labels}")
        ways = {w.transition.label for w in self.call(self.ways).available_transitions}
        expect(ways == {"deactivate", "shutdown"}, f"out of active lead {ways}")
        graph = [(w.transition.id, w.start_state.label, w.goal_state.label) for w in self.call(self.graph).available_transitions]
        expect((3, "inactive", "activating") in graph and (30, "activating", "active") in graph, f"graph {graph}")
        expect(len(graph) == len(set(graph)) == 12, f"graph {graph}")
        self.moves()
        self.refuse("active", "activate", "configure", "cleanup", "fly", "transition_success")
        for wrong in (0, 1, 3, 5, 6, 99, 255):
            expect(not self.ask(id=wrong) and self.state() == "active", f"transition {wrong} was allowed in active")
        self.go("deactivate", "inactive")
        self.rests()
        self.say.publish(String(data="an instruction while inactive"))
        self.spin(0.3)
        self.rests()
        self.refuse("inactive", "deactivate", "configure")
        self.go("cleanup", "unconfigured", id=Transition.TRANSITION_CLEANUP)
        if not self.args.states_of_others:
            self.states.clear()
            self.spin(0.4)
            self.states.clear()
            self.spin(0.4)
            expect(not self.states, "an unconfigured node publishes joint states")
        self.go("configure", "inactive")
        self.go("activate", "active")
        self.moves()

    def flood(self):
        """Many requests at once: more than any queue holds, so that not all get an answer."""
        futures = []
        for i in range(self.args.flood):
            label = ("deactivate", "activate", "cleanup", "configure", "nonsense")[i % 5]
            futures.append(self.change.call_async(ChangeState.Request(transition=Transition(label=label))))
            if i % 3 == 0:
                futures.append(self.get.call_async(GetState.Request()))
        self.spin(3.0)
        answered = sum(f.done() for f in futures)
        state = self.state()
        expect(state in ("unconfigured", "inactive", "active"), f"after the flood the node is {state}")
        print(f"flood: {answered} of {len(futures)} answered, then {state}", flush=True)
        for label, result in {"unconfigured": [("configure", "inactive"), ("activate", "active")],
                              "inactive": [("activate", "active")], "active": []}[state]:
            self.go(label, result)
        self.moves()

    # ---- parameters

    def set(self, *parameters):
        return self.answer("set_parameters", self.parameters.set_parameters(list(parameters))).results

    def value(self, name):
        values = self.answer("get_parameters", self.parameters.get_parameters([name])).values
        return rclpy.parameter.parameter_value_to_python(values[0])

    def check_parameters(self):
        expect(self.parameters.wait_for_services(timeout_sec=10.0), "no parameter services")
        names = self.answer("list_parameters", self.parameters.list_parameters()).result.names
        wanted = {"joint_states_hz", "instruction_max_chars", "autostart", "finger_joint", "world_frame", "use_sim_time"}
        expect(wanted <= set(names), f"parameters {names}")
        expect(self.value("joint_states_hz") == self.args.joint_states_hz, f"joint_states_hz {self.value('joint_states_hz')}")
        expect(self.value("no_such") is None, "a parameter that is not there has a value")
        kinds = self.answer("get_parameter_types", self.parameters.get_parameter_types(names)).types
        by_name = dict(zip(names, kinds))
        expect(by_name["autostart"] == ParameterType.PARAMETER_BOOL, f"types {by_name}")
        described = self.answer("describe", self.parameters.describe_parameters(["joint_states_hz", "world_frame"])).descriptors
        expect(described[0].floating_point_range[0].to_value == 1000.0 and not described[0].read_only, f"{described[0]}")
        expect(described[1].read_only and described[1].description, f"{described[1]}")

        self.parameter_events.clear()
        expect(self.set(Parameter("joint_states_hz", value=20.0))[0].successful, "joint_states_hz was not set")
        expect(self.value("joint_states_hz") == 20.0, "joint_states_hz is not what it was set to")
        event = self.wait_for("the event", lambda: next((e for e in self.parameter_events if e.changed_parameters), None))
        expect(event.changed_parameters[0].name == "joint_states_hz" and event.node == f"/{self.name}", f"{event}")
        if not self.args.states_of_others:
            self.spin(0.3)
            self.states.clear()
            self.spin(2.0)
            rate = len(self.states) / 2.0
            expect(10 < rate < 26, f"at 20 Hz {rate} joint states came per second")
            print(f"joint_states_hz 20: {rate:.1f} per second", flush=True)

        for parameter, part in (
            (Parameter("world_frame", value="map"), "cannot change while the node runs"),
            (Parameter("autostart", value=not self.value("autostart")), "lifecycle"),
            (Parameter("joint_states_hz", value=0.0), "1 to 1000"),
            (Parameter("joint_states_hz", value=math.nan), "1 to 1000"),
            (Parameter("joint_states_hz", value="fast"), "a number"),
            (Parameter("joint_states_hz", value=[1.0, 2.0]), "a number"),
            (Parameter("no_such", value=1), "joint_states_hz"),
        ):
            result = self.set(parameter)[0]
            expect(not result.successful and part in result.reason, f"{parameter.name}={parameter.value}: {result}")
            print(f"refused: {result.reason}", flush=True)
        both = [Parameter("joint_states_hz", value=40.0), Parameter("instruction_max_chars", value=0)]
        request = SetParametersAtomically.Request(parameters=[p.to_parameter_msg() for p in both])
        result = self.call(self.atomic, request).result
        expect(not result.successful and self.value("joint_states_hz") == 20.0, f"half of a set was taken: {result}")
        both[1] = Parameter("instruction_max_chars", value=64)
        request = SetParametersAtomically.Request(parameters=[p.to_parameter_msg() for p in both])
        expect(self.call(self.atomic, request).result.successful, "a good set was refused")
        expect((self.value("joint_states_hz"), self.value("instruction_max_chars")) == (40.0, 64), "not all was set")

    # ---- what is shown

    def check_diagnostics(self):
        self.reports.clear()
        of_node = lambda: [r for r in self.reports if any(s.name.startswith(f"{self.name}: ") for s in r.status)]
        self.wait_for("three reports", lambda: len(of_node()) >= 3)
        report = of_node()[-1]
        names = {s.name.split(": ", 1)[1]: s for s in report.status}
        wanted = {"loop", "arm", "policy", "recorder", "node"} | {f"camera {c}" for c in self.args.cameras.split(",")}
        wanted |= {f"driver {each}" for each in self.args.drivers.split(",") if each}
        if self.args.fake:
            wanted |= {"driver fake"}
            driver = names.get("driver fake")
            told = driver and (driver.level, driver.message, [(v.key, v.value) for v in driver.values])
            said = (DiagnosticStatus.WARN, "3 states lost in the last second", [("lost_packets", "3")])
            expect(told == said, f"the driver says {told}, expected {said}")
        expect(set(names) == wanted, f"diagnostics of {set(names)}, expected {wanted}")
        for status in report.status:
            values = {v.key: v.value for v in status.values}
            # A driver also says yes, no, and words of its own.
            is_driver = ": driver " in status.name
            for key, value in values.items():
                if is_driver and not value[:1].isdigit():
                    expect(value.lower() not in ("", "nan", "inf", "-inf"), f"{status.name}: {key} is {value!r}")
                elif key not in ("mode", "fault", "state", "last_refusal") and not key.startswith("left_out_"):
                    expect(math.isfinite(float(value)), f"{status.name}: {key} is {value}")
            expect(status.hardware_id and status.message, f"{status}")
        loop = {v.key: float(v.value) for v in names["loop"].values}
        expect(loop["ticks"] > 0 and loop["wake_p50_us"] <= loop["wake_p99_us"] <= loop["wake_p999_us"], f"{loop}")
        cameras = [s for name, s in names.items() if name.startswith("camera ")]
        expect(all(float(v.value) > 0 for s in cameras for v in s.values if v.key == "rate_hz"), f"{cameras}")
        stamps = [r.header.stamp.sec + 1e-9 * r.header.stamp.nanosec for r in of_node()]
        expect(all(0.5 < b - a < 3.0 for a, b in zip(stamps, stamps[1:])), f"reports came at {stamps}")
        for status in report.status:
            level = {b"\0": "ok", b"\1": "WARN", b"\2": "ERROR"}[status.level]
            print(f"{level:5} {status.name}: {status.message}", flush=True)

    def late(self, kind, topic):
        """The message that was kept for who comes late."""
        got = []
        subscription = self.node.create_subscription(kind, topic, got.append, LATCHED)
        self.wait_for(f"{topic} for a late comer", lambda: got)
        self.node.destroy_subscription(subscription)
        return got[0]

    def check_shown(self):
        description = self.late(String, "robot_description").data
        expect("<robot" in description and "filename=\"meshes" not in description, "robot_description")
        markers = self.late(MarkerArray, "markers").markers
        kinds = {m.ns for m in markers if m.action == Marker.ADD}
        expect("walls" in kinds, f"markers {kinds}")
        expect(all(m.header.frame_id == "world" for m in markers), "a marker in another frame")
        if self.args.fake:
            expect(kinds == {"walls", "keyframe", "path", "gaze"}, f"markers {kinds}")
        print(f"robot_description: {len(description)} characters; markers: {', '.join(sorted(kinds))}", flush=True)

    def run(self):
        self.lifecycle()
        if self.args.stop:
            self.stopped()
        self.check_parameters()
        self.check_diagnostics()
        self.check_shown()
        if self.args.flood:
            self.flood()
        self.go("shutdown", "finalized", id=Transition.TRANSITION_ACTIVE_SHUTDOWN)
        self.refuse("finalized", "configure", "activate", "shutdown")
        expect(not self.call(self.ways).available_transitions, "a way leads out of finalized")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", default="neuraxis", help="name of the node, /namespace/name (default: %(default)s)")
    parser.add_argument("--cameras", default="front", help="cameras, comma-separated (default: %(default)s)")
    parser.add_argument("--joint-states-hz", type=float, default=100.0, help="as it was started (default: %(default)s)")
    parser.add_argument("--expect-inactive", action="store_true", help="it was started with autostart:=false")
    parser.add_argument("--fake", action="store_true", help="it is the example fake_loop, which shows everything")
    parser.add_argument("--drivers", default="", help="drivers whose health is told, comma-separated")
    parser.add_argument("--states-of-others", action="store_true", help="the joint states are a driver's")
    parser.add_argument("--say", default="", metavar="SENTENCE", help="the arm waits for an instruction: this one")
    parser.add_argument("--stop", action="store_true", help="call ~/stop and ~/reset, too")
    parser.add_argument("--flood", type=int, default=1000, help="requests at once (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=90.0, help="for all of it [s] (default: %(default)s)")
    args = parser.parse_args()
    # Should the middleware itself hang, the process ends with the stack of every thread.
    faulthandler.dump_traceback_later(args.timeout + 15, exit=True)
    rclpy.init(args=[])
    keeper = Keeper(args)
    try:
        keeper.run()
    except Failure as failure:
        print(f"FAILED: {failure}", flush=True)
        return 1
    finally:
        keeper.node.destroy_node()
        rclpy.shutdown()
    print("OK: the node was looked after, and is shut down", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
