import pytest
import torch

from mmseg_labelfree.ops import (
    activation_anchors,
    activation_negatives,
    class_means,
    keep_random,
    sample_members,
    with_background,
)

BETA = 0.45


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    activations = torch.rand(3, 4, 5, 6, generator=generator)
    activations[0, 0, 0, 0] = BETA  # neither above nor below
    labels = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 1]]).bool()
    return activations, labels


@pytest.mark.parametrize(
    'kinds', [('absent',), ('unreliable',), ('absent', 'unreliable')]
)
def test_masks_pixel_by_pixel(maps, kinds):
    activations, labels = maps
    anchors = activation_anchors(activations, labels, BETA)
    negatives = activation_negatives(activations, labels, BETA, kinds)
    for place in torch.cartesian_prod(*map(torch.arange, activations.shape)):
        i, c, y, x = place.tolist()
        value = activations[i, c, y, x]
        assert anchors[i, c, y, x] == (value > BETA and labels[i, c])
        absent = 'absent' in kinds and not labels[i, c]
        unsure = 'unreliable' in kinds and value < BETA
        assert negatives[i, c, y, x] == (absent or unsure)
    if kinds != ('unreliable',):
        assert not (anchors & negatives).any()


def test_with_masked_maps_unreliable_pixels_are_all_negatives(maps):
    """Why the second row of Table 14 needs maps of the classes that are not there."""
    activations, labels = maps
    masked = activations * labels[:, :, None, None]
    both = activation_negatives(masked, labels, BETA)
    assert torch.equal(both, activation_negatives(masked, labels, BETA, ['unreliable']))
    assert torch.equal(both, activation_negatives(activations, labels, BETA))


def test_background_is_what_no_present_class_claims(maps):
    activations, labels = maps
    both, present = with_background(activations, labels)
    assert both.shape == (3, 5, 5, 6)
    assert torch.equal(both[:, 1:], activations)
    assert torch.equal(present[:, 1:], labels) and present[:, 0].all()
    torch.testing.assert_close(both[1, 0], 1 - activations[1, 3])


def test_at_most_so_many_of_each_image_and_class():
    generator = torch.Generator().manual_seed(0)
    member = torch.rand(2, 3, 8, 8, generator=generator) < 0.4
    member[1, 2] = False
    times = torch.zeros(member.shape)
    for _ in range(300):
        kept = keep_random(member, 10, generator)
        assert not (kept & ~member).any()
        assert torch.equal(kept.sum((2, 3)), member.sum((2, 3)).clamp(max=10))
        times += kept
    share = times[member] / 300
    expected = (10 / member.sum((2, 3), keepdim=True)).expand(member.shape)[member]
    assert (share - expected).abs().max() < 0.13
    assert torch.equal(keep_random(member, 64), member)


def test_drawn_pixels_are_members_and_all_come():
    generator = torch.Generator().manual_seed(0)
    member = torch.rand(2, 4, 5, 5, generator=generator) < 0.3
    member[:, 2] = False
    index, counts = sample_members(member, 2000, generator)
    assert torch.equal(counts, member.sum((0, 2, 3)))
    rows = member.transpose(0, 1).flatten(1)
    for cls in (0, 1, 3):
        assert rows[cls].nonzero()[:, 0].tolist() == index[cls].unique().tolist()
        times = index[cls].bincount()
        assert times[times > 0].min() > 0.5 * times.max()


def test_means_of_pixels_of_several_classes(maps):
    activations, labels = maps
    member = activation_anchors(activations, labels, BETA)
    features = torch.randn(3, 7, 5, 6, generator=torch.Generator().manual_seed(1))
    means, counts = class_means(features, member, 4)
    for cls in range(4):
        rows = features.transpose(0, 1)[:, member[:, cls]]
        torch.testing.assert_close(means[cls], rows.mean(1))
        assert counts[cls] == rows.shape[1]
