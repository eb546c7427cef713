import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from mmseg_labelfree.datasets.transforms import AppearanceShift


def ramp():
    """Every gray level in every channel, many times."""
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2).repeat(40, 1)


def shift(name='a.jpg', image=None, **kwargs):
    transform = TRANSFORMS.build(dict(type='AppearanceShift', **kwargs))
    image = ramp() if image is None else image
    return transform(dict(img=image, img_path=f'some/folder/{name}'))['img']


def test_is_gamma_and_gain_of_each_color():
    gains = (0.6, 0.75, 1.0)
    found = shift(gamma=2.2, gains=gains, noise=0.0)
    assert found.dtype == np.uint8 and found.shape == (256, 40, 3)
    for channel, gain in enumerate(reversed(gains)):  # images are BGR
        for level in range(256):
            expected = 255 * gain * (level / 255) ** 2.2
            assert abs(found[level, 0, channel] - expected) <= 0.5 + 1e-4
    assert (shift(gamma=1.0, gains=(1, 1, 1), noise=0.0) == ramp()).all()


def test_noise_has_its_deviation_and_clips():
    image = np.full((100, 100, 3), 128, np.uint8)
    noise = shift(image=image, gamma=1.0, gains=(1, 1, 1), noise=8.0) - 128.0
    assert noise.std() == pytest.approx(8, rel=0.03)
    assert abs(noise.mean()) < 0.3
    black = shift(image=0 * image, noise=8.0)
    assert black.min() == 0 and black.max() < 50


def test_an_image_always_looks_the_same_whatever_was_drawn_before():
    np.random.seed(0)
    first = shift()
    np.random.rand(5)
    assert (shift() == first).all()
    assert (shift('b.jpg') != first).any()
    assert (shift(seed=1) != first).any()


def test_leaves_the_given_image_and_the_random_state_alone():
    image, state = ramp(), np.random.get_state()[1].copy()
    shift(image=image)
    assert (image == ramp()).all()
    assert (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize(
    'wrong', [dict(gamma=0), dict(noise=-1), dict(gains=(1, -1, 1)), dict(gains=(1, 1))]
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError, match='AppearanceShift: gamma='):
        AppearanceShift(**wrong)
