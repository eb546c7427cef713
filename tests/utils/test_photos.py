"""Photos of any range as bytes."""

import numpy as np
import pytest

from mmseg_labelfree.utils.photos import to_bytes


def test_bytes_are_not_copied():
    image = np.zeros((4, 5, 3), np.uint8)
    assert to_bytes(image) is image


@pytest.mark.parametrize(
    ('dtype', 'top'), [(np.uint16, 65535), (np.uint16, 4095), (np.float32, 1.0)]
)
@pytest.mark.parametrize('shape', [(4, 5), (4, 5, 1), (4, 5, 3)])
def test_every_range_becomes_that_of_bytes(dtype, top, shape):
    image = (np.linspace(0, 1, int(np.prod(shape))).reshape(shape) * top).astype(dtype)
    found = to_bytes(image, top)
    assert found.shape == (4, 5, 3) and found.dtype == np.uint8
    expected = np.broadcast_to(image.reshape(4, 5, -1) / top * 255, found.shape)
    assert np.abs(found - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize('channels', [2, 4, 7])
def test_other_channels(channels):
    with pytest.raises(ValueError, match='neither gray nor color'):
        to_bytes(np.zeros((4, 5, channels), np.uint8))


@pytest.mark.parametrize('image', [np.full((2, 2), 300.0), np.full((2, 2), -1)])
def test_another_range(image):
    with pytest.raises(ValueError, match='range is 0 to 255: scale it'):
        to_bytes(image)
