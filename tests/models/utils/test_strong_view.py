import pytest
import torch
from mmseg.models import SegDataPreProcessor
from torchvision.transforms.v2 import functional as F

from mmseg_labelfree.models.utils import StrongView

MEAN, STD = [120.0, 110.0, 100.0], [60.0, 50.0, 40.0]
NOTHING = dict(jitter_prob=0.0, grayscale_prob=0.0, blur_prob=0.0)


def preprocessor(**kwargs):
    settings = dict(mean=MEAN, std=STD, bgr_to_rgb=True)
    return SegDataPreProcessor(**{**settings, **kwargs})


def batch(num=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 3, 4, 4, generator=generator)
    colors = torch.nn.functional.interpolate(coarse, (24, 24), mode='bilinear')
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    return colors, (colors * 255 - mean) / std


def back(images):
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    return (images * std + mean) / 255


def test_no_change_gives_the_images_back():
    _, images = batch()
    same = StrongView(**NOTHING)(images, preprocessor())
    torch.testing.assert_close(same, images, rtol=1e-4, atol=1e-4)


def test_grayscale_of_rgb_and_of_bgr():
    colors, images = batch()
    view = StrongView(**{**NOTHING, 'grayscale_prob': 1.0})
    got = back(view(images, preprocessor()))
    expected = F.rgb_to_grayscale(colors, num_output_channels=3)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
    got = back(view(images, preprocessor(bgr_to_rgb=False)))
    expected = F.rgb_to_grayscale(colors.flip(1), num_output_channels=3)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_unnormalised_images():
    colors, _ = batch()
    view = StrongView(**{**NOTHING, 'grayscale_prob': 1.0})
    got = view(colors * 255, SegDataPreProcessor(bgr_to_rgb=True)) / 255
    expected = F.rgb_to_grayscale(colors, num_output_channels=3)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_blur_smooths_without_changing_the_mean_much():
    colors, images = batch()
    view = StrongView(**{**NOTHING, 'blur_prob': 1.0}, blur_sigma=(2.0, 2.0))
    got = back(view(images, preprocessor()))
    torch.testing.assert_close(
        got, F.gaussian_blur(colors, [13, 13], [2.0, 2.0]), rtol=1e-3, atol=1e-3
    )


