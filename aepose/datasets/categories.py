"""Which categories of an annotation file are the people, and in which order their keypoints are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aepose.datasets.values import Id, Notes, check_one_kind, checked_id, shown
from aepose.errors import DataError, nearest
from aepose.metainfo import Metainfo, PoseClass
from aepose.metainfo.pairs import plain_name

Category = Id | Sequence[Id] | Mapping[str, Id | Sequence[Id]] | None
"""Ids or names of the categories that are meant, by class where there are several; None where the
file leaves no choice."""
_SHOWN = 6  # names in a message


def parse_category(text: str) -> Category:
    """Read what a command line gives: 'adult,child', or by class 'dog=hound,dog=puppy'.

    >>> parse_category('dog=hound,dog=puppy,person=7')
    {'dog': ['hound', 'puppy'], 'person': ['7']}
    """
    parts = text.split(",")
    if not all("=" in part for part in parts):
        return parts
    by_class: dict[str, list[Id]] = {}
    for name, _, category in (part.partition("=") for part in parts):
        by_class.setdefault(name, []).append(category)
    return by_class


class Placing(NamedTuple):
    """Whose the keypoints of a category are, and where they are to be found.

    index: of the class among the metainfo's; pose_class: the same
    order: where in the file's ``keypoints`` each of the class's stands; None: in its order
    """

    index: int
    pose_class: PoseClass
    order: list[int] | None


def select_people(data: dict[str, Any], metainfo: Metainfo, category: Category, path: Path,
                  notes: Notes) -> dict[Id, Placing]:
    """Keep the categories of the metainfo's classes, and their annotations alone.

    data: the content of an annotation file, which is changed
    category: which, by id or name; all their annotations count as one. None takes the only one
        that lists the metainfo's keypoints or, where none lists any, whose annotations have some.
        Of several classes: which by the name of a class; what it leaves out is called as its class

    Returns by category where keypoints belong. Of several classes a category is called as its class
    afterwards. Raises DataError for categories and ids of categories that cannot be used, for names
    of keypoints that are not the metainfo's, and where a choice must be made.
    """
    known = check_categories(data["categories"], path, notes)
    used = _check_ids(data["annotations"], known, path, notes)
    if not known:
        return {}
    classes = metainfo.classes
    if len(classes) == 1:
        chosen = [_of_only_class(known, used, data, metainfo, category, path, notes)]
    else:
        chosen = _of_classes(known, data, metainfo, category, path, notes)
    ids = {entry["id"] for entries in chosen for entry in entries}
    others = [entry for entry in known.values() if entry["id"] not in ids]
    if others:
        notes.add("left out: " + _names(others, used))
        data["annotations"] = [a for a in data["annotations"] if a["category_id"] in ids]
    data["categories"] = []
    places: dict[Id, Placing] = {}
    for index, (pose_class, entries) in enumerate(zip(classes, chosen, strict=True)):
        order, entries = _in_order(entries, pose_class.metainfo, path, notes)
        data["categories"] += entries
        places |= {entry["id"]: Placing(index, pose_class, order) for entry in entries}
    return places


def classes_of(categories: Iterable[dict[str, Any]], metainfo: Metainfo) -> dict[Id, int]:
    """Return the class, as its index, of each category that :func:`select_people` has kept."""
    names = [one.name for one in metainfo.classes]
    return {entry["id"]: names.index(entry["name"]) if len(names) > 1 else 0
            for entry in categories}


def _in_order(entries: list[dict[str, Any]], metainfo: Metainfo, path: Path, notes: Notes
              ) -> tuple[list[int] | None, list[dict[str, Any]]]:
    """Return where in a class's categories keypoints stand, and these as if in its order."""
    orders = [_order(entry, metainfo, path) for entry in entries if entry.get("keypoints")]
    if any(order != orders[0] for order in orders):
        raise DataError(f"{path}: the categories {_names(entries)} list their keypoints in "
                        "different orders; take one of them, or write them alike")
    order = orders[0] if orders else None
    if order is None or order == list(range(len(order))):
        return None, entries
    notes.add(f"keypoints put into the order of metainfo '{metainfo.name}', which the file lists "
              "in another")
    names = list(metainfo.keypoint_names[:len(order)])
    # The skeleton counts keypoints in the old order; nobody reads it here.
    return order, [{key: names if key == "keypoints" else value
                    for key, value in entry.items() if key != "skeleton"}
                   for entry in entries]


def _of_only_class(known: dict[Id, dict[str, Any]], used: Counter[Id], data: dict[str, Any],
                   metainfo: Metainfo, category: Category, path: Path, notes: Notes
                   ) -> list[dict[str, Any]]:
    """Return the categories of the only class there is."""
    if isinstance(category, Mapping):
        raise DataError(f"{path}: category = {category!r} is by class, but metainfo "
                        f"'{metainfo.name}' has none; give a name, an id, or a list of them")
    _leave_out_stale_lists(known, data["annotations"], metainfo, notes)
    if category in (None, [], ()):
        return _only_one(known, used, data["annotations"], metainfo, path)
    return [find_category(wanted, known, path) for wanted in _listed(category)]


