"""Any stock config with its losses by strips: same numbers, same checkpoints."""

import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

NORM = dict(type='BN')
RESNET = dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8)
RESNET.update(norm_cfg=NORM, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
AUXILIARY = dict(type='FCNHead', in_channels=32, in_index=2, channels=8, num_convs=1)
AUXILIARY.update(num_classes=150, norm_cfg=NORM, dropout_ratio=0.0)
AUXILIARY.update(loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
HEAD = dict(num_classes=150, channels=8, norm_cfg=NORM, dropout_ratio=0.0)
HEAD.update(loss_decode=dict(type='CrossEntropyLoss'))
STOCK = {
    'deeplabv3+': dict(
        backbone=RESNET,
        decode_head=dict(
            HEAD,
            type='DepthwiseSeparableASPPHead',
            in_channels=64,
            in_index=3,
            c1_in_channels=8,
            c1_channels=4,
            dilations=(1, 2),
        ),
        auxiliary_head=AUXILIARY,
    ),
    'upernet': dict(
        backbone=dict(RESNET, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1)),
        decode_head=dict(
            HEAD,
            type='UPerHead',
            in_channels=[8, 16, 32, 64],
            in_index=[0, 1, 2, 3],
            pool_scales=(1, 2),
            align_corners=True,
        ),
        auxiliary_head=[AUXILIARY, dict(AUXILIARY, in_channels=16, in_index=1)],
    ),
    'segformer': dict(
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=8,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 5, 8],
            sr_ratios=[8, 4, 2, 1],
            drop_path_rate=0.0,
        ),
        decode_head=dict(
            HEAD,
            type='SegformerHead',
            in_channels=[8, 16, 40, 64],
            in_index=[0, 1, 2, 3],
        ),
    ),
}


def build(kind, network):
    torch.manual_seed(0)
    cfg = dict(copy.deepcopy(STOCK[network]), type=kind, train_cfg=dict())
    return MODELS.build(dict(cfg, test_cfg=dict(mode='whole'))).train()


def batch():
    torch.manual_seed(1)
    labels = torch.randint(0, 150, (2, 1, 64, 64))
    labels[:, :, :9] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    return torch.randn(2, 3, 64, 64), samples


@pytest.mark.parametrize('network', STOCK)
def test_losses_and_gradients_of_a_stock_segmentor(network):
    results = []
    for kind in ('EncoderDecoder', 'StripedEncoderDecoder'):
        model = build(kind, network)
        losses = model.loss(*batch())
        total, _ = model.parse_losses(losses)
        total.backward()
        gradients = {k: p.grad for k, p in model.named_parameters()}
        results.append((losses, gradients, model.state_dict()))
    (stock, wanted, weights), (striped, found, own) = results
    assert list(stock) == list(striped)
    for name, value in stock.items():
        torch.testing.assert_close(striped[name].squeeze(), value.squeeze().detach())
    scale = max(g.abs().max() for g in wanted.values())
    for name, gradient in wanted.items():
        torch.testing.assert_close(
            found[name], gradient, rtol=1e-4, atol=1e-5 * scale.item()
        )
    assert own.keys() == weights.keys()
    build('EncoderDecoder', network).load_state_dict(own)
    build('StripedEncoderDecoder', network).load_state_dict(weights)


def test_a_head_with_losses_of_its_own_is_left_alone():
    """EncHead adds a loss of the classes in the image."""
    head = dict(HEAD, type='EncHead', in_channels=[32, 64, 64], in_index=[2, 3, 3])
    head.update(num_codes=4, loss_se_decode=dict(type='CrossEntropyLoss'))
    head['loss_se_decode'].update(use_sigmoid=True, loss_weight=0.2)
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type='StripedEncoderDecoder', backbone=RESNET, decode_head=head)
    ).train()
    losses = model.loss(*batch())
    assert {'decode.loss_ce', 'decode.loss_se', 'decode.acc_seg'} <= losses.keys()


@pytest.mark.parametrize('network', STOCK)
def test_no_tensor_of_all_classes_at_label_size(network):
    """A mode that sees the result of every operation of a step, backward included."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = [0]

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            for value in result if isinstance(result, (tuple, list)) else [result]:
                if isinstance(value, torch.Tensor):
                    largest[0] = max(largest[0], value.numel())
            return result

    full = 2 * 150 * 64 * 64
    sizes = {}
    for kind in ('EncoderDecoder', 'StripedEncoderDecoder'):
        largest[0] = 0
        model, (inputs, samples) = build(kind, network), batch()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr('mmseg_labelfree.ops.strips.CPU_STRIP', 2**16)
            with Watch():
                total, _ = model.parse_losses(model.loss(inputs, samples))
                total.backward()
        sizes[kind] = largest[0]
    assert sizes['EncoderDecoder'] >= full > sizes['StripedEncoderDecoder']
