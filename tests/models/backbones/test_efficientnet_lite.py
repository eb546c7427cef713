"""EfficientNetLite: widths, resolutions, dilation, freezing."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn import BatchNorm2d

from mmseg_labelfree.models.backbones import EfficientNetLite

# Widths, number of blocks and number of parameters of the feature extractors. The
# parameters are the published 4.65, 5.42, 6.09, 8.20 and 13.01 million less those of
# the head convolution, its norm and the classifier (1281000).
ARCHS = {
    'lite0': ([16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1], 4652008),
    'lite1': ([16, 24, 40, 80, 112, 192, 320], [1, 3, 3, 4, 4, 5, 1], 5416680),
    'lite2': ([16, 24, 48, 88, 120, 208, 352], [1, 3, 3, 4, 4, 5, 1], 6092072),
    'lite3': ([24, 32, 48, 96, 136, 232, 384], [1, 3, 3, 5, 5, 6, 1], 8197096),
    'lite4': ([24, 32, 56, 112, 160, 272, 448], [1, 4, 4, 6, 6, 8, 1], 13006568),
}
STRIDES = {
    32: [2, 4, 8, 16, 16, 32, 32],
    16: [2, 4, 8, 16, 16, 16, 16],
    8: [2, 4, 8, 8, 8, 8, 8],
}


def randomise(net):
    """Give the norm layers statistics and weights under which no feature vanishes."""
    generator = torch.Generator().manual_seed(1)
    for module in net.modules():
        if isinstance(module, BatchNorm2d):
            for tensor, low, high in (
                (module.weight.data, 0.8, 1.2),
                (module.bias.data, -0.3, 0.6),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return net.eval()


@pytest.mark.parametrize('arch', ARCHS)
def test_architectures(arch):
    channels, blocks, parameters = ARCHS[arch]
    net = EfficientNetLite(arch, out_indices=range(7)).eval()
    with torch.no_grad():
        outs = net(torch.zeros(1, 3, 64, 96))
    assert isinstance(outs, tuple)
    assert [tuple(x.shape) for x in outs] == [
        (1, c, 64 // s, 96 // s) for c, s in zip(channels, STRIDES[32], strict=True)
    ]
    assert [len(getattr(net, name)) for name in net.layers] == blocks
    head = channels[-1] * 1280 + 2 * 1280 + 1281000
    assert sum(p.numel() for p in net.parameters()) == parameters - head


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([8, 16, 32]),
    st.integers(20, 70),
    st.integers(20, 70),
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
)
def test_any_size_is_rounded_up_and_outputs_keep_the_asked_order(
    output_stride, height, width, out_indices
):
    net = EfficientNetLite(out_indices=out_indices, output_stride=output_stride).eval()
    with torch.no_grad():
        outs = net(torch.zeros(1, 3, height, width))
    for x, index in zip(outs, out_indices, strict=True):
        stride = STRIDES[output_stride][index]
        expected = (math.ceil(height / stride), math.ceil(width / stride))
        assert x.shape[1] == ARCHS['lite0'][0][index]
        assert x.shape[-2:] == expected


@pytest.mark.parametrize(('output_stride', 'step'), [(16, 2), (8, 4)])
def test_dilated_net_contains_the_strided_net(output_stride, step):
    """Removing strides adds positions and leaves the old ones as they were.

    With 'same' padding of even sizes, position ``j`` behind a stride of 2 sits at
    ``2 j + 1`` without it; so two removed strides give ``4 j + 3``.
    """
    strided = randomise(EfficientNetLite(out_indices=(6,)))
    dilated = EfficientNetLite(out_indices=(6,), output_stride=output_stride).eval()
    dilated.load_state_dict(strided.state_dict())
    image = torch.randn(2, 3, 128, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        (few,), (many,) = strided(image), dilated(image)
    assert few.std() > 0.1
    torch.testing.assert_close(many[..., step - 1 :: step, step - 1 :: step], few)


def test_one_pixel_reaches_where_tensorflow_same_padding_puts_it():
    """An even input is padded at the bottom and right only: output i reads 2i..2i+2."""
    net = EfficientNetLite().eval()
    conv = net.conv1.conv
    conv.weight.data.fill_(1.0)
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0, 2, 0] = 1.0
    reached = conv(image)[0, 0].detach()
    assert reached.nonzero().tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize('frozen_stages', [-1, 0, 2, 7])
def test_frozen_stages(frozen_stages):
    net = EfficientNetLite(frozen_stages=frozen_stages)
    assert net.train() is net
    frozen = ['conv1', *net.layers][: frozen_stages + 1]
    for name in ['conv1', *net.layers]:
        part = getattr(net, name)
        still = name in frozen
        assert all(p.requires_grad != still for p in part.parameters())
        norms = [m for m in part.modules() if isinstance(m, BatchNorm2d)]
        assert norms and all(m.training != still for m in norms)


def test_norm_eval_keeps_statistics_but_trains_weights():
    net = EfficientNetLite(norm_eval=True).train()
    before = net.conv1.bn.running_mean.clone()
    net(torch.randn(2, 3, 32, 32))[0].sum().backward()
    assert torch.equal(net.conv1.bn.running_mean, before)
    assert net.conv1.bn.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ('norm_cfg', 'eps'),
    [
        (None, 1e-3),
        (dict(type='SyncBN', requires_grad=True), 1e-3),
        (dict(type='BN', eps=1e-5), 1e-5),
    ],
)
def test_norm_eps_is_that_of_the_weights_unless_given(norm_cfg, eps):
    net = EfficientNetLite(norm_cfg=norm_cfg)
    found = {m.eps for m in net.modules() if hasattr(m, 'running_var')}
    assert found == {eps}


@pytest.mark.parametrize(
    ('settings_', 'message'),
    [
        (dict(arch='b0'), "arch must be one of .*lite4.*got 'b0'"),
        (dict(out_indices=(1, 7)), r'out_indices must be in 0 to 6, got \(1, 7\)'),
        (dict(out_indices=()), r'out_indices .* got \(\)'),
        (dict(output_stride=4), 'output_stride must be 8, 16 or 32, got 4'),
        (dict(frozen_stages=8), 'frozen_stages must lie in -1 to 7, got 8'),
    ],
)
def test_bad_settings_are_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(**settings_)


def test_trains_inside_an_encoder_decoder():
    norm_cfg = dict(type='BN')
    model = MODELS.build(
        dict(
            type='EncoderDecoder',
            backbone=dict(type='EfficientNetLite', output_stride=16),
            decode_head=dict(
                type='FCNHead',
                in_channels=320,
                in_index=3,
                channels=16,
                num_convs=1,
                num_classes=3,
                norm_cfg=norm_cfg,
            ),
            train_cfg=dict(),
            test_cfg=dict(mode='whole'),
        )
    )
    model.init_weights()
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, 48, 64).long()))
    losses = model.loss(torch.randn(2, 3, 48, 64), [sample, sample])
    losses['decode.loss_ce'].backward()
    for name, parameter in model.backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
