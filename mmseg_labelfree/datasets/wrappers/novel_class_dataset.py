"""Base and novel images of a fold, for novel class discovery."""

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ...ops.label_maps import IGNORE, INVALID, lookup_table
from ...utils.choices import check_choice, check_names
from ...utils.cluster_names import name_clusters
from ..mask_check import void_labels
from ..samplers.seeded import SeededIndex
from ..splits.class_tasks import ClassTask
from ..splits.novel_folds import get_fold
from ..splits.step_images import read_image_list
from ..transforms.fill_labels import without_annotations
from ..transforms.load_pseudo_annotations import with_pseudo_annotations
from .incremental_dataset import IncrementalDataset
from .inner import data_place, draw_sample
from .source_dataset import REAL_PIXEL, tag_source

__all__ = ['NovelClassDataset']

SUBSETS = ('base', 'novel', 'val')


@DATASETS.register_module()
class NovelClassDataset(IncrementalDataset):
    """Dataset wrapper with images and labels of one part of a fold (EUMS, section 4.1).

    Label 0 is the background, labels 1 to B are the base classes, B + 1 and up the
    novel ones, in the order of the fold. A novel class is in an image if its mask says
    so; beyond that, masks of novel images are not read in training: their labels
    are those of the clustering stage, B + 1 to B + K for the K clusters.

    As with :class:`~mmseg_labelfree.datasets.SourceDataset` samples carry the
    name of their source, so several of these in a ``ConcatDataset`` make mixed
    batches, and a sample that :class:`~mmseg_labelfree.datasets.MultiSourceSampler`
    drew from another pool carries that pool's name. In the pools of
    ``unlabeled_sources`` labels are 255 everywhere.

    Args:
        dataset: ``BaseSegDataset`` or its config, see
            :class:`~mmseg_labelfree.datasets.IncrementalDataset`.
        fold: Name of a fold or ``dict(base=[...], novel=[...])``, see
            :func:`~mmseg_labelfree.datasets.get_fold`.
        subset: ``'base'``: images with a base class and no novel one, labels of base
            classes. ``'novel'``: images with a novel class. ``'val'``: all images,
            labels of all classes.
        mixed_images: With 'base', also the images that hold novel classes, whose
            pixels are background: base training and its validation (the authors in
            their repository: the base model sees all images with base classes).
        num_clusters: K. In training ``metainfo`` then names the clusters as classes
            ``cluster_0`` and so on, as the model has that many outputs.
        labels: With 'novel', folder of the clustering stage's label maps,
            ``<image name>.png``. None gives no labels (255).
        image_list: File with the names of the images to use, see
            :func:`~mmseg_labelfree.datasets.splits.step_images.read_image_list`, such
            as the ``images.txt`` of the clustering stage. It takes the place of the
            choice by masks, which then need not exist for 'novel'.
        source: Name of the source; None leaves samples untagged.
        unlabeled_sources: Pools whose samples have no labels.
        void: What becomes of void pixels, 'ignore' or 'background'.
        background: Name of the background class in ``dataset``.
        cache: See :class:`~mmseg_labelfree.datasets.IncrementalDataset`.
        lazy_init: Whether to leave reading the data to :meth:`full_init`.

    Raises:
        FileNotFoundError: The dataset, the list or a label map is not there.
        ValueError: A wrong argument; a subset without images; a class of the fold
            that the dataset lacks or that is in no image.

    Example:
        ``dict(type='NovelClassDataset', fold='pascal-5i_fold0', subset='base',
        source='base', dataset=dict(type='PascalVOCDataset', ...))``
    """

    def __init__(
        self,
        dataset: BaseSegDataset | Mapping[str, Any],
        fold: str | Mapping[str, Sequence[str]] | ClassTask,
        subset: str,
        mixed_images: bool = False,
        num_clusters: int | None = None,
        labels: str | os.PathLike | None = None,
        image_list: str | os.PathLike | None = None,
        source: str | None = None,
        unlabeled_sources: Sequence[str] = ('unclean',),
        void: str = 'ignore',
        background: str = 'background',
        cache: bool = True,
        lazy_init: bool = False,
    ) -> None:
        check_choice('subset', subset, SUBSETS)
        check_names(unlabeled_sources=unlabeled_sources)
        if labels is not None and (subset != 'novel' or num_clusters is None):
            raise ValueError(
                "labels are the clustering stage's and go with subset='novel' and "
                'num_clusters'
            )
        self.subset = subset
        self.mixed_images = mixed_images
        self.num_clusters = num_clusters
        self.labels = labels
        self.image_list = image_list
        self.source = source
        self.unlabeled_sources = tuple(unlabeled_sources)
        super().__init__(
            dataset,
            get_fold(fold),
            step=0 if subset == 'base' else 1,
            void=void,
            background=background,
            cache=cache,
            lazy_init=True,
        )
        if labels is not None:
            self.dataset.pipeline = with_pseudo_annotations(
                self.dataset.pipeline, labels, self.dataset.data_prefix.get('img_path')
            )
        if not lazy_init:
            self.full_init()

    @property
    def num_old_classes(self) -> int:
        """Labels below the first novel one: background and base classes."""
        return 1 + len(self.task.new(0))

    def full_init(self) -> None:
        """Read the list of images, count the classes of the masks, choose images."""
        if self._fully_initialized:
            return
        super().full_init()
        # The pipeline for samples without labels, on the list that is read by now.
        self._unlabeled = copy.copy(self.dataset)
        self._unlabeled.pipeline = without_annotations(
            self.dataset.pipeline, REAL_PIXEL
        )

    def _find_images(self) -> np.ndarray:
        if self.image_list is None:
            return super()._find_images()
        if self.subset != 'novel':  # their labels are those of the masks
            self._presence()
        return read_image_list(self.image_list, self._names)

    def _choose(self, present: np.ndarray) -> np.ndarray:
        if self.subset == 'val':
            return np.arange(len(present))
        missing = np.flatnonzero(~present.any(0))
        if not self.test_mode and len(missing):
            names = ', '.join(self.task.classes[i] for i in missing)
            raise ValueError(
                f'no image of {data_place(self.dataset)} holds {names}, so the fold '
                f'{self.task.name} cannot be learned there; leave it out of the fold '
                '(dict(base=[...], novel=[...])) or use other data'
            )
        num_base = len(self.task.new(0))
        base, novel = present[:, :num_base].any(1), present[:, num_base:].any(1)
        if self.subset == 'novel':
            return np.flatnonzero(novel)
        return np.flatnonzero(base if self.mixed_images else base & ~novel)

    def _no_image(self) -> str:
        what = (
            'with base classes and no novel one'
            if self.subset == 'base'
            else ('with a novel class')
        )
        if self.image_list is not None:
            what = f'of {self.image_list}'
        return (
            f'{data_place(self.dataset)} has no image {what} for the fold '
            f'{self.task.name}: choose another fold or other data'
        )

    def _label_table(self, seen: tuple[str, ...]) -> np.ndarray:
        void = 0 if self.void == 'background' else IGNORE
        if self.labels is not None and self.num_clusters is not None:
            last = self.num_old_classes + self.num_clusters
            return lookup_table({IGNORE: IGNORE} | {v: v for v in range(last)})
        known = {name: 1 + label for label, name in enumerate(seen)}
        mapping = {v: known.get(n, 0) for v, n in enumerate(self._inner_classes)}
        mapping |= dict.fromkeys(void_labels(self.dataset), void)
        return lookup_table(mapping, default=INVALID)

    def _set_metainfo(self, seen: tuple[str, ...]) -> None:
        super()._set_metainfo(seen)
        info = self._metainfo
        info['fold'] = info.pop('task')
        info.pop('step')
        if self.num_clusters is not None and self.subset != 'val':
            info.update(name_clusters(info, self.num_clusters, self.num_old_classes))

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Run the pipeline on one image; tag it if the dataset has a source."""
        self.full_init()
        source = self.source
        if isinstance(idx, SeededIndex) and idx.source is not None:
            source = idx.source
        labeled = source not in self.unlabeled_sources
        if labeled and self.subset == 'novel':
            labeled = self.labels is not None
        dataset = self.dataset if labeled else self._unlabeled
        return tag_source(draw_sample(dataset, self.indices, idx), source, labeled)
