import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops.reliability import (
    logit_pixels,
    nearest_pixels,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)


def test_unreliable_share_falls_linearly():
    shares = [unreliable_share(epoch, 80) for epoch in range(81)]
    assert shares[0] == 0.2
    assert shares[40] == pytest.approx(0.1)
    assert shares[80] == 0
    np.testing.assert_allclose(np.diff(shares), -0.2 / 80)
    assert unreliable_share(90, 80) == 0
    assert unreliable_share(1, 4, initial=0.4) == pytest.approx(0.3)
    with pytest.raises(ValueError, match='0 to 1'):
        unreliable_share(0, 80, initial=20)
    with pytest.raises(ValueError, match='no progress'):
        unreliable_share(0, 0)


@pytest.fixture
def entropy():
    return torch.rand(2, 9, 11, generator=torch.Generator().manual_seed(0))


def test_partition_of_the_paper(entropy):
    valid = torch.ones_like(entropy, dtype=torch.bool)
    valid[1, 5:] = False
    part = split_by_entropy(entropy, 0.2, valid)
    gamma = np.percentile(entropy[valid].numpy(), 80)
    assert part.threshold.item() == pytest.approx(gamma, rel=1e-6)
    for n, y, x in np.ndindex(*entropy.shape):
        h, inside = entropy[n, y, x].item(), valid[n, y, x].item()
        assert part.reliable[n, y, x] == (inside and h < gamma)
        assert part.unreliable[n, y, x] == (inside and h > gamma)
    assert torch.equal(part.anchors, part.reliable)


def test_partition_of_the_official_code(entropy):
    part = split_by_entropy(entropy, 0.2, variant='official')
    low, high = np.percentile(entropy.double().numpy(), [20, 80]).astype('float32')
    assert torch.equal(part.reliable, entropy < torch.tensor(high))
    assert torch.equal(part.anchors, entropy <= torch.tensor(low))
    assert torch.equal(part.unreliable, entropy >= torch.tensor(high))
    with pytest.raises(ValueError, match="'paper' or 'official'"):
        split_by_entropy(entropy, 0.2, variant='code')


def test_pixels_at_the_threshold_are_in_neither_set():
    part = split_by_entropy(torch.full((1, 4, 4), 0.5), 0.2)
    assert not part.reliable.any()
    assert not part.unreliable.any()


def test_no_unlabeled_images():
    part = split_by_entropy(torch.zeros(0, 4, 4), 0.2)
    assert part.reliable.shape == (0, 4, 4)
    assert part.threshold.isinf()


def test_weight_turns_a_mean_over_all_into_one_over_the_labeled():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=generator)
    labels = torch.randint(0, 5, (2, 6, 7), generator=generator)
    labels[0, :, :4] = 255
    pixels = F.cross_entropy(logits, labels, ignore_index=255, reduction='none')
    weight = reliable_pixel_weight(labels, base=2.0)
    assert weight.item() == pytest.approx(2 * 84 / 60)
    want = 2 * F.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(weight * pixels.mean(), want)


def test_weight_without_labels_is_finite():
    assert reliable_pixel_weight(torch.full((1, 2, 3), 255)).item() == 6
    assert reliable_pixel_weight(torch.zeros(0, 2, 3, dtype=torch.long)).item() == 0


@pytest.mark.parametrize('size', [(129, 129), (5, 7), (33, 20), (40, 40)])
def test_nearest_pixels_is_nearest_interpolation(size):
    values = torch.randint(0, 256, (2, 33, 40))
    want = F.interpolate(values[:, None].double(), size, mode='nearest')[:, 0].long()
    assert torch.equal(nearest_pixels(values, size), want)
    mask = values > 100
    assert torch.equal(nearest_pixels(mask, size), want > 100)


@pytest.mark.parametrize(
    ('large', 'small'), [(321, 41), (96, 12), (33, 5), (40, 40), (7, 1), (24, 17)]
)
def test_logit_pixels_are_those_in_the_middle_of_logits(large, small):
    pixels = torch.arange(large * 3).view(1, large, 3)
    got = logit_pixels(pixels, (small, 3))[0, :, 0] // 3
    for i in range(small):
        place = i * (large - 1) / max(small - 1, 1)
        assert abs(int(got[i]) - place) <= 0.5 + 1e-9
    mask = logit_pixels(pixels > large, (small, 3))
    assert torch.equal(mask[0, :, 0], got * 3 > large)


def test_a_strided_network_sees_these_pixels_in_the_middle():
    """A bump of light at one pixel is felt most by the logit that lies on it."""
    network = [torch.nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False)] * 3
    torch.nn.init.ones_(network[0].weight)
    places = logit_pixels(torch.arange(321)[None], (1, 41))[0]
    assert places.tolist() == list(range(0, 321, 8))
    for i in (0, 1, 17, 40):
        image = torch.zeros(1, 1, 1, 321)
        image[..., places[i]] = 1
        response = torch.nn.Sequential(*network)(image)[0, 0, 0]
        assert response.shape == (41,) and response.argmax() == i
    assert (places - nearest_pixels(torch.arange(321)[None], (1, 41))).max() == 7


def test_labels_of_enlarged_logits_are_the_logits_own():
    torch.manual_seed(0)
    logits = torch.randn(4, 5, 41, 41)
    enlarged = F.interpolate(logits, (321, 321), mode='bilinear', align_corners=True)
    labels = enlarged.argmax(1)
    assert torch.equal(logit_pixels(labels, (41, 41)), logits.argmax(1))
    assert not torch.equal(nearest_pixels(labels, (41, 41)), logits.argmax(1))
