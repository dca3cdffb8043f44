import pytest
import torch

from aepose.codecs.aggregation import aggregate, flip_back
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


def heatmaps_of(passes, size, align_corners=False):
    """Heatmaps aggregated over outputs and passes, of outputs of which the first has tags."""
    return aggregate((1,), [passes], size, align_corners)[0]


def test_heatmaps_are_averaged_over_passes_and_outputs():
    def outputs(low, high):
        return [HeadOutput(constant(low, 3, (2, 2)), constant(7)),
                HeadOutput(constant(high, 3, (4, 4)), None)]

    for size, expected in ((None, (4, 4)), ((8, 6), (6, 8))):
        for passes, value in (([outputs(1, 3)], 2.0), ([outputs(1, 3), outputs(6, 8)], 4.5)):
            heatmaps = heatmaps_of(passes, size)
            torch.testing.assert_close(heatmaps, torch.full((1, 3, *expected), value))


def test_outputs_without_heatmaps_or_without_tags():
    outputs = [HeadOutput(None, constant(7)), HeadOutput(constant(1), None)]
    heatmaps, tags = aggregate((1,), [[outputs]], None, align_corners=False)
    assert (heatmaps.unique().tolist(), tags.unique().tolist()) == ([1], [7])


@pytest.mark.parametrize("number", [0, 2])
def test_one_output_has_tags(number):
    outputs = [HeadOutput(constant(1), constant(7) if i < number else None) for i in range(2)]
    with pytest.raises(ValueError, match=f"{number} outputs have tags: expected one"):
        aggregate((1,), [[outputs]], None, align_corners=False)


@pytest.mark.parametrize("scales", [(1,), (2, 1), (1, 0.5), (2, 1, 0.5)])
def test_tags_are_those_of_scale_one(scales):
    per_scale = [[[HeadOutput(constant(s), constant(10 * s))]] for s in scales]
    heatmaps, tags = aggregate(scales, per_scale, (4, 4), align_corners=False)
    assert tags.unique().tolist() == [10]
    assert heatmaps.mean().item() == pytest.approx(sum(scales) / len(scales))


@pytest.mark.parametrize(("align_corners", "expected"), [
    (False, [0, 0.25, 0.75, 1]), (True, [0, 1 / 3, 2 / 3, 1]),
])
def test_resize_is_bilinear(align_corners, expected):
    heatmaps = heatmaps_of([[HeadOutput(maps([0, 1]), maps([0, 1]))]], (4, 1), align_corners)
    torch.testing.assert_close(heatmaps, maps(expected))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("before", "size"), [
    ((6, 4), (24, 16)), ((6, 4), (12, 8)), ((6, 4), (6, 4)), ((6, 4), (3, 2)), ((12, 8), (3, 2)),
    ((6, 4), (13, 7)), ((6, 4), (6, 8)), ((6, 4), (1, 1)), ((1, 1), (5, 4)), ((1, 7), (9, 3)),
])
def test_every_enlargement_is_that_of_pytorch(before, size, align_corners):
    generator = torch.Generator().manual_seed(0)
    output = HeadOutput(*(torch.randn(2, 3, *before[::-1], generator=generator) for _ in "ht"))
    expected = [torch.nn.functional.interpolate(
        m, size=size[::-1], mode="bilinear", align_corners=align_corners)
        for m in (output.heatmaps, output.tags)]
    found = aggregate((1,), [[[output]]], size, align_corners)
    for actual, wanted in zip((found[0], found[1][..., 0]), expected, strict=True):
        torch.testing.assert_close(actual, wanted, rtol=0, atol=2e-6)


LAYOUTS = {
    "channels last": lambda m: m.contiguous(memory_format=torch.channels_last),
    "a part of the channels": lambda m: torch.cat([m, m], dim=1)[:, : m.shape[1]],
    "backwards": lambda m: m.flip(0).flip(0),
    "with gradients": lambda m: m.clone().requires_grad_(),
    "another precision": lambda m: m.double(),
}


