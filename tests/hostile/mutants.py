"""Changes of JSON content and of bytes, drawn by hypothesis.

A few hundred in the ordinary tests, always the same; ``AEPOSE_HOSTILE=10000`` draws so many others.
"""

import copy
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_EXAMPLES = int(os.environ.get("AEPOSE_HOSTILE", "0"))
hostile = settings(max_examples=_EXAMPLES or 150, derandomize=not _EXAMPLES, deadline=None,
                   database=None, suppress_health_check=list(HealthCheck))


def fewer(examples):
    """The same, with so many examples in the ordinary tests, for what takes longer."""
    return settings(hostile, max_examples=_EXAMPLES or examples)


ODD = st.sampled_from([
    None, True, False, -1, 0, 1, 2, 3, 0.5, 7.0, 1e30, 1e308, -1e308, 2**31, 2**63, -2**63, 10**400,
    float("nan"), float("inf"), "", "0", "1", "person", "é", "\ud800", "\0", [], {}, [[]], [None],
    [1], {"size": [48, 64], "counts": [5]}, {"size": [48, 64], "counts": "PZ2T1"},
    {"size": [100000, 100000], "counts": [10**10]}, [[0, 0, 1e8, 1e8, 0, 1e8]], [[1, 2, 3, 4]],
]) | st.integers() | st.floats() | st.text(max_size=4)


def places(content):
    """Return the paths of all values of JSON content."""
    found, waiting = [], [((), content)]
    while waiting:
        path, value = waiting.pop()
        if path:
            found.append(path)
        inside = (value.items() if isinstance(value, dict) else
                  enumerate(value) if isinstance(value, list) else ())
        waiting += [((*path, key), part) for key, part in inside]
    return sorted(found, key=repr)


@st.composite
def changed_json(draw, content):
    """The content with one to three values changed, taken away, repeated, or put elsewhere."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        where = places(content)
        if not where:
            break
        *parents, last = draw(st.sampled_from(where))
        parent = content
        for key in parents:
            parent = parent[key]
        kind = draw(st.sampled_from(["odd", "odd", "odd", "fill", "remove", "twice", "move"]))
        if kind == "remove":
            del parent[last]
        elif kind == "twice" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif kind == "fill" and isinstance(parent[last], list):
            value = draw(ODD)
            parent[last] = [copy.deepcopy(value) for _ in parent[last]]
        elif kind == "move":
            value = content
            for key in draw(st.sampled_from(where)):
                value = value[key]
            parent[last] = copy.deepcopy(value)
        else:
            parent[last] = copy.deepcopy(draw(ODD))
    return content


@st.composite
def changed_bytes(draw, content):
    """The bytes with some of them changed, cut off, taken out or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        # The header, where the size stands, more often than the rest.
        start = draw(st.integers(0, min(40, len(data) - 1)) | st.integers(0, len(data) - 1))
        length = draw(st.integers(1, 8))
        kind = draw(st.sampled_from(["change", "change", "change", "cut", "remove", "insert"]))
        if kind == "cut":
            del data[start:]
        elif kind == "remove":
            del data[start : start + length]
        elif kind == "insert":
            data[start:start] = draw(st.binary(min_size=length, max_size=length))
        else:
            data[start : start + length] = draw(st.binary(min_size=length, max_size=length))
    return bytes(data)