def gaussian(sigma, taps):
    """Weights of a kernel (taps, taps)."""
    distances = torch.arange(taps) - taps // 2
    weights = torch.exp(-(distances**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    return weights[:, None] * weights


@pytest.mark.parametrize('taps', [51, 63, 25, 9])  # of sides 512, 640, 256 and 96
@pytest.mark.parametrize('sigma', [0.15, 0.6, 1.15])
def test_blur_is_daformers_but_for_what_is_beyond_three_deviations(sigma, taps):
    """DAFormer's code has a kernel of a tenth of the side (e6f6e04)."""
    view = StrongView(**{**NOTHING, 'blur_prob': 1.0}, blur_sigma=(0.15, 1.15))
    ((blur, _),) = [change for change in view.changes if change[1]]
    blur.sigma = (sigma, sigma)
    point = torch.zeros(1, 65, 65)
    point[0, 32, 32] = 1
    ours = blur(point)[0]
    theirs = torch.zeros(65, 65)
    half = taps // 2
    theirs[32 - half : 33 + half, 32 - half : 33 + half] = gaussian(sigma, taps)
    assert ours.nonzero().sub(32).abs().max() <= 3
    beyond = theirs.sum() - theirs[29:36, 29:36].sum()
    torch.testing.assert_close(ours[29:36, 29:36], theirs[29:36, 29:36] / (1 - beyond))
    assert beyond < 0.0034 and (beyond > 0.003) == (sigma == 1.15)


def test_every_sample_draws_its_own_parameters():
    _, images = batch(1)
    images = images.expand(6, -1, -1, -1)
    torch.manual_seed(0)
    first = StrongView()(images, preprocessor())
    assert len({tuple(view.flatten().tolist()) for view in first}) == 6
    torch.manual_seed(0)
    assert torch.equal(StrongView()(images, preprocessor()), first)
    colors = back(first)
    assert colors.min() > -1e-4 and colors.max() < 1 + 1e-4


def test_probabilities_are_per_sample():
    _, images = batch(1)
    torch.manual_seed(0)
    view = StrongView(**{**NOTHING, 'grayscale_prob': 0.5})
    changed = view(images.expand(200, -1, -1, -1), preprocessor())
    gray = (back(changed).std(1) < 1e-4).all(2).all(1)
    assert gray.float().mean().item() == pytest.approx(0.5, abs=0.12)


def test_autocast_does_not_touch_the_image():
    _, images = batch()
    view = StrongView(**{**NOTHING, 'blur_prob': 1.0}, blur_sigma=(1.0, 1.0))
    expected = view(images, preprocessor())
    with torch.autocast('cpu', torch.bfloat16):
        got = view(images, preprocessor())
    assert torch.equal(got, expected)


@pytest.mark.parametrize('change', ['jitter_prob', 'grayscale_prob', 'blur_prob'])
def test_one_decision_for_the_whole_batch(change):
    """Whether is drawn once; strengths are each image's own."""
    _, images = batch(1)
    images = images.expand(6, -1, -1, -1)
    settings = {**NOTHING, change: 0.5}
    view = StrongView(**settings, blur_sigma=(1.0, 2.0), whole_batch=True)
    plain = StrongView(**NOTHING)(images, preprocessor())
    torch.manual_seed(0)
    changed = []
    for _ in range(40):
        got = view(images, preprocessor())
        differs = ~torch.isclose(got, plain, atol=1e-4).flatten(1).all(1)
        assert differs.all() or not differs.any()
        changed.append(differs.all().item())
        if differs.all() and change != 'grayscale_prob':
            assert len({tuple(x.flatten().tolist()) for x in got}) == 6
    assert 10 < sum(changed) < 30


def scaled(top, channels=3):
    torch.manual_seed(0)
    return torch.rand(3, channels, 16, 16) * top


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('top', [255, 4095, 65535, 1.0])
def test_every_range_is_changed_alike(top, channels):
    raw = SegDataPreProcessor(bgr_to_rgb=channels == 3)
    settings = dict(jitter_prob=1.0, blur_prob=1.0, value_range=top)
    views = []
    for images, kwargs in (
        (scaled(top, channels), settings),
        (scaled(1.0, channels), settings | dict(value_range=1.0)),
    ):
        torch.manual_seed(1)
        views.append(StrongView(**kwargs)(images, raw))
    torch.testing.assert_close(views[0] / top, views[1], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(views[1], scaled(1.0, channels), atol=1e-2)


@pytest.mark.parametrize('top', [4095, 65535, 1.0])
@pytest.mark.parametrize('settings', [dict(jitter_prob=1.0), dict(blur_prob=1.0)])
def test_another_range_than_the_data_is_refused(top, settings):
    view = StrongView(**{**NOTHING, **settings})
    with pytest.raises(ValueError, match='strong_view.value_range is 255'):
        view(scaled(top), SegDataPreProcessor())
    with pytest.raises(ValueError, match='strong_view.value_range is 255'):
        view.check_range(list(scaled(top)))


@pytest.mark.parametrize('channels', [2, 4, 7])
def test_other_channels_are_blurred_but_have_no_colors(channels):
    view = StrongView(**{**NOTHING, 'blur_prob': 1.0})
    images = scaled(255, channels)
    assert view(images, SegDataPreProcessor()).shape == images.shape
    for name in ('jitter_prob', 'grayscale_prob'):
        view = StrongView(**{**NOTHING, name: 0.5})
        with pytest.raises(ValueError, match=f'images of {channels} .*jitter_prob=0'):
            view(images, SegDataPreProcessor())


@pytest.mark.parametrize('top', [255, 65535, 1.0])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_nothing_asked_gives_any_image_back(top, channels):
    images = scaled(top, channels)
    assert torch.equal(StrongView(**NOTHING)(images, SegDataPreProcessor()), images)
