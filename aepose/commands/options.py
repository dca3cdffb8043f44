"""Arguments and options that several commands have, and the types of their values."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from cyclopts import CoercionError, Parameter, Token

from aepose.errors import UsageError

AMP_TYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""What ``--amp`` takes -> ``model.backbone_dtype`` in training, ``test_time.dtype`` in tests."""


def _read(read: Callable[[str], Any]) -> Callable[[Any, Sequence[Token]], Any]:
    """Return a converter of the command line, which reads one value."""
    def convert(kind: Any, tokens: Sequence[Token]) -> Any:
        try:
            return read(tokens[0].value)
        except ValueError as error:
            raise CoercionError(str(error), token=tokens[0]) from None
    return convert


def whole(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """Return what reads a whole number in a range; it raises ValueError for anything else."""
    def read(text: str) -> int:
        # So many digits Python would not turn into a number.
        if not text.isdecimal() or len(text) > 4000 or not least <= int(text) <= most:
            to = "" if most == 2**63 - 1 else f" to {most}"
            raise ValueError(f"{text!r} is not a whole number from {least}{to}")
        return int(text)
    return read


def _finite(least: float = -math.inf) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < least:
            least_said = "" if math.isinf(least) else f" from {least:g}"
            raise ValueError(f"{text!r} is not a finite number{least_said}")
        return number
    return read


def read_size(text: str) -> tuple[int, int]:
    """Return width and height of a text such as '768x512'; raises UsageError for anything else."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and len(side) < 6 for side in sides):
        raise UsageError(f"{text!r} is no size; give width and height in pixels, such as 768x512")
    return int(sides[0]), int(sides[1])


# Cyclopts takes the number of values from the type, and what they mean from the converter.
Positive = Annotated[int, Parameter(metavar="N", converter=_read(whole(1)))]
Whole = Annotated[int, Parameter(metavar="N", converter=_read(whole(0)))]
Seed = Annotated[int, Parameter(metavar="N", converter=_read(whole(0, 2**32 - 1)))]
Finite = Annotated[float, Parameter(converter=_read(_finite()))]
NotNegative = Annotated[float, Parameter(converter=_read(_finite(0)))]

Config = Annotated[str, Parameter(help="config file, or name of a model of the zoo")]
Checkpoint = Annotated[str, Parameter(
    help="weights: a .pth or .safetensors file, its URL, or a published file's name; or a file of "
    "`aepose export`, which is tested in their place")]
CfgOptions = Annotated[list[str] | None, Parameter(
    metavar="KEY=VALUE", consume_multiple=1,
    help="change the config, such as model.backbone.width=48 data_root=/data/coco")]
Amp = Annotated[Literal["bf16", "fp16"] | bool, Parameter(
    metavar="[TYPE]", help="run the network in bfloat16 (the default of --amp) or float16, not in "
    "float32: faster, and the metrics change a little")]
MultiScale = Annotated[bool, Parameter(
    help="test at the scales test_time.multi_scales of the config")]
BatchSize = Annotated[Positive | None, Parameter(
    help="pictures of one size that go through the network together (default: the config's, 1)")]
Annotations = Annotated[str, Parameter(help="COCO-format annotation file")]
Results = Annotated[str, Parameter(
    help="file of the people found, in COCO's result format, such as predictions.json of a test")]
Category = Annotated[str | None, Parameter(
    help="id or name of the category that is meant, where the annotations leave a choice; several "
    "with commas, of several classes as class=category")]
MaxDetections = Annotated[Positive | None, Parameter(
    help="people per picture that count, those with the highest scores (default: the config's, "
    "officially 20)")]


def check_other_file(source: str, target: str) -> None:
    """Raise UsageError if a command would write over what it reads."""
    if os.path.realpath(source) == os.path.realpath(target):
        raise UsageError(f"{target} is the file that is read; name another to write")


def amp_type(amp: str | bool) -> str | None:
    """Return the type of numbers that ``--amp`` asks for; None if it was not given."""
    return AMP_TYPES["bf16" if amp is True else amp] if amp else None


def test_options(cfg_options: list[str] | None, amp: str | bool) -> list[str]:
    """Return the config options that a command which tests was given, ``--amp`` among them."""
    kind = amp_type(amp)
    return [*(cfg_options or ()), *([f"test_time.dtype={kind}"] if kind else [])]
