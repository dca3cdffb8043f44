"""The people found in one picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import aepose.results.formats as formats
import aepose.results.rows as rows
from aepose.drawing import DrawStyle, draw_heatmaps, draw_poses, draw_tags, write_image
from aepose.errors import ConfigError, DataError, nearest
from aepose.files import write_text
from aepose.images import read_image
from aepose.metainfo import PERSON, Metainfo
from aepose.results.margins import grouping_margins
from aepose.tables import counted

if TYPE_CHECKING:
    import pandas as pd
    import supervision as sv

# Per person; each has P as its first axis.
_PER_PERSON = ("keypoints", "keypoint_scores", "scores", "tags", "found", "class_ids",
               "identities")


@dataclass(eq=False)
class PoseResult:
    """The people found in one picture; coordinates in pixels of the picture as loaded.

    P people, K keypoints, L tags per keypoint (1, or 2 with flip test).

    keypoints: (P, K, 2) float32, x and y
    keypoint_scores: (P, K) float32, the heatmap value at each keypoint; 0 where there is none
    scores: (P,) float32, one per person: mean heatmap value before missing keypoints are filled in
    tags: (P, K, L) float32
    image_id: of the annotation file, in a test
    image_path: the file, or a name for what is none; ``frame`` and ``time`` (seconds): of a film
    image_size: (W, H)
    dataset: the name of the picture's test set, of several
    metainfo: the keypoint set
    found: (P, K) bool: True where the network's maps had a peak that was grouped, False where the
        keypoint was filled in afterwards by the tags of the others, or is missing. Where it is not
        known, every keypoint with a score counts as found
    class_ids: (P,) int64, the class of each person among the metainfo's ``classes``, mostly the
        only one. Keypoints of other classes are 0, with score 0, and not found
    identities: (P,) int64, who it is throughout a film; -1 for a person without one
    seconds: by stage, what it took
    image: (H, W, 3) uint8 RGB, where it cannot be read from ``image_path`` again
    maps: what the people were found in, where that was asked for

    It is a sequence of people: ``len``, and an index, a slice, a mask or indices give a result of
    those. Raises ValueError for arrays whose shapes do not agree.

    >>> import numpy as np
    >>> joints = np.ones((2, 3, 2), np.float32)
    >>> result = PoseResult(joints, joints[..., 0], np.float32([0.9, 0.1]), joints[..., :1])
    >>> result, result.filter(min_score=0.5)
    (PoseResult(2 people, 6 keypoints), PoseResult(1 person, 3 keypoints))
    """

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    tags: np.ndarray
    image_id: int | str = -1
    image_path: str = ""
    image_size: tuple[int, int] = (0, 0)
    dataset: str = ""
    metainfo: Metainfo | None = None
    found: np.ndarray = None  # type: ignore[assignment]  # __post_init__ sets it
    class_ids: np.ndarray = None  # type: ignore[assignment]  # __post_init__ sets it
    identities: np.ndarray | None = None
    frame: int | None = None
    time: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    image: np.ndarray | None = None
    maps: Any = None

    def __post_init__(self) -> None:
        people, num_keypoints = self.keypoint_scores.shape
        if self.found is None:
            self.found = self.keypoint_scores > 0
        classes = 1 if self.metainfo is None else len(self.metainfo.classes)
        if self.class_ids is None:
            if classes > 1:
                raise ValueError(f"class_ids: '{self.metainfo.name}' has {classes} classes, say "
                                 "whose people these are")
            self.class_ids = np.zeros(people, np.int64)
        expected = {
            "keypoints": (people, num_keypoints, 2),
            "scores": (people,),
            "tags": (people, num_keypoints, self.tags.shape[-1]),
            "found": (people, num_keypoints),
            "class_ids": (people,),
            "identities": (people,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name}: expected {shape}, got {value.shape}")
        if self.metainfo is not None and self.metainfo.num_keypoints != num_keypoints:
            raise ValueError(f"keypoints: {num_keypoints}, but metainfo '{self.metainfo.name}' has "
                             f"{self.metainfo.num_keypoints}")
        if self.metainfo is not None and not set(self.class_ids.tolist()) <= set(range(classes)):
            raise ValueError(f"class_ids: expected 0 to {classes - 1}, got {self.class_ids}")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Any) -> PoseResult:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"person {index} of {len(self)}")
            index = [index]
        index = index if isinstance(index, slice) else np.asarray(index)
        if isinstance(index, np.ndarray) and not index.size:
            index = index.astype(int if index.dtype != bool else bool)
        return replace(self, **{name: value[index] for name in _PER_PERSON
                                if (value := getattr(self, name)) is not None})

    def __repr__(self) -> str:
        people = (counted(len(self), PERSON) if self.metainfo is None else
                  self.metainfo.count(self.class_ids))
        placed = self.keypoint_scores > 0
        filled = int((placed & ~self.found).sum())
        parts = [people, f"{int(placed.sum())} keypoints",
                 *([f"{filled} of them filled in"] if filled else ()),
                 *([self.name] if self.image_path else ())]
        return f"PoseResult({', '.join(parts)})"

    @property
    def name(self) -> str:
        """The picture's name without folder and suffix, with the frame's number in a film."""
        stem = Path(self.image_path).stem or "picture"
        return stem if self.frame is None else f"{stem}_{self.frame:06d}"

    @property
    def names(self) -> tuple[str, ...]:
        """The K keypoints' names; raises ConfigError where no metainfo is known."""
        return self.known_metainfo.keypoint_names

    @property
    def own_keypoints(self) -> np.ndarray:
        """(P, K) bool: which of the keypoints are those of the person's class."""
        if self.metainfo is None:
            return np.ones(self.found.shape, bool)
        return self.metainfo.own_keypoints(self.class_ids)

    @property
    def class_names(self) -> tuple[str, ...]:
        """P names: the class of each person."""
        names = [one.name for one in self.known_metainfo.classes]
        return tuple(names[index] for index in self.class_ids)

    @property
    def boxes(self) -> np.ndarray:
        """(P, 4) float32 x0, y0, x1, y1 around the found keypoints; NaN for a person without."""
        found = self.found[..., None]
        low = np.where(found, self.keypoints, np.inf).min(axis=1, initial=np.inf)
        high = np.where(found, self.keypoints, -np.inf).max(axis=1, initial=-np.inf)
        boxes = np.concatenate([low, high], axis=1).astype(np.float32)
        boxes[~self.found.any(axis=1)] = np.nan
        return boxes

    @property
    def grouping_margin(self) -> np.ndarray:
        """(P, K) float32: how clearly its tag says whose each found keypoint is, in tag units.

        See :func:`~aepose.results.margins.grouping_margins`. People of low scores often are scraps
        of others, which makes these doubtful: filter them out before.
        """
        return grouping_margins(self.tags, self.found, self.class_ids)

    @property
    def known_metainfo(self) -> Metainfo:
        """The keypoint set; raises ConfigError where none is known."""
        if self.metainfo is None:
            raise ConfigError("the result does not know its keypoint set; give it one: "
                              "dataclasses.replace(result, metainfo=aepose.get_metainfo('coco'))")
        return self.metainfo

    def filter(self, min_score: float = 0.0, min_keypoints: int = 0,
               classes: str | Sequence[str] | None = None) -> PoseResult:
        """Return the people with at least that score and so many found keypoints.

        classes: the names of their classes; None: of all. Raises ConfigError for an unknown one.
        """
        kept = (self.scores >= min_score) & (self.found.sum(axis=1) >= min_keypoints)
        if classes is not None:
            wanted = [classes] if isinstance(classes, str) else classes
            known = [one.name for one in self.known_metainfo.classes]
            for name in wanted:
                if name not in known:
                    raise ConfigError(f"classes = {name!r} is no class of "
                                      f"'{self.known_metainfo.name}'" + nearest(str(name), known))
            kept &= np.isin(self.class_ids, [known.index(name) for name in wanted])
        return self[kept]

    def draw(
        self, image: np.ndarray | None = None,
        overlay: Literal["heatmaps", "tags"] | None = None, **style: Any,
    ) -> np.ndarray:
        """Return the picture with the people drawn on it, (H, W, 3) uint8 RGB.

        image: the picture, (H, W, 3) uint8 RGB; None takes the one that was looked at
        overlay: what of the maps to lay over it; ``predict(..., keep_maps=True)`` keeps them
        style: options of :class:`~aepose.drawing.DrawStyle`

        Keypoints that were filled in are hollow. Raises DataError where there is no picture, and
        ConfigError where there are no maps or an option is unknown.
        """
        known = [option.name for option in fields(DrawStyle)]
        for name in style:
            if name not in known:
                raise ConfigError(f"draw has no option '{name}'" + nearest(name, known))
        ground = self._pixels(image)
        if overlay is not None:
            ground = self._overlaid(ground, overlay)
        return draw_poses(ground, self, self.known_metainfo, DrawStyle(**style))

    def _overlaid(self, image: np.ndarray, overlay: str) -> np.ndarray:
        if overlay not in ("heatmaps", "tags"):
            raise ConfigError(f"overlay = {overlay!r}: give 'heatmaps' or 'tags'")
        if self.maps is None:
            raise ConfigError("the result has no maps to lay over its picture; ask for them: "
                              "model.predict(..., keep_maps=True)")
        heatmaps, tags = (part.cpu().numpy() for part in (self.maps.heatmaps, self.maps.tags))
        if overlay == "heatmaps":
            return draw_heatmaps(image, heatmaps, self.maps.matrix)
        return draw_tags(image, heatmaps, tags, self.maps.matrix)

    def show(self, image: np.ndarray | None = None, **style: Any) -> None:
        """Show the drawing in the notebook, or else in a window.

        Raises DataError where there is neither; ``image`` and ``style`` as in :meth:`draw`.
        """
        from PIL import Image

        drawing = Image.fromarray(self.draw(image, **style))
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if hasattr(shell, "kernel"):
            from IPython.display import display
            display(drawing)
        elif sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get(
                "WAYLAND_DISPLAY"):
            drawing.show()
        else:
            raise DataError("there is no notebook and no display to show a drawing on; write it to "
                            "a file: result.save('drawing.png')")

    def save(self, path: str | Path, image: np.ndarray | None = None, **style: Any) -> None:
        """Write the drawing (.png, .jpg) or, to a file that ends in .json, the result itself.

        Folders are made. Raises DataError that names a path that cannot be written.
        """
        if Path(path).suffix.lower() == ".json":
            write_text(Path(path), self.to_json() + "\n")
        else:
            write_image(path, self.draw(image, **style))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold, nothing lost; see :mod:`aepose.results.rows`."""
        return rows.to_dict(self)

    @classmethod
    def from_dict(
        cls, content: Mapping[str, Any], metainfo: Metainfo | str | None = None
    ) -> PoseResult:
        """Return what :meth:`to_dict` was made of.

        metainfo: the keypoint set, where it is none of aepose's own
        """
        return cls(**rows.parse(content, metainfo))

    def to_json(self) -> str:
        """Return :meth:`to_dict` as text."""
        return rows.to_json(self)

    @classmethod
    def from_json(cls, text: str, metainfo: Metainfo | str | None = None) -> PoseResult:
        """Return what :meth:`to_json` was made of."""
        return cls(**rows.parse(rows.load(text), metainfo))

    def to_coco(self, category_id: int | Sequence[int | str] = 1) -> list[dict[str, Any]]:
        """Return a record per person in COCO's result format, with a few keys more.

        category_id: that of the first class, which the others follow, or a list of those of all

        A record has its own class's keypoints. Of what is more, ``found``, ``tags``, … COCO's tools
        take no notice.
        """
        more = rows.to_dict(self)["people"]
        ids = formats.category_ids_of(category_id, self.known_metainfo)
        records = formats.coco_records(self, ids, self.known_metainfo)
        return [{**record, **{key: person[key] for key in formats.COCO_EXTRAS if key in person},
                 "found": [found for *_, found in person["keypoints"].values()]}
                for record, person in zip(records, more, strict=True)]

    @classmethod
    def from_coco(
        cls, records: Sequence[Mapping[str, Any]], metainfo: Metainfo | str,
        image_path: str = "", image_size: tuple[int, int] = (0, 0),
        category_id: int | Sequence[int | str] = 1,
    ) -> PoseResult:
        """Return the people of COCO result records of one picture, also of other programs.

        category_id: as for :meth:`to_coco`; of a set with one class they do not matter

        Raises DataError for records of several pictures, for other keypoints and, where there are
        several classes, for other categories.
        """
        return cls(**formats.parse_coco(records, metainfo, category_id), image_path=image_path,
                   image_size=image_size)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per person: ``nose_x``, ``nose_y``, ``nose_score``, ``nose_found``, …

        Of several classes there is ``class``, and keypoints of others are at NaN. Needs pandas.
        """
        return formats.to_dataframe([self])

    def to_supervision(self) -> sv.KeyPoints:
        """Return ``supervision.KeyPoints``: found keypoints are the visible ones.

        Needs supervision.
        """
        return formats.to_supervision(self)

    def _pixels(self, image: np.ndarray | None) -> np.ndarray:
        if image is not None:
            return image
        if self.image is not None:
            return self.image
        if self.frame is not None or not self.image_path:
            raise DataError("the result does not have its picture; give it: result.draw(image)")
        image = read_image(self.image_path)
        if (image.shape[1], image.shape[0]) != self.image_size:
            raise DataError(f"picture {self.image_path} is {image.shape[1]}x{image.shape[0]}, but "
                            f"the result is of one of {self.image_size[0]}x{self.image_size[1]}; "
                            "give it: result.draw(image)")
        return image
