r"""Convert a checkpoint of STRICT's or SPNet's authors to a segmentor of our configs.

The class embeddings are in neither's files: configs name the file of word vectors.

Example::

    python tools/model_converters/strict_to_mmseg.py checkpoint_final.pth.tar \
        strict_voc.pth
    python tools/model_converters/strict_to_mmseg.py --to-authors \
        work_dirs/deeplabv2_r101_voc_15-5/round_2/iter_2000.pth checkpoint.pth.tar
"""

import argparse
import re
from typing import NamedTuple

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a checkpoint of STRICT's or SPNet's authors for mmseg", to_authors=True
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from weight_files import Weights, fill, run

from mmseg_labelfree.models.backbones import CeilPoolResNet
from mmseg_labelfree.models.layers.summed_aspp import SummedASPP

NETWORK = 'STRICT or SPNet'
EMBED = 'decode_head.conv_seg.embed'
PRODUCTS = ('decode_head.conv_seg.weight', 'decode_head.conv_seg.bias')
CONVS = ('reduce', 'conv3x3', 'increase')
DEPTHS = {6: 50, 23: 101, 36: 152}  # by the blocks of the third stage
BRANCHES = 4


class Spelling(NamedTuple):
    """How a file names its tensors."""

    prefix: str = 'base.'  # the wrapper for several scales; SPNet: scale.
    shortcut: str = 'shortcut'  # SPNet: proj
    stages: str = ''  # SPNet: stages.

    def branch(self, index: int, tensor: str) -> str:
        """Name of a tensor of the summed ASPP."""
        return f'{self.prefix}aspp.{self.stages}c{index}.{tensor}'

    def name(self, ours: str) -> str:
        """The authors' name of a tensor of ours; that of the ASPP is joint.

        Raises:
            KeyError: Their network has no such tensor.
        """
        if ours.startswith(f'{EMBED}.'):
            return f'{self.prefix}aspp.{ours.removeprefix(f"{EMBED}.")}'
        stem = re.fullmatch(r'backbone\.(conv|bn)1\.(\w+)', ours)
        if stem:
            return f'{self.prefix}layer1.conv1.{stem[1]}.{stem[2]}'
        layer = re.fullmatch(
            r'backbone\.layer(\d)\.(\d+)\.(conv|bn|downsample\.)(\d)\.(\w+)', ours
        )
        if not layer:
            raise KeyError(ours)
        stage, block, kind, index, tensor = layer.groups()
        if kind == 'downsample.':
            unit, kind = self.shortcut, 'bn' if int(index) else 'conv'
        else:
            unit = CONVS[int(index) - 1]
        place = f'layer{int(stage) + 1}.block{int(block) + 1}'
        return f'{self.prefix}{place}.{unit}.{kind}.{tensor}'


def find_spelling(source: Weights) -> Spelling:
    """Which of the spellings a file has.

    Raises:
        ValueError: It is of another network.
    """
    stem = 'layer1.conv1.conv.weight'
    prefix = next((p for p in ('base.', 'scale.', '') if p + stem in source), None)
    if prefix is None:
        raise ValueError(
            f'not the weights of {NETWORK}; missing keys: base.{stem}; the first '
            f'key is {next(iter(source))}'
        )
    return Spelling(
        prefix,
        'proj' if any('.proj.' in name for name in source) else 'shortcut',
        'stages.' if any('.aspp.stages.' in name for name in source) else '',
    )


def join_branches(source: Weights, spelling: Spelling) -> Weights:
    """Put the four kernels side by side, and add up the four biases.

    Raises:
        ValueError: A branch is missing.
    """
    source = dict(source)
    for tensor in ('weight', 'bias'):
        names = [spelling.branch(i, tensor) for i in range(BRANCHES)]
        missing = [name for name in names if name not in source]
        if missing:
            raise ValueError(
                f'not the weights of {NETWORK}; missing keys: {missing[0]}'
            )
        parts = [source.pop(name) for name in names]
        joint = torch.cat(parts, 1) if tensor == 'weight' else torch.stack(parts).sum(0)
        source[spelling.name(f'{EMBED}.{tensor}')] = joint
    return source


