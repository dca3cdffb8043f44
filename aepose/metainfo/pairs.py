"""Left and right in the names of keypoints: which names mirror each other, and pairs from that."""

from __future__ import annotations

import re
from collections.abc import Sequence

# As in left_eye, LeftEye, eyeLeft; l_eye, eye_R; LEye; eyeL, legL4, paw1LH; pawFL. Not as in
# bright, collar or leg.
_WORDS = re.compile(
    r"(?<![^\W\d_])(?i:left|right)|(?<=[a-z])(?:Left|Right)|(?<![^\W_])[lrLR](?![^\W_])"
    r"|(?<![^\W_])[LR](?=[A-Z][a-z])|(?<=[a-z\d])[LR](?![a-z])|(?<=(?<![A-Z])[FHB])[LR](?![^\W_])")
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}
# Counts limbs around the body: the left hind paw is 1, the right one 4.
_RUNNING = re.compile(r"\d+(?=[LR])")
# A letter right in front of a word, which says a side only where both are there: lhip and rhip.
_FIRST_LETTER = re.compile(r"[lrLR](?=[a-z]{2})")


def plain_name(name: str) -> str:
    """Return a name without what makes no difference: upper case, blanks, hyphens, underscores.

    >>> plain_name('Left-Eye') == plain_name('left_eye')
    True
    """
    return re.sub(r"[\s_-]", "", name).casefold()


def mirrored_name(name: str) -> str:
    """Return the name of the keypoint on the other side; the same where a name tells no side.

    >>> mirrored_name('left_eye'), mirrored_name('paw_R'), mirrored_name('nose')
    ('right_eye', 'paw_L', 'nose')
    """
    return _WORDS.sub(lambda match: _other(match.group()), name)


def mirrors(first: str, second: str) -> bool:
    """Return whether two names are those of one keypoint on either side.

    A running number in front of the side may differ, and a single letter may stand for it.

    >>> mirrors('left_eye', 'Right_Eye'), mirrors('paw1LH', 'paw4RH'), mirrors('lhip', 'rhip')
    (True, True, True)
    """
    return any(rule(first, second) for rule in _RULES)


def guess_pairs(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the flip pairs that names tell, left first, in the order of ``names``.

    A name that mirrors several others, or none, is in no pair.

    >>> guess_pairs(['nose', 'wingR', 'wingL', 'leg'])
    (('wingL', 'wingR'),)
    """
    partner: dict[str, str] = {}
    for rule in _RULES:
        free = [name for name in names if name not in partner]
        found = {name: [other for other in free if rule(name, other)] for name in free}
        partner |= {name: others[0] for name, others in found.items()
                    if len(others) == 1 and found[others[0]] == [name]}
    return tuple((name, partner[name]) for name in names if name in partner and _is_left(name))


def _by_words(first: str, second: str) -> bool:
    other = mirrored_name(first)
    return other != first and plain_name(other) == plain_name(second)


def _by_first_letter(first: str, second: str) -> bool:
    match = _FIRST_LETTER.match(first)
    return match is not None and _other(match.group()) + first[1:] == second


def _but_for_numbers(first: str, second: str) -> bool:
    other = mirrored_name(first)
    return other != first and plain_name(_RUNNING.sub("", other)) == plain_name(
        _RUNNING.sub("", second))


_RULES = (_by_words, _by_first_letter, _but_for_numbers)


def _is_left(name: str) -> bool:
    """Return whether a name of a pair is that of the left side."""
    word = _WORDS.search(name)
    return (word.group() if word else name)[0].lower() == "l"


def _other(word: str) -> str:
    swapped = _OTHER[word.lower()]
    return swapped.upper() if word.isupper() else (
        swapped.capitalize() if word[0].isupper() else swapped)
