"""Recorded conversations: how they are made, compared and written.

``python3 python/tests/transcripts.py`` records them anew into ``internal/protocol/testdata``. Each line of a file is
one frame: ``from`` is the side that sent it, ``header`` is its header, ``body`` its body in base64. What differs from
machine to machine (pids, paths, times, tracebacks) is replaced by fixed values.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fakehost import PYTHON_DIR, Host, dumps  # noqa: E402

FOLDER = os.path.join(os.path.dirname(PYTHON_DIR), "internal", "protocol", "testdata")
FLOW = os.path.join(FOLDER, "flow.py")
#: A flow that asks for a setup, and what it is told.
CONFIG_FLOW = os.path.join(FOLDER, "config_flow.py")
SETUP = {
    "config_values": {"settings": '{"times": 2}'},
    "with": [{"name": "retry", "attributes": {"times": 1}}],
}

_FIXED = {"pid": 100, "utime": 0.001, "stime": 0.001, "maxrss": 10 << 20, "runtime": "3.11.7", "sdk": "python/0.1.0"}


def settle(frame, staging):
    """A frame without what differs from run to run."""
    return json.loads(json.dumps(_settle(frame)).replace(staging, "/staging").replace(FOLDER + "/", ""))


def _settle(value):
    if isinstance(value, list):
        return [_settle(part) for part in value]
    if not isinstance(value, dict):
        return value
    settled = {}
    for key, part in value.items():
        if key == "variables":
            continue  # those of whoever runs the tests
        if key == "traceback":
            lines = part.strip().split("\n")
            part = "\n".join([lines[0], *lines[-1:]]) + "\n"
        elif key in _FIXED and not isinstance(part, dict):
            part = _FIXED[key] if not (key == "sdk" and "/" not in part) else "0.1.0"
        settled[key] = _settle(part)
    return settled


def _foreach(index):
    return [{"split": "fan", "step": "body", "var": "numbers", "count": 3, "index": index}]


def _parameters(host):
    host.parameters({"alpha": "7"})


def _linear(host):
    host.task("start", {"alpha": 7})


def _ahead(host):
    host.ahead = True
    host.task("body", {"greeting": "hello 7"}, stack=_foreach(2), item=dumps(3), retries=1)


def _foreach_split_and_body(host):
    split = host.task("fan", {"numbers": [1, 2]})
    host.task("body", {"greeting": "hello 7"}, stack=_foreach(2), item=split.items[2], retries=1)


def _join(host):
    host.join("join", [{"square": square, "greeting": "hello 7"} for square in (1, 4, 900)])


def _failure(host):
    host.task("fail", retries=1)


#: The conversations by name: what the host does in each.
CONVERSATIONS = {
    "hello": lambda host: None,
    "definition": lambda host: None,
    "parameters": _parameters,
    "linear": _linear,
    "ahead": _ahead,
    "foreach": _foreach_split_and_body,
    "join": _join,
    "failure": _failure,
    "setup": lambda host: None,
}


def record(name):
    """Hold a conversation; return its frames."""
    frames = []
    with Host(CONFIG_FLOW if name == "setup" else FLOW, record=frames, setup=SETUP) as host:
        start = len(frames)
        CONVERSATIONS[name](host)
        staging = host.staging
    if name == "hello":
        frames = [frames[0], frames[-1]]  # and stop
    elif name == "definition":
        frames = frames[:2]
    elif name == "setup":
        frames = frames[:3]
    else:
        frames = frames[start:-1]
        # Both sockets are recorded; "forked" may come at any time, so it stands where it is expected.
        forked = [frame for frame in frames if frame["header"]["type"] == "forked"]
        rest = [frame for frame in frames if frame["header"]["type"] != "forked"]
        frames = []
        for frame in rest:
            frames.append(frame)
            if frame["header"]["type"] == "fork":
                frames.append(forked.pop(0))
    return [settle(frame, staging) for frame in frames]


def path(name):
    """The file of a conversation."""
    return os.path.join(FOLDER, name + ".jsonl")


def load(name):
    """The frames of a recorded conversation."""
    with open(path(name)) as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    for name in CONVERSATIONS:
        with open(path(name), "w") as file:
            for frame in record(name):
                file.write(json.dumps(frame) + "\n")
