r"""Convert the ImageNet weights of MiB's authors to a backbone of our configs.

The file is that of in-place ABN's authors, ``resnet101_iabn_sync.pth.tar``. In-place
ABN scales by ``|weight| + eps``, batch norm by ``weight``: the sum is what the
converted file holds. The classifier is dropped.

Example::

    python tools/model_converters/mib_to_mmseg.py resnet101_iabn_sync.pth.tar \
        data/weights/resnet101_mib.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert the ImageNet ResNet-101 of MiB's authors for mmseg"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from weight_files import Weights, fill, run

from mmseg_labelfree.models.backbones import LeakyResNet

ARCHITECTURE = "MiB's ResNet-101"
EPS = 1e-5
META = dict(
    architecture=ARCHITECTURE,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    channel_order='rgb',
)
SHORTCUT = {'downsample.0': 'proj_conv', 'downsample.1': 'proj_bn'}


def source_name(name: str) -> str:
    """The authors' name of a tensor of ours."""
    found = re.fullmatch(r'layer(\d)\.(\d+)\.(.+)\.(\w+)', name)
    if not found:
        return f'mod1.{name}'
    stage, block, layer, tensor = found.groups()
    place = f'mod{int(stage) + 1}.block{int(block) + 1}'
    return f'{place}.{SHORTCUT.get(layer, f"convs.{layer}")}.{tensor}'


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of the authors' ResNet-101.

    Args:
        source: Its state dict, without ``module.`` in front of the names.

    Returns:
        The state dict of the backbone and the ``meta`` entry.

    Raises:
        ValueError: If the tensors are not those of that network.
    """
    with torch.device('meta'):
        target = LeakyResNet(depth=101).state_dict()
    names = {name: source_name(name) for name in target}
    counters = {  # in-place ABN has none, and nothing depends on them
        names[k]: torch.zeros((), dtype=v.dtype)
        for k, v in target.items()
        if k.endswith('num_batches_tracked')
    }
    weights = fill(target, counters | source, names, ('classifier.',), ARCHITECTURE)
    for name, value in weights.items():
        if name.endswith('weight') and value.dim() == 1:
            weights[name] = value.abs() + EPS
    return weights, META


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
