import importlib
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.ops.saliency_losses import hybrid_saliency_loss

TOOLS = Path(__file__).resolve().parents[3] / 'tools' / 'model_converters'
WIDTH = 2


@pytest.fixture(scope='module')
def converter():
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module('basnet_to_saliency_net')
    sys.path.remove(str(TOOLS))


def small_net(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='SaliencyNet', width=WIDTH, **kwargs))


def scaled(channels):
    return channels * WIDTH // 64


def authors_layers():
    """Layers of the public checkpoint: name -> (inputs, outputs), by BASNet's figure.

    Convolutions with a norm are listed as (conv, bn) names; widths are for 64.
    """
    convs = {'inconv': ('inbn', 3, 64)}
    widths = [64, 128, 256, 512]
    inputs = 64
    for stage, (outputs, blocks) in enumerate(zip(widths, (3, 4, 6, 3), strict=True)):
        for block in range(blocks):
            name = f'encoder{stage + 1}.{block}'
            convs[f'{name}.conv1'] = (f'{name}.bn1', inputs, outputs)
            convs[f'{name}.conv2'] = (f'{name}.bn2', outputs, outputs)
            if block == 0 and stage:
                convs[f'{name}.downsample.0'] = (
                    f'{name}.downsample.1',
                    inputs,
                    outputs,
                )
            inputs = outputs
    for name in (f'resb{s}_{b}' for s in (5, 6) for b in (1, 2, 3)):
        convs[f'{name}.conv1'] = (f'{name}.bn1', 512, 512)
        convs[f'{name}.conv2'] = (f'{name}.bn2', 512, 512)
    for place in '1m2':
        convs[f'convbg_{place}'] = (f'bnbg_{place}', 512, 512)
    table = {
        '6d': (1024, 512, 512, 512),
        '5d': (1024, 512, 512, 512),
        '4d': (1024, 512, 512, 256),
        '3d': (512, 256, 256, 128),
        '2d': (256, 128, 128, 64),
        '1d': (128, 64, 64, 64),
    }
    for level, sizes in table.items():
        for i, place in enumerate('1m2'):
            convs[f'conv{level}_{place}'] = (f'bn{level}_{place}', *sizes[i : i + 2])
    sides = {'b': 512, '6': 512, '5': 512, '4': 256, '3': 128, '2': 64, '1': 64}
    for side, width in sides.items():
        convs[f'outconv{side}'] = (None, width, 1)
    convs['refunet.conv0'] = (None, 1, 64)
    for i in range(1, 6):
        convs[f'refunet.conv{i}'] = (f'refunet.bn{i}', 64, 64)
    for i in range(1, 5):
        convs[f'refunet.conv_d{i}'] = (f'refunet.bn_d{i}', 128, 64)
    convs['refunet.conv_d0'] = (None, 64, 1)
    return convs


def authors_weights(scale):
    generator = torch.Generator().manual_seed(1)
    weights = {}

    def draw(*shape, low=-0.1, high=0.1):
        return torch.empty(shape).uniform_(low, high, generator=generator)

    for name, (norm, inputs, outputs) in authors_layers().items():
        inputs = inputs if inputs in (1, 3) else scale(inputs)
        outputs = outputs if outputs == 1 else scale(outputs)
        size = 1 if 'downsample' in name else 3
        bound = (6 / (inputs * size**2)) ** 0.5
        weights[f'{name}.weight'] = draw(
            outputs, inputs, size, size, low=-bound, high=bound
        )
        if not name.startswith(('encoder', 'resb')):
            weights[f'{name}.bias'] = draw(outputs)
        if norm:
            weights[f'{norm}.weight'] = draw(outputs, low=0.8, high=1.2)
            weights[f'{norm}.bias'] = draw(outputs)
            weights[f'{norm}.running_mean'] = draw(outputs)
            weights[f'{norm}.running_var'] = draw(outputs, low=0.5, high=1.5)
    return weights


