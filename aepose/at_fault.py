"""Find the option for which a part of a config cannot be built, whoever wrote the part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aepose.errors import AeposeError, ConfigError

_PATIENCE = 5  # seconds that are spent on the search
_SHOWN = 80  # characters of a value


def built(key: str, make: Callable[[Any], Any], described: Any, cls: Callable | None = None) -> Any:
    """Return ``make(described)``; if it fails, find out for which of the options.

    key: where the config describes it; cls: what is made, to be named in the message

    Raises the AeposeError that it fails with, or a ConfigError that names the option without which
    it would not have failed; where there is no such, or none is found in time, the place alone.
    """
    kept = _copied(described)  # some take out of a dict what they have read
    try:
        return make(described)
    except AeposeError:
        raise
    except Exception as error:  # the code of the part may be the engine's, PyTorch's or anybody's
        text = str(error) or type(error).__name__
        name = f" ({cls.__name__})" if cls else ""
        place = _place_at_fault(make, kept)
        if place:
            value = repr(_value(kept, place))
            if len(value) > _SHOWN:
                value = value[:_SHOWN] + " …"
            told = f"{'.'.join((key, *place))} = {value} cannot be used{name}: {text}"
        else:
            told = f"{key}{name} cannot be built from these options: {text}"
        raise ConfigError(told) from error


def _place_at_fault(make: Callable[[Any], Any], described: Any) -> tuple[str, ...]:
    """Return the place of the innermost option without which ``make`` does not fail, or ()."""
    until = time.monotonic() + _PATIENCE
    for place in sorted(_options(described), key=len, reverse=True):
        if time.monotonic() > until:
            break
        try:
            make(_without(described, place))
        except Exception:  # another option, or one that has to be there
            continue
        return place
    return ()


def _copied(described: Any) -> Any:
    if isinstance(described, Mapping):
        return {key: _copied(value) for key, value in described.items()}
    if isinstance(described, (list, tuple)):
        return type(described)(map(_copied, described))
    return described


def _options(described: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of all options, also of those of dicts in lists."""
    if isinstance(described, Mapping):
        for key, value in described.items():
            if key != "type":
                yield (*place, key)
            yield from _options(value, (*place, key))
    elif isinstance(described, (list, tuple)):
        for index, value in enumerate(described):
            yield from _options(value, (*place, str(index)))


def _inside(described: Any, key: str) -> Any:
    return described[key if isinstance(described, Mapping) else int(key)]


def _value(described: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        described = _inside(described, key)
    return described


def _without(described: Any, place: tuple[str, ...]) -> Any:
    changed = _copied(described)
    del _value(changed, place[:-1])[place[-1]]
    return changed
