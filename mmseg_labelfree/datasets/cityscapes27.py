"""Cityscapes with the 27 classes of unsupervised segmentation."""

from typing import Any

from mmcv.transforms import LoadAnnotations
from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .transforms.map_labels import insert_map_labels

__all__ = ['Cityscapes27Dataset']

_FIRST, _LAST = 7, 33  # road and bicycle in Cityscapes' label ids


@DATASETS.register_module()
class Cityscapes27Dataset(BaseSegDataset):
    """Dataset of Cityscapes with its 27 classes from road to bicycle.

    PiCIE, STEGO and IDDC are scored on them. The masks are the dataset's own
    ``*_gtFine_labelIds.png``: ids 7 to 33 become 0 to 26, the void ids 0 to 6 and the
    license plate become 255. The mapping is applied after each ``LoadAnnotations``.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: While loading, for a mask with an id of 34 to 254.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
        if any(isinstance(t, LoadAnnotations) for t in self.pipeline.transforms):
            classes = list(range(_LAST - _FIRST + 1))
            unused = [-1] * (255 - _LAST - 1)
            table = [255] * _FIRST + classes + unused + [255]
            self.pipeline = insert_map_labels(self.pipeline, table)
