"""Dataset wrapper in which some classes have no labels in training."""

import copy
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ...ops.label_maps import IGNORE, INVALID, UNLABELED, lookup_table
from ...utils.choices import check_choice
from ..mask_check import void_labels
from ..splits.zero_label_splits import ZeroLabelSplit, get_split
from ..transforms.fill_unlabeled import fill_unlabeled
from ..transforms.map_labels import insert_map_labels
from .inner import build_inner
from .source_dataset import SourceDataset

__all__ = ['ZeroLabelDataset']


@DATASETS.register_module()
class ZeroLabelDataset(SourceDataset):
    """Dataset wrapper with images and labels of generalized zero-label segmentation.

    SPNet and STRICT (https://arxiv.org/abs/2104.11692), section 3.1. Labels are indices
    into ``metainfo['classes']``, the seen classes and then the unseen ones. The wrapped
    dataset's ``test_mode`` tells training from test.

    Training: only seen classes keep a label. Pixels of unseen classes, and of classes
    outside the split, are 254, "unlabeled": a pseudo-label may fill them, a loss skips
    them. All images are used. Test: seen and unseen classes keep a label; classes
    outside the split and void pixels are ignored (255).

    Args:
        dataset: ``BaseSegDataset`` or its config. Its pipeline must hold a
            ``LoadAnnotations``. A given object is not changed.
        split: Name of a split (:data:`~mmseg_labelfree.datasets.SPLITS`) or
            ``dict(seen=[...], unseen=[...])``.
        background: What the dataset's class 'background' is, if it has one.
            'unlabeled', the default: unlabeled in training, ignored at test. Nothing
            tells its pixels from unseen objects, as in the authors' code. 'ignore':
            ignored in both; unlabeled pixels then all belong to unseen classes, as
            section 3.2 says, which gives away where these are. 'seen': a seen class,
            and in training the label of all that has no other (table 2).
        void: What void pixels (255, such as VOC's object borders) are in training:
            'unlabeled' or 'ignore'. Defaults to 'unlabeled' with an unlabeled
            background, where the authors' code makes no difference; else 'ignore'.
        pseudo_labels: Folder of label maps that
            :class:`~mmseg_labelfree.engine.jobs.PseudoLabelJob` wrote; they fill
            the unlabeled pixels (with a seen background: its pixels) in training.
        source: As for :class:`~mmseg_labelfree.datasets.SourceDataset`.
        lazy_init: Whether to leave reading the data to :meth:`full_init`.

    Raises:
        FileNotFoundError: Files of the dataset are missing.
        ValueError: An argument is wrong, or the dataset lacks a class.

    Example:
        ``dict(type='ZeroLabelDataset', dataset=dict(type='PascalVOCDataset', ...),
        split='voc_15-5')``
    """

    def __init__(
        self,
        dataset: BaseSegDataset | Mapping[str, Any],
        split: str | Mapping[str, Sequence[str]] | ZeroLabelSplit,
        background: str = 'unlabeled',
        void: str | None = None,
        pseudo_labels: str | os.PathLike | None = None,
        source: str = 'labeled',
        lazy_init: bool = False,
    ) -> None:
        check_choice('background', background, ('unlabeled', 'ignore', 'seen'))
        check_choice('void', void, (None, 'unlabeled', 'ignore'))
        self.split = get_split(split)
        self.background = background
        self.void = void or ('unlabeled' if background == 'unlabeled' else 'ignore')
        if isinstance(dataset, Mapping):
            dataset = build_inner(dict(dataset, lazy_init=True))
        super().__init__(dataset, source, lazy_init=True)
        self._check_names()
        self._set_metainfo()
        pipeline = insert_map_labels(self.dataset.pipeline, self._label_table())
        if pseudo_labels is not None and not self.test_mode:
            classes = self._metainfo['classes']
            pipeline = fill_unlabeled(
                pipeline,
                folder=pseudo_labels,
                image_folder=self.dataset.data_prefix.get('img_path') or '',
                unlabeled=0 if background == 'seen' else UNLABELED,
                unseen=range(len(classes) - len(self.split.unseen), len(classes)),
            )
        self.dataset.pipeline = pipeline
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Classes and palette of the labels given out, and the names of the unseen."""
        return copy.deepcopy(self._metainfo)

    def _label_table(self) -> np.ndarray:
        """New label of each label that ``LoadAnnotations`` may give."""
        classes = self._metainfo['classes']
        kept = classes if self.test_mode else classes[: -len(self.split.unseen)]
        hidden = 0 if self.background == 'seen' else UNLABELED
        hidden = IGNORE if self.test_mode else hidden
        table = {}
        for label, name in enumerate(self.dataset.metainfo['classes']):
            table[label] = classes.index(name) if name in kept else hidden
            if name == 'background' and self.background == 'ignore':
                table[label] = IGNORE
        unlabeled = self.void == 'unlabeled' and not self.test_mode
        void = hidden if unlabeled else IGNORE
        table |= dict.fromkeys(void_labels(self.dataset), void)
        return lookup_table(table, default=INVALID)

    def _set_metainfo(self) -> None:
        inner = self.dataset.metainfo
        colors = dict(zip(inner['classes'], inner['palette'], strict=True))
        names = self.split.classes(self.background)
        self._metainfo: dict[str, Any] = dict(
            classes=names,
            palette=[[int(v) for v in colors[name]] for name in names],
            label_map=None,
            reduce_zero_label=False,
            unseen=self.split.unseen,
        )

    def _check_names(self) -> None:
        inner = self.dataset.metainfo['classes']
        for name in self.split.classes(self.background):
            if name not in inner:
                close = difflib.get_close_matches(name, inner)
                raise ValueError(
                    f'class {name!r} of split {self.split.name} is not in '
                    f'{type(self.dataset).__name__}; close names: '
                    f'{", ".join(close) or "none"}; its classes: {", ".join(inner)}'
                )