def _of_classes(known: dict[Id, dict[str, Any]], data: dict[str, Any], metainfo: Metainfo,
                category: Category, path: Path, notes: Notes) -> list[list[dict[str, Any]]]:
    """Return the categories of each of several classes, called as it is."""
    names = [one.name for one in metainfo.classes]
    given = {} if category is None else category
    if not isinstance(given, Mapping):
        raise DataError(f"{path}: category = {category!r}: metainfo '{metainfo.name}' has several "
                        f"classes; say which category is which, such as {names[0]}=…")
    for name in given:
        if name not in names:
            raise DataError(f"{path}: category = {category!r}: {name!r} is no class of metainfo "
                            f"'{metainfo.name}'" + nearest(str(name), names))
    chosen, owners = [], {}
    for one in metainfo.classes:
        entries = ([find_category(wanted, known, path) for wanted in _listed(given[one.name])]
                   if one.name in given else
                   [entry for entry in known.values()
                    if plain_name(entry.get("name") or "") == plain_name(one.name)])
        if not entries:
            called = [str(entry.get("name", entry["id"])) for entry in known.values()]
            raise DataError(f"{path}: no category is called as the class {one.name!r} of metainfo "
                            f"'{metainfo.name}'; there is {_names(known.values())}"
                            + nearest(one.name, called) + "; name it with category=")
        for entry in entries:
            other = owners.setdefault(entry["id"], one.name)
            if other != one.name:
                raise DataError(f"{path}: category {_names([entry])} is taken for {other!r} and "
                                f"for {one.name!r}; say with category= which is which")
        own = {entry["id"]: {**entry, "name": one.name} for entry in entries}
        _leave_out_stale_lists(own, data["annotations"], one.metainfo, notes)
        chosen.append(list(own.values()))
    return chosen


def _listed(category: Id | Sequence[Id]) -> Sequence[Id]:
    return category if isinstance(category, (list, tuple)) else [category]


def check_categories(categories: list[dict[str, Any]], path: Path,
                     notes: Notes) -> dict[Id, dict[str, Any]]:
    """Return the categories by id; one that calls all its keypoints alike lists none.

    Raises DataError that names the entry, the key and the value for what cannot be used.
    """
    known: dict[Id, dict[str, Any]] = {}
    for number, entry in enumerate(categories):
        where = f"{path}: categories[{number}]"
        if "id" not in entry:
            raise DataError(f"{where} has no 'id'; add it to the file")
        entry["id"] = checked_id(entry["id"], "id", where)
        if entry["id"] in known:
            raise DataError(f"{path}: two categories have the id {entry['id']!r}; ids must be "
                            "unique")
        if not isinstance(entry.get("name", ""), (str, type(None))):
            raise DataError(f"{where}: 'name' is {shown(entry['name'])}; it must be a text")
        names = entry.get("keypoints") or []
        if not isinstance(names, list) or not {str}.issuperset(map(type, names)):
            raise DataError(f"{where}: 'keypoints' is {shown(names)}; it must be a list of names")
        if len(names) > 1 and len(set(names)) == 1:
            notes.add(f"category {_names([entry])} calls all its keypoints {names[0]!r}: they are "
                      "taken to stand in the metainfo's order")
            categories[number] = entry = {**entry, "keypoints": []}
        known[entry["id"]] = entry
    check_one_kind(known, "ids of categories", path)
    return known


def _leave_out_stale_lists(known: dict[Id, dict[str, Any]], annotations: list[dict[str, Any]],
                           metainfo: Metainfo, notes: Notes) -> None:
    """Forget lists of names that are not as many as the keypoints of the annotations.

    They were left over when a file was cut down to other keypoints.
    """
    count = metainfo.annotation_fields[0][1]
    for key, entry in known.items():
        names = entry.get("keypoints") or []
        if not names or len(names) in (count, metainfo.num_keypoints):
            continue
        given = next((a["keypoints"] for a in annotations
                      if a["category_id"] == key and a.get("keypoints")), None)
        if isinstance(given, list) and len(given) == 3 * count:
            notes.add(f"category {_names([entry])} lists {len(names)} keypoints, but its "
                      f"annotations have {count}: the list is not looked at")
            known[key] = {**entry, "keypoints": []}


def _check_ids(annotations: list[dict[str, Any]], known: dict[Id, dict[str, Any]], path: Path,
               notes: Notes) -> Counter[Id]:
    """Return how many annotations each category has."""
    if annotations and not known:
        raise DataError(f"{path}: 'categories' is empty; add the category of the people")
    only = next(iter(known)) if len(known) == 1 else None
    used: Counter[Id] = Counter()
    for annotation in annotations:
        name = annotation["id"]
        value = annotation.get("category_id")
        if type(value) is not int:
            where = f"{path}: annotation {shown(name)}"
            if "category_id" in annotation:
                value = checked_id(value, "category_id", where)
            elif only is not None:
                notes.count("without category_id: taken for the only category", name)
                value = only
            else:
                raise DataError(f"{where} has no 'category_id'; add it, the file has "
                                f"{_names(known.values())}")
            annotation["category_id"] = value
        if value not in known:
            raise DataError(f"{path}: annotation {shown(name)} has the category_id {shown(value)}, "
                            f"which 'categories' does not have; there is {_names(known.values())}")
        used[value] += 1
    return used


