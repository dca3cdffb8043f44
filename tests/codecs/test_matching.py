import numpy as np
import pytest

from aepose.codecs.matching import match_by_tag
from aepose.codecs.peaks import Peaks
from tests.codecs.paths import missing, on_path


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def path(request):
    """Run everything compiled and in Python."""
    if missing(request.param):
        pytest.skip(missing(request.param))
    with on_path(request.param):
        yield request.param


def peaks_of(*keypoints, num_tags=1):
    """Peaks of lists of (score, tag, …) per keypoint; candidate m of keypoint k is at (m, k)."""
    most = max(1, *(len(k) for k in keypoints))
    values = np.zeros((len(keypoints), most, 1 + num_tags), np.float32)
    for k, candidates in enumerate(keypoints):
        for m, candidate in enumerate(candidates):
            values[k, m] = candidate
    y, x = np.indices(values.shape[:2])
    return Peaks(np.stack([x, y], -1).astype(np.int32), values[..., 0], values[..., 1:])


def chosen(people):
    """The number of the candidate per person and keypoint, None where there is none."""
    return [[int(joint[0]) if joint[2] else None for joint in pose] for pose in people]


# (candidates as (score, tag) per keypoint, options, expected candidate per person and keypoint)
MATCH_CASES = {
    "nobody": ([[], []], {}, []),
    "nobody above the threshold": ([[(0.05, 0)], [(0.1 - 1e-6, 0)]], {}, []),
    "one person": ([[(0.9, 0)], [(0.8, 0.1)], [(0.7, -0.1)]], {}, [[0, 0, 0]]),
    "first keypoint missing": ([[], [(0.8, 0)], [(0.7, 0)]], {}, [[None, 0, 0]]),
    "two people": ([[(0.9, 0), (0.8, 5)], [(0.9, 5), (0.8, 0)]], {}, [[0, 1], [1, 0]]),
    "second person starts later": ([[(0.9, 0)], [(0.9, 5), (0.8, 0)]], {}, [[0, 1], [None, 0]]),
    "threshold is strict": ([[(0.25, 0), (0.2, 5)]], {"detection_threshold": 0.25}, []),
    # float32(0.1) is a little more than 0.1.
    "threshold is compared in float64": ([[(np.float32(0.1), 0)]], {}, [[0]]),
    "tag threshold is strict": ([[(0.9, 0)], [(0.8, 1)]], {}, [[0, None], [None, 0]]),
    "tag within the threshold": ([[(0.9, 0)], [(0.8, 0.875)]], {}, [[0, 0]]),
    "another tag threshold": (
        [[(0.9, 0)], [(0.8, 0.875)]],
        {"tag_threshold": 0.5},
        [[0, None], [None, 0]],
    ),
    # 0 and 0.75 have the mean 0.375; 1.25 is too far from 0 but not from that.
    "mean tag, not the first": ([[(0.9, 0)], [(0.8, 0.75)], [(0.7, 1.25)]], {}, [[0, 0, 0]]),
    "mean tag, not the last": ([[(0.9, 0)], [(0.8, 0.75)], [(0.7, -0.5)]], {}, [[0, 0, 0]]),
    # The scores differ by less than float64 resolves beside the padding: a tie, row order decides.
    "scores drown in the padding": (
        [[(0.9, 0)], [(0.5, 0.25), (0.5000001, -0.25)]],
        {},
        [[0, 0], [None, 1]],
    ),
    "equal tags at the start: the last one stays": ([[(0.9, 2), (0.8, 2)]], {}, [[1]]),
    # Candidate 0 joins the person, 1 is left over, has the person's key and takes the place.
    "equal tag later replaces": ([[(0.9, 0)], [(0.9, 0.5), (0.8, 0)]], {}, [[0, 1]]),
    # ... and the tag history is [0], not [0, 0.5]: -0.875 is too far from a mean of 0.25.
    "equal tag later resets the mean": (
        [[(0.9, 0)], [(0.9, 0.5), (0.8, 0)], [(0.9, -0.875)]],
        {},
        [[0, 1, 0]],
    ),
    # Both distances round to 0: a tie, which the first person wins though the second is nearer.
    "rounded distances tie": ([[(0.9, 0), (0.8, 0.375)], [(0.9, 0.25)]], {}, [[0, 0], [1, None]]),
    "without scores the distance decides": (
        [[(0.9, 0), (0.8, 0.375)], [(0.9, 0.25)]],
        {"use_detection_val": False},
        [[0, None], [1, 0]],
    ),
    # A tie again, which the first person wins; half up the second would, at 0 against 1.
    "a half rounds to 0": ([[(0.9, 0), (0.8, 0.75)], [(0.9, 0.5)]], {}, [[0, 0], [1, None]]),
    # 1.75 and 1.5 tie at 2; half down the second person would win.
    "one and a half rounds to 2": (
        [[(0.9, 3.25), (0.8, 0)], [(0.9, 1.5)]],
        {"tag_threshold": 9},
        [[0, 0], [1, None]],
    ),
    "order of visits": ([[(0.9, 0)], [(0.8, 5)]], {"order": (1, 0)}, [[None, 0], [0, None]]),
    "more people than the limit": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 10), (0.8, 15)]],
        {"max_num_people": 2},
        [[0, None], [1, None], [None, 0], [None, 1]],
    ),
    "ignore_too_much": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 10), (0.8, 15)]],
        {"max_num_people": 2, "ignore_too_much": True},
        [[0, None], [1, None]],
    ),
    "ignore_too_much drops from the start": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 5), (0.8, 0)]],
        {"max_num_people": 1, "ignore_too_much": True},
        [[0, 1]],
    ),
    # The second person, nearer but beyond the limit, takes no candidate from the first.
    "ignore_too_much offers only the first people": (
        [[(0.9, 0), (0.8, 0.75)], [(0.9, 0.5)]],
        {"max_num_people": 1, "ignore_too_much": True, "use_detection_val": False},
        [[0, 0]],
    ),
    # The candidate of tag 5 is offered to the first person alone.
    "first_people_only keeps the others as they are": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 0), (0.8, 5.25)]],
        {"max_num_people": 1, "first_people_only": True},
        [[0, 0], [1, None], [None, 1]],
    ),
    "first_people_only with ignore_too_much": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 0), (0.8, 5.25)]],
        {"max_num_people": 1, "first_people_only": True, "ignore_too_much": True},
        [[0, 0]],
    ),
    "first_people_only still gives a person its own first tag again": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 5)]],
        {"max_num_people": 1, "first_people_only": True},
        [[0, None], [1, 0]],
    ),
    # The person of tag 10 is beyond the limit: nobody joins it.
    "ignore_too_much still lets the first people grow": (
        [[(0.9, 0), (0.8, 5)], [(0.9, 10)], [(0.9, 10), (0.8, 5)]],
        {"max_num_people": 2, "ignore_too_much": True},
        [[0, None, None], [1, None, 1]],
    ),
}


