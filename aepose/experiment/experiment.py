"""An experiment: a checked config, and the objects that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader, Dataset

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.datasets.eval_sets import sets_of
from aepose.datasets.loading import describe_loader
from aepose.engine.runner import build_loader
from aepose.errors import CheckpointError, ConfigError
from aepose.evaluation.metric import BaseMetric, prepared, restrict
from aepose.experiment.check import check_config
from aepose.experiment.config import (
    change,
    config_of_checkpoint,
    parse_options,
    quiet_engine,
    read_config,
    section_of,
)
from aepose.metainfo import Metainfo, get_metainfo
from aepose.registry import CODECS, DATASETS, METRICS, MODELS, build
from aepose.structures import EvalSettings
from aepose.weights.checkpoint import is_checkpoint, read_checkpoint
from aepose.zoo.hub import find_checkpoint

Split = Literal["train", "val", "test"]


class Experiment:
    """A config that was checked once, and what it describes, built when it is asked for.

    config: a config or a dict of plain values, which is copied

    It does not change; :meth:`changed` gives another one. Besides, only the assembly of a training
    looks into the config. Raises ConfigError, which names the nearest known one, for an unknown key
    or type, for impossible values, and where something is asked for that the config lacks.

    >>> experiment = Experiment.load('higherhrnet_w32_coco_512x512', ['test_time.flip=False'])
    >>> experiment.metainfo.num_keypoints, experiment.codec.map_strides
    (17, (4, 2))
    """

    def __init__(self, config: Config | Mapping[str, Any]) -> None:
        self._config = deepcopy(config) if isinstance(config, Config) else Config(dict(config))
        with quiet_engine():
            check_config(self._config)

    @classmethod
    def load(cls, source: str | Path, options: Sequence[str] = ()) -> Experiment:
        """Return the experiment of a config file, a model of the zoo or a trained checkpoint.

        source: a ``.py`` file; a name of :func:`aepose.list_models`; or a checkpoint (file, URL or
            published file), for the config that training stored in it
        options: changes as ``--cfg-options`` takes them, such as ``['model.backbone.width=48']``
        """
        if is_checkpoint(source):
            path = find_checkpoint(source)
            return cls.of_checkpoint(read_checkpoint(path)["meta"], path, options)
        with quiet_engine():
            config = read_config(source)
        return cls(change(config, parse_options(options)))

    @classmethod
    def of_checkpoint(
        cls, meta: Mapping[str, Any], source: str | Path, options: Sequence[str] = ()
    ) -> Experiment:
        """Return the experiment stored in the ``meta`` of a checkpoint; ``source`` is its file.

        Raises CheckpointError, which asks for a config, if there is none that can be used.
        """
        try:
            stored = cls(config_of_checkpoint(meta, source))
        except (ConfigError, TypeError, ValueError, KeyError, AttributeError,
                RecursionError) as error:
            raise CheckpointError(f"the config stored in checkpoint {source} cannot be used: "
                                  f"{error}; give --config") from None
        return stored.changed(parse_options(options)) if options else stored

    def changed(self, changes: Mapping[str, Any]) -> Experiment:
        """Return a checked copy with other values; see :func:`aepose.experiment.config.change`."""
        return Experiment(change(self._config, changes)) if changes else self

    def to_dict(self) -> dict[str, Any]:
        """Return the config as plain values."""
        return self._config.to_dict()

    @property
    def file(self) -> str | None:
        """The config file that it was read from; None for one that was not."""
        return self._config.filename

    @property
    def name(self) -> str:
        """The name of the config file, or 'unnamed'."""
        return Path(self.file or "unnamed").stem

    @property
    def data_root(self) -> Path:
        """The folder that annotation files and images are relative to."""
        return Path(self._config.get("data_root") or "")

    @property
    def backbone(self) -> str:
        """The type of the backbone, as the config names it."""
        return (self._section("model").get("backbone") or {}).get("type", "unknown backbone")

    @cached_property
    def metainfo(self) -> Metainfo:
        """The keypoint set."""
        return get_metainfo(self._section("metainfo"))

    @cached_property
    def codec(self) -> AssociativeEmbeddingCodec:
        """What heatmaps and tags mean."""
        return build(CODECS, self._section("codec"), "codec", metainfo=self.metainfo)

    @cached_property
    def test_time(self) -> EvalSettings:
        """How images go through the network in a test.

        Where ``test_time`` is silent, maps are joined by the codec's pixel convention.
        """
        given = self._config.get("test_time") or {}
        return EvalSettings(**{**self.codec.geometry.joining, **given})

    def network(self) -> nn.Module:
        """Build the network, in training mode, with freshly drawn weights."""
        return build(MODELS, self._section("model"), "model", codec=self.codec,
                     test_time=self.test_time)

    def dataset(self, split: Split) -> Dataset:
        """Build the data set of one split."""
        key, described = self._dataset_section(split)
        return build(DATASETS, described, key, codec=self.codec, metainfo=self.metainfo,
                     data_root=str(self.data_root), scales=self.test_time.scales)

    def loader_options(self, split: Split) -> dict[str, Any]:
        """Return the data loader of one split as the engine takes it: its data set is built."""
        return describe_loader(self._section(f"{split}_dataloader"), self.dataset(split), split)

    def dataloader(self, split: Split) -> DataLoader:
        """Build the data loader of one split."""
        seed = (self._config.get("randomness") or {}).get("seed")
        return build_loader(self.loader_options(split), seed)

    def annotation_path(self, split: Split) -> Path:
        """Return the annotation file of one split."""
        return self._path(*self._dataset_section(split), "ann_file")

    def image_folder(self, split: Split) -> Path:
        """Return the folder of the images of one split."""
        return self._path(*self._dataset_section(split), "img_dir")

    def dataset_option(self, split: Split, name: str, default: Any = None) -> Any:
        """Return an option of one split's data set, such as 'exif', or else ``default``."""
        return self._dataset_section(split)[1].get(name, default)

    def metrics(self, split: Split, ann_file: str | Path | None = None) -> list[BaseMetric]:
        """Build the metrics of one split, of several test sets those of each.

        ann_file: instead of that of the data set, and all sets
        """
        key = section_of(self._config, f"{split}_evaluator")
        described, metrics = self._section(key), []
        several = isinstance(described, (list, tuple))
        place, dataset = self._dataset_section(split)
        sets = [(None, place, dataset)] if ann_file else sets_of(dataset, place)
        for name, place, dataset in sets:
            context = {"metainfo": self.metainfo, "category": dataset.get("category")}
            if ann_file or dataset.get("ann_file"):
                context["ann_file"] = ann_file or self._path(place, dataset, "ann_file")
            metrics += [
                restrict(build(METRICS, part, f"{key}.{i}" if several else key, **context), name)
                for i, part in enumerate(described if several else [described])]
        return prepared(metrics, key)

    def _path(self, place: str, dataset: Mapping[str, Any], option: str) -> Path:
        if dataset.get(option) is None:
            raise self._lacking(f"{place}.{option}")
        return Path(dataset.get("data_root") or self.data_root) / dataset[option]

    def _dataset_section(self, split: Split) -> tuple[str, Mapping[str, Any]]:
        key = section_of(self._config, f"{split}_dataloader")
        described = self._section(key).get("dataset")
        if described is None:
            raise self._lacking(f"{key}.dataset")
        return f"{key}.dataset", described

    def _section(self, key: str) -> Any:
        key = section_of(self._config, key)
        if self._config.get(key) is None:
            raise self._lacking(key)
        return self._config[key]

    def _lacking(self, key: str) -> ConfigError:
        return ConfigError(f"config {self.file or ''} lacks '{key}'")
