"""Classes of a plain training: of its model, its data and its validation data."""

import math
from collections.abc import Mapping
from typing import Any

from mmseg.datasets import BaseSegDataset

from ...datasets.wrappers.concat_dataset import ConcatDataset
from ...datasets.wrappers.source_dataset import SourceDataset
from ..hooks.cluster_monitor_hook import check_clusters

__all__ = ['check_classes', 'check_outputs']


def check_outputs(model: Mapping[str, Any], dataset: Any) -> None:
    """Check that a plain training has an output for each class of its labels."""
    head = model.get('decode_head')
    if not isinstance(head, Mapping) or not _is_plain(dataset):
        return  # several heads; some classes of a task
    outputs = head.get('num_classes') or math.inf
    if 'classes' in head:
        return  # the head looks them up by their names
    parts = getattr(dataset, 'datasets', [dataset])
    labeled = [part for part in parts if getattr(part, 'labeled', True)]
    classes = labeled[0].metainfo.get('classes') or [] if labeled else []
    if 'pairwise_loss' in model:
        check_clusters(outputs, classes)
    elif outputs < len(classes):
        raise ValueError(
            f'model.decode_head.num_classes={outputs}, but the training data has '
            f'{len(classes)} classes ({", ".join(classes[:3])}, ...): set '
            f'num_classes={len(classes)} in all heads'
        )


def _is_plain(dataset: Any) -> bool:
    """Whether a dataset gives the labels that its files have."""
    plain = type(dataset) in (SourceDataset, ConcatDataset)
    return plain or isinstance(dataset, BaseSegDataset)


def check_classes(trained: Any, scored: Any) -> None:
    """Check that validation data has the classes that a plain training learns."""
    if not _is_plain(trained):
        return  # it has some classes of a task
    learned, found = (
        list(getattr(dataset, 'metainfo', {}).get('classes') or [])
        for dataset in (trained, scored)
    )
    if learned and found and learned != found:
        raise ValueError(
            'val_dataloader has not the classes that are trained: it lacks '
            f'{[name for name in learned if name not in found]} and has '
            f'{[name for name in found if name not in learned]} besides; give both the '
            'same ones in one order, by metainfo=dict(classes=[...])'
        )