@pytest.mark.parametrize(
    ("candidates", "options", "expected"), MATCH_CASES.values(), ids=MATCH_CASES
)
def test_match_by_tag(candidates, options, expected):
    options = {"order": range(len(candidates)), "max_num_people": 30, **options}
    people = match_by_tag(peaks_of(*candidates), **options)
    assert people.shape == (len(expected), len(candidates), 4)
    assert people.dtype == np.float32
    assert chosen(people) == expected


def test_people_carry_position_score_and_tags():
    peaks = peaks_of([(0.9, 0, 3), (0.8, 5, 4)], [(0.7, 5.25, 4.5)], num_tags=2)
    people = match_by_tag(peaks, (0, 1), 30)
    np.testing.assert_array_equal(
        people,
        np.float32(
            [
                [[0, 0, 0.9, 0, 3], [0, 0, 0, 0, 0]],
                [[1, 0, 0.8, 5, 4], [0, 1, 0.7, 5.25, 4.5]],
            ]
        ),
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([(0, 0), (0.5, 0.75)], [[0, 0]]),  # 0.901 away
        ([(0, 0), (0.75, 0.75)], [[0, None], [None, 0]]),  # 1.061 away
        ([(0, 0), (0, 5)], [[0, 0]]),  # refused, but the first tag alone is the key
    ],
)
def test_two_tags(tags, expected):
    first, second = ([(0.9, *t)] for t in tags)
    people = match_by_tag(peaks_of(first, second, num_tags=2), (0, 1), 30)
    assert chosen(people) == expected


def test_distances_that_are_not_finite_are_an_error():
    """Each tag is finite; the sum of two is not."""
    huge = 3e38
    peaks = peaks_of([(0.9, huge)], [(0.9, huge)], [(0.9, huge)])
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="cost: NaN or infinite"):
        match_by_tag(peaks, (0, 1, 2), 30)


def test_huge_tags_come_to_an_end():
    def match(unit):
        peaks = peaks_of([(0.9, 0), (0.8, unit)], [(0.9, 2 * unit), (0.8, -unit), (0.7, unit / 2)])
        return chosen(match_by_tag(peaks, (0, 1), 30))

    assert match(1e15) == [[0, None], [1, None], [None, 0], [None, 1], [None, 2]]
    with pytest.raises(ValueError, match=r"cost: .* beyond 1e18"):
        match(1e16)


@pytest.mark.parametrize(
    ("order", "max_num_people", "message"),
    [
        ((0,), 30, "order: expected a permutation of 0 to 1"),
        ((0, 0), 30, "order"),
        ((0, 2), 30, "order"),
        ((0, 1), 0, "max_num_people = 0"),
    ],
)
def test_match_by_tag_says_what_is_wrong(order, max_num_people, message):
    with pytest.raises(ValueError, match=message):
        match_by_tag(peaks_of([(0.9, 0)], [(0.9, 0)]), order, max_num_people)
