"""The wire of Neuraxis (crates/bridge) for simulators that speak Python: frames, observations, and a server of them.

A frame is `u32le total | u32le header_len | JSON header | blobs`, the blobs in the order of header.arrays =
[[name, numpy.dtype.str, shape]...]; total counts what follows it. Needs Python 3.8 or newer and NumPy.

A back-end has `about` (what it is, with versions), `can_step`, tasks(), reset(task, variation, seed, episode),
step(action) and close(); what it will not do it says by raising Refusal.
"""
import json
import re
import socket
import struct
import sys
import time

import numpy as np

VERSION = 1
ACTION_LEN = 9
CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist", "overhead")
VECTORS = ("joint_positions", "joint_velocities", "joint_forces", "gripper_pose", "gripper_joint_positions",
           "gripper_touch_forces", "task_low_dim_state")
DTYPES = ("|u1", "<f4", "<f8")
MOST_REQUEST, MOST_REPLY, MOST_HEADER = 64 << 10, 96 << 20, 256 << 10
# How long a client may take for a whole frame, before it says hello, and between two requests.
FRAME_SECS, HELLO_SECS, IDLE_SECS = 20.0, 20.0, 1800.0


# ---------------------------------------------------------------- frames


class FrameError(Exception):
    """Bytes that are no frame, or a connection that breaks off inside one."""


def encode(header, arrays=()):
    """All bytes of a frame; `arrays` are pairs of name and array."""
    arrays = [(name, np.ascontiguousarray(array)) for name, array in arrays]
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays]
    for name, dtype, _ in listed:
        if dtype not in DTYPES:
            raise FrameError("array %s has dtype %s, allowed: %s" % (name, dtype, ", ".join(DTYPES)))
    fields = dict(header, arrays=listed)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    blobs = b"".join(array.tobytes() for _, array in arrays)
    total = 4 + len(text) + len(blobs)
    if total > MOST_REPLY or len(text) > MOST_HEADER:
        raise FrameError("a frame of %d bytes, allowed: %d at most" % (total, MOST_REPLY))
    return struct.pack("<II", total, len(text)) + text + blobs


def lengths(prefix, most):
    """Bytes of header and blobs from the first eight bytes."""
    total, header = struct.unpack("<II", prefix)
    if total > most or header > MOST_HEADER:
        raise FrameError("a frame of %d bytes with a header of %d, allowed: %d and %d" % (total, header, most, MOST_HEADER))
    if header + 4 > total:
        raise FrameError("a header of %d bytes does not fit into a frame of %d" % (header, total))
    return header, total - 4 - header


def decode(bytes_, most=MOST_REPLY):
    """Header without `arrays`, and arrays by name, of exactly one frame."""
    if len(bytes_) < 8:
        raise FrameError("%d bytes are no frame" % len(bytes_))
    header, blobs = lengths(bytes_[:8], most)
    if len(bytes_) != 8 + header + blobs:
        raise FrameError("%d bytes, by its length it has %d" % (len(bytes_), 8 + header + blobs))
    return unpack(bytes_[8:8 + header], bytes_[8 + header:])


def no_number(name):
    """NaN and infinities, which Python would read, are no JSON."""
    raise ValueError("%s is no number" % name)


