"""What a conversion keeps account of: which keys were asked for, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aepose.errors import ConfigError

_MISSING = object()


@dataclass
class Report:
    """What was not carried over, as pairs of a key of the old config and the reason.

    notes: nothing is computed otherwise without it
    training: a training would be another one; a test is the same
    problems: the network or its test would be another one
    """

    notes: list[tuple[str, str]] = field(default_factory=list)
    training: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


class Section:
    """A dict of an old config that notices which of its keys are asked for.

    place: its dotted name; weight: the list of a :class:`Report` that its misfits go to
    """

    def __init__(self, values: Any, place: str, report: Report, weight: str) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"{place} = {_short(values)}: MMPose 0.x has a dict there")
        self.values, self.place, self.report, self.weight = values, place, report, weight
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def take(self, key: str, default: Any = _MISSING) -> Any:
        """Return a value; raises ConfigError if it is missing and has no default."""
        self._asked.add(key)
        if key in self.values:
            return self.values[key]
        if default is _MISSING:
            raise ConfigError(f"{self.name(key)} is missing, which MMPose 0.x needs")
        return default

    def text(self, key: str, default: Any = _MISSING) -> Any:
        """Return a text, or the default; raises ConfigError for anything else."""
        return self._of_kind(str, "a text", key, default)

    def whole(self, key: str, default: Any = _MISSING) -> Any:
        """Return a whole number, or the default; raises ConfigError for anything else."""
        return self._of_kind(int, "a whole number", key, default)

    def _of_kind(self, kind: type, word: str, key: str, default: Any) -> Any:
        value = self.take(key, default)
        if type(value) is not kind and not (value is default and key not in self.values):
            raise self._refusal(key, value, word)
        return value

    def _refusal(self, key: str, value: Any, word: str) -> ConfigError:
        return ConfigError(f"{self.name(key)} = {_short(value)}: MMPose 0.x has {word} there")

    def several(self, key: str, default: Any = _MISSING) -> list:
        """Return a list of at least one; a single value is one of one."""
        value = self.take(key, default)
        if value == [] and key in self.values:
            raise self._refusal(key, value, "something")
        return value if isinstance(value, list) else [value]

    def sections(self, key: str, default: Any = _MISSING) -> Iterator[Section]:
        """Yield the dicts of a list."""
        for index, part in enumerate(self.several(key, default)):
            yield Section(part, self.name(f"{key}.{index}"), self.report, self.weight)

    def section(self, key: str, weight: str | None = None) -> Section:
        """Return a dict below; a missing one and None are empty."""
        return Section(self.take(key, None) or {}, self.name(key), self.report,
                       weight or self.weight)

    def only(self, key: str, *fitting: Any, why: str) -> None:
        """Ask for a value that can only be one of some; for another, say why."""
        value = self.take(key, fitting[0])
        if value not in fitting:
            self.misfit(key, why, value)

    def unused(self, keys: Iterable[str], why: str, place: str = "") -> None:
        """Ask for what has nothing to be carried over to, and note why.

        place: said instead of the section's own
        """
        for key in keys:
            if key in self.values:
                self.take(key)
                self.report.notes.append((f"{place}.{key}" if place else self.name(key), why))

    def misfit(self, key: str, why: str, value: Any = _MISSING) -> None:
        """Note what cannot be converted."""
        said = "" if value is _MISSING else f" = {_short(value)}"
        getattr(self.report, self.weight).append((f"{self.name(key)}{said}", why))

    def close(self, why: str = "aepose knows no such option of MMPose 0.x") -> None:
        """Note every key that nothing asked for."""
        for key in self.unasked():
            self.misfit(key, why, self.values[key])

    def unasked(self) -> list[str]:
        """Return the keys that nothing asked for."""
        return [key for key in self.values if key not in self._asked]

    def name(self, key: str) -> str:
        """Return the dotted name of a key."""
        return f"{self.place}.{key}" if self.place else str(key)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def all_equal(values: list) -> bool:
    """Return whether a list has one value only."""
    return all(value == values[0] for value in values)