def authors_forward(w, x):
    """BASNet in eval mode from the authors' tensors; sizes are multiples of 32."""

    def conv(x, name, stride=1, dilation=1):
        padding = dilation * (w[f'{name}.weight'].shape[-1] // 2)
        return F.conv2d(
            x, w[f'{name}.weight'], w.get(f'{name}.bias'), stride, padding, dilation
        )

    def norm(x, name):
        return F.batch_norm(
            x,
            w[f'{name}.running_mean'],
            w[f'{name}.running_var'],
            w[f'{name}.weight'],
            w[f'{name}.bias'],
        )

    def block(x, name, stride=1):
        y = F.relu(norm(conv(x, f'{name}.conv1', stride), f'{name}.bn1'))
        y = norm(conv(y, f'{name}.conv2'), f'{name}.bn2')
        if f'{name}.downsample.0.weight' in w:
            x = norm(conv(x, f'{name}.downsample.0', stride), f'{name}.downsample.1')
        return F.relu(x + y)

    def triple(x, level, dilations):
        for place, dilation in zip('1m2', dilations, strict=True):
            x = conv(x, f'conv{level}_{place}', dilation=dilation)
            x = F.relu(norm(x, f'bn{level}_{place}'))
        return x

    def up(x, factor):
        return F.interpolate(x, scale_factor=factor, mode='bilinear')

    h = F.relu(norm(conv(x, 'inconv'), 'inbn'))
    skips = []
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for b in range(blocks):
            h = block(h, f'encoder{stage + 1}.{b}', 2 if stage and not b else 1)
        skips.append(h)
    for stage in (5, 6):
        h = F.max_pool2d(h, 2)
        for b in (1, 2, 3):
            h = block(h, f'resb{stage}_{b}')
        skips.append(h)
    h = triple(h, 'bg', (2, 2, 2))
    outputs = [up(conv(h, 'outconvb'), 32)]
    for level, dilations in zip('654321', [(1, 2, 2)] + [(1, 1, 1)] * 5, strict=True):
        if level != '6':
            h = up(h, 2)
        h = triple(torch.cat([h, skips.pop()], 1), f'{level}d', dilations)
        side = conv(h, f'outconv{level}')
        outputs.append(up(side, 2 ** (int(level) - 1)) if level != '1' else side)
    outputs.reverse()
    h, skips = conv(outputs[0], 'refunet.conv0'), []
    for i in range(1, 5):
        h = F.relu(norm(conv(h, f'refunet.conv{i}'), f'refunet.bn{i}'))
        skips.append(h)
        h = F.max_pool2d(h, 2)
    h = F.relu(norm(conv(h, 'refunet.conv5'), 'refunet.bn5'))
    for i in range(4, 0, -1):
        h = torch.cat([up(h, 2), skips.pop()], 1)
        h = F.relu(norm(conv(h, f'refunet.conv_d{i}'), f'refunet.bn_d{i}'))
    return [outputs[0] + conv(h, 'refunet.conv_d0'), *outputs]


def test_equals_the_network_of_the_checkpoint(converter):
    net = small_net().eval()
    source = authors_weights(scaled)
    state = net.state_dict()
    converted = {
        name: source.get(converter.source_name(name), tensor)
        for name, tensor in state.items()
    }
    used = {converter.source_name(name) for name in state}
    assert {*source} == {n for n in used if not n.endswith('num_batches_tracked')}
    net.load_state_dict(converted)
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        outputs, expected = net(x), authors_forward(source, x)
    assert len(outputs) == 8
    for ours, theirs in zip(outputs, expected, strict=True):
        assert theirs.std() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_converter_takes_the_whole_checkpoint_and_names_what_does_not_fit(
    converter, tmp_path, capsys
):
    source = authors_weights(lambda channels: channels)
    torch.save(source, tmp_path / 'basnet.pth')
    converter.main([str(tmp_path / 'basnet.pth'), str(tmp_path / 'out.pth')])
    assert '517 tensors of BASNet' in capsys.readouterr().out
    content = torch.load(tmp_path / 'out.pth', weights_only=True)
    weights = content['state_dict']
    assert torch.equal(weights['decoder.0.1.conv.bias'], source['conv6d_m.bias'])
    assert torch.equal(weights['encoder.5.2.bn2.weight'], source['resb6_3.bn2.weight'])
    assert content['meta']['channel_order'] == 'rgb'
    source['outconv1.weight'] = torch.zeros(1, 3, 3, 3)
    source['extra'] = source.pop('convbg_m.bias')
    with pytest.raises(
        ValueError,
        match='missing keys: convbg_m.bias; wrong shapes: '
        r'outconv1.weight is \(1, 3, 3, 3\), not \(1, 64, 3, 3\); '
        'unknown keys: extra',
    ):
        converter.convert(source)


def samples(labels, size):
    return [
        SegDataSample(
            gt_sem_seg=PixelData(data=label[None]),
            metainfo=dict(img_shape=size, ori_shape=(2 * size[0], 2 * size[1])),
        )
        for label in labels
    ]


def test_losses_are_those_of_all_outputs():
    net = small_net()
    x = torch.randn(2, 3, 32, 32)
    label = torch.randint(0, 2, (2, 32, 32))
    label[:, :4] = 255
    losses = net(x, samples(label, (32, 32)), mode='loss')
    parts = [hybrid_saliency_loss(o, label) for o in net(x)]
    for name in ('bce', 'ssim', 'iou'):
        torch.testing.assert_close(losses[f'loss_{name}'], sum(p[name] for p in parts))
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert all(p.grad is not None for p in net.parameters())
    probability = net(x)[0][:, 0].sigmoid()
    expected = (probability - label).abs()[:, 4:].mean()
    torch.testing.assert_close(losses['mae'], expected)


def test_predictions_have_the_original_size_without_padding():
    net = small_net().eval()
    x = torch.randn(1, 3, 32, 64)
    (sample,) = samples(torch.zeros(1, 32, 64), (30, 50))
    (result,) = net(x, [sample], mode='predict')
    saliency = result.saliency.data
    assert saliency.shape == (1, 60, 100)
    whole = net(x)[0].sigmoid()[:, :, :30, :50]
    expected = F.interpolate(whole, (60, 100), mode='bilinear')[0]
    torch.testing.assert_close(saliency, expected)
    assert torch.equal(result.pred_sem_seg.data, (saliency > 0.5).long())
    odd = net(torch.randn(1, 3, 45, 37))
    assert {tuple(o.shape) for o in odd} == {(1, 1, 45, 37)}


@pytest.mark.slow
def test_learns_a_square():
    torch.manual_seed(0)
    net = small_net(num_blocks=(1,) * 6)
    label = torch.zeros(2, 32, 32, dtype=torch.long)
    label[0, 4:20, 4:20] = label[1, 10:28, 8:30] = 1
    x = (label[:, None] * 2.0 - 1 + 0.1 * torch.randn(2, 3, 32, 32)).float()
    wrapper = OptimWrapper(torch.optim.Adam(net.parameters(), 0.01))
    data = dict(inputs=x, data_samples=samples(label, (32, 32)))
    logs = [net.train_step(dict(data), wrapper) for _ in range(30)]
    assert logs[-1]['mae'] < 0.1 < logs[0]['mae']


def test_bad_arguments():
    with pytest.raises(ValueError, match='positive width and 6'):
        small_net(num_blocks=(1, 2))
    with pytest.raises(ValueError, match="not 'train'"):
        small_net()(torch.zeros(1, 3, 32, 32), mode='train')
