import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch.testing import assert_close


def build_head(**changes):
    cfg = dict(
        type='PatchDPTHead',
        in_channels=[6] * 4,
        in_index=[0, 1, 2, 3],
        level_channels=[2, 3, 4, 5],
        channels=4,
        num_classes=3,
        dropout_ratio=0.0,
        align_corners=True,
    )
    return MODELS.build({**cfg, **changes}).double()


def written_out(w, maps):
    """The network of Depth Anything's and UniMatch V2's code, level by level."""

    def conv(x, name, padding=0, stride=1):
        weight, bias = w[f'{name}.weight'], w.get(f'{name}.bias')
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)

    def transposed(x, name, stride):
        weight, bias = w[f'{name}.weight'], w[f'{name}.bias']
        return F.conv_transpose2d(x, weight, bias, stride=stride)

    def unit(x, name):
        y = conv(x.clamp(min=0), f'{name}.conv1', 1)
        return x + conv(y.clamp(min=0), f'{name}.conv2', 1)

    def enlarge(x, size):
        return F.interpolate(x, size, mode='bilinear', align_corners=True)

    one, two, three, four = (conv(x, f'projects.{i}') for i, x in enumerate(maps))
    one, two = transposed(one, 'resizes.0', 4), transposed(two, 'resizes.1', 2)
    four = conv(four, 'resizes.3', 1, 2)
    levels = (one, two, three, four)
    one, two, three, four = (conv(x, f'laterals.{i}', 1) for i, x in enumerate(levels))
    path = unit(four, 'fusions.3.unit')
    path = conv(enlarge(path, three.shape[2:]), 'fusions.3.project')
    for i, level, following in ((2, three, two), (1, two, one), (0, one, None)):
        path = path + unit(level, f'fusions.{i}.lateral')
        path = unit(path, f'fusions.{i}.unit')
        double = [2 * side for side in path.shape[2:]]
        size = double if following is None else following.shape[2:]
        path = conv(enlarge(path, size), f'fusions.{i}.project')
    return conv(conv(path, 'output', 1).clamp(min=0), 'conv_seg')


@pytest.mark.parametrize('size', [(5, 7), (4, 6), (1, 1)])
def test_output_is_the_network_written_out(size):
    torch.manual_seed(0)
    head = build_head()
    maps = [torch.randn(2, 6, *size).double() for _ in range(4)]
    logits = head(maps)
    assert logits.shape == (2, 3, 8 * size[0], 8 * size[1])
    assert_close(logits, written_out(dict(head.state_dict()), maps))


def test_every_weight_learns():
    """A level without deeper ones has no unit that nothing uses."""
    torch.manual_seed(0)
    head = build_head()
    head([torch.randn(2, 6, 3, 3).double() for _ in range(4)]).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


def test_published_numbers_of_weights():
    """Of the authors' heads for ViT-S and ViT-B, by their layers' shapes."""
    for width, levels, channels in (
        (384, [48, 96, 192, 384], 64),
        (768, [96, 192, 384, 768], 128),
    ):
        with torch.device('meta'):
            head = build_head(
                in_channels=[width] * 4,
                level_channels=levels,
                channels=channels,
                num_classes=21,
            )
        first, second, third, last = levels
        want = sum((width + 1) * level for level in levels)
        want += first * (16 * first + 1) + second * (4 * second + 1)
        want += last * (9 * last + 1) + 9 * channels * sum(levels)
        conv = channels * (9 * channels + 1)
        want += 7 * 2 * conv + 4 * channels * (channels + 1) + conv
        want += 21 * (channels + 1)
        assert sum(p.numel() for p in head.parameters()) == want
        assert third == 2 * second


def test_other_numbers_of_levels_are_refused():
    with pytest.raises(ValueError, match='must have 4 entries each'):
        build_head(in_channels=[6] * 3)