def find_settings(source: Weights, spelling: Spelling) -> dict:
    """Arguments of ``CeilPoolResNet`` that follow from names and shapes.

    Raises:
        ValueError: There is no ResNet with as many blocks.
    """
    block = re.compile(rf'{re.escape(spelling.prefix)}layer4\.block(\d+)\.')
    blocks = max((int(m[1]) for m in map(block.match, source) if m), default=0)
    if blocks not in DEPTHS:
        raise ValueError(f'not the weights of {NETWORK}; layer4 has {blocks} blocks')
    width = len(source[f'{spelling.prefix}layer1.conv1.conv.weight'])
    return dict(
        depth=DEPTHS[blocks], style='caffe', stem_channels=width, base_channels=width
    )


def build(settings: dict, channels: int) -> Weights:
    """The state dict of the segmentor without class vectors; no values, only shapes."""
    with torch.device('meta'):
        backbone = CeilPoolResNet(**settings)
        embed = SummedASPP(backbone.feat_dim, channels)
    target = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    return target | {f'{EMBED}.{k}': v for k, v in embed.state_dict().items()}


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of STRICT or SPNet.

    Args:
        source: The ``state_dict`` of a checkpoint, in either spelling.

    Returns:
        The state dict of the segmentor and the ``meta`` entry, with the arguments of
        the ResNet and the normalization of BGR in [0, 255].

    Raises:
        ValueError: If the tensors are not those of STRICT or SPNet.
    """
    spelling = find_spelling(source)
    settings = find_settings(source, spelling)
    source = join_branches(source, spelling)
    channels = len(source[spelling.name(f'{EMBED}.bias')])
    target = build(settings, channels)
    names = {name: spelling.name(name) for name in target}
    counters = {  # files of torch before 0.4.1 lack them, and nothing depends on them
        names[k]: torch.zeros((), dtype=v.dtype)
        for k, v in target.items()
        if k.endswith('num_batches_tracked')
    }
    weights = fill(target, counters | source, names, (), NETWORK)
    return weights, dict(
        architecture=f'DeepLabV2 with ResNet-{settings["depth"]} and embeddings of '
        f'{channels} numbers',
        settings=settings,
        mean=[104.008, 116.669, 122.675],
        std=[1.0, 1.0, 1.0],
        channel_order='bgr',
    )


def to_authors(weights: Weights) -> dict[str, Weights]:
    """The way back, to STRICT's names.

    Args:
        weights: The state dict of a segmentor. Its classifier, the embedding times the
            class vectors, is left out, and each branch has a quarter of the bias.

    Raises:
        ValueError: If it is not STRICT's network.
    """
    spelling, source = Spelling(), {}
    for name, value in weights.items():
        if name in PRODUCTS:
            print(f'left out, as in the files of the authors: {name}')
            continue
        try:
            source[spelling.name(name)] = value
        except KeyError:
            raise ValueError(f"STRICT's network has no {name}") from None
    for tensor in ('weight', 'bias'):
        joint = source.pop(spelling.name(f'{EMBED}.{tensor}'), None)
        if joint is None:
            raise ValueError(f"STRICT's network; missing keys: {EMBED}.{tensor}")
        parts = (
            joint.chunk(BRANCHES, 1)
            if tensor == 'weight'
            else [joint / BRANCHES] * BRANCHES
        )
        for i, part in enumerate(parts):
            source[spelling.branch(i, tensor)] = part.clone()
    convert(source)  # refuses what is incomplete
    return dict(state_dict={f'module.{k}': v for k, v in source.items()})


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert, to_authors=to_authors)


if __name__ == '__main__':
    main()
