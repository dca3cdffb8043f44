import cv2
import pytest

from aepose.apis.train import train


@pytest.mark.parametrize(("count", "expected"), [(2, 2), (0, 0)])
def test_panel_of_each_validation(tiny_config, tmp_path, count, expected):
    options = [f"custom_hooks.1.count={count}", "custom_hooks.1.width=500"]
    train(tiny_config(f"panel{count}", options), tmp_path)
    panels = sorted(p.name for p in (tmp_path / "panels").glob("*.png"))
    assert panels == (["epoch_1.png", "epoch_2.png"] if expected else [])
    for name in panels:
        height, width = cv2.imread(str(tmp_path / "panels" / name)).shape[:2]
        assert width == 500
        # Five square panels in a row, and a line of text above each.
        assert expected * 100 <= height <= expected * 150
