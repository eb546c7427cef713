"""Datasets with Cityscapes' classes in masks of another encoding."""

from typing import Any

from mmengine.dataset import Compose
from mmseg.datasets import CityscapesDataset

from .transforms.load_foreign_annotations import ForeignAnnotationLoader, load_with

__all__ = ['ForeignCityscapesDataset']


class ForeignCityscapesDataset(CityscapesDataset):
    """Base class of datasets with Cityscapes' classes in masks of another encoding.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.
    """

    loader: type[ForeignAnnotationLoader]
    """Takes the place of each ``LoadAnnotations``."""
    pipeline: Compose

    def __init__(
        self, img_suffix: str = '.png', seg_map_suffix: str = '.png', **kwargs: Any
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
        self.pipeline = load_with(self.pipeline, self.loader)
