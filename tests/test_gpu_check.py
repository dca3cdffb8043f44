"""The parts of ``make gpu-check`` run and end, whatever they do."""

import time

import pytest

from benchmarks import gpu_check

HELD = "import sys; print('ready', flush=True); sys.stdin.read(); print('gone on')"
DEAF = ("import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('here', "
        "flush=True); time.sleep(60)")


def part(code, limit=20.0, shown=1):
    return gpu_check.Part(code[:10], ["-c", code], limit, shown=shown)


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_check, "PATIENCE", 0.5)
    return gpu_check.Check(tmp_path, tmp_path, seconds=30)


@pytest.mark.parametrize(("code", "limit", "result", "saw"), [
    ("print('fine')", 20, "ok", ["fine"]),
    ("print('| a |'); print('noise')", 20, "ok", ["| a |"]),
    ("print('seen'); raise SystemExit(3)", 20, "FAILED with status 3", ["seen"]),
    (DEAF, 1.5, "FAILED: took too long", ["here"]),
])
def test_how_a_part_ends(check, tmp_path, code, limit, result, saw):
    one, other = part(code, limit), part("print('the other')")
    check.run(one, other)
    assert (one.result, one.lines()) == (result, saw)
    assert (other.result, other.lines()) == ("ok", ["the other"])
    text = gpu_check.report(check.parts)
    assert ("1 of 2 parts failed" in text) == (result != "ok")
    assert f"==== {one.name}: {result}" in (tmp_path / "gpu_check.log").read_text()


def test_a_part_that_waits(check):
    held = check.wait_until(check.start(part(HELD)), "ready")
    time.sleep(0.1)
    assert held.process.poll() is None
    check.wait([held])
    assert check.parts[0].lines() == ["gone on"]
    assert check.wait_until(check.start(part("print('not that')")), "ready") is None


def test_no_time_left(tmp_path):
    check = gpu_check.Check(tmp_path, tmp_path, seconds=1)
    check.run(part("print('never')"))
    assert [p.result for p in check.parts] == ["not run: no time left"]
    assert "1 of 1 parts failed" in gpu_check.report(check.parts)
