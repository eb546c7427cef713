"""Metric of classes that were discovered as clusters."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger, print_log
from mmseg.registry import METRICS
from prettytable import PrettyTable
from torch import Tensor

from ..ops.matching import (
    UNMATCHED,
    hungarian_matching,
    majority_matching,
    overlap_scores,
)
from ..utils.cluster_names import name_clusters
from .grouped_iou_metric import GroupedIoUMetric
from .matching_file import class_indices, read_matching, write_matching

__all__ = ['ClusteringIoUMetric', 'clustering_metrics']

_MATCHINGS = dict(hungarian=hungarian_matching, majority=majority_matching)


@METRICS.register_module()
class ClusteringIoUMetric(GroupedIoUMetric):
    """Metric that matches clusters with classes and scores the IoU of the classes.

    The first ``num_old_classes`` outputs of the model are classes, the next
    ``num_clusters`` are clusters. Clusters are matched to the classes after the first
    ``num_old_classes`` of the dataset, over the pixels whose truth is such a class and
    whose prediction is a cluster. All pixels are then scored under the matched classes
    as in :class:`GroupedIoUMetric`; the pixels of a cluster without a class are wrong.

    The matching is that of the scored images, or is read from a file, so that a test
    can use the matching of the validation split. Every image is a small table of
    counts until the end, so that images which a distributed sampler repeats are
    dropped before anything is matched. Masks in ``output_dir`` hold classes by the
    matching that was there before, that of ``matching_file`` or the one that
    ``ClusterNamesHook`` finds in the checkpoint, and 255 for a cluster without a class;
    if there is none, the outputs.

    Args:
        num_clusters: Number of clusters, 1 or more.
        matching: 'hungarian', one to one, or 'majority', each cluster to its
            best class. EUMS (its code): majority if there are more clusters than
            classes; IDDC: Hungarian.
        num_old_classes: Number of known classes, background included. Defaults to
            0: all outputs are clusters.
        groups: As for :class:`GroupedIoUMetric`. Defaults, with known classes, to
            ``base``, ``novel`` and ``all``, all without class 0, the background;
            otherwise to none. The figure of EUMS's tables is ``mIoU/novel``.
        harmonic_mean: As for :class:`GroupedIoUMetric`.
        matching_file: A file of ``save_matching``, whose matching is
            used whatever fits the scored images best.
        save_matching: JSON file to write the matching to, again after
            each evaluation.
        classwise: As for :class:`GroupedIoUMetric`.
        maximize: 'iou' or 'pixels', see
            :func:`~mmseg_labelfree.ops.matching.overlap_scores`.
        **kwargs: As for :class:`CheckedIoUMetric`.

    Raises:
        FileNotFoundError: There is no ``matching_file``.
        ValueError: An argument is out of range; a prediction or label exceeds the
            outputs or classes; the stored matching is of other clusters or classes.

    Example:
        ``val_evaluator=dict(type='ClusteringIoUMetric', num_clusters=10,
        num_old_classes=16, matching='majority',
        save_matching='work_dirs/matching.json')``
    """

    def __init__(
        self,
        num_clusters: int,
        matching: str = 'hungarian',
        num_old_classes: int = 0,
        groups: Mapping[str, Sequence[str]] | None = None,
        harmonic_mean: Sequence[str] | None = None,
        matching_file: str | None = None,
        save_matching: str | None = None,
        classwise: bool = False,
        maximize: str = 'iou',
        **kwargs,
    ) -> None:
        if num_clusters < 1 or num_old_classes < 0:
            raise ValueError(
                'num_clusters must be 1 or more and num_old_classes 0 or more, not '
                f'{num_clusters} and {num_old_classes}'
            )
        if matching not in _MATCHINGS:
            raise ValueError(
                f'matching must be one of {list(_MATCHINGS)}, not {matching!r}'
            )
        overlap_scores([[0]], maximize)
        self._default_groups = groups is None
        if groups is None and num_old_classes:  # the classes are not known yet
            groups = dict(base=['?'], novel=['?'], all=['?'])
        super().__init__(groups or {}, harmonic_mean, classwise, **kwargs)
        self.num_clusters = num_clusters
        self.matching = matching
        self.num_old_classes = num_old_classes
        self.matching_file = matching_file
        self.save_matching = save_matching
        self.maximize = maximize
        self.stored: Sequence[str | None] | None = None
        """Class of each cluster, None for none, that the checkpoint stores."""
        self.matched: list[str | None] | None = None
        """Class of each cluster in the last evaluation, in the first process."""
        self.image_ious: list[float] = []
        """Mean IoU of each image under it, over the classes in label or prediction, in
        percent; NaN where no pixel counts."""

    @property
    def output_meta(self) -> dict[str, Any] | None:
        """Name and color of each output by the last matching, None before it."""
        if self.matched is None:
            return None
        return name_clusters(
            self.dataset_meta, self.num_clusters, self.num_old_classes, self.matched
        )

    def check_groups(self, classes: Sequence[str]) -> None:
        """See the base class; the groups that it has by itself are right."""
        if not self._default_groups:
            super().check_groups(classes)

    def check_outputs(self, num_outputs: int) -> None:
        """Raise a ValueError if the model has other outputs than the metric scores."""
        if num_outputs != self.num_old_classes + self.num_clusters:
            raise ValueError(
                f'the model has {num_outputs} outputs, but ClusteringIoUMetric has '
                f'num_old_classes={self.num_old_classes} and '
                f'num_clusters={self.num_clusters}: their sum must be that'
            )

    def check_matching(self) -> None:
        """Raise if there is a ``matching_file`` that cannot be used; see ``Raises``."""
        if self.matching_file is not None:
            self._from_file(self.matching_file, self._names)

    @property
    def _names(self) -> list[str]:
        """Classes that clusters may have."""
        return list(self.dataset_meta['classes'])[self.num_old_classes :]

    def intersect_and_union(
        self, pred_label: Tensor, label: Tensor, num_classes: int, ignore_index: int
    ) -> tuple[Tensor, Tensor]:
        """Compute the confusion matrix of one image, without its empty cells.

        Args:
            pred_label: Outputs ``(H, W)``, an integer dtype.
            label: Classes ``(H, W)``, or ``ignore_index``.
            num_classes: Number of classes of the dataset.
            ignore_index: Label of the pixels that do not count.

        Returns:
            Indices of the cells, ``output * num_classes + class``, and their counts,
            int64 on the CPU.
        """
        valid = label != ignore_index
        outputs, classes = pred_label[valid].long(), label[valid].long()
        num_outputs = self.num_old_classes + self.num_clusters
        if len(outputs):
            top = int(outputs.max())
            if top >= num_outputs:
                raise ValueError(
                    f'the model predicts output {top}, but ClusteringIoUMetric has '
                    f'num_old_classes={self.num_old_classes} and '
                    f'num_clusters={self.num_clusters}'
                )
        counts = torch.bincount(
            outputs * num_classes + classes, minlength=num_outputs * num_classes
        )
        cells = counts.nonzero().squeeze(1)
        return cells.cpu(), counts[cells].cpu()

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Match the clusters, then score; the keys are those of the base class."""
        if self.format_only:
            return super().compute_metrics(results)
        classes = list(self.dataset_meta['classes'])
        if self.num_old_classes >= len(classes):
            raise ValueError(
                f'num_old_classes={self.num_old_classes} leaves none of the '
                f'{len(classes)} classes of the dataset to be discovered'
            )
        self._set_default_groups(classes)
        confusion = self._confusion(results)
        names = self._names
        clusters = confusion[self.num_old_classes :, self.num_old_classes :]
        if self.matching_file is not None:
            matched = self._from_file(self.matching_file, names)
        else:
            matched = _MATCHINGS[self.matching](clusters, self.maximize)
        self.matched = [None if m == UNMATCHED else names[m] for m in matched]
        if self.save_matching is not None:
            write_matching(
                self.save_matching,
                self.matched,
                num_old_classes=self.num_old_classes,
                matching=self.matching,
                maximize=self.maximize,
            )
        self._log(matched, clusters, names)
        tables = (self._confusion([image]) for image in results)
        self.image_ious = [_mean_iou(self._areas(t, matched)) for t in tables]
        return super().compute_metrics([self._areas(confusion, matched)])

    def _set_default_groups(self, classes: list[str]) -> None:
        if self._default_groups and self.num_old_classes:
            base = classes[1 : self.num_old_classes]
            novel = classes[self.num_old_classes :]
            groups = dict(base=base, novel=novel, all=base + novel)
            self.groups = {k: v for k, v in groups.items() if v}

    def _confusion(self, results: list) -> np.ndarray:
        """Pixels of each output and class in some images."""
        num_outputs = self.num_old_classes + self.num_clusters
        confusion = np.zeros((num_outputs, len(self.dataset_meta['classes'])), np.int64)
        for cells, counts in results:
            confusion.flat[cells.numpy()] += counts.numpy()
        return confusion

    def _areas(self, confusion: np.ndarray, matched: np.ndarray) -> tuple:
        """Areas of intersection, union, prediction and label of each class."""
        num_classes = confusion.shape[1]
        merged = np.zeros((num_classes, num_classes), np.int64)
        merged[: self.num_old_classes] = confusion[: self.num_old_classes]
        has_class = matched != UNMATCHED
        rows = confusion[self.num_old_classes :][has_class]
        np.add.at(merged, self.num_old_classes + matched[has_class], rows)
        intersect, predicted = merged.diagonal(), merged.sum(1)
        labeled = confusion.sum(0)
        areas = intersect, predicted + labeled - intersect, predicted, labeled
        return tuple(torch.from_numpy(a.astype(np.float64)) for a in areas)

    def _write(self, prediction: Tensor, sample: dict) -> None:
        if self.matching_file is not None:
            matched = self._from_file(self.matching_file, self._names)
        elif self.stored is not None:
            matched = class_indices(self.stored, self._names)
        else:
            return super()._write(prediction, sample)
        classes = np.where(
            matched == UNMATCHED, self.ignore_index, self.num_old_classes + matched
        )
        table = np.concatenate([np.arange(self.num_old_classes), classes])
        labels = torch.from_numpy(table).to(prediction.device)
        return super()._write(labels[prediction.long()], sample)

    def _from_file(self, path: str | os.PathLike, names: list[str]) -> np.ndarray:
        return read_matching(path, names, self.num_clusters, self.num_old_classes)

    def _log(self, matched: np.ndarray, clusters: np.ndarray, names: list[str]) -> None:
        iou = 100 * overlap_scores(clusters)
        iou[clusters.sum(1, keepdims=True) + clusters.sum(0) == 0] = np.nan
        table = PrettyTable(['Cluster', 'Class', 'IoU', 'Pixels'])
        for k, m in enumerate(matched):
            name, score = ('-', '-') if m < 0 else (names[m], round(iou[k, m], 2))
            table.add_row([k, name, score, clusters[k].sum()])
        origin = self.matching_file or f'{self.matching} matching of these images'
        logger = MMLogger.get_current_instance()
        print_log(f'clusters and their classes ({origin}):', logger)
        print_log('\n' + table.get_string(), logger)


def clustering_metrics(evaluator: Evaluator) -> list[ClusteringIoUMetric]:
    """Metrics of an evaluator that match clusters, also inside a ``DenseCRFMetric``."""
    metrics = [getattr(metric, 'metric', metric) for metric in evaluator.metrics]
    return [metric for metric in metrics if isinstance(metric, ClusteringIoUMetric)]


def _mean_iou(areas: tuple[Tensor, ...]) -> float:
    intersect, union, *_ = areas
    return 100 * float((intersect / union)[union > 0].mean())
