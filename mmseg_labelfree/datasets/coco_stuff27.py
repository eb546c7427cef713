"""COCO-Stuff with its 27 supercategories."""

from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .coco_stuff27_classes import (
    COARSE_CLASSES,
    PALETTE,
    RENUMBERED,
    UNUSED_LABELS,
    coarse_table,
)
from .raw_masks import check_raw_masks, map_raw_masks

__all__ = ['COCOStuff27Dataset']


@DATASETS.register_module()
class COCOStuff27Dataset(BaseSegDataset):
    """Dataset of COCO-Stuff with the 27 classes that clusterings are scored on.

    Ji, Henriques and Vedaldi, "Invariant Information Clustering" (ICCV 2019), as used
    by PiCIE, STEGO and IDDC: the 182 labels of COCO-Stuff's own masks
    (``stuffthingmaps_trainval2017``, pixel values 0 to 181, 255 = unlabeled) become
    their 27 supercategories, 12 of things and 15 of stuff. The mapping is applied
    after each ``LoadAnnotations``; masks that MMSegmentation's converter has
    renumbered (``*_labelTrainIds.png``) are another format.

    The curated lists of PiCIE (49 629 training and 2 175 validation images, files
    ``Coco164kFull_Stuff_Coarse_7.txt``) have one image number in a line: give
    them as ``ann_file``.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        lazy_init: As in any dataset of MMEngine.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: ``seg_map_suffix`` is that of renumbered masks; while loading, for a
            mask with a value of 182 to 254.

    Example:
        ``dict(type='COCOStuff27Dataset', data_root='data/cocostuff', ann_file=
        'curated/val2017/Coco164kFull_Stuff_Coarse_7.txt', data_prefix=dict(
        img_path='images/val2017', seg_map_path='annotations/val2017'),
        pipeline=[...])``
    """

    METAINFO = dict(classes=COARSE_CLASSES, palette=PALETTE)

    pipeline: Compose

    def __init__(
        self,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        lazy_init: bool = False,
        **kwargs: Any,
    ) -> None:
        check_raw_masks(seg_map_suffix, 'NAME.png of stuffthingmaps_trainval2017')
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            lazy_init=True,
            **kwargs,
        )
        map_raw_masks(self, coarse_table())
        if not lazy_init:
            self.full_init()

    def other_numbering(self, present: np.ndarray) -> str | None:
        """Say so if the values in all masks, bool ``(256,)``, are training ids."""
        found = [label for label in UNUSED_LABELS if present[label]]
        if len(found) > 1 and not present[RENUMBERED:255].any():
            return (
                f'its masks hold {found}, which are in no mask of COCO-Stuff, and '
                f'nothing above {RENUMBERED - 1}: a converter has renumbered them; it '
                'takes those of stuffthingmaps_trainval2017'
            )
        return None
