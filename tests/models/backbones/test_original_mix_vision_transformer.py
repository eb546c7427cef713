import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

SMALL = dict(embed_dims=16, num_layers=[1, 2, 1, 1], num_heads=[1, 2, 5, 8])


def build(kind, **kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type=kind, **SMALL, **kwargs))


@pytest.mark.parametrize('strides', [[4, 2, 2, 2], [4, 2, 2, 1]])
def test_two_epsilons_and_nothing_else(strides):
    ours = build('OriginalMixVisionTransformer', strides=strides)
    stock = build('MixVisionTransformer', strides=strides)
    norms = {k: m for k, m in ours.named_modules() if isinstance(m, nn.LayerNorm)}
    coarse = {name for name, norm in norms.items() if norm.eps == 1e-5}
    expected = {f'layers.{i}.0.norm' for i in range(4)}
    expected |= {
        f'layers.{i}.1.{j}.attn.norm' for i, j in ((0, 0), (1, 0), (1, 1), (2, 0))
    }
    assert coarse == expected
    assert all(m.eps == 1e-6 for k, m in norms.items() if k not in coarse)
    stock.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps, others = ours.eval()(images), stock.eval()(images)
        assert [x.shape[1:] for x in maps] == [x.shape[1:] for x in others]
        assert not all(map(torch.equal, maps, others))
        for name in coarse:
            stock.get_submodule(name).eps = 1e-5
        assert all(map(torch.equal, maps, stock(images)))
    assert maps[3].shape[2:] == (64 // 16 // strides[3], 96 // 16 // strides[3])
