"""Check of the values in a dataset's masks, once per mask, before any of them is used.

The class index holds the values of every mask, so the check costs no more than reading
that. What only a photo and its mask together can tell (their sizes, a photo that is
turned) is checked by :class:`~mmseg_labelfree.datasets.transforms.CheckMask` as they
are loaded.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import LoadAnnotations
from mmseg.datasets import BaseSegDataset

from ..ops.label_maps import IGNORE, INVALID, loaded_labels
from .class_index import class_index
from .transforms.load_foreign_annotations import ForeignAnnotationLoader
from .transforms.load_pseudo_annotations import LoadPseudoAnnotations
from .transforms.map_labels import MapLabels
from .transforms.pipelines import transforms_of

_BACKGROUND = re.compile(r'background|^_?(bg|unlabell?ed|nothing)_?$', re.IGNORECASE)

__all__ = [
    'check_masks',
    'count_values',
    'foreign_loader',
    'mask_labels',
    'reads_masks',
    'resizes_masks',
    'void_labels',
]


def reads_masks(pipeline: Any) -> bool:
    """Whether a built pipeline loads the masks of its dataset."""
    return any(
        isinstance(t, LoadAnnotations) and not isinstance(t, LoadPseudoAnnotations)
        for t in transforms_of(pipeline)
    )


def foreign_loader(pipeline: Any) -> ForeignAnnotationLoader | None:
    """Find the loader of masks of another encoding in a built pipeline, if any."""
    transforms = transforms_of(pipeline)
    return next((t for t in transforms if isinstance(t, ForeignAnnotationLoader)), None)


def resizes_masks(pipeline: Any) -> bool:
    """Whether a built pipeline resizes masks to their images as it loads them."""
    loader = foreign_loader(pipeline)
    return loader is not None and loader.resizes


def void_labels(dataset: BaseSegDataset) -> list[int]:
    """Labels of pixels that count for nothing: 255, and the dataset's own.

    A dataset's ``ignore_index`` is a label as its classes are, after
    ``reduce_zero_label`` and ``label_map``. One that no 8-bit mask can hold means 255.
    """
    own = dataset.ignore_index
    return [IGNORE, own] if own in range(IGNORE) else [IGNORE]


def mask_labels(dataset: BaseSegDataset, pipeline: Any) -> np.ndarray:
    """Tell which label each value of a dataset's mask files stands for.

    Args:
        dataset: The dataset.
        pipeline: Its own pipeline, before a wrapper maps the labels. A ``MapLabels`` in
            it counts, as that of ``Cityscapes27Dataset`` does.

    Returns:
        int16 ``(256,)``: index of a class, 255 for void pixels, -1 for a value that is
        neither.

    Raises:
        ValueError: The dataset has a ``label_map`` and an ``ignore_index`` that is one
            of its classes.
    """
    reader = foreign_loader(pipeline)
    labels = (
        reader.labels(dataset.label_map)
        if reader
        else loaded_labels(dataset.reduce_zero_label, dataset.label_map)
    )
    for transform in transforms_of(pipeline):
        if type(transform) is MapLabels:
            labels = transform.table[labels]
            break
    num_classes = len(dataset.metainfo.get('classes') or range(IGNORE))
    voids = void_labels(dataset)
    if dataset.label_map and voids[-1] < num_classes:
        raise ValueError(
            f'{type(dataset).__name__}: ignore_index={voids[-1]} is class '
            f'{dataset.metainfo["classes"][voids[-1]]!r} after its label_map; leave '
            'that class out of metainfo.classes and ignore_index as it is'
        )
    labels = np.where(np.isin(labels, voids), IGNORE, labels)
    unknown = (labels >= num_classes) & (labels != IGNORE)
    return np.where(unknown, INVALID, labels).astype(np.int16)


def check_masks(
    dataset: BaseSegDataset,
    counts: np.ndarray,
    labels: np.ndarray,
    paths: Sequence[str],
) -> None:
    """Raise a ValueError if masks hold what their dataset's settings cannot mean.

    Args:
        dataset: The dataset.
        counts: Its class index, ``(num_masks, 256)``.
        labels: What the values stand for, see :func:`mask_labels`.
        paths: The masks.
    """
    name = type(dataset).__name__
    _check_numbering(dataset, counts, paths)
    wrong = counts[:, labels == INVALID].any(1)
    if wrong.any():
        first = int(wrong.argmax())
        values = np.flatnonzero((labels == INVALID) & (counts[first] > 0)).tolist()
        raise ValueError(
            f'mask {paths[first]} holds the values {values}, which are no class of '
            f'{name} ({int(wrong.sum())} masks have such '
            'values); repair the masks, or check ignore_index, reduce_zero_label and '
            'seg_map_path.'
        )
    present: np.ndarray = np.any(counts, axis=0)
    if np.flatnonzero(present).tolist() == [0, IGNORE]:
        raise ValueError(
            f'the masks of {name} hold nothing but 0 and 255, first '
            f'{paths[int(counts[:, IGNORE].argmax())]}: 255 is ignored, it is no '
            'class; write two classes as 0 and 1'
        )
    if present.any() and not present[labels != IGNORE].any():
        raise ValueError(
            f'the masks of {name} hold no pixel of a class, first {paths[0]}: all are '
            'void; check ignore_index, reduce_zero_label and seg_map_path'
        )
    _check_background(dataset, present)


def count_values(
    dataset: BaseSegDataset, pipeline: Any, cache: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Count the values of all masks of a dataset, and check them.

    Args:
        dataset: A dataset that has read its list of images.
        pipeline: See :func:`mask_labels`.
        cache: See :func:`~mmseg_labelfree.datasets.class_index.class_index`.

    Returns:
        The class index ``(num_masks, 256)`` and the labels ``(256,)`` of its values.

    Raises:
        FileNotFoundError: A mask does not exist.
        ValueError: See :func:`check_masks`.
    """
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    if any('seg_map_path' not in info for info in infos):
        raise ValueError(
            f'{type(dataset).__name__} is to load masks, but its data_prefix has no '
            'seg_map_path'
        )
    paths = [info['seg_map_path'] for info in infos]
    lossy = [path for path in paths if path.lower().endswith(('.jpg', '.jpeg'))]
    if lossy:
        raise ValueError(
            f'mask {lossy[0]} is a JPEG file, which changes values as it is saved, so '
            'that pixels get other classes: save masks as PNG'
        )
    counts = class_index(paths, cache=cache, reader=foreign_loader(pipeline))
    labels = mask_labels(dataset, pipeline)
    check_masks(dataset, counts, labels, paths)
    return counts, labels


