r"""Convert a checkpoint of DAFormer's authors to a segmentor of our configs.

Such a file holds three networks, of which the student, ``model.*``, is scored.

Example::

    python tools/model_converters/daformer_to_mmseg.py latest.pth daformer_gta.pth
    python tools/test.py configs/daformer/daformer_mit-b5_gta2cityscapes.py \
        daformer_gta.pth
"""

import argparse
import re

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a checkpoint of DAFormer's authors for mmseg"
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mit_to_mmseg import convert as convert_encoder
from weight_files import Weights, fill, part, run

from mmseg_labelfree.models.decode_heads import DAFormerHead


def convert_head(source: Weights) -> Weights:
    """Rename the tensors of the decode head with separable ASPP.

    Raises:
        ValueError: If the tensors are not those of DAFormer's head.
    """
    levels = [f'embed_layers.{i}.proj.weight' for i in range(4)]
    needed = [*levels, 'conv_seg.weight']
    missing = [f'decode_head.{name}' for name in needed if name not in source]
    if missing:
        raise ValueError(f'not the weights of DAFormer; missing keys: {missing[0]}')
    source = dict(source)
    for name in levels:
        source[name] = source[name][..., None, None]
    classifier = source['conv_seg.weight']
    target = DAFormerHead(
        in_channels=[source[name].shape[1] for name in levels],
        in_index=[0, 1, 2, 3],
        channels=classifier.shape[1],
        embed_dims=len(source[levels[0]]),
        num_classes=len(classifier),
        norm_cfg=dict(type='BN'),
    ).state_dict()
    level = re.compile(r'(embed_layers\.\d)\.')
    names = {name: level.sub(r'\1.proj.', name) for name in target}
    return fill(target, source, names, (), "DAFormer's head")


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of DAFormer's student.

    Args:
        source: The ``state_dict`` of a checkpoint; teacher and frozen encoder are
            dropped.

    Returns:
        The state dict of the segmentor and the ``meta`` entry.

    Raises:
        ValueError: If the tensors are not those of DAFormer.
    """
    student = part(source, 'model.')
    if not student:
        raise ValueError(
            'not the weights of DAFormer; missing keys: model.*; the first key is '
            f'{next(iter(source))}'
        )
    encoder, meta = convert_encoder(part(student, 'backbone.'))
    head = convert_head(part(student, 'decode_head.'))
    weights = {f'backbone.{name}': value for name, value in encoder.items()}
    weights |= {f'decode_head.{name}': value for name, value in head.items()}
    return weights, dict(meta, architecture=f'DAFormer on {meta["architecture"]}')


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert)


if __name__ == '__main__':
    main()
