"""Metric of label maps that a segmentor gives beside its prediction."""

from collections.abc import Sequence
from typing import Any

from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS

IGNORE = 255


@METRICS.register_module()
class MapIoUMetric(IoUMetric):
    """Metric that scores another field of the predictions than ``pred_sem_seg``.

    For activation maps and pseudo-labels of
    :class:`~mmseg_labelfree.models.segmentors.ImageLevelEncoderDecoder`. Pixels that
    the map leaves out (255) are left out, as those of the ground truth.

    Args:
        field: Name of the field, such as 'cam_sem_seg' or 'pseudo_sem_seg'.
        **kwargs: As for :class:`mmseg.evaluation.IoUMetric`; its ``prefix`` tells the
            metrics of several fields apart.

    Raises:
        ValueError: The predictions have no such field.

    Example:
        ``val_evaluator=[dict(type='IoUMetric'), dict(type='MapIoUMetric',
        field='cam_sem_seg', prefix='cam')]``
    """

    def __init__(self, field: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.field = field

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the areas of the maps."""
        super().process(data_batch, [self._with_field(s) for s in data_samples])

    def _with_field(self, sample: dict) -> dict:
        if self.field not in sample:
            raise ValueError(
                f'MapIoUMetric: the predictions have no {self.field}; test an '
                'ImageLevelEncoderDecoder with an ImageLabelDataset, or take '
                'the metric out'
            )
        chosen = sample[self.field]['data']
        sample = dict(sample, pred_sem_seg=dict(data=chosen))
        if 'gt_sem_seg' in sample:
            truth = sample['gt_sem_seg']['data']
            left_out = chosen.to(truth.device) == IGNORE
            truth = truth.masked_fill(left_out, self.ignore_index)
            sample['gt_sem_seg'] = dict(data=truth)
        return sample
