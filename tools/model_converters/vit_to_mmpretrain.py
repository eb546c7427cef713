"""Convert ViT weights of DINO, DINOv2 or iBOT to mmpretrain's VisionTransformer.

All publish the backbone under timm's names, for instance DINO's
``dino_deitsmall8_pretrain.pth``, DINOv2's ``dinov2_vitb14_pretrain.pth`` and iBOT's
``checkpoint_teacher.pth``. DINOv2's models with registers and its ViT-g are not taken.

Example::

    python tools/model_converters/vit_to_mmpretrain.py \
        dino_deitsmall8_pretrain.pth dino_vits8.pth
    python tools/model_converters/vit_to_mmpretrain.py \
        dinov2_vitb14_pretrain.pth dinov2_vitb14.pth
"""

import argparse
import re
from collections.abc import Iterable

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a self-supervised ViT's weights for mmpretrain"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mmpretrain.models.backbones import VisionTransformer
from weight_files import Weights, fill, run

HEAD_DIMS = 64  # channels of an attention head in every published ViT
MODULES = {
    'ln1': 'norm1',
    'attn.qkv': 'attn.qkv',
    'attn.proj': 'attn.proj',
    'ln2': 'norm2',
    'ffn.layers.0.0': 'mlp.fc1',
    'ffn.layers.1': 'mlp.fc2',
}
SCALES = {  # layer scale, of DINOv2
    'attn.gamma1.weight': 'ls1.gamma',
    'ffn.gamma2.weight': 'ls2.gamma',
}
OTHERS = {
    'patch_embed.projection': 'patch_embed.proj',
    'ln1': 'norm',
}
LEFT = ('head.', 'masked_embed', 'mask_token')  # projection heads, masked patches


def find_settings(source: Weights) -> dict:
    """Arguments of ``VisionTransformer`` that follow from the shapes.

    Raises:
        ValueError: The weights are not those of a ViT.
    """
    needed = (
        'cls_token',
        'pos_embed',
        'patch_embed.proj.weight',
        'blocks.0.mlp.fc1.weight',
    )
    missing = [name for name in needed if name not in source]
    if missing:
        raise ValueError(
            f'not the weights of a ViT; missing keys: {", ".join(missing)}; the first '
            f'key is {next(iter(source))}'
        )
    projection, positions = source[needed[2]], source['pos_embed']
    blocks = (re.match(r'blocks\.(\d+)\.', name) for name in source)
    if projection.ndim != 4 or positions.ndim != 3:
        raise ValueError(
            'not the weights of a ViT; patch_embed.proj.weight is '
            f'{tuple(projection.shape)} and pos_embed {tuple(positions.shape)}'
        )
    width, patch = projection.shape[0], projection.shape[-1]
    side = round((positions.shape[1] - 1) ** 0.5)
    settings = dict(
        arch=dict(
            embed_dims=width,
            num_layers=1 + max(int(block[1]) for block in blocks if block),
            num_heads=max(1, width // HEAD_DIMS),
            feedforward_channels=source[needed[3]].shape[0],
        ),
        img_size=side * patch,
        patch_size=patch,
    )
    if 'blocks.0.ls1.gamma' in source:
        settings['layer_scale_init_value'] = 1e-5
    return settings


def source_names(target: Iterable[str]) -> dict[str, str]:
    """Return the source's name of every tensor of ``VisionTransformer``."""
    names = {}
    for name in target:
        match = re.fullmatch(r'layers\.(\d+)\.(.+)', name)
        module, _, tensor = (match[2] if match else name).rpartition('.')
        if match:
            theirs = SCALES.get(match[2]) or f'{MODULES[module]}.{tensor}'
            names[name] = f'blocks.{match[1]}.{theirs}'
        else:
            names[name] = f'{OTHERS[module]}.{tensor}' if module else name
    return names


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of a self-supervised ViT.

    Args:
        source: Its state dict, with or without ``backbone.`` in front of the names.
            Projection heads and mask tokens may be there and are dropped.

    Returns:
        The state dict of mmpretrain's ``VisionTransformer`` (no ``'backbone.'`` in
        front of the names) and the ``meta`` entry, with the arguments of the class
        and the normalization of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of a ViT.
    """
    if any(name.startswith('backbone.') for name in source):
        source = {name.removeprefix('backbone.'): v for name, v in source.items()}
    settings = find_settings(source)
    target = VisionTransformer(**settings, out_type='featmap').state_dict()
    arch = settings['arch']
    architecture = (
        f'ViT with {arch["num_layers"]} blocks of {arch["embed_dims"]} channels and '
        f'patches of {settings["patch_size"]} pixels'
    )
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
