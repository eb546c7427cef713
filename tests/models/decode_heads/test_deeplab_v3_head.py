"""DeepLabV3's head is torchvision's, but for the order of the branches.

``tests/tools/test_ncdss_converter.py`` compares it with the numbers of EUMS's authors.
"""

import torch
from mmseg.registry import MODELS
from torch import nn
from torchvision.models.segmentation.deeplabv3 import DeepLabHead


def build(**changes):
    cfg = dict(
        type='DeepLabV3Head',
        in_channels=10,
        in_index=0,
        channels=256,
        dilations=(1, 12, 24, 36),
        num_classes=5,
        norm_cfg=dict(type='BN'),
    )
    return MODELS.build(cfg | changes)


def test_starts_as_eums_head():
    torch.manual_seed(0)
    head = build()
    head.init_weights()
    layers = [m for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 8
    for layer in layers:
        inputs = layer.weight[0].numel()
        assert abs(layer.weight.std() * (inputs / 2) ** 0.5 - 1) < 0.05
    other = build(init_cfg=dict(type='Constant', val=0.5, layer='Conv2d'))
    other.init_weights()
    assert torch.all(other.conv_seg.weight == 0.5)


def test_equals_torchvisions():
    torch.manual_seed(0)
    theirs = DeepLabHead(10, 5).eval()
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point():
                value.uniform_(-0.1, 0.1).abs_()
    ours = build().eval()
    aspp, conv, norm, _, classifier = theirs
    *branches, pool = aspp.convs
    pairs = [(ours.image_pool[1], [*pool][1:3]), (ours.bottleneck[2], (conv, norm))]
    pairs += list(zip(ours.aspp_modules, branches, strict=True))
    for unit, (convolution, normalization, *_) in pairs:
        unit.conv.load_state_dict(convolution.state_dict())
        unit.bn.load_state_dict(normalization.state_dict())
    ours.bottleneck[0].bn.load_state_dict(aspp.project[1].state_dict())
    weight = aspp.project[0].weight
    ours.bottleneck[0].conv.weight.data = torch.cat(
        [weight[:, -256:], weight[:, :-256]], 1
    )
    ours.conv_seg.load_state_dict(classifier.state_dict())
    x = torch.randn(2, 10, 9, 11)
    with torch.no_grad():
        torch.testing.assert_close(ours([x]), theirs(x), rtol=1e-4, atol=1e-5)
