"""Convert the weights of BASNet's authors to the names of SaliencyNet.

Example::

    python tools/model_converters/basnet_to_saliency_net.py basnet.pth basnet_mmseg.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert the weights of BASNet's authors for SaliencyNet"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from weight_files import Weights, fill, run

from mmseg_labelfree.models.segmentors.saliency_net import SaliencyNet

ARCHITECTURE = 'BASNet'
META = dict(
    architecture=ARCHITECTURE,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    channel_order='rgb',
)
# Our decoders and side outputs go from the deepest, the bridge, up.
_DECODERS = dict(enumerate(('6d', '5d', '4d', '3d', '2d', '1d')))
_PLACES = dict(enumerate(('1', 'm', '2')))
_SIDE_OUTPUTS = dict(enumerate(('b', '6', '5', '4', '3', '2', '1')))
_PART = dict(conv='conv', norm='bn')


def source_name(name: str) -> str:
    """The authors' name of a tensor of SaliencyNet."""
    part, _, rest = name.partition('.')
    index = rest.split('.')
    if part == 'stem':  # conv.weight, norm.bias
        return f'in{_PART[index[0]]}.{index[1]}'
    if part == 'encoder':  # 4.2.conv1.weight; stages 5 and 6 are single blocks there
        stage, block, tail = int(index[0]) + 1, int(index[1]), '.'.join(index[2:])
        if stage <= 4:
            return f'encoder{stage}.{block}.{tail}'
        return f'resb{stage}_{block + 1}.{tail}'
    if part == 'bridge':  # 0.conv.weight
        return f'{_PART[index[1]]}bg_{_PLACES[int(index[0])]}.{index[2]}'
    if part == 'decoder':  # 0.2.norm.weight
        level, place = _DECODERS[int(index[0])], _PLACES[int(index[1])]
        return f'{_PART[index[2]]}{level}_{place}.{index[3]}'
    if part == 'side_outputs':  # 0.weight
        return f'outconv{_SIDE_OUTPUTS[int(index[0])]}.{index[1]}'
    return 'refunet.' + _refinement_name(rest)


def _refinement_name(name: str) -> str:
    entry = re.fullmatch(r'(entry|exit)\.(\w+)', name)
    if entry:
        return f'{dict(entry="conv0", exit="conv_d0")[entry[1]]}.{entry[2]}'
    layer = re.fullmatch(r'(encoder\.|decoder\.|bridge)(\d?)\.(conv|norm)\.(\w+)', name)
    assert layer, name
    part, tail = _PART[layer[3]], layer[4]
    if layer[1] == 'bridge':
        return f'{part}5.{tail}'
    if layer[1] == 'encoder.':
        return f'{part}{int(layer[2]) + 1}.{tail}'
    return f'{part}_d{4 - int(layer[2])}.{tail}'


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of the authors' ``basnet.pth``.

    Args:
        source: Its state dict.

    Returns:
        The state dict of ``SaliencyNet()`` and the ``meta`` entry, with the
        normalization of RGB in 0..255.

    Raises:
        ValueError: If the tensors are not those of BASNet.
    """
    target = SaliencyNet().state_dict()
    names = {name: source_name(name) for name in target}
    # Files of torch before 0.4.1 lack the counter, which nothing depends on.
    counters = [k for k in target if k.endswith('num_batches_tracked')]
    source = {names[k]: target[k] for k in counters} | source
    return fill(target, source, names, (), ARCHITECTURE), dict(META)


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
