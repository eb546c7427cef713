"""Metric of the mean IoU over groups of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.logging import MMLogger, print_log
from mmseg.registry import METRICS
from prettytable import PrettyTable

from ..utils.choices import check_names
from .checked_iou_metric import CheckedIoUMetric


@METRICS.register_module()
class GroupedIoUMetric(CheckedIoUMetric):
    """Metric that adds the mean IoU of groups of classes to ``IoUMetric``.

    Areas are summed over all images before the ratio is taken, as in ``IoUMetric``;
    255 in the ground truth is ignored. A class that occurs neither in the ground truth
    nor in the predictions has no IoU (nan) and is left out of its group's mean; a mean
    of nothing, and what is computed from it, is nan.

    Args:
        groups: Class names by group, for instance ``dict(old=[...], new=[...])``. A
            class may be in several groups.
        harmonic_mean: Two groups whose mean IoUs are also combined to 2ab / (a + b), as
            generalized zero-label papers do.
        classwise: Also return every class's IoU, as ``IoU/<class>``. Defaults to False;
            the table per class is printed either way.
        **kwargs: As for :class:`CheckedIoUMetric`.

    Returns (of ``compute_metrics``), in percent: what ``IoUMetric`` returns, and
    ``mIoU/<group>`` for each group, ``mIoU/harmonic`` if asked for.

    Raises:
        ValueError: A group is empty or names a class that the dataset lacks; a group
            of ``harmonic_mean`` does not exist; a mask has a label that is no class.

    Example:
        ``val_evaluator=dict(type='GroupedIoUMetric', groups=dict(
        old=['person', 'dog'], new=['cat']))``
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        harmonic_mean: Sequence[str] | None = None,
        classwise: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        named = {f'groups.{name}': classes for name, classes in groups.items()}
        check_names(**named, harmonic_mean=harmonic_mean)
        self.groups = {name: list(classes) for name, classes in groups.items()}
        self.harmonic_mean = harmonic_mean
        self.classwise = classwise
        for name, classes in self.groups.items():
            if not classes:
                raise ValueError(f'group {name!r} of GroupedIoUMetric has no class')
        if harmonic_mean is not None:
            unknown = [g for g in harmonic_mean if g not in self.groups]
            if unknown or len(harmonic_mean) != 2:
                raise ValueError(
                    f'harmonic_mean must name two of the groups {list(self.groups)}, '
                    f'not {list(harmonic_mean)}'
                )

    def check_groups(self, classes: Sequence[str]) -> None:
        """Raise a ValueError if a group names a class that is not among these."""
        for name, members in self.groups.items():
            self._indices(name, members, list(classes))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics of all images' areas; see the class for the keys."""
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        intersect, union = (sum(r[i] for r in results).numpy() for i in (0, 1))
        with np.errstate(invalid='ignore', divide='ignore'):
            iou = 100 * intersect / union
        classes = list(self.dataset_meta['classes'])
        table = PrettyTable(['Group', 'Classes', 'mIoU'])
        for name, members in self.groups.items():
            mean = _nanmean(iou[self._indices(name, members, classes)])
            metrics[f'mIoU/{name}'] = mean
            table.add_row([name, len(members), mean])
        if self.harmonic_mean is not None:
            a, b = (metrics[f'mIoU/{g}'] for g in self.harmonic_mean)
            mean = 0.0 if a == b == 0 else round(2 * a * b / (a + b), 2)
            metrics['mIoU/harmonic'] = mean
            table.add_row(['harmonic mean', '', mean])
        print_log('per group results:', MMLogger.get_current_instance())
        print_log('\n' + table.get_string(), MMLogger.get_current_instance())
        if self.classwise:
            metrics |= {
                f'IoU/{c}': round(float(v), 2)
                for c, v in zip(classes, iou, strict=True)
            }
        return metrics

    @staticmethod
    def _indices(name: str, members: list[str], classes: list[str]) -> list[int]:
        unknown = [c for c in members if c not in classes]
        if unknown:
            raise ValueError(
                f'group {name!r} of GroupedIoUMetric names {unknown}, which the data '
                f'set lacks; it has {classes}'
            )
        return [classes.index(c) for c in members]


def _nanmean(values: np.ndarray) -> float:
    valid = values[~np.isnan(values)]
    return round(float(valid.mean()), 2) if len(valid) else float('nan')
