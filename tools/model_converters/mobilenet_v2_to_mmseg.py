"""Convert torchvision's MobileNetV2 weights to the names of mmseg's backbone.

Example::

    python tools/model_converters/mobilenet_v2_to_mmseg.py \
        mobilenet_v2-7ebf99e0.pth mobilenet_v2_mmseg.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert torchvision's MobileNetV2 weights for mmseg"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mmseg.models.backbones import MobileNetV2
from weight_files import Weights, fill, run

ARCHITECTURE = 'MobileNetV2 1.0'
META = dict(
    architecture=ARCHITECTURE,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    channel_order='rgb',
)


def source_names(target: Weights, flat: bool) -> dict[str, str]:
    """Return the source's name of every tensor of mmseg's MobileNetV2.

    The source numbers the blocks through, from ``features.1``. Inside a block mmseg has
    one module for convolution, norm and activation. torchvision nests the three, but
    unpacks the last pair of a block; a flat source counts the three one by one.

    Args:
        target: State dict of mmseg's backbone.
        flat: Whether the source has the flat layout.
    """
    block = re.compile(r'(layer\d+\.\d+)\.conv\.(\d)\.(conv|bn)\.(\w+)')
    parsed = {name: block.fullmatch(name) for name in target}
    number: dict[str, int] = {}
    last: dict[str, int] = {}
    for match in filter(None, parsed.values()):
        number.setdefault(match[1], len(number) + 1)
        last[match[1]] = int(match[2])
    names = {}
    for name, found in parsed.items():
        if found is None:
            theirs = name.replace('conv1.conv', 'features.0.0')
            names[name] = theirs.replace('conv1.bn', 'features.0.1')
            continue
        layer, unit, part = found[1], int(found[2]), int(found[3] == 'bn')
        if flat:
            place = str(3 * unit + part)
        else:
            place = str(unit + part) if unit == last[layer] else f'{unit}.{part}'
        names[name] = f'features.{number[layer]}.conv.{place}.{found[4]}'
    return names


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of torchvision's ``mobilenet_v2``.

    Args:
        source: Its state dict, or the same tensors in the flat layout of older ports
            (``features.1.conv.0.weight``, not ``features.1.conv.0.0.weight``).
            Classifier and last 1x1 convolution (``features.18``) may be missing and
            are dropped.

    Returns:
        The state dict of mmseg's ``MobileNetV2`` (no ``'backbone.'`` in front of the
        names) and the ``meta`` entry, with the normalization of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of MobileNetV2 1.0.
    """
    target = MobileNetV2().state_dict()
    names = source_names(target, flat='features.1.conv.0.weight' in source)
    left = ('classifier.', 'features.18.')
    return fill(target, source, names, left, ARCHITECTURE), dict(META)


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
