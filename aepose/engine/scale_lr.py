"""Scale the learning rate to the batch size."""

from __future__ import annotations

from dataclasses import dataclass

from aepose.errors import ConfigError


@dataclass(frozen=True)
class AutoScaleLR:
    """The batch size that a config's learning rate was chosen for.

    base_batch_size: pictures per step of the optimiser, of all processes and accumulated steps
    enable: scale the learning rate in proportion to the real batch size

    Goyal et al.: Accurate, Large Minibatch SGD (2017). Raises ConfigError for sizes below 1.
    """

    base_batch_size: int
    enable: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.base_batch_size, int) or self.base_batch_size < 1:
            raise ConfigError(f"auto_scale_lr.base_batch_size = {self.base_batch_size!r}: give the "
                              "batch size that the learning rate was chosen for, such as 192")

    def factor(self, batch_size: int) -> float:
        """Return what the learning rate is multiplied by for a batch size."""
        return batch_size / self.base_batch_size if self.enable else 1.0

    def describe(self, batch_size: int) -> str:
        """Return in words how the learning rate suits a batch size."""
        if self.enable:
            return (f"scaled by {self.factor(batch_size):.4g} from that of "
                    f"{self.base_batch_size} pictures per step")
        if batch_size != self.base_batch_size:
            return f"chosen for {self.base_batch_size}; --auto-scale-lr adapts it"
        return "as chosen for this number"
