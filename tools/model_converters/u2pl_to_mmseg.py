r"""Convert a checkpoint of U2PL's authors to a segmentor of our configs, and back.

Of the two networks in such a file the teacher is scored and converted; files of runs on
labels alone have the student only. The ImageNet ResNet-101 with which the authors
begin, a file of the encoder alone, becomes a backbone. MMSegmentation's auxiliary head
(Cityscapes) has no bias in front of its norm: the authors' is taken off the running
mean, which computes the same.

Example::

    python tools/model_converters/u2pl_to_mmseg.py ckpt_best.pth u2pl_voc.pth
    python tools/test.py \
        configs/u2pl/deeplabv3plus_r101_voc-classic_1464_u2pl_official.py u2pl_voc.pth
    python tools/model_converters/u2pl_to_mmseg.py --to-authors u2pl_voc.pth ckpt.pth
    python tools/model_converters/u2pl_to_mmseg.py resnet101.pth \
        data/weights/resnet101_u2pl.pth
"""

import argparse

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a checkpoint of U2PL's authors for mmseg: its teacher, or the student "
        'where there is none',
        to_authors=True,
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from typing import Any

import torch
from mmseg.models.decode_heads import FCNHead
from torch import nn
from weight_files import Weights, fill, rename, run

from mmseg_labelfree.models.backbones import CeilPoolResNet
from mmseg_labelfree.models.decode_heads import DeepLabV3PlusHead, RepresentationHead

ARCHITECTURE = "U2PL's DeepLabV3+ with ResNet-101"
ENTRIES = ('teacher_state', 'model_state')
CLASSIFIER = 'decoder.classifier.8.weight'
BIAS, MEAN = 'auxor.aux.0.bias', 'auxor.aux.1.running_mean'
META = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channel_order='rgb'
)
NORM = dict(type='BN')
# Convolutions with norm, and the authors' name of the convolution; the norm is next.
UNITS = {
    'decode_head.image_pool.1': 'decoder.aspp.conv1.1',
    **{
        f'decode_head.aspp_modules.{i}': f'decoder.aspp.conv{i + 2}.0' for i in range(4)
    },
    'decode_head.bottleneck': 'decoder.head.0',
    'decode_head.c1_bottleneck': 'decoder.low_conv.0',
    'decode_head.fusion.0': 'decoder.classifier.0',
    'decode_head.fusion.2': 'decoder.classifier.4',
    'representation_head.layers.0': 'decoder.representation.0',
    'representation_head.layers.2': 'decoder.representation.4',
    'auxiliary_head.convs.0': 'auxor.aux.0',
}
LAYERS = {
    'backbone.stem.7': 'encoder.bn1',
    'decode_head.conv_seg': 'decoder.classifier.8',
    'representation_head.layers.4': 'decoder.representation.8',
    'auxiliary_head.conv_seg': 'auxor.aux.4',
}


def source_name(name: str) -> str:
    """The authors' name of a tensor of ours."""
    module, _, tensor = name.rpartition('.')
    if module in LAYERS:
        return f'{LAYERS[module]}.{tensor}'
    unit, _, layer = module.rpartition('.')
    if unit in UNITS:
        place, _, index = UNITS[unit].rpartition('.')
        return f'{place}.{int(index) + (layer == "bn")}.{tensor}'
    return name.replace('backbone.stem', 'encoder.conv1').replace('backbone', 'encoder')


def build(num_classes: int, parts: set[str]) -> Weights:
    """State dict of our segmentor, without memory for its values.

    Args:
        num_classes: Outputs of the classifier, 21 for VOC and 19 for Cityscapes.
        parts: Which of 'backbone', 'decode_head', 'representation_head' and
            'auxiliary_head' it has.
    """
    head: dict[str, Any] = dict(channels=256, num_classes=num_classes, norm_cfg=NORM)
    with torch.device('meta'):
        modules: dict[str, nn.Module] = dict(
            backbone=CeilPoolResNet(depth=101, deep_stem=True, stem_channels=128),
            decode_head=DeepLabV3PlusHead(
                in_channels=2048,
                dilations=(1, 12, 24, 36),
                c1_in_channels=256,
                c1_channels=256,
                **head,
            ),
            representation_head=RepresentationHead(512, 256, bias=True),
            auxiliary_head=FCNHead(
                in_channels=1024, num_convs=1, concat_input=False, **head
            ),
        )
    return {
        f'{part}.{name}': value
        for part in modules.keys() & parts
        for name, value in modules[part].state_dict().items()
    }


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of U2PL's teacher or student, or of its encoder.

    Args:
        source: Its state dict, without ``module.`` in front of the names. An encoder
            alone may have a classifier, ``fc``, which is dropped.

    Returns:
        The state dict of the segmentor, or of the backbone, and the ``meta`` entry.

    Raises:
        ValueError: If the tensors are not those of U2PL.
    """
    if 'conv1.0.weight' in source:
        return convert_encoder(source)
    if CLASSIFIER not in source:
        raise ValueError(
            f'not the weights of {ARCHITECTURE}; missing keys: {CLASSIFIER}; the first '
            f'key is {next(iter(source))}'
        )
    parts = {'backbone', 'decode_head'}
    heads = dict(representation_head='decoder.representation.', auxiliary_head='auxor.')
    for part, prefix in heads.items():
        if any(name.startswith(prefix) for name in source):
            parts.add(part)
    target = build(len(source[CLASSIFIER]), parts)
    names = {name: source_name(name) for name in target}
    return fill(target, _without_bias(source), names, (), ARCHITECTURE), dict(
        META, architecture=ARCHITECTURE
    )


def convert_encoder(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of the ImageNet ResNet-101 with a stem of 64, 64, 128.

    Raises:
        ValueError: If the tensors are not those of that network.
    """
    architecture = "U2PL's ResNet-101"
    target = build(2, {'backbone'})
    names = {name: source_name(name).removeprefix('encoder.') for name in target}
    weights = fill(target, source, names, ('fc.',), architecture)
    weights = {name.removeprefix('backbone.'): value for name, value in weights.items()}
    return weights, dict(META, architecture=architecture)


def _without_bias(source: Weights) -> Weights:
    if BIAS not in source or MEAN not in source:
        return source
    result = {name: value for name, value in source.items() if name != BIAS}
    return result | {MEAN: source[MEAN] - source[BIAS]}


def to_authors(weights: Weights) -> dict:
    """Give a segmentor of ours the authors' names.

    Args:
        weights: Its state dict.

    Returns:
        What their evaluation reads: ``dict(model_state=...)``, with ``module.`` in
        front of the names.

    Raises:
        ValueError: If the tensors are not those of the network.
    """
    parts = {name.partition('.')[0] for name in weights}
    classifier = weights.get('decode_head.conv_seg.bias', torch.zeros(2))
    target = build(len(classifier), parts | {'backbone', 'decode_head'})
    names = {name: source_name(name) for name in target}
    renamed = rename(weights, target, names, ARCHITECTURE)
    if MEAN in renamed:
        renamed[BIAS] = torch.zeros_like(renamed[MEAN])
    return dict(model_state={f'module.{name}': v for name, v in renamed.items()})


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert, ENTRIES, to_authors=to_authors)


if __name__ == '__main__':
    main()
