r"""Convert a checkpoint of AFA's authors to a segmentor of our configs.

Such a file holds one network: encoder, decoder, classifier of images and affinity.

Example::

    python tools/model_converters/afa_to_mmseg.py iter_18000.pth afa_voc.pth
    python tools/test.py configs/afa/mit-b1_voc.py afa_voc.pth --tta --crf
"""

import argparse

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a checkpoint of AFA's authors for mmseg"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from mit_to_mmseg import convert as convert_encoder
from torch import nn
from weight_files import Weights, fill, part, run

from mmseg_labelfree.models.decode_heads import DAFormerHead, ImageLabelHead
from mmseg_labelfree.models.layers import AttentionAffinity

LEVELS = {f'embed_layers.{i}': f'linear_c{i + 1}.proj' for i in range(4)}
MODULES = {
    **{f'decode_head.{ours}': f'decoder.{theirs}' for ours, theirs in LEVELS.items()},
    'decode_head.fuse_layer.conv': 'decoder.linear_fuse.conv',
    'decode_head.fuse_layer.bn': 'decoder.linear_fuse.bn',
    'decode_head.conv_seg': 'decoder.linear_pred',
    'image_head.classifier': 'classifier',
    'affinity.projection': 'attn_proj',
}


def source_name(name: str) -> str:
    """The authors' name of a tensor of ours outside of the encoder."""
    module, _, tensor = name.rpartition('.')
    return f'{MODULES[module]}.{tensor}'


def build(widths: list[int], channels: int, num_classes: int, heads: int) -> Weights:
    """Our state dict outside of the encoder, without memory for its values.

    Args:
        widths: Channels of the four levels.
        channels: Of the decoder.
        num_classes: With background.
        heads: Of attention, in the blocks that the affinity reads.
    """
    with torch.device('meta'):
        modules: dict[str, nn.Module] = dict(
            decode_head=DAFormerHead(
                in_channels=widths,
                in_index=[0, 1, 2, 3],
                channels=channels,
                embed_dims=channels,
                fusion='conv',
                num_classes=num_classes,
                norm_cfg=dict(type='BN'),
            ),
            image_head=ImageLabelHead(
                in_channels=widths[-1], num_classes=num_classes - 1
            ),
            affinity=AttentionAffinity(in_channels=heads),
        )
    return {
        f'{prefix}.{name}': value
        for prefix, module in modules.items()
        for name, value in module.state_dict().items()
    }


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of AFA's network.

    Args:
        source: Its state dict, without ``module.`` in front of the names.

    Returns:
        The state dict of the segmentor and the ``meta`` entry.

    Raises:
        ValueError: If the tensors are not those of AFA.
    """
    levels = [f'decoder.{name}.weight' for name in LEVELS.values()]
    needed = [*levels, 'decoder.linear_pred.weight', 'attn_proj.weight']
    missing = [name for name in needed if name not in source]
    if missing:
        raise ValueError(
            f'not the weights of AFA; missing keys: {missing[0]}; the first key is '
            f'{next(iter(source))}'
        )
    encoder, meta = convert_encoder(part(source, 'encoder.'))
    rest = {k: v for k, v in source.items() if not k.startswith('encoder.')}
    rest |= {name: rest[name][..., None, None] for name in levels}
    classifier, heads = (source[name] for name in needed[4:])
    target = build(
        [source[name].shape[1] for name in levels],
        classifier.shape[1],
        len(classifier),
        heads.shape[1],
    )
    weights = {f'backbone.{name}': value for name, value in encoder.items()}
    names = {name: source_name(name) for name in target}
    weights |= fill(target, rest, names, (), 'AFA')
    return weights, dict(meta, architecture=f'AFA on {meta["architecture"]}')


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
