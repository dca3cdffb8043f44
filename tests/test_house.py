"""Rooms of the package, from the ground up: a module imports only from its own floor or below."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "aepose"
FLOORS = (
    {"arrays", "at_fault", "errors", "files", "lazy", "tables", "malloc", "stage_clock",
     "precision", "progress", "ranges", "startup", "version"},
    {"metainfo", "registry", "structures"},
    {"drawing", "images"},
    {"results"},
    {"codecs"},
    {"runtime", "toy", "zoo"},
    {"datasets", "models", "visualization", "weights"},
    {"engine", "evaluation"},
    {"film", "labels", "migration", "rescoring"},
    {"experiment"},
    {"analysis"},
    {"apis", "project"},
    {"exporting", "release"},
    {"commands"},
    {"__main__"},
)
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}


def imports(path):
    """Modules of the package that a file imports, also inside functions, but not for types alone.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aepose."):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("aepose."))


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            yield ".".join(parts).removesuffix(".__init__"), path


def test_no_arrow_points_upward():
    upward = [f"{name} -> {used}" for name, path in modules() for used in imports(path)
              if LEVEL[used.split(".")[1]] > LEVEL[name.split(".")[0]]]
    assert not upward


def test_every_room_has_its_floor():
    assert {name.split(".")[0] for name, _ in modules()} == set(LEVEL)


def test_no_circle():
    graph = {f"aepose.{name}": set(imports(path)) for name, path in modules()}
    done, open_ = set(), []

    def visit(name):
        assert name not in open_, " -> ".join([*open_[open_.index(name):], name])
        if name in done or name not in graph:
            return
        open_.append(name)
        # A package's own __init__ hands on what its modules define.
        for used in graph[name]:
            visit(used)
        open_.pop()
        done.add(name)

    for name in graph:
        visit(name)
