import numpy as np
import pytest

from aepose.codecs import ClassicGeometry, UdpGeometry

CLASSIC, UDP = ClassicGeometry(), UdpGeometry()
GEOMETRIES = pytest.mark.parametrize("geometry", [CLASSIC, UDP], ids=["classic", "udp"])
SIZES = [(640, 480), (480, 640), (101, 67), (7, 3), (1, 40), (1, 1)]


def apply(matrix, points):
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


# A window of 20x20 around (40, 30) onto 64x64.
@pytest.mark.parametrize(("geometry", "rotation", "source", "target"), [
    (CLASSIC, 0, (40, 30), (32, 32)),                 # the window's centre
    (CLASSIC, 0, (30, 20), (0, 0)), (CLASSIC, 0, (50, 40), (64, 64)),   # its corners
    (CLASSIC, 90, (50, 30), (32, 0)),                 # what lies to the right comes to the top
    (CLASSIC, 90, (40, 20), (0, 32)), (CLASSIC, 180, (30, 20), (64, 64)),
    (CLASSIC, -90, (50, 30), (32, 64)),
    (UDP, 0, (40, 30), (31.5, 31.5)),
    (UDP, 0, (30, 20), (0, 0)), (UDP, 0, (50, 40), (63, 63)),
    (UDP, 90, (50, 30), (31.5, 63)),                  # to the bottom: the other way round
    (UDP, 90, (40, 20), (63, 31.5)), (UDP, 180, (30, 20), (63, 63)),
    (UDP, -90, (50, 30), (31.5, 0)),
])
def test_affine_matrix(geometry, rotation, source, target):
    matrix = geometry.affine_matrix(np.array([40.0, 30]), np.array([20.0, 20]), rotation, (64, 64))
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(apply(matrix, source), target, atol=1e-4)


# Picture, training size, scales -> base size, sizes per scale, classic centre and window in pixels,
# UDP window in pixels, which begins at the picture's first pixel.
FRAMES = {
    "landscape": ((640, 480), (512, 512), (1,), (704, 512), [(704, 512)], (320, 240), (660, 480),
                  (703 / 511 * 479, 479)),
    "portrait": ((480, 640), (512, 512), (1,), (512, 704), [(512, 704)], (240, 320), (480, 660),
                 (479, 703 / 511 * 479)),
    "square": ((100, 100), (512, 512), (1,), (512, 512), [(512, 512)], (50, 50), (100, 100),
               (99, 99)),
    "three scales": ((640, 480), (512, 512), (2, 1, 0.5), (768, 512),
                     [(1536, 1024), (768, 512), (384, 256)], (320, 240), (720, 480),
                     (767 / 511 * 479, 479)),
    "only a large scale": ((64, 64), (64, 64), (2,), (64, 64), [(128, 128)], (32, 32), (64, 64),
                           (63, 63)),
    "input size between": ((64, 64), (100, 100), (1,), (128, 128), [(128, 128)], (32, 32), (64, 64),
                           (63, 63)),
    "half goes to even": ((3, 5), (64, 64), (1,), (64, 128), [(64, 128)], (2, 2), (3, 6),
                          (2, 127 / 63 * 2)),
    "as the frame": ((300, 200), (768, 512), (1,), (768, 512), [(768, 512)], (150, 100),
                     (300, 200), (299, 511 / 767 * 299)),
    "longer than the frame": ((600, 200), (768, 512), (1,), (1536, 512), [(1536, 512)], (300, 100),
                              (600, 200), (1535 / 511 * 199, 199)),
    "rounded up beside the frame": ((110, 100), (768, 512), (1,), (768, 704), [(768, 704)],
                                    (55, 50), (110, 704 / 768 * 110), (109, 703 / 767 * 109)),
    "portrait in landscape": ((200, 300), (768, 512), (1,), (768, 1152), [(768, 1152)], (100, 150),
                              (200, 300), (199, 1151 / 767 * 199)),
    "landscape in portrait": ((300, 200), (512, 768), (1,), (1152, 768), [(1152, 768)], (150, 100),
                              (300, 200), (1151 / 767 * 199, 199)),
    "rounded up at the smallest": ((110, 100), (768, 512), (2, 1, 0.5), (768, 768),
                                   [(1536, 1536), (768, 768), (384, 384)], (55, 50), (110, 110),
                                   (109, 109)),
    "one pixel": ((1, 1), (64, 64), (1,), (64, 64), [(64, 64)], (0, 0), (1, 1), (1, 1)),
}
FRAME_NAMES = "size", "train_size", "scales", "base", "sizes", "center", "window", "udp_window"


@pytest.mark.parametrize(FRAME_NAMES, FRAMES.values(), ids=FRAMES)
def test_frame_of_a_test_picture(
        size, train_size, scales, base, sizes, center, window, udp_window):
    classic, udp = (g.eval_frame(size, train_size, scales) for g in (CLASSIC, UDP))
    for frame in (classic, udp):
        assert frame.base_size == base
        assert list(frame.sizes) == sizes
    np.testing.assert_array_equal(classic.center, center)
    np.testing.assert_allclose(classic.scale * 200, window)
    np.testing.assert_allclose(udp.scale, udp_window)
    np.testing.assert_array_equal(udp.center, udp.scale / 2)


