"""Metric of the IoU that refuses labels beyond its classes."""

import os.path as osp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from PIL import Image
from torch import Tensor

from ..utils.files import atomic_path, image_name


@METRICS.register_module()
class CheckedIoUMetric(IoUMetric):
    """Metric like ``IoUMetric`` that counts no pixel wrongly and mixes up no files.

    ``IoUMetric`` leaves labels beyond the classes out of the areas without a word, so
    that a mask of 0 and 255, or with the ids of another tool, is scored all the same;
    and its files of predictions are called by the file name alone.

    Args:
        image_folder: Folder of the images. Files in ``output_dir`` are called by the
            path below it. Without it they are called by the file name, with as much of
            the path before it as tells it from earlier images of this process.
        output_dir: Folder of the predictions, 8-bit PNG files. None for none.
        format_only: As for :class:`mmseg.evaluation.IoUMetric`.
        **kwargs: As for :class:`mmseg.evaluation.IoUMetric`.

    Raises:
        ValueError: A mask has a label that is no class, or another size than the
            prediction; a prediction cannot be a file: its image lies outside of the
            folder, shares its name, or has a class above 255. Names the image.

    Example:
        ``val_evaluator=dict(type='CheckedIoUMetric', iou_metrics=['mIoU'])``
    """

    image_folder: str | None = None

    def __init__(
        self,
        image_folder: str | None = None,
        output_dir: str | None = None,
        format_only: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(output_dir=output_dir, format_only=format_only, **kwargs)
        self.image_folder = image_folder
        self._written: dict[str, str] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Check the masks, count the areas, write the predictions."""
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'].squeeze(0)
            if not self.format_only:
                label = sample['gt_sem_seg']['data'].squeeze(0).to(prediction)
                self._check(prediction, label, num_classes, sample)
                areas = self.intersect_and_union(
                    prediction, label, num_classes, self.ignore_index
                )
                self.results.append(areas)
            if self.output_dir is not None:
                self._write(prediction, sample)

    def evaluate(self, size: int) -> dict:
        """Evaluate all images; see ``BaseMetric``.

        Raises:
            ValueError: Several processes have written one file for different images.
        """
        everywhere: dict[str, str] = {}
        for written in all_gather_object(self._written):
            for name, image in written.items():
                if everywhere.setdefault(name, image) != image:
                    raise ValueError(self._shared(everywhere[name], image))
        return super().evaluate(size)

    def _check(
        self, prediction: Tensor, label: Tensor, num_classes: int, sample: dict
    ) -> None:
        mask = sample.get('seg_map_path') or f'of {sample.get("img_path")}'
        if prediction.shape != label.shape:
            raise ValueError(
                f'the mask {mask} has the size {tuple(label.shape)}, its prediction '
                f'{tuple(prediction.shape)}: load masks before the image is resized '
                'or cropped, or see ScoreAtCurrentSize'
            )
        wrong = (label != self.ignore_index) & ((label >= num_classes) | (label < 0))
        if wrong.any():
            raise ValueError(
                f'the mask {mask} holds {label[wrong].unique().tolist()}, but the '
                f'dataset has {num_classes} classes and {self.ignore_index} is '
                "ignored: repair it, or correct the dataset's classes, ignore_index "
                'or reduce_zero_label'
            )

    def _write(self, prediction: Tensor, sample: dict) -> None:
        labels, image = prediction.cpu().numpy(), sample['img_path']
        if labels.max() > 255:
            raise ValueError(
                f'the prediction of {image} has class {labels.max()}, and files of 8 '
                'bits end at 255: test without output_dir (--out)'
            )
        if sample.get('reduce_zero_label', False):  # back to the numbers of the masks
            labels = labels + 1
        path = Path(self.output_dir, f'{self._file_name(image)}.png')
        with atomic_path(path) as temporary:
            Image.fromarray(labels.astype(np.uint8)).save(temporary, format='PNG')

    def _file_name(self, image: str) -> str:
        """Name of the file of a prediction, without ending."""
        names = self._possible_names(image)
        for name in names:
            if self._written.setdefault(name, image) == image:
                return name
        raise ValueError(self._shared(self._written[names[-1]], image))

    def _possible_names(self, image: str) -> list[str]:
        """What the file of a prediction may be called, the shortest first."""
        if self.image_folder is None:
            parts = Path(osp.splitext(osp.abspath(image))[0]).parts
            return ['/'.join(parts[-count:]) for count in range(1, len(parts))]
        name = image_name(image, self.image_folder)
        if name.startswith('../'):
            raise ValueError(
                f'{image} is not below {self.image_folder}, so the file of its '
                f'prediction would not be in {self.output_dir}: correct image_folder '
                '(data_prefix.img_path)'
            )
        return [name]

    def _shared(self, first: str, second: str) -> str:
        return (
            f'the predictions of {first} and {second} would be one file in '
            f'{self.output_dir}: set image_folder to a folder of both, or rename one'
        )
