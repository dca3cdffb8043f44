"""A training loop that can be stopped anywhere and goes on as if it had not been."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from aepose.engine.bad_images import BadImages
from aepose.engine.bad_step import save_bad_step
from aepose.engine.distributed import mean_over_processes
from aepose.engine.guard import GuardedOptimWrapper
from aepose.engine.seeding import seed_step
from aepose.errors import ConfigError, NumericalError
from aepose.ranges import Count
from aepose.registry import LOOPS


@LOOPS.register_module()
class PoseTrainLoop(EpochBasedTrainLoop):
    """Epochs of training steps, each with a random state of its own, and validations between.

    max_epochs: passes through the training set
    val_begin, val_interval: validate from that epoch on, after every so many, and after the last

    Unlike the engine's loop it can go on inside an epoch, makes up for a validation that a stop
    cut short, and ends a training whose numbers stay broken, see :class:`GuardedOptimWrapper`.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: DataLoader | dict,
        max_epochs: Count,
        val_begin: Count = 1,
        val_interval: Count = 1,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, val_begin, val_interval)
        self._bad_images = BadImages(runner)

    @property
    def batches_done(self) -> int:
        """Batches of the current epoch before the next one."""
        return self.iter - self.epoch * len(self.dataloader)

    def resume_at(self, epoch: int, iteration: int) -> None:
        """Go on behind that many epochs and training steps."""
        self._epoch, self._iter = epoch, iteration

    def run(self) -> torch.nn.Module:
        """Train to the end; return the network."""
        self.runner.call_hook("before_train")
        if self.epoch and not self.batches_done:
            self._validate()
        try:
            while self.epoch < self.max_epochs and not self.stop_training:
                self.run_epoch()
                self._validate()
        finally:
            # Ends the workers that stay from epoch to epoch. The garbage collector, which takes
            # their queues away first, would wait five seconds for each of them.
            self.dataloader._iterator = None
        self.runner.call_hook("after_train")
        return self.runner.model

    def _validate(self) -> None:
        """Validate where the schedule says so, unless that was done before a stop."""
        due = self.epoch % self.val_interval == 0 or self.epoch == self.max_epochs
        hub = self.runner.message_hub
        if (self.runner.val_loop is None or self.epoch < self.val_begin or not due
                or hub.get_info("validated_epoch", 0) == self.epoch):
            return
        # Noted first: it is stored with the checkpoint that a validation may write.
        hub.update_info("validated_epoch", self.epoch)
        self.runner.val_loop.run()

    def run_epoch(self) -> None:
        """Run what is left of an epoch, which may be nothing but its end."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done, batches = self.batches_done, len(self.dataloader)
        wrapper = self.runner.optim_wrapper
        if isinstance(wrapper, GuardedOptimWrapper):
            # Gradients are not accumulated across epochs: where one ends nothing is left open.
            wrapper.count_from(done, batches)
        self._last_batches = deque(maxlen=getattr(wrapper, "batches_per_step", 1))
        self._skip_batches(done)
        if done < batches:
            for number, batch in enumerate(self.dataloader, start=done):
                self.run_iter(number, batch)
        self._bad_images.summarise(self.epoch + 1)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Run one training step; the losses that are logged are the mean of all processes'.

        Raises NumericalError that names the pictures if too many steps in a row were bad.
        """
        seed_step(self.runner.seed, self.iter, get_rank())
        self._last_batches.append(data_batch)
        self._bad_images.note(data_batch)
        runner = self.runner
        runner.call_hook("before_train_iter", batch_idx=idx, data_batch=data_batch)
        losses = runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper)
        runner.call_hook("after_train_iter", batch_idx=idx, data_batch=data_batch,
                         outputs=mean_over_processes(losses))
        self._iter += 1
        if getattr(self.runner.optim_wrapper, "gave_up", False):
            self._give_up()

    def _skip_batches(self, count: int) -> None:
        """Begin the data order of this epoch behind ``count`` batches; no picture is read."""
        sampler, size = self.dataloader.sampler, self.dataloader.batch_size
        if hasattr(sampler, "skip") and size:
            sampler.skip(count * size)
        elif count:
            raise ConfigError(
                f"training stopped inside an epoch, and {type(sampler).__name__} cannot go on "
                "there; use train_dataloader.sampler.type='SeededSampler', or resume from a "
                "checkpoint of a whole epoch"
            )

    def _give_up(self) -> None:
        path = save_bad_step(self.runner, self._last_batches, self.iter - 1)
        names = [name for batch in self._last_batches for name in batch["image_paths"]]
        listed = "\n".join(f"  {name}" for name in names)
        raise NumericalError(
            f"training stopped at iteration {self.iter}: the loss or the gradient of "
            f"{self.runner.optim_wrapper.bad_steps} steps in a row was not finite. Batch, weights "
            f"and seed of the last one are in {path} (docs/training.md, 'When numbers break'). "
            f"Its pictures:\n{listed}"
        )
