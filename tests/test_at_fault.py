import pytest

from aepose.at_fault import built
from aepose.errors import ConfigError, DataError


def part(size=1, inner=None, several=(), eats=None, need=0):
    if inner and inner.get("depth", 0) < 0:
        raise ValueError("no depth")
    if size < 0 or need < 0 or any(entry.get("rate") == "fast" for entry in several):
        raise ValueError
    if eats:
        eats.pop("odd", None)
        raise KeyError("odd")


@pytest.mark.parametrize(("options", "message"), [
    ({"size": -1, "need": 2}, "part.size = -1 cannot be used (part): ValueError"),
    ({"inner": {"depth": -1, "type": "x"}},
     "part.inner.depth = -1 cannot be used (part): no depth"),
    ({"several": [{"rate": 1}, {"rate": "fast", "more": 1}]},
     "part.several.1.rate = 'fast' cannot be used (part): ValueError"),
    ({"eats": {"odd": 5}},
     "part.eats.odd = 5 cannot be used (part): 'odd'"),
    ({"inner": 5 * "long " * 20},
     f"part.inner = '{5 * 'long ' * 20}"[:93] + " … cannot be used (part): 'str' object has no "
     "attribute 'get'"),
    ({"size": -1, "need": -1}, "part (part) cannot be built from these options: ValueError"),
])
def test_the_option_at_fault_is_named(options, message):
    with pytest.raises(ConfigError) as caught:
        built("part", lambda given: part(**given), options, part)
    assert str(caught.value) == message


def test_what_can_be_built():
    assert built("part", len, {"a": 1}) == 1


def test_our_own_errors_stay():
    def fail(options):
        raise DataError("as it is")

    with pytest.raises(DataError, match="as it is"):
        built("part", fail, {"a": 1})


def test_the_search_takes_no_longer_than_people_wait(monkeypatch):
    monkeypatch.setattr("aepose.at_fault._PATIENCE", -1)
    tried = []

    def fail_at_first(options):
        tried.append(options)
        if "a" in options:
            raise ValueError("slow")

    with pytest.raises(ConfigError, match=r"^part cannot be built from these options: slow$"):
        built("part", fail_at_first, {"a": 1})
    assert tried == [{"a": 1}]
