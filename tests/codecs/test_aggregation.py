import pytest
import torch

from aepose.codecs.aggregation import flip_back, join_outputs, join_scales
from aepose.structures import HeadOutput


def maps(*rows):
    """(1, C, 1, W) with one row of values per channel."""
    return torch.tensor(rows, dtype=torch.float32)[None, :, None]


def constant(value, channels=1, size=(2, 2)):
    return torch.full((1, channels, size[1], size[0]), float(value))


@pytest.mark.parametrize(("channels", "expected"), [
    (maps([1, 2], [3, 4], [5, 6]), maps([2, 1], [6, 5], [4, 3])),
    (maps([1, 2]), maps([2, 1])),          # one tag map for all keypoints
    (None, None),
])
def test_flip_back(channels, expected):
    index = torch.tensor([0, 2, 1])
    output = flip_back(HeadOutput(channels, channels), index)
    for found in (output.heatmaps, output.tags):
        assert found is None if expected is None else torch.equal(found, expected)


def test_join_outputs_averages_heatmaps_and_takes_the_tags_there_are():
    low = HeadOutput(constant(1, 3, (2, 2)), constant(7, 3, (2, 2)))
    high = HeadOutput(constant(3, 3, (4, 4)), None)
    for size, expected in ((None, (4, 4)), ((8, 6), (6, 8))):
        joined = join_outputs([low, high], size, align_corners=False)
        torch.testing.assert_close(joined.heatmaps, torch.full((1, 3, *expected), 2.0))
        torch.testing.assert_close(joined.tags, torch.full((1, 3, *expected), 7.0))


def test_join_outputs_leaves_out_what_has_no_heatmaps_or_no_tags():
    outputs = [HeadOutput(None, constant(7)), HeadOutput(constant(1), None)]
    joined = join_outputs(outputs, None, align_corners=False)
    assert joined.heatmaps.unique().tolist() == [1]
    assert joined.tags.unique().tolist() == [7]
    assert join_outputs(outputs[1:], None, align_corners=False).tags is None


@pytest.mark.parametrize(("align_corners", "expected"), [
    (False, [0, 0.25, 0.75, 1]), (True, [0, 1 / 3, 2 / 3, 1]),
])
def test_resize_is_bilinear(align_corners, expected):
    output = HeadOutput(maps([0, 1]), None)
    joined = join_outputs([output], (4, 1), align_corners)
    torch.testing.assert_close(joined.heatmaps, maps(expected))


def test_join_scales_averages_over_flip_then_scales_at_the_size_of_the_first():
    def passes(size, *values):
        return [HeadOutput(constant(heat, 2, size), constant(tag, 2, size)) for heat, tag in values]

    large, small = passes((8, 6), (1, 5), (3, 6)), passes((4, 3), (4, 7), (6, 8))
    heatmaps, tags = join_scales((2, 1), [large, small], align_corners=False)
    torch.testing.assert_close(heatmaps, torch.full((1, 2, 6, 8), 3.5))
    # Tags are those of scale 1, brought to the heatmaps' size.
    torch.testing.assert_close(tags, torch.tensor([7.0, 8.0]).expand(1, 2, 6, 8, 2))


def test_join_scales_of_one_scale_without_flip_and_one_tag_map():
    output = HeadOutput(torch.rand(1, 3, 4, 5), torch.rand(1, 1, 4, 5))
    heatmaps, tags = join_scales((0.5,), [[output]], align_corners=False)
    assert torch.equal(heatmaps, output.heatmaps)
    assert torch.equal(tags, output.tags[..., None])


def test_flip_test_with_one_tag_map_for_all():
    """The mirrored pass goes back as a second value of the one map; heatmaps change channels."""
    output = HeadOutput(torch.rand(1, 3, 4, 5), torch.rand(1, 1, 4, 5))
    index = torch.tensor([0, 2, 1])
    mirrored = HeadOutput(output.heatmaps[:, index].flip(3), output.tags.flip(3) + 1)
    passes = [join_outputs([o], (10, 8), align_corners=True)
              for o in (output, flip_back(mirrored, index))]
    heatmaps, tags = join_scales((1,), [passes], align_corners=True)
    torch.testing.assert_close(heatmaps, passes[0].heatmaps)
    torch.testing.assert_close(tags[..., 1], tags[..., 0] + 1)
    assert tags.shape == (1, 1, 8, 10, 2)
