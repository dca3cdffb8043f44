"""From a checked config to the objects that it describes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.config import Config
from aepose.datasets import collate_test, collate_train
from aepose.engine import DefaultScope, PoseRunner
from aepose.errors import ConfigError
from aepose.metainfo import get_metainfo
from aepose.registry import CODECS, DATASETS, METRICS, MODELS, SCOPE, build
from aepose.structures import TestTime

Split = Literal["train", "val", "test"]


def build_codec(cfg: Config) -> AssociativeEmbeddingCodec:
    """Build the codec, which carries the metainfo."""
    return build(CODECS, _section(cfg, "codec"), metainfo=get_metainfo(_section(cfg, "metainfo")))


def build_model(cfg: Config) -> nn.Module:
    """Build the network, in training mode, with freshly drawn weights."""
    return build(
        MODELS, _section(cfg, "model"), codec=build_codec(cfg),
        test_time=build_test_time(cfg),
    )


def build_test_time(cfg: Config) -> TestTime:
    """Return how a config tests; its pixel convention joins maps where ``test_time`` is silent."""
    joining = build_codec(cfg).geometry.joining
    return TestTime(**{**joining, **(cfg.get("test_time") or {})})


def split_section(cfg: Config, split: Split, part: Literal["dataloader", "evaluator"]) -> str:
    """Return the config key of a split's part; a test that is not described is the validation."""
    key = f"{split}_{part}"
    return f"val_{part}" if split == "test" and cfg.get(key) is None else key


def choose_test(
    cfg: Config, multi_scale: bool = False, batch_size: int | None = None
) -> tuple[float, ...]:
    """Change how ``cfg`` tests, and return its test scales.

    multi_scale: at ``test_time.multi_scales``; batch_size: so many pictures at a time
    """
    test_time = TestTime(**(cfg.get("test_time") or {}))
    scales = tuple(test_time.multi_scales if multi_scale else test_time.scales)
    cfg.merge_from_dict({"test_time.scales": scales})
    if batch_size is not None:
        cfg.merge_from_dict({f"{split_section(cfg, 'test', 'dataloader')}.batch_size": batch_size})
    return scales


def build_dataset(cfg: Config, split: Split) -> Dataset:
    """Build the data set of one split."""
    key = split_section(cfg, split, "dataloader")
    codec = build_codec(cfg)
    described = _section(cfg, key).get("dataset")
    if described is None:
        raise ConfigError(f"config {cfg.filename or ''} lacks '{key}.dataset'")
    return build(
        DATASETS, described, f"{key}.dataset", codec=codec,
        metainfo=codec.metainfo, data_root=cfg.get("data_root", ""),
        scales=TestTime(**(cfg.get("test_time") or {})).scales,
    )


def describe_dataloader(cfg: Config, split: Split) -> dict[str, Any]:
    """Return the data loader of one split as the engine takes it: its data set is built."""
    section = dict(_section(cfg, split_section(cfg, split, "dataloader")))
    training = split == "train"
    section["dataset"] = build_dataset(cfg, split)
    section["collate_fn"] = collate_train if training else collate_test
    section.setdefault("batch_size", 1)
    section.setdefault("num_workers", 0)
    section.setdefault("persistent_workers", training and section["num_workers"] > 0)
    # Out of such memory a batch gets to a GPU while that computes.
    section.setdefault("pin_memory", training and torch.cuda.is_available())
    sampler = "SeededSampler" if training else "DefaultSampler"
    section.setdefault("sampler", {"type": sampler, "shuffle": training})
    if not training:
        section.setdefault("batch_sampler", {"type": "SameSizeBatches"})
    section.setdefault("disable_subprocess_warning", True)
    return section


def build_dataloader(cfg: Config, split: Split) -> DataLoader:
    """Build the data loader of one split."""
    seed = (cfg.get("randomness") or {}).get("seed")
    # Without a runner, the engine would look for the sampler among its own only.
    with DefaultScope.overwrite_default_scope(SCOPE):
        return PoseRunner.build_dataloader(describe_dataloader(cfg, split), seed=seed)


def build_evaluator(cfg: Config, split: Split, dataset: Any) -> Any:
    """Build the metric of one split; it reads the annotation file of that split's data set.

    Results of several processes travel through their group, not through a folder they share:
    the engine calls that collecting on the 'gpu', also where there is none.
    """
    key = split_section(cfg, split, "evaluator")
    return build(METRICS, _section(cfg, key), key, metainfo=build_codec(cfg).metainfo,
                 ann_file=dataset.ann_file, collect_device="gpu")


def _section(cfg: Config, key: str) -> Any:
    if cfg.get(key) is None:
        raise ConfigError(f"config {cfg.filename or ''} lacks '{key}'")
    return cfg[key]
