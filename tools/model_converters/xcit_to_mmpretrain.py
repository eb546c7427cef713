"""Convert DINO's XCiT weights to mmpretrain's XCiT.

DINO publishes the backbone under the names of XCiT's own code, for instance
``dino_xcit_small_12_p8_pretrain.pth``.

Example::

    python tools/model_converters/xcit_to_mmpretrain.py \
        dino_xcit_small_12_p8_pretrain.pth dino_xcits8.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a self-supervised XCiT's weights for mmpretrain"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mmpretrain.models.backbones import XCiT
from weight_files import Weights, fill, run

NANO = 128  # width of XCiT-Nano, the only one with tokens_norm=False
MODULES = {
    'ffn.layers.0.0': 'mlp.fc1',
    'ffn.layers.1': 'mlp.fc2',
    'local_mp.conv1.conv': 'local_mp.conv1',
    'local_mp.conv1.bn': 'local_mp.bn',
    'local_mp.conv2.conv': 'local_mp.conv2',
}
BLOCKS = {'xca_layers': 'blocks', 'ca_layers': 'cls_attn_blocks'}
LEFT = ('head.',)  # projection head


def find_settings(source: Weights) -> dict:
    """Arguments of ``XCiT`` that follow from the shapes.

    Raises:
        ValueError: The weights are not those of an XCiT.
    """
    needed = (
        'cls_token',
        'blocks.0.attn.temperature',
        'blocks.0.mlp.fc1.weight',
        'cls_attn_blocks.0.norm1.weight',
        'patch_embed.proj.4.0.weight',
    )
    missing = [name for name in needed if name not in source]
    if missing:
        raise ValueError(
            f'not the weights of an XCiT; missing keys: {", ".join(missing)}; the '
            f'first key is {next(iter(source))}'
        )

    def depth(stack: str) -> int:
        found = (re.match(rf'{stack}\.(\d+)\.', name) for name in source)
        return 1 + max(int(block[1]) for block in found if block)

    width = source['cls_token'].shape[-1]
    return dict(
        patch_size=16 if 'patch_embed.proj.6.0.weight' in source else 8,
        embed_dims=width,
        depth=depth('blocks'),
        cls_attn_layers=depth('cls_attn_blocks'),
        num_heads=len(source[needed[1]]),
        mlp_ratio=len(source[needed[2]]) / width,
        tokens_norm=width != NANO,
    )


def split_class_attention(source: Weights) -> Weights:
    """Split the joint projection of class attention, as mmpretrain has three."""
    result = {}
    for name, value in source.items():
        match = re.fullmatch(r'(cls_attn_blocks\.\d+\.attn)\.qkv\.(\w+)', name)
        if match and len(value) % 3 == 0:
            for letter, part in zip('qkv', value.chunk(3), strict=True):
                result[f'{match[1]}.{letter}.{match[2]}'] = part
        else:
            result[name] = value
    return result


def source_names(target: Weights) -> dict[str, str]:
    """Return the source's name of every tensor of ``XCiT``."""
    names = {}
    for name in target:
        stem = re.fullmatch(r'patch_embed\.proj\.(\d+)\.(conv|bn)\.(\w+)', name)
        block = re.fullmatch(r'(ca_layers|xca_layers)\.(\d+)\.(.+)', name)
        if stem:  # activations are counted in the source
            part = '0' if stem[2] == 'conv' else '1'
            names[name] = f'patch_embed.proj.{2 * int(stem[1])}.{part}.{stem[3]}'
        elif block:
            module, _, tensor = block[3].rpartition('.')
            renamed = f'{MODULES.get(module, module)}.{tensor}'.removeprefix('.')
            names[name] = f'{BLOCKS[block[1]]}.{block[2]}.{renamed}'
        else:
            names[name] = name.replace(
                'pos_embed.token_projection.conv', 'pos_embeder.token_projection'
            )
    return names


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of a self-supervised XCiT.

    Args:
        source: Its state dict, with or without ``backbone.`` in front of the names.

    Returns:
        The state dict of mmpretrain's ``XCiT`` and the ``meta`` entry, with the
        arguments of the class and the normalization of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of an XCiT.
    """
    if any(name.startswith('backbone.') for name in source):
        source = {name.removeprefix('backbone.'): v for name, v in source.items()}
    settings = find_settings(source)
    target = XCiT(**settings, out_type='featmap').state_dict()
    architecture = (
        f'XCiT with {settings["depth"]} + {settings["cls_attn_layers"]} blocks of '
        f'{settings["embed_dims"]} channels and patches of {settings["patch_size"]} '
        'pixels'
    )
    source = split_class_attention(source)
    weights = fill(target, source, source_names(target), LEFT, architecture)
    return weights, dict(
        architecture=architecture,
        settings=settings,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        channel_order='rgb',
    )


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
