#!/usr/bin/env python3
"""Tests of bridge_wire.py; run by tests/tests/the_rlbench_bridge_speaks_our_contract.rs.

    python test_bridge_wire.py
"""
import contextlib
import os
import socket
import struct
import threading
import time
import unittest
import unittest.mock

import numpy as np

import bridge_wire as wire

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "bridge", "tests", "golden")


def golden(name):
    with open(os.path.join(GOLDEN, name)) as file:
        return bytes.fromhex(file.read())


@contextlib.contextmanager
def serving(backend):
    """The address of a server of one client after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def clients():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                # A client that is sent away is the concern of the test that is that client.
                with sock, contextlib.suppress(OSError, wire.FrameError):
                    wire.attend(sock, backend)

        thread = threading.Thread(target=clients, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


class Echo:
    """A back-end that shows the action that it got."""

    about, can_step = "echo 1.0", True

    def tasks(self):
        return [{"name": "show", "variations": None}]

    def reset(self, task, variation, seed, episode):
        if task != "show":
            raise wire.Refusal("no_such_scene", "no task %r" % task)
        return self.step([float(seed if episode is None else episode)])

    def step(self, action):
        if action[0] == 13:
            raise ZeroDivisionError("thirteen")
        view = wire.View(np.zeros((2, 3, 3)), [[0.5, np.nan, np.inf]] * 2, np.eye(3), np.eye(4), 0.01, 3.5)
        vectors = {"joint_positions": np.zeros(7), "gripper_pose": np.zeros(7), "gripper_joint_positions": np.zeros(2),
                   "task_low_dim_state": action}
        return wire.observation(["show it"], {"front": view}, vectors, 1.0, secs=0.5)

    def close(self):
        pass


class Frames(unittest.TestCase):
    def test_golden_frames_are_those_of_the_rust_side(self):
        fields, arrays = wire.decode(golden("step.hex"))
        self.assertEqual(fields, {"op": "step", "action": [0.25, -0.125, 0.75, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]})
        self.assertEqual(arrays, {})
        self.assertEqual(wire.encode(fields), golden("step.hex"))

    def test_lies_about_sizes_are_refused(self):
        good = golden("obs.hex")
        for bad in (good[:-1], good + b"x", good[:5], struct.pack("<II", 2 ** 32 - 1, 2), struct.pack("<II", 10, 7),
                    good.replace(b"<f8", b"|O8", 1), good.replace(b"[1,2,3]", b"[1,2,9]", 1)):
            with self.assertRaises(wire.FrameError):
                wire.decode(bad)

    def test_mutated_frames_are_decoded_or_refused_and_nothing_else(self):
        random, good = np.random.RandomState(5), [golden("obs.hex"), golden("step.hex")]
        refused = 0
        for i in range(3000):
            bytes_ = bytearray(good[i % 2])
            for _ in range(random.randint(1, 4)):
                bytes_[random.randint(len(bytes_))] = random.randint(256)
            try:
                wire.decode(bytes(bytes_))
            except wire.FrameError:
                refused += 1
        self.assertGreater(refused, 500)
        self.assertLess(refused, 3000)


class Server(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.address = stack.enter_context(serving(Echo()))

    def client(self):
        client = wire.Client(*self.address)
        self.addCleanup(client.sock.close)
        return client

    def refused(self, client, code, said, **request):
        with self.assertRaises(wire.Refusal) as caught:
            client.ask(**request)
        self.assertEqual(caught.exception.code, code)
        self.assertIn(said, str(caught.exception))

    def raw(self, text):
        """What is answered to a header that no encoder would write."""
        client = self.client()
        client.sock.sendall(struct.pack("<II", 4 + len(text), len(text)) + text)
        reply = b""
        while True:
            part = client.sock.recv(1 << 16)
            reply += part
            if not part or (len(reply) >= 4 and len(reply) == 4 + struct.unpack("<I", reply[:4])[0]):
                return client, wire.decode(reply)[0]

    def test_it_tells_what_it_is_and_shows_what_it_sees(self):
        client = self.client()
        self.assertEqual((client.hello["about"], client.hello["can_step"], client.hello["version"]), ("echo 1.0", True, 1))
        self.assertEqual(client.ask(op="list_tasks")[0]["tasks"], [{"name": "show", "variations": None}])
        header, arrays = client.ask(op="reset", task="show", seed=4)
        self.assertEqual((header["descriptions"], header["secs"], header["error"]), (["show it"], 0.5, None))
        # What a camera cannot measure is 0 on the wire.
        self.assertEqual(arrays["front_depth_m"].tolist(), [[0.5, 0.0, 0.0]] * 2)
        action = [0.1 * i for i in range(9)]
        self.assertEqual(client.ask(op="step", action=action)[1]["task_low_dim_state"].tolist(), action)
        client.close()

    def test_misuse_is_refused_by_name_and_the_connection_stays(self):
        client = self.client()
        good = [0.0] * 9
        for action in (good[:8], good + [0.0], [], None, "nine", [good], good[:8] + [True], good[:8] + [None],
                       good[:8] + [10 ** 400]):
            self.refused(client, "bad_request", "nine finite numbers", op="step", action=action)
        for field, value in (("seed", -1), ("seed", 1.5), ("episode", "0"), ("variation", -2)):
            request = dict({"seed": 0} if field == "variation" else {}, **{field: value})
            self.refused(client, "bad_request", "header." + field, op="reset", task="show", **request)
        self.refused(client, "bad_request", "either seed or episode", op="reset", task="show")
        self.refused(client, "bad_request", "either seed or episode", op="reset", task="show", seed=0, episode=0)
        for task in (None, 3, "", "../x", "a b"):
            self.refused(client, "bad_request", "header.task", op="reset", task=task, seed=0)
        self.refused(client, "no_such_scene", "no task 'hide'", op="reset", task="hide", seed=0)
        self.refused(client, "bad_request", "header.op", op="leap")
        self.refused(client, "internal", "ZeroDivisionError: thirteen", op="step", action=[13.0] + good[1:])
        self.assertEqual(client.ask(op="step", action=good)[0]["kind"], "obs")

    def test_numbers_that_are_none_do_not_reach_the_simulator(self):
        for number, stays in ((b"NaN", False), (b"Infinity", False), (b"-Infinity", False), (b"1e999", True)):
            text = b'{"arrays":[],"op":"step","action":[' + b",".join([number] + [b"0"] * 8) + b"]}"
            client, reply = self.raw(text)
            self.assertEqual((reply["kind"], reply["code"]), ("error", "bad_request"), number)
            if stays:
                client.ask(op="step", action=[0.0] * 9)
            else:
                self.assertEqual(client.sock.recv(1), b"")

    def test_who_is_strange_is_sent_away(self):
        for bytes_ in (b"\xff" * 16, b"GET / HTTP/1.1\r\n\r\n", struct.pack("<II", 12, 8) + b"{}", b"\x01",
                       struct.pack("<II", 6, 2) + b"[]", wire.encode({"op": "hello"}, [("x", np.zeros(1))])):
            with socket.create_connection(self.address, 5) as sock:
                sock.sendall(bytes_)
                sock.shutdown(socket.SHUT_WR)
                reply = b"".join(iter(lambda: sock.recv(1 << 16), b""))
            self.assertEqual(wire.decode(reply)[0]["code"], "bad_request", bytes_)
        with socket.create_connection(self.address, 5) as sock:
            # It is let go with the first answer, without its leave: whoever has not greeted keeps others away.
            sock.sendall(wire.encode({"op": "list_tasks"}) + wire.encode({"op": "hello", "version": 1}))
            reply = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        self.assertIn("hello comes first", wire.decode(reply)[0]["message"])
        with socket.create_connection(self.address, 5) as sock:
            sock.sendall(wire.encode({"op": "hello", "version": 2}))
            reply = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        self.assertEqual(wire.decode(reply)[0]["code"], "version")
        self.client().close()

    def test_who_does_not_greet_is_soon_let_go_and_who_does_may_think(self):
        with unittest.mock.patch.object(wire, "HELLO_SECS", 0.3):
            with socket.create_connection(self.address, 5), socket.create_connection(self.address, 5) as sock:
                sock.sendall(wire.encode({"op": "hello", "version": 1}))
                self.assertEqual(len(sock.recv(4)), 4)
            client = self.client()
            time.sleep(0.6)
            self.assertEqual(client.ask(op="list_tasks")[0]["kind"], "tasks")
            client.close()


if __name__ == "__main__":
    unittest.main()
