r"""Convert a checkpoint of IDDC's authors to a segmentor of our configs.

Such a file holds the ViT, the head and the classifier of the clusters, each in a
dictionary of its own, and not the linear probe.

Example::

    python tools/model_converters/iddc_to_mmseg.py vits16.pth iddc_vits16.pth
    python tools/test.py configs/iddc/vits16_cocostuff27.py iddc_vits16.pth
    python tools/model_converters/iddc_to_mmseg.py --to-authors \
        work_dirs/vits16_cocostuff27/epoch_20.pth vits16.pth
"""

import argparse

from converter_parser import converter_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return converter_parser(
        "Convert a checkpoint of IDDC's authors for mmseg", to_authors=True
    ).parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from vit_to_mmpretrain import find_settings
from vit_to_mmpretrain import source_names as backbone_names
from weight_files import Weights, fill, part, run

from mmseg_labelfree.models.backbones import DINOVisionTransformer
from mmseg_labelfree.models.decode_heads import ClusteringHead

PARTS = ('backbone', 'head_nonlinear', 'classifier')
HEAD = {
    'decode_head.convs': 'head_nonlinear',
    'decode_head.conv_seg': 'classifier',
}


def source_name(name: str) -> str:
    """The authors' name of a tensor of our segmentor.

    Raises:
        KeyError: Their network has no such tensor.
    """
    if name.startswith('backbone.'):
        inner = name.removeprefix('backbone.')
        return f'backbone.model.{backbone_names([inner])[inner]}'
    ours = next(key for key in [*HEAD, name] if name.startswith(key))
    return HEAD[ours] + name.removeprefix(ours)


def build(source: Weights) -> tuple[Weights, dict]:
    """The state dict of a segmentor of the sizes of the source, and those of the ViT.

    Raises:
        ValueError: The tensors are not those of IDDC.
    """
    needed = ('backbone.model.cls_token', 'head_nonlinear.0.weight')
    missing = [name for name in (*needed, 'classifier.weight') if name not in source]
    if missing:
        raise ValueError(
            f'not the weights of IDDC; missing keys: {missing[0]}; the first key is '
            f'{next(iter(source))}'
        )
    settings = find_settings(part(source, 'backbone.model.'))
    head = ClusteringHead(
        settings['arch']['embed_dims'], num_classes=len(source['classifier.weight'])
    )
    backbone = DINOVisionTransformer(**settings, out_type='featmap')
    target = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    target |= {f'decode_head.{k}': v for k, v in head.state_dict().items()}
    return target, settings


def convert(source: Weights) -> tuple[Weights, dict]:
    """Rename the tensors of IDDC.

    Args:
        source: The three dictionaries as one, the name of each in front.

    Returns:
        The state dict of the segmentor without its probe, and the ``meta`` entry, with
        the arguments of the ViT and the normalization of RGB in [0, 255].

    Raises:
        ValueError: If the tensors are not those of IDDC.
    """
    target, settings = build(source)
    names = {name: source_name(name) for name in target}
    weights = fill(target, source, names, (), 'IDDC')
    clusters = len(weights['decode_head.conv_seg.weight'])
    return weights, dict(
        architecture=f'IDDC with {clusters} clusters, without a linear probe',
        settings=settings,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        channel_order='rgb',
    )


def to_authors(weights: Weights) -> dict[str, Weights]:
    """The way back, to the three dictionaries.

    Args:
        weights: The state dict of a segmentor; its linear probe is left out, as in the
            authors' files.

    Raises:
        ValueError: If it is not IDDC's network.
    """
    source = {}
    for name, value in weights.items():
        if name.startswith('auxiliary_head.'):
            print(f'left out, as in the files of the authors: {name}')
            continue
        try:
            source[source_name(name)] = value
        except KeyError:
            raise ValueError(f"IDDC's network has no {name}") from None
    convert(source)  # refuses what is incomplete
    return {key: part(source, f'{key}.') for key in PARTS}


def main(argv: list[str] | None = None) -> None:
    """Convert one file; see ``--help``."""
    run(parse_args(argv), convert, to_authors=to_authors)


if __name__ == '__main__':
    main()
