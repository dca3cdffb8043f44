"""Find people in many pictures, into files: drawings and one file of results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from aepose.apis.parts import BLOCK, Parts, Shard, blocks_of
from aepose.apis.predictor import Predictor
from aepose.apis.sources import is_single, pictures_of
from aepose.errors import DataError
from aepose.files import free_name, make_folder
from aepose.progress import progress_bar
from aepose.results import PoseResult, write_results
from aepose.version import __version__

PARTS = "parts"
ALL = Shard()


@dataclass(frozen=True)
class Summary:
    """What a run over many pictures did.

    pictures: those with a result; people: found in them; who: how many of each class, in words;
        failures: what was wrong with the others
    file: of all results; None as long as other shares are missing
    """

    pictures: int
    people: int
    who: str
    failures: list[str]
    file: Path | None


def predict_files(
    model: Predictor,
    sources: Sequence[str | Path],
    out: str | Path,
    file_format: str = "jsonl",
    draw: bool = True,
    shard: Shard = ALL,
    recursive: bool = False,
    progress: bool = False,
    **options: Any,
) -> Summary:
    """Find people in picture files, into the folder ``out``.

    sources: files, folders, globs
    file_format: 'jsonl', 'json' (COCO's), 'csv' or 'parquet', see
        :func:`~aepose.results.write_results`
    draw: write a drawing of every picture, called as it is
    shard: do a share of the pictures alone; the file of all results is written by a run without
    recursive: enter the folders in folders
    progress: show a bar on stderr
    options: ``batch_size``, ``multi_scale``, ``min_score`` of ``Predictor.predict``

    Writes ``results.<format>``, ``<picture>.png`` and ``parts/``, see :mod:`aepose.apis.parts`: the
    same call does what an earlier one has not. A picture that cannot be read ends nothing; it is
    told in the summary. Raises DataError for a source that is missing and for a folder that holds
    results of another run, OutputError for one that cannot be written.
    """
    for source in sources:
        if is_single(source) and not os.path.exists(source):
            raise DataError(f"picture {source} does not exist")
    pictures = [picture for source in sources
                for picture in pictures_of(source, recursive=recursive)]
    if not pictures:
        raise DataError("there is no picture to look at")
    out, files = make_folder(out), [Path(picture.path) for picture in pictures]
    parts = Parts(out / PARTS, {
        "pictures": [str(file) for file in files], **recipe_of(model, options, files)})
    drawings = _Drawings(files, out, draw)
    bar = progress_bar("finding people", len(pictures)) if progress else nullcontext(id)
    with bar as show:
        for number, block in blocks_of(pictures):
            if shard.has(number) and number not in parts:
                failed: list[DataError] = []
                found = model.predict(block, on_error=failed.append, **options)
                parts.write(number, drawings.of(found), map(str, failed))
            elif shard.has(number):
                drawings.complete(parts.read(number, model.metainfo))
            show(min((number + 1) * BLOCK, len(pictures)))
    return _joined(parts, number + 1, out, file_format, shard, model)


def recipe_of(
    model: Predictor, options: dict[str, Any], files: Sequence[Path]
) -> dict[str, Any]:
    """Return what results depend on; of files, whether they are those of before."""
    stamps = sha256()
    for file in files:
        known = file.stat() if file.exists() else None
        stamps.update(f"{known and (known.st_size, known.st_mtime_ns)}\n".encode())
    return {"state of the files (sizes and times)": stamps.hexdigest(),
            **model.recipe(),
            "options": options, "block": BLOCK, "version": __version__}


def _joined(parts: Parts, blocks: int, out: Path, file_format: str, shard: Shard,
            model: Predictor) -> Summary:
    """Write the file of all results, unless that is left to a run of all."""
    done = [block for block in range(blocks) if block in parts]
    counted = _Counted(result for block in done for result in parts.read(block, model.metainfo))
    file = None
    if shard.of == 1:
        file = out / f"results.{file_format}"
        write_results(file, counted)
    else:
        for _ in counted:
            pass
    failures = [message for block in done for message in parts.failures(block)]
    return Summary(counted.pictures, counted.classes.total(), model.metainfo.count(counted.classes),
                   failures, file)


class _Counted(Iterator[PoseResult]):
    """Results that count themselves as they go by."""

    def __init__(self, results: Iterator[PoseResult]) -> None:
        self._results = results
        self.pictures = 0
        self.classes: Counter[int] = Counter()

    def __next__(self) -> PoseResult:
        result = next(self._results)
        self.pictures += 1
        self.classes.update(result.class_ids.tolist())
        return result


class _Drawings:
    """The drawings of pictures, each called as its picture is, none like a picture in the folder.

    wanted: False draws nothing
    """

    def __init__(self, files: Sequence[Path], out: Path, wanted: bool) -> None:
        taken = {file.stem.casefold() for file in files
                 if file.suffix.lower() == ".png" and file.parent.resolve() == out.resolve()}
        # The stem may hold dots, so the suffix is added, not exchanged.
        self._paths = {str(file): out / f"{free_name(file.stem, taken)}.png" for file in files}
        self._wanted = wanted

    def of(self, results: Iterable[PoseResult]) -> Iterator[PoseResult]:
        """Draw results as they go by."""
        for result in results:
            if self._wanted:
                result.save(self._paths[result.image_path])
            yield result

    def complete(self, results: Iterable[PoseResult]) -> None:
        """Draw what an earlier run has not."""
        for result in results if self._wanted else ():
            if not self._paths[result.image_path].exists():
                result.save(self._paths[result.image_path])
