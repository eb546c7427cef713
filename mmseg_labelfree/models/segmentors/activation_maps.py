"""Segmentor with a classifier of images, whose activation maps label them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn

from ...ops.class_activation import activation_labels, multi_scale_activations
from ...ops.reliability import nearest_pixels
from ...utils.choices import check_choice, check_range
from ..layers.attention_affinity import AttentionRecord
from ..utils.activation_labeler import ActivationLabeler, image_colors
from ..utils.head_checks import needs_ignore_255
from ..utils.image_labels import image_boxes, image_labels, inside_boxes
from ..utils.recording import recorded_outputs
from .striped import StripedEncoderDecoder

__all__ = ['ActivationEncoderDecoder', 'ActivationView']


@dataclass(frozen=True)
class ActivationView:
    """What activation maps say of N images.

    Attributes:
        image_labels: Classes of each image, bool ``(N, K)``, on the CPU.
        valid: Bool ``(N, H, W)``, where there is an image.
        activations: Maps of the classes ``(N, K, H, W)``, 0 to 1.
        labels: Label maps of these, refined, int64 ``(N, H, W)``, 255 = ignored.
        propagated: Label maps after the maps spread by the affinity; None without.
    """

    image_labels: Tensor
    valid: Tensor
    activations: Tensor
    labels: Tensor
    propagated: Tensor | None = None

    @property
    def best_labels(self) -> Tensor:
        """The propagated labels, or without these the others."""
        return self.labels if self.propagated is None else self.propagated


class ActivationEncoderDecoder(StripedEncoderDecoder):
    """Segmentor that also classifies images, and labels them by activation maps.

    Base class of :class:`ImageLevelEncoderDecoder`: how maps and labels are made,
    whoever learns from them.

    Args:
        image_head: An ``ImageLabelHead`` of all classes but background.
        affinity: An ``AttentionAffinity``, or None.
        pseudo_labels: Settings of
            :class:`~mmseg_labelfree.models.utils.ActivationLabeler`: scores of
            background, refinement.
        scales: Factors on the size of the images for the activation maps; AFA has 1,
            0.5 and 1.5. Images and their mirror images are used.
        activation_mode: Mode of the backbone for these passes: 'train' leaves it in the
            mode of training, as AFA's code; with 'eval' batch norm does not see them.
        background: Score of background of ``cam_sem_seg``, 0 to 1.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        TypeError: The backbone has no attention, but an affinity is asked for.
        ValueError: Numbers of classes or scores do not fit, or a head ignores another
            label than 255.
    """

    every_class = False
    """Whether activation maps of the classes that an image lacks are needed, too."""

    def __init__(
        self,
        *args: Any,
        image_head: dict,
        affinity: dict | None = None,
        pseudo_labels: dict | None = None,
        scales: Sequence[float] = (1.0, 0.5, 1.5),
        activation_mode: Literal['train', 'eval'] = 'train',
        background: float = 0.45,
        **kwargs: Any,
    ) -> None:
        check_choice('activation_mode', activation_mode, ('train', 'eval'))
        check_range(0, 1, background=background)
        check_range(0, above=True, scales=min(scales))
        super().__init__(*args, **kwargs)
        needs_ignore_255(self)
        self.image_head = MODELS.build(image_head)
        if self.image_head.num_classes != self.num_classes - 1:
            raise ValueError(
                f'image_head.num_classes={self.image_head.num_classes}, but the decode '
                f'head has {self.num_classes - 1} classes besides background'
            )
        self.affinity = None if affinity is None else MODELS.build(affinity)
        if self.affinity is not None:
            self.affinity.check(self.backbone)
        self.labeler = ActivationLabeler(**pseudo_labels or {})
        self.scales = tuple(scales)
        self.activation_mode = activation_mode
        self.background = background

    def check_batch(
        self, inputs: Tensor, data_samples: SampleList, num_images: int
    ) -> None:
        """Raise a ValueError if the samples do not say which classes an image has."""
        self.truth(data_samples)

    def truth(self, data_samples: SampleList) -> Tensor:
        """Classes of the images, bool (N, K), on the CPU."""
        return image_labels(data_samples, self.image_head.num_classes)

    def encode(self, images: Tensor) -> tuple[Sequence[Tensor], AttentionRecord | None]:
        """Feature maps of images (N, 3, H, W), and the attention, if it is needed."""
        if self.affinity is None:
            return self.extract_feat(images), None
        with self.affinity.recording(self.backbone) as attention:
            return self.extract_feat(images), attention

    @torch.no_grad()
    def observe(
        self, images: Tensor, data_samples: SampleList, propagate: bool
    ) -> ActivationView:
        """Make activation maps and label maps of a batch.

        Args:
            images: Preprocessed images (N, 3, H, W).
            data_samples: Their samples, with ``image_labels``.
            propagate: Whether to spread the maps, if there is an affinity.
        """
        truth = self.truth(data_samples)
        boxes = image_boxes(data_samples)
        valid = inside_boxes(boxes, images)
        propagate = propagate and self.affinity is not None
        activations, affinity, tokens = self.activations(images, truth, propagate)
        colors = image_colors(images, self.data_preprocessor)
        labels = self.labeler(colors, activations, truth, valid)
        propagated = None
        if affinity is not None:
            propagated = self.labeler.propagated(
                colors, activations, truth, affinity, tokens, valid, boxes
            )
        return ActivationView(truth, valid, activations, labels, propagated)

    def activations(
        self, images: Tensor, truth: Tensor, with_affinity: bool
    ) -> tuple[Tensor, Tensor | None, Sequence[int]]:
        """Activation maps (N, K, H, W), 0 to 1, from several sizes of the images.

        Args:
            images: Preprocessed images (N, 3, H, W).
            truth: Classes of the images, bool (N, K), on the CPU.
            with_affinity: Whether to compute the affinity at the largest size.

        Returns:
            The maps; the affinity (N, h w, h w) or None; and (h, w).
        """
        affinity, tokens = None, torch.Size((0, 0))
        scales = iter(self.scales)

        def network(views: Tensor) -> Tensor:
            nonlocal affinity, tokens
            features, attention = self.encode(views)
            largest = next(scales) == max(self.scales)
            if self.affinity and attention and with_affinity and largest:
                affinity = self.affinity(attention.scores(len(images)))
                tokens = features[self.affinity.stage].shape[2:]
            return self.image_head.activations(features)

        known = None if self.every_class else truth
        with self._backbone_mode():
            maps = multi_scale_activations(
                network, images, self.scales, image_labels=known
            )
        return maps, affinity, tokens

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Predictions of the decode head; and maps, where image labels are known."""
        encoder = self.neck if self.with_neck else self.backbone
        recording: AbstractContextManager[list] = nullcontext([])
        if self.test_cfg.mode == 'whole':
            recording = recorded_outputs(encoder)
        with recording as passes:
            samples = super().predict(inputs, data_samples)
        if all('image_labels' in sample for sample in samples):
            self.add_maps(inputs, samples, passes[0] if passes else None)
        return samples

    @torch.no_grad()
    def add_maps(
        self,
        inputs: Tensor,
        data_samples: SampleList,
        features: Sequence[Tensor] | None = None,
    ) -> None:
        """Give samples ``image_logits``, ``cam_sem_seg`` and ``pseudo_sem_seg``.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: Their samples, with ``image_labels``.
            features: Those of the images, if a pass has made them.
        """
        if features is None:
            features = self.extract_feat(inputs)
        logits = self.image_head(features)
        view = self.observe(inputs, data_samples, propagate=True)
        cam = activation_labels(view.activations, view.image_labels, self.background)
        for i, sample in enumerate(data_samples):
            sample.set_data(
                dict(
                    image_logits=logits[i],
                    cam_sem_seg=_at_original_size(cam[i], sample),
                    pseudo_sem_seg=_at_original_size(view.best_labels[i], sample),
                )
            )

    @torch.no_grad()
    def pseudo_label_maps(
        self, images: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """What a head learns from for images with image labels; for pictures.

        Args:
            images: Preprocessed images (N, 3, H, W).
            data_samples: Their samples, with ``image_labels``.

        Returns:
            ``activation``, the largest map of a present class, float (N, H, W), 0 to 1,
            and ``pseudo-label``, int64 (N, H, W), 255 = ignored.
        """
        view = self.observe(images, data_samples, propagate=True)
        present = view.image_labels.to(images.device)[:, :, None, None]
        return {
            'activation': (view.activations * present).amax(1),
            'pseudo-label': view.best_labels,
        }

    @contextmanager
    def _backbone_mode(self) -> Iterator[None]:
        """Run backbone and neck in ``activation_mode``, then as before."""
        parts: list[nn.Module] = []
        if self.training and self.activation_mode == 'eval':
            parts = [self.backbone, *([self.neck] if self.with_neck else [])]
        for part in parts:
            part.eval()
        try:
            yield
        finally:
            for part in parts:
                part.train()


def _at_original_size(labels: Tensor, sample: SegDataSample) -> PixelData:
    """A label map (H, W), without padding and at the size of the original image."""
    height, width = sample.img_shape[:2]
    return PixelData(
        data=nearest_pixels(labels[:height, :width], sample.ori_shape[:2])[None]
    )
