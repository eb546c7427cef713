"""Partition of a dataset's images into labeled and unlabeled ones, by a few words."""

import os.path as osp
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from ...utils.files import image_name
from ..mask_check import count_values
from .labeled_subsets import choose_labeled
from .step_images import class_presence

__all__ = ['Partition', 'names_of']


@dataclass(frozen=True)
class Partition:
    """Partition of a dataset's images, drawn where its lists are missing.

    Attributes:
        folder: Folder below the data root in which ``labeled.txt`` and
            ``unlabeled.txt`` are looked for. Without one the images are always drawn,
            from those that the dataset has.
        ann_file: List of all images, labeled or not, below the data root; '' for all
            in the image folder.
        number: Number of labeled images.
        ratio: Share of labeled images in place of their number, as ``'1/8'`` or 0.125.
        balanced: Whether rare classes get as many labeled images as possible, see
            :func:`~mmseg_labelfree.datasets.choose_labeled`; reads all masks.
        seed: Seed of the draw.

    Raises:
        ValueError: There is neither a number nor a ratio, or there are both.

    Example:
        >>> Partition('ImageSets/1-8', 'ImageSets/train.txt', ratio='1/8').size(80)
        10
    """

    folder: str = ''
    ann_file: str = ''
    number: int | None = None
    ratio: str | float | Fraction | None = None
    balanced: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.number is None) == (self.ratio is None):
            raise ValueError(
                f'a partition needs a number or a ratio of labeled images, not '
                f'number={self.number!r} and ratio={self.ratio!r}'
            )

    def size(self, num_images: int) -> int:
        """Number of labeled images of ``num_images``."""
        if self.number is not None:
            return self.number
        return round(Fraction(self.ratio or 0) * num_images)

    def of_all(self, dataset: Mapping[str, Any]) -> dict[str, Any]:
        """Config of a dataset, with the list of all images if its own is to be drawn.

        That is a list in ``folder``, as long as there is no such folder.
        """
        own = dataset.get('ann_file') or ''
        folder = osp.join(dataset.get('data_root') or '', self.folder)
        if osp.dirname(own) != osp.normpath(self.folder) or osp.exists(folder):
            return dict(dataset)
        return dict(dataset, ann_file=self.ann_file)

    def is_drawn(self, dataset: BaseSegDataset) -> bool:
        """Whether a dataset has the list of all images, see :meth:`of_all`."""
        if not self.folder:
            return True
        if not self.ann_file:
            return not dataset.ann_file
        return dataset.ann_file == osp.join(dataset.data_root or '', self.ann_file)

    def labeled(
        self,
        dataset: BaseSegDataset,
        pipeline: Any,
        candidates: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw the images that keep their labels.

        Args:
            dataset: A dataset that has read the list of all images.
            pipeline: Its own pipeline, before a wrapper maps the labels.
            candidates: Positions of the images that may get labels, ascending; all by
                default. A ratio is a share of these.

        Returns:
            bool ``(len(dataset),)``.

        Raises:
            ValueError: None of the images would be labeled, or all, or more than the
                candidates; or an image is listed twice.
        """
        if repeated := [n for n, k in Counter(names_of(dataset)).items() if k > 1]:
            raise ValueError(
                f'{dataset.ann_file} has {repeated[0]} more than once, which might '
                'become labeled and unlabeled: list each image once'
            )
        if candidates is None:
            candidates = np.arange(len(dataset))
        present = None
        if self.balanced:
            counts, raw_labels = count_values(dataset, pipeline)
            classes = range(len(dataset.metainfo['classes']))
            present = class_presence(counts, raw_labels, list(classes))[candidates]
        number = self.size(len(candidates))
        labeled = np.zeros(len(dataset), bool)
        chosen = choose_labeled(len(candidates), number, self.seed, present)
        labeled[candidates[chosen]] = True
        if labeled.all():
            raise ValueError(
                f'all {len(dataset)} images would be labeled and none unlabeled: lower '
                'the number or ratio of the partition'
            )
        return labeled


def names_of(dataset: BaseSegDataset) -> list[str]:
    """Names of a dataset's images, as its lists have them.

    Args:
        dataset: A dataset that has read its list.

    Returns:
        Paths below the image folder, without ``img_suffix`` or another ending.
    """
    folder = dataset.data_prefix.get('img_path')
    names = []
    for index in range(len(dataset)):
        path = dataset.get_data_info(index)['img_path']
        name = osp.relpath(path, folder or '.')
        suffix = dataset.img_suffix
        named = name.endswith(suffix)
        names.append(name.removesuffix(suffix) if named else image_name(path, folder))
    return names
