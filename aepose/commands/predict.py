"""``aepose predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from aepose.commands.describe import command
from aepose.commands.options import Amp, CfgOptions, Finite, Positive, amp_type
from aepose.errors import DataError, UsageError
from aepose.tables import counted

if TYPE_CHECKING:
    from aepose.apis.predict_files import Summary
    from aepose.apis.predict_film import FilmSummary

_SHOWN = 10  # doubtful frames, failed pictures


@command(
    example="aepose predict photos walk.mp4 --model best.pth --out found",
    interrupted="what was written for pictures already done is whole; the same command does the "
    "rest")
def predict(
    first: Annotated[str, Parameter(name="INPUT", help="picture, folder, glob or film")], /,
    *inputs: Annotated[str, Parameter(name="INPUT", help="more of them")],
    model: Annotated[str | None, Parameter(
        name=["--model", "--config"], metavar="MODEL", help="name of a model of the zoo, config "
        "file, checkpoint of a training, or file of `aepose export`, which may also stand before "
        "the pictures (default: a small network for drawn people)")] = None,
    checkpoint: Annotated[str | None, Parameter(
        metavar="FILE", help="weights: a file, its URL, or a published file's name (default: those "
        "of the zoo model)")] = None,
    out: Annotated[str, Parameter(
        metavar="DIR", help="folder to write; for one film, the film to write")
    ] = "outputs/predict",
    format: Annotated[Literal["jsonl", "json", "csv", "parquet"], Parameter(
        help="of the file of results; json is COCO's")] = "jsonl",
    no_draw: Annotated[bool, Parameter(help="write results alone, no drawings")] = False,
    min_score: Annotated[Finite, Parameter(help="leave out people with a lower score")] = 0.2,
    batch_size: Annotated[Positive, Parameter(
        help="pictures of one size that go through the network together")] = 1,
    multi_scale: Annotated[bool, Parameter(help="look at several scales")] = False,
    device: Annotated[str | None, Parameter(
        metavar="DEVICE", help="such as cpu or cuda:0 (default: a GPU if there is one)")] = None,
    amp: Amp = False,
    recursive: Annotated[bool, Parameter(help="enter the folders in folders")] = False,
    shard: Annotated[str | None, Parameter(
        metavar="I/N", help="do a share alone, such as 2/8, the second of eight; the same command "
        "without it joins them")] = None,
    individuals: Annotated[Positive | None, Parameter(
        help="how many people a film shows, where that is known and does not change")] = None,
    smooth: Annotated[Literal["one-euro", "savgol"] | None, Parameter(
        help="smooth the positions in a film")] = None,
    cfg_options: CfgOptions = None,
) -> None:
    """Find people in pictures and films.

    Writes a drawing of each, and one file of results; of films, who is who throughout. The same
    command, given again, does what is missing.
    """
    from aepose.apis.loading import load_model
    from aepose.apis.parts import Shard
    from aepose.apis.predict_files import predict_files
    from aepose.apis.sources import is_film
    from aepose.runtime.files import is_exported

    sources = [first, *inputs]
    if model is None and is_exported(first):
        model, *sources = sources
    if not sources:
        raise UsageError(f"{first} is a network; give the pictures, too")
    films = [source for source in sources if is_film(source)]
    pictures = [source for source in sources if not is_film(source)]
    share = Shard.parse(shard) if shard else Shard()
    if is_film(out) and (pictures or len(films) > 1):
        raise UsageError(f"--out {out} is a film, so give one film; for several inputs, a folder")
    if not films and (individuals or smooth):
        raise UsageError("--individuals and --smooth are for films")
    network = load_model(model, checkpoint, device=device, dtype=amp_type(amp),
                         cfg_options=cfg_options or ())
    options: dict[str, Any] = {
        "file_format": format, "draw": not no_draw, "shard": share, "progress": True,
        "batch_size": batch_size, "multi_scale": multi_scale, "min_score": min_score}
    failures = []
    if pictures:
        found = predict_files(network, pictures, out, recursive=recursive, **options)
        failures += found.failures
        _tell(found, share.of)
    for film in films:
        from aepose.apis.predict_film import predict_film

        summary = predict_film(network, film, out, individuals=individuals, smoothing=smooth,
                               **options)
        failures += summary.failures
        _tell_film(film, summary)
    if failures:
        more = "\n  …" if len(failures) > _SHOWN else ""
        raise DataError("\n  ".join([f"{len(failures)} could not be read; all else is done",
                                     *failures[:_SHOWN]]) + more)


def _tell(found: Summary, shares: int) -> None:
    where = found.file or (f"in parts; once all {shares} shares are done, the same command without "
                           "--shard joins them")
    print(f"{counted(found.pictures, 'picture')}, {found.who}: {where}")


def _tell_film(film: str, found: FilmSummary) -> None:
    if found.results is None:
        print(f"{film}: in parts; once all shares are done, the same command without --shard joins "
              "them")
        return
    print(f"{film}: {found.frames} frames, {found.who}: "
          f"{' and '.join(str(file) for file in (found.film, found.results) if file)}")
    if found.doubtful:
        shown = ", ".join(map(str, found.doubtful[:_SHOWN]))
        print(f"  who is who is doubtful in {len(found.doubtful)} frames: {shown}"
              + (", …" if len(found.doubtful) > _SHOWN else ""))
