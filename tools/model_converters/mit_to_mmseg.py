"""Convert MiT weights, SegFormer's encoder, to the names of MMSegmentation.

The ImageNet weights ``mit_b0.pth`` to ``mit_b5.pth`` of SegFormer's authors, with which
DAFormer and AFA start, too.

Example::

    python tools/model_converters/mit_to_mmseg.py mit_b5.pth mit_b5_mmseg.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert MiT weights of SegFormer's authors for mmseg"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from weight_files import Weights, fill, run

from mmseg_labelfree.models.backbones import OriginalMixVisionTransformer

MODULES = {
    'attn.attn.in_proj': 'attn.qkv',
    'attn.attn.out_proj': 'attn.proj',
    'ffn.layers.0': 'mlp.fc1',
    'ffn.layers.1': 'mlp.dwconv.dwconv',
    'ffn.layers.4': 'mlp.fc2',
}
LEFT = ('head.',)  # classifier


def find_settings(source: Weights) -> dict:
    """Arguments of ``MixVisionTransformer`` that follow from the shapes.

    Raises:
        ValueError: The weights are not those of a MiT.
    """
    stages = range(1, 5)
    needed = [f'patch_embed{i}.proj.weight' for i in stages]
    needed += ['block1.0.mlp.fc1.weight', *(f'block{i}.0.norm1.weight' for i in stages)]
    missing = [name for name in needed if name not in source]
    if missing:
        raise ValueError(
            f'not the weights of a MiT; missing keys: {", ".join(missing[:3])}; the '
            f'first key is {next(iter(source))}'
        )
    blocks = [re.match(r'block(\d)\.(\d+)\.', name) for name in source]
    widths = [len(source[name]) for name in needed[:4]]
    reductions = [source.get(f'block{i}.0.attn.sr.weight') for i in stages]
    return dict(
        embed_dims=widths[0],
        num_layers=[
            1 + max(int(b[2]) for b in blocks if b and int(b[1]) == i) for i in stages
        ],
        num_heads=[width // widths[0] for width in widths],
        patch_sizes=[source[name].shape[-1] for name in needed[:4]],
        sr_ratios=[1 if sr is None else sr.shape[-1] for sr in reductions],
        mlp_ratio=len(source['block1.0.mlp.fc1.weight']) // widths[0],
    )


def join_attention(source: Weights) -> Weights:
    """Join the projections of attention, and make linear layers 1x1 convolutions."""
    result = {}
    for name, value in source.items():
        part = re.fullmatch(r'(.+\.attn)\.(q|kv)\.(\w+)', name)
        if part is None:
            linear = re.search(r'\.mlp\.fc[12]\.weight$', name)
            result[name] = value[..., None, None] if linear else value
            continue
        other = source.get(f'{part[1]}.{"kv" if part[2] == "q" else "q"}.{part[3]}')
        if other is None:
            result[name] = value  # named as missing or unknown
        elif part[2] == 'q':
            result[f'{part[1]}.qkv.{part[3]}'] = torch.cat([value, other])
    return result


def source_names(target: Weights) -> dict[str, str]:
    """Return the source's name of every tensor of ``MixVisionTransformer``.

    That of a projection of attention is the joint one of :func:`join_attention`.
    """
    names = {}
    for name in target:
        module, tensor = re.split(r'[._](?=weight$|bias$)', name)
        _, stage, part, *inner = module.split('.')
        rest = '.'.join(inner)
        number = int(stage) + 1
        if part == '0':
            layer = dict(projection='proj').get(rest, rest)
            names[name] = f'patch_embed{number}.{layer}.{tensor}'
        elif part == '1':
            block, _, layer = rest.partition('.')
            layer = MODULES.get(layer, layer)
            names[name] = f'block{number}.{block}.{layer}.{tensor}'
        else:
            names[name] = f'norm{number}.{tensor}'
    return names


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of a MiT.

    Args:
        source: Its state dict. A classifier may be there and is dropped.

    Returns:
        The state dict of mmseg's ``MixVisionTransformer`` (no ``'backbone.'`` in front
        of the names) and the ``meta`` entry, with the arguments of the class and the
        normalization of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of a MiT.
    """
    settings = find_settings(source)
    target = OriginalMixVisionTransformer(**settings).state_dict()
    architecture = (
        f'MiT with {" + ".join(map(str, settings["num_layers"]))} blocks, the first of '
        f'{settings["embed_dims"]} channels'
    )
    names = source_names(target)
    weights = fill(target, join_attention(source), names, LEFT, architecture)
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
