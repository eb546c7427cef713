import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

SIZES = {4: (12, 20), 8: (6, 10), 16: (3, 5)}


def build(**changes):
    torch.manual_seed(0)
    cfg = dict(type='MultiLevelRepresentationHead', in_channels=list(SIZES), channels=7)
    return MODELS.build(cfg | changes).double()


@pytest.fixture
def levels():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, width, *size, generator=generator, dtype=torch.double)
        for width, size in SIZES.items()
    ]


@pytest.mark.parametrize('align_corners', [False, True])
def test_it_equals_the_convolution_of_the_concatenated_levels(levels, align_corners):
    head = build(align_corners=align_corners)
    for level in levels:
        level.requires_grad_()
    wide = [
        F.interpolate(x, SIZES[4], mode='bilinear', align_corners=align_corners)
        for x in levels
    ]
    assert head.first.conv.weight.shape == (7, sum(SIZES), 1, 1)
    expected = head.second(head.first(torch.cat(wide, 1)))
    found = head(levels)
    torch.testing.assert_close(found, expected)
    leaves = [*levels, *head.parameters()]
    grads = [torch.autograd.grad(x.square().sum(), leaves) for x in (found, expected)]
    torch.testing.assert_close(*grads)


def test_levels_are_chosen_by_their_place(levels):
    head = build(in_channels=[8], in_index=[1])
    assert torch.equal(head(levels), head.second(head.first(levels[1])))
    assert (head(levels) >= 0).all()
