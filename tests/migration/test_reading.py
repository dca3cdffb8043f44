"""Old configs are read without being run."""

import pytest

from aepose.errors import ConfigError
from aepose.migration import is_old_config, read_plainly
from tests.golden_check import ROOT
from tests.migration.old_files import CHILD, published, write_cat


def read(folder, text, **bases):
    for name, content in bases.items():
        (folder / f"{name}.py").write_text(content)
    path = folder / "config.py"
    path.write_text(text)
    return read_plainly(path)


@pytest.mark.parametrize(("text", "expected"), [
    ("'''About.'''\na = 1\nb = c = -2.5", {"a": 1, "b": -2.5, "c": -2.5}),
    ("a = (1, [True, None])", {"a": [1, [True, None]]}),
    ("a = dict(b=1, c={'d': 2, 3: 4})", {"a": {"b": 1, "c": {"d": 2, 3: 4}}}),
    ("a = dict(b=1)\nc = dict(d=2, **a)\ne = {**c, 'b': 3}",
     {"a": {"b": 1}, "c": {"d": 2, "b": 1}, "e": {"d": 2, "b": 3}}),
    ("a = 'x'\nb = f'{a}/y{1}'\nc = [b][0]\nd = dict(e=a)['e']",
     {"a": "x", "b": "x/y1", "c": "x/y1", "d": "x"}),
    ("a = '{{ fileBasename }}'\n__b__ = 1", {"a": "config.py"}),
    ("a = b = dict(c=1)\na = 2", {"a": 2, "b": {"c": 1}}),
])
def test_what_is_read(tmp_path, text, expected):
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("a = dict(x=3)", {"a": {"x": 3, "y": [2]}, "b": 5}),
    ("a = dict(y=[7])", {"a": {"x": 1, "y": [7]}, "b": 5}),
    ("a = dict(_delete_=True, z=dict(_delete_=True, t=1))", {"a": {"z": {"t": 1}}, "b": 5}),
    ("b = dict(_delete_=True, c=1)", {"a": {"x": 1, "y": [2]}, "b": {"c": 1}}),
    ("c = {{_base_.a.y}}\nd = '{{ _base_.b }}'\ne = 'n{{_base_.b}}'",
     {"a": {"x": 1, "y": [2]}, "b": 5, "c": [2], "d": 5, "e": "n5"}),
])
def test_bases(tmp_path, text, expected):
    assert read(tmp_path, f"_base_ = ['one.py', './two.py']\n{text}",
                one="a = dict(x=1, y=[2])", two="b = 5") == expected


@pytest.mark.parametrize(("text", "said"), [
    ("import os", "line 1: it imports (import os); an old config is read without running it: "),
    ("a = 1\nfrom x import y", "line 2: it imports (from x import y); "),
    ("a = 1\n\nb = open('f')", "line 3: it calls open (open('f')); "),
    ("print(1)", "it calls print"), ("a = 'x'.join([])", "it calls 'x'.join"),
    ("a = dict(x=__import__('os'))", "it calls __import__"), ("a = dict([(1, 2)])", "calls dict"),
    ("dict = 1\na = dict(x=1)", "it calls dict"),
    ("a = 1 + 1", "it computes (1 + 1); "), ("a = [0] * 10**9", "it computes"),
    ("a = [x for x in 'ab']", "it computes"), ("a = lambda: 1", "it defines code"),
    ("def f(): pass", "it defines code"), ("if True: a = 1", "it computes"),
    ("a = not 1", "it computes"), ("a = 1 if 1 else 2", "it computes"), ("a = b.c", "it computes"),
    ("a = {1, 2}", "it has the set {1, 2}"), ("a = {{b}}", "it has the set"),
    ("a += 1", "it computes"), ("a = dict()\na['b'] = 1", "it changes a part of something"),
    ("a, b = 1, 2", "it changes a part"), ("a = b", "it uses 'b', which is not assigned above"),
    ("a = f'{1:999999}'", "it formats a text"), ("a = [1][3]", "asks for an entry 3"),
    ("a = b'x'", "it has b'x', which no config takes"), ("a = {(1, 2): 3}", "has the key [1, 2]"),
    ("a = dict(**[1])", "it has ** before list"), ("a = {{_base_.b}}", "asks for b of its _base_"),
    ("_base_ = [3]", "_base_ = [3]: give a file"), ("_base_ = 'no.py'", "_base_ file is missing"),
    ("_base_ = 'config.py'", "is its own _base_"), ("a = (", "cannot be read"),
    ("a = '{{ fileSize }}'", "{{ fileSize }} means nothing"),
    ("_base_ = ['one.py', 'two.py']", "two _base_ files have 'a'"),
    ("_base_ = 'two.py'\na = dict(x=1)", "'a' is a dict, and 2 in its _base_"),
    ("a = " + "[" * 5000 + "]" * 5000, "config"), ("a = 1 #" + "x" * 2**20, "that is no config"),
    ("a0 = ['x']\n" + "\n".join(f"a{i + 1} = [a{i}, a{i}]" for i in range(64)), "1048576 values"),
    ("a0 = 'xx'\n" + "\n".join(f"a{i + 1} = f'{{a{i}}}{{a{i}}}'" for i in range(64)),
     "a text of endless length"),
])
def test_what_is_not(tmp_path, text, said):
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text, one="a = 1", two="a = 2")
    assert said in str(error.value)
    assert "\n" not in str(error.value)[:200]
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("name", ["hourglass_ae_coco_512x512", "hrnet_w48_mhp_512x512"])
def test_published_configs_written_out(tmp_path, name):
    old = published()[name]
    text = "".join(f"{key} = {value!r}\n" for key, value in old.items())
    assert read(tmp_path, text) == old
    assert is_old_config(tmp_path / "config.py")


def test_which_are_old(tmp_path):
    cat = write_cat(tmp_path)
    (tmp_path / "child.py").write_text("_base_ = 'cat.py'\nmodel = dict(backbone=dict(depth=101))")
    assert is_old_config(cat)
    assert is_old_config(tmp_path / "child.py")
    for ours in ROOT.glob("configs/*/*.py"):
        assert not is_old_config(ours)
    (tmp_path / "broken.py").write_text(CHILD + "(")
    assert not is_old_config(tmp_path / "broken.py")