@GEOMETRIES
@pytest.mark.parametrize(("size", "train_size", "fitting", "other"), [
    ((640, 480), (512, 512), 1, 683), ((480, 640), (512, 512), 0, 683),
    ((640, 480), (768, 512), 0, 576), ((480, 640), (768, 512), 0, 1024),
    ((900, 500), (768, 512), 1, 922), ((900, 500), (512, 768), 1, 1382),
])
def test_a_test_picture_covers_the_training_size(geometry, size, train_size, fitting, other):
    """With one factor, and no more than needed: one side is that of the training input."""
    frame = geometry.eval_frame(size, train_size, (1,))
    matrix = geometry.test_matrix(frame, frame.base_size)
    last = geometry is UDP
    ends = apply(matrix, [[0, 0], np.array(size) - last])
    np.testing.assert_allclose(ends[:, fitting], [0, train_size[fitting] - last], atol=1e-3)
    assert ends[1, 1 - fitting] - ends[0, 1 - fitting] == pytest.approx(other, abs=2)
    assert train_size[1 - fitting] < other <= frame.base_size[1 - fitting] < other + 64
    np.testing.assert_allclose(matrix[:, :2], np.eye(2) * matrix[0, 0], atol=1e-6)


@pytest.mark.parametrize(("geometry", "size", "output", "inside", "around"), [
    (CLASSIC, (90, 60), (128, 64), (90, 45), (120, 60)),
    (CLASSIC, (60, 90), (128, 64), (60, 30), (180, 90)),
    (CLASSIC, (90, 60), (64, 128), (30, 60), (90, 180)),
    (CLASSIC, (90, 60), (96, 64), (90, 60), (90, 60)),
    (CLASSIC, (90, 60), (64, 64), (60, 60), (90, 90)),
    (UDP, (90, 60), (101, 51), (90, 45), (120, 60)),
    (UDP, (90, 60), (64, 64), (60, 60), (90, 90)),
])
def test_random_window(geometry, size, output, inside, around):
    for scale in (1, 0.75):
        for expected, within in ((inside, True), (around, False)):
            window = geometry.random_window(size, output, scale, within)
            np.testing.assert_allclose(window, np.array(expected) * scale, rtol=1e-6)


@GEOMETRIES
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scales", [(1,), (2, 1, 0.5)])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("train_size", [(256, 256), (320, 192), (192, 320)])
def test_network_positions_go_back_to_the_picture(geometry, size, scales, stride, train_size):
    """In UDP the window of the smallest scale is up to half a percent longer than that of 1."""
    frame = geometry.eval_frame(size, train_size, scales)
    points = np.random.RandomState(0).rand(2, 5, 2) * size
    loose = geometry is UDP and len(scales) > 1
    for out in frame.sizes:
        inside = apply(geometry.test_matrix(frame, out), points)
        small = tuple(side // stride for side in out)
        last = (np.array(small) - 1) / (np.array(out) - 1) if geometry is UDP else 1 / stride
        back = geometry.to_image(inside * last, small, frame.center, frame.scale)
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, points, atol=(5e-3 if loose else 1e-3) * max(size))


@GEOMETRIES
@pytest.mark.parametrize("map_size", [(176, 128), (33, 64), (1, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_to_map_undoes_to_picture(geometry, map_size, size):
    frame = geometry.eval_frame(size, (256, 256), (1,))
    xy = (np.random.RandomState(0).rand(3, 4, 2) * map_size).astype(np.float32)
    there = geometry.to_image(xy, map_size, frame.center, frame.scale)
    back = geometry.to_map(there, map_size, frame.center, frame.scale)
    assert back.dtype == there.dtype == np.float32
    np.testing.assert_allclose(back, xy, atol=2e-4)


@GEOMETRIES
def test_the_corners_of_a_map_are_those_of_the_window(geometry):
    """A window that does not begin at the picture's first pixel, too."""
    center, window, map_size = np.array([40.0, 30]), np.array([20.0, 10]), (65, 33)
    last = np.array(map_size) - (geometry is UDP)
    scale = window if geometry is UDP else window / 200
    found = geometry.to_image(np.array([[0, 0], last]), map_size, center, scale)
    np.testing.assert_allclose(found, [[30, 25], [50, 35]], rtol=1e-6)


@pytest.mark.parametrize(("geometry", "size", "expected"), [
    (CLASSIC, (641, 480), [320.5, 240]), (UDP, (641, 480), [320, 239.5]),
    (CLASSIC, (1, 1), [0.5, 0.5]), (UDP, (1, 1), [0, 0]),
])
def test_picture_center(geometry, size, expected):
    assert geometry.image_center(size).tolist() == expected


@pytest.mark.parametrize(("geometry", "expected"), [
    (CLASSIC, [[3, 4], [0, 0]]), (UDP, [[3.75, 4.25], [-0.5, 0.5]]),
])
def test_peak_centers(geometry, expected):
    keypoints = np.array([[3.75, 4.25], [-0.5, 0.5]], np.float32)
    np.testing.assert_array_equal(geometry.peak_centers(keypoints), expected)
