import re
from pathlib import Path

import pytest
import torch

from aepose.analysis import environment
from aepose.analysis.environment import NEWEST_TESTED, check_environment

ROOT = Path(__file__).parents[2]


def levels(found):
    return {finding.level for finding in found}


def test_this_machine():
    found = check_environment()
    assert f"torch {torch.__version__.partition('+')[0]}" in found[0].text
    assert any("decoding" in finding.text for finding in found)
    assert any("weights are kept in" in finding.text for finding in found)


def test_every_package_has_a_newest_version():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = {re.match(r"[\w-]+", line).group() for line in lines if not line.startswith("#")}
    assert names | {"python"} == set(NEWEST_TESTED)


@pytest.mark.parametrize(("needed", "here", "level", "said"), [
    (["a>=1.2,<3"], {"a": "1.2.0"}, "ok", "a 1.2.0"),
    (["a>=1.2,<3"], {"a": "1.1"}, "error", "a 1.1 is older than 1.2"),
    (["a>=1.10"], {"a": "1.9"}, "error", "a 1.9 is older than 1.10"),
    (["a>=1.2"], {"a": "2.1rc1"}, "note", "a 2.1rc1 is newer than what is tested (1.2 to 2.0)"),
    (["a<3,>=1.2"], {"a": "1.1"}, "error", "a 1.1 is older than 1.2"),
    (["a>=1.2"], {}, "error", "a is not installed"),
    (["a>=1.2; extra == 'test'"], {}, "ok", "aepose"),
    (None, {}, "note", "aepose is not installed"),
])
def test_versions(monkeypatch, needed, here, level, said):
    def version(name):
        if name not in here:
            raise environment.PackageNotFoundError(name)
        return here[name]

    def requires(name):
        if needed is None:
            raise environment.PackageNotFoundError(name)
        return needed

    monkeypatch.setattr(environment, "version", version)
    monkeypatch.setattr(environment, "requires", requires)
    monkeypatch.setattr(environment.platform, "python_version", lambda: "3.11.7")
    monkeypatch.setitem(NEWEST_TESTED, "a", "2.0")
    found = [finding for finding in environment._versions() if finding.level == level]
    assert said in found[0].text


@pytest.mark.parametrize(("driver", "cuda", "level", "said"), [
    (False, None, "note", "no GPU that PyTorch can use"),
    (True, None, "warning", "built without CUDA"),
    (True, "12.8", "warning", "needs a driver for CUDA 12.8"),
])
def test_no_gpu(monkeypatch, driver, cuda, level, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(environment.shutil, "which", lambda name: "x" if driver else None)
    monkeypatch.setattr(environment.Path, "exists", lambda path: False)
    [found] = environment._device()
    assert found.level == level
    assert said in found.text


def test_a_gpu_that_others_use(monkeypatch):
    for name, value in (("is_available", True), ("device_count", 1), ("is_bf16_supported", True),
                        ("get_device_name", "H100"), ("mem_get_info", (2**30, 80 * 2**30))):
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    [found] = environment._device()
    assert found.level == "warning"
    assert "GPU 0: H100, 1 of 80 GiB free, --amp in bfloat16" in found.text


def test_little_room(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    usage = environment.shutil.disk_usage("/")
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: usage._replace(free=10**7))
    assert environment._disk().level == "warning"
    if Path("/dev/shm").is_dir():
        assert "has 10 MB free" in environment._shared_memory()[0].text


def test_a_cache_that_cannot_be(monkeypatch, tmp_path):
    monkeypatch.setenv("AEPOSE_HOME", "~nobody-of-that-name/x")
    assert environment._cache().level == "warning"
    monkeypatch.setenv("AEPOSE_HOME", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "a.pth").write_bytes(b"12")
    assert "1 file, 0.0 GB" in environment._cache().text