def unpack(text, blobs):
    """Header and arrays from their bytes."""
    try:
        fields = json.loads(text.decode(), parse_constant=no_number)
        listed = fields.pop("arrays")
        arrays, at = {}, 0
        for name, dtype, shape in listed:
            if dtype not in DTYPES or name in arrays or any(type(n) is not int or n < 0 for n in shape):
                raise FrameError("array %r has dtype %r and shape %r" % (name, dtype, shape))
            size = int(np.dtype(dtype).itemsize)
            for n in shape:
                size *= n
            if size > len(blobs) - at:
                raise FrameError("array %s of %d bytes, the frame has %d left" % (name, size, len(blobs) - at))
            arrays[name] = np.frombuffer(blobs, dtype, size // np.dtype(dtype).itemsize, at).reshape(shape)
            at += size
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError("its header is none: %s" % error)
    if at != len(blobs):
        raise FrameError("its arrays have %d bytes, the frame has %d for them" % (at, len(blobs)))
    return fields, arrays


def read_exactly(sock, count, until):
    """`count` bytes before the time `until`, however slowly they drip."""
    parts, got = [], 0
    while got < count:
        left = until - time.monotonic()
        if left <= 0:
            raise FrameError("the other end hangs: %d of %d bytes came" % (got, count))
        sock.settimeout(left)
        try:
            part = sock.recv(min(count - got, 1 << 16))
        except socket.timeout:
            continue
        if not part:
            raise FrameError("the connection broke off: %d of %d bytes came" % (got, count))
        parts.append(part)
        got += len(part)
    return b"".join(parts)


def receive(sock, patience_secs):
    """The header of the next request; None if the client has gone."""
    sock.settimeout(patience_secs)
    first = sock.recv(1)
    if not first:
        return None
    until = time.monotonic() + FRAME_SECS
    header, blobs = lengths(first + read_exactly(sock, 7, until), MOST_REQUEST)
    fields, arrays = unpack(read_exactly(sock, header, until), read_exactly(sock, blobs, until))
    if arrays:
        raise FrameError("requests have no arrays")
    return fields


# ---------------------------------------------------------------- observations


class Refusal(Exception):
    """What a client asked for and does not get; the connection stays."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class View:
    """One camera's image: `rgb` (height, width, 3), `depth_m` (height, width) along the optical axis, top row first; `K`
    with negative focal lengths and `world_from_camera` (4, 4) of a camera frame x left, y up, z forward."""

    def __init__(self, rgb, depth_m, K, world_from_camera, near, far):
        self.rgb = np.asarray(rgb, np.uint8)
        self.depth_m = np.nan_to_num(np.asarray(depth_m, "<f4"), nan=0.0, posinf=0.0, neginf=0.0)
        self.calibration = {
            "K": np.asarray(K, float).reshape(3, 3).tolist(),
            "T_world_cam": np.asarray(world_from_camera, float).reshape(4, 4).tolist(),
            "near": float(near),
            "far": float(far),
        }


def observation(descriptions, views, vectors, gripper_open, reward=0.0, done=False, error=None, ignore_collisions=None,
                secs=None):
    """Header and arrays of the answer to reset and step: `views` by camera, `vectors` by the names of VECTORS."""
    arrays = []
    for camera, view in views.items():
        arrays += [(camera + "_rgb", view.rgb), (camera + "_depth_m", view.depth_m)]
    for name in VECTORS:
        if vectors.get(name) is not None:
            arrays.append((name, np.asarray(vectors[name], "<f8").reshape(-1)))
    header = {
        "kind": "obs", "descriptions": [str(text) for text in descriptions], "reward": float(reward), "done": bool(done),
        "error": error, "gripper_open": float(gripper_open),
        "ignore_collisions": None if ignore_collisions is None else bool(ignore_collisions),
        "cal": {camera: view.calibration for camera, view in views.items()},
    }
    if secs is not None:
        header["secs"] = float(secs)
    return header, arrays


# ---------------------------------------------------------------- the server


def whole(request, field, default=None):
    """A whole number from 0, or what stands for its absence."""
    value = request.get(field)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise Refusal("bad_request", "header.%s is %r, allowed: a whole number from 0" % (field, value))
    return value


def answer(backend, request):
    """Header and arrays of the answer to a request after hello."""
    op = request.get("op")
    if op == "list_tasks":
        return {"kind": "tasks", "tasks": backend.tasks()}, ()
    if op == "reset":
        task = request.get("task")
        if not isinstance(task, str) or not re.match(r"\w+\Z", task):
            raise Refusal("bad_request", "header.task is %r, allowed: a name" % (task,))
        seed, episode = whole(request, "seed"), whole(request, "episode")
        if (seed is None) == (episode is None):
            raise Refusal("bad_request", "a reset has either seed or episode")
        return backend.reset(task, whole(request, "variation"), seed, episode)
    if op == "step":
        action = request.get("action")
        numbers, most = (int, float), sys.float_info.max
        if not (isinstance(action, list) and len(action) == ACTION_LEN
                and all(type(x) in numbers and abs(x) <= most for x in action)):
            raise Refusal("bad_request", "header.action is %r, allowed: nine finite numbers" % (action,))
        return backend.step([float(x) for x in action])
    raise Refusal("bad_request", "header.op is %r, allowed: hello, list_tasks, reset, step, close" % (op,))


def attend(sock, backend):
    """One client, from its coming to its going."""
    def send(header, arrays=()):
        frame = encode(header, arrays)
        sock.settimeout(FRAME_SECS)
        sock.sendall(frame)

    def refuse(code, message):
        send({"kind": "error", "code": code, "message": message})

    is_known = False
    while True:
        try:
            request = receive(sock, IDLE_SECS if is_known else HELLO_SECS)
        except FrameError as error:
            refuse("bad_request", str(error))
            hang_up(sock)
            raise
        if request is None:
            return
        if request.get("op") == "close":
            return send({"kind": "closed"})
        if request.get("op") == "hello":
            if request.get("version") != VERSION:
                return refuse("version", "version %r asked for, this server speaks %d" % (request.get("version"), VERSION))
            is_known = True
            send({"kind": "hello", "version": VERSION, "about": backend.about, "can_step": backend.can_step})
            continue
        if not is_known:
            refuse("bad_request", "hello comes first")
            return hang_up(sock)
        try:
            send(*answer(backend, request))
        except Refusal as refusal:
            refuse(refusal.code, str(refusal))
        except OSError:
            raise
        except Exception as error:  # A simulator's own failure is the client's to know, and no reason to leave.
            refuse("internal", "%s: %s" % (type(error).__name__, error))


def hang_up(sock):
    """Ends a connection so that what was sent last arrives: closed over unread bytes it would be reset."""
    sock.shutdown(socket.SHUT_WR)
    until, room = time.monotonic() + 0.5, 1 << 20
    while room > 0 and time.monotonic() < until:
        sock.settimeout(max(until - time.monotonic(), 0.001))
        try:
            scrap = sock.recv(1 << 16)
        except OSError:
            return
        if not scrap:
            return
        room -= len(scrap)


def add_address(parser):
    """Where to listen, as arguments of a program."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=5005, help="0: any that is free (default: 5005)")


def serve(backend, host, port):
    """Clients one after the other, until it is interrupted."""
    with socket.create_server((host, port)) as listener:
        print("%s: listening on %s:%d" % ((backend.about,) + listener.getsockname()[:2]), flush=True)
        try:
            while True:
                sock, address = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with sock:
                    try:
                        attend(sock, backend)
                    except (OSError, FrameError) as error:
                        print("%s:%d: %s" % (address[0], address[1], error), file=sys.stderr, flush=True)
                backend.close()
        except KeyboardInterrupt:
            backend.close()


# ---------------------------------------------------------------- a client


class Client:
    """The other end, for scripts: says hello when it is made. A refusal raises Refusal, and the connection stays."""

    def __init__(self, host, port):
        self.sock = socket.create_connection((host, port), 5.0)
        self.hello, _ = self.ask(op="hello", version=VERSION)

    def ask(self, **request):
        """Header and arrays of the answer; a reset or a step may take minutes."""
        self.sock.sendall(encode(request))
        self.sock.settimeout(300.0)
        first = self.sock.recv(1)
        if not first:
            raise FrameError("the server closed the connection before it answered")
        until = time.monotonic() + FRAME_SECS
        header, blobs = lengths(first + read_exactly(self.sock, 7, until), MOST_REPLY)
        fields, arrays = unpack(read_exactly(self.sock, header, until), read_exactly(self.sock, blobs, until))
        if fields.get("kind") == "error":
            raise Refusal(fields["code"], fields["message"])
        return fields, arrays

    def close(self):
        """Says goodbye."""
        try:
            self.ask(op="close")
        finally:
            self.sock.close()
