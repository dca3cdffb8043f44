import pytest

from aepose.datasets.films import films_of


def names(*texts):
    return [{"file_name": text} for text in texts]


def frames(pattern, *films, count=3):
    return names(*(pattern.format(film=film, number=i) for film in films for i in range(count)))


@pytest.mark.parametrize(("images", "expected"), [
    ([], []),
    (frames("{film}/{number}.png", "a", "b"), ["a", "b"]),
    (frames("x/{film}\\img{number:03}.png", "a", "b"), ["x/a", "x/b"]),
    (frames("{film}_{number:05}.jpg", "a", "b"), ["a", "b"]),
    (frames("{film}_frame{number}.jpg", "a", "b7"), ["a", "b7"]),
    (frames("{film}_mp4-{number}_jpg.rf.0a1{number}bc.jpg", "a", "b"), ["a_mp4", "b_mp4"]),
    # One film, numbers alone, a folder or a name of every picture's own: nothing is told.
    (frames("{film}_{number}.jpg", "a"), []), (frames("{number:012}.jpg", "", "1"), []),
    (frames("{film}/{number}.png", "a", "b", count=2), []), (names("cat.jpg", "dog.jpg"), []),
    # Fields come before names, and tell of a single film, too.
    ([{"file_name": f"{i}.jpg", "video_id": i % 2} for i in range(4)], ["0", "1"]),
    ([{"file_name": f"{i}/a.jpg", "film": "a.mp4"} for i in range(4)], ["a.mp4"]),
    ([{"file_name": "a.jpg", "video": "x"}, {"file_name": "b.jpg"}], []),
])
def test_films_of(images, expected):
    films = films_of(images)
    assert sorted(films) == expected
    assert sum(map(len, films.values())) == (len(images) if expected else 0)
