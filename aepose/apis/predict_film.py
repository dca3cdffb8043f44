"""Find people in a film, and who is who: a film with drawings, and a file of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aepose.apis.parts import Parts, Shard, blocks_of
from aepose.apis.predict_files import ALL, recipe_of
from aepose.apis.predictor import Predictor
from aepose.apis.sources import is_film, pictures_of
from aepose.errors import DataError
from aepose.files import make_folder
from aepose.film.following import Followed, Smoothing, smoothed
from aepose.film.tracking import NOBODY
from aepose.film.video import Film
from aepose.film.writer import SUFFIXES, FilmWriter, film_writer
from aepose.progress import progress_bar
from aepose.results import PoseResult, write_results

_USUAL_RATE = 25  # frames per second, of a film that does not say
_WEAK = 0.1  # score of people who are looked for among those seen before


@dataclass(frozen=True)
class FilmSummary:
    """What was found in a film.

    frames: with a result; people: found in all of them; identities: how many people these are;
        who: how many of each class, in words
    doubtful: the numbers of frames in which it is doubtful who is who
    failures: where the film breaks off
    results, film: the files; None as long as other shares are missing, and without a film to draw
    """

    frames: int
    people: int
    identities: int
    who: str
    doubtful: list[int]
    failures: list[str]
    results: Path | None
    film: Path | None


def predict_film(
    model: Predictor,
    source: str | Path,
    out: str | Path,
    file_format: str = "jsonl",
    individuals: int | None = None,
    smoothing: Smoothing = None,
    min_score: float = 0.2,
    draw: bool = True,
    shard: Shard = ALL,
    progress: bool = False,
    **options: Any,
) -> FilmSummary:
    """Find the people of a film and follow them.

    out: the film to write, with drawings; or a folder for it. Beside it stand the results, with the
        suffix ``file_format`` (see :func:`~aepose.results.write_results`), and a folder of parts
    individuals: how many there are, of all classes, where that is known and does not change
    smoothing: 'one-euro' or 'savgol', see :mod:`aepose.film.smoothing`; None: positions as found
    min_score: leave out people with a lower score, but for those who were followed so far
    draw: False writes no film
    shard, progress, options: as for :func:`~aepose.apis.predict_files.predict_files`

    The people are found first, frame by frame, in part files, as for pictures: the same call goes
    on after a stop. Then they are followed, smoothed and drawn in one go; memory does not grow with
    the film. Where a film breaks off, what was found before stays. Raises DataError for a source
    that is no film, and as ``predict_files`` does.
    """
    if not is_film(source):
        raise DataError(f"{source} is no film, by its name")
    film, target = Film(source), _target(Path(source), Path(out))
    options["min_score"] = min(min_score, _WEAK)
    parts = Parts(target.with_name(f"{target.stem}_parts"),
                  {"film": str(source), **recipe_of(model, options, [film.path])})
    blocks, failures = _find(model, film, parts, shard, progress, options)
    if shard.of > 1:
        return FilmSummary(0, 0, 0, "", [], failures, None, None)
    followed = Followed(_results(parts, blocks, model), model.metainfo, individuals)
    likely = (result[(result.scores >= min_score) | (result.identities != NOBODY)]
              for result in followed)
    rows = smoothed(likely, smoothing, film.facts.frames_per_second or _USUAL_RATE)
    total = film.facts.num_frames
    with ExitStack() as opened:
        if draw:
            writer = opened.enter_context(film_writer(
                target, film.facts.size, film.facts.frames_per_second or _USUAL_RATE, source))
            rows = _drawn(rows, film, writer)
        if progress:
            rows = _noted(rows, opened.enter_context(progress_bar("following, drawing", total)))
        file = target.with_suffix(f".{file_format}")
        write_results(file, rows)
    return FilmSummary(followed.frames, followed.people, len(followed.classes),
                       model.metainfo.count(followed.classes.values()), followed.doubtful,
                       failures, file, target if draw else None)


def _target(source: Path, out: Path) -> Path:
    """Return the film to write; its folder is made."""
    if is_film(out):
        if out.suffix.lower() not in SUFFIXES:
            raise DataError(f"film {out}: films are written as {', '.join(SUFFIXES)}")
        if out.resolve() == source.resolve():
            raise DataError(f"{out} is the film that is read; name another to write")
        make_folder(out.parent)
        return out
    return make_folder(out) / f"{source.stem}_poses.mp4"


def _find(model: Predictor, film: Film, parts: Parts, shard: Shard, progress: bool,
          options: dict[str, Any]) -> tuple[int, list[str]]:
    """Write the parts that are missing; return how many blocks there are, and what failed."""
    bar = (progress_bar("finding people", film.facts.num_frames) if progress
           else nullcontext(lambda done: None))
    number = -1
    with bar as show:
        for number, block in blocks_of(pictures_of(film.path)):
            if shard.has(number) and number not in parts:
                failed: list[DataError] = []
                found = model.predict(block, on_error=failed.append, **options)
                parts.write(number, _noted(found, show), map(str, failed))
    done = [block for block in range(number + 1) if block in parts]
    failures = [message for block in done for message in parts.failures(block)]
    return number + 1, failures


def _noted(
    results: Iterable[PoseResult], show: Callable[[int], None]
) -> Iterator[PoseResult]:
    """Tell the bar of results as they go by."""
    for result in results:
        show(result.frame + 1)
        yield result


def _results(parts: Parts, blocks: int, model: Predictor) -> Iterator[PoseResult]:
    for block in range(blocks):
        yield from parts.read(block, model.metainfo)


def _drawn(
    results: Iterator[PoseResult], film: Film, writer: FilmWriter
) -> Iterator[PoseResult]:
    """Draw the results into a film as they go by."""
    for result, frame in zip(results, film, strict=False):  # a film may break off after the last
        writer.write(result.draw(frame.image), frame.seconds)
        yield result
