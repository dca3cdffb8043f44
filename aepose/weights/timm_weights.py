"""Starting weights of networks of timm: found in its cache, downloaded, or read from a file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from aepose.errors import CheckpointError, ConfigError
from aepose.models.backbones.timm import Timm
from aepose.weights.checkpoint import Misfits, check_values
from aepose.zoo.hub import fetch, place_of
from aepose.zoo.index import file_name

# How EfficientNets are called that were carried over from TensorFlow elsewhere; timm has them, too.
_TENSORFLOW_STEM = "_conv_stem.weight"
_TENSORFLOW_NAME = "tf_efficientnet"
_CACHED = ("model.safetensors", "pytorch_model.bin")


def published_timm_weights(backbone: Timm) -> Path:
    """Return a local file of the weights that timm names for a network.

    It is looked for in the caches of timm (those of huggingface_hub and of torch.hub) and in ours,
    and else downloaded as :func:`~aepose.zoo.hub.fetch` does, within limits of time.

    Raises CheckpointError, which says what else can be done, if it cannot be had.
    """
    try:
        return cached_timm_weights(backbone) or fetch(timm_weights_url(backbone))
    except CheckpointError as error:
        raise CheckpointError(f"the weights of {backbone.name!r} are not in timm's cache. {error} "
                              "Or give a file: model.backbone.pretrained=False "
                              "model.pretrained=FILE") from None


def cached_timm_weights(backbone: Timm) -> Path | None:
    """Return the file of a network's weights, if it is in a cache: of timm, or here."""
    from huggingface_hub import try_to_load_from_cache

    repository, revision = _repository(backbone)
    url = timm_weights_url(backbone)
    places = [place_of(url), Path(torch.hub.get_dir()) / "checkpoints" / file_name(url)]
    if repository:
        found = (try_to_load_from_cache(repository, name, revision=revision) for name in _CACHED)
        places = [place_of(url), *(Path(path) for path in found if isinstance(path, str))]
    return next((path for path in places if path.is_file()), None)


def timm_weights_url(backbone: Timm) -> str:
    """Return where the weights of a network are published."""
    from huggingface_hub import hf_hub_url

    repository, revision = _repository(backbone)
    if repository is None:
        return backbone.weights_config["url"]
    return hf_hub_url(repository, _CACHED[0], revision=revision)


def _repository(backbone: Timm) -> tuple[str | None, str | None]:
    name, _, revision = (backbone.weights_config.get("hf_hub_id") or "").partition("@")
    return name or None, revision or None


def load_timm(backbone: Timm, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Load weights of a whole network of timm, classifier included, into a backbone; not the neck.

    state: under timm's names; under older ones that timm itself translates; or an EfficientNet of
        TensorFlow under the names ``_conv_stem``, ``_blocks`` and so on

    Raises CheckpointError, which lists the misfits, unless the file has every weight of the
    network; the backbone is then unchanged.
    """
    if _TENSORFLOW_STEM in state:
        state = _from_tensorflow(backbone, state, source)
    given = {"pretrained": True,
             "pretrained_cfg_overlay": {"state_dict": dict(state), "custom_load": False}}
    with torch.random.fork_rng(devices=()):
        # Where timm translates names, one start for both tells what the file does not have.
        torch.manual_seed(0)
        whole = backbone.create()
        misfits = Misfits.between(whole.state_dict(), state, "file").lines()
        check_values(whole.state_dict(), state, source)
        try:
            torch.manual_seed(0)
            loaded = dict(backbone.create(**given).named_parameters()) if misfits else {}
            with _quiet():
                new = backbone.create(features_only=True, **given).state_dict()
        except ConfigError:
            raise _misfit(backbone, source, misfits) from None
    if any(_is_drawn(parameter) and torch.equal(parameter, loaded[name])
           for name, parameter in whole.named_parameters() if loaded):
        raise _misfit(backbone, source, misfits)
    backbone.network.load_state_dict(new)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep timm from warning that the classifier is not used."""
    logger = logging.getLogger("timm.models._builder")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def _is_drawn(parameter: torch.Tensor) -> bool:
    return parameter.requires_grad and parameter.numel() > 1 and bool(parameter.std() > 0)


def _misfit(backbone: Timm, source: str | Path, lines: list[str]) -> CheckpointError:
    title = (f"the weights in {source} are not those of timm's {backbone.name!r}; set "
             "model.pretrained to a file of the same network, or model.backbone.name to that of "
             "the file")
    return CheckpointError("\n".join([title, *lines]))


def _from_tensorflow(
    backbone: Timm, state: Mapping[str, torch.Tensor], source: str | Path
) -> dict[str, torch.Tensor]:
    """Return TensorFlow's EfficientNet under timm's names: both have their layers in one order."""
    if not backbone.name.startswith(_TENSORFLOW_NAME):
        raise CheckpointError(f"{source} has an EfficientNet of TensorFlow, which pads otherwise "
                              f"than {backbone.name!r}: set model.backbone.name to one of timm's "
                              f"{_TENSORFLOW_NAME}_…")
    with torch.device("meta"):
        names = list(backbone.create().state_dict())
    leaves = [[key.rpartition(".")[2] for key in keys] for keys in (names, state)]
    if leaves[0] != leaves[1]:
        raise _misfit(backbone, source, [
            f"  it has {len(state)} entries, the network {len(names)}, or others in another order"])
    return dict(zip(names, state.values(), strict=True))
