"""Novel region of an image and its features."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmseg.models import EncoderDecoder
from torch import Tensor

from ...ops.novel_labels import novel_map
from ...ops.pseudo_labels import pseudo_labels
from ...utils.files import reading, write_arrays
from .masked_features import MaskedFeatures
from .result_folder import REMEDY, ResultFolder
from .saliency_sources import SaliencyFolder

__all__ = ['KEPT', 'NovelRegion', 'NovelRegionFinder', 'RegionFolder']

KEPT = 'kept'
NOT_SALIENT = 'nothing is salient'
NO_MAP = 'there is no saliency map'
ONLY_BASE = 'all that is salient is of base classes'
SMALL = 'the novel region is too small'
NO_FEATURE = np.zeros(0, np.float32)


class NovelRegion(NamedTuple):
    """Novel region of an image, as the clustering stage finds it (EUMS, eq. 2-3).

    Attributes:
        decision: ``KEPT`` or why the image is left out.
        area: Pixels of the novel map.
        base: Labels of the base model, 0 where it is not confident, uint8 ``(H, W)``.
        novel: Novel map, bool ``(H, W)``.
        feature: Summed features of the novel map, float32 ``(C,)``; empty for images
            that are left out.
        inputs: Identity of photo and saliency map, see :meth:`read_inputs`.
    """

    decision: str
    area: int
    base: np.ndarray
    novel: np.ndarray
    feature: np.ndarray
    inputs: str = ''

    def write(self, path: Path) -> None:
        """Write the region to a ``.npz`` file, through a temporary name."""
        write_arrays(path, **self._asdict())

    @classmethod
    def read(cls, path: Path) -> 'NovelRegion':
        """Read a file of :meth:`write`."""
        with reading(path, REMEDY), np.load(path, allow_pickle=False) as data:
            region = cls(**{name: data[name] for name in cls._fields})
        return region._replace(
            decision=str(region.decision),
            area=int(region.area),
            inputs=str(region.inputs),
        )

    @staticmethod
    def read_outcome(path: Path) -> tuple[str, int, np.ndarray]:
        """Read decision, area and feature alone, which is much quicker."""
        with reading(path, REMEDY), np.load(path, allow_pickle=False) as data:
            return str(data['decision']), int(data['area']), data['feature']

    @staticmethod
    def read_inputs(path: Path) -> str:
        """Read what photo and saliency map the region is of: a digest of both."""
        with reading(path, REMEDY), np.load(path, allow_pickle=False) as data:
            return str(data.get('inputs', ''))


class RegionFolder(ResultFolder):
    """Folder of :class:`NovelRegion` files.

    A region of another photo or saliency map than those of today counts as missing.

    Args:
        folder: The folder.
        settings: As for :class:`ResultFolder`.
        inputs: Tells the identity of an image's photo and map by its name.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: Mapping[str, Any],
        inputs: Callable[[str], str],
    ) -> None:
        super().__init__(folder, settings, '.npz')
        self.inputs = inputs

    def __contains__(self, name: object) -> bool:
        """Whether a region is there, whole, and of the files of today."""
        name = str(name)
        there = super().__contains__(name)
        return there and NovelRegion.read_inputs(self.path(name)) == self.inputs(name)


class NovelRegionFinder:
    """Finder of novel regions by a base model and saliency (EUMS, section 3.2).

    Args:
        model: The base model, in eval mode; class 0 is the background.
        saliency: Source of the saliency maps. Images that it has none of are left out.
        features: Module that computes the features of a region.
        base_confidence: Threshold tau (EUMS, eq. 2).
        saliency_threshold: A pixel is salient above this share of the map's range.
        min_area: Images with fewer novel pixels are left out.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        saliency: SaliencyFolder,
        features: MaskedFeatures,
        base_confidence: float,
        saliency_threshold: float,
        min_area: int,
    ) -> None:
        self.model = model
        self.num_old_classes = model.num_classes  # the first label of clusters
        self.saliency = saliency
        self.features = features
        self.base_confidence = base_confidence
        self.saliency_threshold = saliency_threshold
        self.min_area = min_area

    def find(self, image: np.ndarray, sample: dict[str, Any], name: str) -> NovelRegion:
        """Find the novel region of one image.

        Args:
            image: The photo, uint8 ``(H, W, 3)``, BGR, as the pipeline reads it.
            sample: What the test pipeline gives for it.
            name: Its name.

        Raises:
            FloatingPointError: Logits or features are not finite; names the image.
        """
        if not self.saliency.has_map(name):
            nothing = np.zeros(image.shape[:2], np.uint8)
            return NovelRegion(NO_MAP, 0, nothing, nothing > 0, NO_FEATURE)
        logits = self.logits(sample)
        _check_finite(logits, "the base model's logits", name)
        labels = pseudo_labels(logits[None], self.base_confidence, ignore_index=0)
        base = labels[0].cpu().numpy().astype(np.uint8)
        saliency = self.saliency.saliency(image, name)
        novel = novel_map(saliency, base, self.saliency_threshold)
        area = int(novel.sum())
        decision = self._decide(saliency, area)
        feature = NO_FEATURE
        if decision == KEPT:
            summed = self.features(image, novel)
            _check_finite(summed, 'the features', name)
            feature = summed.cpu().numpy()
        return NovelRegion(decision, area, base, novel, feature)

    def _decide(self, saliency: np.ndarray, area: int) -> str:
        if not (saliency > 255 * self.saliency_threshold).any():
            return NOT_SALIENT
        if area == 0:
            return ONLY_BASE
        return SMALL if area < self.min_area else KEPT

    @torch.no_grad()
    def logits(self, sample: dict[str, Any]) -> Tensor:
        """Compute the base model's logits ``(C, H, W)`` at the size of the image."""
        result = self.model.test_step(pseudo_collate([sample]))[0]
        return result.seg_logits.data


def _check_finite(values: Tensor, what: str, name: str) -> None:
    """Raise if values of an image are not finite."""
    if not values.isfinite().all():
        raise FloatingPointError(
            f'image {name}: {what} are not finite; check the weights and the image. '
            'Nothing of it is kept, so that --resume goes on with it'
        )
