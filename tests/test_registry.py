import pytest
from mmengine.registry import Registry

from aepose.errors import ConfigError, nearest
from aepose.registry import MODELS, accepted_arguments, build, check_arguments, find

PARENT = Registry("parent thing")
THINGS = Registry("thing", parent=PARENT, scope="tests")


@PARENT.register_module()
class Inherited:
    def __init__(self, size):
        self.size = size


@THINGS.register_module()
class Plain:
    def __init__(self, size, metainfo=None, colour="red"):
        self.size, self.metainfo, self.colour = size, metainfo, colour


@THINGS.register_module()
class HandsOn(Plain):
    def __init__(self, depth=1, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth


@THINGS.register_module()
class TakesAny:
    def __init__(self, **kwargs):
        self.options = kwargs


@THINGS.register_module()
class Breaks:
    def __init__(self, error):
        raise error


@pytest.mark.parametrize(("cls", "expected"), [
    (Plain, {"size", "metainfo", "colour"}),
    (HandsOn, {"depth", "size", "metainfo", "colour"}),
    (TakesAny, None),
    (len, {"obj"}),
])
def test_accepted_arguments(cls, expected):
    assert accepted_arguments(cls) == expected


def test_check_arguments():
    check_arguments(Plain, ["size", "colour"], "a.b")
    check_arguments(TakesAny, ["anything"], "a.b")
    with pytest.raises(ConfigError, match=r"^a\.b\.color: Plain has no such option; did.*'colour'"):
        check_arguments(Plain, ["color"], "a.b")


@pytest.mark.parametrize(("cfg", "context", "expected"), [
    ({"type": "Plain", "size": 3}, {}, {"size": 3, "metainfo": None, "colour": "red"}),
    ({"type": "Plain", "size": 3}, {"metainfo": "m", "unused": 1}, {"size": 3, "metainfo": "m"}),
    ({"type": "Plain", "size": 3}, {"size": 4}, {"size": 3}),
    ({"type": "Plain"}, {"size": 4}, {"size": 4}),
    ({"type": "HandsOn", "size": 3, "depth": 2}, {}, {"size": 3, "depth": 2}),
    ({"type": "TakesAny", "x": 1}, {"y": 2}, {"options": {"x": 1}}),
    ({"type": "Inherited", "size": 5}, {}, {"size": 5}),
])
def test_build(cfg, context, expected):
    before = dict(cfg)
    built = build(THINGS, cfg, "a.b", **context)
    assert type(built).__name__ == cfg["type"]
    assert {name: getattr(built, name) for name in expected} == expected
    assert cfg == before


@pytest.mark.parametrize(("cfg", "message"), [
    ({"type": "Plane", "size": 3}, r"^a\.b\.type = 'Plane' is not a known thing; .*'Plain'"),
    ({"type": "Inherit", "size": 3}, "did you mean 'Inherited'"),
    ({"type": "Plain", "sise": 3}, r"^a\.b\.sise: Plain has no such option; .*'size'"),
    ({"type": "HandsOn", "deth": 3}, r"^a\.b\.deth: HandsOn .*'depth'"),
    ({"type": "Plain"}, r"^a\.b: Plain needs size"),
    ({"size": 3}, r"^a\.b: 'type' is missing; give the name of a thing"),
    ({"type": "Breaks", "error": ValueError("too big")}, r"^a\.b \(Breaks\) .*options: too big$"),
    ({"type": "Breaks", "error": MemoryError()}, r"^a\.b \(Breaks\) .*options: MemoryError$"),
])
def test_build_errors(cfg, message):
    with pytest.raises(ConfigError, match=message):
        build(THINGS, cfg, "a.b")


def test_place_defaults_to_the_registry_and_unknown_parts_list_the_choices():
    with pytest.raises(ConfigError, match=r"^model: 'type' is missing"):
        build(MODELS, {})
    with pytest.raises(ConfigError, match="; known: Breaks, HandsOn, Inherited, Plain, TakesAny"):
        find(THINGS, "xyz", "a")


@pytest.mark.parametrize(("name", "known", "expected"), [
    ("widht", ["width", "depth"], "; did you mean 'width'?"),
    ("xyz", ["width", "depth"], "; known: depth, width"),
    ("xyz", [], ""),
    ("xyz", [f"{i:02}" for i in range(13)], "; known: " + ", ".join(
        f"{i:02}" for i in range(12)) + ", …"),
])
def test_nearest(name, known, expected):
    assert nearest(name, known) == expected
