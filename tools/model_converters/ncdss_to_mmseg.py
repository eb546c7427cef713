r"""Convert a checkpoint of NCDSS, the code of EUMS, to a segmentor of our configs.

Files of the base training and of the basic framework hold one network, bare or as
``model`` beside an optimizer. Those of EUMS hold two, of which the student,
``model_q.*``, is scored and converted; the teacher and a ``queue`` that nothing uses
are dropped. Which class a cluster is stands in none of them.

Example::

    python tools/model_converters/ncdss_to_mmseg.py best_model.pth.tar eums_fold0.pth
    python tools/model_converters/ncdss_to_mmseg.py --to-authors eums_fold0.pth \
        best_model.pth.tar
"""

import argparse

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        'Convert a checkpoint of NCDSS, the code of EUMS, for mmseg: of student and '
        'teacher the student',
        to_authors=True,
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from mmseg.models.backbones import ResNet
from torch import Tensor
from weight_files import Weights, fill, rename, run

from mmseg_labelfree.models.decode_heads import DeepLabV3Head

ARCHITECTURE = "NCDSS's DeepLabV3 with ResNet-50"
ENTRIES = ('model', 'state_dict')
STUDENT, LEFT = 'model_q.', ('model_k.', 'queue')
BASE_CLASSIFIER, NOVEL_CLASSIFIER = 'decoder.4', 'head'
PROJECTION = 'decode_head.bottleneck.0.conv.weight'
META = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    channel_order='rgb',
)
LAYERS = {
    **{f'aspp_modules.{i}.conv': f'decoder.0.convs.{i}.0' for i in range(4)},
    **{f'aspp_modules.{i}.bn': f'decoder.0.convs.{i}.1' for i in range(4)},
    'image_pool.1.conv': 'decoder.0.convs.4.1',
    'image_pool.1.bn': 'decoder.0.convs.4.2',
    'bottleneck.0.conv': 'decoder.0.project.0',
    'bottleneck.0.bn': 'decoder.0.project.1',
    'bottleneck.2.conv': 'decoder.1',
    'bottleneck.2.bn': 'decoder.2',
}


def source_name(name: str, classifier: str = BASE_CLASSIFIER) -> str:
    """The authors' name of a tensor of ours, the backbone's being the same."""
    layer, _, tensor = name.removeprefix('decode_head.').rpartition('.')
    theirs = classifier if layer == 'conv_seg' else LAYERS.get(layer, layer)
    return f'{theirs}.{tensor}'


def build(num_classes: int) -> Weights:
    """State dict of our segmentor, without memory for its values."""
    with torch.device('meta'):
        modules = dict(
            backbone=ResNet(depth=50),
            decode_head=DeepLabV3Head(
                in_channels=2048,
                channels=256,
                dilations=(1, 12, 24, 36),
                num_classes=num_classes,
                norm_cfg=dict(type='BN'),
            ),
        )
    return {
        f'{part}.{name}': value
        for part, module in modules.items()
        for name, value in module.state_dict().items()
    }


def roll(projection: Tensor, branches: int) -> Tensor:
    """Move branches of ASPP from one end of the projection's input to the other.

    Args:
        projection: (C, 5 C, 1, 1).
        branches: 1 moves the last one to the front, -1 the first one to the end.
    """
    return projection.roll(branches * len(projection), dims=1)


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of NCDSS's network.

    Args:
        source: The state dict of a network, or of a student and a teacher.

    Returns:
        The state dict of the segmentor and the ``meta`` entry, with the normalization
        of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of NCDSS.
    """
    pair = any(name.startswith(STUDENT) for name in source)
    if pair:
        source = {
            name.removeprefix(STUDENT): value
            for name, value in source.items()
            if not name.startswith(LEFT)
        }
    kinds = (NOVEL_CLASSIFIER, BASE_CLASSIFIER)
    classifier = next((k for k in kinds if f'{k}.weight' in source), None)
    if classifier is None:
        raise ValueError(
            f'not the weights of {ARCHITECTURE}; missing keys: '
            f'{BASE_CLASSIFIER}.weight; the first key is {next(iter(source))}'
        )
    target = build(len(source[f'{classifier}.weight']))
    names = {name: source_name(name, classifier) for name in target}
    weights = fill(target, source, names, (), ARCHITECTURE)
    weights[PROJECTION] = roll(weights[PROJECTION], 1)
    written = ', the student of student and teacher' if pair else ''
    return weights, dict(META, architecture=ARCHITECTURE + written)


def to_authors(weights: Weights) -> Weights:
    """Give a segmentor of ours the authors' names, as their base training has them.

    Args:
        weights: Its state dict.

    Returns:
        The state dict under their names.

    Raises:
        ValueError: If the tensors are not those of the network.
    """
    classifier = weights.get('decode_head.conv_seg.bias', torch.zeros(2))
    target = build(len(classifier))
    names = {name: source_name(name) for name in target}
    renamed = rename(weights, target, names, ARCHITECTURE)
    theirs = names[PROJECTION]
    return renamed | {theirs: roll(renamed[theirs], -1)}


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert, ENTRIES, to_authors=to_authors)


if __name__ == '__main__':
    main()
