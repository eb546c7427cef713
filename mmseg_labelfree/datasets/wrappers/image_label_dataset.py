"""Dataset wrapper whose samples say which classes an image holds."""

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ...utils.choices import check_choice
from ...utils.files import image_name
from ..image_labels import read_image_labels
from ..mask_check import count_values
from ..splits.step_images import class_presence
from .inner import data_place, explain_missing
from .source_dataset import SourceDataset

__all__ = ['ImageLabelDataset']


@DATASETS.register_module()
class ImageLabelDataset(SourceDataset):
    """Dataset wrapper that knows the classes of each image, and of pixels nothing.

    A sample carries them as ``data_sample.metainfo['image_labels']``, bool ``(C,)`` for
    the C classes after background. That is a NumPy array in ``metainfo``, as it stays
    on the CPU there: which classes an image has decides what is computed, and a GPU
    need not be asked. Masks are read if the pipeline loads them, and not otherwise.

    Training data is checked before it is used: an image without any label has nothing
    to learn from, and a class that no image has cannot be learned. Test data
    (``test_mode``) may have both.

    Args:
        dataset: ``BaseSegDataset`` or its config, whose first class is 'background'. A
            given object is not changed.
        labels: Where the labels are. A file, see
            :func:`~mmseg_labelfree.datasets.read_image_labels`; 'folders', in which an
            image lies in a folder that is called after its class; 'masks' for the
            classes in the masks, which are counted once. Defaults to 'masks'.
        unlabeled: What to do about training images without any label: 'raise', or
            'skip', after which the log says how many. Defaults to 'raise'.
        source: As for :class:`~mmseg_labelfree.datasets.SourceDataset`.
        lazy_init: Whether to leave reading the data to :meth:`full_init`.

    Attributes:
        image_labels: Labels of the images in use, bool ``(N, C)``.

    Raises:
        FileNotFoundError: Files of the dataset are missing.
        ValueError: An argument is wrong, labels are missing or do not fit the classes.

    Example:
        ``dict(type='ImageLabelDataset', labels='data/.../cls_labels_onehot.npy',
        dataset=dict(type='PascalVOCDataset', ...))``
    """

    def __init__(
        self,
        dataset: BaseSegDataset | Mapping[str, Any],
        labels: str = 'masks',
        unlabeled: Literal['raise', 'skip'] = 'raise',
        source: str = 'labeled',
        lazy_init: bool = False,
    ) -> None:
        check_choice('unlabeled', unlabeled, ('raise', 'skip'))
        self.labels = labels
        self.unlabeled = unlabeled
        super().__init__(dataset, source, lazy_init=True)
        background, *classes = self.metainfo['classes']
        if background != 'background' or not classes:
            raise ValueError(
                f"class 0 of {type(self.dataset).__name__} must be 'background', "
                f'not {background!r}, and others must follow: image labels name objects'
            )
        self.classes = tuple(classes)
        if not lazy_init:
            self.full_init()

    def choose_images(self) -> np.ndarray:
        """Positions of the images with labels; in test mode of all images."""
        infos = [self.dataset.get_data_info(i) for i in range(len(self.dataset))]
        folder = self.dataset.data_prefix.get('img_path')
        names = [image_name(info['img_path'], folder) for info in infos]
        image_labels = self._read(names)
        kept = np.arange(len(names))
        if not self.test_mode:
            kept = self._labeled(names, image_labels)
            self._check_classes(image_labels)
        self.image_labels = image_labels[kept]
        self._rows = {infos[i]['img_path']: row for row, i in enumerate(kept)}
        return kept

    def _read(self, names: list[str]) -> np.ndarray:
        """Labels of all images, bool ``(N, C)``."""
        if self.labels == 'masks':
            with explain_missing(self.dataset):
                counts, labels = count_values(self.dataset, self._inner_pipeline)
            return class_presence(counts, labels, range(1, 1 + len(self.classes)))
        if self.labels == 'folders':
            folders = [PurePath(name).parent.name for name in names]
            return np.array([[f == c for c in self.classes] for f in folders])
        table = read_image_labels(self.labels, self.classes)
        _check_file_names(self.labels, table, names)
        nothing = np.zeros(len(self.classes), bool)
        return np.stack([self._find(table, name, nothing) for name in names])

    @staticmethod
    def _find(
        table: Mapping[str, np.ndarray], name: str, nothing: np.ndarray
    ) -> np.ndarray:
        """Labels of an image, by its name or file name."""
        return table.get(name, table.get(os.path.basename(name), nothing))

    def _labeled(self, names: list[str], image_labels: np.ndarray) -> np.ndarray:
        """Positions of the images with a label."""
        kept = np.flatnonzero(image_labels.any(1))
        missing = np.flatnonzero(~image_labels.any(1))
        if not len(missing):
            return kept
        text = (
            f'{len(missing)} of {len(names)} images have no label in {self.labels}, '
            f'first {", ".join(names[i] for i in missing[:3])}'
        )
        if self.unlabeled == 'raise' or not len(kept):
            raise ValueError(
                f'{text}: label them, leave them out of the ann_file, or set '
                "unlabeled='skip'"
            )
        print_log(f'Skipped: {text}', 'current')
        return kept

    def _check_classes(self, image_labels: np.ndarray) -> None:
        absent = np.flatnonzero(~image_labels.any(0))
        if len(absent):
            raise ValueError(
                f'no image of {data_place(self.dataset)} has '
                f'{", ".join(self.classes[i] for i in absent)} in {self.labels}: leave '
                'the class out of `classes` of the dataset, or use other images'
            )

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Run the pipeline on one image; on another one where it gives None."""
        sample = super().__getitem__(idx)
        data_sample = sample['data_samples']
        if 'img_path' not in data_sample:
            raise ValueError(
                f'source {self.source!r}: `meta_keys` of PackSegInputs must hold '
                "'img_path', by which a sample is told its image labels"
            )
        row = self._rows[data_sample.img_path]
        data_sample.set_metainfo(dict(image_labels=self.image_labels[row]))
        return sample


def _check_file_names(
    file: str, table: Mapping[str, np.ndarray], names: Sequence[str]
) -> None:
    """Raise a ValueError if labels by a file name would be those of two images."""
    owners: dict[str, str] = {}
    for name in names:
        short = os.path.basename(name)
        owner = owners.setdefault(short, name) if name not in table else name
        if owner != name and short in table:
            raise ValueError(
                f'{file} names {short}, which is {owner} or {name}: name images by '
                'their paths below the image folder'
            )
