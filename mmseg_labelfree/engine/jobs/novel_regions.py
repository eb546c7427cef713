"""The novel region of an image and its features."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mmcv
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmseg.models import EncoderDecoder
from torch import Tensor

from ...ops.novel_labels import novel_map
from ...ops.pseudo_labels import pseudo_labels
from ...utils.files import atomic_path
from .masked_features import MaskedFeatures
from .saliency_sources import SaliencySource

KEPT = 'kept'
NOT_SALIENT = 'nothing is salient'
ONLY_BASE = 'all that is salient is of base classes'
SMALL = 'the novel region is too small'


class NovelRegion(NamedTuple):
    """What the first half of the clustering stage finds in an image.

    Attributes:
        decision: ``KEPT`` or why the image is left out.
        area: Pixels of the novel map.
        base: Labels of eq. 2, uint8 ``(H, W)``.
        novel: Novel map of eq. 3, bool ``(H, W)``.
        feature: Summed features of the novel map, float32 ``(C,)``; empty for images
            that are left out.
    """

    decision: str
    area: int
    base: np.ndarray
    novel: np.ndarray
    feature: np.ndarray

    def write(self, path: Path) -> None:
        """Write the region to a file, through a temporary name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = atomic_path(path)
        try:
            with open(temporary, 'wb') as stream:
                np.savez_compressed(stream, **self._asdict())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> 'NovelRegion':
        """Read a file of :meth:`write`."""
        with np.load(path, allow_pickle=False) as data:
            region = cls(**{name: data[name] for name in cls._fields})
        return region._replace(decision=str(region.decision), area=int(region.area))


def read_features(files: Sequence[Path]) -> tuple[list[tuple[str, int]], np.ndarray]:
    """Read the files of all images, without their maps.

    Returns:
        Decision and novel area of each image; features ``(N, C)`` of the N kept ones.

    Raises:
        ValueError: No image is kept.
    """
    decisions, features = [], []
    for file in files:
        with np.load(file, allow_pickle=False) as region:
            decision = str(region['decision'])
            decisions.append((decision, int(region['area'])))
            if decision == KEPT:
                features.append(region['feature'])
    if not features:
        reasons = Counter(decision for decision, _ in decisions)
        raise ValueError(
            f'none of {len(files)} images has a novel region: '
            + ', '.join(f'{count} x {reason}' for reason, count in reasons.items())
            + '; check the saliency maps, or lower min_area or saliency_threshold'
        )
    return decisions, np.stack(features)


class NovelRegionFinder:
    """Finds novel regions by a base model and saliency (EUMS, section 3.2).

    Args:
        model: The base model, in eval mode; class 0 is the background.
        saliency: Where the saliency maps come from.
        features: Gives the features of a region.
        base_confidence: Threshold tau of eq. 2.
        saliency_threshold: A pixel is salient above this share of the map's range.
        min_area: Images with fewer novel pixels are left out.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        saliency: SaliencySource,
        features: MaskedFeatures,
        base_confidence: float,
        saliency_threshold: float,
        min_area: int,
    ) -> None:
        self.model = model
        self.saliency = saliency
        self.features = features
        self.base_confidence = base_confidence
        self.saliency_threshold = saliency_threshold
        self.min_area = min_area

    def find(self, sample: dict[str, Any], name: str) -> NovelRegion:
        """The novel region of one image.

        Args:
            sample: What the test pipeline gives for it.
            name: Its name.
        """
        image = mmcv.imread(sample['data_samples'].img_path, backend='cv2')
        logits = self.logits(sample)
        base = pseudo_labels(logits[None], self.base_confidence, ignore_index=0)
        base = base[0].cpu().numpy().astype(np.uint8)
        saliency = self.saliency.saliency(image, name)
        novel = novel_map(saliency, base, self.saliency_threshold)
        area = int(novel.sum())
        if not (saliency > 255 * self.saliency_threshold).any():
            decision = NOT_SALIENT
        elif area == 0:
            decision = ONLY_BASE
        else:
            decision = SMALL if area < self.min_area else KEPT
        feature = np.zeros(0, np.float32)
        if decision == KEPT:
            feature = self.features(image, novel).cpu().numpy()
        return NovelRegion(decision, area, base, novel, feature)

    @torch.no_grad()
    def logits(self, sample: dict[str, Any]) -> Tensor:
        """Logits of the base model ``(C, H, W)`` at the size of the original image."""
        result = self.model.test_step(pseudo_collate([sample]))[0]
        return result.seg_logits.data
