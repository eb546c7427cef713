"""Predictions of a segmentor for images of any size, in batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmcv.transforms import CenterCrop, Pad
from mmengine.dataset import Compose, pseudo_collate
from mmseg.models import BaseSegmentor

from ...datasets.damaged_files import load_image
from ...datasets.transforms.appearance_shift import AppearanceShift
from ...datasets.transforms.fill_labels import without_annotations
from ...datasets.transforms.pipelines import edit_pipeline
from ...datasets.transforms.score_at_current_size import ScoreAtCurrentSize
from .media import Frame

__all__ = ['Prediction', 'Predictor']

# What a test pipeline does to score a part of each image or a frame around it, or to
# make scenes of another light of images that have labels.
_FOR_THE_SCORE = (CenterCrop, Pad, ScoreAtCurrentSize, AppearanceShift)


@dataclass(frozen=True)
class Prediction:
    """What a model says of an image.

    Attributes:
        frame: The image.
        image: Its pixels as they were loaded, ``(H, W, C)``, of three channels BGR.
        labels: Class of each pixel ``(H, W)``, uint8; uint16 if one is above 255.
    """

    frame: Frame
    image: np.ndarray
    labels: np.ndarray


class Predictor:
    """Predicts images, several of one size at once.

    The images run through the pipeline of the test and ``test_step`` of the model, so
    that predictions are those that ``tools/test.py`` scores. Where that scores a crop
    or a frame of fixed size, the whole image is predicted, at its own size; where it
    scores images as under another light, the image is predicted as it is.

    Args:
        model: A segmentor in eval mode.
        pipeline: Config of its test pipeline. Left out are transforms that load masks,
            ``CenterCrop``, ``Pad``, ``ScoreAtCurrentSize`` and ``AppearanceShift``.
        batch_size: Images that go through the model together.

    Raises:
        ValueError: The pipeline does not begin with the loading of an image.

    Example:
        ``Predictor(model, cfg.test_pipeline, batch_size=4)(frames)``
    """

    def __init__(
        self,
        model: BaseSegmentor,
        pipeline: Sequence[Mapping[str, Any]],
        batch_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size} must be at least 1')
        self.model = model
        self.batch_size = batch_size
        built = without_annotations(Compose([dict(t) for t in pipeline]))
        built = edit_pipeline(
            built, lambda t: [] if isinstance(t, _FOR_THE_SCORE) else [t]
        )
        self._load, *self._others = built.transforms

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Prediction]:
        """Predict images.

        Args:
            frames: The images.

        Yields:
            One prediction for each; images of one size keep their order.

        Raises:
            ValueError: An image is damaged.
        """
        waiting: dict[tuple, list] = {}
        for frame in frames:
            image, sample = self._prepare(frame)
            size = tuple(sample['inputs'].shape)
            batch = waiting.setdefault(size, [])
            batch.append((frame, image, sample))
            if len(batch) == self.batch_size:
                yield from self._predict(waiting.pop(size))
        for batch in waiting.values():
            yield from self._predict(batch)

    def _prepare(self, frame: Frame) -> tuple[np.ndarray, dict[str, Any]]:
        """Pixels of an image, and what the pipeline makes of it."""
        if isinstance(frame.image, np.ndarray):
            size = frame.image.shape[:2]
            results: dict[str, Any] = dict(
                img=frame.image, img_path=frame.name, img_shape=size, ori_shape=size
            )
        else:
            results = load_image(self._load, frame.image)
        results.setdefault('seg_fields', [])
        image = results['img']
        for transform in self._others:
            results = transform(results)
        return image, results

    @torch.no_grad()
    def _predict(self, batch: Sequence[tuple]) -> Iterator[Prediction]:
        frames, images, samples = zip(*batch, strict=True)
        outputs = self.model.test_step(pseudo_collate(list(samples)))
        for frame, image, output in zip(frames, images, outputs, strict=True):
            labels = output.pred_sem_seg.data[0].cpu().numpy()
            labels = labels.astype(np.min_scalar_type(labels.max()))
            yield Prediction(frame, image, labels)
