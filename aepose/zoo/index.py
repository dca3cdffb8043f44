"""Index of the published models: their configs, numbers, checkpoints, and which weights fit.

The index is data (``assets/model_zoo.json``). Reading it needs neither PyTorch nor a network, and
nothing is downloaded here: see :mod:`aepose.zoo.hub`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from aepose.errors import ConfigError, nearest

INDEX = Path(__file__).parents[1] / "assets" / "model_zoo.json"
Scales = Literal["single-scale", "multi-scale"]


@dataclass(frozen=True)
class ModelEntry:
    """One model of the zoo.

    name: also the name of its config file
    input_size: side of the training picture in pixels
    parameters: trained numbers; weights: entries of its state dict
    gmacs: 1e9 multiply-accumulates of one forward pass at the input size
    url: where its published checkpoint is; None if none was published
    published, measured: 'single-scale' or 'multi-scale' -> metric -> value, as in the published
        tables, and as measured with aepose from the same checkpoint; empty where nobody measured
    """

    name: str
    dataset: str
    input_size: int
    parameters: int
    weights: int
    gmacs: float | None = None
    url: str | None = None
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)

    @property
    def config(self) -> str:
        """The config file, from the project's root."""
        return f"configs/{self.dataset}/{self.name}.py"

    @property
    def checkpoint(self) -> str | None:
        """The file name of the published checkpoint; None if none was published."""
        return None if self.url is None else file_name(self.url)

    def ap(self, scales: Scales = "single-scale") -> float | None:
        """The published AP; None if there is none."""
        return self.published.get(scales, {}).get("AP")


@dataclass(frozen=True)
class DatasetEntry:
    """What the zoo says of a data set.

    multi_scales: the test scales of 'multi-scale'; columns: its published metrics, in order
    licence: a note for people who use weights that were trained on it
    """

    title: str
    keypoints: int
    multi_scales: tuple[float, ...]
    columns: tuple[str, ...]
    licence: str


def list_models(pattern: str = "*") -> list[ModelEntry]:
    """Return the models whose name fits a shell pattern.

    A plain text fits any part of a name; that of a model fits this one alone.

    >>> [model.name for model in list_models('res50_*_640x640')]
    ['res50_coco_640x640']
    >>> len(list_models()), len(list_models('mhp'))
    (44, 1)
    """
    models = _models()
    return [model for name, model in models.items() if fits_name(name, pattern, models)]


def fits_name(name: str, pattern: str, names: Collection[str]) -> bool:
    """Return whether one of ``names`` is meant by a pattern, a part of it, or the whole of it.

    >>> [n for n in ('a', 'ab') if fits_name(n, 'a', ('a', 'ab'))], fits_name('ab', 'b', ('ab',))
    (['a'], True)
    """
    if pattern in names:
        return name == pattern
    plain = not any(sign in pattern for sign in "*?[")
    return fnmatchcase(name, f"*{pattern}*" if plain else pattern)


def find_model(name: str) -> ModelEntry:
    """Return a model by its name; raises ConfigError that names the nearest one."""
    models = _models()
    if name not in models:
        raise ConfigError(f"there is no model '{name}'" + nearest(name, models)
                          + " (aepose.list_models() lists all; a config file ends in .py)")
    return models[name]


def config_path(model: ModelEntry) -> Path:
    """Return the config file of a model: of the checkout, or as installed with the package.

    Raises ConfigError if this installation has no configs.
    """
    return config_file(model.config.removeprefix("configs/"))


def config_file(name: str) -> Path:
    """Return a file below ``configs`` of this installation, such as ``_base_/runtime.py``.

    Raises ConfigError, which names the nearest one, if it has none of that name.
    """
    # An installed package carries a copy (see setup.py); a checkout has them beside the package.
    folders = [root / "configs" for root in _roots()]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    known = [path.relative_to(folder).as_posix() for folder in folders
             for path in folder.rglob("*.py")]
    if known:
        raise ConfigError(f"there is no configs/{name} in this installation"
                          + nearest(name, known))
    raise ConfigError(f"config configs/{name} is not part of this installation (looked in "
                      f"{folders[0]} and {folders[1]}); give a config file, or install from a "
                      "checkout with `pip install --editable .`")


def _roots() -> tuple[Path, Path]:
    """Return the package, and what holds it."""
    package = Path(__file__).parents[1]
    return package, package.parent


def config_files() -> dict[str, Path]:
    """Return the config files of this installation by name: of the zoo, and of the toy networks."""
    return {path.stem: path for root in reversed(_roots())
            for path in sorted((root / "configs").glob("*/*.py")) if path.parent.name != "_base_"}


def find_config(name: str) -> Path:
    """Return a config file of this installation by its name.

    Raises ConfigError, which names the nearest model of the zoo, if there is none.
    """
    return config_files().get(name) or config_path(find_model(name))


def datasets() -> dict[str, DatasetEntry]:
    """Return the data sets by name, in the order of the tables."""
    return {
        name: DatasetEntry(**{key: tuple(value) if isinstance(value, list) else value
                              for key, value in entry.items()})
        for name, entry in _index()["datasets"].items()
    }


def backbones() -> dict[str, str]:
    """Return where the ImageNet weights of backbones are: name -> URL."""
    return dict(_index()["backbones"])


def published_files() -> dict[str, str]:
    """Return all published files: file name -> URL, of checkpoints and of backbones."""
    urls = [model.url for model in _models().values() if model.url] + [*backbones().values()]
    return {file_name(url): url for url in urls}


def file_name(url: str) -> str:
    """Return the last part of a URL's path.

    >>> file_name('https://example.org/a/b-0123abcd.pth?x=1')
    'b-0123abcd.pth'
    """
    return PurePosixPath(urlsplit(url).path).name


def fitting_models(weights: int, parameters: int, source: str | Path) -> list[ModelEntry]:
    """Return the models that a checkpoint fits, the likeliest first.

    weights: entries of its state dict; parameters: numbers in it, without running statistics
    source: the checkpoint's file, whose name decides between models of equal networks
    """
    path = Path(source)

    def unlikely(model: ModelEntry) -> tuple[bool, float]:
        return (model.checkpoint != path.name,
                -SequenceMatcher(None, path.stem, model.name).ratio())

    fitting = [model for model in _models().values()
               if (model.weights, model.parameters) == (weights, parameters)]
    return sorted(fitting, key=unlikely)


@cache
def _index() -> dict[str, Any]:
    return json.loads(INDEX.read_text(encoding="utf-8"))


@cache
def _models() -> dict[str, ModelEntry]:
    return {entry["name"]: ModelEntry(**entry) for entry in _index()["models"]}