def _only_one(known: dict[Id, dict[str, Any]], used: Counter[Id],
              annotations: list[dict[str, Any]], metainfo: Metainfo, path: Path
              ) -> list[dict[str, Any]]:
    if len(known) == 1:
        return list(known.values())
    listing = [entry for entry in known.values() if entry.get("keypoints")]
    fitting = [entry for entry in listing if _fits(entry, metainfo)]
    if listing and not fitting:
        _order(max(listing, key=lambda entry: used[entry["id"]]), metainfo, path)
    with_keypoints = {a["category_id"] for a in annotations if a.get("keypoints")}
    if not listing:
        fitting = [known[key] for key in known if key in with_keypoints]
        # What test servers give out has no annotations to tell by.
        fitting = fitting or [entry for entry in known.values() if entry.get("name") == "person"]
    occupied = [entry for entry in fitting if used[entry["id"]]]
    if not occupied and with_keypoints:
        others = _names([entry for entry in known.values() if used[entry["id"]]])
        raise DataError(f"{path}: no annotation is of {_names(fitting)}, which has the keypoints; "
                        f"they are of {others}: correct their category_id, or say with category= "
                        "which is meant")
    fitting = occupied or fitting
    if len(fitting) != 1:
        raise DataError(f"{path}: {_names(fitting or known.values(), used)} "
                        + ("all have the keypoints" if fitting else "are all without keypoints")
                        + "; say with category= (a name, an id, or a list of them) which are meant")
    return fitting


def find_category(wanted: Id, known: dict[Id, dict[str, Any]], path: Path) -> dict[str, Any]:
    """Return the category of an id or name; ids that are texts may be given as numbers.

    known: categories by id. Raises DataError that names the nearest one if it is not among them.
    """
    for entry in known.values():
        if wanted in (entry["id"], entry.get("name")):
            return entry
    for entry in known.values():
        if str(wanted) == str(entry["id"]):
            return entry
    names = [str(entry.get("name", entry["id"])) for entry in known.values()]
    raise DataError(f"{path}: category = {wanted!r} is not among its categories, "
                    f"{_names(known.values())}" + nearest(str(wanted), names))


def _own_names(names: Sequence[str], metainfo: Metainfo) -> list[str]:
    """Return a file's names as the metainfo spells them; unknown ones as they are."""
    own = {plain_name(name): name for name in metainfo.keypoint_names}
    for other, name in metainfo.aliases:
        own.setdefault(plain_name(other), name)
    return [own.get(plain_name(name), name) for name in names]


def _expected(names: Sequence[str], metainfo: Metainfo) -> tuple[str, ...]:
    """Return what a file should list: all names, or those of the field 'keypoints' alone."""
    if len(names) == metainfo.num_keypoints:
        return metainfo.keypoint_names
    return metainfo.keypoint_names[:metainfo.annotation_fields[0][1]]


def _fits(entry: dict[str, Any], metainfo: Metainfo) -> bool:
    names = entry["keypoints"]
    return sorted(_own_names(names, metainfo)) == sorted(_expected(names, metainfo))


def _order(entry: dict[str, Any], metainfo: Metainfo, path: Path) -> list[int]:
    """Return where in a category's keypoints each of the metainfo's stands."""
    names = _own_names(entry["keypoints"], metainfo)
    expected = _expected(names, metainfo)
    where = f"{path}: the keypoints of category {_names([entry])}"
    if not _fits(entry, metainfo):
        known = set(expected)
        differences = [f"{what} has {_some(some)}" for what, some in (
            ("only the file", [n for n in names if n not in known]),
            ("only the metainfo", [n for n in expected if n not in names]),
            ("twice the file", [n for n in known if names.count(n) > 1])) if some]
        raise DataError(f"{where} are not the {len(expected)} of metainfo '{metainfo.name}': "
                        f"{', '.join(differences)}; take the metainfo of this data set, or list "
                        "other spellings as its 'aliases'")
    order = [names.index(name) for name in expected]
    if len(order) > metainfo.annotation_fields[0][1]:
        if order != list(range(len(order))):
            raise DataError(f"{where} stand in another order than those of metainfo "
                            f"'{metainfo.name}'; write them in its order")
        return order[:metainfo.annotation_fields[0][1]]
    return order


def _some(names: Sequence[Any]) -> str:
    more = f", … ({len(names)})" if len(names) > _SHOWN else ""
    return ", ".join(shown(name) for name in names[:_SHOWN]) + more


def _names(entries: Any, used: Counter[Id] | None = None) -> str:
    """Return categories for a message: 1 'person'; with how many annotations each has."""
    texts = []
    for entry in entries:
        name = f" {entry['name']!r}" if entry.get("name") else ""
        number = "" if used is None else f" ({used[entry['id']]} annotations)"
        texts.append(f"{entry['id']!r}{name}{number}")
    return ", ".join(texts[:_SHOWN]) + (f", … ({len(texts)})" if len(texts) > _SHOWN else "")
