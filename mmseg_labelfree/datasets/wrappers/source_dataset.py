"""Dataset wrapper for one source of mixed batches, labeled or not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample

from ...ops.label_maps import IGNORE, INVALID, lookup_table
from ..class_pixels import class_pixels
from ..mask_check import count_values, reads_masks, void_labels
from ..samplers.seeded import SeededIndex
from ..splits.partition import Partition, names_of
from ..transforms.check_mask import with_check
from ..transforms.fill_labels import without_annotations
from ..transforms.map_labels import insert_map_labels
from .inner import (
    build_inner,
    data_place,
    draw_sample,
    explain_missing,
)

__all__ = ['REAL_PIXEL', 'SourceDataset', 'tag_source']

REAL_PIXEL = 254  # label of an unlabeled image's own pixels while it is transformed


@DATASETS.register_module()
class SourceDataset:
    """Dataset wrapper that tags samples with the name of their source.

    Several of these in a ``ConcatDataset`` are what
    :class:`~mmseg_labelfree.datasets.MultiSourceSampler` draws mixed batches from, and
    segmentors split a batch by the tag, ``data_sample.metainfo['source']``.

    Unlabeled samples carry a label map of 255 everywhere, so every transform and
    stock loss takes them; the mask files are never opened and need not exist. What
    the pipeline pads is marked: such a sample has a field ``padding``, bool
    ``(1, H, W)``, True where there is no image. (Padding by the data preprocessor is
    in the sample's ``img_shape``.)

    Args:
        dataset: ``BaseSegDataset`` or its config. Its images are all used; choose
            some by its ``ann_file``, such as the lists of
            ``tools/make_partition.py``. A given object is not changed.
        source: Name of the source. A sample that was drawn from another pool of the
            sampler carries that pool's name.
        labeled: False hides the labels.
        partition: Words of a :class:`~mmseg_labelfree.datasets.Partition`, by which the
            images are drawn if the list of ``dataset`` is in its folder and there is no
            such folder. Two sources with the same words share no image.
        lazy_init: Whether to leave reading the data to :meth:`full_init`.

    Attributes:
        indices: Positions of the images in the wrapped dataset: all, unless a subclass
            chooses some.

    Raises:
        FileNotFoundError: Files of the dataset are missing.
        ValueError: It has no image, its pipeline does not load or pack one, or a mask
            has a value that is no class.

    Example:
        ``dataset=dict(type='ConcatDataset', datasets=[
        dict(type='SourceDataset', source='labeled', dataset=labeled),
        dict(type='SourceDataset', source='unlabeled', labeled=False,
        dataset=unlabeled)])``
    """

    def __init__(
        self,
        dataset: BaseSegDataset | Mapping[str, Any],
        source: str,
        labeled: bool = True,
        partition: Mapping[str, Any] | None = None,
        lazy_init: bool = False,
    ) -> None:
        self.source = source
        self.labeled = labeled
        self.partition = None if partition is None else Partition(**partition)
        if isinstance(dataset, Mapping):
            dataset = dict(dataset, lazy_init=True)
            if self.partition is not None:
                dataset = self.partition.of_all(dataset)
        self.dataset = build_inner(dataset)
        self.test_mode = self.dataset.test_mode
        self._inner_pipeline = self.dataset.pipeline
        if not labeled:
            self.dataset.pipeline = without_annotations(
                self.dataset.pipeline, REAL_PIXEL
            )
        elif reads_masks(self.dataset.pipeline):
            self.dataset.pipeline = with_check(self._void_as_255())
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Meta information of the wrapped dataset."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """Read the list of images."""
        if self._fully_initialized:
            return
        unread = self.dataset.data_list
        try:
            with explain_missing(self.dataset):
                self.dataset.full_init()
            empty = not len(self.dataset)
        except ValueError:  # MMEngine cannot pack an empty list
            if self.dataset.data_list is unread or self.dataset.data_list:
                raise  # another error, that of the dataset while it lists its images
            empty = True
        if empty:
            raise ValueError(
                f'source {self.source!r} has no image in {data_place(self.dataset)}; '
                'check its ann_file'
            )
        if self.counts_masks:
            with explain_missing(self.dataset):
                count_values(self.dataset, self._inner_pipeline)
        self.indices = self.choose_images()
        self._fully_initialized = True

    def choose_images(self) -> Sequence[int] | np.ndarray:
        """Positions of the images to use in the wrapped dataset, whose list is read."""
        if not self.draws:
            return range(len(self.dataset))
        assert self.partition is not None
        labeled = self.partition.labeled(self.dataset, self._inner_pipeline)
        return np.flatnonzero(labeled if self.labeled else ~labeled)

    @property
    def draws(self) -> bool:
        """Whether the images are drawn, for want of a list."""
        return self.partition is not None and self.partition.is_drawn(self.dataset)

    @property
    def counts_masks(self) -> bool:
        """Whether masks are learned from, and are files, whose values are counted."""
        files = self.dataset.backend_args is None
        return self.labeled and files and reads_masks(self._inner_pipeline)

    @property
    def image_names(self) -> list[str]:
        """Name of each image, as lists have it: path below the image folder."""
        self.full_init()
        names = names_of(self.dataset)
        return [names[i] for i in self.indices]

    def class_pixels(self) -> np.ndarray:
        """Count the pixels of each class in each mask: int64 (images, classes)."""
        self.full_init()
        return class_pixels(self.dataset, self._inner_pipeline)[self.indices]

    def _void_as_255(self) -> Any:
        """The pipeline, with the dataset's own ``ignore_index`` as 255."""
        voids = void_labels(self.dataset)
        if voids == [IGNORE]:
            return self.dataset.pipeline
        classes = self.dataset.metainfo.get('classes')
        same = {v: v for v in range(len(classes) if classes else IGNORE)}
        table = lookup_table(same | dict.fromkeys(voids, IGNORE), default=INVALID)
        return insert_map_labels(self.dataset.pipeline, table)

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return paths and settings of one image, as the wrapped dataset gives them."""
        self.full_init()
        return self.dataset.get_data_info(int(self.indices[int(idx)]))

    def __len__(self) -> int:
        self.full_init()
        return len(self.indices)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Run the pipeline on one image; on another one where it gives None."""
        self.full_init()
        source = self.source
        if isinstance(idx, SeededIndex) and idx.source is not None:
            source = idx.source
        sample = draw_sample(self.dataset, self.indices, idx)
        return tag_source(sample, source, self.labeled)


def tag_source(
    sample: dict[str, Any], source: str | None, labeled: bool
) -> dict[str, Any]:
    """Tag a packed sample with its source, and hide its labels if it has none.

    Args:
        sample: What a pipeline gave; is changed.
        source: Name of the source; None leaves the sample untagged.
        labeled: False for a sample whose pipeline filled in ``REAL_PIXEL`` as its
            label: it gets labels of 255, and a field ``padding`` if it has any.

    Raises:
        ValueError: The sample is not packed.
    """
    data_sample = sample.get('data_samples')
    if not isinstance(data_sample, SegDataSample):
        raise ValueError(
            f'the pipeline of source {source!r} must end with PackSegInputs'
        )
    data_sample.set_metainfo(dict(source=source))
    if not labeled:
        padding = data_sample.gt_sem_seg.data != REAL_PIXEL
        ignored = torch.full_like(padding, 255, dtype=torch.int64)
        data_sample.gt_sem_seg = PixelData(data=ignored)
        if padding.any():
            data_sample.set_data(dict(padding=PixelData(data=padding)))
    return sample
