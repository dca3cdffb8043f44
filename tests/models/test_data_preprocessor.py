from dataclasses import replace

import numpy as np
import pytest

from aepose.datasets.transforms import make_eval_item
from aepose.errors import DataError
from aepose.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD, PosePreprocessor


def test_a_batch_of_several_sizes(make_codec):
    items = [make_eval_item(np.zeros((*size, 3), np.uint8), make_codec(), (1,), image_path=path)
             for path, size in {"a.jpg": (64, 64), "b.jpg": (64, 90)}.items()]
    with pytest.raises(DataError, match=r"a\.jpg and b\.jpg go into one batch.*batch_size=1"):
        PosePreprocessor()({"items": items})


def test_preprocessor_normalises(device, make_codec):
    image = np.random.RandomState(0).randint(0, 256, (64, 64, 3), np.uint8)
    item = make_eval_item(image, make_codec(), (1,))
    preprocessor = PosePreprocessor().to(device)
    (found,) = preprocessor({"items": [replace(item, images=[image])]})["images"]
    assert found.device.type == device.type
    np.testing.assert_array_equal(found[0].permute(1, 2, 0).cpu(), image)
    expected = (image / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(preprocessor.normalise(found)[0].permute(1, 2, 0).cpu(), expected,
                               atol=1e-5)
