"""What ``test_incremental_step.py`` leaves out, which has the head written out."""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.testing import assert_close

from mmseg_labelfree.models.decode_heads.deeplab_v3_sum_head import window_means
from mmseg_labelfree.models.utils.single_images import allow_single_images


def build(**settings):
    torch.manual_seed(0)
    settings = dict(norm_cfg=dict(type='BN')) | settings
    return MODELS.build(
        dict(
            type='DeepLabV3SumHead',
            in_channels=6,
            in_index=0,
            channels=4,
            num_classes=3,
            dropout_ratio=0,
            **settings,
        )
    )


@pytest.mark.parametrize(('shape', 'size'), [((7, 9), 3), ((8, 5), 4), ((3, 20), 6)])
def test_windows_by_loops(shape, size):
    x = torch.randn(2, 3, *shape, dtype=torch.double)
    sides = [min(size, side) for side in shape]
    found = window_means(x, size)
    assert found.shape == x.shape
    for place in [(0, 0), (shape[0] // 2, shape[1] // 2), (shape[0] - 1, 1)]:
        rows, columns = (
            slice(begin, begin + side)
            for begin, side in (
                (min(max(p - (side - 1) // 2, 0), length - side), side)
                for p, side, length in zip(place, sides, shape, strict=True)
            )
        )
        expected = x[:, :, rows, columns].mean((2, 3))
        assert_close(found[:, :, place[0], place[1]], expected)


def test_windows_are_those_of_the_test_alone():
    whole, windows = build(), build(pool_size=4)
    windows.load_state_dict(whole.state_dict())
    small, large = torch.randn(2, 6, 4, 3), torch.randn(2, 6, 9, 8)
    for x, same in ((small, True), (large, False)):
        a, b = whole.eval()([x]), windows.eval()([x])
        assert torch.allclose(a, b, atol=1e-6) is same
        assert_close(whole.train()([x]), windows.train()([x]))


def test_start():
    head = build()
    head.init_weights()
    weight = torch.cat([branch.weight.flatten() for branch in head.branches[1:]])
    expected = (2 / (9 * 6 + 9 * 4)) ** 0.5 * (2 / (1 + 0.01**2)) ** 0.5
    assert weight.std().item() == pytest.approx(expected, rel=0.1)
    assert head.conv_seg.weight.std() < 0.02 and not head.conv_seg.bias.any()
    slopes = {m.negative_slope for m in head.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.01}


def test_a_batch_of_one_image():
    head = build()
    allow_single_images(head)
    head.train()([torch.randn(1, 6, 5, 5)]).sum().backward()
    assert all(p.grad is not None for p in head.parameters())


def test_bad_settings():
    with pytest.raises(ValueError, match='pool_size must be at least 1, got 0'):
        build(pool_size=0)
    with pytest.raises(ValueError, match='needs norm_cfg'):
        build(norm_cfg=None)
