"""Metric of a classifier of whole images."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class ImageLabelF1Metric(BaseMetric):
    r"""Metric of image labels: the mean F1 score of the images, in percent.

    A class is found where its logit is above 0;
    :math:`F_1 = 2 TP / (2 TP + FP + FN)` of each image over its classes, as AFA's code
    (https://arxiv.org/abs/2203.02664).

    Args:
        **kwargs: As for :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: The predictions have no logits of image labels.

    Example:
        ``val_evaluator=[dict(type='IoUMetric'), dict(type='ImageLabelF1Metric')]``
    """

    default_prefix = 'image'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score the images of a batch.

        Args:
            data_batch: Unused.
            data_samples: Predictions with ``image_logits`` (K,) and ``image_labels``,
                K booleans.
        """
        for sample in data_samples:
            if 'image_logits' not in sample:
                raise ValueError(
                    'ImageLabelF1Metric: the predictions have no image_logits; test '
                    'an ImageLevelEncoderDecoder with an ImageLabelDataset, or '
                    'take the metric out'
                )
            found = sample['image_logits'].cpu() > 0
            truth = torch.as_tensor(sample['image_labels'], dtype=torch.bool)
            hits, wrong = (found & truth).sum(), (found ^ truth).sum()
            score = 2 * hits / (2 * hits + wrong).clamp(min=1)
            self.results.append(float(score))

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Average over the images."""
        return dict(F1=100 * sum(results) / max(1, len(results)))
