"""Crops of a batch's unlabeled images that depend on the teacher's labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.balanced_crops import balanced_places, crops_at, draw_places
from ...utils.choices import check_range
from .mixed_batch import MixedBatch, real_pixels

__all__ = ['TargetCrop']


@dataclass(frozen=True)
class TargetCrop:
    """How unlabeled images that are loaded whole are cropped: SePiCo's code.

    Not at random, but such that no class of the teacher's labels prevails, as labels do
    for the crops of labeled images. These are loaded as crops; the preprocessor
    pads them to the size of the others, which is undone. Padding of the others, where
    images differ in size, is noted in their samples as ``padding``.

    Attributes:
        size: Height and width of the crops.
        max_share: See :func:`~mmseg_labelfree.ops.balanced_places`, 0 to 1.
        max_tries: Draws after the first one.

    Raises:
        ValueError: A number is out of range.
    """

    size: Sequence[int]
    max_share: float = 0.75
    max_tries: int = 10

    def __post_init__(self) -> None:
        check_range(1, size=min(self.size), max_tries=self.max_tries)
        check_range(0, 1, above=True, max_share=self.max_share)

    def __call__(
        self, batch: MixedBatch, labels: Tensor, num_classes: int
    ) -> MixedBatch:
        """Crop all images of a batch.

        Args:
            batch: As it was loaded.
            labels: The teacher's labels of its unlabeled images (U, H, W).
            num_classes: C.

        Raises:
            ValueError: An image is smaller than the crops.
        """
        height, width = self.size
        num = self.max_tries + 1
        shape = batch.labeled.shape[2:]
        places = [
            balanced_places(
                label,
                draw_places(num, shape, self.size),
                self.size,
                num_classes,
                self.max_share,
            )
            for label in labels
        ]
        unlabeled = batch.unlabeled[:, :, :height, :width]
        unlabeled_samples = self._samples(batch.unlabeled_samples)
        if places:
            corners = torch.stack(places)
            unlabeled = crops_at(batch.unlabeled, corners, self.size)
            real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
            inside = crops_at(real, corners, self.size)
            for sample, mask in zip(unlabeled_samples, inside, strict=True):
                sample.set_data(dict(padding=PixelData(data=~mask[None])))
        return replace(
            batch,
            labeled=batch.labeled[:, :, :height, :width].contiguous(),
            labeled_samples=self._samples(batch.labeled_samples),
            unlabeled=unlabeled,
            unlabeled_samples=unlabeled_samples,
        )

    def _samples(self, samples: SampleList) -> SampleList:
        """Samples of the crops, with the part of the labels at the top and left."""
        height, width = self.size
        return [
            SegDataSample(
                metainfo=dict(sample.metainfo, img_shape=(height, width)),
                gt_sem_seg=PixelData(data=sample.gt_sem_seg.data[:, :height, :width]),
            )
            for sample in samples
        ]
