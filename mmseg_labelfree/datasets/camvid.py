"""CamVid with the 11 classes of SegNet."""

from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

__all__ = ['CamVidDataset']


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """Dataset of CamVid's street scenes, 480x360, in SegNet's version of 11 classes.

    Brostow, Fauqueur and Cipolla, "Semantic object classes in video", Pattern
    Recognition Letters 2009. Images are ``images/{train,val}/NAME.jpg``, masks
    ``labels/{train,val}/NAME.png`` with the class index as pixel value and 255 for
    unlabeled pixels. There is no background class: unlabeled pixels are what is
    left of it, so class-incremental tasks take ``void='background'``.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Example:
        ``dict(type='CamVidDataset', data_root='data/camvid', data_prefix=dict(
        img_path='images/train', seg_map_path='labels/train'), pipeline=[...])``
    """

    METAINFO = dict(
        classes=(
            'sky',
            'building',
            'pole',
            'road',
            'pavement',
            'tree',
            'sign',
            'fence',
            'car',
            'pedestrian',
            'bicyclist',
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )

    def __init__(
        self, img_suffix: str = '.jpg', seg_map_suffix: str = '.png', **kwargs: Any
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
