"""A training whose disk is really full: while it saves a checkpoint, and from its start on."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from aepose.apis.train import train
from tests.engine.runs import NO_VALIDATION, differing, one_thread, weights
from tests.golden_check import ROOT

EPOCHS = 4
OPTIONS = (*NO_VALIDATION, f"train_cfg.max_epochs={EPOCHS}",
           "default_hooks.checkpoint.max_keep_ckpts=-1", "default_hooks.checkpoint.save_best=None")
# DISK has room for two checkpoints and a half. What each training says goes to OUT.
SCRIPT = """
set -u
mount -t tmpfs -o size="$SIZE" none "$DISK" || exit 100
attempt() {
    name=$1; shift
    TRAIN "$@" > /dev/null 2> "$OUT/$name.err"
    echo $? > "$OUT/$name.status"
}
attempt saving
mkdir "$OUT/saving"
cp -P "$DISK"/*.pth "$OUT/saving"
cat /dev/zero > "$DISK/filler" 2> /dev/null
attempt starting --resume
rm "$DISK/filler"
mount -o remount,size=64m "$DISK"
attempt room --resume
mkdir "$OUT/room"
cp -P "$DISK"/*.pth "$OUT/room"
"""


def in_namespace(script, **variables):
    """Run a shell script where mounting is allowed and nobody else sees what is mounted."""
    if shutil.which("unshare") is None:
        pytest.skip("needs the command unshare")
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "OMP_NUM_THREADS": "1",
             **variables})


@pytest.fixture(scope="module")
def story(tiny_config, tmp_path_factory):
    """Folders of an undisturbed training, of the full disk, and of what was seen on it."""
    whole, disk, out = (tmp_path_factory.mktemp(name) for name in ("whole", "disk", "out"))
    tried = in_namespace('mount -t tmpfs -o size=1m none "$DISK"', DISK=str(disk))
    if tried.returncode:
        pytest.skip(f"mounting a file system is not permitted: {tried.stderr.strip()}")
    cfg = tiny_config("full", OPTIONS)
    with one_thread():
        train(cfg, whole)
    size = (whole / "epoch_1.pth").stat().st_size * 5 // 2
    command = shlex.join([sys.executable, "tools/train.py", cfg.file, "--work-dir", str(disk)])
    options = shlex.join(["--cfg-options", *OPTIONS])
    script = SCRIPT.replace('TRAIN "$@"', f'{command} "$@" {options}')
    run = in_namespace(script, DISK=str(disk), OUT=str(out), SIZE=str(size))
    assert not run.returncode, run.stderr
    return SimpleNamespace(whole=whole, disk=disk, out=out)


@pytest.mark.slow
@pytest.mark.parametrize(("attempt", "status", "message"), [
    ("saving", 2, r"cannot write epoch_3\.pth to {disk}: No space left on device \(\d MiB free\); "
                  r"files written before are whole; make room and go on with train --resume"),
    ("starting", 2, r"cannot write to {disk}.*: No space left on device; make room, or .*{disk}.*; "
                    r"checkpoints written before are whole; go on with train --resume"),
    ("room", 0, None),
])
def test_what_the_user_is_told(story, attempt, status, message):
    said = (story.out / f"{attempt}.err").read_text()
    assert int((story.out / f"{attempt}.status").read_text()) == status, said
    if message:
        assert re.search(f"^error: {message.format(disk=story.disk)}$", said, re.MULTILINE), said


@pytest.mark.slow
@pytest.mark.parametrize(("when", "epochs"), [("saving", (1, 2)), ("room", (1, 2, 3, 4))])
def test_checkpoints_are_whole_and_go_on(story, when, epochs):
    folder = story.out / when
    names = [f"epoch_{epoch}.pth" for epoch in epochs]
    assert sorted(p.name for p in folder.iterdir()) == [*names, "last.pth"]
    assert (folder / "last.pth").resolve().name == names[-1]
    for name in names:
        assert not differing(weights(folder / name), weights(story.whole / name))
