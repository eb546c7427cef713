import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch.testing import assert_close

from mmseg_labelfree.models.backbones.dino_positions import resized_positions

SMALL = dict(
    arch=dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=16),
    img_size=32,
    patch_size=8,
    out_indices=[0, 1],
    out_type='featmap',
)


def pair():
    torch.manual_seed(0)
    ours = MODELS.build(dict(type='DINOVisionTransformer', **SMALL))
    stock = MODELS.build(dict(type='mmpretrain.VisionTransformer', **SMALL))
    with torch.no_grad():
        ours.pos_embed.normal_()
        ours.cls_token.normal_()
        ours.ln1.weight.normal_()
    stock.load_state_dict(ours.state_dict())
    return ours, stock


@torch.no_grad()
def test_positions_and_the_norm_on_each_output_differ():
    ours, stock = pair()

    def normed(maps):
        tokens = ours.ln1(maps[0].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return tokens, maps[1]  # mmpretrain normalizes the last one alone

    images = torch.randn(2, 3, 32, 32)
    assert_close(ours(images), normed(stock(images)))
    images = torch.randn(2, 3, 40, 64)
    found, others = ours(images), stock(images)
    assert not torch.allclose(found[1], others[1], atol=1e-3)
    stock.pos_embed.data = resized_positions(ours.pos_embed, (5, 8))
    stock.patch_resolution = (5, 8)  # taken as it is
    assert_close(found, normed(stock(images)))


@pytest.mark.parametrize('size', [(3, 5), (6, 4), (4, 9)])
def test_positions_by_hand(size):
    """Cubic weights at coordinates by (size + 0.1) / side, edges repeated."""
    positions = torch.randn(1, 17, 3, dtype=torch.float64)

    def cubic(length):
        matrix = torch.zeros(length, 4, dtype=torch.float64)
        for i in range(length):
            x = (i + 0.5) * 4 / (length + 0.1) - 0.5
            low = int(torch.tensor(x).floor())
            for j in range(low - 1, low + 3):
                d = abs(x - j)
                if d <= 1:
                    w = 1.25 * d**3 - 2.25 * d**2 + 1
                else:
                    w = -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
                matrix[i, min(max(j, 0), 3)] += w
        return matrix

    grid = positions[0, 1:].view(4, 4, 3)
    expected = torch.einsum('ra,cb,abk->rck', cubic(size[0]), cubic(size[1]), grid)
    found = resized_positions(positions, size)
    assert torch.equal(found[:, 0], positions[:, 0])
    assert_close(found[0, 1:], expected.flatten(0, 1))
    plain = F.interpolate(grid.permute(2, 0, 1)[None], size, mode='bicubic')
    assert (plain[0].flatten(1).T - found[0, 1:]).abs().max() > 1e-3


@torch.no_grad()
def test_pixels_that_fill_no_patch_are_left_out():
    ours, _ = pair()
    images = torch.randn(1, 3, 37, 47)
    for found, expected in zip(ours(images), ours(images[..., :32, :40]), strict=True):
        assert found.shape[2:] == (4, 5)
        assert_close(found, expected)
