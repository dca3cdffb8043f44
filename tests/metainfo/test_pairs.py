"""Left and right in names."""

import pytest

from aepose.metainfo.pairs import guess_pairs, mirrored_name, mirrors


@pytest.mark.parametrize(("name", "expected"), [
    ("left_eye", "right_eye"), ("RightEye", "LeftEye"), ("kneeLeft", "kneeRight"),
    ("l_eye", "r_eye"),
    ("paw_R", "paw_L"), ("wingL", "wingR"), ("legR4", "legL4"), ("LEFT_EYE", "RIGHT_EYE"),
    ("nose", "nose"), ("bright_spot", "bright_spot"), ("collar", "collar"), ("tail", "tail"),
    ("LEye", "REye"), ("paw2LF", "paw2RF"), ("pawFL", "pawFR"), ("leg", "leg"), ("Leg", "Leg"),
    ("LEG", "LEG"), ("lip", "lip"),
])
def test_mirrored_name(name, expected):
    assert mirrored_name(name) == expected


@pytest.mark.parametrize(("names", "expected"), [
    ("", []), ("nose tail", []),
    ("nose left_ear right_ear", ["left_ear right_ear"]),
    ("right_ear left_ear", ["left_ear right_ear"]),
    ("Left-Ear right_ear", ["Left-Ear right_ear"]),
    ("head wingL wingR forelegL4 forelegR4", ["wingL wingR", "forelegL4 forelegR4"]),
    # Counted around the body, and counted on each side.
    ("paw1LH_top paw2LF_top paw3RF_top paw4RH_top",
     ["paw1LH_top paw4RH_top", "paw2LF_top paw3RF_top"]),
    ("paw1L paw1R paw2L paw2R", ["paw1L paw1R", "paw2L paw2R"]),
    ("legL1 legR2", []), ("leg1 leg2", []),
    ("l_eye r_eye eye_L eye_R", ["l_eye r_eye", "eye_L eye_R"]),
    ("lhip rhip leg", ["lhip rhip"]), ("LHip RHip", ["LHip RHip"]), ("Lear Rear", ["Lear Rear"]),
    ("left_ear", []), ("left right leftmost", ["left right"]),
    ("left_ear right_ear Right-Ear", []),       # two that it may be
])
def test_guess_pairs(names, expected):
    assert guess_pairs(names.split()) == tuple(tuple(pair.split()) for pair in expected)


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("left_eye", "right_eye", True), ("left_eye", "Right-Eye", True),
    ("left_eye", "right_ear", False), ("paw1LH", "paw4RH", True), ("paw1LH", "paw4RF", False),
    ("nose", "nose", False), ("left_eye", "left_eye", False), ("lhip", "rhip", True),
])
def test_mirrors(first, second, expected):
    assert mirrors(first, second) is mirrors(second, first) is expected
