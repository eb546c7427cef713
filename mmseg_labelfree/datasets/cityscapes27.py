"""Cityscapes with the 27 classes of unsupervised segmentation."""

from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .raw_masks import check_raw_masks, map_raw_masks

__all__ = ['Cityscapes27Dataset']

_FIRST, _LAST = 7, 33  # road and bicycle in Cityscapes' label ids
_LAST_TRAIN_ID = 18  # bicycle in the ids of the 19 classes


@DATASETS.register_module()
class Cityscapes27Dataset(BaseSegDataset):
    """Dataset of Cityscapes with its 27 classes from road to bicycle.

    PiCIE, STEGO and IDDC are scored on them. The masks are the dataset's own
    ``*_gtFine_labelIds.png``: ids 7 to 33 become 0 to 26, the void ids 0 to 6 and the
    license plate become 255. The mapping is applied after each ``LoadAnnotations``.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        lazy_init: As in any dataset of MMEngine.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: ``seg_map_suffix`` is that of renumbered masks; while loading, for a
            mask with an id of 34 to 254.

    Example:
        ``dict(type='Cityscapes27Dataset', data_root='data/cityscapes', data_prefix=
        dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'), pipeline=[...])``
    """

    METAINFO = dict(
        classes=(
            'road',
            'sidewalk',
            'parking',
            'rail track',
            'building',
            'wall',
            'fence',
            'guard rail',
            'bridge',
            'tunnel',
            'pole',
            'polegroup',
            'traffic light',
            'traffic sign',
            'vegetation',
            'terrain',
            'sky',
            'person',
            'rider',
            'car',
            'truck',
            'bus',
            'caravan',
            'trailer',
            'train',
            'motorcycle',
            'bicycle',
        ),
        palette=[
            [128, 64, 128],
            [244, 35, 232],
            [250, 170, 160],
            [230, 150, 140],
            [70, 70, 70],
            [102, 102, 156],
            [190, 153, 153],
            [180, 165, 180],
            [150, 100, 100],
            [150, 120, 90],
            [153, 153, 153],
            [153, 153, 153],
            [250, 170, 30],
            [220, 220, 0],
            [107, 142, 35],
            [152, 251, 152],
            [70, 130, 180],
            [220, 20, 60],
            [255, 0, 0],
            [0, 0, 142],
            [0, 0, 70],
            [0, 60, 100],
            [0, 0, 90],
            [0, 0, 110],
            [0, 80, 100],
            [0, 0, 230],
            [119, 11, 32],
        ],
    )

    pipeline: Compose

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelIds.png',
        lazy_init: bool = False,
        **kwargs: Any,
    ) -> None:
        check_raw_masks(seg_map_suffix, '*_gtFine_labelIds.png')
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            lazy_init=True,
            **kwargs,
        )
        classes = list(range(_LAST - _FIRST + 1))
        unused = [-1] * (255 - _LAST - 1)
        map_raw_masks(self, [255] * _FIRST + classes + unused + [255])
        if not lazy_init:
            self.full_init()

    def other_numbering(self, present: np.ndarray) -> str | None:
        """Say so if the values in all masks, bool ``(256,)``, are training ids."""
        if present[255] and not present[_LAST_TRAIN_ID + 1 : 255].any():
            return (
                f'its masks hold 255 and nothing above {_LAST_TRAIN_ID}, as those do '
                'that a converter has renumbered; it takes *_gtFine_labelIds.png'
            )
        return None
