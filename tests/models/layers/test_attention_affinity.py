import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.layers import AttentionAffinity

SMALL = dict(embed_dims=8, num_layers=[1, 1, 1, 2], num_heads=[1, 2, 2, 4])


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return MODELS.build(dict(type='MixVisionTransformer', **SMALL))


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_the_authors_numbers(wave):
    layer = AttentionAffinity(16).double()
    with torch.no_grad():
        layer.projection.weight.copy_(wave(1, 16, 1, 1, phase=0.5, scale=0.1))
        layer.projection.bias.fill_(0.2)
    blocks = [wave(2, 8, 6, 6, phase=p).requires_grad_() for p in (0.2, 0.3)]
    affinity = layer(torch.cat(blocks, 1))
    assert affinity.sum().item() == pytest.approx(44.008774799, abs=1e-8)
    first = [0.8930256304, 0.9086752028, 0.9108179518, 0.8962436586]
    assert affinity.flatten()[:4].tolist() == pytest.approx(first, abs=1e-9)
    (gradient,) = torch.autograd.grad(affinity.sum(), blocks[1])
    assert gradient.norm().item() == pytest.approx(0.5002531237, abs=1e-9)


def test_recorded_scores_are_those_of_the_attention(backbone, images):
    layer = AttentionAffinity(8)
    layer.check(backbone)
    weights = []
    blocks = [block.attn.attn for block in backbone.layers[3][1]]
    for attention in blocks:
        attention.register_forward_hook(lambda *args: weights.append(args[2][1]))
    with layer.recording(backbone) as attention:
        features = backbone(images)
    scores = attention.scores()
    size = features[3].shape[2:].numel()
    assert scores.shape == (2, 8, size, size)
    channels = blocks[0].embed_dim // blocks[0].num_heads
    softmax = (scores / channels**0.5).softmax(-1)
    for part, expected in zip(softmax.chunk(2, 1), weights, strict=True):
        torch.testing.assert_close(part.mean(1), expected)
    torch.testing.assert_close(attention.scores(1), scores[:1])


def test_gradients_reach_the_attention(backbone, images):
    layer = AttentionAffinity(8)
    with layer.recording(backbone) as attention:
        backbone(images)
    layer(attention.scores()).sum().backward()
    for block in backbone.layers[3][1]:
        assert block.attn.attn.in_proj_weight.grad.abs().sum() > 0
    assert layer.projection.bias.grad is not None


def test_learns_in_full_precision_under_autocast():
    """Also behind a pass without gradient, as the one that spreads the maps."""
    layer, scores = AttentionAffinity(8), 10 * torch.randn(1, 8, 5, 5)
    (expected,) = torch.autograd.grad(layer(scores).sum(), layer.projection.weight)
    with torch.autocast('cpu', torch.bfloat16):
        with torch.no_grad():
            layer(scores)
        affinity = layer(scores)
    (found,) = torch.autograd.grad(affinity.sum(), layer.projection.weight)
    assert torch.equal(affinity, layer(scores)) and torch.equal(found, expected)


def test_recomputed_activations_teach_the_same(images):
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        cfg = dict(type='MixVisionTransformer', with_cp=with_cp, **SMALL)
        backbone = MODELS.build(cfg).train()
        layer = AttentionAffinity(8)
        with layer.recording(backbone) as attention:
            backbone(images)
        layer(attention.scores()).sum().backward()
        gradients.append(backbone.layers[0][0].projection.weight.grad)
        assert backbone.layers[0][1][0].with_cp is with_cp
    assert gradients[0].any()
    assert torch.equal(*gradients)


def test_what_has_no_affinity_is_refused(backbone):
    with pytest.raises(TypeError, match='ResNet has no attention'):
        AttentionAffinity(8).check(MODELS.build(dict(type='ResNet', depth=18)))
    with pytest.raises(ValueError, match='reduces its keys'):
        AttentionAffinity(2, stage=0).check(backbone)
    with pytest.raises(ValueError, match='in_channels=16, but .* has 8 heads'):
        AttentionAffinity(16).check(backbone)


def test_start_is_that_of_the_authors():
    torch.manual_seed(0)
    layer = AttentionAffinity(4000)
    layer.init_weights()
    # Kaiming normal with a = sqrt 5 over one output: standard deviation sqrt(1 / 3).
    assert layer.projection.weight.std().item() == pytest.approx(3**-0.5, rel=0.05)
