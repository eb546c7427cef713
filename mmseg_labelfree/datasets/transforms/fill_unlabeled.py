"""Pseudo-labels for unlabeled pixels, from the files of an earlier stage."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from ...utils.files import image_name, reading
from .map_labels import MapLabels
from .pipelines import edit_pipeline

__all__ = ['FillUnlabeled', 'fill_unlabeled', 'label_file']


def label_file(
    folder: str | os.PathLike, image: str, image_folder: str | os.PathLike
) -> Path:
    """Find an image's label map: its path below the image folder, PNG in ``folder``."""
    return Path(folder, f'{image_name(image, image_folder)}.png')


class FillUnlabeled(BaseTransform):
    """Transform that fills unlabeled pixels with pseudo-labels from PNG files.

    It belongs before all transforms that resize, crop or flip. Pixels that have a label
    keep it, pixels without pseudo-label (255 in the file) stay unlabeled.

    Required and modified key: ``gt_seg_map`` (uint8, ``(H, W)``).

    Args:
        folder: Folder of 8-bit PNG files.
        image_folder: The dataset's image folder.
        unlabeled: Label of the pixels to fill.
        unseen: Labels that only pseudo-labels may have.

    Raises:
        FileNotFoundError: The image has no such file.
        ValueError: The file has another size than the label map, or that holds an
            unseen class.

    Example:
        ``FillUnlabeled(folder='work_dirs/x/labels_1/labels',
        image_folder='data/VOCdevkit/VOC2012/JPEGImages', unlabeled=254, unseen=[15])``
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        image_folder: str | os.PathLike,
        unlabeled: int,
        unseen: Collection[int],
    ) -> None:
        self.folder = str(folder)
        self.image_folder = str(image_folder)
        self.unlabeled = unlabeled
        self.unseen = list(unseen)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Fill in the pseudo-labels."""
        labels = results['gt_seg_map']
        if np.isin(labels, self.unseen).any():
            raise ValueError(
                f'{results.get("seg_map_path")} has training labels of unseen classes '
                f'({self.unseen}): remove them, or correct `unseen` of the split'
            )
        path = label_file(self.folder, results['img_path'], self.image_folder)
        if not path.is_file():
            raise FileNotFoundError(
                f'pseudo-labels {path} do not exist: run the stage that writes them '
                'first (tools/train.py with --resume)'
            )
        remedy = 'delete it and finished.json of its stage; --resume makes it again'
        with reading(path, remedy), Image.open(path) as image:
            pseudo = np.asarray(image)
        if pseudo.shape != labels.shape:
            raise ValueError(
                f'{path} is {pseudo.shape}, but the label map of {results["img_path"]} '
                f'is {labels.shape}: delete the folder, the pseudo-labels are of other '
                'images'
            )
        fill = (labels == self.unlabeled) & (pseudo != 255)
        results['gt_seg_map'] = np.where(fill, pseudo, labels)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(folder={self.folder!r})'


def fill_unlabeled(pipeline: Any, **settings: Any) -> Any:
    """Copy a built pipeline with a :class:`FillUnlabeled` after each ``MapLabels``."""
    fill = FillUnlabeled(**settings)
    return edit_pipeline(
        pipeline, lambda t: [t, fill] if isinstance(t, MapLabels) else [t]
    )