@pytest.mark.parametrize("size", [None, (10, 8)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_makes_no_difference(device, layout, size):
    """Nor does the device: the plain maps are the CPU's."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 3, 4, 5, generator=generator) for _ in range(4)]

    def join(change):
        h, t, other_h, other_t = map(change, parts)
        scale = [[HeadOutput(h, t)], [HeadOutput(other_h, other_t)]]
        return aggregate((1,), [scale], size, align_corners=False)

    for plain, found in zip(join(lambda m: m), join(lambda m: LAYOUTS[layout](m.to(device))),
                            strict=True):
        assert found.device.type == device.type
        torch.testing.assert_close(found.cpu(), plain, rtol=0, atol=2e-6)
        assert (found.dtype, found.requires_grad) == (torch.float32, False)


def test_what_is_not_finite_stays_so(device):
    for value in (float("nan"), float("inf")):
        broken = constant(1, 2, (4, 4)).to(device)
        broken[0, 1, 2, 2] = value
        for found in aggregate((1,), [[[HeadOutput(broken, broken)]]], (16, 16), False):
            assert found[:, 0].isfinite().all()
            assert not found[:, 1].isfinite().all()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("tag_maps", [1, 3])
@pytest.mark.parametrize("size", [None, (28, 20)])
def test_averaging_before_resizing_changes_only_the_rounding(
        device, align_corners, tag_maps, size):
    """Two outputs of different size, with flip test."""
    generator = torch.Generator().manual_seed(0)

    def output(size, tags):
        return HeadOutput(*(torch.rand(2, count, *size, generator=generator).to(device) if count
                            else None for count in (3, tags)))

    passes = [[output((5, 7), tag_maps), output((10, 14), 0)] for _ in range(2)]
    heatmaps, tags = aggregate((1,), [passes], size, align_corners)
    width, height = size or (14, 10)

    def large(maps):
        return torch.nn.functional.interpolate(
            maps, size=(height, width), mode="bilinear", align_corners=align_corners)

    expected = torch.stack([large(o.heatmaps) for p in passes for o in p]).mean(dim=0)
    torch.testing.assert_close(heatmaps, expected, rtol=0, atol=1e-6)
    expected = torch.stack([large(p[0].tags) for p in passes], dim=-1)
    torch.testing.assert_close(tags, expected, rtol=0, atol=1e-6)
    assert tags[0].permute(3, 0, 1, 2).is_contiguous()      # planar


def test_aggregate_averages_over_flip_then_scales_at_the_size_of_the_first():
    def passes(size, *values):
        return [[HeadOutput(constant(heat, 2, size), constant(tag, 2, size))]
                for heat, tag in values]

    scales = [passes((8, 6), (1, 5), (3, 6)), passes((4, 3), (4, 7), (6, 8)),
              passes((2, 3), (2, 1), (2, 1))]
    heatmaps, tags = aggregate((2, 1, 0.5), iter(scales), None, align_corners=False)
    torch.testing.assert_close(heatmaps, torch.full((1, 2, 6, 8), 3.0))
    # Tags are those of scale 1, brought to the heatmaps' size.
    torch.testing.assert_close(tags, torch.tensor([7.0, 8.0]).expand(1, 2, 6, 8, 2))
    assert scales[0][0][0].heatmaps.unique().tolist() == [1]     # nothing is changed in place


def test_aggregate_of_one_scale_without_flip_and_one_tag_map():
    output = HeadOutput(torch.rand(1, 3, 4, 5), torch.rand(1, 1, 4, 5))
    heatmaps, tags = aggregate((0.5,), [[[output]]], None, align_corners=False)
    assert torch.equal(heatmaps, output.heatmaps)
    assert torch.equal(tags, output.tags[..., None])


def test_flip_test_with_one_tag_map_for_all():
    """The mirrored pass goes back as a second value of the one map; heatmaps change channels."""
    output = HeadOutput(torch.rand(1, 3, 4, 5), torch.rand(1, 1, 4, 5))
    index = torch.tensor([0, 2, 1])
    mirrored = HeadOutput(output.heatmaps[:, index].flip(3), output.tags.flip(3) + 1)
    passes = [[output], [flip_back(mirrored, index)]]
    heatmaps, tags = aggregate((1,), [passes], (10, 8), align_corners=True)
    alone, _ = aggregate((1,), [[[output]]], (10, 8), align_corners=True)
    torch.testing.assert_close(heatmaps, alone)
    torch.testing.assert_close(tags[..., 1], tags[..., 0] + 1)
    assert tags.shape == (1, 1, 8, 10, 2)


@pytest.mark.parametrize("size", [None, (28, 20)])
def test_maps_stay_on_their_device(size):
    """On the device without memory, which shows where everything would be."""
    def output(*size):
        return HeadOutput(*(torch.rand(2, 3, *size, device="meta") for _ in "ht"))

    scales = ([[output(5 * s, 7 * s)], [output(5 * s, 7 * s)]] for s in (2, 1))
    heatmaps, tags = aggregate((2, 1), scales, size, align_corners=True)
    width, height = size or (14, 10)
    assert (heatmaps.device.type, tags.device.type) == ("meta", "meta")
    assert heatmaps.shape == (2, 3, height, width)
    assert tags.shape == (2, 3, height, width, 2)
