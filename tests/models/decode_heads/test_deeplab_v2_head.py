import copy
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_labelfree.engine.hooks.incremental_classifier_init_hook import (
    grow_state_dict,
)
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.layers.summed_aspp import SummedASPP
from mmseg_labelfree.utils.checkpoint import load_weights

ROOT = Path(__file__).parents[3]


def build_head(num_classes=3, in_channels=4, **kwargs):
    cfg = dict(
        type='DeepLabV2Head',
        in_channels=in_channels,
        num_classes=num_classes,
        in_index=0,
        **kwargs,
    )
    head = MODELS.build(cfg)
    head.init_weights()
    return head


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 10**6),
)
def test_summed_aspp_equals_taps_by_hand(dilations, size, seed):
    generator = torch.Generator().manual_seed(seed)
    aspp = SummedASPP(3, 2, dilations).double()
    for parameter in aspp.parameters():
        parameter.data.normal_(generator=generator)
    x = torch.randn(1, 3, *size, generator=generator, dtype=torch.float64)
    expected = torch.zeros(2, *size, dtype=torch.float64)
    for c in range(2):
        for i in range(size[0]):
            for j in range(size[1]):
                value = aspp.bias[c]
                for k, rate in enumerate(dilations):
                    for a in range(3):
                        for b in range(3):
                            y, z = i + (a - 1) * rate, j + (b - 1) * rate
                            if 0 <= y < size[0] and 0 <= z < size[1]:
                                kernel = aspp.weight[c, 3 * k : 3 * k + 3, a, b]
                                value = value + kernel @ x[0, :, y, z]
                expected[c, i, j] = value
    torch.testing.assert_close(aspp(x)[0], expected)


def test_head_is_the_sum_of_ordinary_convolutions():
    torch.manual_seed(0)
    head = build_head().eval()
    branches = [
        torch.nn.Conv2d(4, 3, 3, padding=r, dilation=r) for r in (6, 12, 18, 24)
    ]
    state = {
        'conv_seg.weight': torch.cat([b.weight for b in branches], dim=1),
        'conv_seg.bias': sum(b.bias for b in branches),
    }
    head.load_state_dict(state)
    x = torch.randn(2, 4, 33, 29)
    expected = sum(branch(x) for branch in branches)
    torch.testing.assert_close(head([x]), expected)
    last = head.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last([x]), expected)


def test_parameters_look_like_one_convolution():
    torch.manual_seed(0)
    head = build_head(num_classes=21, in_channels=32)
    shapes = {k: tuple(v.shape) for k, v in head.state_dict().items()}
    assert shapes == {'conv_seg.weight': (21, 128, 3, 3), 'conv_seg.bias': (21,)}
    assert head.out_channels == head.num_classes == 21
    assert head.dropout is None  # DeepLabV2 on a ResNet
    assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not head.conv_seg.bias.any()
    other = build_head(num_classes=21, in_channels=32)
    other.load_state_dict(head.state_dict())
    x = torch.randn(1, 32, 5, 6)
    assert torch.equal(head([x]), other([x]))


def test_dropout_acts_on_whole_channels_in_training_only():
    head = build_head(num_classes=3, in_channels=64, dropout_ratio=0.5)
    x = torch.ones(1, 64, 1, 1)  # only the central taps see it
    torch.manual_seed(0)
    trained = head.train()([x])
    torch.manual_seed(0)
    dropped = F.dropout2d(x, 0.5)
    torch.testing.assert_close(trained, head.conv_seg(dropped))
    assert torch.equal(head.eval()([x]), head.conv_seg(x))


def test_growing_splits_the_background_once():
    """MiB's initialization: the old model's probabilities, background shared."""
    torch.manual_seed(0)
    old, new = build_head(num_classes=3), build_head(num_classes=5)
    old.conv_seg.weight.data.mul_(30)
    new.load_state_dict(grow_state_dict(old.state_dict(), new.state_dict()))
    x = torch.randn(2, 4, 13, 13)
    before, after = (head([x]).softmax(1) for head in (old, new))
    torch.testing.assert_close(after[:, 1:3], before[:, 1:])
    for c in (0, 3, 4):
        torch.testing.assert_close(after[:, c], before[:, 0] / 3)
    bias = math.log(3)
    expected = torch.tensor([-bias, 0, 0, -bias, -bias])
    torch.testing.assert_close(new.conv_seg.bias, expected)


@pytest.mark.slow
def test_trains_through_incremental_steps(incremental):
    """With classifier growth and a distilling teacher, from a real Runner."""
    head = dict(incremental.model.decode_head)
    for key in ('channels', 'num_convs', 'norm_cfg', 'dropout_ratio'):
        head.pop(key)
    head.update(type='DeepLabV2Head', dilations=(1, 2))
    incremental.model.decode_head = head
    runner = ProtocolRunner(incremental)
    for name in ('step_0', 'step_1'):
        runner.run(name)
    states = [load_weights(f'{incremental.work_dir}/step_{k}')[0] for k in (0, 1)]
    key = 'decode_head.conv_seg.weight'
    assert [tuple(s[key].shape) for s in states] == [(3, 64, 3, 3), (4, 64, 3, 3)]
    # Six small steps after the start at the old weights.
    change = (states[1][key][:3] - states[0][key]).norm() / states[0][key].norm()
    assert 0 < change < 0.5
    model = MODELS.build(copy.deepcopy(runner.stage('step_1').cfg.model))
    model.load_state_dict(states[1])


def test_base_config():
    cfg = Config.fromfile(ROOT / 'configs/_base_/models/deeplabv2_r101-d8.py')
    model = MODELS.build(cfg.model).train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 104 and not any(m.training for m in norms)
    assert not any(p.requires_grad for m in norms for p in m.parameters())
    assert hasattr(model.backbone, 'conv1') and not model.backbone.deep_stem
    first_blocks = [getattr(model.backbone, f'layer{k}')[0] for k in (3, 4)]
    assert [b.conv2.dilation for b in first_blocks] == [(2, 2), (4, 4)]
    with torch.no_grad():  # 321 -> 41, here 65 -> 9 and 97 -> 13
        assert model(torch.randn(1, 3, 65, 97), mode='tensor').shape == (1, 21, 9, 13)


@pytest.mark.parametrize('dilations', [(), (6, 0)])
def test_bad_dilations(dilations):
    with pytest.raises(ValueError, match='dilations must be one or more integers >= 1'):
        build_head(dilations=dilations)
