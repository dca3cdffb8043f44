"""Checkpoints: a file that cannot be used is named, and any other is a dict of tensors."""

import io
import json
import resource
import warnings
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aepose.errors import CheckpointError
from aepose.experiment import Experiment
from aepose.weights.checkpoint import read_checkpoint, save_safetensors
from aepose.weights.trained_with import warn_of_differences
from tests.hostile.mutants import changed_bytes, changed_json, hostile

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2).half(),
         "b.num_batches_tracked": torch.tensor(3)}
META = {"epoch": 3, "iter": 40, "seed": 0, "best": [0.5, None], "aepose_config": "{}"}


def saved(meta=META, zipped=True):
    """Return the bytes of a file in PyTorch's format."""
    content = {"state_dict": STATE, "meta": meta,
               "optimizer": {"state": {0: {"step": torch.tensor(2.0)}}, "groups": [{"lr": 0.1}]}}
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.fixture(autouse=True)
def memory():
    """At most 256 MiB more than before; an allocation that fails would pass for a damaged file."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


def read(path):
    """Read a file to the end of its tensors, or see that the error names it."""
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    with warnings.catch_warnings(action="ignore"):
        warn_of_differences(checkpoint["meta"], {"metainfo": "coco"}, path)
    for value in checkpoint["state_dict"].values():
        for end in (0, -1)[:value.numel()]:
            value[(end,) * value.dim()].item()


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_changed_files(tmp_path, kind):
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    save_safetensors(path, STATE, META)
    content = path.read_bytes() if kind == "safetensors" else saved(zipped=kind == "zip")

    @hostile
    @given(data=changed_bytes(content))
    def check(data):
        path.write_bytes(data)
        read(path)

    path.write_bytes(content)
    assert read_checkpoint(path)["meta"] == META
    check()


@st.composite
def changed_records(draw):
    """A zip whose pickle, or any other record, is changed, in whole bytes or in length."""
    with zipfile.ZipFile(io.BytesIO(saved())) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in records if name.endswith("data.pkl"))
    for name in draw(st.lists(st.just(pickled) | st.sampled_from(sorted(records)), min_size=1,
                              max_size=3)):
        records[name] = draw(changed_bytes(records[name]) | st.binary(max_size=30))
    for name in draw(st.lists(st.sampled_from(sorted(records)), max_size=1)):
        del records[name]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw(st.sampled_from([zipfile.ZIP_STORED] * 9
                                                         + [zipfile.ZIP_DEFLATED]))) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return file.getvalue()


@hostile
@given(data=changed_records())
def test_changed_records(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "records.pth"
    path.write_bytes(data)
    read(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_odd_meta(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"

    @hostile
    @given(meta=changed_json({"meta": META}))
    def check(meta):
        meta = meta.get("meta")
        if suffix == ".pth":
            path.write_bytes(saved(meta))
        else:
            save_safetensors(path, STATE, meta)
        read(path)

    check()


def test_odd_stored_configs(tmp_path, tiny_config):
    """The config that training stored has to be one, or the checkpoint is named."""
    config = tiny_config("stored").to_dict()

    @hostile
    @given(content=changed_json(config))
    def check(content):
        meta = {"aepose_config": json.dumps(content)}
        with warnings.catch_warnings(action="ignore"):
            try:
                Experiment.of_checkpoint(meta, "a.pth")
            except CheckpointError as error:
                assert "a.pth" in str(error)  # noqa: PT017
            warn_of_differences(meta, config, "a.pth")

    check()