def _check_background(dataset: BaseSegDataset, present: np.ndarray) -> None:
    """Refuse ``reduce_zero_label`` where 0 is the background.

    Datasets that are made for it may have a background, too (LoveDA). Masks of others
    have it if their highest value is that of the last class, ``num_classes``.
    """
    classes = dataset.metainfo.get('classes') or ()
    usual = inspect.signature(type(dataset).__init__).parameters
    default = 'reduce_zero_label' in usual and usual['reduce_zero_label'].default
    if not dataset.reduce_zero_label or default is True or present[len(classes)]:
        return
    background = [c for c in classes if _BACKGROUND.search(c)]
    if background:
        raise ValueError(
            f'{type(dataset).__name__} has reduce_zero_label=True and a class '
            f'{background[0]!r}, but no mask holds the value {len(classes)} of its '
            'last class then: value 0 is the background, and every class would be '
            'called by the name before its own; set reduce_zero_label=False'
        )


def _check_numbering(
    dataset: BaseSegDataset, counts: np.ndarray, paths: Sequence[str]
) -> None:
    """Refuse masks that another tool has numbered, by name or by their values."""
    parameters = inspect.signature(type(dataset).__init__).parameters
    usual = parameters.get('seg_map_suffix')
    usual_suffix = str(usual.default) if usual else ''
    for given, wanted in (('labelIds', 'TrainIds'), ('TrainIds', 'labelIds')):
        if given in dataset.seg_map_suffix and wanted in usual_suffix:
            raise ValueError(
                f'{type(dataset).__name__} reads masks *{usual_suffix}, not '
                f'*{dataset.seg_map_suffix} ({paths[0]}), whose numbers mean other '
                'classes: correct seg_map_suffix'
            )
    explain = getattr(dataset, 'other_numbering', None)
    problem = explain(counts.any(0)) if explain else None
    if problem:
        raise ValueError(f'{type(dataset).__name__}: {problem} (first {paths[0]})')
