"""How the entries of one state dict differ from those of another, and how to say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

_SHOWN = 10


@dataclass(frozen=True)
class Misfits:
    """Entries of a network and of weights for it that do not agree, by name.

    missing: only the network has them; unexpected: only the weights have them
    reshaped: both have them, in the shapes that the text names
    """

    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]

    @classmethod
    def between(cls, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor],
                word: str = "checkpoint") -> Misfits:
        """Compare a network's state dict with given weights; ``word`` says what those are."""
        return cls(
            [k for k in own if k not in given],
            [k for k in given if k not in own],
            [f"{k}: {word} {tuple(given[k].shape)}, network {tuple(own[k].shape)}"
             for k in own if k in given and given[k].shape != own[k].shape],
        )

    def lines(self) -> list[str]:
        """Return the lines of a message, at most ten names of each kind; none if all agree."""
        return [*listed("missing", self.missing), *listed("unexpected", self.unexpected),
                *listed("wrong shape", self.reshaped)]


def listed(what: str, names: Sequence[str]) -> list[str]:
    """Return a line with the number of ``names`` and a line for each of the first ten."""
    if not names:
        return []
    more = f" (+{len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return [f"  {len(names)} {what}{more}:", *(f"    {name}" for name in names[:_SHOWN])]
