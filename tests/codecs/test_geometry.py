import numpy as np
import pytest

from aepose.codecs import ClassicGeometry

GEOMETRY = ClassicGeometry()


def apply(matrix, points):
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize(("rotation", "source", "target"), [
    (0, (40, 30), (32, 32)),                      # the window's centre
    (0, (30, 20), (0, 0)), (0, (50, 40), (64, 64)),   # its corners
    (90, (50, 30), (32, 0)),                      # what lies to the right comes to the top
    (90, (40, 20), (0, 32)), (180, (30, 20), (64, 64)), (-90, (50, 30), (32, 64)),
])
def test_affine_matrix(rotation, source, target):
    matrix = GEOMETRY.affine_matrix(np.array([40.0, 30]), np.array([20.0, 20]), rotation, (64, 64))
    np.testing.assert_allclose(apply(matrix, source), target, atol=1e-4)


# Picture, input size, scales -> base size, sizes per scale, centre, window in pixels.
FRAMES = {
    "landscape": ((640, 480), 512, (1,), (704, 512), [(704, 512)], (320, 240), (660, 480)),
    "portrait": ((480, 640), 512, (1,), (512, 704), [(512, 704)], (240, 320), (480, 660)),
    "square": ((100, 100), 512, (1,), (512, 512), [(512, 512)], (50, 50), (100, 100)),
    "three scales": ((640, 480), 512, (2, 1, 0.5), (768, 512),
                     [(1536, 1024), (768, 512), (384, 256)], (320, 240), (720, 480)),
    "only a large scale": ((64, 64), 64, (2,), (64, 64), [(128, 128)], (32, 32), (64, 64)),
    "input size between": ((64, 64), 100, (1,), (128, 128), [(128, 128)], (32, 32), (64, 64)),
    "half goes to even": ((3, 5), 64, (1,), (64, 128), [(64, 128)], (2, 2), (3, 6)),
    "one pixel": ((1, 1), 64, (1,), (64, 64), [(64, 64)], (0, 0), (1, 1)),
}


@pytest.mark.parametrize(
    ("size", "side", "scales", "base", "sizes", "center", "window"), FRAMES.values(), ids=FRAMES)
def test_frame_of_a_test_picture(size, side, scales, base, sizes, center, window):
    frame = GEOMETRY.test_frame(size, side, scales)
    assert frame.base_size == base
    assert list(frame.sizes) == sizes
    np.testing.assert_array_equal(frame.center, center)
    np.testing.assert_allclose(frame.scale * 200, window)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (101, 67), (7, 3), (1, 1)])
@pytest.mark.parametrize("scales", [(1,), (2, 1, 0.5)])
@pytest.mark.parametrize("stride", [1, 4])
def test_network_positions_go_back_to_the_picture(size, scales, stride):
    frame = GEOMETRY.test_frame(size, 256, scales)
    points = np.random.RandomState(0).rand(2, 5, 2) * size
    for width, height in frame.sizes:
        inside = apply(GEOMETRY.test_matrix(frame, (width, height)), points)
        back = GEOMETRY.to_picture(
            inside / stride, (width // stride, height // stride), frame.center, frame.scale)
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, points, atol=1e-3 * max(size))


def test_picture_center_is_half_its_size():
    assert GEOMETRY.picture_center((641, 480)).tolist() == [320.5, 240]
