"""COCO's 80 object classes and background, as label maps."""

from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset, COCOStuffDataset
from mmseg.registry import DATASETS

__all__ = ['COCOObjectDataset']


@DATASETS.register_module()
class COCOObjectDataset(BaseSegDataset):
    """Dataset of COCO's objects: 0 is background, 1 to 80 are its classes in order.

    Lin et al., "Microsoft COCO", ECCV 2014. The layout is the one that is common in
    few-shot segmentation: images ``{train,val}2014/NAME.jpg``, masks
    ``annotations/{train,val}2014/NAME.png`` with the class number as pixel value and
    255 for what is ignored, and lists of names.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Example:
        ``dict(type='COCOObjectDataset', data_root='data/coco', ann_file='val.txt',
        data_prefix=dict(img_path='val2014', seg_map_path='annotations/val2014'),
        pipeline=[...])``
    """

    METAINFO = dict(
        classes=('background', *COCOStuffDataset.METAINFO['classes'][:80]),
        palette=[
            [0, 0, 0],
            *np.random.default_rng(0).integers(32, 256, (80, 3)).tolist(),
        ],
    )

    def __init__(
        self, img_suffix: str = '.jpg', seg_map_suffix: str = '.png', **kwargs: Any
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
