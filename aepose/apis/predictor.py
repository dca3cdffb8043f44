"""What finds people in pictures, whatever runs its network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from aepose.apis.prediction import Failures, OnError, Predictions, Run
from aepose.apis.sources import count_pictures, is_single, pictures_of
from aepose.codecs.decoder import Decoder
from aepose.codecs.overlap import Batch, Found
from aepose.errors import ConfigError
from aepose.metainfo import Metainfo
from aepose.results import PoseResult


class Predictor(ABC):
    """A trained network that finds people in pictures.

    decoder: what finds them in its maps
    """

    decoder: Decoder

    @property
    def metainfo(self) -> Metainfo:
        """The keypoints that the network finds."""
        return self.decoder.metainfo

    @abstractmethod
    def recipe(self) -> dict[str, Any]:
        """Return what results depend on, as plain values."""

    @abstractmethod
    def scales(self, multi_scale: bool) -> Sequence[float]:
        """Return the test scales; raises ConfigError if it has not those that are asked for."""

    @abstractmethod
    def find_people(
        self, batches: Iterable[Batch], overlap: bool = True, keep_maps: bool = False
    ) -> Found:
        """Yield batches of test images with their results.

        overlap: see :func:`~aepose.codecs.overlap.run_batches`
        keep_maps: give each result the maps that its people were found in
        """

    def predict(
        self,
        source: Any,
        batch_size: int = 1,
        multi_scale: bool = False,
        min_score: float = 0.0,
        progress: bool = False,
        on_error: OnError = "raise",
        bgr: bool = False,
        recursive: bool = False,
        keep_maps: bool = False,
    ) -> PoseResult | Predictions:
        """Find the people of a picture, or of many.

        source: one picture: a path, bytes, a file object, a PIL image, an array (H, W, 3) uint8
            RGB, a tensor (3, H, W) uint8 RGB; or many: a folder, a glob, a film, the number of a
            camera, or anything that gives pictures one after the other
        batch_size: so many pictures at most go through the network together. Only those can whose
            network inputs have one size; they are looked for among a few batches read ahead
        multi_scale: look at the scales ``test_time.multi_scales`` of the config
        min_score: leave out people with a lower score
        progress: show a bar on stderr
        on_error: what to do about a picture of many that cannot be read: 'raise' an error that
            names it once all results before it are given, or 'skip' it, which a warning counts in
            the end; or a function that is called with the error instead of the warning
        bgr: arrays and tensors have their channels in the order blue, green, red
        recursive: enter the folders in folders
        keep_maps: results get the maps that their people were found in

        A single picture gives its result, anything else an iterator of results in the order of the
        source, which looks at a few pictures ahead and keeps none. Coordinates are in pixels of
        the picture as loaded: files are turned upright by their EXIF orientation. What arrays may
        be is said at :func:`~aepose.apis.sources.to_rgb`. Results of what cannot be read again from
        its path (arrays, frames) hold the pixels themselves, for drawing.

        Raises DataError for a source, or a picture, that cannot be read, ConfigError for a bad
        option.

        >>> model = aepose.load_model('higherhrnet_w32_coco_512x512')         # doctest: +SKIP
        >>> model.predict('holiday/beach.jpg')                                # doctest: +SKIP
        PoseResult(3 people, 51 keypoints, 4 of them filled in, beach)
        >>> for result in model.predict('holiday', batch_size=4): result      # doctest: +SKIP
        """
        _check_options(batch_size, min_score, on_error)
        run = Run(partial(self.find_people, keep_maps=keep_maps), self.decoder,
                  self.scales(multi_scale), batch_size, min_score)
        pictures = pictures_of(source, bgr, recursive)
        if is_single(source):
            (result,) = run.results(pictures, Failures("raise"), overlap=False)
            return result
        failures = Failures(on_error)
        results = run.results(pictures, failures)
        return Predictions(results, failures, count_pictures(source) if progress else None,
                           progress)

    __call__ = predict


def _check_options(batch_size: int, min_score: float, on_error: OnError) -> None:
    if type(batch_size) is not int or batch_size < 1:
        raise ConfigError(f"batch_size = {batch_size!r}: give a whole number from 1")
    if not isinstance(min_score, (int, float)) or not math.isfinite(min_score):
        raise ConfigError(f"min_score = {min_score!r}: give a finite number")
    if on_error not in ("raise", "skip") and not callable(on_error):
        raise ConfigError(f"on_error = {on_error!r}: give 'raise' or 'skip'")
