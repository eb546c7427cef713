"""Image pooling and batch norm in a batch of a single image."""

import copy

import pytest
import torch
from mmcv.cnn import ConvModule
from torch import nn

from mmseg_labelfree.models.utils.single_images import allow_single_images


class Pooled(nn.Module):
    def __init__(self, size=1):
        super().__init__()
        torch.manual_seed(0)
        conv = ConvModule(3, 4, 1, norm_cfg=dict(type='BN'))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(size), conv)
        self.other = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.pool(self.other(x))


def test_one_image_is_normalized_by_the_running_statistics():
    net = Pooled()
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        net(torch.rand(1, 3, 5, 5))
    allow_single_images(net)
    net(torch.rand(4, 3, 5, 5))
    norm = net.pool[1].bn
    before = copy.deepcopy(norm.state_dict())
    x = torch.rand(1, 3, 5, 5)
    out = net(x)
    out.sum().backward()
    assert net.pool[1].conv.weight.grad is not None
    assert all(torch.equal(before[k], v) for k, v in norm.state_dict().items())
    assert norm.training and net.other.training
    pooled = net.pool[1].conv(net.other(x).mean((2, 3), keepdim=True))
    norm.eval()
    torch.testing.assert_close(out, norm(pooled).relu())


def test_several_images_are_as_ever():
    plain, allowed = Pooled(), Pooled()
    allow_single_images(allowed)
    x = torch.rand(3, 3, 5, 5)
    assert torch.equal(plain(x), allowed(x))
    for a, b in zip(plain.buffers(), allowed.buffers(), strict=True):
        assert torch.equal(a, b)
    copied = copy.deepcopy(allowed)
    copied(x[:1])
    assert copied.pool[1].bn.training


def test_other_poolings_and_the_state_dict_are_left_alone():
    net = Pooled(size=2)
    names = list(net.state_dict())
    allow_single_images(net)
    assert list(net.state_dict()) == names
    assert net(torch.rand(1, 3, 5, 5)).shape == (1, 4, 2, 2)
