"""One step of a class-incremental task on top of any segmentation dataset."""

import copy
import difflib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ...ops.label_maps import IGNORE, INVALID, lookup_table
from ...utils.choices import check_choice, check_range
from ...utils.files import image_name
from ..mask_check import count_values, void_labels
from ..splits.class_tasks import ClassTask, get_task
from ..splits.step_images import (
    SETUPS,
    check_image_list,
    class_presence,
    images_of_step,
    read_image_list,
)
from ..transforms.check_mask import with_check
from ..transforms.map_labels import insert_map_labels
from .inner import build_inner, data_place, draw_sample, explain_missing

__all__ = ['IncrementalDataset']


@DATASETS.register_module()
class IncrementalDataset:
    """Dataset wrapper with images and labels of one step of a class-incremental task.

    The class-incremental setting of MiB, section 6.2. Label 0 is the background, labels
    1, 2, ... are the classes seen so far in the order of the task. The wrapped
    dataset's ``test_mode`` tells training from test.

    Training: only the classes of the step keep a label; old, future and unused classes
    are background. Test: all classes seen so far keep a label.

    Args:
        dataset: ``BaseSegDataset`` or its config. Its pipeline must hold a
            ``LoadAnnotations``; the mapping of labels is added right behind it, after
            ``reduce_zero_label`` and ``label_map`` and before any padding. If it has a
            class named like ``background``, that becomes label 0, otherwise a
            background class is added (ADE20K, Cityscapes, CamVid). A given dataset
            object is not changed.
        task: Name of a task (:data:`~mmseg_labelfree.datasets.TASKS`) or one list of
            class names per step. Classes of the dataset in no step are background.
        step: Step of the task, 0 is the base step.
        setup: Choice of training images: ``'overlapped'``, ``'disjoint'``,
            ``'partition'`` or ``'joint'``, see
            :func:`~mmseg_labelfree.datasets.splits.step_images.images_of_step`.
            ``'joint'`` also labels all seen classes: offline training, the papers'
            upper bound.
        class_order: See :func:`~mmseg_labelfree.datasets.get_task`.
        void: What becomes of void pixels (255, with ``reduce_zero_label`` also 0):
            ``'background'`` or ``'ignore'`` (255). None is the convention of MiB's
            code, background in training and ignored at test; PLOP ignores them in
            both. The paper does not mention them.
        future: What becomes of future classes at test: ``'ignore'`` (MiB's code: such
            pixels are 255, and only images with a seen class are tested) or
            ``'background'`` (PLOP: all images are tested). The two agree at the last
            step, the one that the papers report. Defaults to ``'ignore'``.
        background: Name of the background class.
        image_lists: One file per step that names its training images, instead of the
            choice by ``setup``: the authors' own split, see
            :func:`~mmseg_labelfree.datasets.splits.step_images.read_image_list`.
        seed: Seed of a drawn ``setup='partition'``. Defaults to None, the rule of MiB's
            authors, see :func:`~mmseg_labelfree.datasets.splits.step_images.partition`.
        min_images: Images that a drawn partition keeps for each class, where possible.
        cache: Whether to keep the class counts of the masks on disk, see
            :func:`~mmseg_labelfree.datasets.class_index.class_index`.
        lazy_init: Whether to leave reading the data to :meth:`full_init`.

    Attributes:
        indices: int64 array, position of each image in the wrapped dataset.
        task: The task, in the chosen class order.

    Raises:
        FileNotFoundError: If the dataset is not there.
        ValueError: For a wrong argument, a class that the dataset lacks, a mask with
            a value that is no class, or a step without images.

    Example:
        ``dict(type='IncrementalDataset', dataset=dict(type='PascalVOCDataset', ...),
        task='voc_15-1', step=0, setup='overlapped')``
    """

    def __init__(
        self,
        dataset: BaseSegDataset | Mapping[str, Any],
        task: str | Sequence[Sequence[str]] | ClassTask,
        step: int,
        setup: str = 'overlapped',
        class_order: int | Sequence[str] | None = None,
        void: str | None = None,
        future: str | None = None,
        background: str = 'background',
        image_lists: Sequence[str | os.PathLike] | None = None,
        seed: int | None = None,
        min_images: int = 50,
        cache: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self.task = get_task(task, class_order)
        self.step = step
        self.setup = setup
        self.background = background
        self.image_lists = image_lists
        self.seed = seed
        self.min_images = min_images
        self.cache = cache
        seen = self.task.seen(step)
        check_choice('setup', setup, SETUPS)
        check_range(0, min_images=min_images)
        check_choice('void', void, (None, 'background', 'ignore'))
        check_choice('future', future, (None, 'background', 'ignore'))
        if image_lists is not None and len(image_lists) != self.task.num_steps:
            raise ValueError(
                f'image_lists has {len(image_lists)} files, but task {self.task.name} '
                f'has {self.task.num_steps} steps; give one file per step.'
            )
        self.dataset = build_inner(dataset, with_images=False)
        self.test_mode = self.dataset.test_mode
        self.void = void or ('ignore' if self.test_mode else 'background')
        self.future = future or 'ignore'
        self._inner_classes = tuple(self.dataset.metainfo['classes'])
        self._check_names()
        self._set_metainfo(seen)
        self._inner_pipeline = self.dataset.pipeline
        self.dataset.pipeline = with_check(
            insert_map_labels(self.dataset.pipeline, self._label_table(seen))
        )
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Classes and palette of the labels given out, task name and step."""
        return copy.deepcopy(self._metainfo)

    @property
    def image_names(self) -> list[str]:
        """Name of each image: path below the image folder, without ending."""
        self.full_init()
        return [self._names[i] for i in self.indices]

    @cached_property
    def _names(self) -> list[str]:
        """Name of each image of the wrapped dataset."""
        inner, folder = self.dataset, self.dataset.data_prefix.get('img_path')
        files = (inner.get_data_info(i)['img_path'] for i in range(len(inner)))
        return [image_name(file, folder) for file in files]

    def full_init(self) -> None:
        """Read the list of images, count the classes of the masks, choose images."""
        if self._fully_initialized:
            return
        inner = self.dataset
        with explain_missing(inner):
            inner.full_init()
            if not len(inner):
                place = data_place(inner)
                raise ValueError(f'{place} has no image; check its ann_file.')
        self.indices = self._find_images()
        if not len(self.indices):
            raise ValueError(self._no_image())
        self._fully_initialized = True

    def _find_images(self) -> np.ndarray:
        """Positions of the images to use, by the classes in their masks."""
        return self._choose(self._presence())

    def _presence(self) -> np.ndarray:
        """Check all masks; which class is in which, bool (images, task's classes)."""
        with explain_missing(self.dataset):
            counts, raw_labels = count_values(
                self.dataset, self._inner_pipeline, self.cache
            )
        labels = [self._inner_classes.index(name) for name in self.task.classes]
        return class_presence(counts, raw_labels, labels)

    def _no_image(self) -> str:
        """Message of the error if the step has no image."""
        return (
            f'step {self.step} of task {self.task.name} '
            f'({", ".join(self.task.new(self.step))}) has no '
            f'{"test" if self.test_mode else "training"} image with setup '
            f'{self.setup!r} in {data_place(self.dataset)}; choose other classes or '
            'data.'
        )

    def _class_order(self) -> np.ndarray | slice:
        """Order to choose by: the dataset's for the rule, the task's for a draw."""
        if self.seed is not None:
            return slice(None)
        return np.argsort([self._inner_classes.index(c) for c in self.task.classes])

    def _choose(self, present: np.ndarray) -> np.ndarray:
        """Positions of the images to use; ``present`` is bool (images, classes)."""
        sizes = [len(classes) for classes in self.task.steps]
        step_of_class = np.repeat(np.arange(self.task.num_steps), sizes)
        if self.test_mode:
            if self.future == 'background':
                return np.arange(len(present))
            return images_of_step(present, step_of_class, self.step, 'joint')
        if self.image_lists is None:
            order = self._class_order()
            return images_of_step(
                present[:, order],
                step_of_class[order],
                self.step,
                self.setup,
                self.seed,
                self.min_images,
            )
        lists = [read_image_list(file, self._names) for file in self.image_lists]
        for step, (file, indices) in enumerate(
            zip(self.image_lists, lists, strict=True)
        ):
            check_image_list(
                file,
                indices,
                present,
                step_of_class,
                step,
                self._names,
                self.setup == 'disjoint',
            )
        return lists[self.step]

    def _label_table(self, seen: tuple[str, ...]) -> np.ndarray:
        """New label of each label that ``LoadAnnotations`` may give."""
        everything = self.test_mode or self.setup == 'joint'
        known = seen if everything else self.task.new(self.step)
        mapping = {}
        for label, name in enumerate(self._inner_classes):
            mapping[label] = 1 + seen.index(name) if name in known else 0
            if self.test_mode and self.future == 'ignore':
                if name in self.task.future(self.step):
                    mapping[label] = IGNORE
        void = 0 if self.void == 'background' else IGNORE
        mapping |= dict.fromkeys(void_labels(self.dataset), void)
        return lookup_table(mapping, default=INVALID)

    def _set_metainfo(self, seen: tuple[str, ...]) -> None:
        inner = self.dataset.metainfo
        colors = dict(zip(self._inner_classes, inner['palette'], strict=True))
        names = (self.background, *seen)
        self._metainfo: dict[str, Any] = dict(
            classes=names,
            palette=[[int(v) for v in colors.get(n, (0, 0, 0))] for n in names],
            label_map=None,
            reduce_zero_label=False,
            task=self.task.name,
            step=self.step,
        )

    def _check_names(self) -> None:
        for name in self.task.classes:
            if name == self.background:
                raise ValueError(
                    f'task {self.task.name} names {name!r} as a class to learn, but '
                    'the background is part of every step; leave it out.'
                )
            if name not in self._inner_classes:
                close = difflib.get_close_matches(name, self._inner_classes)
                raise ValueError(
                    f'class {name!r} of task {self.task.name} is not in '
                    f'{type(self.dataset).__name__}; close names: '
                    f'{", ".join(close) or "none"}; its classes: '
                    f'{", ".join(self._inner_classes)}.'
                )

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return paths and settings of one image, as the wrapped dataset gives them."""
        self.full_init()
        return self.dataset.get_data_info(int(self.indices[idx]))

    def __len__(self) -> int:
        self.full_init()
        return len(self.indices)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Run the pipeline on one image.

        If a training pipeline gives None, another image *of this step* is drawn; the
        wrapped dataset would draw from the images of all steps.
        """
        self.full_init()
        return draw_sample(self.dataset, self.indices, idx)
