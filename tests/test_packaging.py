"""Source distribution and wheel hold what those need who have nothing else."""

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec

import pytest

from aepose.version import __version__
from tests.golden_check import ROOT
from tests.runtime.test_description import run_without_pytorch

pytestmark = pytest.mark.slow
# What building adds, and a checkout has not.
ADDED = ("PKG-INFO", "setup.cfg", "aepose.egg-info/")
USES = """
import os
from pathlib import Path

import aepose
from aepose.commands.app import call
from aepose.commands.scripts import FOLDER
from aepose.experiment import Experiment
from aepose.release.reproduce import rows_of_file

package = Path(aepose.__file__).parent
assert package.parent == Path("installed").resolve(), package
assert aepose.load_model().metainfo.num_keypoints == 17
assert sum(bool(Experiment.load(model.name).backbone) for model in aepose.list_models()) == 44
assert [row.name for row in rows_of_file(package / "configs/toy/reproduce.json")]
for name in ("torchrun.sh", "dist_train.sh", "dist_test.sh", "slurm_train.sh"):
    assert os.access(FOLDER / name, os.X_OK), name
call(["new", "mine", "--keypoints", "nose, tail"])
assert Experiment.load("mine/config.py").metainfo.num_keypoints == 2
call(["toy", "--out", "drawn", "--train", "2", "--val", "2"])
assert call(["doctor", "hrnet_w16_toy_256x256", "--cfg-options", "data_root=drawn"]) == 0
"""


def run(*command, cwd, **environment):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": "", **environment})
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def tracked():
    """The files under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout")
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    """A folder with a checkout, its source distribution, and a wheel that was built from that."""
    if find_spec("build") is None:
        pytest.skip("the package 'build' is not installed: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("packaging")
    for name in tracked:
        target = folder / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, folder / "checkout",
        cwd=folder)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def unpacked(built):
    return next(path.parent for path in built.glob("*/PKG-INFO"))


def test_source_distribution_holds_all_files(unpacked, tracked):
    files = (path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file())
    assert {name for file in files if not (name := file.as_posix()).startswith(ADDED)} == tracked


def test_an_installed_wheel_works_alone(built):
    pip = sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"
    run(*pip, "--no-deps", "--no-index", "--target", built / "installed",
        next(built.glob("*.whl")), cwd=built)
    code = f"import sys; sys.path.insert(0, 'installed')\n{USES}"
    run(sys.executable, "-c", code, cwd=built)
    listed = run(sys.executable, built / "installed" / "bin" / "aepose", "zoo", "list", cwd=built,
                 PYTHONPATH=str(built / "installed"))
    assert "higherhrnet_w32_coco_512x512" in listed


def test_the_runtime_is_the_same_package_without_pytorch(built, tmp_path):
    installed = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
        "--no-deps", "--no-index", "--no-build-isolation", "--target", installed,
        built / "checkout" / "runtime", cwd=tmp_path)
    assert str(installed) in run_without_pytorch(tmp_path, installed)
    assert (installed / f"aepose_runtime-{__version__}.dist-info").is_dir()
    assert not (installed / "aepose" / "assets").exists()
